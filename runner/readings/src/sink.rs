//! What formats write into: values of series, each with the row that it came from. Duplicates, overlaps and intervals off the
//! grid are found here, for all formats alike.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::MeterId;
use domain::reading::Registers;
use jiff::Timestamp;

use crate::limits::BAD_ROWS_MAX;
use crate::problem::BadRow;
use domain::metering::Grains;
use domain::metering::{Meter, Slot, Value};

/// Which way energy flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the grid.
    Import,
    /// Into it.
    Export,
}

/// A series: one direction of a meter, and of several registers of that direction one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series(u32);

impl Series {
    /// A number that tells it from others.
    pub fn number(self) -> u64 {
        self.0.into()
    }
}

/// When an interval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// From one instant to another.
    Between(Timestamp, Timestamp),
    /// From an instant on, for as long as the format says.
    From(Timestamp, u32),
    /// From an instant on; how long it is, the distance of rows tells.
    Starting(Timestamp),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    series: Series,
    start: i64,
    /// 0 if it is not known.
    seconds: u32,
    value: Option<Value>,
    row: u64,
    /// Whether the format says how long it is, and not the row.
    is_fixed: bool,
}

/// Collects what a file holds.
#[derive(Debug, Default)]
pub struct Sink {
    meters: HashMap<String, u32>,
    names: Vec<MeterId>,
    series: Vec<(u32, Direction)>,
    numbers: HashMap<(u32, Direction, u8), Series>,
    entries: Vec<Entry>,
    registers: Vec<(u32, i64, Registers, u64)>,
    row: u64,
    bad: Vec<(u64, String, String)>,
    /// All of them, kept or not.
    pub bad_total: usize,
    /// What people should know, with how often.
    told: BTreeMap<String, u64>,
    /// Energies that an operator allocates and that are not counted.
    compared: BTreeMap<(String, String), Grains>,
}

/// What a file comes to.
#[derive(Debug, Default)]
pub struct Collected {
    /// Its meters.
    pub meters: BTreeMap<MeterId, Meter>,
    /// What people should know of it.
    pub notes: Vec<String>,
    /// What the first rows become, by their number.
    pub becomes: BTreeMap<u64, String>,
}

impl Sink {
    /// Begins a row.
    pub fn begin(&mut self, row: u64) {
        self.row = row;
    }

    /// The meter of a row.
    ///
    /// # Errors
    /// If its name is none.
    pub fn meter(&mut self, name: &str) -> Result<u32, String> {
        if let Some(number) = self.meters.get(name) {
            return Ok(*number);
        }
        let meter: MeterId = name.parse().map_err(|error: domain::member::InvalidName| error.to_string())?;
        let number = u32::try_from(self.names.len()).map_err(|error| error.to_string())?;
        self.names.push(meter);
        self.meters.insert(name.to_owned(), number);
        Ok(number)
    }

    /// A series of a meter. Registers of the same direction add up.
    pub fn series(&mut self, meter: u32, direction: Direction, register: u8) -> Series {
        let next = Series(u32::try_from(self.series.len()).unwrap_or(u32::MAX));
        let series = *self.numbers.entry((meter, direction, register)).or_insert(next);
        if series == next {
            self.series.push((meter, direction));
        }
        series
    }

    /// Adds the energy of an interval; `None` if the row says that it is not known.
    ///
    /// # Errors
    /// If there is no such time.
    pub fn add(&mut self, series: Series, when: When, value: Option<Value>) -> Result<(), String> {
        let (start, seconds) = match when {
            When::Between(from, to) => {
                let seconds = u32::try_from(to.as_second().saturating_sub(from.as_second())).unwrap_or(0);
                if seconds == 0 || seconds > 86_400 {
                    return Err(format!("it lasts from {from} to {to}, which is no interval of a day or less"));
                }
                (from, seconds)
            }
            When::From(from, seconds) => (from, seconds),
            When::Starting(from) => (from, 0),
        };
        if start < Timestamp::UNIX_EPOCH || start.subsec_nanosecond() != 0 {
            return Err(format!("it begins at {start}, which is no whole second after 1970"));
        }
        let is_fixed = matches!(when, When::From(..));
        self.entries.push(Entry { series, start: start.as_second(), seconds, value, row: self.row, is_fixed });
        Ok(())
    }

