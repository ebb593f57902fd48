//! The embedded store: one SQLite file, one transaction per interval.

mod addition;
mod algorithms;
mod backtests;
mod days;
mod details;
mod events;
mod fault;
mod find;
mod leases;
mod opened;
mod payments;
mod prepare;
mod prices;
mod read;
mod readers;
mod readings;
mod reopening;
mod replicas;
#[cfg(test)]
mod tests;
mod unpacked;
mod value;
mod viewers;
mod walk;
mod write;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::metering::Base;
use domain::{Boundary, Digest, MemberId, MeterId, MeterPrice, PriceBook, TradeId};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};
use tokio::task::JoinError;

use fault::{Fault, is_locked_out, open_error, refused, store_error};
use opened::Opening;
use prepare::{BUSY_TIMEOUT, check_ours, prepare};
use readers::Readers;
use unpacked::UnpackedCache;
use writer::Writer;

use books::{
    Acquired, Addition, Books, Change, Claim, Commit, CommitOutcome, CommittedBatch, DaySums, Days, Decisions, Due,
    EventFilter, EventPlace, ExpectedState, KeepError, KeptChange, KeptReadings, LateArrival, Leases, ListedEvent,
    Match, MatchFilter, MatchUpdate, MeterSpan, NewPrices, NewReadings, Notice, Notices, OfferedSince, OutboxDepth,
    Payments, Prices, PricesKept, Progress, Readings, ReopenError, Reopened, Reopening, Replica, Replicas, ShadowState,
    Span, StoreError, StoredEvent, StoredInterval, StoredTrade, UpdateError, UploadOutcome, Version, Window,
};

const IS_DIRECTORY: &str = "it is a directory (name a file in it)";

/// Connections for lists, whose length callers choose. Each has two descriptors and up to 2 MiB of pages.
const LIST_READERS: usize = 4;
/// Connections for the short reads of settlement and forwarding, so that these never wait for a list.
const OWN_READERS: usize = 2;

/// The embedded store.
#[derive(Clone)]
pub struct SqliteStore {
    path: Arc<PathBuf>,
    /// The connection that writes; none if the store is read-only.
    writer: Option<Arc<Writer>>,
    /// What reads lists for callers and people. No read delays a commit: SQLite's readers do not lock its writer out.
    lists: Readers,
    /// What reads for settlement and forwarding.
    own: Readers,
    /// Trades that were unpacked for them.
    unpacked: UnpackedCache,
}

impl SqliteStore {
    /// Opens a file, creating it if it does not exist.
    ///
    /// # Errors
    /// If the file cannot be opened or written, or is not a store of this version.
    pub fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent.filter(|parent| matches!(parent.try_exists(), Ok(false))) {
            return Err(refused(path, format!("there is no directory {} (make it first)", parent.display())));
        }
        if path.is_dir() {
            return Err(refused(path, IS_DIRECTORY));
        }
        create_private(path);
        let opened = Connection::open(path).map_err(Fault::from).and_then(|mut connection| {
            prepare(&mut connection)?;
            Ok((connection, open_reader(path)?))
        });
        let (connection, reader) = opened.map_err(|fault| open_error(path, fault))?;
        let owned = path.to_owned();
        Ok(SqliteStore::new(path, Some(Writer::new(connection)), reader, move || open_reader(&owned)))
    }

    /// Opens an existing file for reading only.
    ///
    /// # Errors
    /// If the file does not exist or is not a store of this version.
    pub fn open_to_read(path: &Path) -> Result<SqliteStore, StoreError> {
        if path.is_dir() {
            return Err(refused(path, IS_DIRECTORY));
        }
        if !path.is_file() {
            return Err(refused(path, "there is no such file (settle first)"));
        }
        let owned = path.to_owned();
        let open = move || {
            let opened = open_reader(&owned).and_then(check_reader);
            opened.or_else(|fault| {
                // In a read-only directory SQLite cannot create lock files, but nobody can write there either.
                match immutable_uri(&owned) {
                    Some(uri) if is_locked_out(&fault) => {
                        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
                        check_reader(prepare_reader(Connection::open_with_flags(uri, flags)?)?)
                    }
                    _ => Err(fault),
                }
            })
        };
        let reader = open().map_err(|fault| open_error(path, fault))?;
        Ok(SqliteStore::new(path, None, reader, open))
    }

    fn new(
        path: &Path,
        writer: Option<Writer>,
        reader: Connection,
        open: impl Fn() -> Result<Connection, Fault> + Clone + Send + Sync + 'static,
    ) -> SqliteStore {
        SqliteStore {
            path: Arc::new(path.to_owned()),
            writer: writer.map(Arc::new),
            own: Readers::new(OWN_READERS, Some(reader), open.clone()),
            lists: Readers::new(LIST_READERS, None, open),
            unpacked: UnpackedCache::default(),
        }
    }

    /// Runs work of settlement or forwarding that writes, as a whole or not at all.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(writer) = &self.writer else { return Err(store_error(&self.path, Fault::ReadOnly)) };
        writer.write(work).await.map_err(|fault| store_error(&self.path, fault))
    }

    /// As [`SqliteStore::write`], for somebody who calls from outside, however often.
    async fn write_for_caller<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _caller = match &self.writer {
            Some(writer) => writer.caller.acquire().await.ok(),
            None => None,
        };
        self.write(work).await
    }

    /// Runs a short read of settlement or forwarding.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.done(self.own.run(work).await)
    }

    /// Runs a read that may be as long as its caller wants.
    async fn read_list<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.done(self.lists.run(work).await)
    }

    fn done<T>(&self, done: Result<Result<T, Fault>, JoinError>) -> Result<T, StoreError> {
        match done {
            Ok(result) => result.map_err(|fault| store_error(&self.path, fault)),
            Err(error) => Err(StoreError::Failed { store: self.path.display().to_string(), source: error.into() }),
        }
    }
}

