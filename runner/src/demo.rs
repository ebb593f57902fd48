//! What `rec-market demo` shows: where its readings come from, who pays its trades, and how
//! another algorithm comes to settle it.

pub mod household;
pub mod life;
pub mod payments;
pub mod recorded;
