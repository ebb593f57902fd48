//! Compiles components: our own in this process, all others in a limited child process.
//!
//! A compiler is a large program whose input comes from strangers, and the engine does not limit the time and memory
//! that it uses. So the program starts itself again with pipes only; the child limits itself, shuts itself in
//! (`confine.rs`), compiles, and returns the code. A compilation bomb kills only the child.

mod child;
mod functions;
mod verdict;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSymbol};
use rustix::process::{Resource, getrlimit};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::confine;
use crate::engine::{Codegen, Stop, plain_engine};
use crate::error::{Cause, LoadError, SandboxError, quoted};
use crate::features::unread;
use crate::machine;

pub use child::compile_as_child;
use functions::{split_two, write_two};

/// The argument that makes a child keep functions.
const KEEPING: &str = "--keeping";

/// How often a waiting parent looks whether the program stops.
const LOOK: Duration = Duration::from_millis(50);
/// Maximum size of what a child may write to stderr, in bytes.
const ERRORS_BYTES_MAX: u64 = 64 << 10;

/// Limits on the compilation of one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Processor time, in whole seconds: the limit that decides. An 18 MB interpreter takes about 20 s on a slow core.
    pub processor_time: Duration,
    /// Wall-clock time: the backstop. Who exceeds only this one was kept waiting by the machine.
    pub time: Duration,
    /// Address space, in bytes. The same interpreter needs about 512 MiB.
    pub memory_bytes: u64,
}

impl Default for CompileLimits {
    fn default() -> CompileLimits {
        CompileLimits {
            processor_time: Duration::from_secs(120),
            time: Duration::from_secs(300),
            memory_bytes: 4 << 30,
        }
    }
}

impl CompileLimits {
    /// Returns the address space that a compiler gets here, in bytes: never more than half of the memory of the container
    /// or machine, and never more than this process itself may have.
    pub fn granted_bytes(&self) -> u64 {
        let half = machine::memory_bytes().map_or(u64::MAX, |bytes| bytes / 2);
        let inherited = getrlimit(Resource::As).current.unwrap_or(u64::MAX);
        self.memory_bytes.min(half).min(inherited)
    }
}

/// Where components are compiled.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// In this process, without limits: for components that were built with this program.
    InProcess,
    /// In a child process that runs [`compile_as_child`].
    Child {
        /// Path of the program to start.
        program: PathBuf,
        /// Arguments that make it call [`compile_as_child`] with the same limits and code generation. With `--keeping` behind
        /// them it must keep functions.
        arguments: Vec<String>,
        /// The limits; the parent enforces the wall-clock time.
        limits: CompileLimits,
    },
}

/// What a compilation brings.
pub(crate) struct Compilation {
    pub(crate) component: Component,
    /// Its code, for the cache.
    pub(crate) code: Vec<u8>,
    /// Its functions, for the next version of it, if they were asked for.
    pub(crate) kept: Option<Vec<u8>>,
}

impl Compiler {
    /// Compiles a component. `kept` are the functions of an earlier version; without, none are kept of this one either.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        codegen: Codegen,
        stop: &Stop,
        kept: Option<Vec<u8>>,
        bytes: &[u8],
    ) -> Result<Compilation, LoadError> {
        let malformed = |error| machine::or(error, |reason| unread(&reason));
        match self {
            Compiler::InProcess => {
                let component = Component::from_binary(engine, bytes).map_err(malformed)?;
                let code = component.serialize().map_err(malformed)?;
                Ok(Compilation { component, code, kept: None })
            }
            Compiler::Child { program, arguments, limits } => {
                let failed = |source: Cause| SandboxError::Compiler { program: program.clone(), source };
                let input = Input { kept: kept.as_deref(), bytes };
                let ended = compile_in_child(program, arguments, limits.time, stop, input)?;
                let output = verdict::of(ended, *limits, failed)?;
                let (code, kept) = match kept {
                    None => (output, None),
                    Some(_) => {
                        let (code, kept) = split_two(output).map_err(|error| failed(error.into()))?;
                        (code, Some(kept))
                    }
                };
                match deserialize(engine, &code) {
                    Ok(component) => Ok(Compilation { component, code, kept }),
                    // The code is intact but exceeds this engine's instance slots, which the child does not know of.
                    Err(error) if deserialize(&plain_engine(codegen)?, &code).is_ok() => Err(malformed(error)),
                    Err(error) => Err(failed(error.into()).into()),
                }
            }
        }
    }
}

/// Loads code that this program compiled, received from its child or read from its cache.
#[allow(unsafe_code, reason = "the only way to load compiled code; see SAFETY")]
pub(crate) fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the code comes from `Component::serialize` or `Engine::precompile_component` of this program: either over
    // a pipe from the child that we started, or from a cache directory that only this user can write, verified against
    // the digest stored with it. Code of any other origin is refused before it gets here (`LoadError::Precompiled`).
    unsafe { Component::deserialize(engine, code) }
}

