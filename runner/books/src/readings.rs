//! Readings that are kept here, because they come from files, or are sent to the Meters service of this program.
//!
//! They are only ever added to. What is kept are the energies of intervals, exactly, and registers as they were read; registers
//! at boundaries follow from both ([`Meter::cumulative_from`]). So it does not matter in which order files are imported, and what
//! fills a hole later moves every register after it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use domain::metering::{Base, Contradiction, Merged, Meter};
use domain::{Boundary, MeterId};
use jiff::Timestamp;

use crate::error::StoreError;

/// How many contradictions are told.
const CONTRADICTIONS_MAX: usize = 20;

/// The days of a meter are kept apart. A day is counted in UTC, from 1970 on.
pub const DAY_SECONDS: i64 = 86_400;

/// The day in which a Unix second is.
pub fn day_of(second: i64) -> i64 {
    second.div_euclid(DAY_SECONDS)
}

/// Readings to keep, all or none.
#[derive(Clone, Debug, Default)]
pub struct NewReadings {
    /// What is new, by meter.
    pub meters: BTreeMap<MeterId, Meter>,
    /// When it came.
    pub at: Timestamp,
    /// What tells this from any other attempt to keep readings.
    pub attempt: String,
}

/// What became of readings that were to be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptReadings {
    /// Energies and registers that were not known.
    pub new: u64,
    /// Those that were known, and are the same.
    pub same: u64,
}

/// Values that contradict what is kept: both are told, and nothing is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Contradictions {
    /// The first of them.
    pub first: Vec<(MeterId, Contradiction)>,
    /// How many meters have any.
    pub meters: usize,
}

impl fmt::Display for Contradictions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (meter, Contradiction { at, known, new })) in self.first.iter().enumerate() {
            let at = Timestamp::from_second(*at).map_or_else(|_| at.to_string(), |at| at.to_string());
            write!(
                f,
                "{}meter {meter} has {known} at {at}, and {new} contradicts it",
                if number > 0 { "; " } else { "" }
            )?;
        }
        match self.meters.saturating_sub(self.first.len()) {
            0 => f.write_str(" (nothing was kept)"),
            more => write!(f, "; and {more} more meters (nothing was kept)"),
        }
    }
}

/// A day of a meter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterDay {
    /// What is known of it: intervals that begin in it, and registers that were read in it.
    pub content: Meter,
    /// When it was last added to: a number that rises with every addition to any meter.
    pub revision: u64,
}

/// What is known of a meter altogether.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterSpan {
    /// The meter.
    pub meter: MeterId,
    /// Its first day.
    pub first: i64,
    /// Its last day.
    pub last: i64,
}

/// What came after its intervals had been settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateArrival {
    /// The meter.
    pub meter: MeterId,
    /// Where the first of it begins, in Unix seconds.
    pub from: i64,
    /// When it came.
    pub at: Timestamp,
}

/// Days of meters to keep.
pub type Days = BTreeMap<(MeterId, i64), MeterDay>;

impl NewReadings {
    /// The days that these readings touch.
    pub fn days(&self) -> BTreeMap<MeterId, BTreeMap<i64, Meter>> {
        let split = |(meter, new): (&MeterId, &Meter)| {
            let mut days: BTreeMap<i64, Meter> = BTreeMap::new();
            for (start, slot) in &new.slots {
                days.entry(day_of(*start)).or_default().slots.insert(*start, *slot);
            }
            for (at, registers) in &new.registers {
                days.entry(day_of(*at)).or_default().registers.insert(*at, *registers);
            }
            (meter.clone(), days)
        };
        self.meters.iter().map(split).collect()
    }
}

/// What readings come to, put together with what is kept of the same days and those around them.
#[derive(Debug, Default)]
pub struct Merging {
    /// How many are new.
    pub kept: KeptReadings,
    /// Days with something new.
    pub days: BTreeMap<(MeterId, i64), Meter>,
    /// Where the first new value of each meter begins.
    pub first_new: BTreeMap<MeterId, i64>,
    contradictions: Vec<(MeterId, Contradiction)>,
    contradicting: BTreeSet<MeterId>,
}

impl Merging {
    /// Adds new readings of a meter on one day. `before` is what is kept of the day before, which may reach into it.
    pub fn add(&mut self, meter: &MeterId, day: i64, before: Option<&Meter>, kept: Option<Meter>, new: &Meter) {
        let is_first = kept.is_none();
        let mut merged = kept.unwrap_or_default();
        let result = merged.merge(new).and_then(|result| reaches_into(before, &merged).map_or(Ok(result), Err));
        match result {
            Ok(Merged { new, same, first_new }) => {
                self.kept.new += new;
                self.kept.same += same;
                if let Some(first) = first_new {
                    let known = self.first_new.entry(meter.clone()).or_insert(first);
                    *known = first.min(*known);
                }
                // A row that says that something is missing is kept, too.
                if new > 0 || is_first {
                    self.days.insert((meter.clone(), day), merged);
                }
            }
            Err(contradiction) => self.contradict(meter, contradiction),
        }
    }

