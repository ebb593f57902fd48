//! Settles the energy trades of renewable energy communities through sandboxed matching algorithms.
//!
//! The rules are in the crate `domain`, what is kept in `books`, and whatever names wasmtime in `sandbox`; here is the
//! program around them. Start reading at [`app`], which puts everything together, or at [`settlement`], the path of one
//! interval.

#![allow(missing_docs, reason = "a program's own modules have no users but each other")]

pub mod adapter;
pub mod algorithms;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod file;
pub mod lease;
pub mod retry;
pub mod settlement;
pub mod telemetry;
