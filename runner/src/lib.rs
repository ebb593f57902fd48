//! Settles the energy trades of renewable energy communities through sandboxed matching algorithms.
//!
//! Here is everything that touches the world: readings over gRPC, the store, configuration, commands. The rules are in
//! the crate `domain`, and whatever names wasmtime in the crate `sandbox`. Start reading at [`settle`], one pass over a
//! community, and [`clearing`], one interval of it.

pub mod algorithms;
pub mod api;
pub mod audit;
pub mod backoff;
pub mod certs;
pub mod clearing;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod course;
pub mod demo;
pub mod forward;
pub mod gate;
pub mod meters;
pub mod metrics;
pub mod operator;
pub mod proto;
pub mod registry;
pub mod replay;
pub mod round_file;
pub mod schedule;
pub mod service;
pub mod settle;
pub mod shadow;
pub mod statement;
pub mod stock;
pub mod store;
pub mod telemetry;
pub mod transactions;
