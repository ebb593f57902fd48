//! A store that cannot do what it should.

/// A store that cannot do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error("cannot open the store {store}: {reason}")]
    Open {
        /// The file or address.
        store: String,
        /// Why not.
        reason: String,
    },
    /// It cannot be written.
    #[error("the store {store} cannot be written: {reason}")]
    ReadOnly {
        /// The file or address.
        store: String,
        /// Why not.
        reason: String,
    },
    /// Its contents are damaged.
    #[error("the store {store} is damaged: {reason} (restore a backup, or settle again into a new store)")]
    Corrupt {
        /// The file or address.
        store: String,
        /// What was found.
        reason: String,
    },
    /// It does not answer, after trying again for a while.
    #[error("the store {store} does not answer: {reason} (is it running, and is the address right?)")]
    Away {
        /// The address.
        store: String,
        /// What happened last.
        reason: String,
    },
    /// Somebody else keeps it locked, for longer than anybody waits.
    #[error("the store {store} is busy: {reason} (end whatever keeps it locked, such as a backup or an open shell)")]
    Busy {
        /// The file.
        store: String,
        /// What it says.
        reason: String,
    },
    /// Anything else that the database says.
    #[error("the store {store} fails: {reason}")]
    Failed {
        /// The file or address.
        store: String,
        /// What it says.
        reason: String,
    },
}
