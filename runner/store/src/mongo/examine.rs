//! Checks what no query for an interval would show: that chains are whole, and that trades are those of their links.

use std::collections::{BTreeMap, BTreeSet};

use domain::text::chain;
use domain::{Boundary, Interval, TradeId};
use mongodb::bson::{Bson, Document, doc};

use super::document::{all, encode};
use super::fault::Fault;
use super::field::{BoundaryDate, boundary_date};
use super::link::{self, AdditionDocument, AdditionLink, IntervalLink, Link};
use super::server::Server;
use super::{addition, algorithms, mark, trades};
use books::Span;

/// Findings told at most; a database that is lost needs no list of all that is lost.
const FINDINGS_MAX: usize = 20;
/// Documents looked at for each kind of finding.
const FINDINGS_ASKED: i64 = 20;
/// Links in a page at most.
const PAGE_INTERVALS: usize = 100;
/// Trades after which a page takes no more links.
const PAGE_TRADES: usize = 10_000;

/// Everything that is wrong with the database, as sentences.
pub(super) async fn examine(server: &Server) -> Result<Vec<String>, Fault> {
    let mut findings = Vec::new();
    let mut names = Vec::new();
    for mark in mark::list(server).await? {
        examine_chain(server, &mark.community, &mut findings).await?;
        names.push(mark.community);
    }
    let strays = doc! { "community": { "$exists": true, "$nin": names } };
    for stray in find_strays(server, strays).await? {
        if !is_half_written(server, &stray, 1).await? {
            findings.push(format!("{} belongs to no community", named(&stray)));
        }
    }
    findings.truncate(FINDINGS_MAX);
    Ok(findings)
}

async fn find_strays(server: &Server, filter: Document) -> Result<Vec<Document>, Fault> {
    let trades = server.trades.clone_with_type();
    all("trade", trades.find(filter).limit(FINDINGS_ASKED)).await
}

/// Walks a community's chain from its first link to its mark, and looks beyond it.
async fn examine_chain(server: &Server, community: &str, findings: &mut Vec<String>) -> Result<(), Fault> {
    let mark = mark::find(server, community).await?;
    let mut page = Page::default();
    let added = addition::list(server, community, Span::default()).await?;
    for number in 1..=mark.number {
        if findings.len() >= FINDINGS_MAX {
            return Ok(());
        }
        let Some(link) = examine_link(server, community, number, findings).await? else { continue };
        let end = page.to.or(page.from);
        if end.is_some() && link.fields.after.map(|after| after.0) != end {
            findings.push(format!("interval {} does not follow from the one before", link::id(community, number)));
        }
        page.take(&link)?;
        page.take_added(&link, &added, mark.number)?;
        if page.is_full() {
            page = page.compare(server, community, findings).await?;
        }
    }
    let page = page.compare(server, community, findings).await?;
    if page.from != mark.end() {
        findings.push(format!("the mark of community {community} is not at the end of its last interval"));
    }
    let Some(end) = mark.end() else { return Ok(()) };
    let beyond = doc! { "community": community, "timestamp": { "$gt": boundary_date(end) } };
    for stray in find_strays(server, beyond).await? {
        if !is_half_written(server, &stray, mark.number + 1).await? {
            findings.push(format!("{} belongs to no interval", named(&stray)));
        }
    }
    Ok(())
}

