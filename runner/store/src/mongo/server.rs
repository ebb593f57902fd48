//! The connection: who we are there, which collections there are, and what every step needs.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Digest;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, ClientOptions, ReadPreference, SelectionCriteria, WriteConcern};
use mongodb::{Client, Collection, Database, IndexModel};

use super::address::MongoAddress;
use super::document::encode;
use super::fault::{DUPLICATE, Fault, write_failed};
use super::known::{FullMark, KnownDepth, KnownLease, Priced};

/// The database where the address names none: the original's.
const DATABASE: &str = "comsolve";
/// How long the driver looks for a server that answers, each time it is asked.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements sent at once: the protocol allows 100,000, and 48 MB, but FerretDB holds one of its hundred connections to its own
/// database for each, and with more waits for itself for ever.
const BATCH: usize = 64;

/// Lists of meters of which it is remembered which have prices.
const PRICED_MAX: usize = 100_000;

/// The version of the indexes below. Another one makes all of them again.
const INDEXES: i32 = 2;
/// The version of the records that intervals have; there is no marker in databases from before it.
const RECORDS: i32 = 3;
/// The collection of such versions.
const LAYOUTS: &str = "layouts";

/// A kind of document, and the collection that holds nothing else.
pub(super) trait Stored: Send + Sync {
    const COLLECTION: &'static str;
}

/// A database of a server.
pub(super) struct Server {
    database: Database,
    /// Trades of which something has become, and copies of those that the original left.
    pub(super) trades: Collection<RawDocumentBuf>,
    /// The chain of each community: intervals and decisions.
    pub(super) intervals: Collection<RawDocumentBuf>,
    /// The original's trades, if it left any: perhaps a time-series collection, which is only read.
    pub(super) original_trades: Option<Collection<RawDocumentBuf>>,
    /// The original's prices, if it left any: a time-series collection, which is only read.
    pub(super) original_prices: Option<Collection<Document>>,
    /// Whether it was opened to write.
    writable: bool,
    /// The mark that each community had when this process advanced it last.
    marks: Mutex<HashMap<String, FullMark>>,
    /// What waited to be forwarded when this process looked last.
    depth: Mutex<Option<KnownDepth>>,
    /// Which meters have prices, by the digest of all that were asked for.
    priced: Mutex<HashMap<Digest, Priced>>,
    /// Leases as this process acquired them last.
    leases: Mutex<HashMap<String, KnownLease>>,
    /// Digests of blobs that are known to be there. Nothing is ever deleted.
    known: Mutex<HashSet<Digest>>,
    /// The meters that have been read, by community, with the number of the link that said so.
    read_meters: Mutex<HashMap<String, (u64, HashSet<String>)>>,
}

/// Which collections a database must have for those who only read.
const EVIDENCE: [&str; 2] = ["intervals", "trades"];

impl Server {
    /// How to connect to an address.
    pub(super) async fn options(address: &MongoAddress) -> Result<ClientOptions, Fault> {
        let mut options = address.client_options().await?;
        options.app_name.get_or_insert_with(|| "rec-market".to_owned());
        options.server_selection_timeout.get_or_insert(SELECTION_TIMEOUT);
        options.connect_timeout.get_or_insert(SELECTION_TIMEOUT);
        // What is acknowledged is on the disks of most members: a settled interval is money.
        let durable = || WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
        options.write_concern.get_or_insert_with(durable);
        // Whatever the address says: what is decided on a secondary's old news could be paid twice.
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        Ok(options)
    }

    pub(super) async fn connect(options: ClientOptions, writable: bool) -> Result<Server, Fault> {
        let client = Client::with_options(options)?;
        let database = client.default_database().unwrap_or_else(|| client.database(DATABASE));
        let names = database.list_collection_names().await?;
        let has = |name: &str| names.iter().any(|found| found == name);
        let server = Server {
            trades: database.collection("trades"),
            intervals: database.collection("intervals"),
            original_trades: has("matches").then(|| database.collection("matches")),
            original_prices: has("prices").then(|| database.collection("prices")),
            writable,
            marks: Mutex::default(),
            depth: Mutex::default(),
            priced: Mutex::default(),
            leases: Mutex::default(),
            known: Mutex::default(),
            read_meters: Mutex::default(),
            database,
        };
        if !writable && !EVIDENCE.iter().any(|name| has(name)) {
            let name = server.database.name();
            return Err(Fault::NotOurs(format!("database {name:?} has nothing of ours (settle first)")));
        }
        server.check_records().await?;
        Ok(server)
    }

