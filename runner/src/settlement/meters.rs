//! The interface of a Meters service for settlement.

use std::error::Error;

use async_trait::async_trait;
use domain::MeterId;
use jiff::Timestamp;

/// The field of a row that says that nobody knows what a meter measured until then, although both registers are there. No service
/// of the platform has it: only readings from the store do.
pub const MISSING: &str = "Missing";

/// One row of a response: a register of a meter at a time. The texts are not checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub device_id: String,
    /// Name of the register.
    pub field: String,
    pub value: String,
    pub date: String,
}

#[async_trait]
pub trait Meters: Send + Sync {
    /// The address, for messages.
    fn address(&self) -> &str;

    /// The `limit` oldest rows of each series, at or after an instant: of one meter, or of all.
    ///
    /// # Errors
    /// After the last attempt, or at once if another attempt cannot help.
    async fn page(&self, from: Timestamp, limit: u32, meter: Option<&MeterId>) -> Result<Vec<Row>, MetersError>;
}

/// A Meters service that does not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum MetersError {
    #[error(
        "the Meters service at {address} does not answer (tried {attempts} times; is it running, and is the address right?)"
    )]
    Unavailable { address: String, attempts: u32, source: Box<dyn Error + Send + Sync> },
    #[error("the Meters service at {address} refuses the request for readings from {from}")]
    Refused { address: String, from: String, source: Box<dyn Error + Send + Sync> },
    #[error("the response of the Meters service at {address} exceeds {bytes_max} bytes")]
    TooLarge { address: String, bytes_max: usize },
    /// It sends the same rows again and again.
    #[error("the Meters service at {address} sends no new readings after {from}, although it has more")]
    NoProgress { address: String, from: String },
}
