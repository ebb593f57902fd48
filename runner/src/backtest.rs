//! Backtests: what other rules would have meant, on rounds that were settled or that come of readings. Nothing is stored.
//!
//! A source ([`stored`], [`readings`], [`meters`]) makes [`Case`]s in order of time, a page after the other. [`run()`] gives each
//! page to a worker, which runs every [`Variant`] on it through the same sandbox and check as settlement, and adds up what each
//! comes to. All sums are exact integers, so neither the number of workers nor their order makes a difference.
//!
//! An interval that any variant cannot clear counts for none. Gaps, the energy of meters that were not read for a while, are
//! settled with the grid whatever the rule, and are left out of all.

pub mod background;
pub mod bounds;
pub mod job;
pub mod json;
pub mod kept;
pub mod meters;
pub mod readings;
pub mod rounds;
pub mod run;
pub mod stored;
pub mod variant;
mod worker;

use std::sync::Arc;

use domain::{Digest, Round, Trade};
use sandbox::SandboxError;

pub use job::{Job, RoundLimits};
pub use run::{Feed, Stopped, Told, run};
pub use variant::{InvalidVariant, Variant};

/// Intervals that a worker gets at a time.
pub const PAGE: usize = 96;

/// One interval on which variants run.
#[derive(Clone, Debug)]
pub struct Case {
    /// The round, as it was settled or as the readings make it.
    pub round: Arc<Round>,
    /// What settled it; `None` if nothing did.
    pub settled: Option<Settled>,
}

/// How a round was settled.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Its trades.
    pub trades: Vec<Trade>,
    /// Digest of the round.
    pub round_digest: Option<Digest>,
    /// Digest of the trades.
    pub trades_digest: Option<Digest>,
    /// Digest of the algorithm.
    pub algorithm: Digest,
    /// Its name and version.
    pub label: (String, String),
    /// The fuel that it used.
    pub fuel: u64,
}

/// What ends a backtest that is no variant's fault.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    TooLarge(#[from] figures::TooLarge),
    #[error(transparent)]
    Round(#[from] domain::round::InvalidRound),
}