    /// Refuses intervals of another version; notes the version where there are none.
    async fn check_records(&self) -> Result<(), Fault> {
        let layouts = self.database.collection::<Document>(LAYOUTS);
        let found = layouts.find_one(doc! { "_id": "records" }).await?;
        let version = found.as_ref().and_then(|found| found.get_i32("version").ok());
        if version == Some(RECORDS) {
            return Ok(());
        }
        let name = self.database.name();
        if let Some(version) = version.filter(|version| *version > RECORDS) {
            return Err(Fault::NotOurs(format!(
                "database {name:?} has records of version {version}, but this program knows only {RECORDS} (use a newer \
                 rec-market, or name another database)"
            )));
        }
        if self.intervals.find_one(doc! {}).await?.is_some() {
            return Err(Fault::NotOurs(format!(
                "database {name:?} has intervals from before the first release (settle again into a new database; if trades \
                 of this one were paid, keep it, and set forward.since to the end of its last interval, so that nothing is \
                 paid twice)"
            )));
        }
        if self.writable { self.note_layout("records", RECORDS).await } else { Ok(()) }
    }

    async fn note_layout(&self, what: &str, version: i32) -> Result<(), Fault> {
        let note = doc! { "q": { "_id": what }, "u": { "$set": { "version": version } }, "upsert": true };
        self.update(&self.database.collection::<Document>(LAYOUTS), &[note]).await.map(drop)
    }

    /// Creates the indexes, once in the life of a database.
    pub(super) async fn make_indexes(&self) -> Result<(), Fault> {
        let layouts = self.database.collection::<Document>(LAYOUTS);
        let made = doc! { "_id": "indexes", "version": INDEXES };
        if layouts.find_one(made.clone()).await?.is_some() {
            return Ok(());
        }
        let trades = vec![
            doc! { "community": 1, "timestamp": 1, "_id": 1 },
            doc! { "buyer_id": 1, "metadata.transaction_state": 1, "timestamp": 1, "_id": 1 },
            doc! { "metadata.transaction_state": 1, "timestamp": 1, "_id": 1 },
            doc! { "metadata.claim.until": 1 },
        ];
        let intervals = vec![
            doc! { "community": 1, "start": 1 },
            doc! { "first_trade": 1 },
            doc! { "end": 1, "first_trade": 1 },
            doc! { "waits": 1, "end": 1, "first_trade": 1, "fresh": 1 },
            doc! { "waits": 1, "community": 1, "end": 1, "fresh": 1 },
        ];
        let indexes = [
            ("trades", trades),
            ("intervals", intervals),
            ("communities", vec![doc! { "parties": 1 }]),
            ("additions", vec![doc! { "community": 1, "addition_to": 1 }]),
            ("days", vec![doc! { "community": 1, "sums.until": 1 }]),
            ("details", vec![doc! { "community": 1, "until": 1 }]),
            ("events", vec![doc! { "community": 1, "code": 1, "start": 1 }, doc! { "community": 1, "start": 1 }]),
            (
                "notices",
                vec![
                    doc! { "community": 1, "at": 1, "meter": 1, "number": 1 },
                    doc! { "community": 1, "is_newest": 1 },
                ],
            ),
            ("algorithms", vec![doc! { "sha256": 1 }]),
            ("changes", vec![doc! { "community": 1, "at": 1, "_id": 1 }]),
            ("market_prices", vec![doc! { "meter": 1, "start": -1 }]),
            ("meter_days", vec![doc! { "meter": 1, "day": 1 }, doc! { "day": 1 }]),
            ("meter_day_parts", vec![doc! { "attempt": 1 }]),
            ("reading_arrivals", vec![doc! { "copied": 1 }, doc! { "attempt": 1 }]),
            ("links", vec![doc! { "created_at": 1, "_id": 1 }]),
            ("sessions", vec![doc! { "expires_at": 1 }]),
            ("visits", vec![doc! { "at": 1, "_id": 1 }]),
            ("waiting_meters", vec![doc! { "turn": 1, "_id": 1 }]),
        ];
        for (name, keys) in indexes {
            let collection = self.database.collection::<Document>(name);
            // One by one: of several in one request FerretDB drops the connection.
            for keys in keys {
                collection.create_index(IndexModel::builder().keys(keys).build()).await?;
            }
        }
        // Only now: if it dies before, they are made again, which changes nothing.
        self.note_layout("indexes", INDEXES).await
    }