/// Creates a file that only its owner can read, if there is none; SQLite takes its mode for the files beside it. If it cannot,
/// neither can SQLite, which tells it.
fn create_private(path: &Path) {
    let _ = File::options().write(true).create_new(true).mode(0o600).open(path);
}

/// Opens a connection that reads. Never a new file: what somebody has moved away is not there.
fn open_reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::default().difference(OpenFlags::SQLITE_OPEN_CREATE);
    prepare_reader(Connection::open_with_flags(path, flags)?)
}

fn prepare_reader(connection: Connection) -> Result<Connection, Fault> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn check_reader(connection: Connection) -> Result<Connection, Fault> {
    check_ours(&connection)?;
    Ok(connection)
}

/// The URI that opens a file as immutable; `None` if a writer has left a write-ahead log beside it.
fn immutable_uri(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    if matches!(Path::new(&format!("{text}-wal")).metadata(), Ok(file) if file.len() > 0) {
        return None;
    }
    Some(format!("file:{}?immutable=1", text.replace('%', "%25").replace('?', "%3f").replace('#', "%23")))
}

#[async_trait]
impl Books for SqliteStore {
    async fn mark(&self, community: &str) -> Result<Option<Boundary>, StoreError> {
        let name = community.to_owned();
        self.read(move |connection| read::mark(connection, &name)).await
    }

    async fn progress(&self, community: &str) -> Result<Progress, StoreError> {
        let name = community.to_owned();
        self.read(move |connection| read::progress(connection, &name)).await
    }

    async fn commit_batch(&self, batch: Vec<Arc<Commit>>) -> CommittedBatch {
        let path = Arc::clone(&self.path);
        let written = self.write(move |transaction| write::write_batch(transaction, &batch)).await;
        match written {
            Ok((committed, ended)) => {
                CommittedBatch { committed, ended: ended.map_err(|fault| store_error(&path, fault)) }
            }
            Err(error) => CommittedBatch { committed: 0, ended: Err(error) },
        }
    }

    async fn add(&self, addition: &Addition) -> Result<CommitOutcome, StoreError> {
        let addition = addition.clone();
        self.write(move |transaction| addition::add(transaction, &addition)).await
    }

    async fn marks(&self) -> Result<Vec<(String, Boundary)>, StoreError> {
        self.read(|connection| read::marks(connection)).await
    }

