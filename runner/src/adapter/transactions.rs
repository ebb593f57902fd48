//! Transactions, the platform's payment service: the outbox pushes trades to it.

pub mod batch;
pub mod outbox;
pub mod push;
mod refusals;
mod trade;

pub use trade::to_wire;
