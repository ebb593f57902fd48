//! Where stores are kept between two openings: a file, and a database of a server.

use std::path::PathBuf;

use rec_market_tests::mongo_server::{self, TestDatabase};
use tempfile::TempDir;

use super::*;

/// Somewhere to keep a store.
pub(crate) trait Shelf {
    type Store: Store + Clone + 'static;

    /// Opens what is kept here.
    async fn open(&self) -> Self::Store;
}

/// A file of the embedded store.
pub(crate) struct File(TempDir);

impl File {
    /// An empty one.
    pub(crate) fn new() -> File {
        File(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("market.db")
    }
}

impl Shelf for File {
    type Store = SqliteStore;

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path()).unwrap()
    }
}

/// A database of a MongoDB server.
pub(crate) struct Database(TestDatabase);

impl Database {
    /// An empty one.
    #[allow(clippy::unused_async, reason = "as a file is opened")]
    pub(crate) async fn new() -> Option<Database> {
        Some(Database(mongo_server::database()))
    }

    pub(crate) fn config(&self) -> MongoConfig {
        MongoConfig { address: self.0.address().to_owned(), username: None, password: None }
    }
}

impl Shelf for Database {
    type Store = MongoStore;

    async fn open(&self) -> MongoStore {
        MongoStore::open(&self.config()).await.unwrap()
    }
}