/// Returns whether inner components pass strings to each other. The engine copies those in functions of its own, which
/// cost no fuel; lists and numbers are copied by generated code, which does.
///
/// The names of these functions are in the compiled code. A guest in tests/guests detects if the engine names them
/// otherwise.
pub(crate) fn copies_strings(code: &[u8]) -> Result<bool, SandboxError> {
    let broken = |error: object::Error| SandboxError::Engine(UnreadableCode(error).into());
    let file = ElfFile64::<Endianness>::parse(code).map_err(broken)?;
    for symbol in file.symbols() {
        let name = symbol.name().map_err(broken)?;
        // Functions of the component itself have other names, whatever it calls them.
        if name.starts_with("component-trampolines[") && name.contains("-component-transcode-") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The error for compiled code that is not what the compiler writes.
#[derive(Debug, thiserror::Error)]
#[error("the compiled code cannot be read")]
struct UnreadableCode(#[source] object::Error);

/// How a child ended.
struct Ended {
    /// What it wrote to stdout. None if it was killed because its time was over.
    code: Option<std::io::Result<Vec<u8>>>,
    status: ExitStatus,
    errors: String,
}

/// What a child is given.
#[derive(Clone, Copy)]
struct Input<'i> {
    /// Functions of an earlier version, if they are kept.
    kept: Option<&'i [u8]>,
    bytes: &'i [u8],
}

/// Sends the component to a child and waits for its end.
fn compile_in_child(
    program: &PathBuf,
    arguments: &[String],
    time: Duration,
    stop: &Stop,
    given: Input<'_>,
) -> Result<Ended, SandboxError> {
    stop.check()?;
    let directory = confine::empty_directory();
    let mut command = Command::new(program);
    command.args(arguments).args(given.kept.map(|_| KEEPING)).env_clear();
    command.current_dir(directory.as_ref().map_or(confine::root(), tempfile::TempDir::path));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => {
            SandboxError::Compiler { program: program.clone(), source: error.into() }
        }
        _ => SandboxError::machine("the compiler process cannot start", error),
    })?;
    let ended = feed_and_wait(&mut child, time, stop, given);
    if ended.is_err() {
        // It may be gone already.
        let _ = child.kill();
        let _ = child.wait();
    }
    ended
}

fn feed_and_wait(child: &mut Child, time: Duration, stop: &Stop, given: Input<'_>) -> Result<Ended, SandboxError> {
    let no_pipes = || SandboxError::Machine("the compiler process has no pipes".into());
    let mut input = child.stdin.take().ok_or_else(no_pipes)?;
    let mut output = child.stdout.take().ok_or_else(no_pipes)?;
    let mut errors = child.stderr.take().ok_or_else(no_pipes)?;
    let no_thread = |error: std::io::Error| SandboxError::machine("no thread to talk to the compiler process", error);
    std::thread::scope(|scope| {
        let (finished, wait) = mpsc::channel();
        let read_code = move || {
            let mut code = Vec::new();
            let read = output.read_to_end(&mut code);
            // The receiver is only gone after the timeout.
            let _ = finished.send(read.map(|_| code));
        };
        let read_errors = move || {
            let mut text = Vec::new();
            let _ = errors.by_ref().take(ERRORS_BYTES_MAX).read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        };
        // A child that fails early closes the pipe; its exit code has the reason.
        let write = move || {
            drop(match given.kept {
                Some(kept) => write_two(&mut input, kept, given.bytes),
                None => input.write_all(given.bytes),
            })
        };
        let start = || {
            let thread = || std::thread::Builder::new();
            thread().spawn_scoped(scope, read_code)?;
            let errors = thread().spawn_scoped(scope, read_errors)?;
            thread().spawn_scoped(scope, write)?;
            Ok(errors)
        };
        let started = start().map_err(no_thread);
        let code = if started.is_ok() { wait_for(&wait, time, stop) } else { Ok(None) };
        if !matches!(code, Ok(Some(_))) {
            // Closes the pipes, which ends the threads.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|error| SandboxError::machine("the compiler process is lost", error));
        let errors = started?.join().unwrap_or_default();
        Ok(Ended { code: code?, status: status?, errors })
    })
}

/// Waits for the code; None if it does not come in time.
fn wait_for<T>(code: &mpsc::Receiver<T>, time: Duration, stop: &Stop) -> Result<Option<T>, SandboxError> {
    let started = Instant::now();
    loop {
        stop.check()?;
        let left = time.saturating_sub(started.elapsed());
        match code.recv_timeout(left.min(LOOK)) {
            Ok(code) => return Ok(Some(code)),
            Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
            Err(_) => return Ok(None),
        }
    }
}

/// The last line that a child wrote to stderr, with its exit status.
fn last_words(status: ExitStatus, errors: &str) -> String {
    let last = errors.trim().lines().last().unwrap_or_default();
    quoted(format!("{status} {last}").trim())
}
