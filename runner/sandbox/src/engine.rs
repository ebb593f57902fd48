//! The one engine: its configuration, how a file becomes an algorithm, and the clock behind deadlines.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use domain::Digest;
use wasmtime::component::Component;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OperatorCost, OptLevel, PoolingAllocationConfig};

use crate::bindings;
use crate::cache::Cache;
use crate::compile::Compiler;
use crate::error::{LoadError, SandboxError, quoted};
use crate::imports;
use crate::limits::{COMPONENT_BYTES_MAX, INSTANCES_MAX, MEMORIES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};
use crate::run::State;

/// How often epochs advance: the grain of deadlines.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Stack of a run, in bytes. A merge sort over a million members needs a few KiB; endless recursion ends here.
const STACK_BYTES: usize = 512 << 10;
/// The same where code is not optimised, whose frames are larger.
const STACK_BYTES_CHECKING: usize = 1 << 20;
/// Fuel for each page of `memory.grow`, which must be zeroed; the most that the engine can charge.
const FUEL_PER_PAGE: u8 = u8::MAX;
/// Fuel for each element that is copied into a table, which the engine looks up one by one (some 60 ns).
const FUEL_PER_ELEMENT: u8 = 60;
/// Bytes of each memory slot that stay mapped between runs, so that small rounds touch no fresh pages.
const KEEP_RESIDENT_BYTES: usize = 512 << 10;

/// How an engine makes machine code of a component, which must not show in any result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codegen {
    /// Optimised, with guard pages around memories: what settles.
    #[default]
    Usual,
    /// Not optimised, every access checked by instructions, memories without pages set aside: what the gate compares with.
    Checking,
}

/// How a sandbox is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many runs go on at the same time; more wait.
    pub runs_max: usize,
    /// A private directory for compiled code; none to compile every time.
    pub cache: Option<PathBuf>,
    /// What code its engine runs. A compiler child must be told the same.
    pub codegen: Codegen,
    /// Who compiles components that are not our own.
    pub compiler: Compiler,
    /// Largest component, in bytes.
    pub component_bytes_max: u64,
}

impl Default for Options {
    /// As many runs as cores, no cache, compiling in this process.
    fn default() -> Options {
        let runs_max = std::thread::available_parallelism().map_or(1, usize::from);
        Options {
            runs_max,
            cache: None,
            codegen: Codegen::Usual,
            compiler: Compiler::InProcess,
            component_bytes_max: COMPONENT_BYTES_MAX,
        }
    }
}

/// Loads algorithms and lends them room to run. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) ticker: Ticker,
    pub(crate) slots: Slots,
    cache: Option<Cache>,
    codegen: Codegen,
    pub(crate) compiler: Compiler,
    pub(crate) component_bytes_max: u64,
}

impl Sandbox {
    /// Starts the engine.
    ///
    /// # Errors
    /// If the machine has no room for it, or the cache is not private.
    pub fn new(options: Options) -> Result<Sandbox, SandboxError> {
        let engine = engine(options.codegen, options.runs_max)?;
        let cache = options.cache.map(|directory| Cache::open(&directory, &engine)).transpose();
        let cache = cache.map_err(|error| SandboxError::Engine(error.to_string()))?;
        Ok(Sandbox(Arc::new(Inner {
            ticker: Ticker::start(&engine)?,
            slots: Slots::new(options.runs_max.max(1)),
            engine,
            cache,
            codegen: options.codegen,
            compiler: options.compiler,
            component_bytes_max: options.component_bytes_max,
        })))
    }

    /// The engine's name and version, as settled intervals record it.
    pub fn engine_version() -> &'static str {
        "wasmtime 48.0.8"
    }

    /// Makes an algorithm from the bytes of a component file.
    ///
    /// # Errors
    /// If it is no component of this world, imports what it may not, is too large or takes too much to compile.
    pub fn load(&self, bytes: &[u8]) -> Result<Algorithm, LoadError> {
        self.load_with(bytes, &self.0.compiler)
    }

    /// As [`Sandbox::load`], for components that were built with this program: compiled in this process.
    ///
    /// # Errors
    /// As [`Sandbox::load`].
    pub fn load_own(&self, bytes: &[u8]) -> Result<Algorithm, LoadError> {
        self.load_with(bytes, &Compiler::InProcess)
    }

    fn load_with(&self, bytes: &[u8], compiler: &Compiler) -> Result<Algorithm, LoadError> {
        examine(bytes, self.0.component_bytes_max)?;
        let digest = Digest::of(bytes);
        let component = self.component(bytes, &digest, compiler)?;
        imports::check(&self.0.engine, &component)?;
        self.algorithm(bytes, digest, &component)
    }

    /// Makes an algorithm of a component, if it is of this world. What it imports against the policy would trap.
    pub(crate) fn algorithm(
        &self,
        bytes: &[u8],
        digest: Digest,
        component: &Component,
    ) -> Result<Algorithm, LoadError> {
        let linker = imports::linker(&self.0.engine, component)?;
        let wrong_world = |error: wasmtime::Error| LoadError::WrongWorld(quoted(&format!("{error:#}")));
        let instance = linker.instantiate_pre(component).map_err(wrong_world)?;
        Ok(Algorithm {
            digest,
            component_bytes: bytes.len() as u64,
            imports_wasi: imports::any_wasi(&self.0.engine, component),
            instance: bindings::AlgorithmPre::new(instance).map_err(wrong_world)?,
            sandbox: Arc::clone(&self.0),
        })
    }

    pub(crate) fn component(&self, bytes: &[u8], digest: &Digest, compiler: &Compiler) -> Result<Component, LoadError> {
        let inner = &self.0;
        if let Some(component) = inner.cache.as_ref().and_then(|cache| cache.read(digest, &inner.engine)) {
            return Ok(component);
        }
        let (component, code) = compiler.compile(&inner.engine, inner.codegen, bytes)?;
        if let Some(cache) = &inner.cache {
            cache.write(digest, &code);
        }
        Ok(component)
    }
}

