//! One pass over a community: settles every due interval, from readings to commit.
//!
//! The next page of readings is fetched while the current one is settled, so a backfill of a year holds only two pages in
//! memory. This is the only place that decides which intervals are due.

use std::sync::Arc;

use books::{Commit, Committed, CommittedBatch, Label, Progress, Store, StoreError};
use domain::netting::LastReads;
use domain::reading::BoundaryReadings;
use domain::{Boundary, Interval, PriceBook};
use jiff::Timestamp;
use tracing::{Instrument, info_span};

use super::active::ActiveAlgorithms;
use super::batch::{CommitBatch, Committing};
use super::clearing::{Circumstances, Clearing, ClearingError, RunReport};
use super::error::PassError;
use super::failure::Failure;
use super::fetch::{Fetch, Fetched, LIMIT_MAX, limit_for};
use super::log;
use super::meters::{Meters, MetersError};
use super::page::Page;
use super::position::Position;
use super::summary::PassSummary;
use crate::algorithms::cache::AlgorithmCache;
use crate::clock::Clock;
use crate::config::CommunityConfig;
use crate::telemetry::metrics::{By, CommunityMetrics, PassOutcome};

/// How far back to look for readings that the Python original has settled: a meter that was missing at the end continues
/// from its last reading before.
const LOOK_BACK: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// The parameters of a pass.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Decides which intervals are due.
    pub now: Timestamp,
    /// Only intervals that end at or before this.
    pub until: Option<Timestamp>,
    /// Fencing token of the lease under which the pass runs, if any.
    pub fence: Option<u64>,
}

/// Settles one community.
pub struct Settler {
    pub clearing: Clearing,
    pub meters: Arc<dyn Meters>,
    /// Provides activated algorithms.
    pub algorithms: Arc<AlgorithmCache>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<CommunityMetrics>,
}

/// Called with every committed interval.
type Observer<'o> = &'o mut (dyn FnMut(&Commit) + Send);

impl Settler {
    pub fn community(&self) -> &CommunityConfig {
        self.clearing.community()
    }

    /// The label of the configured algorithm.
    pub fn configured(&self) -> Label {
        self.clearing.algorithm().label()
    }

    /// Settles every interval that is due.
    ///
    /// Adds each committed interval to `summary` and calls `observer` with it.
    ///
    /// # Errors
    /// At the first failure, which is logged. Intervals before it are committed.
    pub async fn pass(
        &self,
        pass: Pass,
        summary: &mut PassSummary,
        mut observer: impl FnMut(&Commit) + Send,
    ) -> Result<(), PassError> {
        let community = &self.community().name;
        let whole = async {
            // Starts anew if another process settles the same community.
            while !self.pass_once(pass, summary, &mut observer).await? {
                tracing::info!(community, "another process settles the same community; reading its progress again");
            }
            Ok(())
        };
        let passed = whole.instrument(info_span!("pass", community)).await;
        self.metrics.passed(passed.as_ref().map_or_else(PassError::outcome, |()| PassOutcome::Done));
        if let Err(error) = &passed {
            log::stopped(community, error);
        }
        passed
    }

    /// Returns false if another process interfered.
    async fn pass_once(
        &self,
        pass: Pass,
        summary: &mut PassSummary,
        observer: Observer<'_>,
    ) -> Result<bool, PassError> {
        let Progress { mark, last_reads, original } = self.store.progress(&self.community().name).await?;
        if let Some(mark) = mark {
            self.metrics.set_mark(mark);
        }
        let latest = latest(self.community(), pass.now, pass.until);
        let start = start(self.community(), mark, original);
        if start > latest {
            return Ok(true);
        }
        let algorithms = ActiveAlgorithms::load(
            &*self.store,
            &self.algorithms,
            self.clearing.configured(),
            &self.community().name,
            mark,
        )
        .await?;
        let mut fetch = self.fetch(start, limit_for(last_reads.len()));
        let mut position = Position::new(algorithms, mark, last_reads, original.filter(|_| mark.is_none()));
        loop {
            let fetched = fetch.finish().await?;
            let page = Page::read(&fetched.rows, fetched.limit, self.community().interval, self.community().tolerance);
            let (before, meters) = (position.mark, page.meters);
            let next = self.next_fetch(&page, fetched, latest)?;
            if !self.settle_page(page, latest, pass.fence, &mut position, summary, observer).await? {
                return Ok(false);
            }
            fetch = match next {
                Some(next) => next,
                // The service has no more. If this page brought anything, ask once more: the service may have sent fewer
                // rows than it was asked for, or new ones may have arrived meanwhile.
                None if position.mark > before => match self::start(self.community(), position.mark, None) {
                    start if start > latest => break,
                    start => self.fetch(start, limit_for(meters)),
                },
                None => break,
            };
        }
        position.left_events().for_each(|event| log::event(&self.community().name, None, event));
        Ok(true)
    }