    async fn communities(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut names = connection.prepare_cached("SELECT name FROM community ORDER BY name")?;
            let names = names.query_map((), |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn intervals(&self, community: &str, span: Span, limit: usize) -> Result<Vec<StoredInterval>, StoreError> {
        let name = community.to_owned();
        self.read_list(move |connection| {
            // One transaction, so that intervals and their trades are from the same snapshot.
            let transaction = connection.transaction()?;
            read::intervals(&transaction, &name, span, limit)
        })
        .await
    }

    async fn trades(
        &self,
        community: &str,
        span: Span,
        member: Option<&MemberId>,
        after: Option<(Boundary, u64)>,
        limit: usize,
    ) -> Result<Vec<StoredTrade>, StoreError> {
        let (name, member) = (community.to_owned(), member.cloned());
        self.read_list(move |connection| read::trades(connection, &name, span, member.as_ref(), after, limit)).await
    }

    async fn sums(
        &self,
        community: &str,
        span: Span,
        after: Option<Boundary>,
        limit: usize,
    ) -> Result<Vec<DaySums>, StoreError> {
        let name = community.to_owned();
        self.read_list(move |connection| days::list(connection, &name, span, after, limit)).await
    }

    async fn sum_again(
        &self,
        community: &str,
        zone: &TimeZone,
        told: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<u64, StoreError> {
        let (name, zone) = (community.to_owned(), zone.clone());
        self.write(move |transaction| days::sum_again(transaction, &name, &zone, &*told)).await
    }

    async fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let digest = *digest.as_bytes();
        self.read(move |connection| {
            let mut bytes = connection.prepare_cached("SELECT bytes FROM component WHERE digest = ?1")?;
            Ok(bytes.query_row([digest], |row| row.get(0)).optional()?)
        })
        .await
    }

    async fn events(
        &self,
        community: &str,
        filter: &EventFilter,
        after: Option<&EventPlace>,
        limit: usize,
    ) -> Result<Vec<ListedEvent>, StoreError> {
        let (name, filter, after) = (community.to_owned(), filter.clone(), after.cloned());
        self.read_list(move |connection| events::list(connection, &name, &filter, after.as_ref(), limit)).await
    }

    async fn notices(&self, community: &str) -> Result<Notices, StoreError> {
        let name = community.to_owned();
        self.read(move |connection| events::notices(connection, &name)).await
    }

    async fn tell(&self, community: &str, notices: &[Notice]) -> Result<Vec<Notice>, StoreError> {
        let (name, notices) = (community.to_owned(), notices.to_vec());
        self.write(move |transaction| events::tell(transaction, &name, &notices)).await
    }

    async fn event_counts(&self, community: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let name = community.to_owned();
        self.read_list(move |connection| events::counts(connection, &name)).await
    }

    async fn told(&self, community: &str, codes: &[&str]) -> Result<BTreeSet<StoredEvent>, StoreError> {
        let name = community.to_owned();
        let codes: Vec<String> = codes.iter().map(|code| (*code).to_owned()).collect();
        self.read(move |connection| read::told(connection, &name, &codes)).await
    }

    async fn examine(&self) -> Result<Vec<String>, StoreError> {
        self.read_list(|connection| {
            let mut found = texts(connection, "PRAGMA integrity_check(20)")?;
            found.retain(|finding| finding != "ok");
            // Rows that no query by interval would return.
            found.extend(texts(connection, STRAYS)?);
            Ok(found)
        })
        .await
    }
}

#[async_trait]
impl Decisions for SqliteStore {
    async fn keep_version(&self, version: &Version, component: Arc<[u8]>) -> Result<UploadOutcome, StoreError> {
        let version = version.clone();
        self.write_for_caller(move |transaction| algorithms::keep(transaction, &version, &component)).await
    }

    async fn versions(&self) -> Result<Vec<Version>, StoreError> {
        self.read(|connection| algorithms::versions(connection)).await
    }

    async fn pin(&self, community: &str, name: &str, digest: Digest) -> Result<Digest, StoreError> {
        let (community, name) = (community.to_owned(), name.to_owned());
        self.write(move |transaction| algorithms::pin(transaction, &community, &name, digest)).await
    }

    async fn pinned(&self, community: &str, name: &str) -> Result<Option<Digest>, StoreError> {
        let (community, name) = (community.to_owned(), name.to_owned());
        self.read(move |connection| algorithms::pinned(connection, &community, &name)).await
    }

    async fn decide(
        &self,
        community: &str,
        change: &Change,
        expected: ExpectedState,
    ) -> Result<Option<u64>, StoreError> {
        let (community, change) = (community.to_owned(), change.clone());
        self.write_for_caller(move |transaction| algorithms::decide(transaction, &community, &change, expected)).await
    }

    async fn note(&self, change: &Change) -> Result<(), StoreError> {
        let change = change.clone();
        self.write_for_caller(move |transaction| algorithms::note(transaction, &change)).await
    }

    async fn decisions(&self, community: &str) -> Result<Vec<KeptChange>, StoreError> {
        let community = community.to_owned();
        self.read(move |connection| algorithms::decisions(connection, &community)).await
    }

    async fn changes(&self, community: Option<&str>, limit: usize) -> Result<Vec<KeptChange>, StoreError> {
        let community = community.map(str::to_owned);
        self.read_list(move |connection| algorithms::changes(connection, community.as_deref(), limit)).await
    }

    async fn shadow_totals(&self, _community: &str, decision: u64) -> Result<Option<ShadowState>, StoreError> {
        self.read(move |connection| algorithms::shadow_totals(connection, decision)).await
    }

    async fn keep_shadow_totals(
        &self,
        _community: &str,
        decision: u64,
        after: Option<Boundary>,
        state: &ShadowState,
    ) -> Result<bool, StoreError> {
        let state = state.clone();
        self.write(move |transaction| algorithms::keep_shadow_totals(transaction, decision, after, &state)).await
    }
}

#[async_trait]
impl Leases for SqliteStore {
    async fn acquire(&self, lease: &str, owner: &str, now: Timestamp, term: Duration) -> Result<Acquired, StoreError> {
        let (lease, owner) = (lease.to_owned(), owner.to_owned());
        self.write(move |transaction| leases::acquire(transaction, &lease, &owner, now, term)).await
    }

    async fn release(&self, lease: &str, owner: &str) -> Result<(), StoreError> {
        let (lease, owner) = (lease.to_owned(), owner.to_owned());
        self.write(move |transaction| leases::release(transaction, &lease, &owner)).await
    }
}

#[async_trait]
impl Replicas for SqliteStore {
    async fn live(&self, replica: &Replica, now: Timestamp) -> Result<Vec<Replica>, StoreError> {
        let replica = replica.clone();
        self.write(move |transaction| replicas::live(transaction, &replica, now)).await
    }

    async fn leave(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |transaction| replicas::leave(transaction, &name)).await
    }
}

#[async_trait]
impl Prices for SqliteStore {
    async fn set_prices(&self, list: &NewPrices) -> Result<PricesKept, StoreError> {
        let list = list.clone();
        self.write_for_caller(move |transaction| prices::set(transaction, &list)).await
    }

