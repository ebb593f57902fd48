//! One pass over a community: every due interval, from its readings to its books.
//!
//! Pages of readings come one after the other, the next being fetched while one is settled, so that a backfill of a year
//! holds two pages and no more. Which intervals are due is decided here and nowhere else.

mod roster;
mod row;
mod told;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use domain::netting::LastReads;
use domain::reading::BoundaryReadings;
use domain::{Boundary, Energy, Interval, Party, PriceBook, Trade};
use jiff::Timestamp;
use sandbox::SandboxError;
use tokio::task::JoinHandle;
use tracing::{Instrument, info_span};

use crate::clearing::{Circumstances, Clearing, ClearingError, Ran};
use crate::clock::Clock;
use crate::config::CommunityConfig;
use crate::meters::client::{MetersClient, MetersError};
use crate::meters::page::{self, Page};
use crate::metrics::{By, CommunityMetrics, Metrics, PassOutcome, TradeKind};
use crate::proto::MeasurementResponse;
use crate::stock::Stock;
use crate::store::{Commit, Committed, CommittedRow, GapTrade, Progress, Store, StoreError, StoredEvent, StoredParty};

use roster::{Failure, Roster};
use row::{Committing, Row};

/// How far back readings are looked for that the Python original settled: a meter that was away when it ended continues
/// from its last reading before.
const LOOK_BACK: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// Rows that a page should have in all, over all series: some 10 MB of memory.
const PAGE_ROWS: usize = 40_000;
/// Series that one meter has on the wire: two active and two reactive registers.
const SERIES_PER_METER: usize = 4;
/// Rows a series in the first page, while nothing is known of how many meters there are.
const FIRST_LIMIT: u32 = 4;
/// Rows a series at least (with one row no boundary is ever complete), and at most (the platform's own limit).
const LIMIT_MIN: u32 = 2;
const LIMIT_MAX: u32 = 10_000;
/// Invalid rows that are kept as events of one boundary; more are only counted.
const INVALID_EVENTS_MAX: usize = 1000;

/// Invalid rows that are held until a boundary is committed that keeps them; more are only counted.
const INVALID_HELD_MAX: usize = 10_000;

/// A pass that could not go on. What was committed before stays.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The readings are to blame.
    #[error(transparent)]
    Meters(#[from] MetersError),
    /// The store is to blame.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The algorithm is to blame.
    #[error(transparent)]
    Clearing(#[from] Box<ClearingError>),
    /// The machine is to blame.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Another process has taken the lease under which this one settled.
    #[error("another process has taken over the settlement of community {0}")]
    Fenced(String),
}

/// What a pass is to do.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Now, which decides what is due.
    pub now: Timestamp,
    /// Only intervals that end at or before this.
    pub until: Option<Timestamp>,
    /// The token of the lease under which it runs, if any.
    pub fence: Option<u64>,
}

/// What a pass did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Intervals with a round that were settled.
    pub intervals: u64,
    /// End of the first one.
    pub first: Option<Boundary>,
    /// End of the last one.
    pub last: Option<Boundary>,
    /// Trades made.
    pub trades: u64,
    /// Energy traded within the community.
    pub local: Energy,
    /// Energy bought from the grid.
    pub from_grid: Energy,
    /// Energy sold to the grid.
    pub to_grid: Energy,
    /// Events by code.
    pub events: BTreeMap<String, u64>,
}

/// Settles one community.
pub struct Settler {
    clearing: Clearing,
    meters: Arc<MetersClient>,
    stock: Arc<Stock>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Arc<CommunityMetrics>,
}

/// Where a pass stands.
struct Position {
    roster: Roster,
    mark: Option<Boundary>,
    last_reads: LastReads,
    /// Up to here others have settled: readings only tell where each meter stands.
    settled_by_others: Option<Boundary>,
    /// Invalid rows without a time that were told before.
    told: HashSet<String>,
    /// Invalid rows that no commit has taken yet, by their boundary and message.
    invalid: BTreeMap<(Option<Boundary>, String), StoredEvent>,
    /// How many more there were than can be held.
    invalid_more: usize,
}

