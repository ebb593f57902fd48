//! Days: what was traded in intervals that follow each other within one day of the community's time zone.
//!
//! The day with the newest interval is part of the community's mark and moves with it. Those that are over have a document each.
//! All of it is derived from the chain: each day says where the one before it ended, so that a day that is not there shows, and
//! whoever needs it reads its intervals instead.

use std::collections::BTreeSet;

use domain::Boundary;
use jiff::Timestamp;
use mongodb::bson::doc;
use serde::{Deserialize, Serialize};

use super::document::{all, encode};
use super::fault::Fault;
use super::field::{BoundaryDate, Bytes, Date};
use super::known::{FullMark, RunningDay};
use super::link::Traded;

use super::server::{Server, Stored};
use crate::cause::about;
use books::statement::Statement;
use books::{DaySums, Span};
use record::{Counts, Day, InvalidRecord, decode_counts};

/// The largest sums of a day's parties that are kept, in bytes: a document may have 16 MiB. What is larger is made of the
/// intervals when somebody asks.
const PARTIES_BYTES_MAX: usize = 4 << 20;
/// A day that is over, as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct DayDocument {
    community: String,
    pub(super) sums: RunningDay,
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
