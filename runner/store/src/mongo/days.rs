//! Days: what was traded in intervals that follow each other within one day of the community's time zone.
//!
//! The day with the newest interval is part of the community's mark and moves with it. Those that are over have a document each.
//! All of it is derived from the chain: each day says where the one before it ended, so that a day that is not there shows, and
//! whoever needs it reads its intervals instead.

use std::collections::{BTreeSet, VecDeque};

use domain::Boundary;
use jiff::Timestamp;
use mongodb::bson::{Document, doc};
use serde::{Deserialize, Serialize};

use super::document::{all, encode};
use super::fault::Fault;
use super::field::{BoundaryDate, Bytes, Date, boundary_date};
use super::link::Traded;
use super::mark::{self, FullMark};
use super::server::{Server, Stored};
use crate::cause::about;
use crate::record::{Counts, Day, InvalidRecord, decode_counts};
use books::statement::Statement;
use books::{DaySums, Span};

/// The largest sums of a day's parties that are kept, in bytes: a document may have 16 MiB. What is larger is made of the
/// intervals when somebody asks.
const PARTIES_BYTES_MAX: usize = 4 << 20;
/// Days that are read at once.
const PAGE: i64 = 32;

/// A day as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunningDay {
    /// The end of the interval before the first; none if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<BoundaryDate>,
    pub(super) first: BoundaryDate,
    pub(super) last: BoundaryDate,
    pub(super) until: BoundaryDate,
    /// The first instant of the day, as it was when its intervals were settled.
    day: Date,
    pub(super) intervals: u64,
    pub(super) trades: u64,
    /// Of each party: see record/days.rs. None if they are too large.
    #[serde(skip_serializing_if = "Option::is_none")]
    parties: Option<Bytes>,
}

/// A day that is over, as it is kept.
#[derive(Serialize, Deserialize)]
struct DayDocument {
    community: String,
    sums: RunningDay,
}

impl Stored for DayDocument {
    const COLLECTION: &'static str = "days";
}

/// The `_id` of a day, and of its details. No two share one, because a number has no slash.
pub(super) fn id(community: &str, until: Boundary) -> String {
    format!("{community}/{}", until.seconds())
}

fn unreadable(day: &RunningDay, error: InvalidRecord) -> Fault {
    Fault::Record(about(format!("the sums of the day from {} on", day.first.0), error))
}

impl RunningDay {
    fn of(traded: &Traded<'_>) -> RunningDay {
        let (first, until) = (BoundaryDate(traded.interval.start()), BoundaryDate(traded.interval.end()));
        let (after, day) = (traded.after.map(BoundaryDate), Date(traded.day));
        RunningDay { after, first, last: first, until, day, intervals: 0, trades: 0, parties: None }
    }

    fn decoded(&self) -> Result<Option<Day>, Fault> {
        let day = self.parties.as_ref().map(|Bytes(bytes)| Day::decode(bytes)).transpose();
        day.map_err(|error| unreadable(self, error))
    }

    /// Its sums; `None` if they are not kept.
    pub(super) fn sums(&self) -> Result<Option<DaySums>, Fault> {
        let Some(day) = self.decoded()? else { return Ok(None) };
        Ok(Some(DaySums {
            first: self.first.0,
            last: self.last.0,
            until: self.until.0,
            intervals: self.intervals,
            trades: self.trades,
            members: day.accounts().map_err(|error| unreadable(self, error))?,
        }))
    }

    /// How often a party, by its stored name, sold and bought; `None` if that is not kept.
    pub(super) fn counts(&self, name: &str) -> Result<Option<Counts>, Fault> {
        let counts = self.parties.as_ref().map(|Bytes(bytes)| decode_counts(bytes, name)).transpose();
        counts.map_err(|error| unreadable(self, error))
    }

    /// The end of the interval before its first.
    pub(super) fn after(&self) -> Option<Boundary> {
        self.after.map(|after| after.0)
    }

    pub(super) fn day(&self) -> Timestamp {
        self.day.0
    }

    /// Its intervals.
    pub(super) fn span(&self) -> Span {
        Span { from: Some(self.first.0.seconds()), to: Some(self.last.0.seconds() + 1) }
    }
}

/// Sums up interval after interval.
#[derive(Default)]
pub(super) struct Summing {
    /// Days that are over by now.
    over: Vec<RunningDay>,
    /// The day with the last interval, and what its parties have traded; none if that is too large.
    running: Option<(RunningDay, Option<Day>)>,
    /// Names that were there before.
    known: BTreeSet<String>,
    /// All others; none if they are not known.
    names: Option<BTreeSet<String>>,
}

