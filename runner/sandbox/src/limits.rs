//! The limits of a run, and the meter that enforces those on memory.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::error::Cause;

/// Default maximum size of a component, in bytes. An interpreter in a component (Python 18 MB, StarlingMonkey 12 MB) fits
/// three times; a matching algorithm needs no more.
pub const COMPONENT_BYTES_MAX: u64 = 64 << 20;

/// Default maximum size of a directory of compiled code, in bytes: what about ten interpreters take for both engines, the rest
/// of a day's work included.
pub const CACHE_BYTES_MAX: u64 = 1 << 30;

/// Fuel of every run. One unit is about one instruction; an interpreter needs about 10⁸ to start.
const FUEL_BASE: u64 = 500_000_000;
/// Additional fuel per position: three times what the slowest engine takes to be given one (StarlingMonkey: 332,000; Python 90,000,
/// QuickJS 50,000, Go 6,000, C 1,400, the base algorithms a few hundred). So an author's own code may cost twice as much.
const FUEL_PER_POSITION: u64 = 1_000_000;
/// Maximum fuel of a run: about a minute.
const FUEL_MAX: u64 = 60_000_000_000;

/// Memory of every run, in bytes: enough for an interpreter and its libraries.
const MEMORY_BASE: u64 = 128 << 20;
/// Additional memory per position, in bytes. A position takes about 80 bytes, so this allows a dozen copies.
const MEMORY_PER_POSITION: u64 = 1 << 10;
/// Maximum memory of a run, in bytes: what a 32-bit memory can address.
const MEMORY_MAX: u64 = 4 << 30;

/// Processor time of every run. Far above what the fuel takes on any machine that is used for this: fuel decides, because
/// it is the same on every machine; time is only the backstop.
const TIME_BASE: Duration = Duration::from_secs(10);
/// Most processor time that the fuel adds, at a nanosecond for each unit: four times what a unit takes.
const TIME_OF_FUEL_MAX: Duration = Duration::from_secs(600);

/// Maximum size of a result, in bytes, as it is copied to the host: 4 million trades.
const OUTPUT_BYTES: u64 = 128 << 20;

/// Maximum numbers of instances, memories and tables of a component. An interpreter linked from parts has about fifty.
pub(crate) const INSTANCES_MAX: usize = 200;
pub(crate) const MEMORIES_MAX: usize = 50;
pub(crate) const TABLES_MAX: usize = 50;
/// Maximum number of elements in one table.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 1 << 20;
/// Maximum size of all instances of a component together, in bytes, without memories and tables. Python, the largest
/// interpreter, takes about 1.5 MB.
pub(crate) const INSTANCE_BYTES_MAX: usize = 16 << 20;
/// Host memory of one table element, in bytes.
pub(crate) const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// Limits on runs as configured for a community. A limit that is `None` has a default, which mostly grows with the
/// round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Fuel, whatever the size of the round. Default: 500 million plus 1 million per position, at most 60 billion.
    pub fuel: Option<u64>,
    /// Size of all memories, tables and instances together, in bytes. Default: 128 MiB plus 1 KiB per position, at most
    /// 4 GiB.
    pub memory_bytes: Option<u64>,
    /// Processor time of the run's thread; wall-clock time where the kernel does not tell. Default: 10 s plus 1 ns for each
    /// unit of fuel, at most 610 s.
    pub time: Option<Duration>,
    /// Size of the result, in bytes. Default: 128 MiB.
    pub output_bytes: Option<u64>,
}

/// The resources that one run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Units of fuel; one is about one instruction.
    pub fuel: u64,
    /// Size of all memories, tables and instances together, in bytes.
    pub memory_bytes: u64,
    /// Processor time of the run's thread; wall-clock time where the kernel does not tell.
    pub time: Duration,
    /// Size of the result, in bytes.
    pub output_bytes: u64,
}

impl Limits {
    /// Computes the budget for a round with this number of positions.
    pub fn budget(&self, positions: usize) -> Budget {
        let positions = u32::try_from(positions).unwrap_or(u32::MAX);
        let grown =
            |base: u64, each: u64, max: u64| base.saturating_add(each.saturating_mul(u64::from(positions))).min(max);
        let fuel = self.fuel.unwrap_or_else(|| grown(FUEL_BASE, FUEL_PER_POSITION, FUEL_MAX));
        // Follows the fuel, so that whoever may use more of it has the time as well.
        let time = TIME_BASE.saturating_add(Duration::from_nanos(fuel).min(TIME_OF_FUEL_MAX));
        Budget {
            fuel,
            memory_bytes: self.memory_bytes.unwrap_or_else(|| grown(MEMORY_BASE, MEMORY_PER_POSITION, MEMORY_MAX)),
            time: self.time.unwrap_or(time),
            output_bytes: self.output_bytes.unwrap_or(OUTPUT_BYTES),
        }
    }
}

/// The error for growth beyond the budget: the algorithm's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("needs {wanted_bytes} bytes of memory, tables and instances, but only {limit_bytes} are allowed")]
pub(crate) struct MemoryExceeded {
    pub(crate) wanted_bytes: u64,
    pub(crate) limit_bytes: u64,
}