    /// Adds registers that were read.
    pub fn add_registers(&mut self, meter: u32, at: Timestamp, registers: Registers) {
        self.registers.push((meter, at.as_second(), registers, self.row));
    }

    /// Keeps an energy that the operator allocated, to be compared.
    pub fn compare(&mut self, meter: &str, what: &str, grains: Grains) {
        let sum = self.compared.entry((meter.to_owned(), what.to_owned())).or_default();
        *sum = sum.plus(grains);
    }

    /// Tells something of a row.
    pub fn tell(&mut self, what: impl Into<String>) {
        *self.told.entry(what.into()).or_default() += 1;
    }

    /// Reports a row as wrong.
    pub fn bad(&mut self, row: u64, text: String, why: String) {
        self.bad_total += 1;
        if self.bad.len() < BAD_ROWS_MAX {
            self.bad.push((row, text, why));
        }
    }

    /// The rows that are wrong, in order.
    pub fn take_bad(&mut self, file: &str) -> Vec<BadRow> {
        self.bad.sort();
        let row = |(row, text, why)| BadRow { file: file.to_owned(), row, text, why };
        std::mem::take(&mut self.bad).into_iter().map(row).collect()
    }

    /// Puts everything together. `examples` are the rows of which it is shown what they become.
    ///
    /// # Errors
    /// If it is not known how long intervals are.
    pub fn finish(&mut self, step: Option<u32>, examples: &[u64]) -> Result<Collected, String> {
        self.entries.sort_by_key(|entry| (self.series[entry.series.0 as usize], entry.series, entry.start, entry.row));
        self.measure(step)?;
        self.check_step(step)?;
        let becomes = examples.iter().filter_map(|row| Some((*row, self.shown(*row)?))).collect();
        let mut collected = Collected { becomes, ..Collected::default() };
        let entries = self.once();
        let mut meters: Vec<Meter> = vec![Meter::default(); self.names.len()];
        for entry in &entries {
            let (meter, direction) = self.series[entry.series.0 as usize];
            self.put(&mut meters[meter as usize], direction, entry);
        }
        meters.iter_mut().for_each(Sink::mark_missing);
        for (meter, at, registers, row) in std::mem::take(&mut self.registers) {
            match meters[meter as usize].registers.insert(at, registers) {
                None => {}
                Some(same) if same == registers => self.tell("rows that repeat another one, taken once"),
                Some(other) => {
                    let name = &self.names[meter as usize];
                    self.bad(
                        row,
                        format!("{name} {registers}"),
                        format!("another row has {other} for meter {name} then"),
                    );
                }
            }
        }
        self.check_overlaps(&meters);
        self.tell_off_grid(&meters);
        collected.notes.extend(
            self.told.iter().map(|(what, count)| if *count > 1 { format!("{count} {what}") } else { what.clone() }),
        );
        for ((meter, what), grains) in &self.compared {
            collected.notes.push(format!("{meter}: {grains} are {what}: kept to compare, not counted"));
        }
        collected.meters = self.names.iter().cloned().zip(meters).filter(|(_, meter)| meter.span().is_some()).collect();
        Ok(collected)
    }

    /// Gives a length to intervals of which only the start is known: the distance of their rows.
    fn measure(&mut self, step: Option<u32>) -> Result<(), String> {
        if self.entries.iter().all(|entry| entry.seconds > 0) {
            return Ok(());
        }
        let step = match step {
            Some(step) => step,
            None => self.distance().ok_or(
                "it does not say how long its intervals are, and the distance of its rows does not tell: give --step, such as \
                 --step 15m",
            )?,
        };
        self.entries.iter_mut().filter(|entry| entry.seconds == 0).for_each(|entry| entry.seconds = step);
        Ok(())
    }

