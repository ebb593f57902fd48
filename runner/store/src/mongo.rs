//! The MongoDB store: an append-only chain of intervals per community, from which everything else is derived.
//!
//! It only relies on atomic changes of single documents and on unique `_id`s, not on transactions, so a standalone
//! server is enough. `chain.rs` explains how an interval is committed, `journal.rs` how several documents are changed
//! as one. Nothing is ever deleted but prices and backtests that are too old or too many, sessions that have ended, and details
//! of days before they are made again. A database that the Python original filled is
//! continued: its own collections are only read, `takeover.rs` explains how.

mod addition;
mod address;
mod algorithms;
mod backtests;
mod blobs;
mod chain;
#[cfg(test)]
mod commands;
mod days;
mod depth;
mod details;
mod document;
mod events;
mod examine;
mod fault;
mod field;
mod find;
mod found;
mod journal;
mod known;
mod leases;
mod link;
mod list;
mod mark;
mod meters;
mod notices;
mod opened;
mod original;
mod prices;
mod reach;
mod read;
mod readings;
mod rebuild;
mod reopening;
mod replicas;
mod server;
#[cfg(test)]
mod shapes;
mod states;
mod stretches;
mod sums;
mod takeover;
#[cfg(test)]
mod tests;
mod trades;
mod viewers;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::metering::Base;
use domain::{Boundary, Digest, MemberId, MeterId, MeterPrice, PriceBook, TradeId};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mongodb::bson::oid::ObjectId;
use mongodb::options::ClientOptions;

pub use address::{InvalidAddress, MongoAddress, Secret};
use fault::{Fault, retry};
use server::Server;

use books::{
    Acquired, Addition, Books, Change, Claim, Commit, CommitOutcome, CommittedBatch, DaySums, Days, Decisions, Due,
    EventFilter, EventPlace, ExpectedState, KeepError, KeptChange, KeptReadings, LateArrival, Leases, ListedEvent,
    Match, MatchFilter, MatchUpdate, MeterSpan, NewPrices, NewReadings, Notice, Notices, OfferedSince, OutboxDepth,
    Payments, Prices, PricesKept, Progress, Readings, ReopenError, Reopened, Reopening, Replica, Replicas, ShadowState,
    Span, StoreError, StoredEvent, StoredInterval, StoredTrade, UpdateError, UploadOutcome, Version, Window,
};

/// A database on a MongoDB server.
#[derive(Clone)]
pub struct MongoStore {
    server: Arc<Server>,
    /// The address without credentials, for messages.
    name: Arc<str>,
}

impl MongoStore {
    /// Connects, copies what the Python original left, and creates missing indexes.
    ///
    /// # Errors
    /// If the server is unavailable or refuses the credentials.
    pub async fn open(config: &MongoAddress) -> Result<MongoStore, StoreError> {
        MongoStore::connect(config, true).await
    }

    /// Connects for reading only.
    ///
    /// # Errors
    /// If the server is unavailable or refuses the credentials, or the database does not contain a store.
    pub async fn open_to_read(config: &MongoAddress) -> Result<MongoStore, StoreError> {
        MongoStore::connect(config, false).await
    }

    async fn connect(config: &MongoAddress, writable: bool) -> Result<MongoStore, StoreError> {
        let name: Arc<str> = config.address.as_str().into();
        let connect = || async { MongoStore::prepared(Server::options(config).await?, writable).await };
        Ok(MongoStore { server: Arc::new(retry(&name, connect).await?), name })
    }

    async fn prepared(options: ClientOptions, writable: bool) -> Result<Server, Fault> {
        let server = Server::connect(options, writable).await?;
        if writable {
            // Before there are indexes, which would take their time for every trade.
            takeover::copy(&server).await?;
            server.make_indexes().await?;
        }
        Ok(server)
    }

    /// Runs an operation, and retries it from its beginning if the connection is lost.
    async fn retry<T, F>(&self, work: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        retry(&self.name, work).await
    }
}

#[async_trait]
impl Books for MongoStore {
    async fn mark(&self, community: &str) -> Result<Option<Boundary>, StoreError> {
        Ok(self.retry(|| chain::completed(&self.server, community)).await?.end())
    }

    async fn progress(&self, community: &str) -> Result<Progress, StoreError> {
        self.retry(|| chain::progress(&self.server, community)).await
    }

    async fn commit_batch(&self, batch: Vec<Arc<Commit>>) -> CommittedBatch {
        let by = ObjectId::new();
        match self.retry(|| chain::commit(&self.server, &batch, by)).await {
            Ok((committed, ended)) => {
                CommittedBatch { committed, ended: ended.map_err(|fault| fault::store_error(&self.name, fault)) }
            }
            Err(error) => CommittedBatch { committed: 0, ended: Err(error) },
        }
    }

    async fn add(&self, addition: &Addition) -> Result<CommitOutcome, StoreError> {
        let by = ObjectId::new();
        self.retry(|| chain::add(&self.server, addition, by)).await
    }

