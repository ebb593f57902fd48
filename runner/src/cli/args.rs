//! Arguments that several commands have.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use crate::config;

#[derive(Debug, Args)]
pub struct ConfigArg {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = "market.toml")]
    pub config: PathBuf,
}

#[derive(Debug, Args)]
pub struct SpanArgs {
    /// Only intervals that start at or after this time (2023-09-01T00:00:00Z, or a date in UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<Timestamp>,
    /// Only intervals that start before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub to: Option<Timestamp>,
}

/// Parses an RFC 3339 time, or a date in UTC.
pub fn time(text: &str) -> Result<Timestamp, String> {
    let midnight = || format!("{text}T00:00:00Z").parse().ok();
    let parsed: Option<Timestamp> = text.parse().ok().or_else(midnight);
    parsed.ok_or_else(|| "expected RFC 3339, such as 2023-09-01T12:15:00Z, or a date, such as 2023-09-01".to_owned())
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
}
