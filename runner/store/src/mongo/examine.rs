//! Checks what no query for an interval would show: that chains are whole, and that trades are those of their links.

use std::collections::BTreeMap;

use domain::{Boundary, Interval, TradeId};
use mongodb::bson::{Bson, Document, doc};
use tokio_stream::StreamExt;

use super::fault::Fault;
use super::link::{self, AnyLink, Link};
use super::server::{Server, all};
use super::{algorithms, chain, field, trades};

/// Findings told at most; a database that is lost needs no list of all that is lost.
const FINDINGS_MAX: usize = 20;
/// Documents looked at for each kind of finding.
const FINDINGS_ASKED: i64 = 20;
/// Links in a page at most.
const PAGE_INTERVALS: usize = 100;
/// Trades after which a page takes no more links.
const PAGE_TRADES: usize = 10_000;

/// As [`books::Books::examine`].
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
    let mut page = Page::default();
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
        let link = match AnyLink::read(server, &document).await {
            Ok(AnyLink::Interval(link)) => link,
            Ok(AnyLink::Decision(decision)) => {
                let missing = !algorithms::is_kept(server, &decision).await?;
                if missing || decision.number != number || decision.community != community {
                    findings.push(format!("decision {id} is not among the changes, or not where it belongs"));
                }
                continue;
            }
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
        end = Some(link.interval.end());
        page.take(&link)?;
        if page.is_full() {
            page.compare(server, community, findings).await?;
            page = Page { from: end, ..Page::default() };
        }
    }
    page.compare(server, community, findings).await?;
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

/// Some links in a row, whose trades are asked for at once.
#[derive(Default)]
struct Page {
    /// Where the page before ended; none for the first.
    from: Option<Boundary>,
    to: Option<Boundary>,
    intervals: BTreeMap<Boundary, Interval>,
    /// The documents that should be there, by start and id.
    expected: BTreeMap<(Boundary, TradeId), Document>,
}

impl Page {
    fn take(&mut self, link: &Link) -> Result<(), Fault> {
        let start = link.interval.start();
        for document in trades::documents(link)? {
            let id = TradeId::from_bytes(field::object_id(&document, "_id")?.bytes());
            self.expected.insert((start, id), document);
        }
        self.intervals.insert(start, link.interval);
        self.to = Some(link.interval.end());
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.intervals.len() >= PAGE_INTERVALS || self.expected.len() >= PAGE_TRADES
    }

    /// Its links' trades against the documents that should repeat them.
    async fn compare(mut self, server: &Server, community: &str, findings: &mut Vec<String>) -> Result<(), Fault> {
        let Some(to) = self.to else { return Ok(()) };
        let mut span = doc! { "$lt": field::boundary_date(to) };
        span.extend(self.from.map(|from| ("$gte".to_owned(), Bson::from(field::boundary_date(from)))));
        let mut cursor = server.matches.find(doc! { "community": community, "start": span }).await?;
        while let Some(document) = cursor.next().await {
            findings.extend(self.finding(&document?));
            if findings.len() >= FINDINGS_MAX {
                return Ok(());
            }
        }
        for (start, id) in self.expected.keys() {
            if let Some(interval) = self.intervals.get(start) {
                findings.push(format!("trade {id} of interval {interval} is missing"));
            }
        }
        Ok(())
    }

    /// What is wrong with a document that was found.
    fn finding(&mut self, found: &Document) -> Option<String> {
        let start = field::boundary(found, "start").ok();
        let Some((start, interval)) = start.and_then(|start| Some((start, self.intervals.get(&start)?))) else {
            return Some(format!("{} belongs to no interval", named(found)));
        };
        let Some(Bson::ObjectId(id)) = found.get("_id") else {
            return Some(format!("{} has no id of ours", named(found)));
        };
        let id = TradeId::from_bytes(id.bytes());
        let Some(expected) = self.expected.remove(&(start, id)) else {
            return Some(format!("trade {id} is no trade of interval {interval}"));
        };
        // Only what becomes of a trade may change.
        let field = changed(&expected, found)?;
        Some(format!("trade {id} of interval {interval}: field {field} is not what was settled"))
    }
}

fn changed(expected: &Document, found: &Document) -> Option<String> {
    let fixed = |(name, _): &(&String, &Bson)| name.as_str() != "metadata";
    let differs = |(name, value): (&String, &Bson)| (found.get(name) != Some(value)).then(|| name.clone());
    expected.iter().filter(fixed).find_map(differs)
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
