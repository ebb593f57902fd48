//! The import policy: a component may import nothing, or inert versions of the WASI interfaces that standard libraries
//! import.
//!
//! A Rust `wasm32-wasip2` component imports `wasi:cli` and `wasi:io` even if it uses neither. Here stdin is closed, the
//! environment is empty, and the beginning of stdout and stderr is kept as a short log. Functions of these interfaces
//! that no standard library needs to start or to panic trap when called. Everything else (files, network, clocks,
//! randomness) is refused by name.

use std::collections::BTreeSet;

use wasmtime::component::{Component, Linker, Resource, ResourceType, WasmList};
use wasmtime::{Engine, Result, StoreContextMut, Trap, bail};

use crate::error::{LoadError, shortened};
use crate::language::Language;
use crate::machine;
use crate::state::State;

/// The interfaces that a component may import, without version.
const INERT: [&str; 11] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:io/error",
];
const INERT_IO: [&str; 2] = ["wasi:io/poll", "wasi:io/streams"];

/// How many bytes `check-write` permits at a time.
const WRITE_BYTES_MAX: u64 = 4 << 10;

/// Maximum number of refused imports in an error, and maximum length of each in characters, whatever was uploaded.
const REFUSED_MAX: usize = 20;
const NAME_CHARS_MAX: usize = 100;

/// The package of our own interfaces: another version of it is another world.
const PACKAGE: &str = "rec:market/";

/// The names of a component's imports that the policy refuses.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    names: Vec<String>,
    more: usize,
    /// An import of another world of ours.
    other_world: Option<String>,
}

impl Refused {
    /// Adds an import, if the policy refuses it.
    pub(crate) fn add(&mut self, name: &str) {
        match allowed(name) {
            true => {}
            false if name.starts_with(PACKAGE) => {
                self.other_world.get_or_insert_with(|| shortened(name, NAME_CHARS_MAX));
            }
            false if self.names.len() < REFUSED_MAX => self.names.push(shortened(name, NAME_CHARS_MAX)),
            false => self.more = self.more.saturating_add(1),
        }
    }

    /// Returns an error that lists the refused imports of a component with these bytes, if there are any.
    pub(crate) fn check(mut self, bytes: &[u8]) -> Result<(), LoadError> {
        if let Some(name) = self.other_world {
            return Err(LoadError::WrongWorld(format!(
                "it imports {name} (build it with this version's wit/market.wit)"
            )));
        }
        if self.more > 0 {
            self.names.push(format!("{} more", self.more));
        }
        if self.names.is_empty() {
            return Ok(());
        }
        Err(LoadError::Imports { names: self.names, way_out: Language::without_imports(Language::of(bytes)) })
    }
}

fn allowed(name: &str) -> bool {
    let (interface, version) = name.split_once('@').unwrap_or((name, ""));
    (INERT.contains(&interface) || INERT_IO.contains(&interface)) && version.starts_with("0.2.")
        // The interface of the shared types, which has no functions.
        || name == "rec:market/types@1.0.0"
}

/// Checks the imports of a component with these bytes against the policy.
pub(crate) fn check(engine: &Engine, component: &Component, bytes: &[u8]) -> Result<(), LoadError> {
    let mut refused = Refused::default();
    component.component_type().imports(engine).for_each(|(name, _)| refused.add(name));
    refused.check(bytes)
}

/// Returns whether the component imports any of WASI, so that a host without WASI cannot run it.
pub(crate) fn any_wasi(engine: &Engine, component: &Component) -> bool {
    component.component_type().imports(engine).any(|(name, _)| name.starts_with("wasi:"))
}

/// The versions of WASI that the component imports, such as `0.2.6`. The linker would resolve one to another, but not beside
/// the traps, which have the very names of the imports.
fn wasi_versions(engine: &Engine, component: &Component) -> BTreeSet<String> {
    let component = component.component_type();
    let wasi = component.imports(engine).filter_map(|(name, _)| name.strip_prefix("wasi:"));
    wasi.filter_map(|name| name.split_once('@')).map(|(_, version)| version.to_owned()).collect()
}

/// Makes a linker with inert versions of the imports that this component needs, and traps for all others.
pub(crate) fn linker(engine: &Engine, component: &Component) -> Result<Linker<State>, LoadError> {
    let mut linker = Linker::new(engine);
    for version in wasi_versions(engine, component) {
        define(&mut linker, &version).map_err(|error| machine::or(error, LoadError::Malformed))?;
    }
    linker.define_unknown_imports_as_traps(component).map_err(|error| machine::or(error, LoadError::WrongWorld))?;
    Ok(linker)
}

/// Fuel for each call of a function below, which takes about 200 ns: a call must not be cheaper than computation.
const CALL_FUEL: u64 = 200;

fn charge(store: &mut StoreContextMut<'_, State>) -> Result<()> {
    let left = store.get_fuel()?.checked_sub(CALL_FUEL).ok_or(Trap::OutOfFuel)?;
    store.set_fuel(left)
}

struct Stream;
struct Pollable;
struct IoError;
struct Terminal;

/// `wasi:io/streams.stream-error`. Reading always fails with `closed`.
#[derive(wasmtime::component::ComponentType, wasmtime::component::Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[allow(dead_code, reason = "the interface has this case; nothing here ever fails")]
    Failed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

/// Defines the inert interfaces. A resource that one interface uses from another must be defined in both: otherwise
/// `define_unknown_imports_as_traps` would define a different resource there, and no component would match.
fn define(linker: &mut Linker<State>, version: &str) -> Result<()> {
    define_io(linker, version)?;
    define_cli(linker, version)
}

