//! Arguments that several commands have.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use words::Language;

use crate::config;

#[derive(Debug, Args)]
pub struct ConfigArg {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = "market.toml")]
    pub config: PathBuf,
}

#[derive(Debug, Args)]
pub struct SpanArgs {
    /// Only intervals that start at or after this time (2023-09-01T00:00:00Z, or a date in the community's time zone)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub from: Option<Moment>,
    /// Only intervals that start before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub to: Option<Moment>,
}

/// An instant, or the beginning of a day in a time zone that is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    At(Timestamp),
    Day(Date),
}

impl Moment {
    /// The instant in this time zone.
    ///
    /// # Errors
    /// If the day is beyond all times that can be stored.
    pub fn instant(self, zone: &TimeZone) -> Result<Timestamp, String> {
        match self {
            Moment::At(at) => Ok(at),
            Moment::Day(day) => zone
                .to_timestamp(day.at(0, 0, 0, 0))
                .map_err(|_| format!("{day} is beyond the last day that can be stored (9999-12-30)")),
        }
    }
}

/// As it is given on the command line.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::At(at) => at.fmt(f),
            Moment::Day(day) => day.fmt(f),
        }
    }
}

const A_TIME: &str = "expected RFC 3339, such as 2023-09-01T12:15:00Z, or a date, such as 2023-09-01";

/// Parses an RFC 3339 time, or a date in a time zone that is known later.
fn moment(text: &str) -> Result<Moment, String> {
    let at = text.parse().map(Moment::At).ok();
    at.or_else(|| Some(Moment::Day(day(text)?))).ok_or_else(|| A_TIME.to_owned())
}

/// Parses an RFC 3339 time, or a date in UTC.
pub fn time(text: &str) -> Result<Timestamp, String> {
    match moment(text)? {
        Moment::At(at) => Ok(at),
        day @ Moment::Day(_) => day.instant(&TimeZone::UTC),
    }
}

/// A date alone: with a time it would be ambiguous where clocks change.
fn day(text: &str) -> Option<Date> {
    format!("{text}T00:00:00").parse::<DateTime>().ok().map(DateTime::date)
}

/// Parses the name of a time zone.
pub fn zone(text: &str) -> Result<TimeZone, String> {
    let zone = TimeZone::get(text).ok().filter(|zone| !zone.is_unknown() && zone.iana_name().is_some());
    zone.ok_or_else(|| "expected a time zone, such as Europe/Lisbon or UTC".to_owned())
}

/// Parses the code of a language.
pub fn language(text: &str) -> Result<Language, String> {
    Language::of_code(text).ok_or_else(|| "expected en, pt, de, fr, nl or es".to_owned())
}

pub fn size(text: &str) -> Result<u64, String> {
    config::parse_bytes(text).ok_or_else(|| "expected a size above 0, such as 64MiB".to_owned())
}

pub fn duration(text: &str) -> Result<Duration, String> {
    config::parse_duration(text).ok_or_else(|| "expected a duration above 0, such as 2s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_or_dates() {
        assert_eq!(time("2023-09-01"), time("2023-09-01T00:00:00Z"));
        assert_eq!(time("2023-09-01T02:00:00+02:00"), time("2023-09-01"));
        assert!(time("soon").is_err());
    }

    #[test]
    fn a_date_begins_at_midnight_in_its_zone() {
        let brussels = zone("Europe/Brussels").unwrap();
        let instant = |text: &str| moment(text).and_then(|moment| moment.instant(&brussels)).map(|at| at.to_string());
        assert_eq!(instant("2024-04-01").as_deref(), Ok("2024-03-31T22:00:00Z"));
        assert_eq!(instant("2024-03-31T23:00:00+01:00").as_deref(), Ok("2024-03-31T22:00:00Z"));
        for wrong in ["2024-03-31T23:00", "2024-03", "9999-12-31", "2024-02-30", ""] {
            assert!(instant(wrong).is_err(), "{wrong}");
        }
        for wrong in ["Europe/Atlantis", "", "Etc/Unknown", "+02:00"] {
            assert!(zone(wrong).is_err(), "{wrong}");
        }
    }
}
