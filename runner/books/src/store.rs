//! What a store does: traits in the words of the domain, one for each kind of thing that is kept.
//!
//! All methods may be called from several tasks and processes at once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::netting::LastReads;
use domain::{Boundary, Digest, MemberId, MeterPrice, PriceBook, TradeId};
use jiff::Timestamp;

use crate::decision::{Change, ExpectedState, KeptChange, KeptVersion, Version};
use crate::error::StoreError;
use crate::interval::{Commit, Span, StoredInterval};
use crate::payment::{Claim, Match, MatchFilter, MatchUpdate, OutboxDepth, UpdateError, Window};
use crate::shadow::ShadowState;
use crate::trade::StoredTrade;

/// What a commit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is kept now.
    Now,
    /// The community does not stand where the commit says, because another process committed or decided; nothing was
    /// changed.
    Overtaken,
    /// Another process holds the community's lease by now; nothing was changed.
    Fenced,
}

/// What committing a batch did.
#[derive(Debug)]
pub struct CommittedBatch {
    /// How many intervals are kept now: the first ones.
    pub committed: usize,
    /// What came of the last one that was tried.
    pub ended: Result<Committed, StoreError>,
}

/// Where a community stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The resume mark: the end of the last interval committed; none at the first run.
    pub mark: Option<Boundary>,
    /// The last registers of every meter.
    pub last_reads: LastReads,
    /// Without a mark: the newest interval's end in the books that the Python original kept here. What it settled is not
    /// settled again.
    pub original: Option<Boundary>,
}

/// A right to do something that only one process should do at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The fencing token: rises with every new owner.
    pub token: u64,
    /// When it ends, unless it is renewed before.
    pub until: Timestamp,
}

/// What came of asking for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It is ours now.
    Held(Lease),
    /// Another process has it.
    ByOther {
        /// The owner, as it named itself.
        owner: String,
        /// Until when at least.
        until: Timestamp,
    },
}

/// Settled intervals.
#[async_trait]
pub trait Books: Send + Sync {
    /// The resume mark of a community: the end of the last interval committed; none before the first.
    async fn mark(&self, community: &str) -> Result<Option<Boundary>, StoreError>;

    /// Where a community stands, with the last registers of all its meters; an unknown community stands at the beginning.
    async fn progress(&self, community: &str) -> Result<Progress, StoreError>;

    /// Commits intervals in order, each whole or not at all, until one cannot be committed. Those of one batch may become
    /// durable together, so a crash may lose several that were not answered yet.
    async fn commit_batch(&self, batch: Vec<Arc<Commit>>) -> CommittedBatch;

    /// Commits one interval whole, or nothing of it.
    async fn commit(&self, commit: Arc<Commit>) -> Result<Committed, StoreError> {
        self.commit_batch(vec![commit]).await.ended
    }

    /// Every community that has anything, sorted by name.
    async fn communities(&self) -> Result<Vec<String>, StoreError>;

    /// Up to `limit` intervals of a community in order of time, the first at or after the span's start.
    async fn intervals(&self, community: &str, span: Span, limit: usize) -> Result<Vec<StoredInterval>, StoreError>;

    /// Up to `limit` trades of a community in order of time and number, after `after` if given.
    async fn trades(
        &self,
        community: &str,
        span: Span,
        member: Option<&MemberId>,
        after: Option<(Boundary, u64)>,
        limit: usize,
    ) -> Result<Vec<StoredTrade>, StoreError>;

    /// The bytes of a component that an interval was cleared with, or that was uploaded.
    async fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError>;

    /// How many events of each code a community has.
    async fn event_counts(&self, community: &str) -> Result<Vec<(String, u64)>, StoreError>;

    /// Examines the store itself: damaged pages, broken indexes, ids that occur twice. Returns what is wrong.
    async fn examine(&self) -> Result<Vec<String>, StoreError>;
}

/// Uploaded algorithms, what was decided about them, and the totals of shadow runs.
#[async_trait]
pub trait Decisions: Send + Sync {
    /// Keeps an algorithm that was uploaded, with its component, if nothing else has its digest or its name and version.
    async fn keep_version(&self, version: &Version, component: Arc<[u8]>) -> Result<KeptVersion, StoreError>;

    /// Every algorithm that was uploaded, in the order of uploads.
    async fn versions(&self) -> Result<Vec<Version>, StoreError>;

    /// Pins a name to an algorithm for a community, if it is not pinned yet; returns what it is pinned to.
    async fn pin(&self, community: &str, name: &str, digest: Digest) -> Result<Digest, StoreError>;

