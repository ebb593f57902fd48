//! Commits and decisions: a chain of links for each community, and a mark up to which all that follows is there.
//!
//! A link is one document whose `_id` is the community and its number. Whoever inserts number n + 1 first has committed;
//! the server refuses the second one. A link holds everything of its interval, trades included. What follows from it (events that are
//! found by themselves, and the sums of its day) any process can make at any time, under ids that derive from their place. The sums of
//! the newest day move with the mark, in one document, from one number of a link to the next; so each interval counts in them once.
//! Readers see nothing beyond the mark. So a process may die between any two steps, and the next one that asks for the community's
//! state finishes its work.

use std::sync::Arc;

use domain::Boundary;
use domain::disputes::{LastRead, ReadAt};
use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;

use super::days::Summing;
use super::document::{self, all, insert, insert_in_order, insert_missing};
use super::fault::Fault;
use super::known::FullMark;
use super::link::{
    self, AdditionDocument, AdditionLink, DecisionLink, IntervalLink, Link, NewInterval, Settled, Traded,
};
use super::mark::{self, Mark};
use super::server::Server;
use super::{addition, algorithms, events, leases, sums, takeover};
use books::{Addition, Change, Commit, CommitOutcome, ExpectedState, Progress, Span};

/// The mark of a community, after completing what somebody has left half-done.
pub(super) async fn completed(server: &Server, community: &str) -> Result<Mark, Fault> {
    // What this process left last is so as long as no link comes after it.
    let mut mark = match server.known_mark(community) {
        Some(known) => known.mark,
        None => mark::find(server, community).await?,
    };
    while server.is_writable() {
        let Some(next) = link::find(server, community, mark.number + 1).await? else { break };
        let link = Link::read(server, &next).await?;
        tracing::info!(community, %link, "completing what was left half-written");
        let before = mark::full(server, community).await?;
        // Unless somebody else has just completed it.
        if before.mark.number == mark.number {
            complete(server, community, &before, &link).await?;
        }
        mark = mark::find(server, community).await?;
    }
    Ok(mark)
}

/// Makes what follows from the link after a mark, then moves the mark past it. Answers the mark then, unless somebody else has moved
/// it.
async fn complete(server: &Server, community: &str, before: &FullMark, link: &Link) -> Result<Option<FullMark>, Fault> {
    match link {
        Link::Interval(link) => complete_intervals(server, before, &[(link.settled(), link.traded())]).await,
        Link::Decision(link) => {
            let change = algorithms::decision(community, link.number, &link.change.0);
            insert_missing(&server.of::<algorithms::ChangeDocument>(), &[change]).await?;
            before.advance(server, community, &Mark::of_decision(link.number), None).await
        }
        Link::Addition(link) => complete_addition(server, before, link).await,
    }
}

/// Makes what follows from intervals that follow each other, then moves the mark past them.
async fn complete_intervals(
    server: &Server,
    before: &FullMark,
    intervals: &[(Settled<'_>, Traded<'_>)],
) -> Result<Option<FullMark>, Fault> {
    let Some((last, _)) = intervals.last() else { return Ok(None) };
    let mut summed = Summing::from(before)?;
    for (_, traded) in intervals {
        summed.add(traded)?;
    }
    let documents: Vec<events::EventDocument> =
        intervals.iter().flat_map(|(settled, _)| events::documents(settled)).collect();
    let of_events = server.of();
    let (told, over) = tokio::join!(insert_missing(&of_events, &documents), summed.keep_over(server, last.community));
    told?;
    over?;
    let by = Mark::of_interval(last.number, last.interval.end());
    before.advance(server, last.community, &by, Some(&summed)).await
}

/// Makes what follows from an addition, then moves the mark past it.
async fn complete_addition(server: &Server, before: &FullMark, link: &AdditionLink) -> Result<Option<FullMark>, Fault> {
    let AdditionDocument { community, number, .. } = &link.document;
    addition::keep(server, link).await?;
    insert_missing(&server.of(), &events::documents(&link.settled())).await?;
    // A member's trades with the grid are compared with its tariff, which a gap may bring: what was summed is summed again.
    let summed = sums::again(server, community, before, *number).await?;
    let by = Mark::of_addition(*number, before.mark.last_interval());
    before.advance(server, community, &by, Some(&summed)).await
}

