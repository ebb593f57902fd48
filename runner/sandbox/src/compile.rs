//! Compiles components: our own in this process, all others in a limited child process.
//!
//! A compiler is a large program whose input comes from strangers, and the engine does not limit the time and memory
//! that it uses. So the program starts itself again with pipes only; the child limits itself, compiles, and returns the
//! code. A compilation bomb kills only the child.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine::{Codegen, plain_engine};
use crate::error::{LoadError, SandboxError, quoted};

/// Limits on the compilation of one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Wall-clock time; twice as much processor time is allowed. An 18 MB interpreter takes about 10 s on two slow
    /// cores.
    pub time: Duration,
    /// Address space, in bytes. The same interpreter needs about 512 MiB.
    pub memory_bytes: u64,
}

impl Default for CompileLimits {
    fn default() -> CompileLimits {
        CompileLimits { time: Duration::from_secs(60), memory_bytes: 4 << 30 }
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
        /// Arguments that make it call [`compile_as_child`] with the same limits and code generation.
        arguments: Vec<String>,
        /// The limits; the parent enforces the time as well.
        limits: CompileLimits,
    },
}

/// Exit code of a child whose component is invalid; the reason is on stderr. No usual exit code of other programs.
const EXIT_INVALID: u8 = 65;
/// Exit code of a child whose allocation failed.
const EXIT_MEMORY: u8 = 66;
/// Exit code of a Rust program that panicked, as it does if it has no memory for a thread.
const EXIT_PANICKED: u8 = 101;
/// Exit code of a child that failed for a reason unrelated to the component.
const EXIT_FAILED: u8 = 1;

impl Compiler {
    /// Compiles a component; also returns its code, for the cache.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        codegen: Codegen,
        bytes: &[u8],
    ) -> Result<(Component, Vec<u8>), LoadError> {
        match self {
            Compiler::InProcess => {
                let component = Component::from_binary(engine, bytes).map_err(malformed)?;
                let code = component.serialize().map_err(malformed)?;
                Ok((component, code))
            }
            Compiler::Child { program, arguments, limits } => {
                let mut command = Command::new(program);
                command.args(arguments).env_clear();
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
                let failed = |reason: String| SandboxError::Compiler { program: program.clone(), reason };
                let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
                let code = finish(&mut child, bytes, *limits, failed)?;
                match deserialize(engine, &code) {
                    Ok(component) => Ok((component, code)),
                    // The code is intact but exceeds this engine's instance slots, which the child does not know of.
                    Err(error) if deserialize(&plain_engine(codegen)?, &code).is_ok() => Err(malformed(error)),
                    Err(error) => Err(failed(format!("{error:#}")).into()),
                }
            }
        }
    }
}

fn malformed(error: wasmtime::Error) -> LoadError {
    LoadError::Malformed(quoted(&format!("{error:#}")))
}

/// Loads code that this program compiled, received from its child or read from its cache.
#[allow(unsafe_code, reason = "the only way to load compiled code; see SAFETY")]
pub(crate) fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the code comes from `Component::serialize` or `Engine::precompile_component` of this program: either over
    // a pipe from the child that we started, or from a cache directory that only this user can write, verified against
    // the digest stored with it. Code of any other origin is refused before it gets here (`LoadError::Precompiled`).
    unsafe { Component::deserialize(engine, code) }
}

/// Sends the component to the child and waits for its result, within the limits.
fn finish(
    child: &mut Child,
    bytes: &[u8],
    limits: CompileLimits,
    failed: impl Fn(String) -> SandboxError,
) -> Result<Vec<u8>, LoadError> {
    let (Some(mut input), Some(mut output), Some(mut errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed("it has no pipes".to_owned()).into());
    };
    let (finished, wait) = mpsc::channel();
    let answer = std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut code = Vec::new();
            let read = output.read_to_end(&mut code);
            // The receiver is only gone after the timeout.
            let _ = finished.send(read.map(|_| code));
        });
        let reason = scope.spawn(move || {
            let mut reason = String::new();
            let _ = errors.by_ref().take(64 << 10).read_to_string(&mut reason);
            reason
        });
        // A child that fails early closes the pipe; its exit code has the reason.
        scope.spawn(move || drop(input.write_all(bytes)));
        let code = wait.recv_timeout(limits.time);
        if code.is_err() {
            // Closes the pipes, which ends the threads.
            let _ = child.kill();
        }
        (code, child.wait(), reason.join().unwrap_or_default())
    });
    let limit =
        |reason: String| LoadError::CompileLimit { time: limits.time, memory_bytes: limits.memory_bytes, reason };
    match answer {
        (Err(_), _, _) => Err(limit("out of time".to_owned())),
        (Ok(Ok(code)), Ok(status), _) if status.success() => Ok(code),
        (Ok(_), Ok(status), reason) => Err(match status.code().map(u8::try_from) {
            Some(Ok(EXIT_INVALID)) => LoadError::Malformed(quoted(reason.trim())),
            // Without a code it was killed by a signal, which is how the system enforces limits.
            None | Some(Ok(EXIT_MEMORY | EXIT_PANICKED)) => limit(ended(status, &reason)),
            Some(_) => failed(ended(status, &reason)).into(),
        }),
        (Ok(_), Err(error), _) => Err(failed(error.to_string()).into()),
    }
}

/// Describes the end of a child: its exit status, and the last line that it wrote to stderr.
fn ended(status: ExitStatus, reason: &str) -> String {
    let last = reason.trim().lines().last().unwrap_or_default();
    quoted(format!("{status} {last}").trim())
}

/// The child's side: limits the process, reads a component from `input`, and writes its code for an engine with this
/// `codegen` to `output`.
///
/// Returns the process's exit code, 0 if all went well; the reason of a failure is written to `errors`.
pub fn compile_as_child(
    limits: CompileLimits,
    codegen: Codegen,
    input: &mut impl Read,
    output: &mut impl Write,
    errors: &mut impl Write,
) -> u8 {
    let failed = |reason: String| (EXIT_FAILED, reason);
    let result = limit_self(limits).map_err(failed).and_then(|()| {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
        let engine = plain_engine(codegen).map_err(|error| failed(error.to_string()))?;
        let code = engine.precompile_component(&bytes).map_err(|error| {
            let exit = if error.is::<wasmtime::OutOfMemory>() { EXIT_MEMORY } else { EXIT_INVALID };
            (exit, format!("{error:#}"))
        })?;
        output.write_all(&code).and_then(|()| output.flush()).map_err(|error| failed(error.to_string()))
    });
    match result {
        Ok(()) => 0,
        Err((exit, reason)) => {
            // If stderr is closed, there is no other way to report the reason.
            let _ = writeln!(errors, "{reason}");
            exit
        }
    }
}

fn limit_self(limits: CompileLimits) -> Result<(), String> {
    let set = |resource, most: u64| {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(|error| format!("cannot limit the compiler: {error}"))
    };
    set(Resource::As, limits.memory_bytes)?;
    set(Resource::Cpu, limits.time.as_secs().saturating_mul(2).max(1))?;
    set(Resource::Core, 0)
}
