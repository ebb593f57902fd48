//! Meter readings, and the boundary to which each belongs.
//!
//! A meter's two active-energy registers only ever count up, in whole watt-hours. A reading belongs to the nearest
//! boundary within a tolerance; of several readings the nearest counts. A meter counts as read at a boundary only if
//! both registers were. Any other row from a Meters service is an [`InvalidReading`]: it is reported, never settled.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::interval::{Boundary, IntervalLength};
use crate::member::{InvalidName, MeterId};

/// One of a meter's two active-energy registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Register {
    /// Counts energy drawn from the grid.
    Import,
    /// Counts energy fed into the grid.
    Export,
}

impl Register {
    /// Both registers.
    pub const ALL: [Register; 2] = [Register::Import, Register::Export];

    /// Finds a register by its name on the platform's wire; `None` for reactive registers and any other name.
    pub fn from_field(field: &str) -> Option<Register> {
        Register::ALL.into_iter().find(|register| register.field() == field)
    }

    /// Returns the register's name on the platform's wire.
    pub fn field(self) -> &'static str {
        match self {
            Register::Import => "Active import",
            Register::Export => "Active export",
        }
    }
}

/// The largest valid value of a register, in Wh: 2⁶³ − 1, so that every store can hold it as a signed 64-bit integer.
pub const REGISTER_WH_MAX: u64 = i64::MAX as u64;

/// The value of one register at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The meter that was read.
    pub meter: MeterId,
    /// The register that was read.
    pub register: Register,
    /// When it was read.
    pub at: Timestamp,
    /// The register's value, in Wh; at most [`REGISTER_WH_MAX`].
    pub wh: u64,
}

/// The error for a row from a Meters service that is not a valid reading.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReading {
    /// The meter's name is invalid.
    #[error("a reading names no usable meter: {0}")]
    Meter(#[from] InvalidName),
    /// The time is not RFC 3339 with an offset.
    #[error("meter {meter} has a reading at {date:?}, which is no RFC 3339 time (such as 2023-09-01T12:15:00Z)")]
    Date {
        /// The meter named in the row.
        meter: MeterId,
        /// The text given as the time, cut to 40 characters.
        date: String,
    },
    /// The value is not a whole number of watt-hours from 0 to [`REGISTER_WH_MAX`].
    #[error("meter {meter} shows {value:?} as {} at {at}, which is no whole number of Wh from 0 to 2^63-1", register.field())]
    Value {
        /// The meter named in the row.
        meter: MeterId,
        /// The register named in the row.
        register: Register,
        /// When it was read.
        at: Timestamp,
        /// The text given as the value, cut to 40 characters.
        value: String,
    },
}

impl Reading {
    /// Parses the four text fields of a row on the platform's wire.
    ///
    /// Returns `Ok(None)` for a register that is not settled, such as a reactive one.
    ///
    /// # Errors
    /// If the row names an active register but its meter, value or date is invalid.
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

/// Parses a register, in Wh: at most [`REGISTER_WH_MAX`]. Accepts digits only, whereas `str::parse` would also accept a sign.
pub fn parse_register(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let wh = text.parse().ok().filter(|wh| *wh <= REGISTER_WH_MAX);
    wh.filter(|_| digits)
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The values of a meter's two active-energy registers at one boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Registers {
    /// Cumulative energy drawn from the grid, in Wh.
    pub import_wh: u64,
    /// Cumulative energy fed into the grid, in Wh.
    pub export_wh: u64,
}

impl Registers {
    /// Both registers at 0.
    pub const ZERO: Registers = Registers { import_wh: 0, export_wh: 0 };

    /// Returns the value of one of them, in Wh.
    pub fn of(&self, register: Register) -> u64 {
        match register {
            Register::Import => self.import_wh,
            Register::Export => self.export_wh,
        }
    }

