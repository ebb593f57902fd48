//! Whose fault it is if a child brings no code: the component's, or the machine's.

use std::os::unix::process::ExitStatusExt;

use rustix::process::Signal;

use super::child::{EXIT_INVALID, EXIT_MEMORY, READY};
use super::{CompileLimits, Ended, last_words};
use crate::error::{Cause, LoadError, SandboxError};
use crate::features::unread;

/// Exit code of a Rust program that panicked, as the compiler does if it has no memory left.
const EXIT_PANICKED: u8 = 101;

/// Returns the code of a child, or why there is none.
pub(super) fn of(
    ended: Ended,
    limits: CompileLimits,
    failed: impl Fn(Cause) -> SandboxError,
) -> Result<Vec<u8>, LoadError> {
    let Ended { code, status, errors } = ended;
    let Some(code) = code else {
        let reason = "the compiler was kept from finishing within";
        let waited = format!("{reason} {:?}, with less processor time than it may use", limits.time);
        return Err(SandboxError::Busy(waited).into());
    };
    let words = || last_words(status, &errors);
    // Until it was ready, it had not seen the component.
    let (ready, reason) = errors.split_once('\n').unwrap_or((&errors, ""));
    let Some(missing) = ready.strip_prefix(READY) else { return Err(failed(words().into()).into()) };
    if !missing.is_empty() {
        tracing::warn!("the compiler is shut in{missing}");
    }
    let over = |reason: String| LoadError::CompileMemory { memory_bytes: limits.memory_bytes, reason };
    match (status.code().map(u8::try_from), status.signal().and_then(Signal::from_named_raw)) {
        (Some(Ok(0)), _) => code.map_err(|error| failed(error.into()).into()),
        (Some(Ok(EXIT_INVALID)), _) => Err(unread(reason.trim())),
        (Some(Ok(EXIT_MEMORY | EXIT_PANICKED)), _) | (_, Some(Signal::ABORT)) => {
            Err(out_of_memory(limits, words(), over))
        }
        (_, Some(Signal::XCPU)) => Err(LoadError::CompileTime(limits.processor_time)),
        // Nobody here sends this signal before its time is over, but the system does if it has no memory left.
        (_, Some(Signal::KILL)) => {
            Err(SandboxError::Machine(format!("the compiler was killed: {}", words()).into()).into())
        }
        (None, _) => Err(over(words())),
        (Some(_), _) => Err(failed(words().into()).into()),
    }
}

/// A component that needs too much memory is refused. Where the compiler has less than on a larger machine, nobody knows.
fn out_of_memory(limits: CompileLimits, words: String, over: impl Fn(String) -> LoadError) -> LoadError {
    let granted = limits.granted_bytes();
    if granted >= limits.memory_bytes {
        return over(words);
    }
    let (most, room) = (limits.memory_bytes, limits.memory_bytes.saturating_mul(2));
    SandboxError::Machine(format!(
        "the compiler has {granted} bytes of memory here, half of what the container or machine has, and needs more: {words} (build a smaller component, or give the container more: with {room} bytes the compiler has the {most} that it may use)"
    ).into())
    .into()
}
