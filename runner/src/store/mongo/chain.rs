//! Commits: a chain of links for each community, and a mark up to which all that follows from them is there.
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
use super::link::{self, Link};
use super::server::{Server, all};
use super::{leases, trades};
use crate::store::{Commit, Committed, Progress};

/// Where a community stands, for its readers.
pub(super) struct Standing {
    /// Links up to this number may be seen; 0 if none.
    pub(super) number: i64,
    /// The end of that link.
    pub(super) mark: Option<Boundary>,
}

/// The mark as it is kept.
pub(super) async fn standing(server: &Server, community: &str) -> Result<Standing, Fault> {
    let Some(found) = server.communities.find_one(doc! { "_id": community }).await? else {
        return Ok(Standing { number: 0, mark: None });
    };
    read_standing(&found).map_err(|fault| fault.of(|| format!("community {community}")))
}

fn read_standing(document: &Document) -> Result<Standing, Fault> {
    Ok(Standing { number: field::integer(document, "number")?, mark: Some(field::boundary(document, "mark")?) })
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
async fn completed(server: &Server, community: &str) -> Result<Standing, Fault> {
    let mut standing = standing(server, community).await?;
    while server.is_writable() {
        let Some(next) = link_document(server, community, standing.number + 1).await? else { break };
        let link = link::read(server, &next).await?;
        tracing::info!(community, interval = %link.interval, "completing an interval that was left half-written");
        complete(server, &link).await?;
        standing = Standing { number: link.number, mark: Some(link.interval.end()) };
    }
    Ok(standing)
}

/// Writes what follows from a link, then moves the mark past it.
async fn complete(server: &Server, link: &Link) -> Result<(), Fault> {
    let documents = trades::documents(link)?;
    let there = server.insert_derived(&server.matches, &documents).await?;
    check_same(server, link, &there).await?;
    server.insert_derived(&server.events, &events(link)).await?;
    // Forward only, whoever comes last.
    let forward = doc! { "$max": { "number": link.number, "mark": field::boundary_date(link.interval.end()) } };
    let mark = doc! { "q": { "_id": &link.community }, "u": forward, "upsert": true };
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
    let event = |(number, event): (i64, &crate::store::StoredEvent)| {
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

/// As [`crate::store::Store::commit`]; `by` tells this commit from any other, however often it is tried.
pub(super) async fn commit(server: &Server, commit: &Commit, by: ObjectId) -> Result<Committed, Fault> {
    server.check_writable()?;
    let standing = completed(server, &commit.community).await?;
    let end = commit.interval.end();
    if standing.mark != commit.after || standing.mark.is_some_and(|mark| mark >= end) {
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
    complete(server, &link::read(server, &document).await?).await?;
    Ok(Committed::Now)
}

/// Whether the link with that number is an earlier try of this very commit, whose answer was lost.
async fn verdict(server: &Server, commit: &Commit, number: i64, by: ObjectId) -> Result<Committed, Fault> {
    match link_document(server, &commit.community, number).await? {
        Some(document) if document.get("by") == Some(&Bson::ObjectId(by)) => {
            complete(server, &link::read(server, &document).await?).await?;
            Ok(Committed::Now)
        }
        _ => Ok(Committed::Overtaken),
    }
}

/// As [`crate::store::Store::progress`].
pub(super) async fn progress(server: &Server, community: &str) -> Result<Progress, Fault> {
    let standing = completed(server, community).await?;
    let Some(mark) = standing.mark else {
        return Ok(Progress { original: trades::original_end(server).await?, ..Progress::default() });
    };
    let Some(newest) = link_document(server, community, standing.number).await? else {
        return Err(Fault::Record(format!("interval {} is missing", link::id(community, standing.number))));
    };
    let Link { whole, .. } = link::read(server, &newest).await?;
    let mut last_reads = whole.absent;
    for reading in whole.inputs.readings {
        last_reads.insert(reading.meter, LastRead { boundary: mark, registers: reading.registers });
    }
    Ok(Progress { mark: Some(mark), last_reads, original: None })
}
