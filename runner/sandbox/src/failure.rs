//! What the engine's error says of a run: the machine's failure or the algorithm's, in which of its functions, and a way out.

use wasmtime::{FrameInfo, Trap, WasmBacktrace};

use crate::error::{Failure, FailureKind, SandboxError, quoted, shortened};
use crate::limits::{Budget, MemoryExceeded};
use crate::machine;

/// Maximum number of functions that a message names, and maximum length of each name, in characters.
const FRAMES_MAX: usize = 4;
const NAME_CHARS_MAX: usize = 80;

/// Part of the engine's message for a result that is too large, for which it has no type. A guest in tests/guests
/// detects if the message changes.
const HOSTCALL_FUEL: &str = "fuel allocated for hostcalls has been exhausted";

/// What is known of a run that failed.
pub(crate) struct Failed<'r> {
    pub(crate) budget: Budget,
    /// The number of positions of its round; 0 if it had none.
    pub(crate) positions: usize,
    /// What it wrote.
    pub(crate) log: &'r str,
}

impl Failed<'_> {
    /// Classifies the error of a run: `Ok` is the algorithm's failure, `Err` the machine's.
    pub(crate) fn by(&self, error: wasmtime::Error) -> Result<Failure, SandboxError> {
        if let Some(exceeded) = error.downcast_ref::<MemoryExceeded>() {
            return Ok(Failure::new(FailureKind::Memory, exceeded.to_string()));
        }
        match error.downcast_ref() {
            Some(SandboxError::Stopped) => return Err(SandboxError::Stopped),
            Some(SandboxError::Busy(waited)) => return Err(SandboxError::Busy(waited.clone())),
            _ => {}
        }
        let error = match machine::failure(error) {
            Ok(machine) => return Err(machine),
            Err(error) => error,
        };
        let cause = quoted(&error.root_cause().to_string());
        Ok(match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Failure::new(FailureKind::Fuel, self.out_of_fuel(&error)),
            Some(Trap::Interrupt) => {
                let time = self.budget.time;
                let message = format!("did not finish within {time:?} of processor time on this machine");
                Failure::new(FailureKind::Deadline, message)
            }
            Some(trap) => self.trapped(&error, trap),
            None if cause.contains(HOSTCALL_FUEL) => {
                let most = self.budget.output_bytes;
                Failure::new(FailureKind::Output, format!("answered with more than {most} bytes"))
            }
            // A host function refused, such as `exit`, or a handle was invalid.
            None if error.is::<WasmBacktrace>() => self.trapped(&error, cause),
            None => Failure::new(FailureKind::Invalid, format!("broke the interface: {cause}")),
        })
    }

    fn trapped(&self, error: &wasmtime::Error, reason: impl std::fmt::Display) -> Failure {
        let place = named(error).map_or_else(String::new, |functions| format!(" in {functions}"));
        let on_one_line = |text: &str| quoted(&text.trim().replace('\n', " "));
        let (mut message, wrote) = match last_words(self.log) {
            Some((words, before)) => (format!("{}; trapped{place}", on_one_line(&words)), before),
            None => (format!("trapped{place}: {reason}"), self.log),
        };
        if !wrote.trim().is_empty() {
            message.push_str(&format!("; it wrote: {}", on_one_line(wrote)));
        }
        Failure::new(FailureKind::Trap, message)
    }

    fn out_of_fuel(&self, error: &wasmtime::Error) -> String {
        let fuel = self.budget.fuel;
        let place = named(error).map_or_else(String::new, |functions| format!(", at last in {functions}"));
        let each = match u64::try_from(self.positions).ok().and_then(|positions| fuel.checked_div(positions)) {
            Some(each) => format!(", {each} for each of {} positions", self.positions),
            None => String::new(),
        };
        format!(
            "used all its fuel of {fuel}{each}{place} (does it loop? if not, do less for each position, or raise fuel in the \
             community's limits, or --fuel)"
        )
    }
}

/// What an algorithm wrote of its own end, as its author looks for it: file and line, and what happened there. And what it had
/// written before. Rust tells of a panic in this way, and the kit of C of a mistake with which it cannot go on.
fn last_words(log: &str) -> Option<(String, &str)> {
    if let Some((before, panic)) = log.rsplit_once(" panicked at ") {
        let before = before.rfind('\n').map_or("", |end| &before[..end]);
        let (place, rest) = panic.split_once(":\n")?;
        let (line, _column) = place.rsplit_once(':')?;
        let reason = rest.split("\nnote: run with").next().unwrap_or(rest);
        return Some((format!("{line}: {reason}"), before)).filter(|(words, _)| is_placed(words));
    }
    let log = log.trim_end();
    let (before, last) = log.rsplit_once('\n').unwrap_or(("", log));
    is_placed(last).then(|| (last.to_owned(), before))
}

