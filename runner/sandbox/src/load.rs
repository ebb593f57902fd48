//! How a file becomes an algorithm that is ready to run.

use std::path::PathBuf;
use std::sync::Arc;

use domain::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::Cache;
use crate::compile::{Compilation, Compiler, copies_strings, deserialize};
use crate::declared::{self, Declared};
use crate::engine::{Codegen, Engines, Slots, Stop, Ticker, Unreserved};
use crate::error::{LoadError, SandboxError};
use crate::imports;
use crate::language::Language;
use crate::limits::{CACHE_BYTES_MAX, COMPONENT_BYTES_MAX};
use crate::machine;
use crate::world::World;

/// Minimum size of a component whose functions are kept, in bytes: a smaller one is compiled in a blink.
const HISTORY_BYTES_MIN: usize = 512 << 10;

/// Options of a sandbox.
#[derive(Clone, Debug)]
pub struct Options {
    /// Maximum number of concurrent runs; further runs wait.
    pub runs_max: usize,
    /// A private directory for compiled code; `None` to compile every time.
    pub cache: Option<PathBuf>,
    /// Maximum size of what is in that directory, in bytes; what was not used for longest makes room.
    pub cache_bytes_max: u64,
    /// What is compiled here version after version, such as a file that its author builds again and again: with a cache, the
    /// functions of one version are kept for the next. Only versions of one thing may share a history.
    pub history: Option<Digest>,
    /// The engine's code generation. The arguments of [`Compiler::Child`] must specify the same.
    pub codegen: Codegen,
    /// Where components are compiled that were not built with this program.
    pub compiler: Compiler,
    /// Maximum size of a component, in bytes.
    pub component_bytes_max: u64,
}

impl Default for Options {
    /// One run per core, no cache, compilation in this process, components of up to [`COMPONENT_BYTES_MAX`].
    fn default() -> Options {
        let runs_max = std::thread::available_parallelism().map_or(1, usize::from);
        Options {
            runs_max,
            cache: None,
            cache_bytes_max: CACHE_BYTES_MAX,
            history: None,
            codegen: Codegen::Usual,
            compiler: Compiler::InProcess,
            component_bytes_max: COMPONENT_BYTES_MAX,
        }
    }
}

/// Loads algorithms, and limits how many run at once. Cheap to clone; clones share the limit.
#[derive(Clone)]
pub struct Sandbox(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    unreserved: Option<Unreserved>,
    pub(crate) stop: Stop,
    pub(crate) ticker: Ticker,
    pub(crate) slots: Slots,
    cache: Option<Cache>,
    history: Option<Digest>,
    codegen: Codegen,
    pub(crate) compiler: Compiler,
    pub(crate) component_bytes_max: u64,
}

impl Sandbox {
    /// Starts the engine.
    ///
    /// # Errors
    /// If the machine lacks the resources, or the cache directory cannot be used or is not private.
    pub fn new(options: Options) -> Result<Sandbox, SandboxError> {
        let Engines { runs: engine, unreserved } = Engines::new(options.codegen, options.runs_max)?;
        let cache =
            options.cache.map(|directory| Cache::open(&directory, &engine, options.cache_bytes_max)).transpose();
        let cache = cache.map_err(|error| SandboxError::Engine(error.into()))?;
        Ok(Sandbox(Arc::new(Inner {
            ticker: Ticker::start(&engine)?,
            slots: Slots::new(options.runs_max.max(1)),
            engine,
            unreserved,
            stop: Stop::default(),
            cache,
            history: options.history,
            codegen: options.codegen,
            compiler: options.compiler,
            component_bytes_max: options.component_bytes_max,
        })))
    }

    /// Gives up all runs and compilations, now and from now on, with [`SandboxError::Stopped`].
    pub fn stop(&self) {
        self.0.stop.set();
    }

    /// Returns why there are no reserved slots for runs, if there are none. Limits and results are the same; runs start
    /// more slowly.
    pub fn unreserved(&self) -> Option<&str> {
        self.0.unreserved.as_ref().map(|unreserved| unreserved.reason.as_str())
    }

