//! A store that reports to the metrics: the duration and outcome of each operation, and the states of forwarded trades.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::metering::Base;
use domain::text::chain;
use domain::trade::State;
use domain::{Boundary, Digest, MemberId, MeterId, MeterPrice, PriceBook, TradeId};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use books::{
    Acquired, Addition, BacktestHead, Backtests, Books, Change, Claim, Commit, CommitOutcome, CommittedBatch,
    DayDetails, DaySums, Days, Decisions, Details, Due, EventFilter, EventPlace, ExpectedState, KeepError,
    KeptBacktest, KeptChange, KeptReadings, LateArrival, Leases, Link, ListedEvent, ListedVisit, Match, MatchFilter,
    MatchUpdate, MeterSpan, NewPrices, NewReadings, Notice, Notices, OfferedSince, OutboxDepth, Payments, Prices,
    PricesKept, Progress, Readings, ReopenError, Reopened, Reopening, Replica, Replicas, Session, ShadowState, Span,
    Store, StoreError, StoredEvent, StoredInterval, StoredTrade, UpdateError, UploadOutcome, Version, Viewers, Visit,
    VisitFilter, VisitPlace, Window,
};

use super::metrics::{Forwarded, Metrics, StoreOutcome, lock};
use super::outage::{Ended, Outage};

/// Operations that only read. They may work while nothing can be written, as on a full disk.
const READS: [&str; 36] = [
    "backtest",
    "backtests",
    "mark",
    "marks",
    "progress",
    "communities",
    "intervals",
    "trades",
    "sums",
    "details",
    "details_due",
    "component",
    "events",
    "notices",
    "event_counts",
    "examine",
    "versions",
    "pinned",
    "decisions",
    "changes",
    "shadow_totals",
    "prices",
    "price_book",
    "matches",
    "outbox",
    "outbox_depth",
    "waiting",
    "metered",
    "meter_days",
    "counted_before",
    "next_meter_day",
    "late_arrivals",
    "link",
    "links",
    "session",
    "visits",
];

pub struct MeasuredStore {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    /// Told in the log here, and nowhere else.
    outage: Mutex<Outage>,
}

impl MeasuredStore {
    pub fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> MeasuredStore {
        MeasuredStore { store, metrics, outage: Mutex::default() }
    }

    async fn timed<T, E: Outcome>(
        &self,
        operation: &'static str,
        operation_future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let started = Instant::now();
        let result = operation_future.await;
        let outcome = result.as_ref().err().map_or(StoreOutcome::Ok, Outcome::outcome);
        self.metrics.store_operation(operation, outcome, started.elapsed());
        match result.as_ref().err().map(Outcome::outage) {
            None => self.works(operation),
            Some(Some(error)) => self.fails(operation, error),
            Some(None) => {}
        }
        result
    }

    fn fails(&self, operation: &'static str, error: &StoreError) {
        let mut outage = lock(&self.outage);
        let is_new = outage.kind().is_none();
        // What cannot be written stays so, whatever else fails meanwhile.
        let stays = outage.kind().filter(|begun| operation != "commit" && !READS.contains(begun));
        let kind = stays.unwrap_or(operation).to_owned();
        outage.failed(&kind);
        let error = chain(error);
        if is_new {
            tracing::error!(code = "store", operation, "{error}");
        } else {
            tracing::debug!(code = "store", operation, "{error}");
        }
    }

    fn works(&self, operation: &'static str) {
        let mut outage = lock(&self.outage);
        // A full disk may have room for small things, and none for an interval.
        let is_over = outage.kind().is_some_and(|begun| {
            READS.contains(&begun) || begun == operation || (begun != "commit" && !READS.contains(&operation))
        });
        if let Some(Ended { failures, lasted }) = outage.ended_if(is_over) {
            tracing::info!(code = "store", failures, ?lasted, "the store works again");
        }
    }
}

/// An error as a label of the metrics.
trait Outcome {
    fn outcome(&self) -> StoreOutcome;

    /// The error, if the store as a whole cannot be used.
    fn outage(&self) -> Option<&StoreError>;
}

