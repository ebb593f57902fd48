//! Test helpers: hostile guests with their expected outcomes, a MongoDB-protocol server, and rounds for native code.

#[macro_use]
pub mod guests;
pub mod corpus;
pub mod mongo_server;
pub mod native;
