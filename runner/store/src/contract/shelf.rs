//! Storage that outlives an open store: a file, and a database on a MongoDB server.

use std::path::PathBuf;

use rec_market_tests::mongo_server::{self, TestDatabase};
use tempfile::TempDir;

use super::*;

/// Storage in which a store can be opened, several times and by several clients.
pub(crate) trait Shelf {
    type Store: Store + Clone + 'static;

    /// Opens the store, with everything that was stored in it before.
    async fn open(&self) -> Self::Store;
}

/// A file of the embedded store.
pub(crate) struct File(TempDir);

impl File {
    /// Makes an empty file.
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
    /// Makes an empty database.
    pub(crate) fn new() -> Database {
        Database(mongo_server::database())
    }

    pub(crate) fn config(&self) -> MongoAddress {
        MongoAddress { address: self.0.address().to_owned(), username: None, password: None }
    }
}

impl Shelf for Database {
    type Store = MongoStore;

    async fn open(&self) -> MongoStore {
        MongoStore::open(&self.config()).await.unwrap()
    }
}