fn define_io(linker: &mut Linker<State>, version: &str) -> Result<()> {
    let mut error = linker.instance(&format!("wasi:io/error@{version}"))?;
    error.resource("error", ResourceType::host::<IoError>(), |_, _| Ok(()))?;
    let mut poll = linker.instance(&format!("wasi:io/poll@{version}"))?;
    poll.resource("pollable", ResourceType::host::<Pollable>(), |_, _| Ok(()))?;
    // Rust's standard library waits until it may write, also for the message of a panic.
    poll.func_wrap("[method]pollable.block", |mut store, (_pollable,): (Resource<Pollable>,)| charge(&mut store))?;
    poll.func_wrap("[method]pollable.ready", |mut store, (_pollable,): (Resource<Pollable>,)| {
        charge(&mut store).map(|()| (true,))
    })?;

    let mut streams = linker.instance(&format!("wasi:io/streams@{version}"))?;
    streams.resource("error", ResourceType::host::<IoError>(), |_, _| Ok(()))?;
    streams.resource("pollable", ResourceType::host::<Pollable>(), |_, _| Ok(()))?;
    streams.resource("input-stream", ResourceType::host::<Stream>(), |_, _| Ok(()))?;
    streams.resource("output-stream", ResourceType::host::<Output>(), |_, _| Ok(()))?;
    for read in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        streams.func_wrap(read, |mut store, (_stream, _bytes): (Resource<Stream>, u64)| {
            charge(&mut store)?;
            Ok((Err::<Vec<u8>, StreamError>(StreamError::Closed),))
        })?;
    }
    streams.func_wrap("[method]output-stream.subscribe", |mut store, (_stream,): (Resource<Output>,)| {
        charge(&mut store).map(|()| (Resource::<Pollable>::new_own(2),))
    })?;
    streams.func_wrap("[method]output-stream.check-write", |mut store, (_stream,): (Resource<Output>,)| {
        charge(&mut store)?;
        Ok((Ok::<u64, StreamError>(WRITE_BYTES_MAX),))
    })?;
    for write in ["[method]output-stream.write", "[method]output-stream.blocking-write-and-flush"] {
        streams.func_wrap(
            write,
            |mut store: StoreContextMut<'_, State>, (_, list): (Resource<Output>, WasmList<u8>)| {
                charge(&mut store)?;
                // Borrowed from the guest, and copied only as far as the log has room: a flood costs the host nothing.
                let most = store.data().log.room().min(list.len());
                let bytes = list.as_le_slice(&store)[..most].to_vec();
                let dropped = list.len() - most;
                store.data_mut().log.write(&bytes, dropped);
                Ok((Ok::<(), StreamError>(()),))
            },
        )?;
    }
    for flush in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        streams.func_wrap(flush, |mut store, (_stream,): (Resource<Output>,)| {
            charge(&mut store)?;
            Ok((Ok::<(), StreamError>(()),))
        })?;
    }
    Ok(())
}

/// The resource for stdout and stderr, which share one log.
struct Output;

fn define_cli(linker: &mut Linker<State>, version: &str) -> Result<()> {
    let mut environment = linker.instance(&format!("wasi:cli/environment@{version}"))?;
    environment.func_wrap("get-environment", |mut store, (): ()| {
        charge(&mut store).map(|()| (Vec::<(String, String)>::new(),))
    })?;
    environment.func_wrap("get-arguments", |mut store, (): ()| charge(&mut store).map(|()| (Vec::<String>::new(),)))?;
    environment.func_wrap("initial-cwd", |mut store, (): ()| charge(&mut store).map(|()| (None::<String>,)))?;

    let mut exit = linker.instance(&format!("wasi:cli/exit@{version}"))?;
    exit.func_wrap("exit", |_, (_status,): (Result<(), ()>,)| -> Result<()> {
        bail!("the algorithm called exit (return an error instead)")
    })?;

    let mut stdin = linker.instance(&format!("wasi:cli/stdin@{version}"))?;
    stdin.resource("input-stream", ResourceType::host::<Stream>(), |_, _| Ok(()))?;
    stdin.func_wrap("get-stdin", |mut store, (): ()| charge(&mut store).map(|()| (Resource::<Stream>::new_own(0),)))?;
    for (stream, get) in [("stdout", "get-stdout"), ("stderr", "get-stderr")] {
        let mut instance = linker.instance(&format!("wasi:cli/{stream}@{version}"))?;
        instance.resource("output-stream", ResourceType::host::<Output>(), |_, _| Ok(()))?;
        instance.func_wrap(get, |mut store, (): ()| charge(&mut store).map(|()| (Resource::<Output>::new_own(1),)))?;
    }
    for kind in ["input", "output"] {
        let mut instance = linker.instance(&format!("wasi:cli/terminal-{kind}@{version}"))?;
        instance.resource(&format!("terminal-{kind}"), ResourceType::host::<Terminal>(), |_, _| Ok(()))?;
    }
    for (stream, kind) in [("stdin", "input"), ("stdout", "output"), ("stderr", "output")] {
        let mut instance = linker.instance(&format!("wasi:cli/terminal-{stream}@{version}"))?;
        instance.resource(&format!("terminal-{kind}"), ResourceType::host::<Terminal>(), |_, _| Ok(()))?;
        let get = format!("get-terminal-{stream}");
        instance.func_wrap(&get, |mut store, (): ()| charge(&mut store).map(|()| (None::<Resource<Terminal>>,)))?;
    }
    Ok(())
}
