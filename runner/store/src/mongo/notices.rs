//! Notices of how meters are read, one document each. The `_id` is made of the meter and the number, so that of two processes
//! that tell the same thing one comes too late.

use std::collections::HashSet;

use domain::MeterId;
use jiff::Timestamp;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use serde::{Deserialize, Serialize};

use super::document::{all, insert_missing};
use super::fault::Fault;
use super::field::{BoundaryDate, Date, date};
use super::server::{Server, Stored};
use crate::cause::about;
use books::{EventFilter, EventPlace, ListedEvent, Notice, Notices, Reception, Span};

/// How many notices one query names.
const PER_QUERY: usize = 1000;

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct NoticeDocument {
    #[serde(rename = "_id")]
    id: String,
    community: String,
    meter: String,
    number: u64,
    /// Its time among events.
    at: Date,
    /// The start of the interval that was settled last.
    start: Option<BoundaryDate>,
    told_at: Date,
    code: String,
    /// How far off readings are, in seconds.
    off: Option<u64>,
    message: String,
    /// Whether the meter has no later one. If a process died meanwhile there may be several: then the last one counts.
    is_newest: bool,
    /// What tells the try that made it from any other.
    by: ObjectId,
}

impl Stored for NoticeDocument {
    const COLLECTION: &'static str = "notices";
}

/// No two share one, because the community's length tells where its name ends, and the number has no slash.
fn id(community: &str, meter: &MeterId, number: u64) -> String {
    format!("{}:{community}/{meter}/{number}", community.len())
}

/// An instant of events, which is a whole second.
fn second(second: u64) -> Timestamp {
    i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok()).unwrap_or(Timestamp::MAX)
}

impl NoticeDocument {
    fn new(community: &str, notice: &Notice, by: ObjectId) -> NoticeDocument {
        NoticeDocument {
            id: id(community, &notice.meter, notice.number),
            community: community.to_owned(),
            meter: notice.meter.to_string(),
            number: notice.number,
            at: Date(second(notice.at())),
            start: notice.start.map(BoundaryDate),
            told_at: Date(notice.told_at),
            code: notice.reception.code().to_owned(),
            off: notice.reception.off_seconds(),
            message: notice.message.clone(),
            is_newest: true,
            by,
        }
    }

    fn into_notice(self) -> Result<Notice, Fault> {
        let named = || format!("notice {}", self.id);
        let reception = Reception::from_code(&self.code, self.off);
        let unknown = || Fault::Record(about(named(), format!("it has the unknown code {:?}", self.code)));
        Ok(Notice {
            meter: MeterId::from_stored(&self.meter).map_err(|error| Fault::Record(about(named(), error)))?,
            number: self.number,
            start: self.start.map(|start| start.0),
            told_at: self.told_at.0,
            reception: reception.ok_or_else(unknown)?,
            message: self.message,
        })
    }
}

fn within(Span { from, to }: Span) -> Document {
    let mut at = doc! { "$gte": date(second(from.unwrap_or(0))) };
    at.extend(to.map(|to| ("$lt".to_owned(), date(second(to)).into())));
    at
}

/// Notices as events, in order of their place.
pub(super) async fn list(
    server: &Server,
    community: &str,
    filter: &EventFilter,
    after: Option<&EventPlace>,
    limit: usize,
) -> Result<Vec<ListedEvent>, Fault> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let mut conditions = vec![doc! { "community": community, "at": within(filter.span) }];
    if let Some((at, meter, number)) = after.map(EventPlace::of_notices) {
        let (at, number) = (date(second(at)), i64::try_from(number).unwrap_or(i64::MAX));
        let later = doc! { "at": at, "meter": { "$gt": meter } };
        let of_meter = doc! { "at": at, "meter": meter, "number": { "$gt": number } };
        conditions.push(doc! { "$or": [{ "at": { "$gt": at } }, later, of_meter] });
    }
    conditions.extend(filter.code.as_ref().map(|code| doc! { "code": code }));
    conditions.extend(filter.subject.as_ref().map(|subject| doc! { "meter": subject }));
    let collection = server.of::<NoticeDocument>();
    let find = collection.find(doc! { "$and": conditions }).sort(doc! { "at": 1, "meter": 1, "number": 1 });
    let found = all("notice", find.limit(i64::try_from(limit).unwrap_or(i64::MAX))).await?;
    found.into_iter().map(|document| Ok(document.into_notice()?.into())).collect()
}

/// The last notice of each meter.
pub(super) async fn newest(server: &Server, community: &str) -> Result<Notices, Fault> {
    let find = doc! { "community": community, "is_newest": true };
    let mut newest = Notices::new();
    for document in all("notice", server.of::<NoticeDocument>().find(find).sort(doc! { "number": 1 })).await? {
        let notice = document.into_notice()?;
        newest.insert(notice.meter.clone(), notice);
    }
    Ok(newest)
}

/// Keeps those notices whose number is free; answers them. `by` tells this try from any other, however often it is made.
pub(super) async fn tell(
    server: &Server,
    community: &str,
    notices: &[Notice],
    by: ObjectId,
) -> Result<Vec<Notice>, Fault> {
    server.check_writable()?;
    let documents: Vec<NoticeDocument> =
        notices.iter().map(|notice| NoticeDocument::new(community, notice, by)).collect();
    let collection = server.of::<NoticeDocument>();
    let taken = insert_missing(&collection, &documents).await?;
    let mut others = Vec::new();
    for part in taken.chunks(PER_QUERY) {
        let ids: Vec<&str> = part.iter().filter_map(|at| documents.get(*at)).map(|taken| taken.id.as_str()).collect();
        let find = collection.find(doc! { "_id": { "$in": ids } });
        others.extend(all("notice", find).await?.into_iter().filter(|found: &NoticeDocument| found.by != by));
    }
    let others: HashSet<String> = others.into_iter().map(|other| other.id).collect();
    // Now that there is a later one.
    let before = notices.iter().filter(|notice| notice.number > 1).map(|notice| {
        let before = id(community, &notice.meter, notice.number - 1);
        doc! { "q": { "_id": before }, "u": { "$set": { "is_newest": false } } }
    });
    server.update(&collection, &before.collect::<Vec<_>>()).await?;
    let kept = notices.iter().zip(&documents).filter(|(_, document)| !others.contains(&document.id));
    Ok(kept.map(|(notice, _)| notice.clone()).collect())
}
