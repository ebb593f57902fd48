//! Settles the energy trades of renewable energy communities through sandboxed matching algorithms.
//!
//! The program around the crates `domain` (the rules), `books` (what is stored) and `sandbox` (runs algorithms). Start
//! reading at [`app`], which wires everything, or at [`settlement`], the path of one interval.

#![allow(missing_docs, reason = "the modules of a program are used only by each other")]

pub mod adapter;
pub mod algorithms;
pub mod app;
pub mod backtest;
pub mod certificates;
pub mod cli;
pub mod clock;
pub mod config;
pub mod details;
pub mod event_json;
pub mod file;
pub mod lease;
pub mod listed;
pub mod ports;
pub mod registers;
pub mod retry;
pub mod settlement;
pub mod spreadsheet;
pub mod statements;
pub mod telemetry;
pub mod token;
