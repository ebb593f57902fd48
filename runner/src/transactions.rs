//! Transactions, the platform's payments: a client that pushes trades to anybody's, and a service of our own.
//!
//! The client is part of the market. The service is what `demo` and the tests pay with; it keeps its ledger in memory
//! and pays with nothing but a word. Start reading at [`trade`], what both sides mean by a trade; [`push`] sends them,
//! [`service`] takes them, and [`worker`] fetches, pays and reports.

pub mod ledger;
pub mod market;
pub mod push;
pub mod service;
pub mod tls;
pub mod trade;
pub mod worker;
