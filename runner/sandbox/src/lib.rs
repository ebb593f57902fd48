//! Runs untrusted matching algorithms: WebAssembly components for the world of `wit/market.wit`.
//!
//! [`Sandbox::load`] turns a component file into an [`Algorithm`]. [`Algorithm::clear`] runs one round in a fresh
//! instance within a [`Budget`] and returns the trades that the algorithm claims; they are untrusted until
//! `domain::Settlement::check`. This is the only crate that names wasmtime; its interface consists of bytes, time and
//! domain values. Deliberately absent: round files, configuration, async.
//!
//! Start reading at `run.rs`, one round from beginning to end; `load.rs` shows what happens to a file before. Each module
//! uses only those below it: `check` and `inspect`, then `run`, `load`, `cache` and `compile`, then `declared`, `imports`,
//! `world`, `state`, `engine`, `failure` and `confine`, and at the bottom `machine`, `limits`, `features`, `language`, `error` and
//! `stopwatch`.

mod cache;
mod check;
mod compile;
mod confine;
mod convert;
mod declared;
mod engine;
mod error;
mod failure;
mod features;
mod imports;
mod inspect;
mod language;
mod limits;
mod load;
mod machine;
mod run;
mod state;
mod stopwatch;
mod world;

pub use cache::CacheError;
pub use check::{BadResult, CheckedRun};
pub use compile::{CompileLimits, Compiler, compile_as_child};
pub use declared::{Declared, Excess, Part};
pub use engine::Codegen;
pub use error::{Cause, Failure, FailureKind, LoadError, SandboxError};
pub use inspect::Inspection;
pub use limits::{Budget, CACHE_BYTES_MAX, COMPONENT_BYTES_MAX, Limits};
pub use load::{Algorithm, Options, Sandbox};
pub use run::{Described, Description, Run, Setting, Usage};