impl Summing {
    /// Goes on where a mark is.
    pub(super) fn from(mark: &FullMark) -> Result<Summing, Fault> {
        let running = mark.day.today.clone().map(|today| Ok::<_, Fault>((today.decoded()?, today))).transpose()?;
        let running = running.map(|(parties, today)| (today, parties));
        let parties = running.iter().filter_map(|(_, parties)| parties.as_ref());
        let known = parties.flat_map(|day| day.parties.keys().cloned()).collect();
        Ok(Summing { over: Vec::new(), running, known, names: Some(BTreeSet::new()) })
    }

    /// Begins anew.
    pub(super) fn new() -> Summing {
        Summing { names: Some(BTreeSet::new()), ..Summing::default() }
    }

    /// Adds the next interval.
    pub(super) fn add(&mut self, traded: &Traded<'_>) -> Result<(), Fault> {
        if let Some(over) = self.running.take_if(|(today, _)| today.day.0 != traded.day) {
            self.over.push(packed(over));
        }
        let (today, parties) = self.running.get_or_insert_with(|| (RunningDay::of(traded), Some(Day::default())));
        today.last = BoundaryDate(traded.interval.start());
        today.until = BoundaryDate(traded.interval.end());
        today.intervals += 1;
        today.trades += traded.trades.len() as u64;
        match parties {
            Some(day) => {
                let before = day.parties.len();
                day.add(traded.trades, Statement::of(traded.round, traded.gaps, traded.trades));
                if let Some(names) = self.names.as_mut().filter(|_| day.parties.len() > before) {
                    names.extend(day.parties.keys().filter(|name| !self.known.contains(*name)).cloned());
                }
            }
            None => self.names = None,
        }
        Ok(())
    }

    /// The day with the last interval, as it is kept.
    pub(super) fn running(&self) -> Result<RunningDay, Fault> {
        let running = self.running.clone().map(packed);
        running.ok_or_else(|| Fault::Record("a community has intervals and no day".into()))
    }

    /// Names that were not there before; `None` if they are not known.
    pub(super) fn names(&self) -> Option<BTreeSet<&str>> {
        Some(self.names.as_ref()?.iter().map(String::as_str).collect())
    }

    /// Keeps the days that are over by now, and forgets them; answers how many they are. Again, it changes nothing.
    pub(super) async fn keep_over(&mut self, server: &Server, community: &str) -> Result<u64, Fault> {
        let over = std::mem::take(&mut self.over);
        let mut statements = Vec::new();
        for day in &over {
            let document = DayDocument { community: community.to_owned(), sums: day.clone() };
            let id = id(community, day.until.0);
            statements.push(doc! { "q": { "_id": id }, "u": { "$set": encode(&document)? }, "upsert": true });
        }
        if !statements.is_empty() {
            server.update(&server.of::<DayDocument>(), &statements).await?;
        }
        Ok(over.len() as u64)
    }
}

fn packed((day, parties): (RunningDay, Option<Day>)) -> RunningDay {
    let parties = parties.map(|day| day.encode()).filter(|bytes| bytes.len() <= PARTIES_BYTES_MAX).map(Bytes);
    RunningDay { parties, ..day }
}

/// Takes away the days of a community that are over.
pub(super) async fn forget(server: &Server, community: &str) -> Result<(), Fault> {
    server.of::<DayDocument>().delete_many(doc! { "community": community }).await?;
    Ok(())
}

/// The days of a community that are over and have an end among these.
pub(super) async fn over(server: &Server, community: &str, until: &[Boundary]) -> Result<Vec<RunningDay>, Fault> {
    let ids: Vec<String> = until.iter().map(|until| id(community, *until)).collect();
    let found = all("day", server.of::<DayDocument>().find(doc! { "_id": { "$in": ids } })).await?;
    Ok(found.into_iter().map(|found: DayDocument| found.sums).collect())
}

/// A part of a community's books, by the starts of its intervals.
pub(super) enum Stretch {
    /// A day.
    Day(RunningDay),
    /// Intervals of which no day is there.
    Intervals(Span),
}

/// The days of a community with intervals that start within a span, and what is between them, in order.
pub(super) struct Stretches<'s> {
    server: &'s Server,
    community: String,
    span: Span,
    /// Whether what parties have traded is left out.
    is_brief: bool,
    /// Where the stretch before ended.
    until: Option<Boundary>,
    /// The end of the last day that was read, and whether there may be more.
    read: Option<Boundary>,
    has_more: bool,
    days: VecDeque<RunningDay>,
    /// The day that has not ended.
    today: Option<RunningDay>,
    /// The end of the last interval.
    end: Option<Boundary>,
    /// A day that comes after what is before it.
    next: Option<RunningDay>,
    is_over: bool,
}

