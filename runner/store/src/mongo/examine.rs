//! Checks what no query for an interval would show: that chains are whole, and that what is beside their links is of them.

use std::collections::BTreeMap;

use domain::Boundary;
use domain::text::chain;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};

use super::document::{self, all, decode};
use super::fault::Fault;
use super::field::boundary_date;
use super::journal::Journal;
use super::link::{self, AdditionDocument, IntervalLink, Link};
use super::server::Server;
use super::trades::TradeDocument;
use super::{addition, algorithms, mark};

/// Findings told at most; a database that is lost needs no list of all that is lost.
const FINDINGS_MAX: usize = 20;
/// Documents looked at for each kind of finding.
const FINDINGS_ASKED: i64 = 20;
/// Links that are looked at at once.
const PAGE: u64 = 100;

/// Everything that is wrong with the database, as sentences.
pub(super) async fn examine(server: &Server) -> Result<Vec<String>, Fault> {
    let mut findings = Vec::new();
    let mut names = Vec::new();
    for mark in mark::list(server).await? {
        examine_chain(server, &mark, &mut findings).await?;
        names.push(mark.community);
    }
    let strays = doc! { "community": { "$exists": true, "$nin": names } };
    for stray in find_strays(server, strays).await? {
        findings.push(format!("trade {} belongs to no community", document::id(&stray)));
    }
    findings.truncate(FINDINGS_MAX);
    Ok(findings)
}

async fn find_strays(server: &Server, filter: Document) -> Result<Vec<RawDocumentBuf>, Fault> {
    all("trade", server.trades.find(filter).limit(FINDINGS_ASKED)).await
}

/// Walks a community's chain from its first link to its mark, and looks beyond it.
async fn examine_chain(server: &Server, mark: &mark::Mark, findings: &mut Vec<String>) -> Result<(), Fault> {
    let community = mark.community.as_str();
    let mut chained = Chained { server, community, end: None, findings };
    let mut first = 1;
    while first <= mark.number && chained.findings.len() < FINDINGS_MAX {
        let last = mark.number.min(first + PAGE - 1);
        chained.examine(first..=last).await?;
        first = last + 1;
    }
    if chained.findings.len() >= FINDINGS_MAX {
        return Ok(());
    }
    if chained.end != mark.end() {
        findings.push(format!("the mark of community {community} is not at the end of its last interval"));
    }
    let beyond = mark.end().map_or_else(Document::new, |end| doc! { "$gt": boundary_date(end) });
    if !beyond.is_empty() {
        for stray in find_strays(server, doc! { "community": community, "timestamp": beyond }).await? {
            findings.push(format!("trade {} belongs to no interval", document::id(&stray)));
        }
    }
    Ok(())
}

/// A chain that is looked at from its beginning on.
struct Chained<'c> {
    server: &'c Server,
    community: &'c str,
    /// The end of the last interval.
    end: Option<Boundary>,
    findings: &'c mut Vec<String>,
}

