//! What can go wrong, and whose fault it is: a component that cannot be loaded, an algorithm that fails, or ourselves.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use domain::Digest;

/// Why some bytes are no algorithm.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No bytes.
    #[error("the file is empty (a WebAssembly component is expected)")]
    Empty,
    /// More bytes than are looked at.
    #[error(
        "the file has {bytes} bytes, at most {bytes_max} are allowed (build with optimisation and strip debug information)"
    )]
    TooLarge {
        /// How many it has.
        bytes: u64,
        /// How many it may have.
        bytes_max: u64,
    },
    /// WebAssembly in text form.
    #[error("the file is WebAssembly text (assemble it first, for example with `wasm-tools parse`)")]
    Text,
    /// Compiled code.
    #[error(
        "the file is precompiled code (.cwasm), which is never accepted because it can do anything (give the .wasm it was made from)"
    )]
    Precompiled,
    /// A core module.
    #[error(
        "the file is a core WebAssembly module, not a component (build with `--target wasm32-wasip2`, or wrap it with `wasm-tools component new`)"
    )]
    CoreModule,
    /// Something else.
    #[error("the file is no WebAssembly: it begins with {0:02x?} (a component begins with 00 61 73 6d 0d 00 01 00)")]
    NotWasm(Vec<u8>),
    /// A component that does not hold together.
    #[error("the component is broken: {0}")]
    Malformed(String),
    /// A component that would take too much to compile.
    #[error("the component did not compile within {time:?} and {memory_bytes} bytes of memory: {reason}")]
    CompileLimit {
        /// Allowed time.
        time: Duration,
        /// Allowed memory.
        memory_bytes: u64,
        /// How it ended.
        reason: String,
    },
    /// Imports that the policy refuses.
    #[error("the component imports {}: an algorithm gets no files, network, clocks or randomness ({IMPORTS_HINT})", .0.join(", "))]
    Imports(Vec<String>),
    /// A component of another world.
    #[error("the component is not of the world rec:market/algorithm@1.0.0: {0}")]
    WrongWorld(String),
    /// Our own fault.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

const IMPORTS_HINT: &str = "in Rust avoid std::fs, std::time, std::net and HashMap's default hasher; \
    with componentize-py use --stub-wasi, with componentize-js disable all features";

/// Our own fault or the machine's: says nothing of the algorithm.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The engine does not start.
    #[error("the sandbox cannot start: {0}")]
    Engine(String),
    /// The machine ran out of something during a run.
    #[error("the machine could not run the algorithm: {0}")]
    Machine(String),
    /// The compiler process does not work.
    #[error("the compiler process {} does not work: {reason}", program.display())]
    Compiler {
        /// The program that was started.
        program: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

/// How an algorithm failed; the contract's closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// It answered with an error of its own.
    Algorithm,
    /// It trapped.
    Trap,
    /// It used all its fuel.
    Fuel,
    /// It took too long: a slow machine, since fuel should have ended it first.
    Deadline,
    /// It wanted more memory than allowed.
    Memory,
    /// Its result is larger than allowed.
    Output,
    /// What it answered is no value of the interface.
    Invalid,
}

impl FailureKind {
    /// Every kind, so that none is missing where they are counted.
    pub const ALL: [FailureKind; 7] = [
        FailureKind::Algorithm,
        FailureKind::Trap,
        FailureKind::Fuel,
        FailureKind::Deadline,
        FailureKind::Memory,
        FailureKind::Output,
        FailureKind::Invalid,
    ];

    /// The kind's name in the contract.
    pub fn code(self) -> &'static str {
        match self {
            FailureKind::Algorithm => "algorithm",
            FailureKind::Trap => "trap",
            FailureKind::Fuel => "fuel",
            FailureKind::Deadline => "deadline",
            FailureKind::Memory => "memory",
            FailureKind::Output => "output",
            FailureKind::Invalid => "invalid",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A run that brought no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// How it failed.
    pub kind: FailureKind,
    /// What a person should know.
    pub message: String,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into() }
    }
}

/// Names a component in messages.
pub(crate) fn short(digest: &Digest) -> String {
    digest.to_string().chars().take(12).collect()
}

/// Longest foreign text that is passed on, in characters.
const TEXT_CHARS_MAX: usize = 1000;

/// What an algorithm, its component or the engine says about either, as it may stand in a message.
pub(crate) fn quoted(text: &str) -> String {
    shortened(text, TEXT_CHARS_MAX)
}

/// A foreign text as it may stand in a message: on one line, in order, and no longer than that many characters.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    let visible = |c: char| match c {
        // Marks that turn the text around them, and line breaks that are no control characters.
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    };
    let mut short: String = text.chars().take(chars_max).map(visible).collect();
    if text.chars().nth(chars_max).is_some() {
        short.push('…');
    }
    short
}
