//! What the grid charges and pays over time: one tariff for ever, one by weekday and hour, or a series.
//!
//! The tariff of an interval is the one at its start. Hours are wall time in the community's time zone: on the day on
//! which clocks go forward an hour of a period may not exist, on the day on which they go back it is there twice.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;

use crate::interval::Boundary;
use crate::money::{Price, Tariff};

impl Tariff {
    /// The platform's: 0.1624 and 0.03 EUR/kWh.
    pub const PLATFORM: Tariff =
        Tariff { retail: Price::from_micro_eur(162_400), feed_in: Price::from_micro_eur(30_000) };
}

/// A tariff of which either half may be left to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PartialTariff {
    /// What the grid charges, if that is said.
    pub retail: Option<Price>,
    /// What the grid pays, if that is said.
    pub feed_in: Option<Price>,
}

impl PartialTariff {
    /// This one, and another one where it says nothing.
    pub fn or(self, other: PartialTariff) -> PartialTariff {
        PartialTariff { retail: self.retail.or(other.retail), feed_in: self.feed_in.or(other.feed_in) }
    }

    /// This one, and a whole one where it says nothing.
    pub fn complete(self, usual: Tariff) -> Tariff {
        Tariff { retail: self.retail.unwrap_or(usual.retail), feed_in: self.feed_in.unwrap_or(usual.feed_in) }
    }
}

impl From<Tariff> for PartialTariff {
    fn from(tariff: Tariff) -> PartialTariff {
        PartialTariff { retail: Some(tariff.retail), feed_in: Some(tariff.feed_in) }
    }
}

/// Which tariff holds when: a whole one for a community, a [`PartialTariff`] for a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TariffSchedule<T = Tariff> {
    /// Always the same.
    Constant(T),
    /// By weekday and hour.
    TimeOfUse(TimeOfUse<T>),
    /// One after the other.
    Series(Series<T>),
}

impl<T: Copy> TariffSchedule<T> {
    /// The tariff of the interval that starts there.
    pub fn at(&self, start: Boundary) -> T {
        match self {
            TariffSchedule::Constant(tariff) => *tariff,
            TariffSchedule::TimeOfUse(periods) => periods.at(start),
            TariffSchedule::Series(series) => series.at(start.timestamp()),
        }
    }

    /// The same schedule of other tariffs.
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> TariffSchedule<U> {
        match self {
            TariffSchedule::Constant(tariff) => TariffSchedule::Constant(change(tariff)),
            TariffSchedule::TimeOfUse(TimeOfUse { zone, periods, otherwise }) => {
                let period = |Period { days, hours, tariff }| Period { days, hours, tariff: change(tariff) };
                let periods = periods.into_iter().map(period).collect();
                TariffSchedule::TimeOfUse(TimeOfUse { zone, periods, otherwise: change(otherwise) })
            }
            TariffSchedule::Series(Series { before, rows }) => {
                let before = change(before);
                let rows = rows.into_iter().map(|(from, tariff)| (from, change(tariff))).collect();
                TariffSchedule::Series(Series { before, rows })
            }
        }
    }
}

/// Tariffs by weekday and hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeOfUse<T = Tariff> {
    /// Whose wall time the hours are.
    pub zone: TimeZone,
    /// The first one that matches holds.
    pub periods: Vec<Period<T>>,
    /// What holds where none matches.
    pub otherwise: T,
}

impl<T: Copy> TimeOfUse<T> {
    fn at(&self, start: Boundary) -> T {
        let wall = self.zone.to_datetime(start.timestamp());
        self.periods.iter().find(|period| period.holds(wall)).map_or(self.otherwise, |period| period.tariff)
    }
}

/// Hours of some weekdays, and the tariff that holds then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period<T = Tariff> {
    /// The days on which it begins: what passes midnight still belongs to the day before.
    pub days: Days,
    /// From when until when.
    pub hours: Hours,
    /// What holds then.
    pub tariff: T,
}

impl<T> Period<T> {
    fn holds(&self, wall: DateTime) -> bool {
        let minute = i16::from(wall.hour()) * 60 + i16::from(wall.minute());
        let (from, to) = (self.hours.from.0, self.hours.to.0);
        let (today, yesterday) = (self.days.has(wall.weekday()), self.days.has(wall.weekday().previous()));
        match from < to {
            true => today && (from..to).contains(&minute),
            false => (today && from <= minute) || (yesterday && minute < to),
        }
    }
}

/// A minute of the day by the clock on the wall, from 00:00 to 24:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(i16);

