//! What settlement asks of a Meters service, whichever it is.

use async_trait::async_trait;
use jiff::Timestamp;

/// One row of an answer: the value of one register of one meter at one time, as texts that may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The meter.
    pub device_id: String,
    /// The register's name.
    pub field: String,
    /// Its value.
    pub value: String,
    /// When it was read.
    pub date: String,
}

/// Where readings come from.
#[async_trait]
pub trait Meters: Send + Sync {
    /// Its address, for people.
    fn address(&self) -> &str;

    /// The `limit` oldest rows of every series at or after an instant.
    ///
    /// # Errors
    /// After the last attempt, or at once where another attempt cannot help.
    async fn page(&self, from: Timestamp, limit: u32) -> Result<Vec<Row>, MetersError>;
}

/// A Meters service that does not answer, or not as it should.
#[derive(Debug, thiserror::Error)]
pub enum MetersError {
    /// It is away or keeps failing.
    #[error(
        "the Meters service at {address} does not answer: {reason} (tried {attempts} times; is it running, and is the address right?)"
    )]
    Away {
        /// Its address.
        address: String,
        /// What it said last.
        reason: String,
        /// How often it was asked.
        attempts: u32,
    },
    /// It refuses the request.
    #[error("the Meters service at {address} refuses the request for readings from {from}: {reason}")]
    Refused {
        /// Its address.
        address: String,
        /// The start of what was asked for.
        from: String,
        /// What it said.
        reason: String,
    },
    /// Its answer is larger than any page should be.
    #[error("the Meters service at {address} answers with more than {bytes_max} bytes")]
    TooLarge {
        /// Its address.
        address: String,
        /// The most that is taken.
        bytes_max: usize,
    },
    /// It gives the same rows again and again.
    #[error("the Meters service at {address} gives no new readings after {from} although it says there are more")]
    NoProgress {
        /// Its address.
        address: String,
        /// Where it stopped.
        from: String,
    },
}
