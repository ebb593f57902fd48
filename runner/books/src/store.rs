//! The store's traits, in the domain's terms: one for each kind of thing that is stored.
//!
//! All methods may be called concurrently, from several tasks and several processes. Every method fails with a
//! [`StoreError`] if the database cannot be reached, is damaged, or refuses the operation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::metering::Base;
use domain::netting::LastReads;
use domain::{Boundary, Digest, MemberId, MeterId, MeterPrice, PriceBook, TradeId};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::backtest::{BacktestHead, KeptBacktest};
use crate::decision::{Change, ExpectedState, KeptChange, UploadOutcome, Version};
use crate::details::Details;
use crate::error::StoreError;
use crate::event::{EventFilter, EventPlace, ListedEvent};
use crate::interval::{Addition, Commit, Span, StoredEvent, StoredInterval};
use crate::notice::{Notice, Notices};
use crate::payment::{Claim, Due, Match, MatchFilter, MatchUpdate, OfferedSince, OutboxDepth, UpdateError, Window};
use crate::price::{NewPrices, PricesKept};
use crate::readings::{Days, KeepError, KeptReadings, LateArrival, MeterSpan, NewReadings};
use crate::reopening::{ReopenError, Reopened, Reopening};
use crate::shadow::ShadowState;
use crate::statement::DaySums;
use crate::trade::StoredTrade;
use crate::viewer::{Link, ListedVisit, Session, Visit, VisitFilter, VisitPlace};

/// The result of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// The interval was committed.
    Committed,
    /// Another process has committed or decided meanwhile, so the community's state is not the one that the commit
    /// expects. Nothing was changed.
    Overtaken,
    /// Another process has acquired the community's lease since. Nothing was changed.
    Fenced,
}

/// The result of committing a batch.
#[derive(Debug)]
pub struct CommittedBatch {
    /// Number of intervals committed, from the start of the batch.
    pub committed: usize,
    /// The result of the last commit that was attempted.
    pub ended: Result<CommitOutcome, StoreError>,
}

/// How far a community is settled, and the registers from which its next interval is netted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The resume mark: the end of the last committed interval; `None` before the first commit.
    pub mark: Option<Boundary>,
    /// The last registers of every meter.
    pub last_reads: LastReads,
    /// The number of the newest decision; 0 if there is none.
    pub decision: u64,
    /// Decisions with numbers up to this one have taken effect.
    pub taken: u64,
    /// The end of the newest interval that the Python original settled in this store. Settled intervals are not settled
    /// again. Only set while there is no resume mark.
    pub original: Option<Boundary>,
}

/// An exclusive right that expires: only its owner does the work that the lease protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The fencing token. It rises with every new owner, so that the commits of an earlier owner can be refused.
    pub token: u64,
    /// When the lease expires unless it is renewed.
    pub until: Timestamp,
    /// When another owner's lease would have expired that this one replaces because it reached too far ahead: see
    /// [`Standing::TooFar`].
    pub replaced: Option<Timestamp>,
}

/// The longest time for which a lease can be acquired.
pub const LEASE_TERM_MAX: Duration = Duration::from_secs(3600);

/// Whether a right that ends at an instant still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It stands.
    Valid,
    /// Its end has come.
    Expired,
    /// It would last longer from now on than any such right can. So the clock of whoever gave it was wrong, or this one
    /// is, and it counts as expired: otherwise everybody would wait until then.
    TooFar,
}

impl Standing {
    /// The standing, at `now`, of a right that ends at `until` and can be given for `term_max` at most.
    pub fn of(until: Timestamp, now: Timestamp, term_max: Duration) -> Standing {
        if until <= now {
            Standing::Expired
        } else if now.checked_add(term_max).is_ok_and(|last| until > last) {
            Standing::TooFar
        } else {
            Standing::Valid
        }
    }
}

/// The result of acquiring a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// The caller owns the lease.
    Held(Lease),
    /// Another process owns the lease.
    HeldByOther {
        /// The owner's name.
        owner: String,
        /// When the lease expires unless its owner renews it.
        until: Timestamp,
    },
}