impl Outcome for StoreError {
    fn outcome(&self) -> StoreOutcome {
        match self {
            StoreError::Open { .. } => StoreOutcome::Open,
            StoreError::ReadOnly { .. } => StoreOutcome::ReadOnly,
            StoreError::Corrupt { .. } => StoreOutcome::Corrupt,
            StoreError::Unavailable { .. } | StoreError::Busy { .. } => StoreOutcome::Unavailable,
            StoreError::Failed { .. } => StoreOutcome::Failed,
        }
    }

    fn outage(&self) -> Option<&StoreError> {
        self.is_outage().then_some(self)
    }
}

impl Outcome for UpdateError {
    fn outcome(&self) -> StoreOutcome {
        match self {
            UpdateError::Unknown(_)
            | UpdateError::Stateless(_)
            | UpdateError::Transition { .. }
            | UpdateError::Contradiction { .. } => StoreOutcome::Refused,
            UpdateError::Store(error) => error.outcome(),
        }
    }

    fn outage(&self) -> Option<&StoreError> {
        if let UpdateError::Store(error) = self { error.outage() } else { None }
    }
}

impl Outcome for KeepError {
    fn outcome(&self) -> StoreOutcome {
        match self {
            KeepError::Contradicts(_) => StoreOutcome::Refused,
            KeepError::Store(error) => error.outcome(),
        }
    }

    fn outage(&self) -> Option<&StoreError> {
        if let KeepError::Store(error) = self { error.outage() } else { None }
    }
}

impl Outcome for ReopenError {
    fn outcome(&self) -> StoreOutcome {
        match self {
            ReopenError::Unknown(_) | ReopenError::Stateless(_) | ReopenError::Open { .. } => StoreOutcome::Refused,
            ReopenError::Store(error) => error.outcome(),
        }
    }

    fn outage(&self) -> Option<&StoreError> {
        if let ReopenError::Store(error) = self { error.outage() } else { None }
    }
}

/// What a report of Transactions means for a trade; none if it says that the trade was never sent.
fn reported(state: State) -> Option<Forwarded> {
    match state {
        State::Created => None,
        State::Sent => Some(Forwarded::Sent),
        State::Paid => Some(Forwarded::Paid),
        State::NotPaid => Some(Forwarded::NotPaid),
        State::Error => Some(Forwarded::Failed),
    }
}

#[async_trait]
impl Books for MeasuredStore {
    async fn mark(&self, community: &str) -> Result<Option<Boundary>, StoreError> {
        self.timed("mark", self.store.mark(community)).await
    }

    async fn progress(&self, community: &str) -> Result<Progress, StoreError> {
        self.timed("progress", self.store.progress(community)).await
    }

    async fn commit_batch(&self, batch: Vec<Arc<Commit>>) -> CommittedBatch {
        let mut committed = 0;
        let whole = async {
            let batch = self.store.commit_batch(batch).await;
            committed = batch.committed;
            batch.ended
        };
        let ended = self.timed("commit", whole).await;
        CommittedBatch { committed, ended }
    }

    async fn add(&self, addition: &Addition) -> Result<CommitOutcome, StoreError> {
        self.timed("add", self.store.add(addition)).await
    }

    async fn marks(&self) -> Result<Vec<(String, Boundary)>, StoreError> {
        self.timed("marks", self.store.marks()).await
    }

    async fn communities(&self) -> Result<Vec<String>, StoreError> {
        self.timed("communities", self.store.communities()).await
    }

    async fn intervals(&self, community: &str, span: Span, limit: usize) -> Result<Vec<StoredInterval>, StoreError> {
        self.timed("intervals", self.store.intervals(community, span, limit)).await
    }

    async fn trades(
        &self,
        community: &str,
        span: Span,
        member: Option<&MemberId>,
        after: Option<(Boundary, u64)>,
        limit: usize,
    ) -> Result<Vec<StoredTrade>, StoreError> {
        self.timed("trades", self.store.trades(community, span, member, after, limit)).await
    }

