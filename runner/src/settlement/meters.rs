//! The interface of a Meters service for settlement.

use std::error::Error;

use async_trait::async_trait;
use domain::MeterId;
use domain::reading::Register;
use jiff::Timestamp;

/// The field of a row that says that nobody knows what a meter measured until then, although both registers are there. No service
/// of the platform has it: only readings from the store do.
pub const MISSING: &str = "Missing";

/// One row of a response: a register of a meter at a time. The texts are not checked yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row<'r> {
    pub device_id: &'r str,
    /// Name of the register.
    pub field: &'r str,
    pub value: &'r str,
    pub date: &'r str,
}

/// The rows of a response, in one block of text, because there are thousands for every interval.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    text: String,
    /// Where the texts of each row end, in the order of their fields.
    ends: Vec<[usize; 4]>,
}

impl Rows {
    pub fn push(&mut self, Row { device_id, field, value, date }: Row<'_>) {
        let mut ends = [0; 4];
        for (end, text) in ends.iter_mut().zip([device_id, field, value, date]) {
            self.text.push_str(text);
            *end = self.text.len();
        }
        self.ends.push(ends);
    }

    /// Adds a row, unless it is of a register that is not settled: half of what services send is of reactive ones.
    pub fn push_known(&mut self, row: Row<'_>) {
        if Register::from_field(row.field).is_some() || row.field == MISSING {
            self.push(row);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |&[device_id, field, value, date]| {
            let row = Row {
                device_id: &self.text[start..device_id],
                field: &self.text[device_id..field],
                value: &self.text[field..value],
                date: &self.text[value..date],
            };
            start = date;
            row
        })
    }

    /// Those of one meter.
    pub(super) fn of(self, meter: &MeterId) -> Rows {
        let is_its = |row: &Row<'_>| row.device_id == meter.as_str();
        if self.iter().all(|row| is_its(&row)) { self } else { self.iter().filter(is_its).collect() }
    }
}

impl<'r> FromIterator<Row<'r>> for Rows {
    fn from_iter<I: IntoIterator<Item = Row<'r>>>(rows: I) -> Rows {
        let mut of_all = Rows::default();
        rows.into_iter().for_each(|row| of_all.push(row));
        of_all
    }
}

#[async_trait]
pub trait Meters: Send + Sync {
    /// The address, for messages.
    fn address(&self) -> &str;

    /// The `limit` oldest rows of each series, at or after an instant: of one meter, or of all.
    ///
    /// # Errors
    /// After the last attempt, or at once if another attempt cannot help.
    async fn page(&self, from: Timestamp, limit: u32, meter: Option<&MeterId>) -> Result<Rows, MetersError>;
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