impl WallTime {
    /// The first minute of a day.
    pub const START: WallTime = WallTime(0);
    /// The end of a day.
    pub const END: WallTime = WallTime(24 * 60);
}

/// A text that is no time of the day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time of the day (hours and minutes from \"00:00\" to \"24:00\")")]
pub struct InvalidWallTime(String);

impl FromStr for WallTime {
    type Err = InvalidWallTime;

    fn from_str(text: &str) -> Result<WallTime, InvalidWallTime> {
        let number = |digits: &str| -> Option<i16> {
            let two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            two.then_some(digits)?.parse().ok()
        };
        let minutes = text.split_once(':').and_then(|(hours, minutes)| {
            let minutes = number(minutes).filter(|minutes| *minutes < 60)?;
            Some(number(hours)? * 60 + minutes).filter(|minutes| *minutes <= WallTime::END.0)
        });
        minutes.map(WallTime).ok_or_else(|| InvalidWallTime(text.to_owned()))
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A stretch of a day, half-open; where it ends before it starts, it passes midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: WallTime,
    to: WallTime,
}

/// Hours that are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHours {
    /// Nothing, or a whole day: nobody can tell.
    #[error("from and to are both {0} (a whole day is from 00:00 to 24:00)")]
    Empty(WallTime),
    /// A day that has ended.
    #[error("from is 24:00, when the day has ended (the next day starts at 00:00)")]
    AfterDay,
}

impl Hours {
    /// The whole day.
    pub const ALL: Hours = Hours { from: WallTime::START, to: WallTime::END };

    /// From a time up to, but without, another one, which may be that of the next day.
    ///
    /// # Errors
    /// If both are the same, or it starts at the end of the day.
    pub fn new(from: WallTime, to: WallTime) -> Result<Hours, InvalidHours> {
        if from == to {
            Err(InvalidHours::Empty(from))
        } else if from == WallTime::END {
            Err(InvalidHours::AfterDay)
        } else {
            Ok(Hours { from, to })
        }
    }

    /// When it starts.
    pub fn from(self) -> WallTime {
        self.from
    }

    /// The first minute that is no longer in it.
    pub fn to(self) -> WallTime {
        self.to
    }
}

/// Some days of the week, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Days {
    /// Every day.
    pub const ALL: Days = Days(0b111_1111);

    /// Whether a day is one of them.
    pub fn has(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }
}

/// A text that names no days.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no days of the week (such as \"mon-fri\", \"sat,sun\" or \"mon\")")]
pub struct InvalidDays(String);

/// Reads days and ranges of days with commas between them; a range may pass Sunday.
impl FromStr for Days {
    type Err = InvalidDays;

    fn from_str(text: &str) -> Result<Days, InvalidDays> {
        let day = |name: &str| WEEK.iter().position(|day| *day == name.trim());
        let mut days = 0;
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (Some(first), Some(last)) = (day(first), day(last)) else {
                return Err(InvalidDays(text.to_owned()));
            };
            let count = (last + WEEK.len() - first) % WEEK.len();
            days = (first..=first + count).fold(days, |days, day| days | 1 << (day % WEEK.len()));
        }
        Ok(Days(days))
    }
}

/// Prints every day: `mon,tue,sun`.
impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            (0..).zip(WEEK).filter(|(day, _)| self.0 & (1 << day) != 0).map(|(_, name)| name).collect();
        f.write_str(&names.join(","))
    }
}

/// Tariffs one after the other, each from its start until the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series<T = Tariff> {
    before: T,
    rows: Vec<(Timestamp, T)>,
}

/// Rows that make no series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{later} is not after {earlier} (every row starts after the one before it)")]
pub struct NotRising {
    /// The start of a row.
    pub earlier: Timestamp,
    /// The start of the row after it.
    pub later: Timestamp,
}

impl<T: Copy> Series<T> {
    /// A series of (start, tariff), and what holds before the first start.
    ///
    /// # Errors
    /// If starts do not rise.
    pub fn new(before: T, rows: Vec<(Timestamp, T)>) -> Result<Series<T>, NotRising> {
        match rows.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            Some(pair) => Err(NotRising { earlier: pair[0].0, later: pair[1].0 }),
            None => Ok(Series { before, rows }),
        }
    }

    /// What holds before the first start.
    pub fn before(&self) -> T {
        self.before
    }

    fn at(&self, instant: Timestamp) -> T {
        let started = self.rows.partition_point(|(from, _)| *from <= instant);
        started.checked_sub(1).and_then(|last| self.rows.get(last)).map_or(self.before, |(_, tariff)| *tariff)
    }
}

#[cfg(test)]
mod tests;
