//! One pass over a community: every due interval, from its readings to its books.
//!
//! Pages of readings come one after the other, the next being fetched while one is settled, so that a backfill of a year
//! holds two pages and no more. Which intervals are due is decided here and nowhere else.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use books::{
    ClearedInterval, Commit, CommitOutcome, CommittedBatch, KeptChange, Label, OfferedSince, Progress, Store,
    StoreError, day_of,
};
use domain::netting::LastReads;
use domain::reading::BoundaryReadings;
use domain::{Boundary, Interval, MeterId, PriceBook};
use jiff::Timestamp;
use tracing::{Instrument, info_span};

use super::active::ActiveAlgorithms;
use super::batch::{CommitBatch, Committing};
use super::clearing::{Circumstances, Clearing, ClearingError, RunReport};
use super::decided::{self, Settling};
use super::error::PassError;
use super::failure::Failure;
use super::fetch::{Fetch, Fetched};
use super::late;
use super::log;
use super::memory::Memory;
use super::meters::Meters;
use super::page::Page;
use super::position::Position;
use super::series::SeriesState;
use super::source::{Source, limit_for};
use super::summary::PassSummary;
use super::told::{self, Told};
use super::turns::{ServiceTurns, Turn};
use super::watch::Watch;
use crate::algorithms::cache::AlgorithmCache;
use crate::clock::Clock;
use crate::config::{CommunityConfig, CurrentSeries, MetersSource};
use crate::telemetry::metrics::{By, CommunityMetrics, PassOutcome};

/// How far back readings are looked for that the Python original settled: a meter that was away when it ended continues
/// from its last reading before.
const LOOK_BACK: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// How long an interval waits for the meters of a community where only others were read. That the Meters service answers for
/// those does not mean that the community's own will not come; after this it does, so that what waits is not asked for for ever.
const STRANGERS_WAIT: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// What a pass is to do.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Now, which decides what is due.
    pub now: Timestamp,
    /// Only intervals that end at or before this.
    pub until: Option<Timestamp>,
    /// The fencing token of the lease under which it runs, if any.
    pub fence: Option<u64>,
    /// Which trades are offered for payment: the first pass tells what comes of it.
    pub since: OfferedSince,
}

/// Settles one community.
pub struct Settler {
    /// What clears its intervals.
    pub clearing: Clearing,
    /// Where its readings come from.
    pub meters: Arc<dyn Meters>,
    /// Where algorithms come from that are activated.
    pub algorithms: Arc<AlgorithmCache>,
    /// Where its books are.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Counts everything that happens.
    pub metrics: Arc<CommunityMetrics>,
    /// Whose turn it is.
    pub turns: ServiceTurns,
    /// What it remembers from one pass to the next.
    pub memory: Memory,
}

/// Who watches a pass: called with every interval that was committed.
type Observer<'o> = &'o mut (dyn FnMut(&Commit) + Send);

/// Why a pass does not go on.
enum Stop {
    /// Another process settled or decided meanwhile: the pass looks again where the community stands.
    Overtaken,
    /// Another algorithm settles from here on, as the log says: the pass looks again which.
    Decided,
    Failed(PassError),
}

impl<E: Into<PassError>> From<E> for Stop {
    fn from(error: E) -> Stop {
        Stop::Failed(error.into())
    }
}

impl Settler {
    /// The community.
    pub fn community(&self) -> &CommunityConfig {
        self.clearing.community()
    }

    /// The algorithm of its configuration.
    pub fn configured(&self) -> Label {
        self.clearing.algorithm().label()
    }

    /// Settles every interval that is due and wanted.
    ///
    /// Adds what it commits to `summary`, and calls `seen` with each interval.
    ///
    /// # Errors
    /// At the first thing that stops it; intervals before that are committed.
    pub async fn pass(
        &self,
        pass: Pass,
        summary: &mut PassSummary,
        seen: impl FnMut(&Commit) + Send,
    ) -> Result<(), PassError> {
        let mut turn = self.turns.take().await;
        self.pass_in(&mut turn, pass, summary, seen).await
    }

