//! A compiler process for tests, like the one that `rec-market` starts: `compile-child MEMORY_BYTES SECONDS
//! [checking] [--keeping]`.

use std::process::ExitCode;
use std::time::Duration;

use sandbox::{Codegen, CompileLimits, compile_as_child};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (arguments, keeps) = match arguments.as_slice() {
        [before @ .., last] if last == "--keeping" => (before, true),
        all => (all, false),
    };
    let (numbers, codegen) = match arguments {
        [numbers @ .., last] if last == "checking" => (numbers, Codegen::Checking),
        numbers => (numbers, Codegen::Usual),
    };
    let numbers: Vec<_> = numbers.iter().map(|number| number.parse::<u64>()).collect();
    let [Ok(memory_bytes), Ok(seconds)] = numbers[..] else { return ExitCode::from(2) };
    let limits =
        CompileLimits { processor_time: Duration::from_secs(seconds), memory_bytes, ..CompileLimits::default() };
    let (mut input, mut output, mut errors) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    ExitCode::from(compile_as_child(limits, codegen, keeps, &mut input, &mut output, &mut errors))
}
