//! Commits and decisions: a chain of links for each community, and a mark up to which all that follows is there.
//!
//! A link is one document whose `_id` is the community and its number. Whoever inserts number n + 1 first has committed;
//! the server refuses the second one. A link holds everything of its interval, so the documents that people and the
//! platform read (trades, events) only repeat it: any process can write them again at any time, under ids that derive from
//! their place. Only when they are all there does the mark move past the link, and readers see nothing beyond the mark. So
//! a process may die between any two steps, and the next one that asks for the community's state finishes its work.

use domain::disputes::{LastRead, ReadAt};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, doc};

use super::document::{self, all, decode, insert, insert_missing};
use super::fault::Fault;
use super::link::{self, AdditionDocument, AdditionLink, DecisionLink, IntervalLink, Link, NewInterval, Settled};
use super::mark::{self, Mark};
use super::server::Server;
use super::trades::{self, TradeDocument};
use super::{addition, algorithms, events, leases, takeover};
use books::{Addition, Change, Commit, Committed, ExpectedState, Progress, Span};

/// The mark of a community, after completing what somebody has left half-done.
pub(super) async fn completed(server: &Server, community: &str) -> Result<Mark, Fault> {
    let mut mark = mark::find(server, community).await?;
    while server.is_writable() {
        let Some(next) = link::find(server, community, mark.number + 1).await? else { break };
        let link = Link::read(server, &next).await?;
        tracing::info!(community, %link, "completing what was left half-written");
        complete(server, &link).await?;
        mark = mark::find(server, community).await?;
    }
    Ok(mark)
}

async fn complete(server: &Server, link: &Link) -> Result<(), Fault> {
    match link {
        Link::Interval(link) => complete_interval(server, &link.settled()).await,
        Link::Decision(link) => complete_decision(server, &link.community, link.number, &link.change.0).await,
        Link::Addition(link) => complete_addition(server, link).await,
    }
}

/// Writes what follows from an interval, then moves the mark past it.
async fn complete_interval(server: &Server, settled: &Settled<'_>) -> Result<(), Fault> {
    write_out(server, settled).await?;
    mark::advance(server, settled.community, &Mark::of_interval(settled.number, settled.interval.end())).await
}

/// Writes what follows from an addition, then moves the mark past it.
async fn complete_addition(server: &Server, link: &AdditionLink) -> Result<(), Fault> {
    addition::keep(server, link).await?;
    write_out(server, &link.settled()).await?;
    let AdditionDocument { community, number, .. } = &link.document;
    let interval = mark::find(server, community).await?.last_interval();
    mark::advance(server, community, &Mark::of_addition(*number, interval)).await
}

/// Writes the trades and events of a link.
async fn write_out(server: &Server, settled: &Settled<'_>) -> Result<(), Fault> {
    let documents = trades::documents(settled);
    let there = insert_missing(&server.trades.clone_with_type(), &documents).await?;
    check_same(server, settled, there.iter().filter_map(|position| documents.get(*position))).await?;
    insert_missing(&server.of(), &events::documents(settled)).await.map(drop)
}

/// Writes what people read of a decision, then moves the mark past it.
async fn complete_decision(server: &Server, community: &str, number: u64, change: &Change) -> Result<(), Fault> {
    insert_missing(&server.of::<algorithms::ChangeDocument>(), &[algorithms::decision(community, number, change)])
        .await?;
    mark::advance(server, community, &Mark::of_decision(number)).await
}

