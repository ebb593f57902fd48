//! Runs candidates as shadows: on every interval after it is settled, one community after the other.
//!
//! Nobody looks for work: whoever settles a community, or decides that it has a candidate, says so ([`ShadowQueue`]). What another
//! replica decided is seen with the next interval at the latest.
//!
//! The totals of a candidate are stored with the interval up to which they count, so a crash loses nothing and replicas
//! continue each other's work. Settlement does not wait for any of this, nor does the end of the service: after every
//! interval the candidate looks whether it may go on, and its sandbox gives up the run that it is in.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use books::shadow::{RunCost, ShadowProblem};
use books::{Acquired, ActivationLog, Shadow, ShadowState, ShadowTotals, Span, Store, StoreError, StoredInterval};
use domain::Boundary;
use domain::round::{InvalidRound, Round, Terms};
use domain::text::chain;
use jiff::Timestamp;
use sandbox::{Algorithm, BadResult, CheckedRun, SandboxError};
use tokio::sync::{Notify, OnceCell};
use tokio_util::sync::CancellationToken;

use super::cache::{AlgorithmCache, AlgorithmError};
use super::limits::limited;
use crate::clock::Clock;
use crate::config::CommunityConfig;
use crate::lease::LeaseOwner;
use crate::telemetry::metrics::Metrics;

/// Pause before a candidate is tried again that could not be run.
const RETRY: Duration = Duration::from_secs(2);
/// Number of intervals that are run before their totals are stored.
const PAGE: usize = 100;

#[derive(Debug, thiserror::Error)]
enum ShadowError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Algorithm(#[from] AlgorithmError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Round(#[from] InvalidRound),
}

/// The communities whose candidates may have something to do.
#[derive(Debug, Default)]
pub struct ShadowQueue {
    names: Mutex<BTreeSet<String>>,
    added: Notify,
}

impl ShadowQueue {
    /// A queue of these communities.
    pub fn of(names: impl IntoIterator<Item = String>) -> ShadowQueue {
        ShadowQueue { names: Mutex::new(names.into_iter().collect()), added: Notify::new() }
    }

    /// Notes that a community's candidate may have something to do.
    pub fn add(&self, community: &str) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(community.to_owned());
        self.added.notify_one();
    }

    /// Those that were noted since the last time; waits until there are some.
    async fn take(&self) -> BTreeSet<String> {
        loop {
            let names = std::mem::take(&mut *self.names.lock().unwrap_or_else(PoisonError::into_inner));
            if !names.is_empty() {
                return names;
            }
            self.added.notified().await;
        }
    }
}

pub type MakeCache = dyn Fn() -> Result<AlgorithmCache, AlgorithmError> + Send + Sync;

pub struct ShadowTask {
    /// All communities, by their names.
    pub communities: HashMap<String, Arc<CommunityConfig>>,
    /// Which of them to look at.
    pub queue: Arc<ShadowQueue>,
    pub store: Arc<dyn Store>,
    /// Makes a cache with a sandbox of its own, so that candidates take no capacity from settlement. It must give up its
    /// runs at the shutdown.
    pub make_cache: Box<MakeCache>,
    pub clock: Arc<dyn Clock>,
    pub owner: LeaseOwner,
    /// How long a lease lasts.
    pub term: Duration,
    pub metrics: Arc<Metrics>,
    pub shutdown: CancellationToken,
}

impl ShadowTask {
    /// Runs until the shutdown.
    pub async fn run(self) {
        let cache = OnceCell::new();
        let mut logged: HashMap<String, String> = HashMap::new();
        while let Some(names) = self.shutdown.run_until_cancelled(self.queue.take()).await {
            let mut failed = false;
            for community in names.iter().filter_map(|name| self.communities.get(name)) {
                match self.advance(community, &cache).await {
                    _ if self.shutdown.is_cancelled() => return,
                    Ok(advanced) => {
                        logged.remove(&community.name);
                        if advanced {
                            // There may be more.
                            self.queue.add(&community.name);
                        }
                    }
                    Err(error) => {
                        self.queue.add(&community.name);
                        failed = true;
                        tell(&community.name, &error, &mut logged);
                    }
                }
            }
            if failed {
                self.shutdown.run_until_cancelled(tokio::time::sleep(RETRY)).await;
            }
        }
    }