/// Tells what a file is before anything parses it, so that the message names the mistake.
pub(crate) fn examine(bytes: &[u8], bytes_max: u64) -> Result<(), LoadError> {
    const MAGIC: &[u8] = b"\0asm";
    let size = bytes.len() as u64;
    if bytes.is_empty() {
        return Err(LoadError::Empty);
    }
    if size > bytes_max {
        return Err(LoadError::TooLarge { bytes: size, bytes_max });
    }
    match bytes.strip_prefix(MAGIC) {
        Some([0x0d, 0, 1, 0, ..]) => Ok(()),
        Some([1, 0, 0, 0, ..]) => Err(LoadError::CoreModule),
        Some(_) => {
            Err(LoadError::Malformed("it ends within its first eight bytes or is of an unknown version".to_owned()))
        }
        None if Engine::detect_precompiled(bytes).is_some() || bytes.starts_with(b"\x7fELF") => {
            Err(LoadError::Precompiled)
        }
        None if bytes.trim_ascii_start().starts_with(b"(") || bytes.starts_with(b";;") => Err(LoadError::Text),
        None => Err(LoadError::NotWasm(bytes.iter().copied().take(8).collect())),
    }
}

/// A component that is ready to run.
#[derive(Clone)]
pub struct Algorithm {
    digest: Digest,
    component_bytes: u64,
    imports_wasi: bool,
    pub(crate) instance: bindings::AlgorithmPre<State>,
    pub(crate) sandbox: Arc<Inner>,
}

impl std::fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Algorithm({})", crate::error::short(&self.digest))
    }
}

impl Algorithm {
    /// SHA-256 of the component file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Size of the component file.
    pub fn component_bytes(&self) -> u64 {
        self.component_bytes
    }

    /// Whether it imports the inert part of WASI.
    pub fn imports_wasi(&self) -> bool {
        self.imports_wasi
    }
}

/// The engine's configuration. Everything that changes results or fuel is pinned here.
fn config(codegen: Codegen) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .operator_cost(operator_cost())
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        // The same bits on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .relaxed_simd_deterministic(true)
        // Nothing that the world does not need.
        .wasm_memory64(false);
    match codegen {
        Codegen::Usual => {}
        // Traps stay signals where they are, since without those the engine leaves out its guards against speculation.
        Codegen::Checking => {
            config
                .cranelift_opt_level(OptLevel::None)
                .memory_reservation(0)
                // Without, a memory that grows page by page is copied as often: a second for 128 MiB.
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

/// An engine that reserves no memory ahead: for compiling only, and for machines with a small address space.
pub(crate) fn plain_engine(codegen: Codegen) -> Result<Engine, SandboxError> {
    Engine::new(&config(codegen)).map_err(|error| SandboxError::Engine(format!("{error:#}")))
}

/// An engine that runs: with slots reserved ahead where the machine has the address space, or without.
fn engine(codegen: Codegen, runs_max: usize) -> Result<Engine, SandboxError> {
    match codegen {
        Codegen::Usual => {
            let mut pooled = config(codegen);
            pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(runs_max)));
            Engine::new(&pooled).or_else(|_| plain_engine(codegen))
        }
        Codegen::Checking => plain_engine(codegen),
    }
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
        // One module may have them all, as it may where no slots are reserved.
        .max_memories_per_module(most(MEMORIES_MAX))
        .max_tables_per_module(most(TABLES_MAX))
        .max_component_instance_size(16 << 20)
        .max_core_instance_size(16 << 20)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_memory_size(4 << 30)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(64 << 10);
    pool
}

/// Room for runs: an exhausted pool would be an error, so runs wait in front of it.
pub(crate) struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

/// Room for one run, until dropped.
pub(crate) struct Slot<'a>(&'a Slots);

impl Slots {
    fn new(runs_max: usize) -> Slots {
        Slots { free: Mutex::new(runs_max), freed: Condvar::new() }
    }

    /// Waits for room.
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

/// A panic elsewhere cannot leave a counter half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Advances the engine's epoch while anything runs, and sleeps while nothing does.
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
    fn start(engine: &Engine) -> Result<Ticker, SandboxError> {
        let state = Mutex::new(RunningState { runs: 0, closed: false });
        let running = Arc::new(Running { state, changed: Condvar::new() });
        let (weak, engine) = (Arc::downgrade(&running), engine.clone());
        std::thread::Builder::new()
            .name("epoch".to_owned())
            .spawn(move || tick(&weak, &engine))
            .map_err(|error| SandboxError::Engine(format!("no thread for deadlines: {error}")))?;
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