/// Storage of settled intervals.
#[async_trait]
pub trait Books: Send + Sync {
    /// Returns a community's resume mark: the end of the last committed interval; `None` before the first commit.
    async fn mark(&self, community: &str) -> Result<Option<Boundary>, StoreError>;

    /// Returns a community's progress, with the last registers of all its meters. That of an unknown community is
    /// empty.
    async fn progress(&self, community: &str) -> Result<Progress, StoreError>;

    /// Commits intervals in order, each as a whole or not at all, and stops at the first that cannot be committed. The
    /// intervals of one batch may become durable together, so a crash may lose several that were not yet acknowledged.
    async fn commit_batch(&self, batch: Vec<Arc<Commit>>) -> CommittedBatch;

    /// Commits one interval as a whole or not at all.
    async fn commit(&self, commit: Arc<Commit>) -> Result<CommitOutcome, StoreError> {
        self.commit_batch(vec![commit]).await.ended
    }

    /// Adds to the newest interval what people decided about meters, as a whole or not at all.
    async fn add(&self, addition: &Addition) -> Result<CommitOutcome, StoreError>;

    /// Returns the resume mark of every community that has one, sorted by name. For those who watch many at once.
    async fn marks(&self) -> Result<Vec<(String, Boundary)>, StoreError>;

    /// Lists every community with any data, sorted by name.
    async fn communities(&self) -> Result<Vec<String>, StoreError>;

    /// Lists up to `limit` intervals of a community that start within the span, in order of time.
    async fn intervals(&self, community: &str, span: Span, limit: usize) -> Result<Vec<StoredInterval>, StoreError>;

    /// Lists up to `limit` trades of a community in order of interval and number, those of one member if given. `after`
    /// is the interval's start and the number of the last trade of the previous page.
    async fn trades(
        &self,
        community: &str,
        span: Span,
        member: Option<&MemberId>,
        after: Option<(Boundary, u64)>,
        limit: usize,
    ) -> Result<Vec<StoredTrade>, StoreError>;

    /// Lists the sums of up to `limit` days with intervals that start within the span, in order of time. `after` is
    /// [`DaySums::until`] of the last one of the previous page. Days that begin before the span or end after it are there as
    /// a whole.
    async fn sums(
        &self,
        community: &str,
        span: Span,
        after: Option<Boundary>,
        limit: usize,
    ) -> Result<Vec<DaySums>, StoreError>;

    /// Sums up all of a community's intervals again, by the days of this time zone; `told` hears of every day that is done.
    /// Returns the number of days.
    async fn sum_again(
        &self,
        community: &str,
        zone: &TimeZone,
        told: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<u64, StoreError>;

    /// Returns the bytes of a component that was uploaded or that cleared an interval; `None` if it is not stored.
    async fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError>;

    /// Lists up to `limit` events of a community in order of their place: those of settled intervals, and notices. `after` is
    /// the place of the last event of the previous page.
    async fn events(
        &self,
        community: &str,
        filter: &EventFilter,
        after: Option<&EventPlace>,
        limit: usize,
    ) -> Result<Vec<ListedEvent>, StoreError>;

    /// Returns the last notice of each of a community's meters.
    async fn notices(&self, community: &str) -> Result<Notices, StoreError>;

    /// Keeps notices, each unless the meter has one with this number already. Returns those that were kept.
    async fn tell(&self, community: &str, notices: &[Notice]) -> Result<Vec<Notice>, StoreError>;

    /// Counts a community's events of settled intervals by code, sorted by code.
    async fn event_counts(&self, community: &str) -> Result<Vec<(String, u64)>, StoreError>;

    /// Returns what was told of a community by events with one of these codes, each once.
    async fn told(&self, community: &str, codes: &[&str]) -> Result<BTreeSet<StoredEvent>, StoreError>;

    /// Examines the database itself for damaged pages, broken indexes and duplicate ids. Returns a finding for each
    /// defect.
    async fn examine(&self) -> Result<Vec<String>, StoreError>;
}

/// Storage of uploaded algorithms, decisions about them, and shadow totals.
#[async_trait]
pub trait Decisions: Send + Sync {
    /// Stores an uploaded algorithm with its component, unless its digest or its name and version are already taken.
    async fn keep_version(&self, version: &Version, component: Arc<[u8]>) -> Result<UploadOutcome, StoreError>;