    /// Returns the engine's name and version, which every settled interval records.
    pub fn engine_version() -> &'static str {
        "wasmtime 48.0.8"
    }

    /// Makes an algorithm from the bytes of a component file.
    ///
    /// # Errors
    /// The first reason found: it is not a component for this world, has forbidden imports, is too large, or exceeds
    /// the limits of compilation. [`LoadError::Sandbox`] is the machine's fault.
    pub fn load(&self, bytes: &[u8]) -> Result<Algorithm, LoadError> {
        self.load_with(bytes, &self.0.compiler)
    }

    /// Like [`Sandbox::load`], but compiles in this process: for components that were built with this program.
    ///
    /// # Errors
    /// Like [`Sandbox::load`].
    pub fn load_own(&self, bytes: &[u8]) -> Result<Algorithm, LoadError> {
        self.load_with(bytes, &Compiler::InProcess)
    }

    fn load_with(&self, bytes: &[u8], compiler: &Compiler) -> Result<Algorithm, LoadError> {
        examine(bytes, self.0.component_bytes_max)?;
        let (declared, refused) = declared::read(bytes)?;
        declared.check()?;
        refused.check(bytes)?;
        let digest = Digest::of(bytes);
        let Compiled { component, copies_strings } = self.component(bytes, &digest, compiler)?;
        if copies_strings {
            return Err(LoadError::InnerStrings);
        }
        imports::check(&self.0.engine, &component, bytes)?;
        self.algorithm(bytes, digest, declared, &component)
    }

    /// Makes an algorithm from a compiled component for this world. Forbidden imports would trap when called.
    pub(crate) fn algorithm(
        &self,
        bytes: &[u8],
        digest: Digest,
        declared: Declared,
        component: &Component,
    ) -> Result<Algorithm, LoadError> {
        let linker = imports::linker(&self.0.engine, component)?;
        let wrong_world = |error| machine::or(error, LoadError::WrongWorld);
        let instance = linker.instantiate_pre(component).map_err(wrong_world)?;
        Ok(Algorithm {
            digest,
            component_bytes: bytes.len() as u64,
            declared,
            imports_wasi: imports::any_wasi(&self.0.engine, component),
            world: World::of(instance).map_err(wrong_world)?,
            sandbox: Arc::clone(&self.0),
        })
    }

    pub(crate) fn component(&self, bytes: &[u8], digest: &Digest, compiler: &Compiler) -> Result<Compiled, LoadError> {
        let inner = &self.0;
        let cached = inner.cache.as_ref().and_then(|cache| cache.read(digest, &inner.engine));
        let (component, code) = match cached {
            Some(cached) => cached,
            None => {
                let history = inner.history.as_ref().filter(|_| bytes.len() >= HISTORY_BYTES_MIN);
                let history = inner.cache.as_ref().zip(history);
                let kept = history.map(|(cache, history)| cache.read_functions(history).unwrap_or_default());
                let compiled = compiler.compile(&inner.engine, inner.codegen, &inner.stop, kept, bytes)?;
                let Compilation { component, code, kept } = compiled;
                if let Some(((cache, history), kept)) = history.zip(kept) {
                    cache.write_functions(history, &kept);
                }
                if let Some(cache) = &inner.cache {
                    cache.write(digest, &code);
                }
                (component, code)
            }
        };
        if let Some(Unreserved { judge, .. }) = &inner.unreserved {
            deserialize(judge, &code).map_err(|error| machine::or(error, LoadError::Malformed))?;
        }
        Ok(Compiled { component, copies_strings: copies_strings(&code)? })
    }
}

/// A component as the compiler left it.
pub(crate) struct Compiled {
    pub(crate) component: Component,
    /// Whether its inner components pass strings to each other.
    pub(crate) copies_strings: bool,
}

/// Identifies a file before anything parses it, so that the message names the actual mistake.
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
        Some([1, 0, 0, 0, ..]) => Err(LoadError::CoreModule { way_out: Language::of_module(Language::of(bytes)) }),
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

/// A component that is ready to run. Cheap to clone.
#[derive(Clone)]
pub struct Algorithm {
    digest: Digest,
    component_bytes: u64,
    pub(crate) declared: Declared,
    imports_wasi: bool,
    pub(crate) world: World,
    pub(crate) sandbox: Arc<Inner>,
}

impl std::fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Algorithm({})", self.digest.short())
    }
}

impl Algorithm {
    /// Returns the SHA-256 digest of the component file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the size of the component file, in bytes.
    pub fn component_bytes(&self) -> u64 {
        self.component_bytes
    }

    /// Returns whether it imports any of WASI, so that a host without WASI cannot run it.
    pub fn imports_wasi(&self) -> bool {
        self.imports_wasi
    }
}
