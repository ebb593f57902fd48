//! The life of an algorithm on a running service: uploaded, refused, run in the shadow, activated, rolled back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests say what must hold")]
#![allow(clippy::print_stdout, reason = "tests may tell what they see")]

mod activation;
mod busy;
mod caller;
mod callers;
mod cli;
mod money;
mod mongodb;
mod shadow;
mod uploads;