    /// As [`Settler::pass`], for somebody who has a turn already.
    ///
    /// # Errors
    /// As there.
    pub async fn pass_in(
        &self,
        turn: &mut Turn,
        pass: Pass,
        summary: &mut PassSummary,
        mut seen: impl FnMut(&Commit) + Send,
    ) -> Result<(), PassError> {
        let community = &self.community().name;
        let whole = async {
            loop {
                match self.pass_once(turn, pass, summary, &mut seen).await {
                    Ok(()) => return Ok(()),
                    Err(Stop::Failed(error)) => return Err(error),
                    Err(Stop::Decided) => {}
                    Err(Stop::Overtaken) => {
                        tracing::info!(
                            community,
                            "another process settled, or somebody decided, meanwhile: looking again where it is"
                        );
                    }
                }
            }
        };
        let passed = whole.instrument(info_span!("pass", community)).await;
        self.metrics.passed(passed.as_ref().map_or_else(PassError::outcome, |()| PassOutcome::Done));
        passed
    }

    async fn pass_once(
        &self,
        turn: &mut Turn,
        pass: Pass,
        summary: &mut PassSummary,
        seen: Observer<'_>,
    ) -> Result<(), Stop> {
        let community = self.community();
        let series = self.refresh_series(pass.now);
        let mut progress = self.store.progress(&community.name).await?;
        let settling = Settling {
            clearing: &self.clearing,
            store: &*self.store,
            metrics: &self.metrics,
            now: self.clock.now(),
            fence: pass.fence,
        };
        let mut decisions = self.decisions(progress.decision).await?;
        let taken = decided::take_in(settling, &progress, &decisions, &series.current, summary).await?;
        match taken {
            None => {}
            Some(CommitOutcome::Committed) => progress = self.store.progress(&community.name).await?,
            Some(committed) => return self.stopped_by(committed),
        }
        if community.meters == MetersSource::Store && late::decide(settling, &progress, &decisions).await? {
            progress = self.store.progress(&community.name).await?;
            decisions = self.decisions(progress.decision).await?;
            match decided::take_in(settling, &progress, &decisions, &series.current, summary).await? {
                None => {}
                Some(CommitOutcome::Committed) => progress = self.store.progress(&community.name).await?,
                Some(committed) => return self.stopped_by(committed),
            }
        }
        self.metrics.set_disputed(&progress.last_reads);
        let Progress { mark, last_reads, original, .. } = progress;
        if let Some(mark) = mark {
            self.metrics.set_mark(mark);
        }
        // Books that begin later have nothing to do with what the original settled.
        let original = original.filter(|end| community.from.is_none_or(|from| from <= end.timestamp()));
        PassError::check_clock(&community.name, mark, pass.now)?;
        let (latest, start) = (latest(community, pass.now, pass.until), start(community, mark, original));
        if start > latest {
            return Ok(());
        }
        let (cache, configured) = (&self.algorithms, self.clearing.configured());
        let algorithms = ActiveAlgorithms::load(cache, configured, &decisions, mark).await?;
        self.memory.heard().decisions = Some(decisions);
        let source = Arc::new(self.source(&last_reads, latest));
        let from = watch_from(community, mark).map_or(start, |from| from.min(start));
        let fetch = Fetch::start(Arc::clone(&source), from, usual_limit(community, last_reads.len()));
        let watch = Watch::from(mark);
        let exchanges = algorithms.exchanges();
        let position = Position::new(algorithms, mark, last_reads, exchanges, original.filter(|_| mark.is_none()));
        let (batch, committing) = (CommitBatch::default(), None);
        let Pass { fence, since, .. } = pass;
        let (newest, limit_max) = (None, None);
        let kept = self.memory.told.lock().unwrap_or_else(PoisonError::into_inner).take();
        let told = match kept {
            Some(told) => told,
            None => Told::new(self.store.told(&community.name, &told::codes()).await?),
        };
        let strangers_wait_until = pass.now.checked_sub(STRANGERS_WAIT).unwrap_or(Timestamp::MIN);
        let mut run = Run {
            settler: self,
            turn,
            source,
            fence,
            since,
            latest,
            newest,
            limit_max,
            position,
            watch,
            batch,
            committing,
            series: series.current,
            told,
            strangers_wait_until,
            summary,
            seen,
        };
        let wrong = run.told.only_news(series.wrong.into_iter().map(|event| (event, true)));
        run.position.add_next(wrong);
        let settled = run.settle_pages(fetch).await;
        self.metrics.set_disputed(&run.position.last_reads);
        settled?;
        self.tell(&run.watch, &run.position.last_reads, run.summary).await?;
        run.position.left_events().for_each(|event| log::event(&community.name, None, event));
        *self.memory.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.told);
        Ok(())
    }

    /// What was decided about the community. It is read again only where there is another decision than this one.
    async fn decisions(&self, newest: u64) -> Result<Arc<[KeptChange]>, StoreError> {
        if let Some(known) = self.memory.decisions(newest) {
            return Ok(known);
        }
        let decisions = self.store.decisions(&self.community().name).await?.into();
        self.memory.remember_decisions(&decisions);
        Ok(decisions)
    }

    /// Reads the series of tariffs again that have changed; what is wrong with any is reported, and in the log once.
    fn refresh_series(&self, now: Timestamp) -> SeriesState {
        let state = self.memory.series.refresh(now);
        for problem in self.metrics.set_series_problems(state.problems()) {
            log::series(&self.community().name, &problem);
        }
        state
    }

    /// Whether a commit lets the pass go on.
    fn stopped_by(&self, committed: CommitOutcome) -> Result<(), Stop> {
        match committed {
            CommitOutcome::Committed => Ok(()),
            CommitOutcome::Overtaken => Err(Stop::Overtaken),
            CommitOutcome::Fenced => Err(PassError::Fenced(self.community().name.clone()).into()),
        }
    }

    /// Tells people what has changed in how meters are read.
    async fn tell(&self, watch: &Watch, last_reads: &LastReads, summary: &mut PassSummary) -> Result<(), StoreError> {
        let community = self.community();
        summary.remark = watch.remark(community);
        let mut told = self.store.notices(&community.name).await?;
        let notices = watch.notices(community, self.clearing.ownership(), last_reads, &told, self.clock.now());
        let kept = if notices.is_empty() { notices } else { self.store.tell(&community.name, &notices).await? };
        told.extend(kept.iter().map(|notice| (notice.meter.clone(), notice.clone())));
        self.memory.heard().notices = Some(told);
        for notice in kept {
            let reception = notice.reception;
            let event = notice.into_event();
            log::notice(&community.name, reception, &event);
            summary.add_event(&event.code);
            self.metrics.event(&event.code);
        }
        Ok(())
    }

    /// Where pages come from.
    fn source(&self, last_reads: &LastReads, latest: Timestamp) -> Source {
        let community = self.community();
        Source {
            community: community.name.clone(),
            meters: Arc::clone(&self.meters),
            known: Mutex::new(community.configured_meters().into_iter().chain(last_reads.keys().cloned()).collect()),
            length: community.interval,
            tolerance: community.tolerance,
            latest,
        }
    }

    /// The prices that hold at the starts of a page's intervals, of its meters and of those of its members.
    async fn prices(&self, page: &Page) -> Result<PriceBook, StoreError> {
        let starts = page.boundaries.iter().filter_map(|(end, _)| end.interval(self.community().interval));
        let starts: BTreeSet<Timestamp> = starts.map(|interval| interval.start().timestamp()).collect();
        if starts.is_empty() {
            return Ok(PriceBook::default());
        }
        let configured = self.community().configured_meters().into_iter();
        // Collected at once: one by one, each would be looked for among thousands.
        let meters = configured.chain(page.meters.meters().iter().cloned()).collect();
        self.store.price_book(&meters, &starts).await
    }
}

