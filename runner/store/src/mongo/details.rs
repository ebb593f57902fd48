//! Details of days that are over, one document for each: see `books::details`.

use async_trait::async_trait;
use domain::Boundary;
use mongodb::bson::{Document, doc};
use serde::{Deserialize, Serialize};

use super::MongoStore;
use super::days;
use super::document::{all, encode};
use super::fault::Fault;
use super::field::{BoundaryDate, Bytes};
use super::known::RunningDay;
use super::server::{Server, Stored};
use super::stretches::{Stretch, Stretches};
use crate::cause::about;
use books::{DayDetails, Details, Span, StoreError};

/// Days that are looked at at once.
const PAGE: usize = 32;

/// The details of a day. Those whose numbers are not those of a day count as missing.
#[derive(Serialize, Deserialize)]
struct DetailDocument {
    community: String,
    first: BoundaryDate,
    last: BoundaryDate,
    until: BoundaryDate,
    intervals: u64,
    trades: u64,
    /// Of each interval, and who sold to whom: see record/details.rs.
    content: Bytes,
}

/// What tells of which day details are.
#[derive(Deserialize)]
struct DetailNumbers {
    first: BoundaryDate,
    last: BoundaryDate,
    until: BoundaryDate,
    intervals: u64,
    trades: u64,
}

impl Stored for DetailDocument {
    const COLLECTION: &'static str = "details";
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

impl DetailNumbers {
    fn are_of(&self, day: &RunningDay) -> bool {
        (self.first, self.last, self.until) == (day.first, day.last, day.until)
            && (self.intervals, self.trades) == (day.intervals, day.trades)
    }
}

impl DetailDocument {
    fn of(community: &str, day: &DayDetails) -> DetailDocument {
        DetailDocument {
            community: community.to_owned(),
            first: BoundaryDate(day.first),
            last: BoundaryDate(day.last),
            until: BoundaryDate(day.until),
            intervals: day.intervals,
            trades: day.trades,
            content: Bytes(record::encode_told(day.first, day.told.as_ref())),
        }
    }

    fn numbers(&self) -> DetailNumbers {
        let DetailDocument { first, last, until, intervals, trades, .. } = *self;
        DetailNumbers { first, last, until, intervals, trades }
    }

    fn into_details(self) -> Result<DayDetails, Fault> {
        let told = record::decode_told(self.first.0, &self.content.0);
        let named = || format!("the details of the day from {} on", self.first.0);
        Ok(DayDetails {
            first: self.first.0,
            last: self.last.0,
            until: self.until.0,
            intervals: self.intervals,
            trades: self.trades,
            told: told.map_err(|error| Fault::Record(about(named(), error)))?,
        })
    }
}

/// The next days of a community that are there, in order.
async fn next_days(stretches: &mut Stretches<'_>) -> Result<Vec<RunningDay>, Fault> {
    let mut found = Vec::new();
    while found.len() < PAGE
        && let Some(stretch) = stretches.next().await?
    {
        if let Stretch::Day(day) = stretch {
            found.push(day);
        }
    }
    Ok(found)
}

/// The condition on the details of days.
fn of_days(community: &str, found: &[RunningDay]) -> Document {
    let ids: Vec<String> = found.iter().map(|day| days::id(community, day.until.0)).collect();
    doc! { "_id": { "$in": ids } }
}

async fn list(
    server: &Server,
    community: &str,
    span: Span,
    after: Option<Boundary>,
    limit: usize,
) -> Result<Vec<DayDetails>, Fault> {
    let mut details = Vec::new();
    let mut stretches = Stretches::new(server, community, span, after).await?.brief();
    while details.len() < limit {
        let found = next_days(&mut stretches).await?;
        if found.is_empty() {
            break;
        }
        let kept = server.of::<DetailDocument>();
        let kept = all("details", kept.find(of_days(community, &found)).sort(doc! { "until": 1 })).await?;
        let kept = kept.into_iter().filter(|kept| found.iter().any(|day| kept.numbers().are_of(day)));
        for kept in kept.take(limit - details.len()) {
            details.push(kept.into_details()?);
        }
    }
    Ok(details)
}

async fn keep(server: &Server, community: &str, details: &[DayDetails]) -> Result<(), Fault> {
    server.check_writable()?;
    let until: Vec<Boundary> = details.iter().map(|day| day.until).collect();
    // One that is not over would soon be of other intervals.
    let over = days::over(server, community, &until).await?;
    for day in details {
        let document = DetailDocument::of(community, day);
        if over.iter().any(|over| document.numbers().are_of(over)) {
            let id = days::id(community, day.until);
            let update = doc! { "q": { "_id": id }, "u": { "$set": encode(&document)? }, "upsert": true };
            server.update(&server.of::<DetailDocument>(), &[update]).await?;
        }
    }
    Ok(())
}

async fn due(server: &Server, community: &str, limit: usize) -> Result<Vec<Span>, Fault> {
    let mut due = Vec::new();
    let mut stretches = Stretches::new(server, community, Span::default(), None).await?.over().brief();
    while due.len() < limit {
        let found = next_days(&mut stretches).await?;
        if found.is_empty() {
            break;
        }
        let kept = server.of::<DetailDocument>().clone_with_type::<DetailNumbers>();
        let kept = all("details", kept.find(of_days(community, &found)).projection(doc! { "content": 0 })).await?;
        let missing = found.iter().filter(|day| !kept.iter().any(|kept| kept.are_of(day)));
        let span = |day: &RunningDay| Span { from: Some(day.first.0.seconds()), to: Some(day.until.0.seconds()) };
        due.extend(missing.map(span));
    }
    due.truncate(limit);
    Ok(due)
}

/// Forgets what is kept, so that it is made again.
pub(super) async fn forget(server: &Server, community: &str) -> Result<(), Fault> {
    server.check_writable()?;
    server.of::<DetailDocument>().delete_many(doc! { "community": community }).await?;
    Ok(())
}
