//! What tests below the program share, and the program's own too: hostile guests with their expected outcomes, settled
//! intervals, and a MongoDB-protocol server.

#[macro_use]
pub mod guests;
pub mod commits;
pub mod corpus;
pub mod mongo_server;
pub mod settled;
