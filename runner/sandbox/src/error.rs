//! Errors by whose fault they are: components that cannot be loaded, algorithms that fail, and failures of the machine.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use domain::text::printable;

/// Why a file cannot be loaded as an algorithm.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file is empty.
    #[error("the file is empty (a WebAssembly component is expected)")]
    Empty,
    /// The file exceeds the maximum size.
    #[error(
        "the file has {bytes} bytes, at most {bytes_max} are allowed (build with optimisation and strip debug information)"
    )]
    TooLarge {
        /// Size of the file.
        bytes: u64,
        /// Maximum size.
        bytes_max: u64,
    },
    /// The file is WebAssembly in text form.
    #[error("the file is WebAssembly text (assemble it first, for example with `wasm-tools parse`)")]
    Text,
    /// The file is precompiled machine code.
    #[error(
        "the file is precompiled code (.cwasm), which is never accepted because it can do anything (give the .wasm it was made from)"
    )]
    Precompiled,
    /// The file is a core module.
    #[error("the file is a core WebAssembly module, not a component ({way_out})")]
    CoreModule {
        /// How an author makes a component of it, in the language that it seems to be written in.
        way_out: &'static str,
    },
    /// The file is something else; these are its first bytes, at most eight.
    #[error("the file is no WebAssembly: it begins with {0:02x?} (a component begins with 00 61 73 6d 0d 00 01 00)")]
    NotWasm(Vec<u8>),
    /// The component is invalid, for this reason.
    #[error("the component is broken: {0}")]
    Malformed(String),
    /// The component uses what the engine has off.
    #[error("the component uses {feature}, which this engine has off: {reason} (build it without)")]
    FeatureOff {
        /// What it uses.
        feature: &'static str,
        /// The engine's message.
        reason: String,
    },
    /// Compilation used all its processor time.
    #[error("the component did not compile within {0:?} of processor time (build a smaller one)")]
    CompileTime(Duration),
    /// Compilation exceeded its limit on memory.
    #[error("the component did not compile within {memory_bytes} bytes of memory: {reason}")]
    CompileMemory {
        /// The memory limit, in bytes.
        memory_bytes: u64,
        /// How compilation ended.
        reason: String,
    },
    /// The component declares more than any run may have.
    #[error("the component {0}")]
    Resources(String),
    /// One of its inner components passes strings to another.
    #[error(
        "the component passes strings from one of its inner components to another, which takes time that no fuel measures (link its modules into one component, or let the inner components pass numbers and lists of numbers)"
    )]
    InnerStrings,
    /// The component has forbidden imports.
    #[error("the component imports {}: an algorithm gets no files, network, clocks or randomness ({way_out})", names.join(", "))]
    Imports {
        /// The imports, shortened and made safe to print.
        names: Vec<String>,
        /// How an author gets rid of them, in the language that it seems to be written in.
        way_out: &'static str,
    },
    /// The component is for another world.
    #[error("the component is not of the world rec:market/algorithm@1.0.0: {0}")]
    WrongWorld(String),
    /// A failure of the machine.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// A failure of this program or the machine. It says nothing about the algorithm.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The engine cannot be started.
    #[error("the sandbox cannot start")]
    Engine(#[source] Cause),
    /// The machine ran out of a resource, such as memory, threads or open files.
    #[error("the machine cannot run the algorithm (this says nothing about the algorithm, which is tried again)")]
    Machine(#[source] Cause),
    /// The machine had too much else to do.
    #[error("the machine is busy: {0} (this says nothing about the algorithm, which is tried again)")]
    Busy(String),
    /// The program stops, so that the run or compilation was given up.
    #[error("the program stops, and gave up a run or a compilation (nothing is lost: it is done again)")]
    Stopped,
    /// The compiler's child process failed for a reason unrelated to the component.
    #[error("the compiler process {} failed", program.display())]
    Compiler {
        /// The program that was started.
        program: PathBuf,
        /// The system's error, or the exit status with the last line on stderr.
        source: Cause,
    },
}

/// What is behind an error of the machine.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

impl SandboxError {
    /// A run that lasted this long and had less than the processor time that it may use.
    pub(crate) fn starved(elapsed: Duration, limit: Duration) -> SandboxError {
        SandboxError::Busy(format!("a run had less than {limit:?} of processor time within {elapsed:.1?}"))
    }

    /// A failure of the machine: what it could not do, and its error.
    pub(crate) fn machine(what: &'static str, source: impl Into<Cause>) -> SandboxError {
        SandboxError::Machine(Lacking { what, source: source.into() }.into())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct Lacking {
    what: &'static str,
    source: Cause,
}

/// How an algorithm failed: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// It returned an error.
    Algorithm,
    /// It trapped.
    Trap,
    /// It ran out of fuel.
    Fuel,
    /// It used all its processor time. The machine is slow, since fuel should have run out first.
    Deadline,
    /// It exceeded its memory limit.
    Memory,
    /// Its result is larger than allowed.
    Output,
    /// Its result violates the canonical ABI, so that it is not a value of the interface's types.
    Invalid,
}

impl FailureKind {
    /// Every kind, for metrics that start each count at 0.
    pub const ALL: [FailureKind; 7] = [
        FailureKind::Algorithm,
        FailureKind::Trap,
        FailureKind::Fuel,
        FailureKind::Deadline,
        FailureKind::Memory,
        FailureKind::Output,
        FailureKind::Invalid,
    ];

    /// Returns the kind's code: a short name for programs that never changes.
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

/// A run without a result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// How the algorithm failed.
    pub kind: FailureKind,
    /// The reason, for people. Text from the algorithm is shortened and made safe to print.
    pub message: String,
}

impl Failure {
    /// The machine's failure behind it, if it is one: only fuel decides whether a run takes too long. Who used up its time on a
    /// slow machine must be tried again.
    pub fn of_machine(&self) -> Option<SandboxError> {
        let is_late = self.kind == FailureKind::Deadline;
        is_late.then(|| {
            SandboxError::Machine(format!("the run {self} (raise the limit on time if it happens often)").into())
        })
    }

    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into() }
    }
}

/// Maximum length of untrusted text in messages, in characters.
const TEXT_CHARS_MAX: usize = 1000;

/// Makes untrusted text safe for messages, in at most 1000 characters; see [`shortened`].
pub(crate) fn quoted(text: &str) -> String {
    shortened(text, TEXT_CHARS_MAX)
}

/// Makes untrusted text safe for messages: [`printable`], and cut after `chars_max` of its characters.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", printable(&text[..end])),
        None => printable(text).into_owned(),
    }
}
