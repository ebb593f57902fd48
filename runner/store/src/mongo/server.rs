//! The connection: who we are there, which collections there are, and what every step needs.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::Digest;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{Acknowledgment, ReadPreference, SelectionCriteria, WriteConcern};
use mongodb::{Client, Collection, Database, IndexModel};
use tokio_stream::StreamExt;

use super::address::MongoAddress;
use super::fault::{DUPLICATE, Fault};

/// The database where the address names none: the original's.
const DATABASE: &str = "comsolve";
/// How long the driver looks for a server that answers, each time it is asked.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements or documents sent at once: the protocol allows 100,000, and 48 MB.
const BATCH: usize = 1000;

/// A database of a server.
pub(super) struct Server {
    database: Database,
    /// Trades, in the original's shape.
    pub(super) matches: Collection<Document>,
    /// Where each community stands.
    pub(super) communities: Collection<Document>,
    /// The chain of each community's intervals.
    pub(super) intervals: Collection<Document>,
    /// What people should see.
    pub(super) events: Collection<Document>,
    /// Parts of what is too large for a document.
    pub(super) chunks: Collection<Document>,
    /// Algorithms that were uploaded.
    pub(super) algorithms: Collection<Document>,
    /// What was decided and noted about algorithms.
    pub(super) changes: Collection<Document>,
    /// What a name without a version means for a community.
    pub(super) pins: Collection<Document>,
    /// What came of candidates that ran beside what settles.
    pub(super) tallies: Collection<Document>,
    /// Rights that one process has at a time.
    pub(super) leases: Collection<Document>,
    /// Changes of several documents.
    pub(super) journal: Collection<Document>,
    /// Prices that members set.
    pub(super) market_prices: Collection<Document>,
    /// The original's prices: a time-series collection, which is only read.
    pub(super) original_prices: Collection<Document>,
    /// Whether the original left prices there.
    pub(super) has_original_prices: bool,
    /// Whether it was opened to write.
    writable: bool,
    /// Digests of blobs that are known to be there. Nothing is ever deleted.
    known: Mutex<HashSet<Digest>>,
}

/// Which collections a database must have for those who only read.
const EVIDENCE: [&str; 2] = ["intervals", "matches"];

impl Server {
    pub(super) async fn connect(address: &MongoAddress, writable: bool) -> Result<Server, Fault> {
        let mut options = address.client_options().await?;
        options.app_name.get_or_insert_with(|| "rec-market".to_owned());
        options.server_selection_timeout.get_or_insert(SELECTION_TIMEOUT);
        options.connect_timeout.get_or_insert(SELECTION_TIMEOUT);
        // What is acknowledged is on the disks of most members: a settled interval is money.
        let durable = || WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
        options.write_concern.get_or_insert_with(durable);
        // Whatever the address says: what is decided on a secondary's old news could be paid twice.
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let client = Client::with_options(options)?;
        let database = client.default_database().unwrap_or_else(|| client.database(DATABASE));
        let names = database.list_collection_names().await?;
        let has = |name: &str| names.iter().any(|found| found == name);
        let server = Server {
            matches: database.collection("matches"),
            communities: database.collection("communities"),
            intervals: database.collection("intervals"),
            events: database.collection("events"),
            chunks: database.collection("chunks"),
            algorithms: database.collection("algorithms"),
            changes: database.collection("changes"),
            pins: database.collection("pins"),
            tallies: database.collection("tallies"),
            leases: database.collection("leases"),
            journal: database.collection("journal"),
            market_prices: database.collection("market_prices"),
            original_prices: database.collection("prices"),
            has_original_prices: has("prices"),
            writable,
            known: Mutex::new(HashSet::new()),
            database,
        };
        if writable {
            server.make_indexes().await?;
        } else if !EVIDENCE.iter().any(|name| has(name)) {
            let name = server.database.name();
            return Err(Fault::NotOurs(format!("database {name:?} has nothing of ours (settle first)")));
        }
        Ok(server)
    }

