//! What one needs to try a market: households that do not exist, recorded readings, services of the platform to develop
//! against, and development certificates.
//!
//! The services are real gRPC servers with made-up data, and can be told to go wrong in the ways in which services go
//! wrong. Nothing here is part of the market, and the market uses nothing of it but in `demo`, `dev` and `certs`.

pub mod certificates;
pub mod household;
pub mod meters;
pub mod recording;
pub mod transactions;