    /// Runs the candidate of a community on the next page of intervals, if there are any; returns whether it did.
    async fn advance(
        &self,
        community: &CommunityConfig,
        cache: &OnceCell<AlgorithmCache>,
    ) -> Result<bool, ShadowError> {
        let name = &community.name;
        let Some(work) = self.shutdown.run_until_cancelled(self.work(name)).await else { return Ok(false) };
        let Some(work) = work? else { return Ok(false) };
        let lease = format!("shadow {name}");
        let Some(mut held) = self.take(&lease).await? else { return Ok(false) };
        // From here on nothing is cancelled, so that what was run is stored and the lease is given back.
        let cache = cache.get_or_try_init(|| async { (self.make_cache)() }).await;
        let advanced = match cache {
            Ok(cache) => self.page(community, cache, work, &mut held).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = self.store.release(&lease, self.owner.name()).await {
            let error = chain(&error);
            tracing::debug!(community = name, "cannot release the lease of the candidate: {error}; it will expire");
        }
        advanced
    }

    /// The candidate of a community, and what it has not seen yet, if there is anything.
    async fn work(&self, name: &str) -> Result<Option<Work>, StoreError> {
        let log = ActivationLog::of(&self.store.decisions(name).await?);
        let Some(shadow) = log.shadow() else { return Ok(None) };
        let state = self.store.shadow_totals(name, shadow.number).await?;
        let from = state.as_ref().map_or(shadow.since, |state| state.until.max(shadow.since));
        let mark = self.store.mark(name).await?.filter(|mark| *mark > from);
        Ok(mark.map(|mark| Work { shadow: shadow.clone(), state, from, mark }))
    }

    /// Takes or renews a lease; None if somebody else has it.
    async fn take(&self, lease: &str) -> Result<Option<HeldLease>, StoreError> {
        let now = self.clock.now();
        let acquired = self.owner.take(&*self.store, lease, now, self.term).await?;
        Ok(match acquired {
            Acquired::HeldByOther { .. } => None,
            Acquired::Held(_) => {
                let renew_at = now.checked_add(self.term / 3).unwrap_or(now);
                Some(HeldLease { name: lease.to_owned(), renew_at })
            }
        })
    }

    /// Whether the candidate may go on: the service does not stop, and the lease is still this process's.
    async fn may_go_on(&self, held: &mut HeldLease) -> Result<bool, StoreError> {
        if self.shutdown.is_cancelled() {
            return Ok(false);
        }
        if self.clock.now() < held.renew_at {
            return Ok(true);
        }
        let renewed = self.take(&held.name).await?;
        Ok(renewed.map(|renewed| *held = renewed).is_some())
    }

    async fn page(
        &self,
        community: &CommunityConfig,
        cache: &AlgorithmCache,
        Work { shadow, state, from, mark }: Work,
        held: &mut HeldLease,
    ) -> Result<bool, ShadowError> {
        let name = &community.name;
        let candidate = cache.get(&shadow.candidate.digest).await?.algorithm;
        let span = Span { from: Some(from.seconds()), to: Some(mark.seconds()) };
        let intervals = self.store.intervals(name, span, PAGE).await?;
        let after = state.as_ref().map(|state| state.until);
        let mut totals = state.map(|state| state.totals).unwrap_or_default();
        let before = (totals.intervals, totals.failed + totals.rejected);
        let settings = shadow.settings.as_deref();
        // Without intervals in the span, the candidate has seen everything up to the mark.
        let mut until = if intervals.is_empty() { mark } else { from };
        let mut ended = Ok(());
        for stored in &intervals {
            let run = || add_run(&mut totals, &candidate, community, settings, stored);
            ended = tokio::task::block_in_place(run);
            if ended.is_err() {
                break;
            }
            until = stored.interval.end();
            match self.may_go_on(held).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    ended = Err(error.into());
                    break;
                }
            }
        }
        if until == from {
            return ended.map(|()| false);
        }
        let runs = (totals.intervals - before.0, totals.failed + totals.rejected - before.1);
        let state = ShadowState { until, totals };
        if self.store.keep_shadow_totals(name, shadow.number, after, &state).await? {
            self.metrics.shadow_ran(name, runs.0 - runs.1, runs.1);
            tracing::debug!(community = name, candidate = %shadow.candidate, %until, intervals = runs.0, "a candidate ran");
        }
        ended.map(|()| true)
    }
}

/// Logs why a candidate does not run, once, however often it is retried.
fn tell(community: &str, error: &ShadowError, logged: &mut HashMap<String, String>) {
    match error {
        // It is told once, where the store is measured.
        ShadowError::Store(error) if error.is_outage() => {}
        error => {
            let error = chain(error);
            if logged.get(community) != Some(&error) {
                tracing::error!(community, code = "shadow", "the candidate does not run: {error}");
            }
            logged.insert(community.to_owned(), error);
        }
    }
}

/// What a candidate has to do.
struct Work {
    shadow: Shadow,
    state: Option<ShadowState>,
    /// From the first boundary to the second.
    from: Boundary,
    mark: Boundary,
}

/// The lease under which a candidate runs.
struct HeldLease {
    name: String,
    renew_at: Timestamp,
}

/// Runs a candidate on a settled interval, with these settings or the community's, and the limits that it would have if it
/// settled the community, and adds the result to the totals. Blocks.
fn add_run(
    totals: &mut ShadowTotals,
    candidate: &Algorithm,
    community: &CommunityConfig,
    settings: Option<&[(String, String)]>,
    stored: &StoredInterval,
) -> Result<(), ShadowError> {
    let Some(settled) = &stored.round else { return Ok(()) };
    let own = community.terms_at(stored.interval.start());
    let settings = settings.unwrap_or_else(|| own.settings()).to_vec();
    let terms = Terms { settings, limits: own.price_limits(), ..settled.terms().clone() };
    let round = Arc::new(Round::new(terms, settled.positions().to_vec())?);
    let round = limited(round, &candidate.digest());
    let budget = own.limits().budget(round.positions().len());
    let CheckedRun { result, usage, .. } = candidate.run_and_check(&round, budget)?;
    let cost = RunCost {
        fuel: usage.fuel,
        peak_memory_bytes: usage.peak_memory_bytes,
        duration_us: u64::try_from(usage.duration.as_micros()).unwrap_or(u64::MAX),
    };
    let problem = |bad: BadResult| match bad {
        BadResult::Rejected(_) => ShadowProblem::Rejected(bad.to_string()),
        BadResult::Failed(_) => ShadowProblem::Failed(bad.to_string()),
    };
    if let Some(error) = result.as_ref().err().and_then(BadResult::of_machine) {
        return Err(error.into());
    }
    totals.add(stored, cost, result.as_ref().map_err(|bad| problem(bad.clone())));
    Ok(())
}