/// The error for growth within the budget for which the machine has no memory: not the algorithm's fault.
#[derive(Debug, thiserror::Error)]
#[error("the machine has no memory left for a run")]
pub(crate) struct HostMemoryExhausted(#[source] Cause);

/// Adds up the instances, memories and tables of a run, refuses growth beyond the limit, and remembers the peak.
///
/// It decides before the engine does, and knows nothing of how the engine allocates: a run has the same limits, and so the
/// same result, whether or not the machine has room for reserved slots.
///
/// It refuses with an error, which traps, so that a guest cannot handle the failure and keep probing.
#[derive(Debug)]
pub(crate) struct Meter {
    limit_bytes: u64,
    used_bytes: u64,
}

impl Meter {
    /// A meter on which the instances count already, which the engine allocates without asking.
    pub(crate) fn new(limit_bytes: u64, instance_bytes: u64) -> Meter {
        Meter { limit_bytes, used_bytes: instance_bytes.min(limit_bytes) }
    }

    /// Returns the peak usage, in bytes. Memories never shrink, so that is the current usage.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.used_bytes
    }

    fn grow(&mut self, current: usize, desired: usize, unit_bytes: usize) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current).saturating_mul(unit_bytes) as u64;
        let wanted_bytes = self.used_bytes.saturating_add(growth);
        if wanted_bytes > self.limit_bytes {
            return Err(MemoryExceeded { wanted_bytes, limit_bytes: self.limit_bytes }.into());
        }
        self.used_bytes = wanted_bytes;
        Ok(true)
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // Growth beyond the memory's own declared maximum is not an error: `memory.grow` returns −1.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(current, desired, 1)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(HostMemoryExhausted(error.into()).into())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // Likewise beyond the most that a table may have here. Reserved slots are of that size; without them only this
        // line knows it.
        if desired > TABLE_ELEMENTS_MAX || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(current, desired, TABLE_ELEMENT_BYTES)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(HostMemoryExhausted(error.into()).into())
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_grows_with_the_round_up_to_a_maximum() {
        let limits = Limits::default();
        let (none, thousand, all) = (limits.budget(0), limits.budget(1000), limits.budget(usize::MAX));
        assert_eq!(
            none,
            Budget {
                fuel: FUEL_BASE,
                memory_bytes: MEMORY_BASE,
                time: Duration::from_millis(10_500),
                output_bytes: OUTPUT_BYTES
            }
        );
        assert_eq!(thousand.fuel, FUEL_BASE + 1000 * FUEL_PER_POSITION);
        assert_eq!((all.fuel, all.memory_bytes, all.time), (FUEL_MAX, MEMORY_MAX, Duration::from_secs(70)));
    }

    #[test]
    fn time_follows_the_fuel() {
        let time = |fuel| Limits { fuel: Some(fuel), ..Limits::default() }.budget(0).time;
        assert_eq!(time(7_000_000_000), Duration::from_secs(17));
        assert_eq!(time(u64::MAX), TIME_BASE + TIME_OF_FUEL_MAX);
    }

    /// What engines take for each position: the slowest of them StarlingMonkey.
    #[test]
    fn every_language_clears_ten_thousand_positions_with_room_for_twice_as_much_of_its_own() {
        assert!(Limits::default().budget(10_000).fuel >= 10_000 * 3 * 332_000);
    }

    #[test]
    fn configured_limits_apply_whatever_the_size_of_the_round() {
        let limits =
            Limits { fuel: Some(7), memory_bytes: Some(8), time: Some(Duration::from_secs(9)), output_bytes: Some(10) };
        assert_eq!(limits.budget(0), limits.budget(1_000_000));
        assert_eq!(limits.budget(5).fuel, 7);
    }

    #[test]
    fn instances_memories_and_tables_count_together() {
        let mut meter = Meter::new(101_000, 1000);
        assert!(meter.memory_growing(0, 65_536, None).unwrap());
        assert!(meter.table_growing(0, 4000, None).unwrap());
        assert_eq!(meter.peak_bytes(), 1000 + 65_536 + 32_000);
        let refused = meter.memory_growing(0, 65_536, None).unwrap_err();
        assert_eq!(
            refused.downcast_ref::<MemoryExceeded>(),
            Some(&MemoryExceeded { wanted_bytes: 164_072, limit_bytes: 101_000 })
        );
        assert_eq!(meter.peak_bytes(), 98_536);
    }

    #[test]
    fn a_table_has_the_same_most_with_and_without_reserved_slots() {
        let mut meter = Meter::new(1 << 30, 0);
        // The engine's maximum is that of a slot, or whatever the table declares.
        for maximum in [None, Some(TABLE_ELEMENTS_MAX), Some(usize::MAX)] {
            assert!(!meter.table_growing(0, TABLE_ELEMENTS_MAX + 1, maximum).unwrap(), "{maximum:?}");
        }
        assert_eq!(meter.peak_bytes(), 0);
        assert!(meter.table_growing(0, TABLE_ELEMENTS_MAX, None).unwrap());
    }
}
