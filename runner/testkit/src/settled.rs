//! A store with trades that nobody had to settle.

use std::path::PathBuf;

use books::CommitOutcome;
use rec_market_tests::settled::{put, settled};
use store::SqliteStore;
use tempfile::TempDir;

/// A SQLite store in a directory of its own.
pub struct SettledStore {
    directory: TempDir,
    pub store: SqliteStore,
}

impl SettledStore {
    /// An empty store.
    #[allow(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> SettledStore {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("market.db")).unwrap();
        SettledStore { directory, store }
    }

    /// A file in its directory; the database is `market.db`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The same store, opened by another process.
    pub fn open_again(&self) -> SqliteStore {
        SqliteStore::open(&self.path("market.db")).unwrap()
    }

    /// Settles the quarter-hour with this number, counted from 12:00, with these trades: `a > b 500 96200`. Answers
    /// their ids.
    pub async fn settle(&self, number: u64, trades: &[impl AsRef<str>]) -> Vec<String> {
        let commit = settled(number, trades);
        let ids = commit.cleared.trades.iter().map(|trade| trade.id.to_string()).collect();
        assert_eq!(put(&self.store, commit).await.unwrap(), CommitOutcome::Committed);
        ids
    }
}
