//! The records of trades that a person has offered for payment again. They go through the journal of trades with what
//! becomes of those, so that neither is there without the other.

use domain::TradeId;
use domain::trade::State;
use jiff::Timestamp;
use mongodb::bson::doc;
use prost::Message;
use serde::{Deserialize, Serialize};

use super::document::{all, insert_missing};
use super::fault::Fault;
use super::field::{Date, Id, StateNumber};
use super::server::{Server, Stored};
use books::Reopened;

/// A record as an entry of the journal has it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Record {
    #[prost(bytes = "vec", tag = "1")]
    trade: Vec<u8>,
    /// In milliseconds.
    #[prost(int64, tag = "2")]
    at: i64,
    #[prost(string, tag = "3")]
    by: String,
    #[prost(string, tag = "4")]
    why: String,
    #[prost(int32, tag = "5")]
    from: i32,
    #[prost(string, optional, tag = "6")]
    transaction_id: Option<String>,
    #[prost(string, optional, tag = "7")]
    message: Option<String>,
    /// What tells the try that made it from any other.
    #[prost(string, tag = "8")]
    attempt: String,
}

impl Record {
    pub(super) fn new(reopened: &Reopened, attempt: &str) -> Record {
        Record {
            attempt: attempt.to_owned(),
            trade: reopened.trade.as_bytes().to_vec(),
            at: reopened.at.as_millisecond(),
            by: reopened.by.clone(),
            why: reopened.why.clone(),
            from: reopened.from as i32,
            transaction_id: reopened.transaction_id.clone(),
            message: reopened.message.clone(),
        }
    }
}

/// A record as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct ReopenedDocument {
    /// The journal's entry and the trade: made again, it is the same.
    #[serde(rename = "_id")]
    id: String,
    number: i64,
    trade: Id,
    at: Date,
    actor: String,
    why: String,
    state: StateNumber,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    attempt: String,
}

impl Stored for ReopenedDocument {
    const COLLECTION: &'static str = "reopenings";
}

impl ReopenedDocument {
    fn new(number: i64, record: Record) -> Result<ReopenedDocument, Fault> {
        let unreadable = || Fault::Record(format!("entry {number} of the journal of trades cannot be read").into());
        let trade = TradeId::from_bytes(record.trade.try_into().map_err(|_| unreadable())?);
        Ok(ReopenedDocument {
            id: format!("{number}/{trade}"),
            number,
            trade: Id(trade),
            at: Date(Timestamp::from_millisecond(record.at).map_err(|_| unreadable())?),
            actor: record.by,
            why: record.why,
            state: StateNumber(State::from_number(record.from.into()).ok_or_else(unreadable)?),
            transaction_id: record.transaction_id,
            message: record.message,
            attempt: record.attempt,
        })
    }

    fn into_reopened(self) -> Reopened {
        Reopened {
            trade: self.trade.0,
            at: self.at.0,
            by: self.actor,
            why: self.why,
            from: self.state.0,
            transaction_id: self.transaction_id,
            message: self.message,
        }
    }
}

/// Keeps the records of an entry of the journal, however often it is made.
pub(super) async fn keep(server: &Server, number: i64, records: Vec<Record>) -> Result<(), Fault> {
    let documents: Vec<ReopenedDocument> =
        records.into_iter().map(|record| ReopenedDocument::new(number, record)).collect::<Result<_, _>>()?;
    insert_missing(&server.of::<ReopenedDocument>(), &documents).await.map(drop)
}

/// The records that a try has made, in the order of the trades.
pub(super) async fn made_by(server: &Server, attempt: &str) -> Result<Vec<Reopened>, Fault> {
    let collection = server.of::<ReopenedDocument>();
    let find = collection.find(doc! { "attempt": attempt }).sort(doc! { "trade": 1 });
    Ok(all("reopening", find).await?.into_iter().map(ReopenedDocument::into_reopened).collect())
}

/// The newest records.
pub(super) async fn list(server: &Server, limit: usize) -> Result<Vec<Reopened>, Fault> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let collection = server.of::<ReopenedDocument>();
    let find = collection.find(doc! {}).sort(doc! { "number": -1, "trade": -1 }).limit(limit);
    Ok(all("reopening", find).await?.into_iter().map(ReopenedDocument::into_reopened).collect())
}