    /// The distance of the rows of series, if it is the same for most, and the others are multiples of it.
    fn distance(&self) -> Option<u32> {
        let mut distances: BTreeMap<i64, usize> = BTreeMap::new();
        for pair in self.entries.windows(2).filter(|pair| pair[0].series == pair[1].series) {
            let distance = pair[1].start - pair[0].start;
            if distance > 0 {
                *distances.entry(distance).or_default() += 1;
            }
        }
        let (least, count) = distances.first_key_value().map(|(distance, count)| (*distance, *count))?;
        let all: usize = distances.values().sum();
        let fits = 2 * count >= all && distances.keys().all(|distance| distance % least == 0);
        u32::try_from(least).ok().filter(|least| fits && (60..=86_400).contains(least))
    }

    /// A format may fix how long intervals are; a file whose rows are further apart throughout is another one.
    fn check_step(&self, step: Option<u32>) -> Result<(), String> {
        let (Some(first), None) = (self.entries.first(), step) else { return Ok(()) };
        let Some(distance) = self.distance().filter(|distance| *distance > first.seconds) else { return Ok(()) };
        // A few rows of which some are missing say nothing.
        let is_fixed = self.entries.iter().all(|entry| entry.is_fixed && entry.seconds == first.seconds);
        if is_fixed && self.entries.len() >= 5 {
            let (apart, length) = (distance / 60, first.seconds / 60);
            return Err(format!(
                "its rows are {apart} min apart, and its format is of intervals of {length} min: give --step to say which they are"
            ));
        }
        Ok(())
    }

