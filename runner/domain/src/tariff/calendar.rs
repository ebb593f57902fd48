//! Days of the week, months and holidays.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::Date;

/// Holidays: local dates. Cheap to clone.
pub type Holidays = Arc<BTreeSet<Date>>;

const DAYS: [&str; 8] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun", HOLIDAY];
const WEEK: usize = 7;
const HOLIDAY: &str = "holiday";
const YEAR: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A set of weekdays and holidays, with at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// Returns whether the set contains a day: its weekday, or, where it is one of the `holidays`, holidays.
    pub fn has(self, day: Date, holidays: Option<&Holidays>) -> bool {
        let is_holiday = holidays.is_some_and(|holidays| holidays.contains(&day));
        let number = if is_holiday { WEEK } else { usize::from(day.weekday().to_monday_zero_offset().unsigned_abs()) };
        self.0 & (1 << number) != 0
    }

    /// Returns whether the set names holidays.
    pub fn has_holidays(self) -> bool {
        self.0 & (1 << WEEK) != 0
    }
}

/// The error for text that does not name days.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} does not name days (such as \"mon-fri\", \"sat,sun\", \"mon\" or \"sun,holiday\")")]
pub struct InvalidDays(String);

/// Parses a comma-separated list of days and ranges of days; a range may pass Sunday (`sat-mon`). `holiday` is in no range.
impl FromStr for Days {
    type Err = InvalidDays;

    fn from_str(text: &str) -> Result<Days, InvalidDays> {
        let part = |days: u16, part: &str| match part.trim() {
            HOLIDAY => Some(days | 1 << WEEK),
            range => add_range(days, range, &DAYS[..WEEK]),
        };
        let days = text.split(',').try_fold(0, part).and_then(|days| u8::try_from(days).ok());
        days.map(Days).ok_or_else(|| InvalidDays(text.to_owned()))
    }
}

/// Prints the days in order from Monday, without ranges: `mon,tue,sun`.
impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_names(f, self.0.into(), &DAYS)
    }
}

/// A set of months, with at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Months(u16);

impl Months {
    /// Returns whether the set contains the month of a day.
    pub fn has(self, day: Date) -> bool {
        self.0 & (1 << (day.month().unsigned_abs() - 1)) != 0
    }
}

/// The error for text that does not name months.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} does not name months (such as \"jun-sep\", \"nov-feb\" or \"jan,jul\")")]
pub struct InvalidMonths(String);

/// Parses a comma-separated list of months and ranges of months; a range may pass December (`nov-feb`).
impl FromStr for Months {
    type Err = InvalidMonths;

    fn from_str(text: &str) -> Result<Months, InvalidMonths> {
        let months = text.split(',').try_fold(0, |months, part| add_range(months, part, &YEAR));
        months.map(Months).ok_or_else(|| InvalidMonths(text.to_owned()))
    }
}

/// Prints the months in order from January, without ranges: `jan,feb,dec`.
impl fmt::Display for Months {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_names(f, self.0, &YEAR)
    }
}

/// Adds a name, or a range of names that may pass the last of them, to a set; `None` if it is neither.
fn add_range(set: u16, range: &str, names: &[&str]) -> Option<u16> {
    let place = |name: &str| names.iter().position(|known| *known == name.trim());
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last) = (place(first)?, place(last)?);
    let count = (last + names.len() - first) % names.len();
    Some((first..=first + count).fold(set, |set, place| set | 1 << (place % names.len())))
}

fn write_names(f: &mut fmt::Formatter<'_>, set: u16, names: &[&str]) -> fmt::Result {
    let names: Vec<&str> =
        (0..).zip(names).filter(|(place, _)| set & (1 << place) != 0).map(|(_, name)| *name).collect();
    f.write_str(&names.join(","))
}
