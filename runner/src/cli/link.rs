//! Links with which members look at their own pages.

pub mod create;
pub mod list;
pub mod revoke;
