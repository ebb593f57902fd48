//! Connections with other programs. No adapter knows another one.

pub mod client;
pub mod grpc;
pub mod http;
pub mod meters;
pub mod stored_meters;
pub mod transactions;
pub mod web;
