//! Reads intervals with what became of their trades, and what else people ask for.

use std::collections::{BTreeMap, BTreeSet};

use domain::Boundary;
use mongodb::bson::doc;
use serde::Deserialize;
use tokio_stream::StreamExt;

use super::document::{all, each};
use super::events::EventDocument;
use super::fault::Fault;
use super::link::{AdditionLink, IntervalLink};
use super::server::{Server, Stored};
use super::{addition, field, mark, trades};
use books::{Span, StoredEvent, StoredInterval, StoredTrade};

/// Intervals in order of time, with their trades as they are now.
pub(super) async fn intervals(
    server: &Server,
    community: &str,
    span: Span,
    limit: usize,
) -> Result<Vec<StoredInterval>, Fault> {
    let at = mark::find(server, community).await?;
    let Some(mark) = at.end() else { return Ok(Vec::new()) };
    if limit == 0 {
        return Ok(Vec::new());
    }
    let find = server.intervals.find(trades::within(community, span, mark)).sort(doc! { "start": 1 });
    let mut links = Vec::new();
    for document in all("interval", find.limit(i64::try_from(limit).unwrap_or(i64::MAX))).await? {
        links.push(IntervalLink::read(server, &document).await?);
    }
    let (Some(first), Some(last)) = (links.first(), links.last()) else { return Ok(Vec::new()) };
    let page = Span {
        from: Some(first.interval.start().seconds()),
        // The last one whole, and nothing after it.
        to: Some(last.interval.start().seconds() + 1),
    };
    let mut born: BTreeMap<Boundary, Vec<StoredTrade>> = BTreeMap::new();
    for trade in trades::list(server, community, page, None, None, usize::MAX).await? {
        born.entry(trade.interval.start()).or_default().push(trade);
    }
    let mut added: BTreeMap<Boundary, Vec<AdditionLink>> = BTreeMap::new();
    for link in addition::list(server, community, page).await? {
        added.entry(link.interval.start()).or_default().push(link);
    }
    let with_trades = |link: IntervalLink| {
        let start = link.interval.start();
        let mut stored = StoredInterval { trades: born.remove(&start).unwrap_or_default(), ..link.into_stored() };
        for AdditionLink { document, added, .. } in added.remove(&start).unwrap_or_default() {
            if document.number <= at.number {
                stored.gaps.extend(added.gaps);
                stored.decided.extend(added.decided);
                stored.events.extend(added.events);
            } else {
                // Nobody has completed it yet.
                stored.trades.retain(|trade| !added.trades.iter().any(|other| other.id == trade.id));
            }
        }
        stored
    };
    Ok(links.into_iter().map(with_trades).collect())
}

/// How many events of a code there are.
#[derive(Deserialize)]
struct Count {
    #[serde(rename = "_id")]
    code: String,
    count: u64,
}

/// How many events of each code a community has.
pub(super) async fn event_counts(server: &Server, community: &str) -> Result<Vec<(String, u64)>, Fault> {
    let Some(mark) = mark::find(server, community).await?.end() else { return Ok(Vec::new()) };
    let pipeline = [
        doc! { "$match": { "community": community, "start": { "$lt": field::boundary_date(mark) } } },
        doc! { "$group": { "_id": "$code", "count": { "$sum": 1 } } },
        doc! { "$sort": { "_id": 1 } },
    ];
    let counts = server.of::<EventDocument>().aggregate(pipeline).with_type::<Count>().await?;
    let counts: Result<Vec<Count>, _> = counts.collect().await;
    Ok(counts?.into_iter().map(|Count { code, count }| (code, count)).collect())
}

/// What people read of an event.
#[derive(Deserialize)]
struct Told {
    code: String,
    subject: String,
    message: String,
}

impl Stored for Told {
    const COLLECTION: &'static str = EventDocument::COLLECTION;
}

/// What was told of a community by events with these codes.
pub(super) async fn told(server: &Server, community: &str, codes: &[&str]) -> Result<BTreeSet<StoredEvent>, Fault> {
    let mut told = BTreeSet::new();
    let Some(mark) = mark::find(server, community).await?.end() else { return Ok(told) };
    let filter = doc! {
        "community": community, "code": { "$in": codes }, "start": { "$lt": field::boundary_date(mark) },
    };
    each("event", server.of::<Told>().find(filter), |Told { code, subject, message }| {
        told.insert(StoredEvent { code, subject, message });
        Ok(())
    })
    .await?;
    Ok(told)
}
