//! The child's side: limits itself, shuts itself in, compiles.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use domain::text::chain;
use rustix::process::{Resource, Rlimit, setrlimit};
use wasmtime::Engine;

use super::CompileLimits;
use super::functions::{Functions, read_two, write_two};
use crate::confine;
use crate::engine::{Codegen, compiling_engine};

/// Exit code of a child whose component is invalid; the reason is on stderr. No usual exit code of other programs.
pub(super) const EXIT_INVALID: u8 = 65;
/// Exit code of a child whose allocation failed.
pub(super) const EXIT_MEMORY: u8 = 66;
/// Exit code of a child that failed for a reason unrelated to the component.
pub(super) const EXIT_FAILED: u8 = 1;
/// How the first line on stderr begins, once the child is ready for the component. Walls that are missing follow.
pub(super) const READY: &str = "shut in";

/// How much longer than its limit a child may run until it is killed without a word, in seconds.
const CPU_MARGIN_SECONDS: u64 = 5;
/// The smallest component.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// The child's side: limits the process and shuts it in, reads a component from `input`, and writes its code for an engine
/// with this `codegen` to `output`. If it `keeps` functions, those of an earlier version come before the component, and those of
/// this one follow the code.
///
/// Returns the process's exit code, 0 if all went well; the reason of a failure is written to `errors`. The process cannot
/// do anything else afterwards.
pub fn compile_as_child(
    limits: CompileLimits,
    codegen: Codegen,
    keeps: bool,
    input: &mut impl Read,
    output: &mut impl Write,
    errors: &mut impl Write,
) -> u8 {
    let failed = |reason: String| (EXIT_FAILED, reason);
    let functions = keeps.then(|| Arc::new(Functions::default()));
    let result = prepare(limits, codegen, functions.clone()).and_then(|(engine, missing)| {
        let missing = if missing.is_empty() { String::new() } else { format!(" without {}", missing.join(", ")) };
        writeln!(errors, "{READY}{missing}").map_err(|error| error.to_string())?;
        Ok(engine)
    });
    let result = result.map_err(failed).and_then(|engine| {
        let bytes = read(input, functions.as_deref()).map_err(|error| failed(error.to_string()))?;
        let code = engine.precompile_component(&bytes).map_err(|error| {
            let exit = if error.is::<wasmtime::OutOfMemory>() { EXIT_MEMORY } else { EXIT_INVALID };
            (exit, format!("{error:#}"))
        })?;
        let written = match &functions {
            Some(functions) => write_two(output, &code, &functions.kept()),
            None => output.write_all(&code),
        };
        written.and_then(|()| output.flush()).map_err(|error| failed(error.to_string()))
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

/// Reads the component, and before it the functions of an earlier version, if they are kept.
fn read(input: &mut impl Read, functions: Option<&Functions>) -> std::io::Result<Vec<u8>> {
    let Some(functions) = functions else {
        let mut bytes = Vec::new();
        return input.read_to_end(&mut bytes).map(|_| bytes);
    };
    let (kept, bytes) = read_two(input)?;
    functions.know(&kept);
    Ok(bytes)
}

/// Everything before the first byte of the component: what fails here is not its fault.
fn prepare(
    limits: CompileLimits,
    codegen: Codegen,
    functions: Option<Arc<Functions>>,
) -> Result<(Engine, confine::Missing), String> {
    limit_self(limits)?;
    let walls = confine::cut_off()?;
    let engine = compiling_engine(codegen, functions).map_err(|error| chain(&error))?;
    // Starts the compiler's threads, which is not possible later. They panic if there is no room for them.
    // Nothing is used any more after a panic.
    let warm = catch_unwind(AssertUnwindSafe(|| engine.precompile_component(EMPTY).map(drop)));
    warm.map_err(|_| "it has no room for its threads".to_owned())?.map_err(|error| format!("{error:#}"))?;
    Ok((engine, walls.silence()))
}

fn limit_self(limits: CompileLimits) -> Result<(), String> {
    let set = |resource, current: u64, maximum: u64| {
        let limit = Rlimit { current: Some(current), maximum: Some(maximum) };
        setrlimit(resource, limit).map_err(|error| format!("cannot limit the compiler: {error}"))
    };
    let (memory_bytes, seconds) = (limits.granted_bytes(), limits.processor_time.as_secs().max(1));
    set(Resource::As, memory_bytes, memory_bytes)?;
    // The signal at the first limit tells the parent why.
    set(Resource::Cpu, seconds, seconds.saturating_add(CPU_MARGIN_SECONDS))?;
    set(Resource::Core, 0, 0)
}
