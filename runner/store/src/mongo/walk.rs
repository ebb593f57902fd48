//! Walks through settled intervals in the order of the platform's answers, and over those that cannot have what is looked for.
//!
//! If it is about a party, or there is one community alone, its intervals are found day by day: a day says how often each party sold
//! and bought, so that days without it are passed over, and whole days are skipped by their number of trades. Otherwise they are
//! found by an index over all communities; trades of which nothing has become, by one over the intervals that have some.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::{Boundary, TradeId};
use jiff::Timestamp;
use mongodb::bson::{Document, doc};

use super::document::all;
use super::fault::Fault;
use super::field::{Id, boundary_date, date_from};
use super::known::RunningDay;
use super::mark;
use super::opened::{self, Head, Opened};
use super::reach;
use super::server::Server;
use super::stretches::{Stretch, Stretches};
use books::{MatchFilter, Span, WireParty};
use record::{names_in, stored_name};

/// Communities whose days are walked through side by side.
const COMMUNITIES_MAX: usize = 64;
/// The longest that an interval can be, in seconds.
const LENGTH_MAX: u64 = 86_400;
/// Intervals that are opened at once, and those of which only the numbers of trades are read.
const PAGE: usize = 64;
const BRIEF_PAGE: usize = 1000;

/// The way through the intervals that may have what a filter looks for.
pub(super) struct Walk<'s> {
    filter: Option<&'s MatchFilter>,
    source: Source<'s>,
}

enum Source<'s> {
    /// All of them by one query, after a place.
    All(All<'s>),
    /// Those of some communities, each by itself.
    Some(Vec<Stream<'s>>),
}

struct All<'s> {
    server: &'s Server,
    conditions: Document,
    /// How far communities are, as far as it is known.
    marks: BTreeMap<String, Boundary>,
    after: Option<(Boundary, TradeId)>,
    opened: VecDeque<Opened>,
    is_over: bool,
}

/// The intervals of one community.
struct Stream<'s> {
    server: &'s Server,
    community: String,
    mark: Boundary,
    stretches: Stretches<'s>,
    /// What is to be looked through.
    span: Option<Span>,
    opened: VecDeque<Opened>,
    is_over: bool,
}

impl<'s> Walk<'s> {
    /// Through all intervals.
    pub(super) async fn new(server: &'s Server, filter: &'s MatchFilter) -> Result<Walk<'s>, Fault> {
        let known = candidates(server, filter).await?;
        let is_of_party = filter.buyer.is_some() || filter.seller.is_some();
        let source = match known {
            Some(marks) if is_of_party || marks.len() <= 1 => {
                let mut streams = Vec::new();
                for mark in marks {
                    let Some(end) = mark.end() else { continue };
                    streams.push(Stream::new(server, filter, mark.community, end).await?);
                }
                Source::Some(streams)
            }
            _ => Source::All(All::new(server, ends(filter))),
        };
        Ok(Walk { filter: Some(filter), source })
    }

    /// Through those with trades of which nothing has become.
    pub(super) async fn of_fresh(server: &'s Server, filter: &'s MatchFilter) -> Result<Walk<'s>, Fault> {
        let mut conditions = doc! { "waits": true };
        conditions.extend(ends(filter));
        let is_of_party = filter.buyer.is_some() || filter.seller.is_some();
        let known = if is_of_party { candidates(server, filter).await? } else { None };
        if let Some(marks) = known {
            let names: Vec<&str> = marks.iter().map(|mark| mark.community.as_str()).collect();
            conditions.insert("community", doc! { "$in": names });
        }
        Ok(Walk { filter: Some(filter), source: Source::All(All::new(server, conditions)) })
    }

    /// Through those that have a trade with one of these ids.
    pub(super) fn of_trades(server: &'s Server, ids: &BTreeSet<TradeId>) -> Walk<'s> {
        Walk { filter: None, source: Source::All(All::new(server, opened::of_trades(ids))) }
    }

    /// When the first interval ends.
    pub(super) async fn first_end(&mut self) -> Result<Option<Timestamp>, Fault> {
        let Source::All(all) = &mut self.source else { return Ok(None) };
        Ok(all.read(opened::brief(), 1).await?.first().map(|head| head.end().timestamp()))
    }

    /// Passes over whole intervals that have no more trades than are to be skipped, if every one counts.
    pub(super) async fn skip(&mut self, skip: &mut u64) -> Result<(), Fault> {
        match &mut self.source {
            Source::All(all) => all.skip(skip).await,
            Source::Some(_) => Ok(()),
        }
    }

    /// The next interval that may have what is looked for. `skip` is the number of trades that are still to be skipped: days that
    /// have no more than that are passed over, and taken off, if every trade of theirs counts.
    pub(super) async fn next(&mut self, skip: Option<&mut u64>) -> Result<Option<Opened>, Fault> {
        let streams = match &mut self.source {
            Source::All(all) => return all.next().await,
            Source::Some(streams) => streams,
        };
        let Some(filter) = self.filter else { return Ok(None) };
        let counts_all = streams.len() == 1 && (filter.buyer.is_none() || filter.seller.is_none());
        let mut skip = skip.filter(|_| counts_all);
        for stream in streams.iter_mut() {
            stream.fill(filter, skip.as_deref_mut()).await?;
        }
        let first = streams.iter_mut().filter(|stream| !stream.opened.is_empty());
        let first = first.min_by_key(|stream| stream.opened.front().map(Opened::place));
        Ok(first.and_then(|stream| stream.opened.pop_front()))
    }
}