    /// Lists every uploaded algorithm, in the order of the uploads.
    async fn versions(&self) -> Result<Vec<Version>, StoreError>;

    /// Pins a name to an algorithm for a community, unless it is already pinned. Returns the digest to which it is
    /// pinned.
    async fn pin(&self, community: &str, name: &str, digest: Digest) -> Result<Digest, StoreError>;

    /// Returns the digest to which a name is pinned for a community; `None` if it is not.
    async fn pinned(&self, community: &str, name: &str) -> Result<Option<Digest>, StoreError>;

    /// Appends a decision to a community's activation log if the community is in the expected state. Returns the
    /// decision's number, or `None` if the state has changed.
    async fn decide(
        &self,
        community: &str,
        change: &Change,
        expected: ExpectedState,
    ) -> Result<Option<u64>, StoreError>;

    /// Stores an audit record that decides nothing.
    async fn note(&self, change: &Change) -> Result<(), StoreError>;

    /// Lists every decision and note about a community, in order. An
    /// [`ActivationLog`](crate::activation::ActivationLog) is made from them.
    async fn decisions(&self, community: &str) -> Result<Vec<KeptChange>, StoreError>;

    /// Lists up to `limit` changes, newest first: those of one community, or all of them, including those about no
    /// community.
    async fn changes(&self, community: Option<&str>, limit: usize) -> Result<Vec<KeptChange>, StoreError>;

    /// Returns the shadow totals of the candidate that the decision with this number started; `None` before the first.
    async fn shadow_totals(&self, community: &str, decision: u64) -> Result<Option<ShadowState>, StoreError>;

    /// Replaces the shadow totals if the stored ones end at `after` (`None`: if there are none). Returns whether it
    /// did.
    async fn keep_shadow_totals(
        &self,
        community: &str,
        decision: u64,
        after: Option<Boundary>,
        state: &ShadowState,
    ) -> Result<bool, StoreError>;
}

/// Storage of leases, which make sure that only one process at a time does a piece of work.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Acquires or renews a lease for `term`, at most [`LEASE_TERM_MAX`], from `now` on, unless another owner holds it at
    /// `now`. A lease that lasts longer from `now` on than any can is held by nobody.
    async fn acquire(&self, lease: &str, owner: &str, now: Timestamp, term: Duration) -> Result<Acquired, StoreError>;

    /// Releases a lease if this owner holds it.
    async fn release(&self, lease: &str, owner: &str) -> Result<(), StoreError>;
}

/// A process that settles on this store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The name under which it has its leases.
    pub name: String,
    /// Until when it counts as living unless it says so again.
    pub until: Timestamp,
}

/// Storage of which replicas live, so that they share the work evenly. It guards nothing: leases do.
#[async_trait]
pub trait Replicas: Send + Sync {
    /// Notes that a replica lives, and returns all that live at `now`, sorted by name. One that would live for longer from now on
    /// than [`LEASE_TERM_MAX`] does not count: some clock was wrong.
    async fn live(&self, replica: &Replica, now: Timestamp) -> Result<Vec<Replica>, StoreError>;

    /// Notes that a replica has ended.
    async fn leave(&self, name: &str) -> Result<(), StoreError>;
}

/// Storage of the prices that members set.
#[async_trait]
pub trait Prices: Send + Sync {
    /// Sets prices, all or none. For the same meter and instant, the later call wins, and within a call the later entry. A
    /// price for now voids what was set for later: see [`MeterPrices::voids_after`](crate::price::MeterPrices). Of each
    /// meter the newest prices are kept, within the bounds of the list.
    async fn set_prices(&self, list: &NewPrices) -> Result<PricesKept, StoreError>;

