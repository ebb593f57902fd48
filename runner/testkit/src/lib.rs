//! The language of the program's tests. One word for one thing:
//!
//! - [`Meters`] tell registers, a [`Market`] settles them in a folder of its own, and [`Ran`] is what a command said.
//! - [`Service`] is a market that runs; [`Mongo`] is a server below it, [`Transactions`] one beside it, and a
//!   [`Detour`] the way to either; a [`Tally`] is one on which everything is counted. [`HandClock`] is set by hand, an [`Authority`] signs certificates.
//! - [`SettledStore`] has trades that nobody had to settle.
//!
//! Everything is real: the program is the built binary, services speak gRPC on ports that the system chose. Times are
//! short: `12:15` is 2023-09-01T12:15:00Z, `02T12:15` a day later.
//!
//! What the store's own tests need too is below, in `rec-market-tests`, which does not wait for the program.

#![allow(missing_docs, reason = "the words are explained, not every letter")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod certificates;
mod clock;
mod components;
mod detour;
mod market;
mod meters;
mod mongo;
mod service;
mod settled;
mod stored;
mod tally;
mod throttle;
mod transactions;
mod wait;
mod wasmtime;

pub use certificates::{Authority, Pair, tls_files, write_development_certificates, write_file};
pub use clock::HandClock;
pub use components::{patched, renamed};
pub use detour::{Detour, Port, Way};
pub use market::{Folder, Market, Ran, SERVICE, community, program};
pub use meters::{Meters, Row, answer, date, end_of, honest, reading, readings, recorded, row, short};
pub use mongo::{Mongo, mongodb};
pub use service::{Service, command_with_descriptors, get, processor_time, signal};
pub use settled::SettledStore;
pub use tally::{Tally, Traffic};
pub use throttle::run_with_little;
pub use transactions::Transactions;
pub use wait::{eventually, eventually_async, listener, runtime};
pub use wasmtime::{directory_with_wasmtime, run_in_shell, wasmtime};
