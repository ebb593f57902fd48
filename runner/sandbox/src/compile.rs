//! Compiling components: in this process for our own, in a limited child process for everybody else's.
//!
//! A compiler is a large program fed by strangers, and the time and memory it takes are not part of what the engine
//! limits. So the program starts itself again with nothing but a pipe, the child limits itself, compiles, and sends the
//! code back. A bomb ends the child.

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

/// What compiling one component may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Wall-clock and processor time. An 18 MB interpreter takes some ten seconds on two slow cores.
    pub time: Duration,
    /// Address space, in bytes. The same interpreter takes half of one GiB.
    pub memory_bytes: u64,
}

impl Default for CompileLimits {
    fn default() -> CompileLimits {
        CompileLimits { time: Duration::from_secs(60), memory_bytes: 4 << 30 }
    }
}

/// Who compiles.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// This process, without limits: for components that we built ourselves.
    InProcess,
    /// A child process that runs [`compile_as_child`].
    Child {
        /// The program.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
        /// What it may take.
        limits: CompileLimits,
    },
}

/// Exit code of a child that found the component broken; the reason is on stderr. None that other programs use.
const EXIT_BROKEN: u8 = 65;
/// Exit code of a child that had not enough memory and noticed.
const EXIT_MEMORY: u8 = 66;
/// Exit code of a Rust program that panicked: without memory, for example, it cannot start a thread.
const EXIT_PANICKED: u8 = 101;
/// Exit code of a child that cannot do its work, whatever the component.
const EXIT_USELESS: u8 = 1;

impl Compiler {
    /// Compiles; answers the component and its code for a cache.
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
                let broken = |reason: String| SandboxError::Compiler { program: program.clone(), reason };
                let mut child = command.spawn().map_err(|error| broken(error.to_string()))?;
                let code = finish(&mut child, bytes, *limits, broken)?;
                match deserialize(engine, &code) {
                    Ok(component) => Ok((component, code)),
                    // Whole, but more than the slots of this engine hold, which the child does not know.
                    Err(error) if deserialize(&plain_engine(codegen)?, &code).is_ok() => Err(malformed(error)),
                    Err(error) => Err(broken(format!("{error:#}")).into()),
                }
            }
        }
    }
}

fn malformed(error: wasmtime::Error) -> LoadError {
    LoadError::Malformed(quoted(&format!("{error:#}")))
}

/// Makes a component of code that this program compiled: its own child's answer, or its own cache.
#[allow(unsafe_code, reason = "the only way to load compiled code; see SAFETY")]
pub(crate) fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: code comes from `Component::serialize` or `Engine::precompile_component` of this program: either over a pipe
    // from the child we started, or from a cache directory that only this user can write, checked against the digest
    // written with it. Code of any other origin is refused before it gets here (`LoadError::Precompiled`).
    unsafe { Component::deserialize(engine, code) }
}

/// Feeds the child and waits for its answer, within limits.
fn finish(
    child: &mut Child,
    bytes: &[u8],
    limits: CompileLimits,
    broken: impl Fn(String) -> SandboxError,
) -> Result<Vec<u8>, LoadError> {
    let (Some(mut input), Some(mut output), Some(mut errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(broken("it has no pipes".to_owned()).into());
    };
    let (finished, wait) = mpsc::channel();
    let answer = std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut code = Vec::new();
            let read = output.read_to_end(&mut code);
            // The receiver is gone only when time is up.
            let _ = finished.send(read.map(|_| code));
        });
        let reason = scope.spawn(move || {
            let mut reason = String::new();
            let _ = errors.by_ref().take(64 << 10).read_to_string(&mut reason);
            reason
        });
        // A child that gives up early closes the pipe; its exit code says why.
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
            Some(Ok(EXIT_BROKEN)) => LoadError::Malformed(quoted(reason.trim())),
            // No code: ended by a signal, which is how the system enforces limits.
            None | Some(Ok(EXIT_MEMORY | EXIT_PANICKED)) => limit(ended(status, &reason)),
            Some(_) => broken(ended(status, &reason)).into(),
        }),
        (Ok(_), Err(error), _) => Err(broken(error.to_string()).into()),
    }
}

fn ended(status: ExitStatus, reason: &str) -> String {
    let last = reason.trim().lines().last().unwrap_or_default();
    quoted(format!("{status} {last}").trim())
}

/// The child's side: limits itself, reads a component from `input`, writes its code for such an engine to `output`.
///
/// Answers the process's exit code; reasons go to `errors`.
pub fn compile_as_child(
    limits: CompileLimits,
    codegen: Codegen,
    input: &mut impl Read,
    output: &mut impl Write,
    errors: &mut impl Write,
) -> u8 {
    let useless = |reason: String| (EXIT_USELESS, reason);
    let result = limit_self(limits).map_err(useless).and_then(|()| {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes).map_err(|error| useless(error.to_string()))?;
        let engine = plain_engine(codegen).map_err(|error| useless(error.to_string()))?;
        let code = engine.precompile_component(&bytes).map_err(|error| {
            let exit = if error.is::<wasmtime::OutOfMemory>() { EXIT_MEMORY } else { EXIT_BROKEN };
            (exit, format!("{error:#}"))
        })?;
        output.write_all(&code).and_then(|()| output.flush()).map_err(|error| useless(error.to_string()))
    });
    match result {
        Ok(()) => 0,
        Err((exit, reason)) => {
            // Nobody is left to tell if stderr is closed.
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
