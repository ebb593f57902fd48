//! The engine: how it is configured, how many runs it has at once, and the ticker behind their deadlines.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use wasmtime::{
    CacheStore, Config, Engine, InstanceAllocationStrategy, OperatorCost, OptLevel, PoolingAllocationConfig,
};

use crate::error::SandboxError;
use crate::limits::{INSTANCE_BYTES_MAX, INSTANCES_MAX, MEMORIES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};
use crate::machine;

/// How often epochs advance: the resolution of deadlines.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Stack size of a run, in bytes. A merge sort of a million members needs a few KiB; infinite recursion traps here.
const STACK_BYTES: usize = 512 << 10;
/// Stack size without optimisation, where frames are larger.
const STACK_BYTES_CHECKING: usize = 1 << 20;
/// Fuel for each page of `memory.grow`, which has to be zeroed: the most that the engine can charge.
const FUEL_PER_PAGE: u8 = u8::MAX;
/// Fuel for each element copied into a table, which the engine looks up one by one (about 60 ns each).
const FUEL_PER_ELEMENT: u8 = 60;
/// Bytes of each memory slot that stay mapped between runs, so that small rounds cause no page faults.
const KEEP_RESIDENT_BYTES: usize = 512 << 10;

/// How an engine generates machine code. It must not influence any result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codegen {
    /// Optimised, with guard pages around memories: used for settlement.
    #[default]
    Usual,
    /// Not optimised, with explicit bounds checks and without reserved memory: used by the gate for comparison.
    Checking,
}

/// Returns the engine's configuration. Everything that affects results or fuel is fixed here.
fn config(codegen: Codegen) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .operator_cost(operator_cost())
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        // Identical bits on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .relaxed_simd_deterministic(true)
        // The world does not need it.
        .wasm_memory64(false);
    match codegen {
        Codegen::Usual => {}
        // Signal-based traps stay enabled: without them the engine omits its Spectre mitigations.
        Codegen::Checking => {
            config
                .cranelift_opt_level(OptLevel::None)
                .memory_reservation(0)
                // Otherwise a memory that grows page by page would be copied for each page: a second for 128 MiB.
                .memory_reservation_for_growth(256 << 20)
                .memory_guard_size(0)
                .max_wasm_stack(STACK_BYTES_CHECKING);
        }
    }
    config
}

fn operator_cost() -> OperatorCost {
    let mut cost = OperatorCost::new();
    cost.variable.memory_grow_per_page = FUEL_PER_PAGE;
    cost.variable.table_init_per_element = FUEL_PER_ELEMENT;
    cost
}

/// Makes an engine without reserved memory: for compilation, and for machines with a small address space.
pub(crate) fn plain_engine(codegen: Codegen) -> Result<Engine, SandboxError> {
    Engine::new(&config(codegen)).map_err(|error| SandboxError::Engine(error.into()))
}

/// As [`plain_engine`], to compile with functions that are kept.
pub(crate) fn compiling_engine(
    codegen: Codegen,
    functions: Option<Arc<impl CacheStore + 'static>>,
) -> Result<Engine, SandboxError> {
    let mut config = config(codegen);
    if let Some(functions) = functions {
        config.enable_incremental_compilation(functions).map_err(|error| SandboxError::Engine(error.into()))?;
    }
    Engine::new(&config).map_err(|error| SandboxError::Engine(error.into()))
}

/// The engine for runs, and what stands in for reserved slots where there are none.
pub(crate) struct Engines {
    pub(crate) runs: Engine,
    pub(crate) unreserved: Option<Unreserved>,
}

/// What a machine needs that cannot reserve slots for runs.
pub(crate) struct Unreserved {
    /// Why it cannot.
    pub(crate) reason: String,
    /// Refuses the components that slots would not hold. It has room for none, so that it takes no memory.
    pub(crate) judge: Engine,
}

