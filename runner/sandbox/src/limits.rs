//! How much one run may use, and the meter that holds it to that.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// Largest component that is looked at, in bytes. An interpreter in a component (Python 18 MB, JavaScript 12 MB) fits
/// three times over; more is not a matching rule.
pub const COMPONENT_BYTES_MAX: u64 = 64 << 20;

/// Fuel that every run has. One unit is about one instruction; an interpreter needs some 10⁸ to start.
const FUEL_BASE: u64 = 500_000_000;
/// Fuel for each position. The base algorithms use a few hundred; this leaves room for an interpreted language.
const FUEL_PER_POSITION: u64 = 50_000;
/// Fuel that no run has more of: about a minute.
const FUEL_MAX: u64 = 60_000_000_000;

/// Memory that every run has, in bytes: an interpreter and its libraries.
const MEMORY_BASE: u64 = 128 << 20;
/// Memory for each position, in bytes. A position arrives in some 80 bytes; this allows a dozen copies.
const MEMORY_PER_POSITION: u64 = 1 << 10;
/// Memory that no run has more of, in bytes: what a 32-bit memory can address.
const MEMORY_MAX: u64 = 4 << 30;

/// Wall-clock time that every run has. Far above what the fuel allows on a machine that is not overloaded, because
/// time is only the backstop: fuel decides, the same on every machine.
const TIME_BASE: Duration = Duration::from_secs(10);
/// Wall-clock time for each position.
const TIME_PER_POSITION: Duration = Duration::from_micros(100);

/// Bytes that a result may copy to the host: 4 million trades.
const OUTPUT_BYTES: u64 = 128 << 20;

/// Instances, memories and tables that one component may have. An interpreter linked from parts has some fifty.
pub(crate) const INSTANCES_MAX: usize = 200;
pub(crate) const MEMORIES_MAX: usize = 50;
pub(crate) const TABLES_MAX: usize = 50;
/// Elements that one table may have.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 1 << 20;
/// What one table element costs in host memory, in bytes.
pub(crate) const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// Limits on runs: what a community's configuration sets, and defaults that grow with the round for the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Fuel for a run, whatever the size of the round.
    pub fuel: Option<u64>,
    /// Bytes of all memories and tables together.
    pub memory_bytes: Option<u64>,
    /// Wall-clock time.
    pub time: Option<Duration>,
    /// Bytes of the result.
    pub output_bytes: Option<u64>,
}

/// What one run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Units of fuel.
    pub fuel: u64,
    /// Bytes of all memories and tables together.
    pub memory_bytes: u64,
    /// Wall-clock time.
    pub time: Duration,
    /// Bytes of the result.
    pub output_bytes: u64,
}

impl Limits {
    /// The budget for a round of that many positions.
    pub fn budget(&self, positions: usize) -> Budget {
        let positions = u32::try_from(positions).unwrap_or(u32::MAX);
        let grown =
            |base: u64, each: u64, max: u64| base.saturating_add(each.saturating_mul(u64::from(positions))).min(max);
        Budget {
            fuel: self.fuel.unwrap_or_else(|| grown(FUEL_BASE, FUEL_PER_POSITION, FUEL_MAX)),
            memory_bytes: self.memory_bytes.unwrap_or_else(|| grown(MEMORY_BASE, MEMORY_PER_POSITION, MEMORY_MAX)),
            time: self.time.unwrap_or_else(|| TIME_BASE.saturating_add(TIME_PER_POSITION.saturating_mul(positions))),
            output_bytes: self.output_bytes.unwrap_or(OUTPUT_BYTES),
        }
    }
}

/// A growth that the budget does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("needs {wanted_bytes} bytes of memory and tables, but only {limit_bytes} are allowed")]
pub(crate) struct MemoryExceeded {
    pub(crate) wanted_bytes: u64,
    pub(crate) limit_bytes: u64,
}

/// The machine had no memory although the budget allowed it: nobody's fault but ours.
#[derive(Debug, thiserror::Error)]
#[error("the machine has no memory left for a run: {0}")]
pub(crate) struct HostMemoryExhausted(pub(crate) String);

/// Adds up all memories and tables of a run, refuses what is too much, and remembers the peak.
///
/// Refuses with an error, which traps: a guest cannot handle the failure and try its luck again.
#[derive(Debug)]
pub(crate) struct Meter {
    limit_bytes: u64,
    used_bytes: u64,
}

impl Meter {
    pub(crate) fn new(limit_bytes: u64) -> Meter {
        Meter { limit_bytes, used_bytes: 0 }
    }

    /// The most that was in use at once. Memories never shrink, so it is what is in use.
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
        // A memory that declares its own maximum may not grow beyond it, but that is no fault: it gets −1.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(current, desired, 1)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(HostMemoryExhausted(error.to_string()).into())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(current, desired, TABLE_ELEMENT_BYTES)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(HostMemoryExhausted(error.to_string()).into())
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
    fn a_budget_grows_with_the_round_up_to_an_end() {
        let limits = Limits::default();
        let (none, thousand, all) = (limits.budget(0), limits.budget(1000), limits.budget(usize::MAX));
        assert_eq!(
            none,
            Budget { fuel: FUEL_BASE, memory_bytes: MEMORY_BASE, time: TIME_BASE, output_bytes: OUTPUT_BYTES }
        );
        assert_eq!(thousand.fuel, FUEL_BASE + 1000 * FUEL_PER_POSITION);
        assert_eq!((all.fuel, all.memory_bytes), (FUEL_MAX, MEMORY_MAX));
    }

    #[test]
    fn what_is_configured_holds_whatever_the_size() {
        let limits =
            Limits { fuel: Some(7), memory_bytes: Some(8), time: Some(Duration::from_secs(9)), output_bytes: Some(10) };
        assert_eq!(limits.budget(0), limits.budget(1_000_000));
        assert_eq!(limits.budget(5).fuel, 7);
    }

    #[test]
    fn memories_and_tables_count_together() {
        let mut meter = Meter::new(100_000);
        assert!(meter.memory_growing(0, 65_536, None).unwrap());
        assert!(meter.table_growing(0, 4000, None).unwrap());
        assert_eq!(meter.peak_bytes(), 65_536 + 32_000);
        let refused = meter.memory_growing(0, 65_536, None).unwrap_err();
        assert_eq!(
            refused.downcast_ref::<MemoryExceeded>(),
            Some(&MemoryExceeded { wanted_bytes: 163_072, limit_bytes: 100_000 })
        );
        assert_eq!(meter.peak_bytes(), 97_536);
    }
}
