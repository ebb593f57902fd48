//! Details of days that are over, and their sums, one document for each day of UTC: see `books::details`.
//!
//! An interval never changes once there is a later one, and so neither does a day that is over: what is kept of it is of its
//! intervals for ever. Days are kept in order of time, none left out, so that all after the last one are missing.

use async_trait::async_trait;
use domain::Boundary;
use jiff::tz::TimeZone;
use mongodb::bson::doc;
use serde::{Deserialize, Serialize};

use super::document::encode;
use super::fault::Fault;
use super::field::{BoundaryDate, Bytes};
use super::server::{Server, Stored};
use super::{MongoStore, days, mark, read, sums};
use crate::cause::about;
use crate::record::{self, Day};
use books::{DayDetails, DaySums, Details, Span, StoreError, day_of};

/// A day.
#[derive(Serialize, Deserialize)]
struct DetailDocument {
    #[serde(rename = "_id", skip_serializing)]
    id: String,
    community: String,
    first: BoundaryDate,
    last: BoundaryDate,
    until: BoundaryDate,
    intervals: u64,
    trades: u64,
    /// What each member traded: see record/days.rs.
    parties: Bytes,
    /// Of each interval, and who sold to whom: see record/details.rs.
    content: Bytes,
}

impl Stored for DetailDocument {
    const COLLECTION: &'static str = days::COLLECTION;
}

#[async_trait]
impl Details for MongoStore {
    async fn details(
        &self,
        community: &str,
        span: Span,
        after: Option<Boundary>,
        limit: usize,
    ) -> Result<Vec<DayDetails>, StoreError> {
        self.retry(|| list(&self.server, community, span, after, limit)).await
    }

    async fn keep_details(&self, community: &str, details: &[DayDetails]) -> Result<(), StoreError> {
        self.retry(|| keep(&self.server, community, details)).await
    }

    async fn details_due(&self, community: &str, limit: usize) -> Result<Vec<Span>, StoreError> {
        self.retry(|| due(&self.server, community, limit)).await
    }
}

/// No two days share one, because a number has no slash.
fn id(community: &str, until: Boundary) -> String {
    format!("{community}/{}", until.seconds())
}

impl DetailDocument {
    fn of(community: &str, day: &DayDetails, sums: &DaySums) -> DetailDocument {
        DetailDocument {
            id: id(community, day.until),
            community: community.to_owned(),
            first: BoundaryDate(day.first),
            last: BoundaryDate(day.last),
            until: BoundaryDate(day.until),
            intervals: day.intervals,
            trades: day.trades,
            parties: Bytes(Day::of(sums).encode()),
            content: Bytes(record::encode_told(day.first, day.told.as_ref())),
        }
    }

    fn into_details(self) -> Result<DayDetails, Fault> {
        let told = record::decode_told(self.first.0, &self.content.0);
        Ok(DayDetails {
            first: self.first.0,
            last: self.last.0,
            until: self.until.0,
            intervals: self.intervals,
            trades: self.trades,
            told: told.map_err(|error| Fault::Record(about(format!("details {}", self.id), error)))?,
        })
    }
}

async fn list(
    server: &Server,
    community: &str,
    span: Span,
    after: Option<Boundary>,
    limit: usize,
) -> Result<Vec<DayDetails>, Fault> {
    let found: Vec<DetailDocument> = days::find(server, "details", days::within(community, span, after), limit).await?;
    found.into_iter().map(DetailDocument::into_details).collect()
}

async fn keep(server: &Server, community: &str, details: &[DayDetails]) -> Result<(), Fault> {
    server.check_writable()?;
    for day in details {
        let Some(sums) = missing(server, community, day).await? else { continue };
        let document = DetailDocument::of(community, day, &sums);
        let update = doc! { "q": { "_id": &document.id }, "u": { "$set": encode(&document)? }, "upsert": true };
        server.update(&server.of::<DetailDocument>(), &[update]).await?;
    }
    Ok(())
}

/// The sums of a day that is over, follows the last one that is kept, and is as the store has it; `None` of any other.
async fn missing(server: &Server, community: &str, day: &DayDetails) -> Result<Option<DaySums>, Fault> {
    let [due] = due(server, community, 1).await?[..] else { return Ok(None) };
    let span = Span { from: Some(day.first.seconds()), to: due.to };
    if due.from != span.from {
        return Ok(None);
    }
    Ok(sums::list(server, community, span, None, 1).await?.pop().filter(|sums| day.is_of(sums)))
}

async fn due(server: &Server, community: &str, limit: usize) -> Result<Vec<Span>, Fault> {
    let last = days::last(server, community).await?;
    let Some(mark) = mark::find(server, community).await?.end() else { return Ok(Vec::new()) };
    let (mut from, mut days) = (last.unwrap_or(Boundary::EPOCH), Vec::new());
    while days.len() < limit {
        let next = Span { from: Some(from.seconds()), to: None };
        let Some(first) = read::intervals(server, community, next, 1).await?.pop() else { break };
        let first = first.interval;
        let begins = day_of(first, &TimeZone::UTC).as_second().unsigned_abs();
        // With an interval after it: the newest one may still be added to.
        let Some(over) = Boundary::from_seconds(begins.saturating_add(sums::DAY)) else { break };
        if over >= mark || !has_interval_from(server, community, over).await? {
            break;
        }
        days.push(Span { from: Some(first.start().seconds()), to: Some(over.seconds()) });
        from = over;
    }
    Ok(days)
}

async fn has_interval_from(server: &Server, community: &str, from: Boundary) -> Result<bool, Fault> {
    let span = Span { from: Some(from.seconds()), to: None };
    Ok(!read::intervals(server, community, span, 1).await?.is_empty())
}

/// Forgets what is kept, so that it is made again.
pub(super) async fn forget(server: &Server, community: &str) -> Result<(), Fault> {
    server.check_writable()?;
    server.of::<DetailDocument>().delete_many(doc! { "community": community }).await?;
    Ok(())
}
