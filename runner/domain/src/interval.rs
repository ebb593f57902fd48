//! Trading intervals and the boundaries between them.
//!
//! An interval is half-open, named by its start, and aligned to the Unix epoch: intervals of 900 s start at :00, :15,
//! :30 and :45 of every hour (UTC).

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

/// The length of a community's intervals: whole seconds, from one minute to one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntervalLength(NonZeroU32);

/// The error for a length outside the range of [`IntervalLength`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("interval length {0:?} is out of range (whole seconds, from 1 minute to 1 day)")]
pub struct InvalidLength(Duration);

impl IntervalLength {
    /// 15 minutes, the settlement period of European electricity markets (Regulation (EU) 2017/2195, art. 53).
    pub const QUARTER_HOUR: IntervalLength = IntervalLength(NonZeroU32::new(900).unwrap());

    /// Makes a length of `seconds`.
    ///
    /// # Errors
    /// If `seconds` is below 60 or above 86 400.
    pub fn from_seconds(seconds: u32) -> Result<IntervalLength, InvalidLength> {
        match NonZeroU32::new(seconds) {
            Some(length) if (60..=86_400).contains(&seconds) => Ok(IntervalLength(length)),
            _ => Err(InvalidLength(Duration::from_secs(u64::from(seconds)))),
        }
    }

    /// Returns the length in seconds, from 60 to 86 400.
    pub fn seconds(self) -> u32 {
        self.0.get()
    }
}

/// An instant at which one interval ends and the next begins: whole seconds since the Unix epoch, up to the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Boundary(u64);

/// The latest instant of `jiff::Timestamp`: two days before the end of the year 9999, so that its local time is before
/// the year 10000 in every time zone.
const SECONDS_MAX: u64 = 253_402_207_200;

impl Boundary {
    /// The earliest boundary: 1970-01-01T00:00:00Z.
    pub const EPOCH: Boundary = Boundary(0);

    /// Makes the boundary at a Unix second; `None` after the year 9999. Does not check the alignment to a length.
    pub fn from_seconds(seconds: u64) -> Option<Boundary> {
        (seconds <= SECONDS_MAX).then_some(Boundary(seconds))
    }

    /// Finds the boundary nearest to an instant, and the distance to it; `None` before 1970 or after 9999.
    ///
    /// An instant at equal distance from two boundaries belongs to the earlier one.
    pub fn nearest(at: Timestamp, length: IntervalLength) -> Option<(Boundary, Duration)> {
        let length = u64::from(length.seconds());
        let (seconds, nanos) = (u64::try_from(at.as_second()).ok()?, u64::try_from(at.subsec_nanosecond()).ok()?);
        let before = seconds / length * length;
        // Fits, because a length is at most a day.
        let after_before = (seconds - before) * NANOS_PER_SECOND + nanos;
        let before_next = length * NANOS_PER_SECOND - after_before;
        let (nearest, distance) =
            if after_before <= before_next { (before, after_before) } else { (before + length, before_next) };
        Some((Boundary::from_seconds(nearest)?, Duration::from_nanos(distance)))
    }

    /// Finds the first boundary at or after an instant; `None` before 1970 or after 9999.
    pub fn at_or_after(at: Timestamp, length: IntervalLength) -> Option<Boundary> {
        let length = u128::from(length.seconds()) * u128::from(NANOS_PER_SECOND);
        let nanos = u128::try_from(at.as_nanosecond()).ok()?;
        let seconds = nanos.div_ceil(length) * length / u128::from(NANOS_PER_SECOND);
        Boundary::from_seconds(u64::try_from(seconds).ok()?)
    }

    /// Returns the seconds since the Unix epoch.
    pub fn seconds(self) -> u64 {
        self.0
    }

    /// Returns the interval that ends at this boundary; `None` if it would start before 1970.
    pub fn interval(self, length: IntervalLength) -> Option<Interval> {
        let start = self.0.checked_sub(u64::from(length.seconds()))?;
        Some(Interval { start: Boundary(start), length })
    }

    /// Returns the boundary one interval later; `None` after the year 9999.
    pub fn next(self, length: IntervalLength) -> Option<Boundary> {
        Boundary::from_seconds(self.0 + u64::from(length.seconds()))
    }

    /// Converts to a timestamp.
    pub fn timestamp(self) -> Timestamp {
        // OK because 0 ≤ seconds ≤ SECONDS_MAX, so the fallback is never used.
        i64::try_from(self.0).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or(Timestamp::MAX)
    }
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Prints RFC 3339 in UTC with whole seconds, as on the platform's wire: `2023-09-01T12:15:00Z`.
impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.timestamp(), f)
    }
}

/// One trading interval: half-open, it includes its start but not its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    start: Boundary,
    length: IntervalLength,
}

impl Interval {
    /// Makes the interval that starts at `start`; `None` if it would end after the year 9999.
    pub fn starting(start: Boundary, length: IntervalLength) -> Option<Interval> {
        start.next(length).map(|_| Interval { start, length })
    }

    /// Returns its start, by which the interval is named.
    pub fn start(self) -> Boundary {
        self.start
    }

    /// Returns its length.
    pub fn length(self) -> IntervalLength {
        self.length
    }

    /// Returns its end: the first instant after the interval.
    pub fn end(self) -> Boundary {
        // OK because both constructors ensure that the end is in range.
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
    fn a_reading_two_seconds_early_belongs_to_the_nearest_boundary() {
        assert_eq!(nearest("2023-09-01T12:14:58Z"), Some(("2023-09-01T12:15:00Z".to_owned(), Duration::from_secs(2))));
        assert_eq!(
            nearest("2023-09-01T12:15:00.5Z"),
            Some(("2023-09-01T12:15:00Z".to_owned(), Duration::from_millis(500)))
        );
    }

    #[test]
    fn an_instant_between_two_boundaries_belongs_to_the_earlier() {
        assert_eq!(
            nearest("2023-09-01T12:07:30Z").map(|(boundary, _)| boundary),
            Some("2023-09-01T12:00:00Z".to_owned())
        );
    }

    #[test]
    fn instants_out_of_range_have_no_boundary() {
        assert_eq!(nearest("0001-01-01T00:00:00Z"), None);
        assert_eq!(nearest("1969-12-31T23:59:59Z"), None);
        assert_eq!(nearest("9999-12-30T21:59:59Z").map(|(_, distance)| distance), Some(Duration::from_secs(1)));
        assert_eq!(Boundary::from_seconds(SECONDS_MAX + 1), None);
        assert_eq!(Boundary(0).interval(QUARTER), None);
        assert_eq!(Boundary(SECONDS_MAX).next(QUARTER), None);
        assert_eq!(Interval::starting(Boundary(SECONDS_MAX), QUARTER), None);
    }

    #[test]
    fn a_length_is_from_a_minute_to_a_day() {
        assert!(IntervalLength::from_seconds(59).is_err());
        assert!(IntervalLength::from_seconds(60).is_ok());
        assert!(IntervalLength::from_seconds(86_400).is_ok());
        assert!(IntervalLength::from_seconds(86_401).is_err());
    }

    #[test]
    fn at_or_after_finds_the_boundary_itself_or_the_next() {
        let first = |text: &str| {
            Boundary::at_or_after(text.parse().expect("a time stamp"), QUARTER).map(|boundary| boundary.to_string())
        };
        assert_eq!(first("2023-09-01T12:15:00Z").as_deref(), Some("2023-09-01T12:15:00Z"));
        assert_eq!(first("2023-09-01T12:15:00.000000001Z").as_deref(), Some("2023-09-01T12:30:00Z"));
    }
}
