//! The life of an algorithm on a running service: uploaded, refused, run in the shadow, activated, rolled back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests say what must hold")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "tests may tell what they see")]

mod callers;
mod cli;
#[path = "../common/mod.rs"]
mod common;
mod course;
mod desk;
mod mongodb;
#[path = "../service/running.rs"]
#[allow(dead_code, reason = "written for the stories of the service")]
mod running;
mod shadow;
mod uploads;