    async fn sums(
        &self,
        community: &str,
        span: Span,
        after: Option<Boundary>,
        limit: usize,
    ) -> Result<Vec<DaySums>, StoreError> {
        self.timed("sums", self.store.sums(community, span, after, limit)).await
    }

    async fn sum_again(
        &self,
        community: &str,
        zone: &TimeZone,
        told: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<u64, StoreError> {
        self.timed("sum_again", self.store.sum_again(community, zone, told)).await
    }

    async fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.timed("component", self.store.component(digest)).await
    }

    async fn events(
        &self,
        community: &str,
        filter: &EventFilter,
        after: Option<&EventPlace>,
        limit: usize,
    ) -> Result<Vec<ListedEvent>, StoreError> {
        self.timed("events", self.store.events(community, filter, after, limit)).await
    }

    async fn notices(&self, community: &str) -> Result<Notices, StoreError> {
        self.timed("notices", self.store.notices(community)).await
    }

    async fn tell(&self, community: &str, notices: &[Notice]) -> Result<Vec<Notice>, StoreError> {
        self.timed("tell", self.store.tell(community, notices)).await
    }

    async fn event_counts(&self, community: &str) -> Result<Vec<(String, u64)>, StoreError> {
        self.timed("event_counts", self.store.event_counts(community)).await
    }

    async fn told(&self, community: &str, codes: &[&str]) -> Result<BTreeSet<StoredEvent>, StoreError> {
        self.timed("told", self.store.told(community, codes)).await
    }

    async fn examine(&self) -> Result<Vec<String>, StoreError> {
        self.timed("examine", self.store.examine()).await
    }
}

#[async_trait]
impl Decisions for MeasuredStore {
    async fn keep_version(&self, version: &Version, component: Arc<[u8]>) -> Result<UploadOutcome, StoreError> {
        let kept = self.timed("keep_version", self.store.keep_version(version, component)).await?;
        if kept == UploadOutcome::Stored {
            self.metrics.algorithm_changed(None, "uploaded");
        }
        Ok(kept)
    }

    async fn versions(&self) -> Result<Vec<Version>, StoreError> {
        self.timed("versions", self.store.versions()).await
    }

    async fn pin(&self, community: &str, name: &str, digest: Digest) -> Result<Digest, StoreError> {
        self.timed("pin", self.store.pin(community, name, digest)).await
    }

    async fn pinned(&self, community: &str, name: &str) -> Result<Option<Digest>, StoreError> {
        self.timed("pinned", self.store.pinned(community, name)).await
    }

    async fn decide(
        &self,
        community: &str,
        change: &Change,
        expected: ExpectedState,
    ) -> Result<Option<u64>, StoreError> {
        let decided = self.timed("decide", self.store.decide(community, change, expected)).await?;
        if decided.is_some() {
            self.metrics.algorithm_changed(change.community.as_deref(), change.action.code());
        }
        Ok(decided)
    }

    async fn note(&self, change: &Change) -> Result<(), StoreError> {
        self.timed("note", self.store.note(change)).await?;
        self.metrics.algorithm_changed(change.community.as_deref(), change.action.code());
        Ok(())
    }

    async fn decisions(&self, community: &str) -> Result<Vec<KeptChange>, StoreError> {
        self.timed("decisions", self.store.decisions(community)).await
    }

    async fn changes(&self, community: Option<&str>, limit: usize) -> Result<Vec<KeptChange>, StoreError> {
        self.timed("changes", self.store.changes(community, limit)).await
    }

    async fn shadow_totals(&self, community: &str, decision: u64) -> Result<Option<ShadowState>, StoreError> {
        self.timed("shadow_totals", self.store.shadow_totals(community, decision)).await
    }

    async fn keep_shadow_totals(
        &self,
        community: &str,
        decision: u64,
        after: Option<Boundary>,
        state: &ShadowState,
    ) -> Result<bool, StoreError> {
        self.timed("keep_shadow_totals", self.store.keep_shadow_totals(community, decision, after, state)).await
    }
}

