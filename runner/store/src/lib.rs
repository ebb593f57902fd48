//! Keeps the books: in a SQLite file, or in a MongoDB database.
//!
//! Both implement the traits of the crate `books`, and both pass the same contract. Only [`sqlite`](SqliteStore) writes SQL,
//! only [`mongo`](MongoStore) names MongoDB.

#[cfg(test)]
mod contract;
mod mongo;
mod record;
mod sqlite;

pub use mongo::{InvalidAddress, MongoAddress, MongoStore, Secret};
pub use sqlite::SqliteStore;
