//! What an operator writes before anything runs, and what it comes to: certificates, configuration, tariffs; with the
//! built program, in an empty directory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod certs;
mod check;
mod meters;
mod show;
mod stack;
mod tariffs;
