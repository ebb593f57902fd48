//! Runs candidates as shadows: on every interval after it is settled, one community after the other.
//!
//! The totals of a candidate are stored with the interval up to which they count, so a crash loses nothing and replicas
//! continue each other's work. Settlement does not wait for any of this.

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

/// Pause when there is nothing to do.
const POLL: Duration = Duration::from_secs(2);
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

pub type MakeCache = dyn Fn() -> Result<AlgorithmCache, AlgorithmError> + Send + Sync;

pub struct ShadowTask {
    pub communities: Vec<CommunityConfig>,
    pub store: Arc<dyn Store>,
    /// Makes a cache with a sandbox of its own, so that candidates take no capacity from settlement.
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
        while !self.shutdown.is_cancelled() {
            let mut moved = false;
            for community in &self.communities {
                match self.shutdown.run_until_cancelled(self.advance(community, &cache)).await {
                    None => return,
                    Some(Ok(advanced)) => {
                        moved |= advanced;
                        logged.remove(&community.name);
                    }
                    Some(Err(error)) => {
                        let error = error.to_string();
                        // Log an error only once, however often it is retried.
                        if logged.get(&community.name) != Some(&error) {
                            let community = &community.name;
                            tracing::error!(community, code = "shadow", "the candidate does not run: {error}");
                        }
                        logged.insert(community.name.clone(), error);
                    }
                }
            }
            if !moved {
                self.shutdown.run_until_cancelled(tokio::time::sleep(POLL)).await;
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
        let log = ActivationLog::of(&self.store.decisions(name).await?);
        let Some(shadow) = log.shadow() else { return Ok(false) };
        let state = self.store.shadow_totals(name, shadow.number).await?;
        let from = state.as_ref().map_or(shadow.since, |state| state.until.max(shadow.since));
        let Some(mark) = self.store.mark(name).await?.filter(|mark| *mark > from) else { return Ok(false) };
        let lease = format!("shadow {name}");
        let now = self.clock.now();
        if let Acquired::HeldByOther { .. } = self.owner.take(&*self.store, &lease, now, self.term).await? {
            return Ok(false);
        }
        let cache = cache.get_or_try_init(|| async { (self.make_cache)() }).await?;
        let advanced = self.page(community, cache, shadow, state, (from, mark)).await;
        if let Err(error) = self.store.release(&lease, self.owner.name()).await {
            tracing::warn!(community = name, "cannot release the lease of the candidate: {error}; it will expire");
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
        // Without intervals in the span, the candidate has seen everything up to the mark.
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

/// Runs a candidate on a settled interval, with these limits and settings, and adds the result to the totals. Blocks.
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