#[async_trait]
impl Backtests for MeasuredStore {
    async fn keep_backtest(&self, community: &str, head: &BacktestHead, content: Arc<[u8]>) -> Result<u64, StoreError> {
        self.timed("keep_backtest", self.store.keep_backtest(community, head, content)).await
    }

    async fn backtests(&self, community: &str) -> Result<Vec<KeptBacktest>, StoreError> {
        self.timed("backtests", self.store.backtests(community)).await
    }

    async fn backtest(&self, community: &str, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.timed("backtest", self.store.backtest(community, number)).await
    }
}

#[async_trait]
impl Details for MeasuredStore {
    async fn details(
        &self,
        community: &str,
        span: Span,
        after: Option<Boundary>,
        limit: usize,
    ) -> Result<Vec<DayDetails>, StoreError> {
        self.timed("details", self.store.details(community, span, after, limit)).await
    }

    async fn keep_details(&self, community: &str, details: &[DayDetails]) -> Result<(), StoreError> {
        self.timed("keep_details", self.store.keep_details(community, details)).await
    }

    async fn details_due(&self, community: &str, limit: usize) -> Result<Vec<Span>, StoreError> {
        self.timed("details_due", self.store.details_due(community, limit)).await
    }
}

#[async_trait]
impl Leases for MeasuredStore {
    async fn acquire(&self, lease: &str, owner: &str, now: Timestamp, term: Duration) -> Result<Acquired, StoreError> {
        self.timed("acquire", self.store.acquire(lease, owner, now, term)).await
    }

    async fn release(&self, lease: &str, owner: &str) -> Result<(), StoreError> {
        self.timed("release", self.store.release(lease, owner)).await
    }
}

#[async_trait]
impl Replicas for MeasuredStore {
    async fn live(&self, replica: &Replica, now: Timestamp) -> Result<Vec<Replica>, StoreError> {
        self.timed("live", self.store.live(replica, now)).await
    }

    async fn leave(&self, name: &str) -> Result<(), StoreError> {
        self.timed("leave", self.store.leave(name)).await
    }
}

#[async_trait]
impl Prices for MeasuredStore {
    async fn set_prices(&self, list: &NewPrices) -> Result<PricesKept, StoreError> {
        let kept = self.timed("set_prices", self.store.set_prices(list)).await?;
        self.metrics.prices(kept);
        Ok(kept)
    }

    async fn prices(
        &self,
        meter: &str,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        window: Window,
    ) -> Result<Vec<MeterPrice>, StoreError> {
        self.timed("prices", self.store.prices(meter, from, to, window)).await
    }

    async fn price_book(
        &self,
        meters: &BTreeSet<MeterId>,
        instants: &BTreeSet<Timestamp>,
    ) -> Result<PriceBook, StoreError> {
        self.timed("price_book", self.store.price_book(meters, instants)).await
    }
}

#[async_trait]
impl Readings for MeasuredStore {
    async fn keep_readings(&self, new: Arc<NewReadings>) -> Result<KeptReadings, KeepError> {
        self.timed("keep_readings", self.store.keep_readings(new)).await
    }

    async fn metered(&self, meter: Option<&MeterId>) -> Result<Vec<MeterSpan>, StoreError> {
        self.timed("metered", self.store.metered(meter)).await
    }

    async fn meter_days(&self, meter: Option<&MeterId>, from: i64, before: i64) -> Result<Days, StoreError> {
        self.timed("meter_days", self.store.meter_days(meter, from, before)).await
    }

    async fn counted_before(&self, meter: Option<&MeterId>, day: i64) -> Result<BTreeMap<MeterId, Base>, StoreError> {
        self.timed("counted_before", self.store.counted_before(meter, day)).await
    }

    async fn next_meter_day(&self, meter: &MeterId, from: i64) -> Result<Option<i64>, StoreError> {
        self.timed("next_meter_day", self.store.next_meter_day(meter, from)).await
    }

    async fn late_arrivals(&self) -> Result<Vec<LateArrival>, StoreError> {
        self.timed("late_arrivals", self.store.late_arrivals()).await
    }
}

