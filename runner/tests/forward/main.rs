//! Trades on their way to Transactions, as stories: real TLS, a real store, a service that fails in every way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod demo;
mod pull;
mod push;
mod refusals;
mod replicas;
mod world;
