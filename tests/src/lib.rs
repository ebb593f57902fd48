//! The test language: hostile guests and what each of them must come to.

#[macro_use]
pub mod guests;
pub mod corpus;
