//! The grid's tariffs over time: constant, by time of use, or as a series.
//!
//! The tariff at an interval's start applies to the whole interval. Times of day are local to the schedule's time zone:
//! when clocks go forward an hour of a period may not exist, when they go back it occurs twice.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;

use crate::interval::Boundary;
use crate::money::{Price, Tariff};

impl Tariff {
    /// The platform's default: 0.1624 EUR/kWh retail and 0.03 EUR/kWh feed-in.
    pub const PLATFORM: Tariff =
        Tariff { retail: Price::from_micro_eur(162_400), feed_in: Price::from_micro_eur(30_000) };
}

/// A tariff of which either price may be missing; the missing one comes from another tariff, usually the community's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PartialTariff {
    /// What the grid charges, if given.
    pub retail: Option<Price>,
    /// What the grid pays, if given.
    pub feed_in: Option<Price>,
}

impl PartialTariff {
    /// Takes missing prices from another partial tariff.
    pub fn or(self, other: PartialTariff) -> PartialTariff {
        PartialTariff { retail: self.retail.or(other.retail), feed_in: self.feed_in.or(other.feed_in) }
    }

    /// Takes missing prices from a complete tariff.
    pub fn complete(self, default: Tariff) -> Tariff {
        Tariff { retail: self.retail.unwrap_or(default.retail), feed_in: self.feed_in.unwrap_or(default.feed_in) }
    }
}

impl From<Tariff> for PartialTariff {
    fn from(tariff: Tariff) -> PartialTariff {
        PartialTariff { retail: Some(tariff.retail), feed_in: Some(tariff.feed_in) }
    }
}

/// Which tariff applies when: of complete tariffs for a community, of [`PartialTariff`]s for a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TariffSchedule<T = Tariff> {
    /// The same tariff at all times.
    Constant(T),
    /// Tariffs by weekday and time of day.
    TimeOfUse(TimeOfUse<T>),
    /// Successive tariffs, each from a given instant.
    Series(Series<T>),
}

impl<T: Copy> TariffSchedule<T> {
    /// Returns the tariff of the interval that starts at `start`.
    pub fn at(&self, start: Boundary) -> T {
        match self {
            TariffSchedule::Constant(tariff) => *tariff,
            TariffSchedule::TimeOfUse(periods) => periods.at(start),
            TariffSchedule::Series(series) => series.at(start.timestamp()),
        }
    }

    /// Converts every tariff of the schedule and keeps the times.
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

/// Tariffs by weekday and time of day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeOfUse<T = Tariff> {
    /// The time zone of days and times.
    pub zone: TimeZone,
    /// The periods; the first that matches applies.
    pub periods: Vec<Period<T>>,
    /// The tariff outside all periods.
    pub otherwise: T,
}

impl<T: Copy> TimeOfUse<T> {
    fn at(&self, start: Boundary) -> T {
        let wall = self.zone.to_datetime(start.timestamp());
        self.periods.iter().find(|period| period.holds(wall)).map_or(self.otherwise, |period| period.tariff)
    }
}

/// A time of day on some weekdays, and the tariff that applies then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period<T = Tariff> {
    /// The days on which the period begins. The part after midnight belongs to the day before.
    pub days: Days,
    /// The time of day.
    pub hours: Hours,
    /// The tariff during the period.
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

/// A local time of day in whole minutes, from `00:00` to `24:00`; this is also its text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(i16);

impl WallTime {
    /// 00:00, the start of a day.
    pub const START: WallTime = WallTime(0);
    /// 24:00, the end of a day.
    pub const END: WallTime = WallTime(24 * 60);
}

/// The error for text that is not a time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time of day (hours and minutes from \"00:00\" to \"24:00\" are expected)")]
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

/// A range of local time, half-open. If it ends before it starts, it passes midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: WallTime,
    to: WallTime,
}

/// The error for times that do not form a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHours {
    /// Both times are the same, which could mean an empty range or a whole day.
    #[error("from and to are both {0} (a whole day is from 00:00 to 24:00)")]
    Empty(WallTime),
    /// The range starts at 24:00.
    #[error("from is 24:00, the end of the day (use 00:00 for the start of the next day)")]
    AfterDay,
}

impl Hours {
    /// The whole day.
    pub const ALL: Hours = Hours { from: WallTime::START, to: WallTime::END };

    /// Makes the range from `from` (inclusive) to `to` (exclusive), which may be on the next day.
    ///
    /// # Errors
    /// If both are the same, or `from` is 24:00.
    pub fn new(from: WallTime, to: WallTime) -> Result<Hours, InvalidHours> {
        if from == to {
            Err(InvalidHours::Empty(from))
        } else if from == WallTime::END {
            Err(InvalidHours::AfterDay)
        } else {
            Ok(Hours { from, to })
        }
    }

    /// Returns the start, inclusive.
    pub fn from(self) -> WallTime {
        self.from
    }

    /// Returns the end, exclusive.
    pub fn to(self) -> WallTime {
        self.to
    }
}

/// A set of weekdays, with at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Days {
    /// Every day.
    pub const ALL: Days = Days(0b111_1111);

    /// Returns whether the set contains a day.
    pub fn has(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }
}

/// The error for text that does not name weekdays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} does not name weekdays (such as \"mon-fri\", \"sat,sun\" or \"mon\")")]
pub struct InvalidDays(String);

/// Parses a comma-separated list of days and ranges of days; a range may pass Sunday (`sat-mon`).
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

/// Prints the days in order from Monday, without ranges: `mon,tue,sun`.
impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            (0..).zip(WEEK).filter(|(day, _)| self.0 & (1 << day) != 0).map(|(_, name)| name).collect();
        f.write_str(&names.join(","))
    }
}

/// Successive tariffs, each from its start until the start of the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series<T = Tariff> {
    before: T,
    rows: Vec<(Timestamp, T)>,
}

/// The error for a series whose rows are not in order of their starts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{later} is not after {earlier} (each row must start after the one before it)")]
pub struct NotRising {
    /// The start of a row.
    pub earlier: Timestamp,
    /// The start of the next row, which is not later.
    pub later: Timestamp,
}

impl<T: Copy> Series<T> {
    /// Makes a series from rows of (start, tariff), and the tariff that applies before the first row.
    ///
    /// # Errors
    /// If a row does not start after the one before it.
    pub fn new(before: T, rows: Vec<(Timestamp, T)>) -> Result<Series<T>, NotRising> {
        match rows.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            Some(pair) => Err(NotRising { earlier: pair[0].0, later: pair[1].0 }),
            None => Ok(Series { before, rows }),
        }
    }

    /// Returns the tariff that applies before the first row.
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