/// Commits intervals of one community that follow each other, the first of them as far as they can be; `by` tells this commit
/// from any other, however often it is tried. Answers how many are committed, and the result of the last one attempted.
pub(super) async fn commit(
    server: &Server,
    commits: &[Arc<Commit>],
    by: ObjectId,
) -> Result<(usize, Result<CommitOutcome, Fault>), Fault> {
    let Some(first) = commits.first() else { return Ok((0, Ok(CommitOutcome::Committed))) };
    let community = &first.community;
    server.check_writable()?;
    // Whoever commits after the mark that was known last finds out, by the number of the link, if it has moved since.
    let before = match server.known_mark(community) {
        Some(known) if follows(&known.mark, first) => known,
        _ => {
            completed(server, community).await?;
            mark::full(server, community).await?
        }
    };
    let number = before.mark.number + 1;
    if !follows(&before.mark, first) {
        // An earlier try may have left the first of them, or all.
        let newest = before.mark.number;
        let mut kept = 0;
        while kept < commits.len()
            && let Some(number) = newest.checked_sub(kept as u64)
            && is_own(server, community, number, by).await?
        {
            kept += 1;
        }
        return after_kept(server, commits, kept, by).await;
    }
    if leases::is_fenced(server, community, first.fence).await? {
        return Ok((0, Ok(CommitOutcome::Fenced)));
    }
    if before.mark.number == 0 {
        mark::check_code(server, community).await?;
    }
    let (links, ended) = links(server, commits, number, by).await?;
    let inserted = insert_in_order(&server.intervals.clone_with_type(), &links).await?;
    let settled = commits.iter().take(inserted).zip(number..);
    let settled: Vec<_> = settled.map(|(commit, number)| (Settled::of(commit, number), Traded::of(commit))).collect();
    match complete_intervals(server, &before, &settled).await? {
        Some(mark) => server.remember_mark(community, mark),
        None => server.forget_mark(community),
    }
    if inserted < links.len() {
        // Somebody else was faster, or this is what an earlier try has left.
        server.forget_mark(community);
    }
    if inserted < links.len() || server.known_mark(community).is_none() {
        completed(server, community).await?;
    }
    if inserted < links.len() {
        let mut kept = inserted;
        while kept < links.len() && is_own(server, community, number + kept as u64, by).await? {
            kept += 1;
        }
        let rest = commits.get(inserted..).unwrap_or_default();
        let (more, ended) = after_kept(server, rest, kept - inserted, by).await?;
        return Ok((inserted + more, ended));
    }
    Ok((inserted, ended))
}

/// The links of commits, from a number on, as far as they can be kept and each is made of what the one before leaves; and what comes
/// of the first that cannot.
async fn links(
    server: &Server,
    commits: &[Arc<Commit>],
    first: u64,
    by: ObjectId,
) -> Result<(Vec<NewInterval>, Result<CommitOutcome, Fault>), Fault> {
    let mut links = Vec::new();
    let mut before: Option<&Commit> = None;
    for (commit, number) in commits.iter().zip(first..) {
        if before.is_some_and(|before| !comes_after(before, commit)) {
            return Ok((links, Ok(CommitOutcome::Overtaken)));
        }
        match NewInterval::new(server, commit, number, by).await {
            Ok(link) => links.push(link),
            // What cannot be kept ends the batch, and those before it are kept.
            Err(fault @ Fault::Refused(_)) => return Ok((links, Err(fault))),
            Err(fault) => return Err(fault),
        }
        before = Some(commit);
    }
    Ok((links, Ok(CommitOutcome::Committed)))
}

