//! Commits and decisions: a chain of links for each community, and a mark up to which all that follows is there.
//!
//! A link is one document whose `_id` is the community and its number. Whoever inserts number n + 1 first has committed;
//! the server refuses the second one. A link holds everything of its interval, so the documents that people and the
//! platform read (trades, events) only repeat it: any process can write them again at any time, under ids that derive from
//! their place. Only when they are all there does the mark move past the link, and readers see nothing beyond the mark. So
//! a process may die between any two steps, and the next one that asks where the community stands finishes its work.

use domain::netting::LastRead;
use domain::{Boundary, TradeId};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};

use super::fault::{Fault, is_duplicate};
use super::field;
use super::link::{self, AnyLink, Link};
use super::server::{Server, all};
use super::{algorithms, leases, trades};
use books::{Change, Commit, Committed, ExpectedState, Progress};

/// Where a community stands, for its readers.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    /// Links up to this number may be seen; 0 if none.
    pub(super) number: i64,
    /// The number of the last one that is an interval; 0 if none.
    pub(super) interval: i64,
    /// Its end.
    pub(super) mark: Option<Boundary>,
    /// The number of the last one that is a decision; 0 if none.
    pub(super) course: i64,
}

impl Standing {
    const BEGINNING: Standing = Standing { number: 0, interval: 0, mark: None, course: 0 };

    /// Where a community stands that stood here, after one more link.
    fn past(self, link: &AnyLink) -> Standing {
        match link {
            AnyLink::Interval(link) => {
                Standing { number: link.number, interval: link.number, mark: Some(link.interval.end()), ..self }
            }
            AnyLink::Decision(decision) => Standing { number: decision.number, course: decision.number, ..self },
        }
    }

    /// Whether a commit that knows so much knows all.
    fn is_at(&self, mark: Option<Boundary>, course: u64) -> bool {
        self.mark == mark && u64::try_from(self.course) == Ok(course)
    }
}

/// The mark as it is kept.
pub(super) async fn standing(server: &Server, community: &str) -> Result<Standing, Fault> {
    let Some(found) = server.communities.find_one(doc! { "_id": community }).await? else {
        return Ok(Standing::BEGINNING);
    };
    read_standing(&found).map_err(|fault| fault.of(|| format!("community {community}")))
}

fn read_standing(document: &Document) -> Result<Standing, Fault> {
    let number = field::integer(document, "number")?;
    let there = |name| document.get(name).is_some_and(|value| *value != Bson::Null);
    let mark = there("mark").then(|| field::boundary(document, "mark")).transpose()?;
    // Before there were decisions every link was an interval.
    let interval = match (there("interval"), mark) {
        (true, _) => field::integer(document, "interval")?,
        (false, Some(_)) => number,
        (false, None) => 0,
    };
    let course = if there("course") { field::integer(document, "course")? } else { 0 };
    Ok(Standing { number, interval, mark, course })
}

/// Every community with its mark, in order of names.
pub(super) async fn marks(server: &Server) -> Result<Vec<(String, DateTime)>, Fault> {
    let documents = all(server.communities.find(doc! {}).sort(doc! { "_id": 1 })).await?;
    let mark = |document: &Document| {
        let standing = read_standing(document)?;
        // OK because a mark that was read is there.
        let mark = standing.mark.map_or(DateTime::MIN, field::boundary_date);
        Ok((field::text(document, "_id")?.to_owned(), mark))
    };
    documents
        .iter()
        .map(|document| mark(document).map_err(|fault: Fault| fault.of(|| "a community".to_owned())))
        .collect()
}

async fn link_document(server: &Server, community: &str, number: i64) -> Result<Option<Document>, Fault> {
    Ok(server.intervals.find_one(doc! { "_id": link::id(community, number) }).await?)
}

/// Where a community stands, after completing what somebody has left half-done.
pub(super) async fn completed(server: &Server, community: &str) -> Result<Standing, Fault> {
    let mut standing = standing(server, community).await?;
    while server.is_writable() {
        let Some(next) = link_document(server, community, standing.number + 1).await? else { break };
        let link = AnyLink::read(server, &next).await?;
        tracing::info!(community, link = %link, "completing what was left half-written");
        complete(server, &link).await?;
        standing = standing.past(&link);
    }
    Ok(standing)
}

/// Writes what follows from a link, then moves the mark past it.
async fn complete(server: &Server, link: &AnyLink) -> Result<(), Fault> {
    let (community, forward) = match link {
        AnyLink::Interval(link) => {
            let documents = trades::documents(link)?;
            let there = server.insert_derived(&server.matches, &documents).await?;
            check_same(server, link, &there).await?;
            server.insert_derived(&server.events, &events(link)).await?;
            let mark = field::boundary_date(link.interval.end());
            (&link.community, doc! { "number": link.number, "interval": link.number, "mark": mark })
        }
        AnyLink::Decision(decision) => {
            server.insert_derived(&server.changes, &[algorithms::decision(decision)]).await?;
            (&decision.community, doc! { "number": decision.number, "course": decision.number })
        }
    };
    // Forward only, whoever comes last.
    let mark = doc! { "q": { "_id": community }, "u": { "$max": forward }, "upsert": true };
    server.update(&server.communities, &[mark]).await
}

