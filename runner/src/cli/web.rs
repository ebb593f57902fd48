//! The pages for people.

pub mod log;