    async fn prices(
        &self,
        meter: &str,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        window: Window,
    ) -> Result<Vec<MeterPrice>, StoreError> {
        let meter = meter.to_owned();
        self.read_list(move |connection| prices::list(connection, &meter, from, to, window)).await
    }

    async fn price_book(
        &self,
        meters: &BTreeSet<MeterId>,
        instants: &BTreeSet<Timestamp>,
    ) -> Result<PriceBook, StoreError> {
        let (meters, instants) = (meters.clone(), instants.clone());
        self.read(move |connection| prices::book(connection, &meters, &instants)).await
    }
}

#[async_trait]
impl Readings for SqliteStore {
    async fn keep_readings(&self, new: Arc<NewReadings>) -> Result<KeptReadings, KeepError> {
        Ok(self.write_for_caller(move |transaction| readings::keep(transaction, &new)).await??)
    }

    async fn metered(&self, meter: Option<&MeterId>) -> Result<Vec<MeterSpan>, StoreError> {
        let meter = meter.cloned();
        self.read_list(move |connection| readings::spans(connection, meter.as_ref())).await
    }

    async fn meter_days(&self, meter: Option<&MeterId>, from: i64, before: i64) -> Result<Days, StoreError> {
        let meter = meter.cloned();
        self.read_list(move |connection| readings::days(connection, meter.as_ref(), from, before)).await
    }

    async fn counted_before(&self, meter: Option<&MeterId>, day: i64) -> Result<BTreeMap<MeterId, Base>, StoreError> {
        let meter = meter.cloned();
        self.read_list(move |connection| readings::counted_before(connection, meter.as_ref(), day)).await
    }

    async fn next_meter_day(&self, meter: &MeterId, from: i64) -> Result<Option<i64>, StoreError> {
        let meter = meter.clone();
        self.read(move |connection| readings::next_day(connection, &meter, from)).await
    }

    async fn late_arrivals(&self) -> Result<Vec<LateArrival>, StoreError> {
        self.read(readings::late).await
    }
}

#[async_trait]
impl Payments for SqliteStore {
    async fn matches(&self, filter: &MatchFilter, window: Window, now: Timestamp) -> Result<Vec<Match>, StoreError> {
        let (filter, unpacked) = (filter.clone(), self.unpacked.clone());
        self.release_claims(now).await?;
        self.read_list(move |connection| find::find(Opening::reading(connection, &unpacked), &filter, window)).await
    }