    /// Looks whether new readings of a day reach into what is kept of the next one.
    pub fn check_next(&mut self, meter: &MeterId, new: &Meter, next: Option<&Meter>) {
        if let Some(contradiction) = next.and_then(|next| reaches_into(Some(new), next)) {
            self.contradict(meter, contradiction);
        }
    }

    fn contradict(&mut self, meter: &MeterId, contradiction: Contradiction) {
        if self.contradicting.insert(meter.clone()) && self.contradictions.len() < CONTRADICTIONS_MAX {
            self.contradictions.push((meter.clone(), contradiction));
        }
    }

    /// What is to be kept.
    ///
    /// # Errors
    /// If anything contradicts what is kept.
    pub fn finish(self) -> Result<Merging, Contradictions> {
        if self.contradictions.is_empty() {
            return Ok(self);
        }
        Err(Contradictions { first: self.contradictions, meters: self.contradicting.len() })
    }
}

/// Whether the last interval of a day reaches into the first of the next.
fn reaches_into(before: Option<&Meter>, day: &Meter) -> Option<Contradiction> {
    let (start, slot) = before?.slots.last_key_value()?;
    let (next, _) = day.slots.first_key_value()?;
    (start + i64::from(slot.seconds) > *next).then(|| Contradiction {
        at: *next,
        known: format!("an interval of {} min that it overlaps", slot.seconds / 60),
        new: "another interval".to_owned(),
    })
}

/// The sum of a day: what it adds to what a meter had counted before.
pub fn counted_until(mut base: Base, day: &Meter, until: Option<Boundary>) -> Base {
    let end = until.map_or(i64::MAX, |until| i64::try_from(until.seconds()).unwrap_or(i64::MAX));
    let read = day.registers.range(..=end).next_back();
    if let Some((_, registers)) = read {
        base = Base::at(*registers);
    }
    let from = read.map_or(i64::MIN, |(at, _)| *at);
    let counts =
        |(start, slot): &(&i64, &domain::metering::Slot)| **start >= from && **start + i64::from(slot.seconds) <= end;
    day.slots.iter().filter(counts).for_each(|(_, slot)| base.count(slot));
    base
}

/// Why readings were not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// They contradict what is kept.
    #[error(transparent)]
    Contradicts(#[from] Contradictions),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use domain::metering::{Grains, Slot, Value};
    use domain::reading::Registers;

    use super::*;

    fn slot(wh: u64) -> Slot {
        Slot {
            seconds: 900,
            import: Grains::from_wh(wh).map(|grains| Value { grains, estimated: false }),
            ..Slot::default()
        }
    }

    fn meter(slots: &[(i64, u64)]) -> Meter {
        Meter { slots: slots.iter().map(|(start, wh)| (*start, slot(*wh))).collect(), ..Meter::default() }
    }

    #[test]
    fn readings_are_kept_by_day() {
        let new = NewReadings {
            meters: [("a".parse().unwrap(), meter(&[(0, 1), (85_500, 2), (86_400, 3)]))].into(),
            ..NewReadings::default()
        };
        let days = new.days();
        let of: Vec<_> = days.values().flatten().map(|(day, meter)| (*day, meter.slots.len())).collect();
        assert_eq!(of, [(0, 2), (1, 1)]);
    }

    #[test]
    fn the_same_again_changes_nothing_and_what_contradicts_is_refused_with_both() {
        let a: MeterId = "a".parse().unwrap();
        let mut merging = Merging::default();
        merging.add(&a, 0, None, Some(meter(&[(0, 1)])), &meter(&[(0, 1)]));
        assert_eq!((merging.kept, merging.days.len()), (KeptReadings { new: 0, same: 1 }, 0));
        merging.add(&a, 1, None, Some(meter(&[(86_400, 1)])), &meter(&[(86_400, 2)]));
        let message = merging.finish().unwrap_err().to_string();
        let expected = "meter a has import 0.001 kWh at 1970-01-02T00:00:00Z, and import 0.002 kWh contradicts it";
        assert!(message.starts_with(expected), "{message}");
        let mut overlapping = Merging::default();
        let long = Meter { slots: [(0, Slot { seconds: 3600, ..slot(1) })].into(), ..Meter::default() };
        overlapping.add(&a, 0, None, Some(long), &meter(&[(900, 1)]));
        assert!(overlapping.finish().unwrap_err().to_string().contains("60 min that it overlaps"));
    }

    #[test]
    fn what_a_day_counts_goes_on_from_registers() {
        let mut day = meter(&[(0, 1), (900, 2), (1800, 4)]);
        let until =
            |day: &Meter, end| counted_until(Base::default(), day, Boundary::from_seconds(end)).registers().import_wh;
        assert_eq!([until(&day, 0), until(&day, 900), until(&day, 1799), until(&day, 2700)], [0, 1, 1, 7]);
        day.registers.insert(900, Registers { import_wh: 100, export_wh: 0 });
        assert_eq!([until(&day, 899), until(&day, 900), until(&day, 2700)], [0, 100, 106]);
    }
}