    /// The collection of a kind of document.
    pub(super) fn of<T: Stored>(&self) -> Collection<T> {
        self.database.collection(T::COLLECTION)
    }

    /// Only a store that was opened to write may be written.
    pub(super) fn check_writable(&self) -> Result<(), Fault> {
        if self.writable { Ok(()) } else { Err(Fault::ReadOnly) }
    }

    pub(super) fn is_writable(&self) -> bool {
        self.writable
    }

    fn marks(&self) -> MutexGuard<'_, HashMap<String, FullMark>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A community's mark, as far as this process knows; somebody else may have moved it since.
    pub(super) fn known_mark(&self, community: &str) -> Option<FullMark> {
        self.marks().get(community).cloned()
    }

    pub(super) fn remember_mark(&self, community: &str, mark: FullMark) {
        self.marks().insert(community.to_owned(), mark);
    }

    pub(super) fn forget_mark(&self, community: &str) {
        self.marks().remove(community);
    }

    pub(super) fn known_depth(&self) -> Option<KnownDepth> {
        self.depth.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn remember_depth(&self, depth: KnownDepth) {
        *self.depth.lock().unwrap_or_else(PoisonError::into_inner) = Some(depth);
    }

    /// Which of the meters with this digest have prices, as of this entry of the journal of prices.
    pub(super) fn known_priced(&self, meters: &Digest, entry: i64) -> Option<Priced> {
        let priced = self.priced.lock().unwrap_or_else(PoisonError::into_inner);
        priced.get(meters).filter(|known| known.entry == entry).cloned()
    }

    pub(super) fn remember_priced(&self, meters: Digest, known: Priced) {
        let mut priced = self.priced.lock().unwrap_or_else(PoisonError::into_inner);
        // Meters come and go, so that some of these are never asked for again.
        if priced.len() >= PRICED_MAX {
            priced.clear();
        }
        priced.insert(meters, known);
    }

    pub(super) fn leases(&self) -> MutexGuard<'_, HashMap<String, KnownLease>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn knows(&self, digest: &Digest) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    pub(super) fn remember(&self, digest: Digest) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
    }

    /// Takes away those meters that are known to have been read.
    pub(super) fn without_read_meters(&self, meters: &mut HashSet<&str>) {
        let read = self.read_meters.lock().unwrap_or_else(PoisonError::into_inner);
        meters.retain(|meter| !read.values().any(|(_, of_community)| of_community.contains(*meter)));
    }

    pub(super) fn knows_meters_of(&self, community: &str, number: u64) -> bool {
        let read = self.read_meters.lock().unwrap_or_else(PoisonError::into_inner);
        read.get(community).is_some_and(|(known, _)| *known == number)
    }

    pub(super) fn remember_meters(&self, community: String, number: u64, meters: HashSet<String>) {
        self.read_meters.lock().unwrap_or_else(PoisonError::into_inner).insert(community, (number, meters));
    }

    /// Runs update statements, each of which changes nothing if it was run before. Answers how many documents they found or
    /// made.
    pub(super) async fn update<T>(&self, collection: &Collection<T>, statements: &[Document]) -> Result<u64, Fault>
    where
        T: Send + Sync,
    {
        let mut found = 0;
        for batch in statements.chunks(BATCH) {
            let mut command = doc! { "update": collection.name(), "updates": batch, "ordered": false };
            if let Some(concern) = self.database.write_concern() {
                command.insert("writeConcern", encode(concern)?);
            }
            let answer = self.database.run_command(command).await?;
            if let Ok(error) = answer.get_document("writeConcernError") {
                return Err(Fault::Unsafe(error.get_str("errmsg").unwrap_or("unknown").to_owned()));
            }
            let errors = answer.get_array("writeErrors").into_iter().flatten().filter_map(Bson::as_document);
            // An upsert that finds its `_id` taken comes too late.
            if let Some(error) = errors.into_iter().find(|error| error.get_i32("code").ok() != Some(DUPLICATE)) {
                return Err(write_failed(error.get_str("errmsg").unwrap_or("unknown")));
            }
            found +=
                answer.get("n").and_then(|n| n.as_i64().or(n.as_i32().map(i64::from))).map_or(0, i64::unsigned_abs);
        }
        Ok(found)
    }
}
