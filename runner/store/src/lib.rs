//! The stores: a SQLite file, or a MongoDB database.
//!
//! Both implement the traits of the crate `books` and pass the same contract tests. Only [`sqlite`](SqliteStore)
//! contains SQL, and only [`mongo`](MongoStore) names MongoDB.

mod cause;
#[cfg(test)]
mod contract;
mod mongo;
mod record;
mod sqlite;

/// The stored form of intervals and of the state of meters, for whoever reads or changes a database without the program.
pub mod stored {
    pub use crate::record::{Block, PackedTrade, decode_states, encode_states};
}

pub use mongo::{InvalidAddress, MongoAddress, MongoStore, Secret};
pub use sqlite::SqliteStore;