#[async_trait]
impl Payments for MeasuredStore {
    async fn matches(&self, filter: &MatchFilter, window: Window, now: Timestamp) -> Result<Vec<Match>, StoreError> {
        self.timed("matches", self.store.matches(filter, window, now)).await
    }

    async fn claim(&self, claim: &Claim, window: Window) -> Result<Vec<Match>, StoreError> {
        let claimed = self.timed("claim", self.store.claim(claim, window)).await?;
        self.metrics.forwarded(Forwarded::Claimed, claimed.len());
        Ok(claimed)
    }

    async fn update(&self, updates: &[MatchUpdate], now: Timestamp) -> Result<(), UpdateError> {
        self.timed("update", self.store.update(updates, now)).await?;
        // The same report may be in a list twice.
        let reports: BTreeSet<(TradeId, State)> = updates.iter().map(|update| (update.id, update.state)).collect();
        reports.iter().filter_map(|(_, state)| reported(*state)).for_each(|outcome| self.metrics.forwarded(outcome, 1));
        Ok(())
    }

    async fn outbox(&self, due: Due, limit: usize) -> Result<Vec<Match>, StoreError> {
        self.timed("outbox", self.store.outbox(due, limit)).await
    }

    async fn outbox_depth(&self, since: OfferedSince, now: Timestamp) -> Result<OutboxDepth, StoreError> {
        let outbox = self.timed("outbox_depth", self.store.outbox_depth(since, now)).await?;
        self.metrics.outbox(outbox);
        Ok(outbox)
    }

    async fn waiting(&self, community: &str, since: OfferedSince) -> Result<u64, StoreError> {
        self.timed("waiting", self.store.waiting(community, since)).await
    }

    async fn delivered(
        &self,
        sent: &[TradeId],
        refused: &[(TradeId, String)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.timed("delivered", self.store.delivered(sent, refused, now)).await?;
        self.metrics.forwarded(Forwarded::Sent, sent.len());
        self.metrics.forwarded(Forwarded::Refused, refused.len());
        Ok(())
    }

    async fn reopen(&self, reopening: &Reopening) -> Result<Vec<Reopened>, ReopenError> {
        self.timed("reopen", self.store.reopen(reopening)).await
    }

    async fn reopened(&self, limit: usize) -> Result<Vec<Reopened>, StoreError> {
        self.timed("reopened", self.store.reopened(limit)).await
    }
}

#[async_trait]
impl Viewers for MeasuredStore {
    async fn keep_link(&self, link: &Link) -> Result<bool, StoreError> {
        self.timed("keep_link", self.store.keep_link(link)).await
    }

    async fn link(&self, id: &str) -> Result<Option<Link>, StoreError> {
        self.timed("link", self.store.link(id)).await
    }

    async fn links(
        &self,
        community: Option<&str>,
        member: Option<&MemberId>,
        after: Option<&Link>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError> {
        self.timed("links", self.store.links(community, member, after, limit)).await
    }

    async fn revoke_link(&self, id: &str, at: Timestamp) -> Result<Option<Link>, StoreError> {
        self.timed("revoke_link", self.store.revoke_link(id, at)).await
    }

    async fn begin_session(&self, session: &Session, now: Timestamp) -> Result<(), StoreError> {
        self.timed("begin_session", self.store.begin_session(session, now)).await
    }

    async fn session(&self, digest: &Digest) -> Result<Option<Session>, StoreError> {
        self.timed("session", self.store.session(digest)).await
    }

    async fn end_session(&self, digest: &Digest) -> Result<(), StoreError> {
        self.timed("end_session", self.store.end_session(digest)).await
    }

    async fn keep_visits(&self, visits: &[Visit]) -> Result<(), StoreError> {
        self.timed("keep_visits", self.store.keep_visits(visits)).await
    }

    async fn visits(
        &self,
        filter: &VisitFilter,
        before: Option<&VisitPlace>,
        limit: usize,
    ) -> Result<Vec<ListedVisit>, StoreError> {
        self.timed("visits", self.store.visits(filter, before, limit)).await
    }
}
