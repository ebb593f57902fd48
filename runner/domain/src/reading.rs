//! Meter readings, and the boundary to which each belongs.
//!
//! A meter's two active-energy registers only ever count up, in whole watt-hours. A reading belongs to the nearest
//! boundary within a tolerance; of several readings the nearest counts. A meter counts as read at a boundary only if
//! both registers were. Any other row from a Meters service is an [`InvalidReading`]: it is reported, never settled.
//!
//! A page has thousands of rows for every interval, so nothing here allocates for a row: a [`MeterList`] checks and keeps
//! each name once, and everything else knows a meter by its number there.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The meter that was read, by its number in a [`MeterList`].
    pub meter: usize,
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

impl InvalidReading {
    /// Makes the error for a row whose time is none.
    pub fn date(meter: &MeterId, date: &str) -> InvalidReading {
        InvalidReading::Date { meter: meter.clone(), date: cut(date) }
    }

    /// Makes the error for a row whose value is none.
    pub fn value(meter: &MeterId, register: Register, at: Timestamp, value: &str) -> InvalidReading {
        InvalidReading::Value { meter: meter.clone(), register, at, value: cut(value) }
    }
}

/// Parses a register, in Wh: digits only, at most [`REGISTER_WH_MAX`].
pub fn parse_register(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let digit = |wh: u64, byte: u8| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        wh.checked_mul(10)?.checked_add(digit.into())
    };
    text.bytes().try_fold(0, digit).filter(|wh| *wh <= REGISTER_WH_MAX)
}

/// Parses an RFC 3339 time with an offset.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    match text.as_bytes().try_into().ok().and_then(whole_second) {
        Some(second) => Timestamp::from_second(second).ok(),
        None => text.parse().ok(),
    }
}

/// Parses the form in which services send times, such as `2023-09-01T12:15:00Z`, in a tenth of the time that all of RFC 3339
/// takes; `None` for any other.
fn whole_second(text: &[u8; 20]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'Z'] = *text else {
        return None;
    };
    let two = |tens: u8, ones: u8| {
        let is_number = tens.is_ascii_digit() && ones.is_ascii_digit();
        is_number.then(|| (tens & 0xf) * 10 + (ones & 0xf))
    };
    let year = i16::from(two(y1, y2)?) * 100 + i16::from(two(y3, y4)?);
    let date = Date::new(year, two(o1, o2)?.cast_signed(), two(d1, d2)?.cast_signed()).ok()?;
    let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    // Leap seconds are left to the calendar.
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let midnight = date.duration_since(Date::constant(1970, 1, 1)).as_secs();
    Some(midnight + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second))
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

/// The meters of a page: each name is checked and kept once, and known by its number.
#[derive(Debug, Default)]
pub struct MeterList {
    numbers: HashMap<Arc<str>, usize>,
    names: Vec<MeterId>,
    /// The meter that was asked for last.
    latest: usize,
}

impl MeterList {
    /// Returns the number of a meter, which is the next one for a name that is new.
    ///
    /// # Errors
    /// If no meter may have this name.
    pub fn number_of(&mut self, name: &str) -> Result<usize, InvalidName> {
        // Rows come series by series, or in the same order of meters again and again.
        for number in [self.latest, self.latest + 1] {
            if self.names.get(number).is_some_and(|meter| meter.as_str() == name) {
                self.latest = number;
                return Ok(number);
            }
        }
        self.latest = match self.numbers.get(name) {
            Some(number) => *number,
            None => {
                let meter: MeterId = name.parse()?;
                let number = self.names.len();
                self.numbers.insert(meter.shared(), number);
                self.names.push(meter);
                number
            }
        };
        Ok(self.latest)
    }

    /// Returns the number of a meter, if it is in the list.
    pub fn find(&self, meter: &MeterId) -> Option<usize> {
        self.numbers.get(meter.as_str()).copied()
    }

