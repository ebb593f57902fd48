//! What meters say, and which boundary each reading belongs to.
//!
//! A meter's two active registers only ever count up, in whole watt-hours. A reading belongs to the nearest boundary
//! within a tolerance; of several the nearest counts. A meter is read at a boundary only when both registers are.
//! Whatever else a Meters service sends is an [`InvalidReading`]: shown and counted, never settled.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::interval::{Boundary, IntervalLength};
use crate::member::{InvalidName, MeterId};

/// Which of a meter's two active registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Register {
    /// Energy taken from the grid.
    Import,
    /// Energy given to the grid.
    Export,
}

impl Register {
    /// The register with that name on the platform's wire; `None` for the reactive ones and anything else.
    pub fn from_field(field: &str) -> Option<Register> {
        match field {
            "Active import" => Some(Register::Import),
            "Active export" => Some(Register::Export),
            _ => None,
        }
    }

    /// The register's name on the platform's wire.
    pub fn field(self) -> &'static str {
        match self {
            Register::Import => "Active import",
            Register::Export => "Active export",
        }
    }
}

/// The largest value of a register, in Wh: what a signed 64-bit integer holds, so that every store can keep it.
pub const REGISTER_WH_MAX: u64 = i64::MAX as u64;

/// One value of one register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The meter.
    pub meter: MeterId,
    /// Which of its registers.
    pub register: Register,
    /// When it was read.
    pub at: Timestamp,
    /// What it showed, in Wh; at most [`REGISTER_WH_MAX`].
    pub wh: u64,
}

/// A row from a Meters service that cannot be a reading.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReading {
    /// The meter has a name that nobody can have.
    #[error("a reading names no usable meter: {0}")]
    Meter(#[from] InvalidName),
    /// The time is not RFC 3339.
    #[error("meter {meter} has a reading at {date:?}, which is no RFC 3339 time (such as 2023-09-01T12:15:00Z)")]
    Date {
        /// The meter.
        meter: MeterId,
        /// The text in place of a time, cut to 40 characters.
        date: String,
    },
    /// The value is not a whole number of watt-hours in range.
    #[error("meter {meter} shows {value:?} as {} at {at}, which is no whole number of Wh from 0 to 2^63-1", register.field())]
    Value {
        /// The meter.
        meter: MeterId,
        /// The register.
        register: Register,
        /// When it was read.
        at: Timestamp,
        /// The text in place of a number, cut to 40 characters.
        value: String,
    },
}

impl Reading {
    /// Makes a reading from the four texts of a row on the platform's wire.
    ///
    /// `Ok(None)` is a row of a register that takes no part, such as a reactive one.
    ///
    /// # Errors
    /// If the row is of an active register but its meter, value or date is unusable.
    pub fn parse(meter: &str, field: &str, value: &str, date: &str) -> Result<Option<Reading>, InvalidReading> {
        let Some(register) = Register::from_field(field) else {
            return Ok(None);
        };
        let meter: MeterId = meter.parse()?;
        let Ok(at) = date.parse::<Timestamp>() else {
            return Err(InvalidReading::Date { meter, date: cut(date) });
        };
        match parse_register(value) {
            Some(wh) => Ok(Some(Reading { meter, register, at, wh })),
            None => Err(InvalidReading::Value { meter, register, at, value: cut(value) }),
        }
    }
}

/// Digits only: `str::parse` would also take a sign.
fn parse_register(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let wh = text.parse().ok().filter(|wh| *wh <= REGISTER_WH_MAX);
    wh.filter(|_| digits)
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

/// What both active registers of a meter show at one boundary, in Wh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Registers {
    /// Energy taken from the grid since the meter was new.
    pub import_wh: u64,
    /// Energy given to the grid since the meter was new.
    pub export_wh: u64,
}

/// Every meter that is read at one boundary.
pub type BoundaryReadings = BTreeMap<MeterId, Registers>;