    /// What a row becomes, for people.
    fn shown(&self, row: u64) -> Option<String> {
        let mut parts = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.row == row).take(4) {
            let (meter, direction) = self.series[entry.series.0 as usize];
            let from = Timestamp::from_second(entry.start).ok()?;
            let to = Timestamp::from_second(entry.start + i64::from(entry.seconds)).ok()?;
            let way = if direction == Direction::Import { "import" } else { "export" };
            let value = entry.value.map_or("missing".to_owned(), |value| {
                format!("{}{}", value.grains, if value.estimated { ", estimated" } else { "" })
            });
            parts.push(format!("{} {from} to {to} {way} {value}", self.names[meter as usize]));
        }
        for (meter, at, registers, _) in self.registers.iter().filter(|of| of.3 == row) {
            parts.push(format!("{} {} {registers}", self.names[*meter as usize], Timestamp::from_second(*at).ok()?));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Each entry once: those that repeat another one are told, those that contradict one are wrong.
    fn once(&mut self) -> Vec<Entry> {
        let mut once: Vec<Entry> = Vec::with_capacity(self.entries.len());
        let (mut repeated, mut contradicting) = (0, Vec::new());
        for entry in std::mem::take(&mut self.entries) {
            let Some(last) = once.last_mut().filter(|last| last.series == entry.series && last.start == entry.start)
            else {
                once.push(entry);
                continue;
            };
            match (last.value, entry.value) {
                _ if last.seconds != entry.seconds => contradicting.push((*last, entry)),
                (Some(before), Some(now)) if before.grains == now.grains => {
                    // A measured value is worth more than an estimate of the same.
                    last.value = Some(Value { estimated: before.estimated && now.estimated, ..now });
                    repeated += 1;
                }
                (None, None) => repeated += 1,
                (None, Some(_)) => *last = entry,
                (Some(_), None) => {}
                _ => contradicting.push((*last, entry)),
            }
        }
        if repeated > 0 {
            *self.told.entry("rows or values that repeat another one, taken once".to_owned()).or_default() += repeated;
        }
        let mut wrong = HashSet::new();
        for (first, second) in contradicting {
            let (meter, _) = self.series[second.series.0 as usize];
            let value = |entry: &Entry| entry.value.map_or("nothing".to_owned(), |value| value.grains.to_string());
            let at = Timestamp::from_second(second.start).map_or_else(|error| error.to_string(), |at| at.to_string());
            let why = format!(
                "it has {} for meter {} from {at} on, and row {} has {}",
                value(&second),
                self.names[meter as usize],
                first.row,
                value(&first)
            );
            self.bad(second.row, value(&second), why);
            wrong.insert((second.series, second.start));
        }
        if !wrong.is_empty() {
            // Nobody knows which of them is right.
            once.retain(|entry| !wrong.contains(&(entry.series, entry.start)));
        }
        once
    }

    fn put(&mut self, meter: &mut Meter, direction: Direction, entry: &Entry) {
        let slot = meter.slots.entry(entry.start).or_insert(Slot { seconds: entry.seconds, ..Slot::default() });
        if slot.seconds != entry.seconds {
            let why = format!(
                "its interval has {} min, and another one from the same start {} min",
                entry.seconds / 60,
                slot.seconds / 60
            );
            return self.bad(entry.row, String::new(), why);
        }
        let sum = match direction {
            Direction::Import => &mut slot.import,
            Direction::Export => &mut slot.export,
        };
        // Registers of the same direction, such as those of day and night, add up.
        *sum = match (*sum, entry.value) {
            (Some(before), Some(more)) => {
                Some(Value { grains: before.grains.plus(more.grains), estimated: before.estimated || more.estimated })
            }
            (before, more) => more.or(before),
        };
        let is_known = sum.is_some();
        match direction {
            Direction::Import => slot.lacks_import = !is_known,
            Direction::Export => slot.lacks_export = !is_known,
        }
    }

    /// A direction that a meter has before and after an interval, it has in it.
    fn mark_missing(meter: &mut Meter) {
        let has: [fn(&Slot) -> bool; 2] =
            [|slot| slot.import.is_some() || slot.lacks_import, |slot| slot.export.is_some() || slot.lacks_export];
        let [import, export] = has.map(|has| {
            let with = || meter.slots.iter().filter(|(_, slot)| has(slot)).map(|(start, _)| *start);
            with().min().zip(with().max())
        });
        let within =
            |span: Option<(i64, i64)>, start: i64| span.is_some_and(|(first, last)| first <= start && start <= last);
        for (start, slot) in &mut meter.slots {
            slot.lacks_import |= slot.import.is_none() && within(import, *start);
            slot.lacks_export |= slot.export.is_none() && within(export, *start);
        }
    }

    fn check_overlaps(&mut self, meters: &[Meter]) {
        for (number, meter) in meters.iter().enumerate() {
            let mut end = i64::MIN;
            for (start, slot) in &meter.slots {
                if *start < end {
                    let at = Timestamp::from_second(*start).map_or_else(|error| error.to_string(), |at| at.to_string());
                    let why = format!(
                        "meter {} has an interval from {at} on that begins before the one before it ends",
                        self.names[number]
                    );
                    self.bad(0, String::new(), why);
                }
                end = end.max(start + i64::from(slot.seconds));
            }
        }
    }

    fn tell_off_grid(&mut self, meters: &[Meter]) {
        let off = |(start, slot): &(&i64, &Slot)| slot.seconds > 0 && *start % i64::from(slot.seconds) != 0;
        for (number, meter) in meters.iter().enumerate() {
            let count = meter.slots.iter().filter(off).count();
            if let Some((first, slot)) = meter.slots.iter().find(off) {
                let at = Timestamp::from_second(*first).map_or_else(|error| error.to_string(), |at| at.to_string());
                self.tell(format!(
                    "{}: {count} intervals do not begin at a full {} min, the first at {at}",
                    self.names[number],
                    slot.seconds / 60
                ));
            }
        }
    }
}