    async fn make_indexes(&self) -> Result<(), Fault> {
        let matches = vec![
            doc! { "timestamp": 1, "_id": 1 },
            doc! { "buyer_id": 1, "timestamp": 1, "_id": 1 },
            doc! { "buyer_id": 1, "metadata.transaction_state": 1, "timestamp": 1, "_id": 1 },
            doc! { "seller_id": 1, "timestamp": 1, "_id": 1 },
            doc! { "metadata.transaction_state": 1, "timestamp": 1, "_id": 1 },
            doc! { "community": 1, "start": 1, "number": 1 },
            doc! { "metadata.claim.until": 1 },
        ];
        let indexes = [
            (&self.matches, matches),
            (&self.intervals, vec![doc! { "community": 1, "start": 1 }]),
            (&self.events, vec![doc! { "community": 1, "code": 1, "start": 1 }]),
            (&self.algorithms, vec![doc! { "sha256": 1 }]),
            (&self.changes, vec![doc! { "community": 1, "at": 1, "_id": 1 }]),
            (&self.market_prices, vec![doc! { "meter": 1, "start": -1 }]),
        ];
        for (collection, keys) in indexes {
            // One by one: of several in one request FerretDB drops the connection.
            for keys in keys {
                collection.create_index(IndexModel::builder().keys(keys).build()).await?;
            }
        }
        Ok(())
    }

    /// Only a store that was opened to write may be written.
    pub(super) fn check_writable(&self) -> Result<(), Fault> {
        if self.writable { Ok(()) } else { Err(Fault::ReadOnly) }
    }

    pub(super) fn is_writable(&self) -> bool {
        self.writable
    }

    pub(super) fn knows(&self, digest: &Digest) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    pub(super) fn remember(&self, digest: Digest) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
    }

    /// Inserts documents that derive from others. Those that are there already, by their `_id`, are answered.
    pub(super) async fn insert_derived(
        &self,
        collection: &Collection<Document>,
        documents: &[Document],
    ) -> Result<Vec<Bson>, Fault> {
        let mut there = Vec::new();
        for batch in documents.chunks(BATCH) {
            let command = doc! { "insert": collection.name(), "documents": batch, "ordered": false };
            for index in self.write(command).await? {
                there.extend(batch.get(index).and_then(|document| document.get("_id")).cloned());
            }
        }
        Ok(there)
    }

    /// Runs update statements, each of which changes nothing if it was run before.
    pub(super) async fn update(&self, collection: &Collection<Document>, statements: &[Document]) -> Result<(), Fault> {
        for batch in statements.chunks(BATCH) {
            let command = doc! { "update": collection.name(), "updates": batch, "ordered": false };
            self.write(command).await?;
        }
        Ok(())
    }

    /// Runs a write command; answers which of its documents or statements found their `_id` taken.
    async fn write(&self, mut command: Document) -> Result<Vec<usize>, Fault> {
        if let Some(concern) = self.database.write_concern() {
            command.insert(
                "writeConcern",
                mongodb::bson::serialize_to_bson(concern).map_err(mongodb::error::Error::from)?,
            );
        }
        let answer = self.database.run_command(command).await?;
        if let Ok(error) = answer.get_document("writeConcernError") {
            return Err(Fault::Unsafe(error.get_str("errmsg").unwrap_or("unknown").to_owned()));
        }
        let Ok(errors) = answer.get_array("writeErrors") else { return Ok(Vec::new()) };
        let mut taken = Vec::new();
        for error in errors {
            let error = error.as_document();
            let number = |name| error.and_then(|error| error.get_i32(name).ok());
            match (number("code"), number("index").and_then(|index| usize::try_from(index).ok())) {
                (Some(DUPLICATE), Some(index)) => taken.push(index),
                _ => {
                    let message = error.and_then(|error| error.get_str("errmsg").ok()).unwrap_or("unknown");
                    return Err(Fault::Refused(format!("a write failed: {message}")));
                }
            }
        }
        Ok(taken)
    }
}

/// All documents of a query.
pub(super) async fn all(find: mongodb::action::Find<'_, Document>) -> Result<Vec<Document>, Fault> {
    let documents: Result<Vec<Document>, _> = find.await?.collect().await;
    Ok(documents?)
}
