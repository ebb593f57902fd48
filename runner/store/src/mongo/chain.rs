//! Commits and decisions: a chain of links for each community, and a mark up to which all that follows is there.
//!
//! A link is one document whose `_id` is the community and its number. Whoever inserts number n + 1 first has committed;
//! the server refuses the second one. A link holds everything of its interval, so the documents that people and the
//! platform read (trades, events) only repeat it: any process can write them again at any time, under ids that derive from
//! their place. Only when they are all there does the mark move past the link, and readers see nothing beyond the mark. So
//! a process may die between any two steps, and the next one that asks for the community's state finishes its work.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::disputes::{LastRead, ReadAt};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, doc};

use super::document::{self, all, decode, insert, insert_in_order, insert_missing};
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
    write_out_all(server, std::slice::from_ref(settled)).await
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

/// Commits intervals of one community that follow each other, the first of them as far as they can be; `by` tells this commit
/// from any other, however often it is tried. Answers how many are committed, and the result of the last one attempted.
pub(super) async fn commit(
    server: &Server,
    commits: &[Arc<Commit>],
    by: ObjectId,
) -> Result<(usize, Result<Committed, Fault>), Fault> {
    let Some(first) = commits.first() else { return Ok((0, Ok(Committed::Now))) };
    server.check_writable()?;
    // Whoever commits after the mark that was known last finds out, by the number of the link, if it has moved since.
    let mark = match server.known_mark(&first.community) {
        Some(mark) if follows(&mark, first) => mark,
        _ => completed(server, &first.community).await?,
    };
    if !follows(&mark, first) {
        // An earlier try may have left the first of them, or all.
        let mut kept = 0;
        while kept < commits.len()
            && let Some(number) = mark.number.checked_sub(kept as u64)
            && complete_own(server, &first.community, number, by).await?
        {
            kept += 1;
        }
        return after_kept(server, commits, kept, by).await;
    }
    if leases::is_fenced(server, &first.community, first.fence).await? {
        return Ok((0, Ok(Committed::Fenced)));
    }
    let (mut links, mut ended) = (Vec::new(), Ok(Committed::Now));
    let mut before: Option<&Commit> = None;
    for (commit, number) in commits.iter().zip(mark.number + 1..) {
        if before.is_some_and(|before| !comes_after(before, commit)) {
            ended = Ok(Committed::Overtaken);
            break;
        }
        match NewInterval::new(server, commit, number, by).await {
            Ok(link) => links.push(link),
            // What cannot be kept ends the batch, and those before it are kept.
            Err(fault @ Fault::Refused(_)) => {
                ended = Err(fault);
                break;
            }
            Err(fault) => return Err(fault),
        }
        before = Some(commit);
    }
    let inserted = insert_in_order(&server.intervals.clone_with_type(), &links).await?;
    let settled: Vec<Settled<'_>> = commits
        .iter()
        .take(inserted)
        .zip(mark.number + 1..)
        .map(|(commit, number)| Settled::of(commit, number))
        .collect();
    if let Some(last) = settled.last() {
        write_out_all(server, &settled).await?;
        let advanced = Mark::of_interval(last.number, last.interval.end());
        mark::advance(server, last.community, &advanced).await?;
        server.remember_mark(last.community, mark.after(&advanced));
    }
    if inserted < links.len() {
        // Somebody else was faster, or this is what an earlier try has left.
        server.forget_mark(&first.community);
        let mut kept = inserted;
        while kept < links.len() && complete_own(server, &first.community, mark.number + 1 + kept as u64, by).await? {
            kept += 1;
        }
        let (more, ended) =
            after_kept(server, commits.get(inserted..).unwrap_or_default(), kept - inserted, by).await?;
        return Ok((inserted + more, ended));
    }
    Ok((inserted, ended))
}

/// Goes on after those of the commits that an earlier try has kept; if it has kept none, somebody else was faster.
async fn after_kept(
    server: &Server,
    commits: &[Arc<Commit>],
    kept: usize,
    by: ObjectId,
) -> Result<(usize, Result<Committed, Fault>), Fault> {
    match commits.get(kept..) {
        Some(rest) if kept > 0 && !rest.is_empty() => {
            let (more, ended) = Box::pin(commit(server, rest, by)).await?;
            Ok((kept + more, ended))
        }
        Some([]) => Ok((kept, Ok(Committed::Now))),
        _ => Ok((0, Ok(Committed::Overtaken))),
    }
}

/// Whether a commit is made of this mark.
fn follows(mark: &Mark, commit: &Commit) -> bool {
    let is_expected = mark.end() == commit.after && mark.decision() == commit.decision;
    is_expected && mark.end().is_none_or(|end| end <= commit.cleared.interval.start())
}

/// Whether a commit is made of what another one leaves.
fn comes_after(before: &Commit, commit: &Commit) -> bool {
    let end = before.cleared.interval.end();
    let is_same =
        (&before.community, before.decision, before.fence) == (&commit.community, commit.decision, commit.fence);
    is_same && commit.after == Some(end) && end <= commit.cleared.interval.start()
}

/// Writes the trades and events of links, those of all at once.
async fn write_out_all(server: &Server, settled: &[Settled<'_>]) -> Result<(), Fault> {
    let trades: Vec<TradeDocument> = settled.iter().flat_map(trades::documents).collect();
    let events: Vec<events::EventDocument> = settled.iter().flat_map(events::documents).collect();
    let (collection, of_events) = (server.trades.clone_with_type(), server.of());
    let (there, written) = tokio::join!(insert_missing(&collection, &trades), insert_missing(&of_events, &events));
    written?;
    let there: BTreeSet<usize> = there?.into_iter().collect();
    let mut first = 0;
    for settled in settled {
        let last = first + settled.trades.len();
        let of_this = there.range(first..last).filter_map(|position| trades.get(*position));
        check_same(server, settled, of_this).await?;
        first = last;
    }
    Ok(())
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