impl Chained<'_> {
    /// Looks at links with these numbers, and the trades of their intervals of which something has become.
    async fn examine(&mut self, numbers: std::ops::RangeInclusive<u64>) -> Result<(), Fault> {
        let ids: Vec<String> = numbers.clone().map(|number| link::id(self.community, number)).collect();
        let found = all("link", self.server.intervals.find(doc! { "_id": { "$in": ids } })).await?;
        let mut found: BTreeMap<String, RawDocumentBuf> =
            found.into_iter().map(|found| (document::id(&found), found)).collect();
        let before = self.end;
        let mut intervals = BTreeMap::new();
        for number in numbers {
            let id = link::id(self.community, number);
            let Some(document) = found.remove(&id) else {
                self.findings.push(format!("interval {id} is missing"));
                continue;
            };
            let Some(link) = self.read(number, &document).await? else { continue };
            if self.end.is_some() && link.fields.after.map(|after| after.0) != self.end {
                self.findings.push(format!("interval {id} does not follow from the one before"));
            }
            if !link.counts_right() {
                self.findings
                    .push(format!("interval {}: the numbers of its trades are not those of its record", link.interval));
            }
            self.end = Some(link.interval.end());
            intervals.insert(link.interval.end(), link);
        }
        self.compare(before, intervals).await
    }

    /// Reads a link, and checks that it says where it stands; answers it if it is an interval.
    async fn read(&mut self, number: u64, document: &RawDocumentBuf) -> Result<Option<Box<IntervalLink>>, Fault> {
        let (server, community) = (self.server, self.community);
        let id = link::id(community, number);
        match Link::read(server, document).await {
            Ok(Link::Interval(link)) => {
                if link.fields.number != number || link.fields.community != community {
                    self.findings.push(format!("interval {id} is not where it belongs"));
                }
                return Ok(Some(link));
            }
            Ok(Link::Decision(decision)) => {
                let missing = !algorithms::is_kept(server, &decision).await?;
                if missing || decision.number != number || decision.community != community {
                    self.findings.push(format!("decision {id} is not among the changes, or not where it belongs"));
                }
            }
            Ok(Link::Addition(link)) => {
                let AdditionDocument { number: place, community: of, .. } = &link.document;
                if *place != number || of != community || !addition::is_kept(server, &link).await? {
                    self.findings.push(format!("addition {id} is not among the additions, or not where it belongs"));
                }
            }
            Err(Fault::Record(cause)) => self.findings.push(chain(&*cause)),
            Err(fault) => return Err(fault),
        }
        Ok(None)
    }

    /// Compares intervals, by their ends, with the documents of their trades of which something has become.
    async fn compare(
        &mut self,
        before: Option<Boundary>,
        intervals: BTreeMap<Boundary, Box<IntervalLink>>,
    ) -> Result<(), Fault> {
        let Some((last, _)) = intervals.last_key_value() else { return Ok(()) };
        let entry = Journal::Trades.finished(self.server).await?;
        let mut ends = doc! { "$lte": boundary_date(*last) };
        ends.extend(before.map(|before| ("$gt".to_owned(), Bson::from(boundary_date(before)))));
        let mut changed: BTreeMap<Boundary, u64> = BTreeMap::new();
        let filter = doc! { "community": self.community, "timestamp": ends };
        let mut cursor = self.server.trades.find(filter).await?;
        while cursor.advance().await? {
            self.findings.extend(finding(self.community, &intervals, cursor.current(), &mut changed)?);
            if self.findings.len() >= FINDINGS_MAX {
                return Ok(());
            }
        }
        // While something becomes of trades, an interval counts them for longer than they have no document.
        if entry.is_none() || Journal::Trades.finished(self.server).await? != entry {
            return Ok(());
        }
        for (end, link) in intervals {
            let changed = changed.get(&end).copied().unwrap_or(0);
            let left = link.fields.paid.saturating_sub(changed);
            if link.fields.fresh != left {
                self.findings.push(format!(
                    "interval {}: of {left} trades between members nothing has become, but it counts {}",
                    link.interval, link.fields.fresh
                ));
            }
        }
        Ok(())
    }
}

/// What is wrong with the document of a trade; counts it for its interval.
fn finding(
    community: &str,
    intervals: &BTreeMap<Boundary, Box<IntervalLink>>,
    found: &mongodb::bson::RawDocument,
    changed: &mut BTreeMap<Boundary, u64>,
) -> Result<Option<String>, Fault> {
    let id = document::id(found);
    let read = || -> Result<_, Fault> {
        let trade: TradeDocument = decode("trade", found)?;
        let interval = trade.interval()?;
        Ok((trade, interval))
    };
    let (trade, interval) = match read() {
        Ok(read) => read,
        Err(Fault::Record(cause)) => return Ok(Some(chain(&*cause))),
        Err(fault) => return Err(fault),
    };
    let Some((end, link)) = intervals.get_key_value(&interval.end()) else {
        return Ok(Some(format!("trade {id} belongs to no interval")));
    };
    let index = usize::try_from(trade.number()).unwrap_or(usize::MAX);
    let settled = link.whole.trades.get(index).filter(|settled| settled.id == trade.id.0 && settled.state.is_some());
    let Some(settled) = settled else {
        return Ok(Some(format!("trade {id} is no trade between members of interval {}", link.interval)));
    };
    *changed.entry(*end).or_default() += 1;
    // Only what becomes of a trade may change.
    let told = |field| format!("trade {id} of interval {}: field {field} is not what was settled", link.interval);
    Ok(trade.difference(settled, community).map(told))
}