/// When the intervals of a filter end.
fn ends(filter: &MatchFilter) -> Document {
    let mut end = Document::new();
    end.extend(filter.from.map(|from| ("$gte".to_owned(), date_from(from).into())));
    end.extend(filter.to.map(|to| ("$lt".to_owned(), date_from(to).into())));
    if end.is_empty() {
        end
    } else {
        doc! { "end": end }
    }
}

/// The communities that may have what a filter looks for, if they are few.
async fn candidates(server: &Server, filter: &MatchFilter) -> Result<Option<Vec<mark::Mark>>, Fault> {
    let conditions = [&filter.buyer, &filter.seller].into_iter().flatten().map(party_condition);
    let conditions: Vec<Document> = conditions.collect();
    let condition = if conditions.is_empty() {
        doc! {}
    } else {
        doc! { "$and": conditions }
    };
    mark::at_most(server, condition, COMMUNITIES_MAX).await
}

/// The condition on communities in which a party of the wire may trade.
fn party_condition(party: &WireParty) -> Document {
    let named: Vec<&str> = stored_name(&party.name).into_iter().collect();
    let members: Vec<&str> = party.members.iter().map(|(community, _)| community.as_str()).collect();
    doc! { "$or": [mark::has_party(&named), { "_id": { "$in": members } }] }
}

impl<'s> All<'s> {
    fn new(server: &'s Server, conditions: Document) -> All<'s> {
        All { server, conditions, marks: BTreeMap::new(), after: None, opened: VecDeque::new(), is_over: false }
    }

    async fn read(&self, fields: Document, limit: usize) -> Result<Vec<Head>, Fault> {
        // What is no interval has no trades.
        let mut conditions = vec![doc! { "first_trade": { "$exists": true } }];
        conditions.extend((!self.conditions.is_empty()).then(|| self.conditions.clone()));
        if let Some((end, first)) = self.after {
            let end = boundary_date(end);
            let later = doc! { "end": end, "first_trade": { "$gt": bson_id(first) } };
            conditions.push(doc! { "end": { "$gte": end }, "$or": [{ "end": { "$gt": end } }, later] });
        }
        let heads = self.server.intervals.clone_with_type::<Head>();
        let find = heads.find(doc! { "$and": conditions }).sort(doc! { "end": 1, "first_trade": 1 });
        all("interval", find.projection(fields).limit(i64::try_from(limit).unwrap_or(i64::MAX))).await
    }

    /// Leaves out what is beyond a mark: it may be half-written.
    async fn visible(&mut self, heads: Vec<Head>) -> Result<Vec<Head>, Fault> {
        let is_known = |marks: &BTreeMap<String, Boundary>, head: &Head| {
            marks.get(&head.community).is_some_and(|mark| head.end() <= *mark)
        };
        let unknown: BTreeSet<&str> =
            heads.iter().filter(|head| !is_known(&self.marks, head)).map(|head| head.community.as_str()).collect();
        if !unknown.is_empty() {
            let marks = mark::of(self.server, &unknown).await?.into_iter();
            self.marks.extend(marks.filter_map(|mark| Some((mark.community.clone(), mark.end()?))));
        }
        Ok(heads.into_iter().filter(|head| is_known(&self.marks, head)).collect())
    }

    async fn next(&mut self) -> Result<Option<Opened>, Fault> {
        while self.opened.is_empty() && !self.is_over {
            let heads = self.read(opened::fields(), PAGE).await?;
            self.is_over = heads.len() < PAGE;
            self.after = heads.last().map(Head::place).or(self.after);
            let heads = self.visible(heads).await?;
            self.opened = opened::open(self.server, heads).await?.into();
        }
        Ok(self.opened.pop_front())
    }

    async fn skip(&mut self, skip: &mut u64) -> Result<(), Fault> {
        while self.opened.is_empty() && !self.is_over && *skip > 0 {
            let heads = self.read(opened::brief(), BRIEF_PAGE).await?;
            self.is_over = heads.is_empty();
            let places: Vec<(Boundary, TradeId)> = heads.iter().map(Head::place).collect();
            let visible = self.visible(heads).await?;
            for head in &visible {
                // What was added to it counts as well, but is not known here.
                if head.added.unwrap_or(false) || head.trades > *skip {
                    return Ok(());
                }
                *skip -= head.trades;
                self.after = Some(head.place());
            }
            self.after = places.last().copied().or(self.after);
        }
        Ok(())
    }
}

fn bson_id(id: TradeId) -> mongodb::bson::Bson {
    Id(id).into()
}

impl<'s> Stream<'s> {
    async fn new(
        server: &'s Server,
        filter: &MatchFilter,
        community: String,
        mark: Boundary,
    ) -> Result<Stream<'s>, Fault> {
        // An interval starts before its end by a length that is not known here: what ends too early is left out later.
        let second = |at: Timestamp| u64::try_from(at.as_second()).unwrap_or(0);
        let span =
            Span { from: filter.from.map(|from| second(from).saturating_sub(LENGTH_MAX)), to: filter.to.map(second) };
        let stretches = Stretches::new(server, &community, span, None).await?;
        Ok(Stream { server, community, mark, stretches, span: None, opened: VecDeque::new(), is_over: false })
    }

