//! What was added to an interval when people had decided about meters: a link of its own in the chain, because links never change,
//! and a copy that is found by its interval.

use domain::{Boundary, Interval};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use serde::{Deserialize, Serialize};

use super::document::{all, insert_missing, one};
use super::fault::Fault;
use super::field::{BoundaryDate, Bytes, Date, boundary_date};
use super::link::{self, Settled};
use super::server::{Server, Stored};
use crate::cause::about;
use crate::record::{self, Added};
use books::{Addition, Span};

/// An addition as it is kept, in the chain and in `additions`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct AdditionDocument {
    #[serde(rename = "_id")]
    pub(super) id: String,
    pub(super) community: String,
    /// Its place in the chain, from 1.
    pub(super) number: u64,
    /// The start of the interval that it is added to.
    pub(super) addition_to: BoundaryDate,
    /// Of that interval, in seconds.
    length: u32,
    settled_at: Date,
    fence: Option<u64>,
    by: ObjectId,
    pub(super) added: Bytes,
}

impl Stored for AdditionDocument {
    const COLLECTION: &'static str = "additions";
}

/// An addition that was read.
pub(super) struct AdditionLink {
    pub(super) document: AdditionDocument,
    pub(super) interval: Interval,
    pub(super) added: Added,
}

impl AdditionDocument {
    pub(super) fn new(addition: &Addition, number: u64, by: ObjectId) -> AdditionDocument {
        AdditionDocument {
            id: link::id(&addition.community, number),
            community: addition.community.clone(),
            number,
            addition_to: BoundaryDate(addition.interval.start()),
            length: addition.interval.length().seconds(),
            settled_at: Date(addition.settled_at),
            fence: addition.fence,
            by,
            added: Bytes(record::encode_addition(addition)),
        }
    }
}

impl AdditionLink {
    pub(super) fn read(document: AdditionDocument) -> Result<AdditionLink, Fault> {
        let read = || {
            let interval = record::decode_interval(document.addition_to.0.seconds(), document.length)?;
            Ok((interval, record::decode_addition(&document.community, interval, &document.added.0)?))
        };
        let (interval, added) = read()
            .map_err(|error: record::InvalidRecord| Fault::Record(about(format!("addition {}", document.id), error)))?;
        Ok(AdditionLink { document, interval, added })
    }

    pub(super) fn settled(&self) -> Settled<'_> {
        Settled {
            community: &self.document.community,
            number: self.document.number,
            interval: self.interval,
            settled_at: self.document.settled_at.0,
            trades: &self.added.trades,
            events: &self.added.events,
        }
    }

    /// Whether the copy is there, and the same.
    pub(super) async fn is_kept(&self, server: &Server) -> Result<bool, Fault> {
        let copy = one("addition", &server.of::<AdditionDocument>(), doc! { "_id": &self.document.id }).await?;
        Ok(copy.is_some_and(|copy| copy.added == self.document.added && copy.addition_to == self.document.addition_to))
    }

    /// Keeps the copy. Before the trades: whoever sees them then knows what they belong to.
    pub(super) async fn keep(&self, server: &Server) -> Result<(), Fault> {
        insert_missing(&server.of::<AdditionDocument>(), std::slice::from_ref(&self.document)).await.map(drop)
    }
}

/// The additions of a community to intervals that start within a span, in the order of the chain; those beyond the mark may
/// not be whole yet.
pub(super) async fn list(server: &Server, community: &str, span: Span) -> Result<Vec<AdditionLink>, Fault> {
    let bound = |second: u64| Boundary::from_seconds(second).map(|at| Bson::from(boundary_date(at)));
    let bounds = [("$gte", span.from.and_then(bound)), ("$lt", span.to.and_then(bound))];
    let starts: Document = bounds.into_iter().filter_map(|(name, at)| Some((name.to_owned(), at?))).collect();
    let mut filter = doc! { "community": community };
    if !starts.is_empty() {
        filter.insert("addition_to", starts);
    }
    let find = all("addition", server.of::<AdditionDocument>().find(filter).sort(doc! { "number": 1 })).await?;
    find.into_iter().map(AdditionLink::read).collect()
}
