//! The gRPC servers, asked as the platform's services ask them: real clients, real TLS, a real store with settled trades.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "attacks tell what they cost")]

mod attackers;
mod attacks;
mod bounds;
mod certificates;
mod compression;
mod fixed;
mod frames;
mod hostile;
mod log;
mod pages;
mod refusals;
mod servers;
mod setting;