/// Whether a message begins with a file and a line: `algorithm.c:12: …`.
fn is_placed(message: &str) -> bool {
    let place = message.split_once(": ").and_then(|(place, _)| place.rsplit_once(':'));
    place.is_some_and(|(file, line)| {
        let is_file = file.rsplit_once('.').is_some_and(|(name, end)| !name.is_empty() && !end.contains([' ', '/']));
        is_file && !file.contains(' ') && !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The functions in which it happened, from the innermost outwards, as far as the component has names for them.
fn named(error: &wasmtime::Error) -> Option<String> {
    let frames = error.downcast_ref::<WasmBacktrace>()?.frames().iter();
    let names: Vec<String> = frames.filter_map(FrameInfo::func_name).map(readable).collect();
    // What its language brings along says how it ended; where, the author's own functions say.
    let own: Vec<String> = names.iter().filter(|name| !is_of_language(name)).cloned().collect();
    let mut shown = if own.is_empty() { names } else { own };
    // A recursion has itself as its caller.
    shown.dedup();
    let shown: Vec<String> = shown.iter().take(FRAMES_MAX).map(|name| shortened(name, NAME_CHARS_MAX)).collect();
    Some(shown.join(", called by ")).filter(|names| !names.is_empty())
}

/// A function's name as its author wrote it.
fn readable(name: &str) -> String {
    let plain = path_of(name).unwrap_or_else(|| name.to_owned());
    without_hash(&plain).to_owned()
}

/// The path in a name as Rust and C++ write it for linkers: `_ZN`, then each part with its length before it, then `E`.
fn path_of(name: &str) -> Option<String> {
    /// What Rust writes for characters that linkers do not like.
    const SPELT: [(&str, &str); 10] = [
        ("$LT$", "<"),
        ("$GT$", ">"),
        ("$u20$", " "),
        ("$RF$", "&"),
        ("$C$", ","),
        ("$BP$", "*"),
        ("$LP$", "("),
        ("$RP$", ")"),
        ("..", "::"),
        ("_<", "<"),
    ];
    let mut rest = name.strip_prefix("_ZN")?;
    let mut parts = Vec::new();
    while !rest.starts_with('E') {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        let (length, after) = rest.split_at_checked(digits)?;
        let (part, after) = after.split_at_checked(length.parse().ok()?)?;
        parts.push(part);
        rest = after;
    }
    let path = SPELT.iter().fold(parts.join("::"), |path, (spelt, meant)| path.replace(spelt, meant));
    Some(path).filter(|path| !path.is_empty())
}

/// A function's name without the hash that Rust appends to it.
fn without_hash(name: &str) -> &str {
    let is_hash =
        |hash: &str| hash.len() == 17 && hash.starts_with('h') && hash[1..].bytes().all(|b| b.is_ascii_hexdigit());
    match name.rsplit_once("::") {
        Some((path, hash)) if is_hash(hash) => path,
        _ => name,
    }
}

/// Whether a function is part of a language's library: of Rust, Go, C or C++.
fn is_of_language(name: &str) -> bool {
    const LIBRARIES: [&str; 12] = [
        "core::", "std::", "alloc::", "<core::", "<std::", "<alloc::", "rust_", "__", "runtime.", "abort", "panic",
        "_start",
    ];
    LIBRARIES.iter().any(|library| name.starts_with(library))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_their_author_wrote_them() {
        for (written, name) in [
            ("_ZN10market_kit4bump4Bump4grow17h3d8301c01833a0f3E", "market_kit::bump::Bump::grow"),
            ("_ZN5mutex5Mutex4lockEv", "mutex::Mutex::lock"),
            (
                "_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE",
                "<alloc::string::String as core::fmt::Display>::fmt",
            ),
            ("main.clear", "main.clear"),
            ("_ZN", "_ZN"),
            ("_ZN9clear", "_ZN9clear"),
            ("_ZN99999999999999999999clearE", "_ZN99999999999999999999clearE"),
            ("_ZN1é", "_ZN1é"),
            ("_ZNE", "_ZNE"),
        ] {
            assert_eq!(readable(written), name);
        }
        assert_eq!(without_hash("mid_market_rate::clear::h0123456789abcdef"), "mid_market_rate::clear");
        assert_eq!(without_hash("mid_market_rate::halve"), "mid_market_rate::halve");
        assert_eq!(without_hash("main.clear"), "main.clear");
        assert_eq!(without_hash("a::h0123456789abcdeé"), "a::h0123456789abcdeé");
    }

    #[test]
    fn what_an_algorithm_writes_of_its_own_end_is_found() {
        let panic = "thread '<unnamed>' (1) panicked at src/lib.rs:22:40:\nattempt to divide by zero\n\
            note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        let (found, remark) = ("src/lib.rs:22: attempt to divide by zero", format!("a remark\nmore\n{panic}"));
        let c = "algorithm.c:12: division by zero";
        for (log, words, before) in [
            (panic, found, ""),
            (&remark, found, "a remark\nmore"),
            (
                "thread 'main' panicked at src/lib.rs:1:2:\nnot equal\n  left: 1\n",
                "src/lib.rs:1: not equal\n  left: 1\n",
                "",
            ),
            (c, c, ""),
            ("algorithm.c:1: a remark\nalgorithm.c:12: division by zero\n", c, "algorithm.c:1: a remark"),
        ] {
            assert_eq!(last_words(log), Some((words.to_owned(), before)), "{log}");
        }
        for log in [
            "",
            "\n",
            "a remark",
            "at 12:30: late",
            "price: 5",
            "a.c:: x",
            "algorithm.c:x: y",
            "see algorithm.c:12: y",
            ".c:1: x",
            " panicked at ",
            "it panicked at noon",
            "x panicked at src/lib.rs:\ny",
            "algorithm.c:12: division by zero\nmore",
        ] {
            assert_eq!(last_words(log), None, "{log}");
        }
    }

    #[test]
    fn what_the_language_brings_along_is_told_apart() {
        for name in ["core::panicking::panic_fmt", "rust_panic", "runtime.panicIndex", "__rust_start_panic", "abort"] {
            assert!(is_of_language(name), "{name}");
        }
        for name in ["mid_market_rate::clear", "main.clear", "clear", "split_pro_rata"] {
            assert!(!is_of_language(name), "{name}");
        }
    }
}