    async fn claim(&self, claim: &Claim, window: Window) -> Result<Vec<Match>, StoreError> {
        let claim = claim.clone();
        self.write_for_caller(move |transaction| {
            payments::release_claims(transaction, claim.now)?;
            payments::claim(transaction, &claim, window)
        })
        .await
    }

    async fn update(&self, updates: &[MatchUpdate], now: Timestamp) -> Result<(), UpdateError> {
        let updates = updates.to_vec();
        let update = move |transaction: &Transaction<'_>| {
            payments::release_claims(transaction, now)?;
            // A refused report has not changed anything yet, so the transaction can simply be committed.
            payments::update(transaction, &updates, now)
        };
        self.write_for_caller(update).await?
    }

    async fn outbox(&self, due: Due, limit: usize) -> Result<Vec<Match>, StoreError> {
        self.release_claims(due.now).await?;
        let unpacked = self.unpacked.clone();
        self.read(move |connection| payments::outbox(Opening::reading(connection, &unpacked), due, limit)).await
    }

    async fn outbox_depth(&self, since: OfferedSince, now: Timestamp) -> Result<OutboxDepth, StoreError> {
        self.release_claims(now).await?;
        self.read(move |connection| payments::depth(connection, since)).await
    }

    async fn waiting(&self, community: &str, since: OfferedSince) -> Result<u64, StoreError> {
        let name = community.to_owned();
        self.read(move |connection| payments::waiting(connection, &name, since)).await
    }

    async fn delivered(
        &self,
        sent: &[TradeId],
        refused: &[(TradeId, String)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (sent, refused) = (sent.to_vec(), refused.to_vec());
        self.write(move |transaction| payments::delivered(transaction, &sent, &refused, now)).await
    }

    async fn reopen(&self, reopening: &Reopening) -> Result<Vec<Reopened>, ReopenError> {
        let reopening = reopening.clone();
        let reopen = move |transaction: &Transaction<'_>| {
            payments::release_claims(transaction, reopening.at)?;
            // One that is refused has not changed anything yet, so the transaction can simply be committed.
            reopening::reopen(transaction, &reopening)
        };
        self.write(reopen).await?
    }

    async fn reopened(&self, limit: usize) -> Result<Vec<Reopened>, StoreError> {
        self.read(move |connection| reopening::list(connection, limit)).await
    }
}

impl SqliteStore {
    /// Releases expired claims. It only starts a write transaction if there are any, which is rare.
    async fn release_claims(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.read(move |connection| payments::has_expired(connection, now)).await? {
            self.write_for_caller(move |transaction| payments::release_claims(transaction, now)).await?;
        }
        Ok(())
    }
}

/// Describes rows that refer to missing rows, and numbers that are not those of the rows they count.
const STRAYS: &str = "
    SELECT * FROM (SELECT 'a row of ' || \"table\" || ' refers to no row of ' || parent
                   FROM pragma_foreign_key_check() GROUP BY \"table\", parent)
    UNION ALL
    SELECT * FROM (SELECT 'the payment of trade ' || lower(hex(payment.id)) || ' belongs to no interval'
                   FROM payment LEFT JOIN interval USING (community, start) WHERE interval.community IS NULL LIMIT 20)
    UNION ALL
    SELECT * FROM (SELECT 'event ' || number || ' at ' || strftime('%Y-%m-%dT%H:%M:%SZ', event.start, 'unixepoch')
                       || ' belongs to no interval'
                   FROM event LEFT JOIN interval USING (community, start) WHERE interval.community IS NULL LIMIT 20)
    UNION ALL
    SELECT * FROM (SELECT 'the interval at ' || strftime('%Y-%m-%dT%H:%M:%SZ', start, 'unixepoch')
                       || ' counts ' || (paid - fresh) || ' payments, but there are others'
                   FROM interval WHERE paid - fresh <>
                       (SELECT count(*) FROM payment
                        WHERE payment.community = interval.community AND payment.start = interval.start) LIMIT 20)";

fn texts(connection: &Connection, query: &str) -> rusqlite::Result<Vec<String>> {
    let mut select = connection.prepare(query)?;
    let texts = select.query_map((), |row| row.get(0))?;
    texts.collect()
}
