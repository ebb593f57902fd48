//! Algorithms: where they come from, which are ready to run, what they must pass, and what was decided about them.

pub mod cache;
pub mod catalogue;
pub mod gate;
pub mod registry;
pub mod replay;
pub mod shadow;