/// Sorts readings to boundaries.
///
/// ```
/// use domain::reading::{Collector, Reading};
/// use domain::IntervalLength;
/// let mut collector = Collector::new(IntervalLength::QUARTER_HOUR, std::time::Duration::from_secs(120));
/// for (field, value) in [("Active import", "7120"), ("Active export", "0")] {
///     collector.add(Reading::parse("m01", field, value, "2023-09-01T12:14:58Z").unwrap().unwrap());
/// }
/// let (boundary, meters) = collector.boundaries().next().unwrap();
/// assert_eq!((boundary.to_string().as_str(), meters.len()), ("2023-09-01T12:15:00Z", 1));
/// ```
#[derive(Debug)]
pub struct Collector {
    length: IntervalLength,
    tolerance: Duration,
    nearest: BTreeMap<Boundary, BTreeMap<MeterId, Nearest>>,
}

/// The nearest reading so far of each register of one meter at one boundary.
#[derive(Debug, Default)]
struct Nearest {
    import: Option<Candidate>,
    export: Option<Candidate>,
}

/// A reading and how far it is from its boundary. Ordered by preference: nearest first, then the earlier in time.
/// Two values for one instant cannot both be true; the lower one cannot invent energy in this interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    distance: Duration,
    at: Timestamp,
    wh: u64,
}

impl Collector {
    /// Sorts to boundaries of this length, up to `tolerance` away (less than half the length, or readings in the
    /// middle of an interval are taken too).
    pub fn new(length: IntervalLength, tolerance: Duration) -> Collector {
        Collector { length, tolerance, nearest: BTreeMap::new() }
    }

    /// The boundary that a reading of this time counts for, and how far it is; `None` for one too far from any.
    pub fn boundary_of(&self, at: Timestamp) -> Option<(Boundary, Duration)> {
        Boundary::nearest(at, self.length).filter(|(_, distance)| *distance <= self.tolerance)
    }

    /// Takes a reading. The order does not matter, and the same reading twice is one.
    pub fn add(&mut self, reading: Reading) {
        let Some((boundary, distance)) = self.boundary_of(reading.at) else {
            return;
        };
        let candidate = Candidate { distance, at: reading.at, wh: reading.wh };
        let meters = self.nearest.entry(boundary).or_default();
        let nearest = meters.entry(reading.meter).or_default();
        let best = match reading.register {
            Register::Import => &mut nearest.import,
            Register::Export => &mut nearest.export,
        };
        if best.is_none_or(|known| candidate < known) {
            *best = Some(candidate);
        }
    }

    /// The boundaries at which any meter is read, in order of time, with the meters read there.
    pub fn boundaries(self) -> impl Iterator<Item = (Boundary, BoundaryReadings)> {
        self.nearest.into_iter().filter_map(|(boundary, meters)| {
            let read: BoundaryReadings = meters
                .into_iter()
                .filter_map(|(meter, nearest)| {
                    let registers = Registers { import_wh: nearest.import?.wh, export_wh: nearest.export?.wh };
                    Some((meter, registers))
                })
                .collect();
            (!read.is_empty()).then_some((boundary, read))
        })
    }
}

/// One page of a Meters service's answer: at most so many of the oldest rows of each series.
///
/// A series that filled its page may have more; what is known of it ends with its newest row.
#[derive(Debug)]
pub struct Horizon {
    limit: usize,
    series: BTreeMap<(MeterId, Register), Series>,
}

#[derive(Debug, Default)]
struct Series {
    rows: usize,
    newest: Option<Timestamp>,
}

impl Horizon {
    /// For pages of at most `limit` rows a series.
    pub fn new(limit: usize) -> Horizon {
        Horizon { limit, series: BTreeMap::new() }
    }

    /// Counts one row, valid or not; `at` is none if its time is no time.
    pub fn count(&mut self, meter: &MeterId, register: Register, at: Option<Timestamp>) {
        let series = self.series.entry((meter.clone(), register)).or_default();
        series.rows += 1;
        series.newest = series.newest.max(at);
    }

    /// Everything before this instant is known; `None` if everything there is, is.
    pub fn complete_before(&self) -> Option<Timestamp> {
        self.series.values().filter(|series| series.rows >= self.limit).filter_map(|series| series.newest).min()
    }

