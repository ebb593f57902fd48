//! `rec-market dev`: services of the platform to develop and test against; never for production.

pub mod meters;
pub mod transactions;