    fn fetch(&self, from: Timestamp, limit: u32) -> Fetch {
        Fetch::start(self.community().name.clone(), Arc::clone(&self.meters), from, limit)
    }

    /// Starts to fetch the next page, if it can have due intervals.
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
        // The page has only readings around one boundary: ask for a larger one, if that is possible.
        if limit >= LIMIT_MAX || reduced {
            let address = self.meters.address().to_owned();
            return Err(MetersError::NoProgress { address, from: from.to_string() }.into());
        }
        Ok(Some(self.fetch(from, limit.saturating_mul(2).min(LIMIT_MAX))))
    }

    /// Settles the boundaries of a page that are complete and due; returns false if another process interfered.
    async fn settle_page(
        &self,
        page: Page,
        latest: Timestamp,
        fence: Option<u64>,
        position: &mut Position,
        summary: &mut PassSummary,
        observer: Observer<'_>,
    ) -> Result<bool, PassError> {
        position.add_invalid(&page, latest);
        let prices = self.prices(&page).await?;
        let (mut batch, mut committing) = (CommitBatch::default(), None);
        let complete: Vec<_> = page.boundaries.iter().map(|(boundary, _)| page.is_complete(*boundary)).collect();
        for ((boundary, readings), complete) in page.boundaries.into_iter().zip(complete) {
            if !complete || boundary.timestamp() > latest {
                break;
            }
            let Some(interval) = self.open_interval(boundary, position.mark) else { continue };
            if position.settled_by_original.is_some_and(|settled| boundary <= settled) {
                position.last_reads.extend(self.clearing.reads(interval, &position.last_reads, &readings));
                continue;
            }
            batch.begin();
            let cleared = self.clear(interval, &readings, fence, &prices, position);
            let result = cleared.as_ref().map(|(commit, _)| &commit.cleared).map_err(|error| &**error);
            let selection = position.algorithms.at(interval.start()).ok();
            let failure = selection.and_then(|selection| Failure::of(selection, interval, result));
            let error = match cleared {
                Ok((commit, read)) => {
                    position.last_reads.extend(read);
                    position.mark = Some(boundary);
                    batch.add(commit);
                    None
                }
                Err(error) => Some(error),
            };
            if failure.is_some() || error.is_some() {
                // Commit what was cleared before.
                let finished = self.finish(committing.take(), latest, summary, observer).await?;
                if !finished || !self.finish(self.commit(std::mem::take(&mut batch)), latest, summary, observer).await?
                {
                    return Ok(false);
                }
            }
            if let Some(failure) = failure
                && failure.record(&*self.store, self.community(), self.configured(), self.clock.now()).await?
            {
                return Ok(false);
            }
            if let Some(error) = error {
                return Err(error.into());
            }
            if batch.is_full() {
                if !self.finish(committing, latest, summary, observer).await? {
                    return Ok(false);
                }
                committing = self.commit(std::mem::take(&mut batch));
            }
        }
        let finished = self.finish(committing, latest, summary, observer).await?;
        Ok(finished && self.finish(self.commit(batch), latest, summary, observer).await?)
    }

    /// The interval that ends at a boundary, unless it is already settled.
    fn open_interval(&self, boundary: Boundary, mark: Option<Boundary>) -> Option<Interval> {
        let interval = boundary.interval(self.community().interval)?;
        let is_too_early = self.community().from.is_some_and(|from| boundary.timestamp() < from);
        // After a change of the length, an interval may start before the mark: a part of it is already settled.
        let is_settled = mark.is_some_and(|mark| boundary <= mark || interval.start() < mark);
        (!is_too_early && !is_settled).then_some(interval)
    }

    /// Starts to commit a batch, if it is not empty, while the next intervals are cleared.
    fn commit(&self, batch: CommitBatch) -> Option<Committing> {
        Committing::start(Arc::clone(&self.store), batch)
    }

    /// Waits for a commit and reports it; returns false if another process interfered.
    async fn finish(
        &self,
        committing: Option<Committing>,
        latest: Timestamp,
        summary: &mut PassSummary,
        observer: Observer<'_>,
    ) -> Result<bool, PassError> {
        let Some(committing) = committing else { return Ok(true) };
        let (commits, CommittedBatch { committed, ended }) = committing.finish().await;
        let mut backlog = Vec::new();
        for commit in commits.iter().take(committed) {
            let (cleared, boundary) = (&commit.cleared, commit.cleared.interval.end());
            summary.add(cleared);
            let by = cleared.round.as_ref().map(|round| By::of(&round.provenance));
            self.metrics.committed(boundary, by, &cleared.trades, &cleared.events);
            let is_live = boundary.next(self.community().interval).is_none_or(|next| next.timestamp() > latest);
            backlog.extend(log::settled(&commit.community, cleared, is_live));
            observer(commit);
        }
        log::backlog(&self.community().name, &backlog);
        match ended? {
            Committed::Now => Ok(true),
            Committed::Overtaken => Ok(false),
            Committed::Fenced => Err(PassError::Fenced(self.community().name.clone())),
        }
    }

    /// Clears one interval and prepares its commit; reports every run of an algorithm.
    fn clear(
        &self,
        interval: Interval,
        readings: &BoundaryReadings,
        fence: Option<u64>,
        prices: &PriceBook,
        position: &mut Position,
    ) -> Result<(Commit, LastReads), Box<ClearingError>> {
        let report = |run: &RunReport<'_>| {
            self.metrics.algorithm_run(run.usage, run.verdict);
            log::run(&self.community().name, interval, run);
        };
        let events = position.take_events(interval.end());
        let selection = position.algorithms.at(interval.start()).map_err(ClearingError::from)?;
        let circumstances = Circumstances { selection, prices, events, report: &report };
        let clear = || self.clearing.clear(interval, &position.last_reads, readings, circumstances);
        let span = info_span!("clear interval", %interval);
        let (cleared, read) = tokio::task::block_in_place(|| span.in_scope(clear))?;
        let commit = Commit {
            community: self.community().name.clone(),
            after: position.mark,
            decision: position.algorithms.decision(),
            fence,
            settled_at: self.clock.now(),
            cleared,
        };
        Ok((commit, read))
    }

    /// The prices that are valid in the intervals of a page.
    async fn prices(&self, page: &Page) -> Result<PriceBook, StoreError> {
        let starts = || page.boundaries.iter().filter_map(|(end, _)| end.interval(self.community().interval));
        let (first, last) = (starts().map(Interval::start).min(), starts().map(Interval::start).max());
        match first.zip(last) {
            Some((first, last)) => self.store.price_book(first.timestamp(), last.timestamp()).await,
            None => Ok(PriceBook::default()),
        }
    }
}

/// The latest boundary that is due: at least `grace` ago, and not after `until`.
fn latest(community: &CommunityConfig, now: Timestamp, until: Option<Timestamp>) -> Timestamp {
    let due = now.checked_sub(community.grace).unwrap_or(Timestamp::MIN);
    until.map_or(due, |until| until.min(due))
}

/// Where to start fetching: at the earliest reading of the boundary after the mark, or the first reading of all.
fn start(community: &CommunityConfig, mark: Option<Boundary>, original: Option<Boundary>) -> Timestamp {
    let first = match (mark, original) {
        (Some(mark), _) => mark.next(community.interval).map_or(Timestamp::MAX, Boundary::timestamp),
        (None, Some(original)) => original.timestamp().checked_sub(LOOK_BACK).unwrap_or(Timestamp::UNIX_EPOCH),
        (None, None) => community.from.unwrap_or(Timestamp::UNIX_EPOCH),
    };
    first.checked_sub(community.tolerance).unwrap_or(Timestamp::UNIX_EPOCH).max(Timestamp::UNIX_EPOCH)
}
