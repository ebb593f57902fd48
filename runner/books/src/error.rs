//! Errors of stores.

/// Why an operation of a store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be opened.
    #[error("cannot open the store {store}: {reason}")]
    Open {
        /// The store's file or address.
        store: String,
        /// Why not, for people.
        reason: String,
    },
    /// The store cannot be written.
    #[error("the store {store} cannot be written: {reason}")]
    ReadOnly {
        /// The store's file or address.
        store: String,
        /// Why not, for people.
        reason: String,
    },
    /// The store's contents are damaged.
    #[error("the store {store} is damaged: {reason} (restore a backup, or settle again into a new store)")]
    Corrupt {
        /// The store's file or address.
        store: String,
        /// The damage that was found.
        reason: String,
    },
    /// The database server does not answer; retries were exhausted.
    #[error("the store {store} does not answer: {reason} (is it running, and is the address right?)")]
    Unavailable {
        /// The server's address, without credentials.
        store: String,
        /// The error of the last attempt.
        reason: String,
    },
    /// Another process holds a lock on the store, and the wait for it timed out.
    #[error(
        "the store {store} is busy: {reason} (stop the process that locks it, such as a backup or an open SQLite shell)"
    )]
    Busy {
        /// The store's file.
        store: String,
        /// The database's message.
        reason: String,
    },
    /// Any other error of the database.
    #[error("the store {store} fails: {reason}")]
    Failed {
        /// The store's file or address.
        store: String,
        /// The database's message.
        reason: String,
    },
}
