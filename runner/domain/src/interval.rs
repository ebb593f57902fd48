//! Intervals of trading and the boundaries between them.
//!
//! An interval is half-open, named by its start, and aligned to the Unix epoch: with 900 s they start at :00, :15,
//! :30 and :45 of every hour (UTC).

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

/// The length of a community's intervals: whole seconds, from one minute to one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntervalLength(NonZeroU32);

/// A length that no interval can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an interval of {0:?} is not possible (whole seconds, from 1 minute to 1 day)")]
pub struct InvalidLength(Duration);

impl IntervalLength {
    /// A quarter of an hour, the settlement period of European electricity markets (Regulation (EU) 2017/2195, art. 53).
    pub const QUARTER_HOUR: IntervalLength = IntervalLength(NonZeroU32::new(900).unwrap());

    /// A length of that many seconds.
    pub fn from_seconds(seconds: u32) -> Result<IntervalLength, InvalidLength> {
        match NonZeroU32::new(seconds) {
            Some(length) if (60..=86_400).contains(&seconds) => Ok(IntervalLength(length)),
            _ => Err(InvalidLength(Duration::from_secs(u64::from(seconds)))),
        }
    }

    /// The length in seconds.
    pub fn seconds(self) -> u32 {
        self.0.get()
    }
}

/// An instant at which one interval ends and the next begins, in whole seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Boundary(u64);

/// The latest instant that a time stamp can hold: two days before the end of the year 9999, so that every time zone can
/// write it.
const SECONDS_MAX: u64 = 253_402_207_200;

impl Boundary {
    /// The earliest: 1970-01-01T00:00:00Z.
    pub const EPOCH: Boundary = Boundary(0);

    /// The boundary at that Unix second, or `None` after the year 9999.
    pub fn from_seconds(seconds: u64) -> Option<Boundary> {
        (seconds <= SECONDS_MAX).then_some(Boundary(seconds))
    }

    /// The boundary nearest to an instant, and how far away it is; `None` before 1970 or after 9999.
    ///
    /// An instant half-way between two belongs to the earlier one.
    pub fn nearest(at: Timestamp, length: IntervalLength) -> Option<(Boundary, Duration)> {
        let length = u128::from(length.seconds()) * NANOS_PER_SECOND;
        let nanos = u128::try_from(at.as_nanosecond()).ok()?;
        let before = nanos / length * length;
        let nearest = if nanos - before <= before + length - nanos { before } else { before + length };
        let distance = Duration::from_nanos(u64::try_from(nearest.abs_diff(nanos)).ok()?);
        let seconds = u64::try_from(nearest / NANOS_PER_SECOND).ok()?;
        Some((Boundary::from_seconds(seconds)?, distance))
    }

    /// The first boundary at or after an instant; `None` before 1970 or after 9999.
    pub fn at_or_after(at: Timestamp, length: IntervalLength) -> Option<Boundary> {
        let length = u128::from(length.seconds()) * NANOS_PER_SECOND;
        let nanos = u128::try_from(at.as_nanosecond()).ok()?;
        let seconds = nanos.div_ceil(length) * length / NANOS_PER_SECOND;
        Boundary::from_seconds(u64::try_from(seconds).ok()?)
    }

    /// Seconds since the Unix epoch.
    pub fn seconds(self) -> u64 {
        self.0
    }

    /// The interval that ends here; `None` if it would start before 1970.
    pub fn interval(self, length: IntervalLength) -> Option<Interval> {
        let start = self.0.checked_sub(u64::from(length.seconds()))?;
        Some(Interval { start: Boundary(start), length })
    }

    /// The boundary one interval later; `None` after the year 9999.
    pub fn next(self, length: IntervalLength) -> Option<Boundary> {
        Boundary::from_seconds(self.0 + u64::from(length.seconds()))
    }

    /// The same instant as a time stamp.
    pub fn timestamp(self) -> Timestamp {
        // OK because 0 ≤ seconds ≤ SECONDS_MAX; the default is never used.
        i64::try_from(self.0).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or(Timestamp::MAX)
    }
}

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Prints RFC 3339 in UTC with whole seconds, the form of the platform's wire: `2023-09-01T12:15:00Z`.
impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.timestamp(), f)
    }
}

/// One interval of trading: half-open, from its start up to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    start: Boundary,
    length: IntervalLength,
}

impl Interval {
    /// The interval that starts there; `None` if it would end after the year 9999.
    pub fn starting(start: Boundary, length: IntervalLength) -> Option<Interval> {
        start.next(length).map(|_| Interval { start, length })
    }

    /// Its start, which is also its name.
    pub fn start(self) -> Boundary {
        self.start
    }

    /// Its length.
    pub fn length(self) -> IntervalLength {
        self.length
    }

    /// Its end: the first instant that is no longer in it.
    pub fn end(self) -> Boundary {
        // OK because both ways to make an interval have its end within range.
        Boundary(self.start.0 + u64::from(self.length.seconds()))
    }
}

/// Prints the start and the length, as `2023-09-01T12:00:00Z/900s`.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}s", self.start, self.length.seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARTER: IntervalLength = IntervalLength::QUARTER_HOUR;

    fn nearest(text: &str) -> Option<(String, Duration)> {
        let at = text.parse().expect("a time stamp");
        Boundary::nearest(at, QUARTER).map(|(boundary, distance)| (boundary.to_string(), distance))
    }

    #[test]
    fn two_seconds_early_is_not_the_previous_interval() {
        assert_eq!(nearest("2023-09-01T12:14:58Z"), Some(("2023-09-01T12:15:00Z".to_owned(), Duration::from_secs(2))));
        assert_eq!(
            nearest("2023-09-01T12:15:00.5Z"),
            Some(("2023-09-01T12:15:00Z".to_owned(), Duration::from_millis(500)))
        );
    }

    #[test]
    fn half_way_belongs_to_the_earlier_boundary() {
        assert_eq!(
            nearest("2023-09-01T12:07:30Z").map(|(boundary, _)| boundary),
            Some("2023-09-01T12:00:00Z".to_owned())
        );
    }

    #[test]
    fn the_ends_of_time_are_no_boundaries() {
        assert_eq!(nearest("0001-01-01T00:00:00Z"), None);
        assert_eq!(nearest("1969-12-31T23:59:59Z"), None);
        assert_eq!(nearest("9999-12-30T21:59:59Z").map(|(_, distance)| distance), Some(Duration::from_secs(1)));
        assert_eq!(Boundary::from_seconds(SECONDS_MAX + 1), None);
        assert_eq!(Boundary(0).interval(QUARTER), None);
        assert_eq!(Boundary(SECONDS_MAX).next(QUARTER), None);
        assert_eq!(Interval::starting(Boundary(SECONDS_MAX), QUARTER), None);
    }

    #[test]
    fn lengths_from_a_minute_to_a_day() {
        assert!(IntervalLength::from_seconds(59).is_err());
        assert!(IntervalLength::from_seconds(60).is_ok());
        assert!(IntervalLength::from_seconds(86_400).is_ok());
        assert!(IntervalLength::from_seconds(86_401).is_err());
    }

    #[test]
    fn at_or_after_is_the_boundary_itself_or_the_next() {
        let first = |text: &str| {
            Boundary::at_or_after(text.parse().expect("a time stamp"), QUARTER).map(|boundary| boundary.to_string())
        };
        assert_eq!(first("2023-09-01T12:15:00Z").as_deref(), Some("2023-09-01T12:15:00Z"));
        assert_eq!(first("2023-09-01T12:15:00.000000001Z").as_deref(), Some("2023-09-01T12:30:00Z"));
    }
}
