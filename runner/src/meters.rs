//! Meters services: the client of anybody's, and one of our own for demonstrations and tests.

pub mod client;
pub mod page;
pub mod service;
