//! Settles communities: decides which intervals are due, and takes each from its readings to its commit.
//!
//! Start reading at [`pass`], which settles everything that is due, then [`clearing`], one interval of it. [`Communities`]
//! runs passes for as long as the service lives.

mod active;
mod batch;
mod boundaries;
mod by_meter;
pub mod clearing;
mod communities;
mod community;
mod decided;
pub mod error;
mod failure;
mod fetch;
mod late;
mod log;
mod memory;
pub mod meters;
pub mod page;
pub mod pass;
mod position;
mod replicas;
pub mod schedule;
mod series;
mod source;
mod strays;
pub mod summary;
mod told;
mod turns;
mod watch;

pub use active::Selection;
pub use boundaries::{Boundaries, BoundaryRead};
pub use communities::Communities;
pub use community::Surroundings;
pub use error::PassError;
pub use log::stopped;
pub use memory::Memory;
pub use meters::{Meters, MetersError, Row, Rows};
pub use pass::{Pass, Settler};
pub use summary::PassSummary;
pub use turns::{ServiceTurns, Turn, Turns};
