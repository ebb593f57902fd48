//! The market's books: what is stored, the store's traits, and what can be computed from stored intervals.
//!
//! An interval is committed as a whole or not at all, with everything needed to recompute it: the registers it was
//! netted from, the round, the algorithm's digest and bytes, and the trades, with ids derived from community, interval
//! and number. Committing the same interval again changes nothing.
//!
//! Suggested order of reading: [`interval`] (what is stored of one), [`store`] (the traits that store it), then
//! [`audit`], [`statement`] by [`period`], [`replay`], [`shadow`] and [`comparison`], which only read. Deliberately absent: databases, the sandbox
//! and clocks.

pub mod activation;
pub mod audit;
pub mod backtest;
pub mod comparison;
pub mod decision;
pub mod details;
pub mod error;
pub mod event;
pub mod interval;
pub mod meters;
pub mod notice;
pub mod payment;
pub mod period;
pub mod price;
pub mod readings;
pub mod reopening;
pub mod replay;
pub mod shadow;
pub mod statement;
pub mod store;
pub mod trade;
pub mod viewer;
pub mod wallet;

pub use activation::{Activation, ActivationLog, NothingActivated, Shadow};
pub use backtest::{
    BACKTEST_BYTES_MAX, BACKTESTS_BYTES_MAX, BACKTESTS_MAX, BacktestHead, KeptBacktest, backtests_kept,
};
pub use comparison::Comparison;
pub use decision::{Action, Change, ExpectedState, KeptChange, Label, SERVICE_ITSELF, UploadOutcome, Version};
pub use details::{Cleared, DayDetails, Details, IntervalSums, Pair, Sales, Told};
pub use error::{Cause, StoreError};
pub use event::{EventFilter, EventPlace, ListedEvent, event_codes};
pub use interval::{
    Addition, ClearedInterval, ClearedRound, Commit, Decided, ForeignTrade, MeterReading, Provenance, Span,
    StoredEvent, StoredInterval,
};
pub use meters::{MeterLog, NumberedDecision};
pub use notice::{Notice, Notices, Reception};
pub use payment::{
    CLAIM_TERM_MAX, Claim, Due, Match, MatchFilter, MatchUpdate, OfferedSince, OutboxDepth, Quantity, Reported,
    UpdateError, Window, WireParty, check_agreement, platform_name,
};
pub use period::{Calendar, Period, day_of};
pub use price::{MeterPrices, NewPrices, PriceBounds, PricesKept};
pub use readings::{
    Contradictions, DAY_SECONDS, Days, KeepError, KeptReadings, LateArrival, Merging, MeterDay, MeterSpan, NewReadings,
};
pub use reopening::{ReopenError, Reopened, Reopening};
pub use shadow::{ShadowState, ShadowTotals};
pub use statement::DaySums;
pub use store::{
    Acquired, Backtests, Books, CommitOutcome, CommittedBatch, Decisions, LEASE_TERM_MAX, Lease, Leases, Payments,
    Prices, Progress, Readings, Replica, Replicas, Standing, Store, Viewers, community_lease,
};
pub use trade::{GapTrade, StoredTrade, trades_of};
pub use viewer::{ANYONE_HERE, LINK_PREFIX, Link, ListedVisit, Role, Session, Visit, VisitFilter, VisitPlace, Who};
pub use wallet::Wallets;
