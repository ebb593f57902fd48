//! Errors of stores.

/// Why an operation of a store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be opened.
    #[error("cannot open the store {store}")]
    Open {
        /// The store's file or address.
        store: String,
        /// Why not.
        source: Cause,
    },
    /// The store cannot be written.
    #[error("the store {store} cannot be written")]
    ReadOnly {
        /// The store's file or address.
        store: String,
        /// Why not.
        source: Cause,
    },
    /// The store's contents are damaged.
    #[error("the store {store} is damaged (restore a backup, or settle again into a new store)")]
    Corrupt {
        /// The store's file or address.
        store: String,
        /// The damage that was found.
        source: Cause,
    },
    /// The database server does not answer; retries were exhausted.
    #[error("the store {store} does not answer (is it running, and is the address right?)")]
    Unavailable {
        /// The server's address, without credentials.
        store: String,
        /// The error of the last attempt.
        source: Cause,
    },
    /// Another process holds a lock on the store, and the wait for it timed out.
    #[error("the store {store} is busy (stop the process that locks it, such as a backup or an open SQLite shell)")]
    Busy {
        /// The store's file.
        store: String,
        /// The database's error.
        source: Cause,
    },
    /// Any other error of the database.
    #[error("the store {store} fails")]
    Failed {
        /// The store's file or address.
        store: String,
        /// The database's error.
        source: Cause,
    },
}

impl StoreError {
    /// Whether it says that the store as a whole cannot be used at the moment, rather than what was asked of it.
    pub fn is_outage(&self) -> bool {
        matches!(self, StoreError::Unavailable { .. } | StoreError::Busy { .. } | StoreError::ReadOnly { .. })
    }
}

/// What is behind an error of a store: the error of a database, or a rule of ours that was broken.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;