    async fn marks(&self) -> Result<Vec<(String, Boundary)>, StoreError> {
        let marks = self.retry(|| mark::list(&self.server)).await?;
        let begun = marks.into_iter().filter_map(|mark| {
            let end = mark.end()?;
            Some((mark.community, end))
        });
        Ok(begun.collect())
    }

    async fn communities(&self) -> Result<Vec<String>, StoreError> {
        let marks = self.retry(|| mark::list(&self.server)).await?;
        Ok(marks.into_iter().map(|mark| mark.community).collect())
    }

    async fn intervals(&self, community: &str, span: Span, limit: usize) -> Result<Vec<StoredInterval>, StoreError> {
        self.retry(|| read::intervals(&self.server, community, span, limit)).await
    }

    async fn trades(
        &self,
        community: &str,
        span: Span,
        member: Option<&MemberId>,
        after: Option<(Boundary, u64)>,
        limit: usize,
    ) -> Result<Vec<StoredTrade>, StoreError> {
        self.retry(|| list::list(&self.server, community, span, member, after, limit)).await
    }

    async fn sums(
        &self,
        community: &str,
        span: Span,
        after: Option<Boundary>,
        limit: usize,
    ) -> Result<Vec<DaySums>, StoreError> {
        self.retry(|| sums::list(&self.server, community, span, after, limit)).await
    }

    async fn sum_again(
        &self,
        community: &str,
        zone: &TimeZone,
        told: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<u64, StoreError> {
        self.retry(|| rebuild::all_again(&self.server, community, zone, Arc::clone(&told))).await
    }

    async fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.retry(|| blobs::get(&self.server, digest)).await
    }

    async fn events(
        &self,
        community: &str,
        filter: &EventFilter,
        after: Option<&EventPlace>,
        limit: usize,
    ) -> Result<Vec<ListedEvent>, StoreError> {
        self.retry(|| events::list(&self.server, community, filter, after, limit)).await
    }

    async fn notices(&self, community: &str) -> Result<Notices, StoreError> {
        self.retry(|| notices::newest(&self.server, community)).await
    }

    async fn tell(&self, community: &str, notices: &[Notice]) -> Result<Vec<Notice>, StoreError> {
        let by = ObjectId::new();
        self.retry(|| notices::tell(&self.server, community, notices, by)).await
    }

    async fn event_counts(&self, community: &str) -> Result<Vec<(String, u64)>, StoreError> {
        self.retry(|| read::event_counts(&self.server, community)).await
    }

    async fn told(&self, community: &str, codes: &[&str]) -> Result<BTreeSet<StoredEvent>, StoreError> {
        self.retry(|| read::told(&self.server, community, codes)).await
    }

    async fn examine(&self) -> Result<Vec<String>, StoreError> {
        self.retry(|| examine::examine(&self.server)).await
    }
}

#[async_trait]
impl Decisions for MongoStore {
    async fn keep_version(&self, version: &Version, component: Arc<[u8]>) -> Result<UploadOutcome, StoreError> {
        let by = ObjectId::new();
        self.retry(|| algorithms::keep(&self.server, version, &component, by)).await
    }

    async fn versions(&self) -> Result<Vec<Version>, StoreError> {
        self.retry(|| algorithms::versions(&self.server)).await
    }

    async fn pin(&self, community: &str, name: &str, digest: Digest) -> Result<Digest, StoreError> {
        self.retry(|| algorithms::pin(&self.server, community, name, digest)).await
    }

    async fn pinned(&self, community: &str, name: &str) -> Result<Option<Digest>, StoreError> {
        self.retry(|| algorithms::pinned(&self.server, community, name)).await
    }

    async fn decide(
        &self,
        community: &str,
        change: &Change,
        expected: ExpectedState,
    ) -> Result<Option<u64>, StoreError> {
        let by = ObjectId::new();
        self.retry(|| chain::decide(&self.server, community, change, expected, by)).await
    }

    async fn note(&self, change: &Change) -> Result<(), StoreError> {
        let id = ObjectId::new();
        self.retry(|| algorithms::note(&self.server, change, id)).await
    }

    async fn decisions(&self, community: &str) -> Result<Vec<KeptChange>, StoreError> {
        // What somebody has decided and not written out yet is decided.
        let known = self.retry(|| chain::completed(&self.server, community)).await?.decision();
        self.retry(|| algorithms::decisions(&self.server, community, known)).await
    }

    async fn changes(&self, community: Option<&str>, limit: usize) -> Result<Vec<KeptChange>, StoreError> {
        self.retry(|| algorithms::changes(&self.server, community, limit)).await
    }

    async fn shadow_totals(&self, community: &str, decision: u64) -> Result<Option<ShadowState>, StoreError> {
        self.retry(|| algorithms::shadow_totals(&self.server, community, decision)).await
    }

    async fn keep_shadow_totals(
        &self,
        community: &str,
        decision: u64,
        after: Option<Boundary>,
        state: &ShadowState,
    ) -> Result<bool, StoreError> {
        let by = ObjectId::new();
        self.retry(|| algorithms::keep_shadow_totals(&self.server, (community, decision), after, state, by)).await
    }
}