    /// Opens the next intervals, if none are at hand.
    async fn fill(&mut self, filter: &MatchFilter, mut skip: Option<&mut u64>) -> Result<(), Fault> {
        while self.opened.is_empty() && !self.is_over {
            let Some(span) = self.span else {
                self.span = self.next_span(filter, skip.as_deref_mut()).await?;
                self.is_over = self.span.is_none();
                continue;
            };
            let heads = self.server.intervals.clone_with_type::<Head>();
            let find = heads.find(reach::within(&self.community, span, self.mark)).sort(doc! { "start": 1 });
            let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
            let heads: Vec<Head> = all("interval", find.projection(opened::fields()).limit(limit)).await?;
            let next = heads.last().filter(|_| heads.len() == PAGE).map(|last| last.start().seconds() + 1);
            self.span = next.map(|from| Span { from: Some(from), ..span });
            let within = |head: &Head| {
                let end = head.end().timestamp();
                filter.from.is_none_or(|from| from <= end) && filter.to.is_none_or(|to| end < to)
            };
            let heads: Vec<Head> = heads.into_iter().filter(within).collect();
            self.opened = opened::open(self.server, heads).await?.into();
        }
        Ok(())
    }

    /// The next part of its books that may have what is looked for.
    async fn next_span(&mut self, filter: &MatchFilter, mut skip: Option<&mut u64>) -> Result<Option<Span>, Fault> {
        while let Some(stretch) = self.stretches.next().await? {
            let day = match stretch {
                Stretch::Intervals(span) => return Ok(Some(span)),
                Stretch::Day(day) => day,
            };
            let Some(found) = self.count(filter, &day)? else { return Ok(Some(day.span())) };
            let from = filter.from.is_none_or(|from| from <= day.first.0.timestamp());
            let is_whole = from && filter.to.is_none_or(|to| day.until.0.timestamp() < to);
            if let Some(skip) = skip.as_deref_mut().filter(|skip| is_whole && **skip >= found) {
                *skip -= found;
            } else if found > 0 {
                return Ok(Some(day.span()));
            }
        }
        Ok(None)
    }

    /// How many of a day's trades the filter finds at most; exactly, if it names one party or none. `None` if that is not known.
    fn count(&self, filter: &MatchFilter, day: &RunningDay) -> Result<Option<u64>, Fault> {
        let mut most = day.trades;
        for (party, is_buyer) in [(&filter.buyer, true), (&filter.seller, false)] {
            let Some(party) = party else { continue };
            let mut of_party = 0;
            for name in names_in(party, &self.community) {
                let Some(counts) = day.counts(name)? else { return Ok(None) };
                of_party += if is_buyer { counts.bought } else { counts.sold };
            }
            most = most.min(of_party);
        }
        Ok(Some(most))
    }
}
