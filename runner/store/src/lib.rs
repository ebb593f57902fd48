//! The stores: a SQLite file, or a MongoDB database.
//!
//! Both implement the traits of the crate `books` and pass the same contract tests. Only [`sqlite`](SqliteStore)
//! contains SQL, and only [`mongo`](MongoStore) names MongoDB.

mod cause;
#[cfg(test)]
mod contract;
mod mongo;
mod sqlite;

pub use mongo::{InvalidAddress, MongoAddress, MongoStore, Secret};
pub use sqlite::SqliteStore;