#[async_trait]
impl Leases for MongoStore {
    async fn acquire(&self, lease: &str, owner: &str, now: Timestamp, term: Duration) -> Result<Acquired, StoreError> {
        self.retry(|| leases::acquire(&self.server, lease, owner, now, term)).await
    }

    async fn release(&self, lease: &str, owner: &str) -> Result<(), StoreError> {
        self.retry(|| leases::release(&self.server, lease, owner)).await
    }
}

#[async_trait]
impl Replicas for MongoStore {
    async fn live(&self, replica: &Replica, now: Timestamp) -> Result<Vec<Replica>, StoreError> {
        self.retry(|| replicas::live(&self.server, replica, now)).await
    }

    async fn leave(&self, name: &str) -> Result<(), StoreError> {
        self.retry(|| replicas::leave(&self.server, name)).await
    }
}

#[async_trait]
impl Prices for MongoStore {
    async fn set_prices(&self, list: &NewPrices) -> Result<PricesKept, StoreError> {
        self.retry(|| prices::set(&self.server, list)).await
    }

    async fn prices(
        &self,
        meter: &str,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        window: Window,
    ) -> Result<Vec<MeterPrice>, StoreError> {
        self.retry(|| prices::list(&self.server, meter, from, to, window)).await
    }

    async fn price_book(
        &self,
        meters: &BTreeSet<MeterId>,
        instants: &BTreeSet<Timestamp>,
    ) -> Result<PriceBook, StoreError> {
        self.retry(|| prices::book(&self.server, meters, instants)).await
    }
}

#[async_trait]
impl Readings for MongoStore {
    async fn keep_readings(&self, new: Arc<NewReadings>) -> Result<KeptReadings, KeepError> {
        Ok(self.retry(|| readings::keep(&self.server, &new)).await??)
    }

    async fn metered(&self, meter: Option<&MeterId>) -> Result<Vec<MeterSpan>, StoreError> {
        self.retry(|| readings::spans(&self.server, meter)).await
    }

    async fn meter_days(&self, meter: Option<&MeterId>, from: i64, before: i64) -> Result<Days, StoreError> {
        self.retry(|| readings::days(&self.server, meter, from, before)).await
    }

    async fn counted_before(&self, meter: Option<&MeterId>, day: i64) -> Result<BTreeMap<MeterId, Base>, StoreError> {
        self.retry(|| readings::counted_before(&self.server, meter, day)).await
    }

    async fn next_meter_day(&self, meter: &MeterId, from: i64) -> Result<Option<i64>, StoreError> {
        self.retry(|| readings::next_day(&self.server, meter, from)).await
    }

    async fn late_arrivals(&self) -> Result<Vec<LateArrival>, StoreError> {
        self.retry(|| readings::late(&self.server)).await
    }
}

#[async_trait]
impl Payments for MongoStore {
    async fn matches(&self, filter: &MatchFilter, window: Window, now: Timestamp) -> Result<Vec<Match>, StoreError> {
        let find = || async {
            states::refresh(&self.server, now).await?;
            let found = find::find(&self.server, filter, window).await?;
            Ok(found.into_iter().map(|found| filter.show(found.shown)).collect())
        };
        self.retry(find).await
    }

    async fn claim(&self, claim: &Claim, window: Window) -> Result<Vec<Match>, StoreError> {
        self.retry(|| states::claim(&self.server, claim, window)).await
    }

    async fn update(&self, updates: &[MatchUpdate], now: Timestamp) -> Result<(), UpdateError> {
        self.retry(|| states::update_all(&self.server, updates, now)).await?
    }

    async fn outbox(&self, due: Due, limit: usize) -> Result<Vec<Match>, StoreError> {
        let read = || async {
            states::refresh(&self.server, due.now).await?;
            find::outbox(&self.server, due, limit).await
        };
        self.retry(read).await
    }

    async fn outbox_depth(&self, since: OfferedSince, now: Timestamp) -> Result<OutboxDepth, StoreError> {
        self.retry(|| depth::depth(&self.server, since, now)).await
    }

    async fn waiting(&self, community: &str, since: OfferedSince) -> Result<u64, StoreError> {
        self.retry(|| depth::waiting_in(&self.server, community, since)).await
    }

    async fn delivered(
        &self,
        sent: &[TradeId],
        refused: &[(TradeId, String)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.retry(|| states::delivered(&self.server, sent, refused, now)).await
    }

    async fn reopen(&self, reopening: &Reopening) -> Result<Vec<Reopened>, ReopenError> {
        let by = ObjectId::new().to_hex();
        self.retry(|| states::reopen(&self.server, reopening, &by)).await?
    }

    async fn reopened(&self, limit: usize) -> Result<Vec<Reopened>, StoreError> {
        let list = || async {
            states::settle(&self.server).await?;
            reopening::list(&self.server, limit).await
        };
        self.retry(list).await
    }
}
