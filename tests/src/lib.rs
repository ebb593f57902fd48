//! The test language: hostile guests and what each of them must come to, and rounds for native code.

#[macro_use]
pub mod guests;
pub mod corpus;
pub mod mongo_server;
pub mod native;
