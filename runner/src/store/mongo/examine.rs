//! Checks what no query for an interval would show: that chains are whole, and that trades are those of their links.

use std::collections::BTreeMap;

use domain::{Boundary, TradeId};
use mongodb::bson::{Bson, Document, doc};
use tokio_stream::StreamExt;

use super::fault::Fault;
use super::link::{self, Link};
use super::server::{Server, all};
use super::{chain, field, trades};

/// Findings told at most; a database that is lost needs no list of all that is lost.
const FINDINGS_MAX: usize = 20;
/// Documents looked at for each kind of finding.
const FINDINGS_ASKED: i64 = 20;

/// As [`crate::store::Store::examine`].
pub(super) async fn examine(server: &Server) -> Result<Vec<String>, Fault> {
    let mut findings = Vec::new();
    let mut names = Vec::new();
    for (community, _) in chain::marks(server).await? {
        chain(server, &community, &mut findings).await?;
        names.push(community);
    }
    let strays = doc! { "community": { "$exists": true, "$nin": names } };
    for stray in all(server.matches.find(strays).limit(FINDINGS_ASKED)).await? {
        if !is_half_written(server, &stray, 1).await? {
            findings.push(format!("{} belongs to no community", named(&stray)));
        }
    }
    findings.truncate(FINDINGS_MAX);
    Ok(findings)
}

/// Walks a community's chain from its first link to its mark.
async fn chain(server: &Server, community: &str, findings: &mut Vec<String>) -> Result<(), Fault> {
    let standing = chain::standing(server, community).await?;
    let mut end: Option<Boundary> = None;
    for number in 1..=standing.number {
        if findings.len() >= FINDINGS_MAX {
            return Ok(());
        }
        let id = link::id(community, number);
        let Some(document) = server.intervals.find_one(doc! { "_id": &id }).await? else {
            findings.push(format!("interval {id} is missing"));
            // What comes after cannot be held against it.
            continue;
        };
        let link = match link::read(server, &document).await {
            Ok(link) => link,
            Err(Fault::Record(reason)) => {
                findings.push(reason);
                continue;
            }
            Err(fault) => return Err(fault),
        };
        let follows = end.is_none() || link.after == end;
        if !follows || link.number != number || link.community != community {
            findings.push(format!("interval {id} does not follow from the one before"));
        }
        trades_of(server, &link, findings).await?;
        between(server, community, end, link.interval.start(), findings).await?;
        end = Some(link.interval.end());
    }
    if end != standing.mark {
        findings.push(format!("the mark of community {community} is not at the end of its last interval"));
    }
    let Some(mark) = standing.mark else { return Ok(()) };
    let beyond = doc! { "community": community, "timestamp": { "$gt": field::boundary_date(mark) } };
    for stray in all(server.matches.find(beyond).limit(FINDINGS_ASKED)).await? {
        if !is_half_written(server, &stray, standing.number + 1).await? {
            findings.push(format!("{} belongs to no interval", named(&stray)));
        }
    }
    Ok(())
}

/// A link's trades against the documents that should repeat them.
async fn trades_of(server: &Server, link: &Link, findings: &mut Vec<String>) -> Result<(), Fault> {
    let start = field::boundary_date(link.interval.start());
    let mut found: BTreeMap<TradeId, Document> = BTreeMap::new();
    let mut cursor = server.matches.find(doc! { "community": &link.community, "start": start }).await?;
    while let Some(document) = cursor.next().await {
        let document = document?;
        match document.get("_id") {
            Some(Bson::ObjectId(id)) => {
                found.insert(TradeId::from_bytes(id.bytes()), document);
            }
            _ => findings.push(format!("{} has no id of ours", named(&document))),
        }
    }
    for expected in trades::documents(link)? {
        let id = TradeId::from_bytes(field::object_id(&expected, "_id")?.bytes());
        match found.remove(&id) {
            None => findings.push(format!("trade {id} of interval {} is missing", link.interval)),
            // Only what becomes of a trade may change.
            Some(found) => findings.extend(changed(&expected, &found).map(|field| {
                format!("trade {id} of interval {}: field {field} is not what was settled", link.interval)
            })),
        }
    }
    findings.extend(found.keys().map(|id| format!("trade {id} is no trade of interval {}", link.interval)));
    Ok(())
}

fn changed(expected: &Document, found: &Document) -> Option<String> {
    let fixed = |(name, _): &(&String, &Bson)| name.as_str() != "metadata";
    let differs = |(name, value): (&String, &Bson)| (found.get(name) != Some(value)).then(|| name.clone());
    expected.iter().filter(fixed).find_map(differs)
}

/// Trades that start between two intervals belong to none.
async fn between(
    server: &Server,
    community: &str,
    end: Option<Boundary>,
    start: Boundary,
    findings: &mut Vec<String>,
) -> Result<(), Fault> {
    let mut gap = doc! { "$lt": field::boundary_date(start) };
    gap.extend(end.map(|end| ("$gte".to_owned(), Bson::from(field::boundary_date(end)))));
    let strays = server.matches.find(doc! { "community": community, "start": gap }).limit(FINDINGS_ASKED);
    findings.extend(all(strays).await?.iter().map(|stray| format!("{} belongs to no interval", named(stray))));
    Ok(())
}

/// Whether a trade beyond the mark is of a link that nobody has completed yet.
async fn is_half_written(server: &Server, trade: &Document, number: i64) -> Result<bool, Fault> {
    let Ok(community) = trade.get_str("community") else { return Ok(false) };
    let link = server.intervals.find_one(doc! { "_id": link::id(community, number) }).await?;
    Ok(link.is_some_and(|link| link.get("start") == trade.get("start")))
}

fn named(document: &Document) -> String {
    match document.get("_id") {
        Some(Bson::ObjectId(id)) => format!("trade {id}"),
        other => format!("a trade with the id {}", other.map(ToString::to_string).unwrap_or_default()),
    }
}
