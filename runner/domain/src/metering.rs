//! What is known of a meter from files: the energy of intervals, exact in grains, or registers, and the registers that follow.
//!
//! A grain is 1/60 of 10⁻⁶ kWh. Energies in files have six decimals of a kWh at most, and mean power over whole minutes is a
//! whole number of grains too (1 W over 10 min is 10,000). So sums are exact over any time, and are rounded once.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;

use jiff::Timestamp;

use crate::reading::Registers;

/// Grains in a watt-hour.
const PER_WH: u64 = 60_000;
/// The most that one value can be: 10⁹ kWh, far above any meter, so that no sum of a file overflows.
const GRAINS_MAX: u64 = 60_000_000_000_000_000;

/// An amount of energy in 1/60 of 10⁻⁶ kWh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grains(u64);

impl Grains {
    /// Nothing.
    pub const ZERO: Grains = Grains(0);

    /// Makes an amount from a number of grains; `None` if it is more than any meter measures.
    pub fn new(grains: u64) -> Option<Grains> {
        (grains <= GRAINS_MAX).then_some(Grains(grains))
    }

    /// Returns the number of grains.
    pub fn get(self) -> u64 {
        self.0
    }

    /// Makes an amount of whole watt-hours.
    pub fn from_wh(wh: u64) -> Option<Grains> {
        Grains::new(wh.checked_mul(PER_WH)?)
    }

    /// Adds two amounts.
    pub fn plus(self, other: Grains) -> Grains {
        Grains(self.0.saturating_add(other.0))
    }

    /// Returns whole watt-hours, rounded to the nearest, halves up. Only sums are rounded.
    pub fn wh(self) -> u64 {
        self.0.saturating_add(PER_WH / 2) / PER_WH
    }
}

impl Sum for Grains {
    fn sum<I: Iterator<Item = Grains>>(amounts: I) -> Grains {
        amounts.fold(Grains::ZERO, Grains::plus)
    }
}

/// In kWh, with as many decimals as it has, six at least three.
impl fmt::Display for Grains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Six digits more than 10⁻⁶ kWh has; a third of a grain's unit is cut there.
        let picos = u128::from(self.0) * 1_000_000 / 60;
        let text = format!("{}.{:012}", picos / 1_000_000_000_000, picos % 1_000_000_000_000);
        let cut = text.trim_end_matches('0');
        let least = text.len() - 9;
        write!(f, "{} kWh", if cut.len() < least { &text[..least] } else { cut })
    }
}

/// The energy of one direction in an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// How much.
    pub grains: Grains,
    /// Whether the operator has estimated it.
    pub estimated: bool,
}

/// What is known of an interval of a meter. A direction that is `None` counts as 0, unless it is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// Its length, in seconds.
    pub seconds: u32,
    /// What was drawn from the grid.
    pub import: Option<Value>,
    /// What was fed in.
    pub export: Option<Value>,
    /// Whether what was drawn is missing: it is measured, and not known.
    pub lacks_import: bool,
    /// Whether what was fed in is missing.
    pub lacks_export: bool,
}

/// A meter: the metering point, not the device, which changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// Its intervals, by the Unix second of their start. One of which nothing is known stands for a row without a value.
    pub slots: BTreeMap<i64, Slot>,
    /// Its registers as they were read, by Unix second; empty where energy of intervals is known.
    pub registers: BTreeMap<i64, Registers>,
}

/// The registers of a meter at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cumulative {
    /// The instant.
    pub at: Timestamp,
    /// The registers, in whole Wh: exact sums, rounded here.
    pub registers: Registers,
    /// Whether the energy of the interval that ends here was estimated.
    pub estimated: bool,
    /// Whether it is not known what the meter measured since the registers before: their difference is no energy of an
    /// interval. True of the first registers, too.
    pub after_missing: bool,
}

impl Merged {
    fn add(&mut self, at: i64) {
        self.new += 1;
        self.first_new = Some(self.first_new.map_or(at, |first| first.min(at)));
    }
}