    /// What a name is pinned to for a community, if it is.
    async fn pinned(&self, community: &str, name: &str) -> Result<Option<Digest>, StoreError>;

    /// Adds a decision to a community's activation log, if the community is still in the expected state; returns the
    /// decision's number, or none if it is not.
    async fn decide(
        &self,
        community: &str,
        change: &Change,
        expected: ExpectedState,
    ) -> Result<Option<u64>, StoreError>;

    /// Keeps a record of something that decides nothing.
    async fn note(&self, change: &Change) -> Result<(), StoreError>;

    /// All that was decided and noted about a community, in order: what an
    /// [`ActivationLog`](crate::activation::ActivationLog) is made of.
    async fn decisions(&self, community: &str) -> Result<Vec<KeptChange>, StoreError>;

    /// Up to `limit` changes, the newest first: of one community, or of all and those that are about none.
    async fn changes(&self, community: Option<&str>, limit: usize) -> Result<Vec<KeptChange>, StoreError>;

    /// The totals so far of the candidate that a community's decision of that number started.
    async fn shadow_totals(&self, community: &str, decision: u64) -> Result<Option<ShadowState>, StoreError>;

    /// Replaces the totals, if they still end at `after`; returns whether it did.
    async fn keep_shadow_totals(
        &self,
        community: &str,
        decision: u64,
        after: Option<Boundary>,
        state: &ShadowState,
    ) -> Result<bool, StoreError>;
}

/// Leases: who does what only one process should do.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes a lease for `term` from `now` on, or renews it, if no other owner has it then.
    async fn acquire(&self, lease: &str, owner: &str, now: Timestamp, term: Duration) -> Result<Acquired, StoreError>;

    /// Gives a lease back, if that owner has it.
    async fn release(&self, lease: &str, owner: &str) -> Result<(), StoreError>;
}

/// Prices that members set.
#[async_trait]
pub trait Prices: Send + Sync {
    /// Sets prices, all or none. For the same meter and instant the later call wins, and within a call the later entry.
    async fn set_prices(&self, prices: &[MeterPrice], now: Timestamp) -> Result<(), StoreError>;

    /// The prices of a meter, newest first, that hold from `from` (inclusive) until `to` (exclusive) on.
    async fn prices(
        &self,
        meter: &str,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        window: Window,
    ) -> Result<Vec<MeterPrice>, StoreError>;

    /// Every price that holds at some instant from `from` to `to`, both inclusive.
    async fn price_book(&self, from: Timestamp, to: Timestamp) -> Result<PriceBook, StoreError>;
}

/// Trades on their way to payment.
#[async_trait]
pub trait Payments: Send + Sync {
    /// Trades of committed intervals in order of their interval's end, then of their id. Claims that ran out before `now`
    /// show the state before.
    async fn matches(&self, filter: &MatchFilter, window: Window, now: Timestamp) -> Result<Vec<Match>, StoreError>;

    /// Hands a buyer's waiting trades over for payment: they become `Sent`, until `claim.until` if nobody reports on them
    /// meanwhile. Returns them with the states before. No two calls get the same trade.
    async fn claim(&self, claim: &Claim, window: Window) -> Result<Vec<Match>, StoreError>;

    /// Applies what Transactions reports, all or nothing.
    ///
    /// # Errors
    /// If a trade is unknown, or cannot come into the state that is reported; then nothing is changed.
    async fn update(&self, updates: &[MatchUpdate], now: Timestamp) -> Result<(), UpdateError>;

    /// Up to `limit` trades to push, in order of their interval's end, then of their id: those that are `Created`, and
    /// those `NotPaid` that changed last at or before `again`.
    async fn outbox(&self, again: Timestamp, limit: usize, now: Timestamp) -> Result<Vec<Match>, StoreError>;

    /// How much waits to be forwarded.
    async fn outbox_depth(&self, now: Timestamp) -> Result<OutboxDepth, StoreError>;

    /// Records the result of a push: trades that still wait become `Sent`, or `Error` with the receiver's reason. The same
    /// again changes nothing.
    async fn delivered(
        &self,
        sent: &[TradeId],
        refused: &[(TradeId, String)],
        now: Timestamp,
    ) -> Result<(), StoreError>;
}

/// Everything that a market keeps, in one place.
pub trait Store: Books + Decisions + Leases + Payments + Prices {}

impl<S: Books + Decisions + Leases + Payments + Prices> Store for S {}

/// The lease under which a community is settled.
pub fn community_lease(community: &str) -> String {
    format!("community {community}")
}