/// One time through everything that is due.
struct Run<'p> {
    settler: &'p Settler,
    /// The turn of its current page.
    turn: &'p mut Turn,
    source: Arc<Source>,
    fence: Option<u64>,
    since: OfferedSince,
    /// The latest boundary that is due.
    latest: Timestamp,
    /// The latest boundary for which there are readings, as far as it is known.
    newest: Option<Boundary>,
    /// Rows per series to ask for at most, after a page was too large.
    limit_max: Option<u32>,
    position: Position,
    watch: Watch,
    /// Cleared intervals that wait to be committed.
    batch: CommitBatch,
    /// The batch before, on its way into the store. Meanwhile the next intervals are cleared.
    committing: Option<Committing>,
    /// The series of tariffs as they are now.
    series: CurrentSeries,
    /// What was told already.
    told: Told,
    /// Boundaries after this, at which only meters were read that do not concern the community, wait for those that do.
    strangers_wait_until: Timestamp,
    summary: &'p mut PassSummary,
    seen: Observer<'p>,
}

impl Run<'_> {
    fn community(&self) -> &CommunityConfig {
        self.settler.community()
    }

    /// Settles page by page, from one that is on its way, and commits all of it.
    async fn settle_pages(&mut self, fetch: Fetch) -> Result<(), Stop> {
        match self.settle_each_page(fetch).await {
            Ok(()) => self.commit_all().await,
            Err(stop) => {
                // What is being committed is reported, too. If it fails, the pass failed there first.
                self.finish_commit().await?;
                Err(stop)
            }
        }
    }

    /// Settles page by page. The next one is fetched and the one before is committed meanwhile, unless others wait for their
    /// turn.
    async fn settle_each_page(&mut self, mut fetch: Fetch) -> Result<(), Stop> {
        loop {
            let fetched = self.turn.wait_for(fetch.finish()).await?;
            let (before, limit) = (self.position.mark, self.next_limit(&fetched));
            // The page after this one, if there is one that matters.
            let next = fetched.page.next().filter(|next| *next > fetched.from && *next <= self.latest);
            let ahead = next.filter(|_| !self.turn.is_wanted());
            let ahead = ahead.map(|next| Fetch::start(Arc::clone(&self.source), next, limit));
            self.settle_page(fetched.page).await?;
            match ahead {
                Some(_) if !self.turn.is_wanted() => self.commit_batch().await?,
                _ => self.commit_all().await?,
            }
            self.turn.give_way().await;
            fetch = match (ahead, next) {
                (Some(ahead), _) => ahead,
                (None, Some(next)) => Fetch::start(Arc::clone(&self.source), next, limit),
                // As it says, there is no more. If this page brought anything, ask once more behind it: the service may
                // have given fewer rows than it was asked for, or new ones may have come meanwhile.
                (None, None) if self.position.mark > before => {
                    match start(self.community(), self.position.mark, None) {
                        start if start > self.latest => return Ok(()),
                        start => Fetch::start(Arc::clone(&self.source), start, limit),
                    }
                }
                (None, None) => return Ok(()),
            };
        }
    }

    /// Rows per series to ask for after a page. After one that had to be smaller, pages grow slowly again: what was too large may
    /// still be ahead.
    fn next_limit(&mut self, fetched: &Fetched) -> u32 {
        let usual = usual_limit(self.community(), fetched.page.meters.meters().len());
        let grown = self.limit_max.map(|limit| limit.saturating_mul(2));
        self.limit_max = if fetched.reduced { Some(fetched.limit) } else { grown.filter(|limit| *limit < usual) };
        self.limit_max.map_or(usual, |limit| limit.min(usual))
    }

    /// Settles the boundaries of a page that are complete and due.
    async fn settle_page(&mut self, page: Page) -> Result<(), Stop> {
        self.position.add_events(&page, self.latest);
        self.watch.add(&page);
        if let Some(first) = page.first {
            self.settler.metrics.read_since(first);
        }
        self.newest = page.boundaries.last().map(|(boundary, _)| *boundary).filter(|_| page.next().is_none());
        let prices = self.settler.prices(&page).await?;
        let complete: Vec<_> = page.boundaries.iter().map(|(boundary, _)| page.is_complete(*boundary)).collect();
        let none = BTreeSet::new();
        for ((boundary, readings), complete) in page.boundaries.into_iter().zip(complete) {
            if !complete || boundary.timestamp() > self.latest {
                break;
            }
            let missing = page.missing.get(&boundary).unwrap_or(&none);
            self.settle_boundary(boundary, (&readings, missing), &prices).await?;
        }
        Ok(())
    }

    async fn settle_boundary(
        &mut self,
        boundary: Boundary,
        (readings, missing): (&BoundaryReadings, &BTreeSet<MeterId>),
        prices: &PriceBook,
    ) -> Result<(), Stop> {
        let Some(interval) = self.open_interval(boundary) else { return Ok(()) };
        let waits = boundary.timestamp() > self.strangers_wait_until;
        if waits && !self.settler.clearing.concerned(interval, readings) {
            // As if nothing were read there.
            return Ok(());
        }
        if self.position.settled_by_original.is_some_and(|settled| boundary <= settled) {
            let mut read =
                self.settler.clearing.reads(interval, &self.position.last_reads, readings, &self.position.exchanges);
            self.position.last_reads.append(&mut read);
            return Ok(());
        }
        if self.position.mark.is_none() {
            self.open_books(boundary);
        }
        self.batch.begin();
        let cleared = self.clear(interval, (readings, missing), prices).await;
        let result = cleared.as_ref().map(|(commit, _)| &commit.cleared).map_err(|error| &**error);
        let selection = self.position.algorithms.at(interval.start()).ok();
        let failure = selection.and_then(|selection| Failure::of(selection, interval, result));
        let error = match cleared {
            Ok((commit, mut read)) => {
                self.told.add(&commit.cleared.events);
                self.watch.settled(boundary, readings, &read);
                // In one walk along both.
                self.position.last_reads.append(&mut read);
                self.position.mark = Some(boundary);
                self.batch.add(commit);
                None
            }
            Err(error) => Some(error),
        };
        if failure.is_some() || error.is_some() {
            // What was cleared before is not lost with it.
            self.commit_all().await?;
        }
        if let Some(failure) = failure {
            let Settler { store, clock, .. } = self.settler;
            let configured = self.settler.configured();
            if failure.record(&**store, self.community(), configured, clock.now()).await? {
                return Err(Stop::Decided);
            }
        }
        if let Some(error) = error {
            return Err(error.into());
        }
        if self.batch.is_full() { self.commit_batch().await } else { Ok(()) }
    }

    /// Tells what a first start comes to, and keeps from where the original's books are continued, if there are any.
    fn open_books(&mut self, boundary: Boundary) {
        let interval = self.community().interval;
        let length = u64::from(interval.seconds());
        let settled = self.position.settled_by_original.take();
        let settled = settled.and_then(|end| Boundary::from_seconds(end.seconds() / length * length));
        let from = settled.unwrap_or(boundary);
        let until = self.newest.map_or(self.latest, |newest| newest.timestamp().min(self.latest));
        let due = until.as_second().saturating_sub_unsigned(from.seconds());
        let intervals = u64::try_from(due).unwrap_or(0) / length;
        log::begins(&self.community().name, intervals, from, self.since);
        let Some(opening) = settled.and_then(|end| end.interval(interval)) else { return };
        let cleared = self.settler.clearing.open(opening, &self.position.last_reads);
        let commit = self.commit_of(cleared);
        self.position.mark = Some(from);
        self.batch.begin();
        self.batch.add(commit);
    }

    /// What is committed of an interval now.
    fn commit_of(&self, cleared: ClearedInterval) -> Commit {
        Commit {
            day: day_of(cleared.interval, &self.community().zone),
            community: self.community().name.clone(),
            after: self.position.mark,
            decision: self.position.algorithms.decision(),
            fence: self.fence,
            settled_at: self.settler.clock.now(),
            cleared,
        }
    }

    /// The interval that ends at a boundary, if it is still to be settled.
    fn open_interval(&self, boundary: Boundary) -> Option<Interval> {
        let (community, mark) = (self.community(), self.position.mark);
        let interval = boundary.interval(community.interval)?;
        let is_too_early = community.from.is_some_and(|from| boundary.timestamp() < from);
        // An interval may start before the mark after its length was changed: a part of it is settled already.
        let is_settled = mark.is_some_and(|mark| boundary <= mark || interval.start() < mark);
        (!is_too_early && !is_settled).then_some(interval)
    }

    /// Clears one interval and stamps what came of it for its commit; reports every run of an algorithm.
    async fn clear(
        &mut self,
        interval: Interval,
        (readings, missing): (&BoundaryReadings, &BTreeSet<MeterId>),
        prices: &PriceBook,
    ) -> Result<(Commit, LastReads), Box<ClearingError>> {
        let _core = self.turn.core().await;
        let Settler { clearing, metrics, .. } = self.settler;
        let community = &clearing.community().name;
        let report = |run: &RunReport<'_>| {
            metrics.algorithm_run(run.usage, run.verdict);
            log::run(community, interval, run);
        };
        let events = self.position.take_events(interval.end());
        let selection = self.position.algorithms.at(interval.start()).map_err(ClearingError::from)?;
        let (series, told, exchanges) = (&self.series, &self.told, &self.position.exchanges);
        let circumstances =
            Circumstances { selection, prices, series, told, exchanges, missing, events, report: &report };
        let clear = || clearing.clear(interval, &self.position.last_reads, readings, circumstances);
        let span = info_span!("clear interval", %interval);
        let (cleared, read) = tokio::task::block_in_place(|| span.in_scope(clear))?;
        Ok((self.commit_of(cleared), read))
    }

    /// Starts to commit the batch, once the one before it is committed.
    async fn commit_batch(&mut self) -> Result<(), Stop> {
        self.finish_commit().await?;
        self.committing = Committing::start(Arc::clone(&self.settler.store), std::mem::take(&mut self.batch));
        Ok(())
    }

    /// Commits everything that was cleared.
    async fn commit_all(&mut self) -> Result<(), Stop> {
        self.commit_batch().await?;
        self.finish_commit().await
    }

    /// Waits until the batch under way is committed, and reports it.
    async fn finish_commit(&mut self) -> Result<(), Stop> {
        let Some(committing) = self.committing.take() else { return Ok(()) };
        let (commits, CommittedBatch { committed, ended }) = committing.finish().await;
        let mut backlog = Vec::new();
        for commit in commits.iter().take(committed) {
            let (cleared, boundary) = (&commit.cleared, commit.cleared.interval.end());
            self.summary.add(cleared);
            let by = cleared.round.as_ref().map(|round| By::of(&round.provenance));
            self.settler.metrics.committed(boundary, by, &cleared.trades, &cleared.events);
            let is_live = boundary.next(self.community().interval).is_none_or(|next| next.timestamp() > self.latest);
            backlog.extend(log::settled(&commit.community, cleared, is_live));
            (self.seen)(commit);
        }
        log::backlog(&self.community().name, &backlog);
        self.settler.stopped_by(ended?)
    }
}

/// Rows per series to ask for, of a community with that many meters: the service answers with those of all its communities.
fn usual_limit(community: &CommunityConfig, meters: usize) -> u32 {
    limit_for(meters.max(community.elsewhere.len()))
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

/// Where to ask from to see how every meter is read: right after what counted for the mark.
fn watch_from(community: &CommunityConfig, mark: Option<Boundary>) -> Option<Timestamp> {
    let counted = mark?.timestamp().checked_add(community.tolerance).ok()?;
    counted.checked_add(jiff::SignedDuration::from_secs(1)).ok()
}