    /// How many meters the page has.
    pub fn meters(&self) -> usize {
        let meters: BTreeSet<_> = self.series.keys().map(|(meter, _)| meter).collect();
        meters.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(meter: &str, field: &str, value: &str, date: &str) -> Result<Option<Reading>, InvalidReading> {
        Reading::parse(meter, field, value, date)
    }

    /// Rows of `meter field value time-of-day`; answers `boundary meter import export`.
    fn collect(rows: &[&str]) -> Vec<String> {
        let mut collector = Collector::new(IntervalLength::QUARTER_HOUR, Duration::from_secs(120));
        for row in rows {
            let cells: Vec<&str> = row.split_whitespace().collect();
            let field = if cells[1] == "import" { "Active import" } else { "Active export" };
            let date = format!("2023-09-01T{}Z", cells[3]);
            collector.add(reading(cells[0], field, cells[2], &date).unwrap().unwrap());
        }
        let mut lines = Vec::new();
        for (boundary, meters) in collector.boundaries() {
            for (meter, registers) in meters {
                lines.push(format!("{boundary} {meter} {} {}", registers.import_wh, registers.export_wh));
            }
        }
        lines
    }

    #[test]
    fn of_several_readings_the_nearest_counts_in_any_order() {
        let rows = ["a import 10 12:14:58", "a import 11 12:15:01", "a import 12 12:16:00", "a export 0 12:15:30"];
        let expected = ["2023-09-01T12:15:00Z a 11 0"];
        assert_eq!(collect(&rows), expected);
        let backwards: Vec<&str> = rows.into_iter().rev().collect();
        assert_eq!(collect(&backwards), expected);
    }

    #[test]
    fn a_meter_is_read_only_when_both_registers_are() {
        assert_eq!(collect(&["a import 10 12:15:00"]), [""; 0]);
        assert_eq!(collect(&["a import 10 12:15:00", "a export 5 12:18:00"]), [""; 0]);
    }

    #[test]
    fn the_same_reading_twice_is_one_and_the_lower_of_two_truths_counts() {
        assert_eq!(
            collect(&["a import 10 12:15:00", "a import 10 12:15:00", "a import 9 12:15:00", "a export 0 12:15:00"]),
            ["2023-09-01T12:15:00Z a 9 0"]
        );
    }

    #[test]
    fn reactive_and_unknown_registers_take_no_part() {
        for field in ["Reactive QI(+Ri)", "Reactive QIV(-Rc)", "active import", ""] {
            assert_eq!(reading("", field, "x", "y"), Ok(None));
        }
    }

    #[test]
    fn values_that_are_no_whole_numbers_are_refused() {
        for value in ["", "-1", "+1", "1.0", "1e3", " 1", "NaN", "0x10", "9223372036854775808", "99999999999999999999"]
        {
            let read = reading("a", "Active import", value, "2023-09-01T12:15:00Z");
            assert!(matches!(read, Err(InvalidReading::Value { .. })), "{value:?}: {read:?}");
        }
        let most = reading("a", "Active import", "9223372036854775807", "2023-09-01T12:15:00Z");
        assert_eq!(most.unwrap().unwrap().wh, REGISTER_WH_MAX);
    }

    #[test]
    fn dates_and_names_that_are_none_are_refused() {
        for date in ["", "yesterday", "2023-09-01", "2023-13-01T00:00:00Z", "2023-09-01T12:15:00"] {
            let read = reading("a", "Active import", "1", date);
            assert!(matches!(read, Err(InvalidReading::Date { .. })), "{date:?}: {read:?}");
        }
        assert!(matches!(
            reading("", "Active import", "1", "2023-09-01T12:15:00Z"),
            Err(InvalidReading::Meter(InvalidName::Empty))
        ));
    }

    #[test]
    fn a_full_series_ends_what_is_known() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        let mut horizon = Horizon::new(2);
        assert_eq!(horizon.complete_before(), None);
        horizon.count(&a, Register::Import, Some(at("2023-09-01T12:00:00Z")));
        horizon.count(&b, Register::Import, Some(at("2023-09-01T13:00:00Z")));
        assert_eq!(horizon.complete_before(), None);
        horizon.count(&b, Register::Import, Some(at("2023-09-01T12:45:00Z")));
        assert_eq!(horizon.complete_before(), Some(at("2023-09-01T13:00:00Z")));
        horizon.count(&a, Register::Import, Some(at("2023-09-01T12:15:00Z")));
        assert_eq!(horizon.complete_before(), Some(at("2023-09-01T12:15:00Z")));
        assert_eq!(horizon.meters(), 2);
    }
}
