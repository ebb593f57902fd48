//! What a market keeps, and what its books prove and say.
//!
//! An interval is committed whole or not at all, with everything needed to recompute it: the registers it was netted
//! from, the round, the algorithm's digest and bytes, and the trades with ids derived from their place. Committing the
//! same interval again changes nothing.
//!
//! Read from [`interval`] (what is kept of one) over [`store`] (the traits that keep it) to [`audit`], [`statement`],
//! [`replay`] and [`shadow`], which only read. Deliberately not here: databases, the sandbox, clocks.

pub mod activation;
pub mod audit;
pub mod decision;
pub mod error;
pub mod interval;
pub mod payment;
pub mod replay;
pub mod shadow;
pub mod statement;
pub mod store;
pub mod trade;

pub use activation::{Activation, ActivationLog, NothingActivated, Shadow};
pub use decision::{Action, Change, ExpectedState, KeptChange, KeptVersion, Label, SERVICE_ITSELF, Version};
pub use error::StoreError;
pub use interval::{
    ClearedInterval, ClearedRound, Commit, MeterReading, Provenance, Span, StoredEvent, StoredInterval,
};
pub use payment::{
    Claim, Match, MatchFilter, MatchUpdate, OutboxDepth, Quantity, Reported, UpdateError, Window, platform_name,
};
pub use shadow::{ShadowState, ShadowTotals};
pub use store::{
    Acquired, Books, Committed, CommittedBatch, Decisions, Lease, Leases, Payments, Prices, Progress, Store,
    community_lease,
};
pub use trade::{GapTrade, StoredTrade, trades_of};