impl Slot {
    fn merge(&mut self, start: i64, more: &Slot, merged: &mut Merged) -> Result<(), Contradiction> {
        let contradiction = |known: String, new: String| Contradiction { at: start, known, new };
        if self.seconds != more.seconds {
            let length = |slot: &Slot| format!("an interval of {} min", slot.seconds / 60);
            return Err(contradiction(length(self), length(more)));
        }
        let directions = [
            ("import", &mut self.import, more.import, &mut self.lacks_import, more.lacks_import),
            ("export", &mut self.export, more.export, &mut self.lacks_export, more.lacks_export),
        ];
        for (name, known, new, lacks, lacks_too) in directions {
            match (&known, new) {
                (Some(was), Some(now)) if was.grains != now.grains => {
                    let text = |value: Value| format!("{name} {}", value.grains);
                    return Err(contradiction(text(*was), text(now)));
                }
                (Some(was), Some(now)) => {
                    // A measured value is worth more than an estimate of the same.
                    *known = Some(Value { estimated: was.estimated && now.estimated, ..now });
                    merged.same += 1;
                }
                (None, Some(now)) => {
                    *known = Some(now);
                    merged.add(start);
                }
                (_, None) => {}
            }
            *lacks = (*lacks || lacks_too) && known.is_none();
        }
        Ok(())
    }

    /// Whether anything of it was estimated.
    pub fn is_estimated(&self) -> bool {
        self.import.into_iter().chain(self.export).any(|value| value.estimated)
    }

    /// Whether everything of it is known that is measured.
    pub fn is_complete(&self) -> bool {
        !self.lacks_import && !self.lacks_export && (self.import.is_some() || self.export.is_some())
    }
}

/// Two values of a meter that cannot both be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// When, in Unix seconds.
    pub at: i64,
    /// What is known.
    pub known: String,
    /// What contradicts it.
    pub new: String,
}

/// How much of what was merged is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Energies and registers that were not known.
    pub new: u64,
    /// Those that were known, and are the same.
    pub same: u64,
    /// Where the first new one begins, in Unix seconds.
    pub first_new: Option<i64>,
}

/// The directions that a meter has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directions {
    /// Whether anything was drawn in any interval, be it 0.
    pub import: bool,
    /// Whether anything was fed in.
    pub export: bool,
}

impl Meter {
    /// Adds what is known from elsewhere.
    ///
    /// # Errors
    /// If it contradicts what is known. Then nothing more is added, and the meter is not to be used.
    pub fn merge(&mut self, more: &Meter) -> Result<Merged, Contradiction> {
        let mut merged = Merged::default();
        for (at, registers) in &more.registers {
            let known = self.registers.entry(*at).or_insert_with(|| {
                merged.add(*at);
                *registers
            });
            if known != registers {
                return Err(Contradiction { at: *at, known: known.to_string(), new: registers.to_string() });
            }
        }
        merged.same += (more.registers.len() as u64).saturating_sub(merged.new);
        for (start, slot) in &more.slots {
            let known = self.slots.entry(*start).or_insert(Slot { seconds: slot.seconds, ..Slot::default() });
            known.merge(*start, slot, &mut merged)?;
        }
        match self.overlap(more) {
            None => Ok(merged),
            Some((at, known)) => {
                let known = format!("an interval of {} min that it overlaps", known / 60);
                Err(Contradiction { at, known, new: "another interval".to_owned() })
            }
        }
    }

    /// Where an interval of these overlaps the one before it, and how long that one is.
    fn overlap(&self, of: &Meter) -> Option<(i64, u32)> {
        let (first, last) = (*of.slots.keys().next()?, *of.slots.keys().next_back()?);
        let around = self.slots.range(..first).next_back().into_iter().chain(self.slots.range(first..=last));
        let all: Vec<(i64, u32)> =
            around.chain(self.slots.range(last + 1..).next()).map(|(start, slot)| (*start, slot.seconds)).collect();
        let mut pairs = all.windows(2);
        pairs.find(|pair| pair[0].0 + i64::from(pair[0].1) > pair[1].0).map(|pair| (pair[1].0, pair[0].1))
    }

    /// The directions of which anything is known. The other one counts as 0.
    pub fn directions(&self) -> Directions {
        Directions {
            import: self.slots.values().any(|slot| slot.import.is_some()),
            export: self.slots.values().any(|slot| slot.export.is_some()),
        }
    }

    /// The start of what is there of it, and the end, in Unix seconds.
    pub fn span(&self) -> Option<(i64, i64)> {
        let read = self.registers.keys().next().copied().zip(self.registers.keys().next_back().copied());
        let ends = self.slots.iter().next_back().map(|(start, slot)| start + i64::from(slot.seconds));
        let counted = self.slots.keys().next().copied().zip(ends);
        let (from, until) = read.or(counted)?;
        Some(counted.map_or((from, until), |(start, end)| (from.min(start), until.max(end))))
    }

