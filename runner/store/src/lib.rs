//! Keeps the books: in a SQLite file, or in a MongoDB database.
//!
//! Both implement the traits of the crate `books`, and both pass the same contract. Only [`sqlite`](SqliteStore) writes SQL,
//! only [`mongo`](MongoStore) names MongoDB.

mod address;
#[cfg(test)]
mod contract;
mod mongo;
mod record;
mod sqlite;

pub use address::{MongoConfig, Secret};
pub use mongo::MongoStore;
pub use sqlite::SqliteStore;
