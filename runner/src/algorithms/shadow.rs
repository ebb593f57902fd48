//! Runs candidates beside what settles: on every interval once it is settled, one community after the other.
//!
//! What came of a candidate is kept in the store with the interval up to which it counts, so a crash loses nothing and
//! replicas go on from each other. Settlement waits for none of this.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use books::shadow::{RunCost, ShadowProblem};
use books::{Acquired, ActivationLog, Shadow, ShadowState, ShadowTotals, Span, Store, StoreError, StoredInterval};
use domain::Boundary;
use domain::round::{InvalidRound, Round, Terms};
use sandbox::{Algorithm, BadResult, CheckedRun, Limits, SandboxError};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::cache::{AlgorithmCache, AlgorithmError};
use crate::clock::Clock;
use crate::config::CommunityConfig;
use crate::lease::LeaseOwner;
use crate::telemetry::metrics::Metrics;

/// How often the store is asked whether there is anything to do.
const LOOK: Duration = Duration::from_secs(2);
/// Intervals that are run before what came of them is kept.
const PAGE: usize = 100;

/// A candidate that could not be run.
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

/// Makes a cache of algorithms.
pub type MakeCache = dyn Fn() -> Result<AlgorithmCache, AlgorithmError> + Send + Sync;

/// Runs the candidates of all communities.
pub struct ShadowTask {
    /// The communities.
    pub communities: Vec<CommunityConfig>,
    /// Where decisions and intervals are.
    pub store: Arc<dyn Store>,
    /// Makes what runs candidates: in a sandbox of its own, so that they take no room from what settles.
    pub make_cache: Box<MakeCache>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who we are.
    pub owner: LeaseOwner,
    /// How long a lease lasts.
    pub term: Duration,
    /// Told of runs.
    pub metrics: Arc<Metrics>,
    /// Ends it.
    pub shutdown: CancellationToken,
}

impl ShadowTask {
    /// Goes on until the shutdown.
    pub async fn run(self) {
        let cache = OnceCell::new();
        let mut told: HashMap<String, String> = HashMap::new();
        while !self.shutdown.is_cancelled() {
            let mut moved = false;
            for community in &self.communities {
                match self.shutdown.run_until_cancelled(self.advance(community, &cache)).await {
                    None => return,
                    Some(Ok(advanced)) => {
                        moved |= advanced;
                        told.remove(&community.name);
                    }
                    Some(Err(trouble)) => {
                        let trouble = trouble.to_string();
                        // Once, however often it is tried.
                        if told.get(&community.name) != Some(&trouble) {
                            let community = &community.name;
                            tracing::error!(community, code = "shadow", "the candidate does not run: {trouble}");
                        }
                        told.insert(community.name.clone(), trouble);
                    }
                }
            }
            if !moved {
                self.shutdown.run_until_cancelled(tokio::time::sleep(LOOK)).await;
            }
        }
    }

    /// Runs a page of a community's intervals, if a candidate has not seen them; answers whether it did.
    async fn advance(
        &self,
        community: &CommunityConfig,
        cache: &OnceCell<AlgorithmCache>,
    ) -> Result<bool, ShadowError> {
        let name = &community.name;
        let log = ActivationLog::of(&self.store.decisions(name).await?);
        let Some(shadow) = log.shadow() else { return Ok(false) };
        let state = self.store.shadow_totals(name, shadow.number).await?;
        let from = state.as_ref().map_or(shadow.since, |state| state.until.max(shadow.since));
        let Some(mark) = self.store.mark(name).await?.filter(|mark| *mark > from) else { return Ok(false) };
        let lease = format!("shadow {name}");
        let now = self.clock.now();
        if let Acquired::ByOther { .. } = self.owner.take(&*self.store, &lease, now, self.term).await? {
            return Ok(false);
        }
        let cache = cache.get_or_try_init(|| async { (self.make_cache)() }).await?;
        let advanced = self.page(community, cache, shadow, state, (from, mark)).await;
        if let Err(error) = self.store.release(&lease, self.owner.name()).await {
            // It runs out by itself.
            tracing::warn!(community = name, "the lease of the candidate is not given back: {error}");
        }
        advanced
    }

    async fn page(
        &self,
        community: &CommunityConfig,
        cache: &AlgorithmCache,
        shadow: &Shadow,
        state: Option<ShadowState>,
        (from, mark): (Boundary, Boundary),
    ) -> Result<bool, ShadowError> {
        let name = &community.name;
        let candidate = cache.get(&shadow.candidate.digest).await?.algorithm;
        let span = Span { from: Some(from.seconds()), to: Some(mark.seconds()) };
        let intervals = self.store.intervals(name, span, PAGE).await?;
        // Nothing starts between the two: the candidate has seen all there is.
        let until = intervals.last().map_or(mark, |last: &StoredInterval| last.interval.end());
        let after = state.as_ref().map(|state| state.until);
        let mut totals = state.map(|state| state.totals).unwrap_or_default();
        let before = (totals.intervals, totals.failed + totals.rejected);
        let settings = shadow.settings.as_ref().unwrap_or(&community.settings);
        tokio::task::block_in_place(|| {
            let run = |stored| add_run(&mut totals, &candidate, &community.limits, settings, stored);
            intervals.iter().try_for_each(run)
        })?;
        let runs = (totals.intervals - before.0, totals.failed + totals.rejected - before.1);
        let state = ShadowState { until, totals };
        if self.store.keep_shadow_totals(name, shadow.number, after, &state).await? {
            self.metrics.shadow_ran(name, runs.0 - runs.1, runs.1);
            tracing::debug!(community = name, candidate = %shadow.candidate, %until, intervals = runs.0, "a candidate ran");
        }
        Ok(true)
    }
}

/// Runs a candidate on a settled interval, within these limits and with these settings, and adds what it came to. Blocks.
fn add_run(
    totals: &mut ShadowTotals,
    candidate: &Algorithm,
    limits: &Limits,
    settings: &[(String, String)],
    stored: &StoredInterval,
) -> Result<(), ShadowError> {
    let Some(settled) = &stored.round else { return Ok(()) };
    let terms = Terms { settings: settings.to_vec(), ..settled.terms().clone() };
    let round = Arc::new(Round::new(terms, settled.positions().to_vec())?);
    let CheckedRun { result, usage, .. } = candidate.run_and_check(&round, limits.budget(round.positions().len()))?;
    let cost = RunCost {
        fuel: usage.fuel,
        peak_memory_bytes: usage.peak_memory_bytes,
        duration_us: u64::try_from(usage.duration.as_micros()).unwrap_or(u64::MAX),
    };
    let problem = |bad: BadResult| match bad {
        BadResult::Rejected(_) => ShadowProblem::Rejected(bad.to_string()),
        BadResult::Failed(_) => ShadowProblem::Failed(bad.to_string()),
    };
    totals.add(stored, cost, result.as_ref().map_err(|bad| problem(bad.clone())));
    Ok(())
}