impl Settler {
    /// Settles with this algorithm and those that are activated, from these meters, into this store.
    pub fn new(
        clearing: Clearing,
        meters: MetersClient,
        stock: Arc<Stock>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Settler {
        // Nobody looks at these.
        let metrics = Metrics::new(Arc::clone(&clock)).community(clearing.community());
        Settler { clearing, meters: Arc::new(meters), stock, store, clock, metrics }
    }

    /// Counts here what it does.
    pub fn with_metrics(self, metrics: &Metrics) -> Settler {
        Settler { metrics: metrics.community(self.community()), ..self }
    }

    /// The community.
    pub fn community(&self) -> &CommunityConfig {
        self.clearing.community()
    }

    /// Settles every interval that is due and wanted.
    ///
    /// Adds what it commits to `summary`, and tells `seen` of each interval.
    ///
    /// # Errors
    /// At the first thing that stops it; intervals before that are committed. It is in the log then.
    pub async fn pass(
        &self,
        pass: Pass,
        summary: &mut Summary,
        mut seen: impl FnMut(&Commit) + Send,
    ) -> Result<(), PassError> {
        let community = &self.community().name;
        let whole = async {
            // Starts anew when another process turns out to settle the same community.
            while !self.pass_once(pass, summary, &mut seen).await? {
                tracing::info!(community, "another process settles the same community: looking again where it stands");
            }
            Ok(())
        };
        let passed = whole.instrument(info_span!("pass", community)).await;
        self.metrics.passed(PassOutcome::of(&passed));
        if let Err(error) = &passed {
            told::stopped(community, error);
        }
        passed
    }

    /// Answers whether it came to the end.
    async fn pass_once(
        &self,
        pass: Pass,
        summary: &mut Summary,
        seen: &mut (impl FnMut(&Commit) + Send),
    ) -> Result<bool, PassError> {
        let Progress { mark, last_reads, original } = self.store.progress(&self.community().name).await?;
        if let Some(mark) = mark {
            self.metrics.stands(mark);
        }
        let latest = latest(self.community(), pass.now, pass.until);
        let start = start(self.community(), mark, original);
        if start > latest {
            return Ok(true);
        }
        let roster = self.roster(mark).await?;
        let limit = limit_for(last_reads.len());
        let (told, invalid) = (HashSet::new(), BTreeMap::new());
        let settled_by_others = original.filter(|_| mark.is_none());
        let mut position = Position { roster, mark, last_reads, settled_by_others, told, invalid, invalid_more: 0 };
        let mut fetch = self.fetch(start, limit);
        loop {
            let fetched = fetch.finish().await?;
            let page = Page::read(&fetched.rows, fetched.limit, self.community().interval, self.community().tolerance);
            let (before, meters) = (position.mark, page.meters);
            let next = self.next_fetch(&page, fetched, latest)?;
            if !self.settle_page(page, latest, pass.fence, &mut position, summary, seen).await? {
                return Ok(false);
            }
            fetch = match next {
                Some(next) => next,
                // As it says, there is no more. If this page brought anything, ask once more behind it: the service may
                // have given fewer rows than it was asked for, or new ones may have come meanwhile.
                None if position.mark > before => match self::start(self.community(), position.mark, None) {
                    start if start > latest => break,
                    start => self.fetch(start, limit_for(meters)),
                },
                None => break,
            };
        }
        // They are not lost: the next pass sees them again, until a boundary is settled that keeps them.
        for event in position.invalid.values() {
            told::event(&self.community().name, None, event);
        }
        Ok(true)
    }

    /// Starts to fetch a page.
    fn fetch(&self, from: Timestamp, limit: u32) -> Fetch {
        Fetch::start(Arc::clone(&self.meters), Arc::clone(&self.metrics), from, limit)
    }

    /// Starts to fetch the page after this one, if there is one that matters.
    fn next_fetch(
        &self,
        page: &Page,
        Fetched { from, limit, reduced, .. }: Fetched,
        latest: Timestamp,
    ) -> Result<Option<Fetch>, PassError> {
        let Some(next) = page.next().filter(|next| *next <= latest) else {
            return Ok(None);
        };
        if next > from {
            return Ok(Some(self.fetch(next, limit_for(page.meters))));
        }
        // So many readings around one boundary that the page has nothing else: ask for more at once, if there can be.
        if limit >= LIMIT_MAX || reduced {
            let address = self.meters.address().to_owned();
            return Err(MetersError::NoProgress { address, from: from.to_string() }.into());
        }
        Ok(Some(self.fetch(from, limit.saturating_mul(2).min(LIMIT_MAX))))
    }

    /// Settles the boundaries of a page that are complete and due; answers false if another process was there first.
    async fn settle_page(
        &self,
        page: Page,
        latest: Timestamp,
        fence: Option<u64>,
        position: &mut Position,
        summary: &mut Summary,
        seen: &mut (impl FnMut(&Commit) + Send),
    ) -> Result<bool, PassError> {
        position.add_invalid(&page, latest);
        let prices = self.prices(&page).await?;
        let (mut row, mut committing) = (Row::default(), None);
        let complete: Vec<_> = page.boundaries.iter().map(|(boundary, _)| page.is_complete(*boundary)).collect();
        for ((boundary, readings), complete) in page.boundaries.into_iter().zip(complete) {
            if !complete || boundary.timestamp() > latest {
                break;
            }
            let Some(interval) = boundary.interval(self.community().interval) else { continue };
            let before_start = self.community().from.is_some_and(|from| boundary.timestamp() < from);
            // An interval may start before the mark after its length was changed: a part of it is settled already.
            let settled = position.mark.is_some_and(|mark| boundary <= mark || interval.start() < mark);
            if before_start || settled {
                continue;
            }
            if position.settled_by_others.is_some_and(|settled| boundary <= settled) {
                position.last_reads.extend(self.clearing.reads(interval, &position.last_reads, &readings));
                continue;
            }
            row.begin();
            let cleared = self.clear(interval, &readings, fence, &prices, position);
            let commit = cleared.as_ref().map(|(commit, _)| commit).map_err(|error| &**error);
            let failure = Failure::of(position.roster.at(interval.start()), interval, commit);
            let error = match cleared {
                Ok((commit, read)) => {
                    position.last_reads.extend(read);
                    position.mark = Some(boundary);
                    row.add(commit);
                    None
                }
                Err(error) => Some(error),
            };
            if failure.is_some() || error.is_some() {
                // What was cleared before is not lost with it.
                let finished = self.finish(committing.take(), latest, summary, seen).await?;
                if !finished || !self.finish(self.commit(std::mem::take(&mut row)), latest, summary, seen).await? {
                    return Ok(false);
                }
            }
            if let Some(failure) = failure
                && self.failed(failure).await?
            {
                return Ok(false);
            }
            if let Some(error) = error {
                return Err(error.into());
            }
            if row.is_full() {
                if !self.finish(committing, latest, summary, seen).await? {
                    return Ok(false);
                }
                committing = self.commit(std::mem::take(&mut row));
            }
        }
        let finished = self.finish(committing, latest, summary, seen).await?;
        Ok(finished && self.finish(self.commit(row), latest, summary, seen).await?)
    }

    /// Starts to commit what was cleared, if there is anything. Meanwhile the next intervals can be cleared.
    fn commit(&self, row: Row) -> Option<Committing> {
        Committing::start(Arc::clone(&self.store), row)
    }

    /// Waits until a row is committed, and tells of it; answers false if another process was there first.
    async fn finish(
        &self,
        committing: Option<Committing>,
        latest: Timestamp,
        summary: &mut Summary,
        seen: &mut (impl FnMut(&Commit) + Send),
    ) -> Result<bool, PassError> {
        let Some(committing) = committing else { return Ok(true) };
        let (commits, CommittedRow { committed, ended }) = committing.finish().await;
        let mut backlog = Vec::new();
        for commit in commits.iter().take(committed) {
            let boundary = commit.interval.end();
            summary.add(commit);
            self.metrics.committed(boundary, By::of(commit), flows(commit), &commit.events);
            let live = boundary.next(self.community().interval).is_none_or(|next| next.timestamp() > latest);
            backlog.extend(told::settled(commit, live));
            seen(commit);
        }
        told::backlog(&self.community().name, &backlog);
        match ended? {
            Committed::Now => Ok(true),
            Committed::Overtaken => Ok(false),
            Committed::Fenced => Err(PassError::Fenced(self.community().name.clone())),
        }
    }
}

impl Settler {
    /// Clears one interval, and tells of every run of an algorithm.
    fn clear(
        &self,
        interval: Interval,
        readings: &BoundaryReadings,
        fence: Option<u64>,
        prices: &PriceBook,
        position: &mut Position,
    ) -> Result<(Commit, LastReads), Box<ClearingError>> {
        let ran = |ran: &Ran<'_>| {
            self.metrics.ran(ran.usage, ran.verdict);
            told::ran(&self.community().name, interval, ran);
        };
        let events = position.take_events(interval.end());
        let circumstances = Circumstances {
            after: position.mark,
            course: position.roster.course(),
            chosen: position.roster.at(interval.start()),
            fence,
            settled_at: self.clock.now(),
            prices,
            events,
            ran: &ran,
        };
        let clear = || self.clearing.clear(interval, &position.last_reads, readings, circumstances);
        let span = info_span!("clear interval", %interval);
        tokio::task::block_in_place(|| span.in_scope(clear)).map_err(Box::new)
    }

