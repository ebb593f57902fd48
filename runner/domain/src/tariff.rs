//! The grid's tariffs over time: constant, by time of use, or as a series.
//!
//! The tariff at an interval's start applies to the whole interval. Times of day are local to the schedule's time zone:
//! when clocks go forward an hour of a period may not exist, when they go back it occurs twice.

mod calendar;
mod series;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::interval::Boundary;
use crate::money::{Price, Tariff};
pub use calendar::{Days, Holidays, InvalidDays, InvalidMonths, Months};
pub use series::{NotRising, Series};

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
            TariffSchedule::TimeOfUse(TimeOfUse { zone, holidays, periods, otherwise }) => {
                let period =
                    |Period { days, months, hours, tariff }| Period { days, months, hours, tariff: change(tariff) };
                let periods = periods.into_iter().map(period).collect();
                TariffSchedule::TimeOfUse(TimeOfUse { zone, holidays, periods, otherwise: change(otherwise) })
            }
            TariffSchedule::Series(series) => TariffSchedule::Series(series.map(change)),
        }
    }
}

/// Tariffs by month, day and time of day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeOfUse<T = Tariff> {
    /// The time zone of days and times.
    pub zone: TimeZone,
    /// Holidays: where any period names them, each is a day of its own, whatever its weekday.
    pub holidays: Holidays,
    /// The periods; the first that matches applies.
    pub periods: Vec<Period<T>>,
    /// The tariff outside all periods.
    pub otherwise: T,
}

impl<T: Copy> TimeOfUse<T> {
    fn at(&self, start: Boundary) -> T {
        let wall = self.zone.to_datetime(start.timestamp());
        let holidays = self.names_holidays().then_some(&self.holidays);
        let holding = self.periods.iter().find(|period| period.holds(wall, holidays));
        holding.map_or(self.otherwise, |period| period.tariff)
    }
}

impl<T> TimeOfUse<T> {
    /// Returns whether any period names holidays, so that they are days of their own.
    pub fn names_holidays(&self) -> bool {
        self.periods.iter().any(|period| period.days.is_some_and(Days::has_holidays))
    }
}

/// A time of day on some days of some months, and the tariff that applies then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period<T = Tariff> {
    /// The days on which the period begins; `None` for every day. The part after midnight belongs to the day before.
    pub days: Option<Days>,
    /// The months of the days on which it begins; `None` for every month.
    pub months: Option<Months>,
    /// The time of day.
    pub hours: Hours,
    /// The tariff during the period.
    pub tariff: T,
}

impl<T> Period<T> {
    fn holds(&self, wall: DateTime, holidays: Option<&Holidays>) -> bool {
        let minute = i16::from(wall.hour()) * 60 + i16::from(wall.minute());
        let (from, to) = (self.hours.from.0, self.hours.to.0);
        let begins_on = |day: Date| {
            self.days.is_none_or(|days| days.has(day, holidays)) && self.months.is_none_or(|months| months.has(day))
        };
        match from < to {
            true => (from..to).contains(&minute) && begins_on(wall.date()),
            false if from <= minute => begins_on(wall.date()),
            // Of the day before, if there is one.
            false => minute < to && wall.date().yesterday().is_ok_and(begins_on),
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
