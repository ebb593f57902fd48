//! Log, traces, metrics, and the state of the service.

pub mod callers;
pub mod log;
pub mod metrics;
pub mod outage;
pub mod status;
pub mod store;