    /// The prices that hold in a page's intervals.
    async fn prices(&self, page: &Page) -> Result<PriceBook, StoreError> {
        let starts = || page.boundaries.iter().filter_map(|(end, _)| end.interval(self.community().interval));
        let (first, last) = (starts().map(Interval::start).min(), starts().map(Interval::start).max());
        match first.zip(last) {
            Some((first, last)) => self.store.price_book(first.timestamp(), last.timestamp()).await,
            None => Ok(PriceBook::default()),
        }
    }
}

/// A page on its way. Dropping it gives it up.
struct Fetch(JoinHandle<Result<Fetched, MetersError>>);

/// A page that has arrived, and what was asked for.
struct Fetched {
    rows: Vec<MeasurementResponse>,
    from: Timestamp,
    limit: u32,
    /// Whether a larger page was too large.
    reduced: bool,
}

impl Fetch {
    fn start(meters: Arc<MetersClient>, metrics: Arc<CommunityMetrics>, from: Timestamp, limit: u32) -> Fetch {
        let span = info_span!("fetch page", %from, limit);
        let fetch = async move {
            let (mut limit, mut reduced) = (limit, false);
            loop {
                match meters.page(from, limit, &metrics).await {
                    Ok(rows) => return Ok(Fetched { rows, from, limit, reduced }),
                    Err(MetersError::TooLarge { .. }) if limit > LIMIT_MIN => {
                        (limit, reduced) = ((limit / 4).max(LIMIT_MIN), true);
                        tracing::warn!(community = metrics.name(), limit, "too large a page: asking for fewer rows");
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        Fetch(tokio::spawn(fetch.instrument(span)))
    }

    async fn finish(mut self) -> Result<Fetched, MetersError> {
        match (&mut self.0).await {
            Ok(fetched) => fetched,
            // The task is only ever given up by dropping it, and then nobody waits for it; what is left is a panic.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The latest boundary that is due: `grace` after it has passed, and not after `until`.
fn latest(community: &CommunityConfig, now: Timestamp, until: Option<Timestamp>) -> Timestamp {
    let due = now.checked_sub(community.grace).unwrap_or(Timestamp::MIN);
    until.map_or(due, |until| until.min(due))
}

/// Where to ask from: the earliest reading of the boundary after the mark, or the first of all.
fn start(community: &CommunityConfig, mark: Option<Boundary>, original: Option<Boundary>) -> Timestamp {
    let first = match (mark, original) {
        (Some(mark), _) => mark.next(community.interval).map_or(Timestamp::MAX, Boundary::timestamp),
        (None, Some(original)) => original.timestamp().checked_sub(LOOK_BACK).unwrap_or(Timestamp::UNIX_EPOCH),
        (None, None) => community.from.unwrap_or(Timestamp::UNIX_EPOCH),
    };
    first.checked_sub(community.tolerance).unwrap_or(Timestamp::UNIX_EPOCH).max(Timestamp::UNIX_EPOCH)
}

/// Rows a series to ask for, with that many meters.
fn limit_for(meters: usize) -> u32 {
    match meters {
        0 => FIRST_LIMIT,
        meters => {
            let rows = PAGE_ROWS / meters.saturating_mul(SERIES_PER_METER);
            u32::try_from(rows).unwrap_or(LIMIT_MAX).clamp(LIMIT_MIN, LIMIT_MAX)
        }
    }
}

impl Position {
    /// Takes note of a page's invalid rows. One of a boundary that is not complete or not due comes again; one without a
    /// time is told once a pass.
    fn add_invalid(&mut self, page: &Page, latest: Timestamp) {
        for (boundary, error) in &page.invalid {
            let message = error.to_string();
            let wanted = match *boundary {
                Some(boundary) => {
                    let due = page.is_complete(boundary) && boundary.timestamp() <= latest;
                    due && self.mark.is_none_or(|mark| boundary > mark)
                }
                None => self.told.len() < INVALID_EVENTS_MAX && self.told.insert(message.clone()),
            };
            if wanted && self.invalid.len() < INVALID_HELD_MAX {
                let (code, subject) = ("unreadable".to_owned(), page::subject(error));
                let event = StoredEvent { code, subject, message: message.clone() };
                self.invalid.insert((*boundary, message), event);
            } else if wanted {
                self.invalid_more += 1;
            }
        }
    }

    /// Takes the events up to a boundary, and those of none: they go with whatever is committed first.
    fn take_events(&mut self, boundary: Boundary) -> Vec<StoredEvent> {
        let taken = self.invalid.extract_if(.., |(of, _), _| of.is_none_or(|of| of <= boundary));
        let mut taken: Vec<StoredEvent> = taken.map(|(_, event)| event).collect();
        let more = taken.len().saturating_sub(INVALID_EVENTS_MAX) + std::mem::take(&mut self.invalid_more);
        if more > 0 {
            taken.truncate(INVALID_EVENTS_MAX);
            let message = format!("{more} more rows are no readings");
            taken.push(StoredEvent { code: "unreadable".to_owned(), subject: "many".to_owned(), message });
        }
        taken
    }
}

impl PassOutcome {
    fn of(passed: &Result<(), PassError>) -> PassOutcome {
        match passed {
            Ok(()) => PassOutcome::Done,
            Err(PassError::Meters(_)) => PassOutcome::Meters,
            Err(PassError::Store(_)) => PassOutcome::Store,
            Err(PassError::Sandbox(_)) => PassOutcome::Failed,
            Err(PassError::Fenced(_)) => PassOutcome::Fenced,
            Err(PassError::Clearing(error)) => match **error {
                ClearingError::Held { .. } => PassOutcome::Held,
                ClearingError::Sandbox(_) | ClearingError::Round { .. } => PassOutcome::Failed,
            },
        }
    }
}

impl By {
    /// What settled an interval; none if it had no round.
    fn of(commit: &Commit) -> Option<By> {
        let provenance = &commit.cleared.as_ref()?.provenance;
        Some(if provenance.fallback_reason.is_some() { By::Fallback } else { By::Algorithm })
    }
}

/// Which way the energy of each trade went.
fn flows(commit: &Commit) -> impl Iterator<Item = (TradeKind, Energy)> {
    let kind = |from_grid, to_grid, to_operator| match (from_grid, to_grid, to_operator) {
        (true, ..) => TradeKind::FromGrid,
        (_, true, _) => TradeKind::ToGrid,
        (.., true) => TradeKind::Operator,
        _ => TradeKind::Local,
    };
    let settled = commit.cleared.iter().flat_map(|cleared| cleared.settlement.trades()).map(move |trade| {
        let Trade { seller, buyer, energy, .. } = *trade;
        (kind(seller == Party::Grid, buyer == Party::Grid, buyer == Party::Operator), energy)
    });
    let gaps = commit.gaps.iter().flat_map(GapTrade::priced).map(move |(seller, buyer, energy, _)| {
        (kind(seller == StoredParty::Grid, buyer == StoredParty::Grid, false), energy)
    });
    settled.chain(gaps)
}

impl Summary {
    fn add(&mut self, commit: &Commit) {
        let end = commit.interval.end();
        self.first.get_or_insert(end);
        self.last = Some(end);
        self.intervals += u64::from(commit.cleared.is_some());
        for (kind, energy) in flows(commit) {
            self.trades += 1;
            let sum = match kind {
                TradeKind::FromGrid => &mut self.from_grid,
                TradeKind::ToGrid => &mut self.to_grid,
                TradeKind::Local => &mut self.local,
                // What the operator buys it sells again.
                TradeKind::Operator => continue,
            };
            *sum = Energy::from_wh(sum.wh().saturating_add(energy.wh()));
        }
        for event in &commit.events {
            *self.events.entry(event.code.clone()).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_of_bounded_size() {
        assert_eq!(limit_for(0), FIRST_LIMIT);
        assert_eq!(limit_for(1), LIMIT_MAX);
        assert_eq!(limit_for(1000), 10);
        assert_eq!(limit_for(1_000_000), LIMIT_MIN);
    }
}
