//! Settles communities: which intervals are due, from their readings to their commits.
//!
//! Start reading at [`pass`], one time through everything that is due, then [`clearing`], one interval of it.
//! [`community`] runs passes for years.

mod active;
mod batch;
pub mod clearing;
pub mod community;
pub mod error;
mod failure;
mod fetch;
mod log;
pub mod meters;
pub mod page;
pub mod pass;
mod position;
pub mod schedule;
pub mod summary;

pub use active::Selection;
pub use community::CommunityTask;
pub use error::PassError;
pub use meters::{Meters, MetersError, Row};
pub use pass::{Pass, Settler};
pub use summary::PassSummary;