/// Reads a link, and checks that it says where it stands; answers it if it is an interval.
async fn examine_link(
    server: &Server,
    community: &str,
    number: u64,
    findings: &mut Vec<String>,
) -> Result<Option<Box<IntervalLink>>, Fault> {
    let id = link::id(community, number);
    let Some(document) = link::find(server, community, number).await? else {
        findings.push(format!("interval {id} is missing"));
        return Ok(None);
    };
    match Link::read(server, &document).await {
        Ok(Link::Interval(link)) => {
            if link.fields.number != number || link.fields.community != community {
                findings.push(format!("interval {id} is not where it belongs"));
            }
            Ok(Some(link))
        }
        Ok(Link::Decision(decision)) => {
            let missing = !algorithms::is_kept(server, &decision).await?;
            if missing || decision.number != number || decision.community != community {
                findings.push(format!("decision {id} is not among the changes, or not where it belongs"));
            }
            Ok(None)
        }
        Ok(Link::Addition(link)) => {
            let AdditionDocument { number: place, community: of, .. } = &link.document;
            if *place != number || of != community || !addition::is_kept(server, &link).await? {
                findings.push(format!("addition {id} is not among the additions, or not where it belongs"));
            }
            Ok(None)
        }
        Err(Fault::Record(cause)) => {
            findings.push(chain(&*cause));
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
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
    /// Trades that nobody has completed yet.
    half_written: BTreeSet<TradeId>,
}

impl Page {
    fn take(&mut self, link: &IntervalLink) -> Result<(), Fault> {
        let start = link.interval.start();
        for trade in trades::documents(&link.settled()) {
            self.expected.insert((start, trade.id.0), encode(&trade)?);
        }
        self.intervals.insert(start, link.interval);
        self.to = Some(link.interval.end());
        Ok(())
    }

    /// Takes what was added to an interval; beyond the mark it may not be whole.
    fn take_added(&mut self, link: &IntervalLink, added: &[AdditionLink], mark: u64) -> Result<(), Fault> {
        for added in added.iter().filter(|added| added.interval == link.interval) {
            for trade in trades::documents(&added.settled()) {
                if added.document.number <= mark {
                    self.expected.insert((link.interval.start(), trade.id.0), encode(&trade)?);
                } else {
                    self.half_written.insert(trade.id.0);
                }
            }
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.intervals.len() >= PAGE_INTERVALS || self.expected.len() >= PAGE_TRADES
    }

    /// Compares its links' trades with the documents that should repeat them; answers the page after it, still empty.
    async fn compare(mut self, server: &Server, community: &str, findings: &mut Vec<String>) -> Result<Page, Fault> {
        let Some(to) = self.to else { return Ok(self) };
        let next = Page { from: self.to, ..Page::default() };
        let mut span = doc! { "$lt": boundary_date(to) };
        span.extend(self.from.map(|from| ("$gte".to_owned(), Bson::from(boundary_date(from)))));
        let trades = server.trades.clone_with_type::<Document>();
        let mut cursor = trades.find(doc! { "community": community, "start": span }).await?;
        while cursor.advance().await? {
            findings.extend(self.finding(&cursor.deserialize_current()?));
            if findings.len() >= FINDINGS_MAX {
                return Ok(next);
            }
        }
        for (start, id) in self.expected.keys() {
            if let Some(interval) = self.intervals.get(start) {
                findings.push(format!("trade {id} of interval {interval} is missing"));
            }
        }
        Ok(next)
    }

    /// What is wrong with a document that was found.
    fn finding(&mut self, found: &Document) -> Option<String> {
        let start = found.get("start").and_then(|start| BoundaryDate::try_from(start.clone()).ok());
        let Some((start, interval)) = start.and_then(|start| Some((start.0, self.intervals.get(&start.0)?))) else {
            return Some(format!("{} belongs to no interval", named(found)));
        };
        let Some(Bson::ObjectId(id)) = found.get("_id") else {
            return Some(format!("{} has no id of ours", named(found)));
        };
        let id = TradeId::from_bytes(id.bytes());
        if self.half_written.contains(&id) {
            return None;
        }
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

/// Whether a trade beyond the mark is of the link with that number, which nobody has completed yet.
async fn is_half_written(server: &Server, trade: &Document, number: u64) -> Result<bool, Fault> {
    let (Ok(community), Ok(start)) = (trade.get_str("community"), trade.get_datetime("start")) else {
        return Ok(false);
    };
    let link = link::find(server, community, number).await?;
    Ok(link.is_some_and(|link| link.get_datetime("start").ok() == Some(*start)))
}

fn named(document: &Document) -> String {
    match document.get("_id") {
        Some(Bson::ObjectId(id)) => format!("trade {id}"),
        other => format!("a trade with the id {}", other.map(ToString::to_string).unwrap_or_default()),
    }
}