impl<'s> Stretches<'s> {
    /// From the beginning of a span, or from the end of a day on.
    pub(super) async fn new(
        server: &'s Server,
        community: &str,
        span: Span,
        after: Option<Boundary>,
    ) -> Result<Stretches<'s>, Fault> {
        let FullMark { mark, day } = mark::full(server, community).await?;
        Ok(Stretches {
            server,
            community: community.to_owned(),
            span,
            is_brief: false,
            until: after,
            read: after,
            has_more: true,
            days: VecDeque::new(),
            today: day.today,
            end: mark.end(),
            next: None,
            is_over: mark.end().is_none(),
        })
    }

    /// Without what parties have traded.
    pub(super) fn brief(self) -> Stretches<'s> {
        Stretches { is_brief: true, ..self }
    }

    /// Without the day that has not ended.
    pub(super) fn over(self) -> Stretches<'s> {
        Stretches { today: None, ..self }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Stretch>, Fault> {
        if let Some(day) = self.next.take() {
            return Ok(Some(self.take(day)));
        }
        while !self.is_over {
            let Some(day) = self.next_day().await? else {
                self.is_over = true;
                let rest = Span { from: self.until.map(Boundary::seconds).max(self.span.from), to: self.span.to };
                let is_rest = self.until < self.end && rest.to.is_none_or(|to| rest.from.unwrap_or(0) < to);
                return Ok(is_rest.then_some(Stretch::Intervals(rest)));
            };
            // Left by somebody who died while everything was summed up again.
            if self.until.is_some_and(|until| day.first.0 < until) {
                continue;
            }
            let after = day.after.map(|after| after.0);
            let from = self.until.map(Boundary::seconds).max(self.span.from);
            let follows = match self.until {
                Some(until) => after == Some(until),
                None => after.is_none_or(|after| Some(after.seconds()) <= self.span.from),
            };
            if follows {
                return Ok(Some(self.take(day)));
            }
            let between = Span { from, to: Some(day.first.0.seconds()) };
            self.next = Some(day);
            return Ok(Some(Stretch::Intervals(between)));
        }
        Ok(None)
    }

    fn take(&mut self, day: RunningDay) -> Stretch {
        self.until = Some(day.until.0);
        Stretch::Day(day)
    }

    /// The next day with intervals that start within the span.
    async fn next_day(&mut self) -> Result<Option<RunningDay>, Fault> {
        let Span { from, to } = self.span;
        loop {
            if self.days.is_empty() && self.has_more {
                self.days = self.read_days().await?;
            }
            let day = match self.days.pop_front() {
                Some(day) => day,
                None => match self.today.take() {
                    Some(today) => today,
                    None => return Ok(None),
                },
            };
            let is_within = from.is_none_or(|from| from <= day.last.0.seconds())
                && to.is_none_or(|to| day.first.0.seconds() < to)
                && self.until.is_none_or(|until| until < day.until.0);
            if is_within {
                return Ok(Some(day));
            }
        }
    }

    async fn read_days(&mut self) -> Result<VecDeque<RunningDay>, Fault> {
        self.has_more = false;
        let Some(filter) = self.filter() else { return Ok(VecDeque::new()) };
        let projection = self.is_brief.then(|| doc! { "sums.parties": 0 });
        let days = self.server.of::<DayDocument>();
        let find = days.find(filter).sort(doc! { "sums.until": 1 }).limit(PAGE);
        let find = if let Some(projection) = projection { find.projection(projection) } else { find };
        let found = all("day", find).await?;
        self.has_more = i64::try_from(found.len()).is_ok_and(|found| found == PAGE);
        self.read = found.last().map(|last| last.sums.until.0);
        Ok(found.into_iter().map(|found| found.sums).collect())
    }

    /// The condition on the days that come next; `None` if none can.
    fn filter(&self) -> Option<Document> {
        let from = self.span.from.map_or(Some(Boundary::EPOCH), Boundary::from_seconds)?;
        let mut filter = doc! { "community": &self.community };
        filter.insert("sums.until", doc! { "$gt": boundary_date(self.read.map_or(from, |read| read.max(from))) });
        // An end beyond all times is none.
        let to = self.span.to.and_then(Boundary::from_seconds);
        filter.extend(to.map(|to| ("sums.first".to_owned(), doc! { "$lt": boundary_date(to) }.into())));
        Some(filter)
    }
}