/// Trades that were there before must be the same ones: an id that somebody else has taken would hide one of ours.
async fn check_same(
    server: &Server,
    settled: &Settled<'_>,
    there: impl Iterator<Item = &TradeDocument>,
) -> Result<(), Fault> {
    let ids: Vec<Bson> = there.map(|trade| trade.id.into()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    for found in all("trade", server.trades.find(doc! { "_id": { "$in": ids } })).await? {
        let same = |trade: TradeDocument| {
            trade.community == settled.community && trade.interval().is_ok_and(|of| of == settled.interval)
        };
        if !decode("trade", &found).is_ok_and(same) {
            return Err(Fault::Record(
                format!(
                    "the id {} of a trade of interval {} is taken by another document",
                    document::id(&found),
                    settled.interval
                )
                .into(),
            ));
        }
    }
    Ok(())
}

/// Commits an interval; `by` tells this commit from any other, however often it is tried.
pub(super) async fn commit(server: &Server, commit: &Commit, by: ObjectId) -> Result<Committed, Fault> {
    server.check_writable()?;
    let mark = completed(server, &commit.community).await?;
    let number = mark.number + 1;
    let is_expected = mark.end() == commit.after && mark.decision() == commit.decision;
    if !is_expected || mark.end().is_some_and(|end| end >= commit.cleared.interval.end()) {
        return kept_or_overtaken(server, &commit.community, mark.number, by).await;
    }
    if leases::is_fenced(server, &commit.community, commit.fence).await? {
        return Ok(Committed::Fenced);
    }
    let link = NewInterval::new(server, commit, number, by).await?;
    if !insert(&server.intervals.clone_with_type(), &link).await? {
        return kept_or_overtaken(server, &commit.community, number, by).await;
    }
    complete_interval(server, &Settled::of(commit, number)).await?;
    Ok(Committed::Now)
}

/// Adds to the newest interval; `by` tells this addition from any other, however often it is tried.
pub(super) async fn add(server: &Server, addition: &Addition, by: ObjectId) -> Result<Committed, Fault> {
    server.check_writable()?;
    let community = &addition.community;
    let mark = completed(server, community).await?;
    let number = mark.number + 1;
    if mark.end() != Some(addition.interval.end()) || mark.decision() != addition.decision || !mark.has_pending() {
        return kept_or_overtaken(server, community, mark.number, by).await;
    }
    if leases::is_fenced(server, community, addition.fence).await? {
        return Ok(Committed::Fenced);
    }
    let document = AdditionDocument::new(addition, number, by);
    if !insert(&server.intervals.clone_with_type(), &document).await? {
        return kept_or_overtaken(server, community, number, by).await;
    }
    complete_addition(server, &AdditionLink::read(document)?).await?;
    Ok(Committed::Now)
}

/// Whether the link with that number is an earlier try of this very commit, whose answer was lost.
async fn kept_or_overtaken(server: &Server, community: &str, number: u64, by: ObjectId) -> Result<Committed, Fault> {
    let is_kept = complete_own(server, community, number, by).await?;
    Ok(if is_kept { Committed::Now } else { Committed::Overtaken })
}

/// Completes the link with that number if it is this very one; answers whether it is.
async fn complete_own(server: &Server, community: &str, number: u64, by: ObjectId) -> Result<bool, Fault> {
    match link::find(server, community, number).await? {
        Some(document) if document.get_object_id("by").ok() == Some(by) => {
            complete(server, &Link::read(server, &document).await?).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Keeps a decision if the community still is where it should be; answers its number. `by` tells this decision from any
/// other, however often it is tried.
pub(super) async fn decide(
    server: &Server,
    community: &str,
    change: &Change,
    expected: ExpectedState,
    by: ObjectId,
) -> Result<Option<u64>, Fault> {
    server.check_writable()?;
    loop {
        let mark = completed(server, community).await?;
        // The answer to an earlier try may have been lost.
        if mark.decision() > 0 && complete_own(server, community, mark.decision(), by).await? {
            return Ok(Some(mark.decision()));
        }
        if !expected.holds(mark.end(), mark.decision()) {
            return Ok(None);
        }
        let number = mark.number + 1;
        let link = DecisionLink::new(community, number, change, by);
        // If somebody else was there first, what is asked may still be true.
        if insert(&server.intervals.clone_with_type(), &link).await? {
            complete_decision(server, community, number, change).await?;
        }
    }
}

/// The mark of a community, and the last registers of every meter.
pub(super) async fn progress(server: &Server, community: &str) -> Result<Progress, Fault> {
    let mark = completed(server, community).await?;
    let Some(boundary) = mark.end() else {
        return Ok(Progress { original: takeover::end(server).await?, ..Progress::default() });
    };
    let number = mark.last_interval();
    let Some(newest) = link::find(server, community, number).await? else {
        return Err(Fault::Record(format!("interval {} is missing", link::id(community, number)).into()));
    };
    let link = IntervalLink::read(server, &newest).await?;
    let start = link.interval.start().seconds();
    let mut last_reads = link.whole.absent;
    for reading in link.whole.inputs.readings {
        let read = ReadAt { boundary, registers: reading.registers };
        last_reads.insert(reading.meter, LastRead::good(read));
    }
    last_reads.extend(link.whole.disputed);
    if mark.addition_after(number) {
        let span = Span { from: Some(start), to: Some(start + 1) };
        let added = addition::list(server, community, span).await?.into_iter();
        let added = added.filter(|link| link.document.number <= mark.number);
        last_reads.extend(added.flat_map(|link| link.added.states));
    }
    Ok(Progress { mark: Some(boundary), last_reads, taken: mark.decision().min(mark.taken()), original: None })
}
