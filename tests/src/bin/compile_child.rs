//! A compiler process for tests, as the `rec-market` binary is one for itself: `compile-child MEMORY_BYTES SECONDS`.

use std::process::ExitCode;
use std::time::Duration;

use sandbox::{CompileLimits, compile_as_child};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (Some(Ok(memory_bytes)), Some(Ok(seconds)), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return ExitCode::from(2);
    };
    let limits = CompileLimits { time: Duration::from_secs(seconds), memory_bytes };
    let (mut input, mut output, mut errors) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    ExitCode::from(compile_as_child(limits, &mut input, &mut output, &mut errors))
}
