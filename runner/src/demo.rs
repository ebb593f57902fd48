//! What `rec-market demo` shows: where its readings come from.

pub mod household;
pub mod recorded;
