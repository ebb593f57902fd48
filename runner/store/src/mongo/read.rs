//! Reads intervals with what became of their trades, and what else people ask for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::Boundary;
use mongodb::bson::doc;
use serde::Deserialize;
use tokio_stream::StreamExt;

use super::addition;
use super::document::{all, each};
use super::events::EventDocument;
use super::fault::Fault;
use super::field::boundary_date;
use super::link::{AdditionLink, IntervalLink};
use super::mark::{self, Mark};
use super::reach;
use super::server::{Server, Stored};
use super::trades::{self, TradeDocument};
use books::{Span, StoredEvent, StoredInterval};

/// Intervals that are held in memory at a time.
const PAGE: usize = 100;

/// Intervals in order of time, with their trades as they are now.
pub(super) async fn intervals(
    server: &Server,
    community: &str,
    span: Span,
    limit: usize,
) -> Result<Vec<StoredInterval>, Fault> {
    let mark = mark::find(server, community).await?;
    up_to(server, &mark, span, limit).await
}

/// Intervals up to a mark.
async fn up_to(server: &Server, at: &Mark, span: Span, limit: usize) -> Result<Vec<StoredInterval>, Fault> {
    let (community, Some(mark)) = (at.community.as_str(), at.end()) else { return Ok(Vec::new()) };
    if limit == 0 {
        return Ok(Vec::new());
    }
    let find = server.intervals.find(reach::within(community, span, mark)).sort(doc! { "start": 1 });
    let mut links = Vec::new();
    for document in all("interval", find.limit(i64::try_from(limit).unwrap_or(i64::MAX))).await? {
        links.push(IntervalLink::read(server, &document).await?);
    }
    let mut added = additions(server, at, &links).await?;
    let mut changed = changed(server, community, &links).await?;
    let stored = |link: IntervalLink| {
        let start = link.interval.start();
        let mut stored = link.into_stored();
        for AdditionLink { added, .. } in added.remove(&start).unwrap_or_default() {
            stored.trades.extend(added.trades);
            stored.gaps.extend(added.gaps);
            stored.decided.extend(added.decided);
            stored.events.extend(added.events);
        }
        changed.remove(&start).into_iter().flatten().for_each(|document| document.overlay(&mut stored.trades));
        stored
    };
    Ok(links.into_iter().map(stored).collect())
}

/// What was added to these intervals, up to a mark.
async fn additions(
    server: &Server,
    at: &Mark,
    links: &[IntervalLink],
) -> Result<BTreeMap<Boundary, Vec<AdditionLink>>, Fault> {
    let mut added: BTreeMap<Boundary, Vec<AdditionLink>> = BTreeMap::new();
    let with = links.iter().filter(|link| link.fields.added.unwrap_or(false)).map(|link| link.interval.start());
    let Some((first, last)) = with.clone().min().zip(with.max()) else { return Ok(added) };
    let span = Span { from: Some(first.seconds()), to: Some(last.seconds() + 1) };
    for link in addition::list(server, &at.community, span).await? {
        // One beyond the mark nobody has completed yet.
        if link.document.number <= at.number {
            added.entry(link.interval.start()).or_default().push(link);
        }
    }
    Ok(added)
}

/// The documents of trades of these intervals of which something has become.
async fn changed(
    server: &Server,
    community: &str,
    links: &[IntervalLink],
) -> Result<BTreeMap<Boundary, Vec<TradeDocument>>, Fault> {
    let mut changed: BTreeMap<Boundary, Vec<TradeDocument>> = BTreeMap::new();
    let with = links.iter().filter(|link| link.fields.fresh < link.fields.paid).map(|link| link.interval.end());
    let Some((first, last)) = with.clone().min().zip(with.max()) else { return Ok(changed) };
    for document in trades::changed(server, &[community], first, last).await? {
        changed.entry(document.start.0).or_default().push(document);
    }
    Ok(changed)
}

/// A community's intervals up to its mark, read page by page.
pub(super) struct Intervals<'s> {
    server: &'s Server,
    community: &'s str,
    span: Span,
    /// The number of the last link that counts; none: that of the mark.
    number: Option<u64>,
    page: VecDeque<StoredInterval>,
    is_over: bool,
}

impl<'s> Intervals<'s> {
    pub(super) fn new(server: &'s Server, community: &'s str, span: Span, number: Option<u64>) -> Intervals<'s> {
        Intervals { server, community, span, number, page: VecDeque::new(), is_over: false }
    }

    pub(super) async fn next(&mut self) -> Result<Option<StoredInterval>, Fault> {
        if self.page.is_empty() && !self.is_over {
            let mut mark = mark::find(self.server, self.community).await?;
            mark.number = self.number.unwrap_or(mark.number);
            self.page = up_to(self.server, &mark, self.span, PAGE).await?.into();
            self.is_over = self.page.len() < PAGE;
            let last = self.page.back().map(|last| last.interval.start().seconds().saturating_add(1));
            self.span.from = last.or(self.span.from);
        }
        Ok(self.page.pop_front())
    }
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
        doc! { "$match": { "community": community, "start": { "$lt": boundary_date(mark) } } },
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
        "community": community, "code": { "$in": codes }, "start": { "$lt": boundary_date(mark) },
    };
    each("event", server.of::<Told>().find(filter), |Told { code, subject, message }| {
        told.insert(StoredEvent { code, subject, message });
        Ok(())
    })
    .await?;
    Ok(told)
}
