//! What `rec-market demo` shows: where its readings come from, and who pays its trades.

pub mod household;
pub mod payments;
pub mod recorded;
