//! What runs for years: each community in a task of its own, under its lease.
//!
//! Here is what one community does between two intervals and in trouble; `commands/serve.rs` puts the servers, the outbox
//! and the communities together.

pub mod community;
pub mod holder;
pub mod shadow;

pub use community::CommunityTask;
pub use holder::Holder;
pub use shadow::ShadowTask;
