//! The documents of days that are over: which are kept, and the sums in them.

use domain::Boundary;
use mongodb::bson::{Document, doc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::document::all;
use super::fault::Fault;
use super::field::{BoundaryDate, Bytes, boundary_date};
use super::server::{Server, Stored};
use crate::cause::about;
use crate::record::Day;
use books::{DaySums, Span};

/// Where they are.
pub(super) const COLLECTION: &str = "details";

/// A day without its details.
#[derive(Deserialize)]
struct SumsDocument {
    #[serde(rename = "_id")]
    id: String,
    first: BoundaryDate,
    last: BoundaryDate,
    until: BoundaryDate,
    intervals: u64,
    trades: u64,
    parties: Bytes,
}

impl Stored for SumsDocument {
    const COLLECTION: &'static str = COLLECTION;
}

/// A condition on days with intervals that start within a span; `None` if no interval can.
pub(super) fn within(community: &str, span: Span, after: Option<Boundary>) -> Option<Document> {
    let mut conditions = doc! { "community": community };
    conditions.extend(after.map(|after| ("until".to_owned(), doc! { "$gt": boundary_date(after) }.into())));
    if let Some(from) = span.from {
        conditions.insert("last", doc! { "$gte": boundary_date(Boundary::from_seconds(from)?) });
    }
    // An end beyond all times is none.
    let to = span.to.and_then(Boundary::from_seconds);
    conditions.extend(to.map(|to| ("first".to_owned(), doc! { "$lt": boundary_date(to) }.into())));
    Some(conditions)
}

/// The sums of days that are kept, see [`books::Books::sums`].
pub(super) async fn kept_sums(
    server: &Server,
    community: &str,
    span: Span,
    after: Option<Boundary>,
    limit: usize,
) -> Result<Vec<DaySums>, Fault> {
    let found: Vec<SumsDocument> = find(server, "sums", within(community, span, after), limit).await?;
    let sums = |found: SumsDocument| {
        let parties = Day::decode(&found.parties.0).and_then(|day| day.accounts());
        Ok(DaySums {
            first: found.first.0,
            last: found.last.0,
            until: found.until.0,
            intervals: found.intervals,
            trades: found.trades,
            members: parties.map_err(|error| Fault::Record(about(format!("sums {}", found.id), error)))?,
        })
    };
    found.into_iter().map(sums).collect()
}

pub(super) async fn find<T: Stored + DeserializeOwned>(
    server: &Server,
    what: &str,
    conditions: Option<Document>,
    limit: usize,
) -> Result<Vec<T>, Fault> {
    let Some(conditions) = conditions.filter(|_| limit > 0) else { return Ok(Vec::new()) };
    let collection = server.of::<T>();
    let find = collection.find(conditions).sort(doc! { "until": 1 });
    all(what, find.limit(i64::try_from(limit).unwrap_or(i64::MAX))).await
}

/// The end of the last day that is kept.
pub(super) async fn last(server: &Server, community: &str) -> Result<Option<Boundary>, Fault> {
    let collection = server.of::<SumsDocument>();
    let last = collection.find(doc! { "community": community }).sort(doc! { "until": -1 }).limit(-1);
    Ok(all("sums", last).await?.pop().map(|last| last.until.0))
}