impl Engines {
    /// Makes the engine for runs, with reserved slots if the machine has enough address space.
    pub(crate) fn new(codegen: Codegen, runs_max: usize) -> Result<Engines, SandboxError> {
        if codegen == Codegen::Checking {
            // It only runs what the other engine accepted.
            return Ok(Engines { runs: plain_engine(codegen)?, unreserved: None });
        }
        let pooled = |pool| Engine::new(config(codegen).allocation_strategy(InstanceAllocationStrategy::Pooling(pool)));
        match pooled(pool(runs_max)) {
            Ok(runs) => Ok(Engines { runs, unreserved: None }),
            Err(error) => {
                let judge = pooled(pool_without_memories()).map_err(machine::or_engine)?;
                let reason = format!("{error:#}");
                Ok(Engines { runs: plain_engine(codegen)?, unreserved: Some(Unreserved { reason, judge }) })
            }
        }
    }
}

/// The slots for one run, without any memory: they judge what a component declares as slots for runs do.
fn pool_without_memories() -> PoolingAllocationConfig {
    let mut pool = pool(1);
    pool.total_memories(0);
    pool
}

fn pool(runs_max: usize) -> PoolingAllocationConfig {
    let count = |each: usize| u32::try_from(runs_max.saturating_mul(each)).unwrap_or(u32::MAX);
    let most = |each: usize| u32::try_from(each).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(count(1))
        .total_core_instances(count(INSTANCES_MAX))
        .total_memories(count(MEMORIES_MAX))
        .total_tables(count(TABLES_MAX))
        .max_core_instances_per_component(most(INSTANCES_MAX))
        .max_memories_per_component(most(MEMORIES_MAX))
        .max_tables_per_component(most(TABLES_MAX))
        // A single module may use all of them, as it may without reserved slots.
        .max_memories_per_module(most(MEMORIES_MAX))
        .max_tables_per_module(most(TABLES_MAX))
        .max_component_instance_size(INSTANCE_BYTES_MAX)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_memory_size(4 << 30)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(64 << 10);
    pool
}

/// Tells runs and compilations to give up, because the program stops. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn check(&self) -> Result<(), SandboxError> {
        if self.0.load(Ordering::Relaxed) { Err(SandboxError::Stopped) } else { Ok(()) }
    }
}

/// Limits concurrent runs. An exhausted pool would be an error, so runs wait for a slot first.
pub(crate) struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

/// Permission for one run; released when dropped.
pub(crate) struct Slot<'a>(&'a Slots);

impl Slots {
    pub(crate) fn new(runs_max: usize) -> Slots {
        Slots { free: Mutex::new(runs_max), freed: Condvar::new() }
    }

    /// Waits for a free slot and takes it.
    pub(crate) fn take(&self) -> Slot<'_> {
        let free = lock(&self.free);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Slot(self)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *lock(&self.0.free) += 1;
        self.0.freed.notify_one();
    }
}

/// Ignores poisoning: a panic cannot leave these counters in an inconsistent state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Advances the engine's epoch while there are runs, and sleeps otherwise.
pub(crate) struct Ticker(Arc<Running>);

struct Running {
    state: Mutex<RunningState>,
    changed: Condvar,
}

struct RunningState {
    runs: usize,
    closed: bool,
}

/// Keeps the epoch advancing until dropped.
pub(crate) struct Ticking<'a>(&'a Running);

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> Result<Ticker, SandboxError> {
        let state = Mutex::new(RunningState { runs: 0, closed: false });
        let running = Arc::new(Running { state, changed: Condvar::new() });
        let (weak, engine) = (Arc::downgrade(&running), engine.clone());
        std::thread::Builder::new()
            .name("epoch".to_owned())
            .spawn(move || tick(&weak, &engine))
            .map_err(|error| SandboxError::machine("no thread for deadlines", error))?;
        Ok(Ticker(running))
    }

    pub(crate) fn run(&self) -> Ticking<'_> {
        lock(&self.0.state).runs += 1;
        self.0.changed.notify_one();
        Ticking(&self.0)
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).runs -= 1;
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        lock(&self.0.state).closed = true;
        self.0.changed.notify_one();
    }
}

fn tick(running: &Weak<Running>, engine: &Engine) {
    while let Some(running) = running.upgrade() {
        let state = lock(&running.state);
        let idle = |state: &mut RunningState| state.runs == 0 && !state.closed;
        let state = running.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return;
        }
        drop(state);
        std::thread::sleep(TICK);
        engine.increment_epoch();
    }
}
