//! Transactions, the platform's payments: the outbox, which pushes trades to it.

pub mod batch;
pub mod outbox;
pub mod push;
mod trade;

pub use trade::to_wire;
