//! Events of intervals, one document each, which only repeat their link; and the list of them and of notices.

use domain::Boundary;
use mongodb::bson::doc;
use serde::{Deserialize, Serialize};

use super::document::decode;
use super::fault::Fault;
use super::field::{BoundaryDate, boundary_date};
use super::link::{self, Settled};
use super::server::{Server, Stored};
use super::{mark, notices, reach};
use books::event::merge;
use books::{EventFilter, EventPlace, ListedEvent, StoredEvent};

/// An event of an interval.
#[derive(Serialize, Deserialize)]
pub(super) struct EventDocument {
    /// The link and the number within the interval.
    #[serde(rename = "_id")]
    id: String,
    community: String,
    start: BoundaryDate,
    code: String,
    subject: String,
    message: String,
}

impl Stored for EventDocument {
    const COLLECTION: &'static str = "events";
}

/// Every event of an interval.
pub(super) fn documents(settled: &Settled<'_>) -> Vec<EventDocument> {
    let link = link::id(settled.community, settled.number);
    let event = |(number, event): (usize, &StoredEvent)| EventDocument {
        id: format!("{link}/{number}"),
        community: settled.community.to_owned(),
        start: BoundaryDate(settled.interval.start()),
        code: event.code.clone(),
        subject: event.subject.clone(),
        message: event.message.clone(),
    };
    settled.events.iter().enumerate().map(event).collect()
}

impl EventDocument {
    fn into_listed(self) -> Result<ListedEvent, Fault> {
        let number = self.id.rsplit('/').next().and_then(|number| number.parse().ok());
        let number = number.ok_or_else(|| Fault::Record(format!("event {} has no number", self.id).into()))?;
        let start = self.start.0;
        let event = StoredEvent { code: self.code, subject: self.subject, message: self.message };
        Ok(ListedEvent { place: EventPlace { at: start.seconds(), meter: None, number }, start: Some(start), event })
    }
}

/// Events in order of their place, see [`books::Books::events`].
pub(super) async fn list(
    server: &Server,
    community: &str,
    filter: &EventFilter,
    after: Option<&EventPlace>,
    limit: usize,
) -> Result<Vec<ListedEvent>, Fault> {
    let events = of_intervals(server, community, filter, after, limit).await?;
    let notices = notices::list(server, community, filter, after, limit).await?;
    Ok(merge(events, notices, limit))
}

async fn of_intervals(
    server: &Server,
    community: &str,
    filter: &EventFilter,
    after: Option<&EventPlace>,
    limit: usize,
) -> Result<Vec<ListedEvent>, Fault> {
    let Some(mark) = mark::find(server, community).await?.end() else { return Ok(Vec::new()) };
    let after = after.map(EventPlace::of_events);
    let mut conditions = vec![reach::within(community, filter.span, mark)];
    if let Some((start, _)) = after {
        let start = Boundary::from_seconds(start).unwrap_or(mark);
        conditions.push(doc! { "start": { "$gte": boundary_date(start) } });
    }
    conditions.extend(filter.code.as_ref().map(|code| doc! { "code": code }));
    conditions.extend(filter.subject.as_ref().map(|subject| doc! { "subject": subject }));
    let collection = server.of::<EventDocument>();
    let mut cursor = collection.find(doc! { "$and": conditions }).sort(doc! { "start": 1 }).await?;
    let mut events: Vec<ListedEvent> = Vec::new();
    // The number is within the `_id`, so that the server cannot sort by it: the last interval is read to its end.
    while cursor.advance().await? {
        let listed = decode::<EventDocument>("event", cursor.current())?.into_listed()?;
        if events.len() >= limit && events.last().is_none_or(|last| last.place.at < listed.place.at) {
            break;
        }
        if after.is_none_or(|after| (listed.place.at, listed.place.number) > after) {
            events.push(listed);
        }
    }
    events.sort_by(|a, b| a.place.cmp(&b.place));
    events.truncate(limit);
    Ok(events)
}