    /// Returns the meter of a number.
    ///
    /// # Panics
    /// If the number is not of this list.
    pub fn meter(&self, number: usize) -> &MeterId {
        &self.names[number]
    }

    /// Returns every meter, by number.
    pub fn meters(&self) -> &[MeterId] {
        &self.names
    }

    /// Returns where each meter, by number, is in the order of names.
    fn ranks(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_by_key(|number| &self.names[*number]);
        let mut ranks = vec![0; order.len()];
        for (rank, number) in order.into_iter().enumerate() {
            ranks[number] = rank;
        }
        ranks
    }
}

/// Assigns readings to boundaries.
///
/// ```
/// use domain::reading::{Collector, MeterList, Reading, Register, parse_register, parse_time};
/// use domain::IntervalLength;
/// let (mut meters, length) = (MeterList::default(), IntervalLength::QUARTER_HOUR);
/// let mut collector = Collector::new(length, std::time::Duration::from_secs(120));
/// for (register, value) in [(Register::Import, "7120"), (Register::Export, "0")] {
///     let (meter, at) = (meters.number_of("m01").unwrap(), parse_time("2023-09-01T12:14:58Z").unwrap());
///     collector.add(Reading { meter, register, at, wh: parse_register(value).unwrap() });
/// }
/// let boundaries = collector.boundaries(&meters);
/// let [(boundary, read)] = &boundaries[..] else { panic!("one boundary") };
/// assert_eq!((boundary.to_string().as_str(), read.len()), ("2023-09-01T12:15:00Z", 1));
/// ```
#[derive(Debug)]
pub struct Collector {
    length: IntervalLength,
    tolerance: Duration,
    nearest: BTreeMap<Boundary, AtBoundary>,
}

/// The best readings so far at one boundary, meter by meter as they come: a meter that comes again later has several entries
/// until they are put together. Rows come in the order of meters, or of times for each, so that this is rare.
#[derive(Debug, Default)]
struct AtBoundary {
    meters: Vec<(usize, Nearest)>,
    /// Whether a meter came after one with a greater number.
    is_scattered: bool,
}

impl AtBoundary {
    fn of(&mut self, meter: usize) -> &mut Nearest {
        let latest = self.meters.last().map(|(latest, _)| *latest);
        self.is_scattered |= latest.is_some_and(|latest| latest > meter);
        if latest != Some(meter) {
            self.meters.push((meter, Nearest::default()));
        }
        let last = self.meters.len() - 1;
        &mut self.meters[last].1
    }

    /// The meters in ascending order, each with its best readings.
    fn merged(&mut self) -> &[(usize, Nearest)] {
        if self.is_scattered {
            self.meters.sort_by_key(|(meter, _)| *meter);
            self.meters.dedup_by(|(next, more), (meter, nearest)| {
                let is_same = next == meter;
                if is_same {
                    nearest.take_in(more);
                }
                is_same
            });
            self.is_scattered = false;
        }
        &self.meters
    }
}

/// The best reading so far of each register of one meter at one boundary.
#[derive(Debug, Default)]
struct Nearest {
    import: Option<Candidate>,
    export: Option<Candidate>,
}

impl Nearest {
    fn add(&mut self, register: Register, candidate: Candidate) {
        let best = match register {
            Register::Import => &mut self.import,
            Register::Export => &mut self.export,
        };
        if best.is_none_or(|known| candidate < known) {
            *best = Some(candidate);
        }
    }

    fn take_in(&mut self, other: &Nearest) {
        other.import.into_iter().for_each(|candidate| self.add(Register::Import, candidate));
        other.export.into_iter().for_each(|candidate| self.add(Register::Export, candidate));
    }

    fn registers(&self) -> Option<Registers> {
        Some(Registers { import_wh: self.import?.wh, export_wh: self.export?.wh })
    }
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

