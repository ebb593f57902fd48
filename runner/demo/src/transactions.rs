//! A development Transactions service.
//!
//! It keeps its ledger in memory and moves no money. [`trade`] validates trades as a careful receiver does, [`service`]
//! receives them, and [`worker`] fetches, pays and reports them.

pub mod ledger;
pub mod market;
pub mod service;
pub mod trade;
pub mod worker;