    /// Lists a meter's prices that take effect from `from` (inclusive) to `to` (exclusive), newest first.
    async fn prices(
        &self,
        meter: &str,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        window: Window,
    ) -> Result<Vec<MeterPrice>, StoreError>;

    /// Returns the price of each of these meters that is in effect at each of these instants, and no other.
    async fn price_book(
        &self,
        meters: &BTreeSet<MeterId>,
        instants: &BTreeSet<Timestamp>,
    ) -> Result<PriceBook, StoreError>;
}

/// Storage of trades on their way to payment.
#[async_trait]
pub trait Payments: Send + Sync {
    /// Lists trades of committed intervals, ordered by their interval's end, then by id. Trades whose claim lapsed before
    /// `now` are listed with their previous state, or as `Sent` if the filter asks so: see [`MatchFilter::states`].
    async fn matches(&self, filter: &MatchFilter, window: Window, now: Timestamp) -> Result<Vec<Match>, StoreError>;

    /// Claims a buyer's waiting trades for payment: they become `Sent`, and return to their previous state at
    /// `claim.until` unless somebody reports on them before. Returns them with their previous states. No two calls get
    /// the same trade before that.
    async fn claim(&self, claim: &Claim, window: Window) -> Result<Vec<Match>, StoreError>;

    /// Applies payment reports by Transactions, all or none. A trade whose claim has lapsed counts as `Sent` until it is
    /// claimed or pushed again.
    ///
    /// # Errors
    /// If a trade is unknown, or cannot change to the reported state, or two reports contradict each other. Then nothing
    /// is changed.
    async fn update(&self, updates: &[MatchUpdate], now: Timestamp) -> Result<(), UpdateError>;

    /// Lists up to `limit` trades to push, ordered by their interval's end, then by id: of those that are offered, the
    /// ones that are `Created`, and the ones that have been `NotPaid` since `due.again` or earlier.
    async fn outbox(&self, due: Due, limit: usize) -> Result<Vec<Match>, StoreError>;

    /// Returns the backlog of trades to forward, of those that are offered.
    async fn outbox_depth(&self, since: OfferedSince, now: Timestamp) -> Result<OutboxDepth, StoreError>;

    /// Counts a community's trades that wait for payment, of those that are offered. Claims that have lapsed since somebody last
    /// looked do not count.
    async fn waiting(&self, community: &str, since: OfferedSince) -> Result<u64, StoreError>;

    /// Records the result of a push: trades that still wait become `Sent`, or `Error` with the receiver's reason.
    /// Recording the same result again changes nothing.
    async fn delivered(
        &self,
        sent: &[TradeId],
        refused: &[(TradeId, String)],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Offers trades for payment again, all or none: whatever was reported of them, they are `Created` and have no payment.
    /// Keeps a record of each and returns them, in the order of the ids.
    ///
    /// # Errors
    /// If a trade is unknown, is with the grid, or waits for payment anyway. Then nothing is changed.
    async fn reopen(&self, reopening: &Reopening) -> Result<Vec<Reopened>, ReopenError>;

    /// Lists up to `limit` records of reopened trades, newest first.
    async fn reopened(&self, limit: usize) -> Result<Vec<Reopened>, StoreError>;
}

/// Storage of readings, for communities whose Meters service is this program. Nothing is ever changed or removed.
#[async_trait]
pub trait Readings: Send + Sync {
    /// Keeps readings, all or none. Those that are there already change nothing.
    ///
    /// # Errors
    /// If any contradicts what is there. Then nothing is kept.
    async fn keep_readings(&self, new: Arc<NewReadings>) -> Result<KeptReadings, KeepError>;

    /// Lists what is known of meters: of one, or of all, in order.
    async fn metered(&self, meter: Option<&MeterId>) -> Result<Vec<MeterSpan>, StoreError>;

