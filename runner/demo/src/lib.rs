//! Everything needed to try a market: simulated households, recorded readings, development versions of the platform's
//! services, and development certificates.
//!
//! The services are real gRPC servers with made-up data, and can be told to fail as real services do. None of this is
//! part of the market; only the commands `demo`, `dev` and `certs` use it.

pub mod certificates;
pub mod household;
pub mod meters;
pub mod recording;
pub mod transactions;