    /// Its intervals of which everything is known that is measured.
    pub fn known(&self) -> impl Iterator<Item = (i64, &Slot)> {
        self.slots.iter().filter(|(_, slot)| slot.is_complete()).map(|(start, slot)| (*start, slot))
    }

    /// The times between the first and the last row for which it is not known what the meter measured.
    pub fn holes(&self) -> Vec<(i64, i64)> {
        let (Some((from, until)), true) = (self.span(), self.registers.is_empty()) else { return Vec::new() };
        let mut holes = Vec::new();
        let mut end = from;
        for (start, slot) in self.known() {
            if start > end {
                holes.push((end, start));
            }
            end = end.max(start + i64::from(slot.seconds));
        }
        if end < until {
            holes.push((end, until));
        }
        holes
    }

    /// How long its intervals are, in seconds: as most are.
    pub fn step(&self) -> Option<u32> {
        let mut lengths: BTreeMap<u32, usize> = BTreeMap::new();
        self.slots.values().for_each(|slot| *lengths.entry(slot.seconds).or_default() += 1);
        lengths.into_iter().max_by_key(|(_, count)| *count).map(|(seconds, _)| seconds)
    }

    /// How many intervals are missing between the first and the last row.
    pub fn missing(&self) -> u64 {
        let step = u64::from(self.step().unwrap_or(0)).max(1);
        self.holes().iter().map(|(from, to)| to.abs_diff(*from).div_ceil(step)).sum()
    }

    /// The energy of all that is known, or by how much the registers rose.
    pub fn sums(&self) -> Registers {
        if let (Some(first), Some(last)) = (self.registers.values().next(), self.registers.values().next_back()) {
            return last.checked_sub(*first).unwrap_or(Registers::ZERO);
        }
        let sum = |of: fn(&Slot) -> Option<Value>| -> u64 {
            self.slots.values().filter_map(of).map(|value| value.grains).sum::<Grains>().wh()
        };
        Registers { import_wh: sum(|slot| slot.import), export_wh: sum(|slot| slot.export) }
    }

    /// The registers at every instant at which they are known, in order of time, counted from 0; registers that were read are
    /// as they are.
    ///
    /// What is known of an incomplete interval counts, and the registers after it say that something is missing.
    pub fn cumulative(&self) -> Vec<Cumulative> {
        self.cumulative_from(Base::default())
    }

    /// As [`Meter::cumulative`], from what the meter had counted before.
    pub fn cumulative_from(&self, mut base: Base) -> Vec<Cumulative> {
        let mut readings = Vec::with_capacity(self.slots.len() + self.registers.len() + 1);
        let (mut read, mut end) = (self.registers.iter().peekable(), None);
        let take = |base: &mut Base, (at, registers): (&i64, &Registers), readings: &mut Vec<Cumulative>| {
            *base = Base::at(*registers);
            readings.extend(reading(*at, *registers, false, false));
        };
        for (start, slot) in &self.slots {
            // What was read at an instant stands above what was counted until then.
            while let Some(registers) = read.next_if(|(at, _)| *at <= start) {
                if end == Some(*registers.0) {
                    readings.pop();
                }
                end = Some(*registers.0);
                take(&mut base, registers, &mut readings);
            }
            if !slot.is_complete() {
                base.count(slot);
                continue;
            }
            if end != Some(*start) {
                readings.extend(reading(*start, base.registers(), false, true));
            }
            base.count(slot);
            let until = start + i64::from(slot.seconds);
            readings.extend(reading(until, base.registers(), slot.is_estimated(), false));
            end = Some(until);
        }
        for registers in read {
            if end == Some(*registers.0) {
                readings.pop();
            }
            take(&mut base, registers, &mut readings);
        }
        readings
    }
}

/// What a meter had counted before: registers that were read, and the energy since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// The last registers that were read.
    pub read: Registers,
    /// What was drawn since.
    pub import: Grains,
    /// What was fed in since.
    pub export: Grains,
}

impl Default for Base {
    fn default() -> Base {
        Base::at(Registers::ZERO)
    }
}

impl Base {
    /// Registers that were just read.
    pub fn at(read: Registers) -> Base {
        Base { read, import: Grains::ZERO, export: Grains::ZERO }
    }