    /// Subtracts each register; `None` if one would be below 0.
    pub fn checked_sub(self, other: Registers) -> Option<Registers> {
        Some(Registers {
            import_wh: self.import_wh.checked_sub(other.import_wh)?,
            export_wh: self.export_wh.checked_sub(other.export_wh)?,
        })
    }

    /// Adds each register, up to the largest number: more than can be settled anyway.
    pub fn saturating_add(self, other: Registers) -> Registers {
        Registers {
            import_wh: self.import_wh.saturating_add(other.import_wh),
            export_wh: self.export_wh.saturating_add(other.export_wh),
        }
    }
}

impl fmt::Display for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "import {} Wh, export {} Wh", self.import_wh, self.export_wh)
    }
}

/// The registers of every meter that was read at one boundary.
pub type BoundaryReadings = BTreeMap<MeterId, Registers>;

/// Assigns readings to boundaries.
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

/// The best reading so far of each register of one meter at one boundary.
#[derive(Debug, Default)]
struct Nearest {
    import: Option<Candidate>,
    export: Option<Candidate>,
}

/// A reading and its distance from the boundary. Ordered by preference: the nearest first, then the earliest. Two
/// values for one instant cannot both be right; the lower is preferred, because it cannot invent energy in this
/// interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    distance: Duration,
    at: Timestamp,
    wh: u64,
}

impl Collector {
    /// Makes a collector for intervals of this length. It accepts readings up to `tolerance` from a boundary; from half
    /// the length on, that would be every reading.
    pub fn new(length: IntervalLength, tolerance: Duration) -> Collector {
        Collector { length, tolerance, nearest: BTreeMap::new() }
    }

    /// Finds the boundary for a reading at this time, and its distance; `None` if none is within the tolerance.
    pub fn boundary_of(&self, at: Timestamp) -> Option<(Boundary, Duration)> {
        Boundary::nearest(at, self.length).filter(|(_, distance)| *distance <= self.tolerance)
    }

    /// Adds a reading, or ignores it if no boundary is near. Order and repetition make no difference.
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

    /// Returns, in order of time, where only one register of a meter was added, and which.
    pub fn halves(&self) -> impl Iterator<Item = (Boundary, &MeterId, Register)> {
        let half = |nearest: &Nearest| match (nearest.import, nearest.export) {
            (Some(_), None) => Some(Register::Import),
            (None, Some(_)) => Some(Register::Export),
            _ => None,
        };
        let all = self.nearest.iter().flat_map(|(boundary, meters)| meters.iter().map(move |of| (*boundary, of)));
        all.filter_map(move |(boundary, (meter, nearest))| Some((boundary, meter, half(nearest)?)))
    }

    /// Forgets the readings of a meter at a boundary.
    pub fn forget(&mut self, meter: &MeterId, boundary: Boundary) {
        if let Some(meters) = self.nearest.get_mut(&boundary) {
            meters.remove(meter);
        }
    }

    /// Returns, in order of time, each boundary at which at least one meter was read, with the meters read there.
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

/// Finds out up to when a page of a Meters service's response is complete.
///
/// A page has at most `limit` of the oldest rows of each series (a meter's register). A series that reaches the limit
/// may have more, so it is only complete up to its newest row.
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
    /// Makes a horizon for a page of at most `limit` rows per series.
    pub fn new(limit: usize) -> Horizon {
        Horizon { limit, series: BTreeMap::new() }
    }

    /// Counts one row, valid or not; `at` is `None` if its time is invalid.
    pub fn count(&mut self, meter: &MeterId, register: Register, at: Option<Timestamp>) {
        let series = self.series.entry((meter.clone(), register)).or_default();
        series.rows += 1;
        series.newest = series.newest.max(at);
    }

    /// Returns each meter that may have more rows, with the instant before which the page has all of its rows.
    pub fn unfinished(&self) -> BTreeMap<MeterId, Timestamp> {
        let mut unfinished: BTreeMap<MeterId, Timestamp> = BTreeMap::new();
        for ((meter, _), series) in self.series.iter().filter(|(_, series)| series.rows >= self.limit) {
            let Some(newest) = series.newest else { continue };
            unfinished.entry(meter.clone()).and_modify(|end| *end = newest.min(*end)).or_insert(newest);
        }
        unfinished
    }