    /// Lists days of meters, of one or of all, from one day on and before another, with their readings.
    async fn meter_days(&self, meter: Option<&MeterId>, from: i64, before: i64) -> Result<Days, StoreError>;

    /// Returns what meters, one or all, had counted before a day begins; nothing of those of which nothing is known before.
    async fn counted_before(&self, meter: Option<&MeterId>, day: i64) -> Result<BTreeMap<MeterId, Base>, StoreError>;

    /// Returns the first day from one on of which anything is known of a meter.
    async fn next_meter_day(&self, meter: &MeterId, from: i64) -> Result<Option<i64>, StoreError>;

    /// Lists what came after its intervals had been settled, in the order in which it came.
    async fn late_arrivals(&self) -> Result<Vec<LateArrival>, StoreError>;
}

/// Storage of who looks at the pages: links of members, sessions, and the record of visits. Only sessions are ever removed.
#[async_trait]
pub trait Viewers: Send + Sync {
    /// Keeps a new link, unless its id is taken. Returns whether it is kept.
    async fn keep_link(&self, link: &Link) -> Result<bool, StoreError>;

    /// Returns the link with an id, whether it is valid or not.
    async fn link(&self, id: &str) -> Result<Option<Link>, StoreError>;

    /// Lists up to `limit` links in the order in which they were made, of one community if given, and of its members of that
    /// name. `after` is the last link of the previous page.
    async fn links(
        &self,
        community: Option<&str>,
        member: Option<&MemberId>,
        after: Option<&Link>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError>;

    /// Revokes a link at an instant, unless it is revoked already. Returns it as it is then; `None` if there is none.
    async fn revoke_link(&self, id: &str, at: Timestamp) -> Result<Option<Link>, StoreError>;

    /// Keeps a new session, and removes those that have ended at `now`.
    async fn begin_session(&self, session: &Session, now: Timestamp) -> Result<(), StoreError>;

    /// Returns the session whose secret has this digest, whether it has ended or not.
    async fn session(&self, digest: &Digest) -> Result<Option<Session>, StoreError>;

    /// Removes a session.
    async fn end_session(&self, digest: &Digest) -> Result<(), StoreError>;

    /// Keeps visits, all or none, in their order.
    async fn keep_visits(&self, visits: &[Visit]) -> Result<(), StoreError>;

    /// Lists up to `limit` visits, newest first. `before` is the place of the last visit of the previous page.
    async fn visits(
        &self,
        filter: &VisitFilter,
        before: Option<&VisitPlace>,
        limit: usize,
    ) -> Result<Vec<ListedVisit>, StoreError>;
}

/// Storage of backtests, so that people can look at them again.
#[async_trait]
pub trait Backtests: Send + Sync {
    /// Keeps a backtest with its content, of at most [`BACKTEST_BYTES_MAX`](crate::BACKTEST_BYTES_MAX), and returns its number.
    /// The oldest of the community make room: see [`backtests_kept`](crate::backtests_kept).
    async fn keep_backtest(&self, community: &str, head: &BacktestHead, content: Arc<[u8]>) -> Result<u64, StoreError>;

    /// Lists the backtests of a community that are kept, newest first.
    async fn backtests(&self, community: &str) -> Result<Vec<KeptBacktest>, StoreError>;

    /// Returns the content of a backtest; `None` if it is not kept.
    async fn backtest(&self, community: &str, number: u64) -> Result<Option<Vec<u8>>, StoreError>;
}

/// A complete store: every trait of this module.
pub trait Store:
    Backtests + Books + Decisions + Details + Leases + Payments + Prices + Readings + Replicas + Viewers
{
}

impl<S: Backtests + Books + Decisions + Details + Leases + Payments + Prices + Readings + Replicas + Viewers> Store
    for S
{
}

/// Returns the name of the lease under which a community is settled.
pub fn community_lease(community: &str) -> String {
    format!("community {community}")
}