/// Trades that were there before must be the same ones: an id that somebody else has taken would hide one of ours.
async fn check_same(server: &Server, link: &Link, there: &[Bson]) -> Result<(), Fault> {
    if there.is_empty() {
        return Ok(());
    }
    for document in all(server.matches.find(doc! { "_id": { "$in": there } })).await? {
        let id = field::object_id(&document, "_id")?;
        let place = trades::stored(&document).map(|trade| (trade.interval, TradeId::from_bytes(id.bytes())));
        let ours = field::text(&document, "community").is_ok_and(|community| community == link.community);
        let same = |place| link.whole.trades.iter().any(|trade| (trade.interval, trade.id) == place);
        if !ours || !place.is_ok_and(same) {
            let interval = link.interval;
            return Err(Fault::Record(format!(
                "the id {id} of a trade of interval {interval} is taken by another document"
            )));
        }
    }
    Ok(())
}

fn events(link: &Link) -> Vec<Document> {
    let event = |(number, event): (i64, &books::StoredEvent)| {
        doc! {
            "_id": format!("{}/{number}", link::id(&link.community, link.number)),
            "community": &link.community,
            "start": field::boundary_date(link.interval.start()),
            "code": &event.code,
            "subject": &event.subject,
            "message": &event.message,
        }
    };
    (0..).zip(&link.whole.events).map(event).collect()
}

/// As [`books::Books::commit`]; `by` tells this commit from any other, however often it is tried.
pub(super) async fn commit(server: &Server, commit: &Commit, by: ObjectId) -> Result<Committed, Fault> {
    server.check_writable()?;
    let standing = completed(server, &commit.community).await?;
    let end = commit.cleared.interval.end();
    if !standing.is_at(commit.after, commit.decision) || standing.mark.is_some_and(|mark| mark >= end) {
        return verdict(server, commit, standing.number, by).await;
    }
    if leases::is_fenced(server, &commit.community, commit.fence).await? {
        return Ok(Committed::Fenced);
    }
    let document = link::document(server, commit, standing.number + 1, by).await?;
    match server.intervals.insert_one(&document).await {
        Err(error) if is_duplicate(&error) => return verdict(server, commit, standing.number + 1, by).await,
        inserted => inserted?,
    };
    complete(server, &AnyLink::read(server, &document).await?).await?;
    Ok(Committed::Now)
}

/// Whether the link with that number is an earlier try of this very commit, whose answer was lost.
async fn verdict(server: &Server, commit: &Commit, number: i64, by: ObjectId) -> Result<Committed, Fault> {
    Ok(if is_there(server, &commit.community, number, by).await? { Committed::Now } else { Committed::Overtaken })
}

/// Whether the link with that number is this very one; then it is completed.
async fn is_there(server: &Server, community: &str, number: i64, by: ObjectId) -> Result<bool, Fault> {
    match link_document(server, community, number).await? {
        Some(document) if document.get("by") == Some(&Bson::ObjectId(by)) => {
            complete(server, &AnyLink::read(server, &document).await?).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// As [`books::Decisions::decide`]; `by` tells this decision from any other, however often it is tried.
pub(super) async fn decide(
    server: &Server,
    community: &str,
    change: &Change,
    expected: ExpectedState,
    by: ObjectId,
) -> Result<Option<u64>, Fault> {
    server.check_writable()?;
    loop {
        let standing = completed(server, community).await?;
        let course =
            u64::try_from(standing.course).map_err(|_| Fault::Record("a decision has a number below 0".to_owned()))?;
        // The answer to an earlier try may have been lost.
        if standing.course > 0 && is_there(server, community, standing.course, by).await? {
            return Ok(Some(course));
        }
        if !expected.holds(standing.mark, course) {
            return Ok(None);
        }
        let document = algorithms::decision_link(community, standing.number + 1, change, by);
        match server.intervals.insert_one(&document).await {
            // Somebody was there first; what is asked may still be true.
            Err(error) if is_duplicate(&error) => {}
            inserted => {
                inserted?;
                complete(server, &AnyLink::read(server, &document).await?).await?;
            }
        }
    }
}

/// As [`books::Books::mark`].
pub(super) async fn mark(server: &Server, community: &str) -> Result<Option<Boundary>, Fault> {
    Ok(completed(server, community).await?.mark)
}

/// As [`books::Books::progress`].
pub(super) async fn progress(server: &Server, community: &str) -> Result<Progress, Fault> {
    let standing = completed(server, community).await?;
    let Some(mark) = standing.mark else {
        return Ok(Progress { original: trades::original_end(server).await?, ..Progress::default() });
    };
    let Some(newest) = link_document(server, community, standing.interval).await? else {
        return Err(Fault::Record(format!("interval {} is missing", link::id(community, standing.interval))));
    };
    let Link { whole, .. } = link::read(server, &newest).await?;
    let mut last_reads = whole.absent;
    for reading in whole.inputs.readings {
        last_reads.insert(reading.meter, LastRead { boundary: mark, registers: reading.registers });
    }
    Ok(Progress { mark: Some(mark), last_reads, original: None })
}
