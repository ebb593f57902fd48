//! Algorithms: finding and loading them, the gate, the decisions of administrators, shadows and replays.

pub mod cache;
pub mod catalogue;
pub mod gate;
pub mod limits;
pub mod registry;
pub mod replay;
pub mod shadow;