    /// Counts what is known of an interval.
    pub fn count(&mut self, slot: &Slot) {
        let energy = |value: Option<Value>| value.map_or(Grains::ZERO, |value| value.grains);
        self.import = self.import.plus(energy(slot.import));
        self.export = self.export.plus(energy(slot.export));
    }

    /// The registers, rounded to whole Wh.
    pub fn registers(&self) -> Registers {
        self.read.saturating_add(Registers { import_wh: self.import.wh(), export_wh: self.export.wh() })
    }
}

/// OK because the times of files were instants: none is left out.
fn reading(second: i64, registers: Registers, estimated: bool, after_missing: bool) -> Option<Cumulative> {
    Some(Cumulative { at: Timestamp::from_second(second).ok()?, registers, estimated, after_missing })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A meter with these quarter-hours from 1970 on: import and export in Wh/1000.
    fn meter(quarters: &[(i64, Option<u64>, Option<u64>)]) -> Meter {
        let value = |milli_wh: u64| Value { grains: Grains::new(milli_wh * 60).unwrap(), estimated: false };
        let slot = |(number, import, export): &(i64, Option<u64>, Option<u64>)| {
            let slot = Slot { seconds: 900, import: import.map(value), export: export.map(value), ..Slot::default() };
            (number * 900, slot)
        };
        Meter { slots: quarters.iter().map(slot).collect(), ..Meter::default() }
    }

    fn lines(meter: &Meter) -> Vec<String> {
        let line = |Cumulative { at, registers, after_missing, .. }: Cumulative| {
            let after = if after_missing { " after a hole" } else { "" };
            format!("{} {} {}{after}", at.as_second() / 900, registers.import_wh, registers.export_wh)
        };
        meter.cumulative().into_iter().map(line).collect()
    }

    #[test]
    fn only_the_sum_is_rounded_so_that_nothing_is_lost() {
        let quarters: Vec<_> = (0..4).map(|number| (number, Some(400), None)).collect();
        assert_eq!(lines(&meter(&quarters)), ["0 0 0 after a hole", "1 0 0", "2 1 0", "3 1 0", "4 2 0"]);
    }

    #[test]
    fn only_sums_are_rounded_halves_up() {
        assert_eq!(Grains(29_999).wh(), 0);
        assert_eq!(Grains(30_000).wh(), 1);
        assert_eq!(Grains::from_wh(7).map(Grains::wh), Some(7));
        assert_eq!(Grains::from_wh(u64::MAX), None);
        assert_eq!(Grains(10_380_000).to_string(), "0.173 kWh");
        assert_eq!(Grains(60).to_string(), "0.000001 kWh");
        assert_eq!(Grains(0).to_string(), "0.000 kWh");
    }

    #[test]
    fn a_hole_is_no_interval_of_0() {
        let meter = meter(&[(0, Some(1000), None), (1, None, None), (2, Some(2000), None), (4, Some(500), None)]);
        let expected = ["0 0 0 after a hole", "1 1 0", "2 1 0 after a hole", "3 3 0", "4 3 0 after a hole", "5 4 0"];
        assert_eq!(lines(&meter), expected);
        assert_eq!((meter.missing(), meter.holes()), (2, vec![(900, 1800), (2700, 3600)]));
    }

    #[test]
    fn what_is_known_of_half_an_interval_is_not_lost() {
        let mut meter = meter(&[(0, Some(1000), Some(0)), (1, Some(5000), None), (2, Some(1000), Some(0))]);
        assert_eq!(lines(&meter), ["0 0 0 after a hole", "1 1 0", "2 6 0", "3 7 0"]);
        meter.slots.values_mut().for_each(|slot| slot.lacks_export = slot.export.is_none());
        assert_eq!(lines(&meter), ["0 0 0 after a hole", "1 1 0", "2 6 0 after a hole", "3 7 0"]);
        assert_eq!((meter.missing(), meter.sums().import_wh), (1, 7));
    }

    #[test]
    fn energy_counts_on_from_registers_that_were_read() {
        let mut meter = meter(&[(1, Some(1000), None), (2, Some(2000), None)]);
        meter.registers.insert(900, Registers { import_wh: 500, export_wh: 7 });
        meter.registers.insert(0, Registers { import_wh: 400, export_wh: 7 });
        assert_eq!(lines(&meter), ["0 400 7", "1 500 7", "2 501 7", "3 503 7"]);
    }
}
