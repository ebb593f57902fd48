//! What an operator does before anything runs: certificates, and a configuration that is looked at; with the built
//! program, in an empty directory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod certs;