/// Goes on after those of the commits that an earlier try has kept; if it has kept none, somebody else was faster.
async fn after_kept(
    server: &Server,
    commits: &[Arc<Commit>],
    kept: usize,
    by: ObjectId,
) -> Result<(usize, Result<CommitOutcome, Fault>), Fault> {
    match commits.get(kept..) {
        Some(rest) if kept > 0 && !rest.is_empty() => {
            let (more, ended) = Box::pin(commit(server, rest, by)).await?;
            Ok((kept + more, ended))
        }
        Some([]) => Ok((kept, Ok(CommitOutcome::Committed))),
        _ => Ok((0, Ok(CommitOutcome::Overtaken))),
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

/// Adds to the newest interval; `by` tells this addition from any other, however often it is tried.
pub(super) async fn add(server: &Server, addition: &Addition, by: ObjectId) -> Result<CommitOutcome, Fault> {
    server.check_writable()?;
    let community = &addition.community;
    let mark = completed(server, community).await?;
    let number = mark.number + 1;
    if mark.end() != Some(addition.interval.end()) || mark.decision() != addition.decision || !mark.has_pending() {
        return kept_or_overtaken(server, community, mark.number, by).await;
    }
    if leases::is_fenced(server, community, addition.fence).await? {
        return Ok(CommitOutcome::Fenced);
    }
    if addition.trades.iter().any(|trade| trade.state.is_some()) {
        let reason =
            "what decisions about meters come to is traded with the grid, and an addition has a trade between members";
        return Err(Fault::Refused(reason.into()));
    }
    let is_new = insert(&server.intervals.clone_with_type(), &AdditionDocument::new(addition, number, by)).await?;
    completed(server, community).await?;
    if is_new { Ok(CommitOutcome::Committed) } else { kept_or_overtaken(server, community, number, by).await }
}

/// Whether the link with that number is an earlier try of this very commit, whose answer was lost.
async fn kept_or_overtaken(
    server: &Server,
    community: &str,
    number: u64,
    by: ObjectId,
) -> Result<CommitOutcome, Fault> {
    let is_kept = is_own(server, community, number, by).await?;
    Ok(if is_kept { CommitOutcome::Committed } else { CommitOutcome::Overtaken })
}

/// Whether the link with that number is this very one.
async fn is_own(server: &Server, community: &str, number: u64, by: ObjectId) -> Result<bool, Fault> {
    let link = link::find(server, community, number).await?;
    Ok(link.is_some_and(|link| link.get_object_id("by").ok() == Some(by)))
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
        if mark.decision() > 0 && is_own(server, community, mark.decision(), by).await? {
            return Ok(Some(mark.decision()));
        }
        if !expected.holds(mark.end(), mark.decision()) {
            return Ok(None);
        }
        if mark.number == 0 {
            mark::check_code(server, community).await?;
        }
        let number = mark.number + 1;
        let link = DecisionLink::new(community, number, change, by);
        // If somebody else was there first, what is asked may still be true.
        if insert(&server.intervals.clone_with_type(), &link).await? {
            completed(server, community).await?;
            return Ok(Some(number));
        }
    }
}

/// The mark of a community, and the last registers of every meter.
pub(super) async fn progress(server: &Server, community: &str) -> Result<Progress, Fault> {
    if let Some(known) = server.known_mark(community)
        && let Some(progress) = unmoved(server, &known.mark).await?
    {
        return Ok(progress);
    }
    let mark = completed(server, community).await?;
    let Some(boundary) = mark.end() else {
        let original = takeover::end(server).await?;
        return Ok(Progress { original, decision: mark.decision(), ..Progress::default() });
    };
    let number = mark.last_interval();
    let Some(newest) = link::find(server, community, number).await? else {
        return Err(Fault::Record(format!("interval {} is missing", link::id(community, number)).into()));
    };
    progress_at(server, &mark, boundary, IntervalLink::read(server, &newest).await?).await
}

/// The progress where this process left it last, unless a link has come after it: one question for both.
async fn unmoved(server: &Server, mark: &Mark) -> Result<Option<Progress>, Fault> {
    let Some(boundary) = mark.end() else { return Ok(None) };
    let (newest, next) = (link::id(&mark.community, mark.last_interval()), link::id(&mark.community, mark.number + 1));
    let found = all("link", server.intervals.find(doc! { "_id": { "$in": [&newest, next] } })).await?;
    match &found[..] {
        [link] if document::id(link) == newest => {
            progress_at(server, mark, boundary, IntervalLink::read(server, link).await?).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// The progress at a mark that ends at a boundary, with the newest interval.
async fn progress_at(server: &Server, mark: &Mark, boundary: Boundary, link: IntervalLink) -> Result<Progress, Fault> {
    let (community, number) = (&mark.community, mark.last_interval());
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
    let decision = mark.decision();
    Ok(Progress { mark: Some(boundary), last_reads, decision, taken: decision.min(mark.taken()), original: None })
}
