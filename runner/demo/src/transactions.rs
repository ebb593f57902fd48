//! A Transactions service of our own, to develop and test against.
//!
//! It keeps its ledger in memory and pays with nothing but a word. Start reading at [`trade`], what a careful receiver
//! makes of a trade; [`service`] takes them, and [`worker`] fetches, pays and reports.

pub mod ledger;
pub mod market;
pub mod service;
pub mod trade;
pub mod worker;