    /// Returns the instant before which the page is complete; `None` if it is complete as a whole.
    pub fn complete_before(&self) -> Option<Timestamp> {
        self.unfinished().into_values().min()
    }

    /// Returns the meters on the page.
    pub fn meters(&self) -> BTreeSet<MeterId> {
        self.series.keys().map(|(meter, _)| meter.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(meter: &str, field: &str, value: &str, date: &str) -> Result<Option<Reading>, InvalidReading> {
        Reading::parse(meter, field, value, date)
    }

    /// Collects rows of `meter register value time`; returns lines of `boundary meter import export`.
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
    fn the_nearest_of_several_readings_counts_in_any_order() {
        let rows = ["a import 10 12:14:58", "a import 11 12:15:01", "a import 12 12:16:00", "a export 0 12:15:30"];
        let expected = ["2023-09-01T12:15:00Z a 11 0"];
        assert_eq!(collect(&rows), expected);
        let backwards: Vec<&str> = rows.into_iter().rev().collect();
        assert_eq!(collect(&backwards), expected);
    }

    #[test]
    fn a_meter_is_read_only_if_both_registers_are() {
        assert_eq!(collect(&["a import 10 12:15:00"]), [""; 0]);
        assert_eq!(collect(&["a import 10 12:15:00", "a export 5 12:18:00"]), [""; 0]);
    }

    #[test]
    fn where_one_register_is_missing_is_told() {
        let mut collector = Collector::new(IntervalLength::QUARTER_HOUR, Duration::from_secs(120));
        for (meter, field, time) in [
            ("a", "Active import", "12:15:00"),
            ("a", "Active export", "12:17:01"),
            ("b", "Active import", "12:15:00"),
            ("b", "Active export", "12:17:00"),
            ("a", "Active export", "12:28:00"),
        ] {
            collector.add(reading(meter, field, "1", &format!("2023-09-01T{time}Z")).unwrap().unwrap());
        }
        let halves = collector.halves().map(|(at, meter, register)| format!("{at} {meter} {}", register.field()));
        let halves: Vec<String> = halves.collect();
        assert_eq!(halves, ["2023-09-01T12:15:00Z a Active import", "2023-09-01T12:30:00Z a Active export"]);
    }

    #[test]
    fn a_repeated_reading_counts_once_and_the_lower_of_two_values_counts() {
        assert_eq!(
            collect(&["a import 10 12:15:00", "a import 10 12:15:00", "a import 9 12:15:00", "a export 0 12:15:00"]),
            ["2023-09-01T12:15:00Z a 9 0"]
        );
    }

    #[test]
    fn reactive_and_unknown_registers_are_ignored() {
        for field in ["Reactive QI(+Ri)", "Reactive QIV(-Rc)", "active import", ""] {
            assert_eq!(reading("", field, "x", "y"), Ok(None));
        }
    }

    #[test]
    fn values_that_are_not_whole_numbers_in_range_are_refused() {
        for value in ["", "-1", "+1", "1.0", "1e3", " 1", "NaN", "0x10", "9223372036854775808", "99999999999999999999"]
        {
            let read = reading("a", "Active import", value, "2023-09-01T12:15:00Z");
            assert!(matches!(read, Err(InvalidReading::Value { .. })), "{value:?}: {read:?}");
        }
        let most = reading("a", "Active import", "9223372036854775807", "2023-09-01T12:15:00Z");
        assert_eq!(most.unwrap().unwrap().wh, REGISTER_WH_MAX);
    }

    #[test]
    fn invalid_dates_and_names_are_refused() {
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
    fn a_page_is_complete_up_to_the_end_of_its_shortest_full_series() {
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
        assert_eq!(horizon.meters().len(), 2);
    }
}