    /// Adds a reading; returns `false`, and ignores it, if no boundary is near. Order and repetition make no difference.
    pub fn add(&mut self, Reading { meter, register, at, wh }: Reading) -> bool {
        let Some((boundary, distance)) = self.boundary_of(at) else { return false };
        self.nearest.entry(boundary).or_default().of(meter).add(register, Candidate { distance, at, wh });
        true
    }

    /// Returns, in order of time, where only one register of a meter was added, and which.
    pub fn halves(&mut self) -> impl Iterator<Item = (Boundary, usize, Register)> {
        let half = |nearest: &Nearest| match (nearest.import, nearest.export) {
            (Some(_), None) => Some(Register::Import),
            (None, Some(_)) => Some(Register::Export),
            _ => None,
        };
        let all = self.nearest.iter_mut();
        let all = all.flat_map(|(boundary, meters)| meters.merged().iter().map(move |of| (*boundary, of)));
        all.filter_map(move |(boundary, (meter, nearest))| Some((boundary, *meter, half(nearest)?)))
    }

    /// Forgets the readings of a meter at a boundary.
    pub fn forget(&mut self, meter: usize, boundary: Boundary) {
        if let Some(meters) = self.nearest.get_mut(&boundary) {
            meters.meters.retain(|(of, _)| *of != meter);
        }
    }

    /// Returns, in order of time, each boundary at which at least one meter was read, with the meters read there. `meters` is
    /// the list whose numbers were added.
    ///
    /// # Panics
    /// If a number that was added is not of that list.
    pub fn boundaries(self, meters: &MeterList) -> Vec<(Boundary, BoundaryReadings)> {
        let ranks = meters.ranks();
        let read = |(boundary, mut nearest): (Boundary, AtBoundary)| {
            let whole = nearest.merged().iter().filter_map(|(meter, nearest)| Some((*meter, nearest.registers()?)));
            let mut whole: Vec<(usize, Registers)> = whole.collect();
            // A tree is built fast from what is in order, and numbers compare faster than names.
            whole.sort_unstable_by_key(|(meter, _)| ranks[*meter]);
            let named = whole.into_iter().map(|(meter, registers)| (meters.meter(meter).clone(), registers));
            let read: BoundaryReadings = named.collect();
            (!read.is_empty()).then_some((boundary, read))
        };
        self.nearest.into_iter().filter_map(read).collect()
    }
}

/// Finds out up to when responses of a Meters service are complete, one after the other.
///
/// A response has at most `limit` of the oldest rows of each series (a meter's register). A series that reaches the limit
/// may have more, so it is only complete up to its newest row.
#[derive(Debug, Default)]
pub struct Horizon {
    /// The series of each meter, by its number; those of meters without a row in this response are empty.
    series: Vec<[Series; 2]>,
    /// The meters that have a row in this response.
    meters: Vec<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Series {
    rows: usize,
    newest: Option<Timestamp>,
}

impl Horizon {
    /// Counts one row, valid or not; `at` is `None` if its time is invalid.
    pub fn count(&mut self, meter: usize, register: Register, at: Option<Timestamp>) {
        if meter >= self.series.len() {
            self.series.resize(meter + 1, Default::default());
        }
        let of_meter = &mut self.series[meter];
        if of_meter.iter().all(|series| series.rows == 0) {
            self.meters.push(meter);
        }
        let series = &mut of_meter[register as usize];
        series.rows += 1;
        series.newest = series.newest.max(at);
    }

    /// Ends a response of at most `limit` rows per series: returns each meter that may have more rows, with the instant before
    /// which the response has all of its rows. The next response begins.
    pub fn finish(&mut self, limit: usize) -> Vec<(usize, Timestamp)> {
        let unfinished = |meter: usize| {
            let series = std::mem::take(&mut self.series[meter]);
            let full = series.iter().filter(|series| series.rows >= limit);
            Some((meter, full.filter_map(|series| series.newest).min()?))
        };
        self.meters.drain(..).filter_map(unfinished).collect()
    }
}
