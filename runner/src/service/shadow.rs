//! Runs candidates beside what settles: on every interval once it is settled, one community after the other.
//!
//! What came of a candidate is kept in the store with the interval up to which it counts, so a crash loses nothing and
//! replicas go on from each other. Settlement waits for none of this.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::Boundary;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::holder::Holder;
use crate::clock::Clock;
use crate::config::CommunityConfig;
use crate::course::{Course, Shadow};
use crate::metrics::Metrics;
use crate::shadow::{InvalidSums, ShadowError, Sums};
use crate::stock::{Stock, StockError};
use crate::store::{Acquired, Span, Store, StoreError, StoredInterval, Tally};

/// How often the store is asked whether there is anything to do.
const LOOK: Duration = Duration::from_secs(2);
/// Intervals that are run before what came of them is kept.
const PAGE: usize = 100;

/// A candidate that could not be run.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Stock(#[from] StockError),
    #[error(transparent)]
    Shadow(#[from] ShadowError),
    #[error(transparent)]
    Sums(#[from] InvalidSums),
}

/// Makes a stock of algorithms.
pub type MakeStock = dyn Fn() -> Result<Stock, StockError> + Send + Sync;

/// Runs the candidates of all communities.
pub struct ShadowTask {
    /// The communities.
    pub communities: Vec<CommunityConfig>,
    /// Where decisions and intervals are.
    pub store: Arc<dyn Store>,
    /// Makes what runs candidates: in a sandbox of its own, so that they take no room from what settles.
    pub make_stock: Box<MakeStock>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who we are.
    pub holder: Holder,
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
        let stock = OnceCell::new();
        let mut told: HashMap<String, String> = HashMap::new();
        while !self.shutdown.is_cancelled() {
            let mut moved = false;
            for community in &self.communities {
                match self.shutdown.run_until_cancelled(self.advance(community, &stock)).await {
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
    async fn advance(&self, community: &CommunityConfig, stock: &OnceCell<Stock>) -> Result<bool, Trouble> {
        let name = &community.name;
        let course = Course::of(&self.store.course(name).await?);
        let Some(shadow) = course.shadow() else { return Ok(false) };
        let tally = self.store.tally(name, shadow.number).await?;
        let from = tally.as_ref().map_or(shadow.since, |tally| tally.until.max(shadow.since));
        let Some(mark) = self.store.progress(name).await?.mark.filter(|mark| *mark > from) else { return Ok(false) };
        let lease = format!("shadow {name}");
        let now = self.clock.now();
        if let Acquired::ByOther { .. } = self.holder.take(&*self.store, &lease, now, self.term).await? {
            return Ok(false);
        }
        let stock = stock.get_or_try_init(|| async { (self.make_stock)() }).await?;
        let advanced = self.page(community, stock, shadow, tally, (from, mark)).await;
        if let Err(error) = self.store.release(&lease, self.holder.name()).await {
            // It runs out by itself.
            tracing::warn!(community = name, "the lease of the candidate is not given back: {error}");
        }
        advanced
    }

    async fn page(
        &self,
        community: &CommunityConfig,
        stock: &Stock,
        shadow: &Shadow,
        tally: Option<Tally>,
        (from, mark): (Boundary, Boundary),
    ) -> Result<bool, Trouble> {
        let name = &community.name;
        let candidate = stock.get(&shadow.candidate.digest).await?.algorithm;
        let span = Span { from: Some(from.seconds()), to: Some(mark.seconds()) };
        let intervals = self.store.intervals(name, span, PAGE).await?;
        // Nothing starts between the two: the candidate has seen all there is.
        let until = intervals.last().map_or(mark, |last: &StoredInterval| last.interval.end());
        let mut sums = tally.as_ref().map(|tally| Sums::decode(&tally.sums)).transpose()?.unwrap_or_default();
        let before = (sums.intervals, sums.failed + sums.rejected);
        let settings = shadow.settings.as_ref().unwrap_or(&community.settings);
        tokio::task::block_in_place(|| {
            let run = |interval| sums.run(&candidate, &community.limits, settings, interval);
            intervals.iter().try_for_each(run)
        })?;
        let runs = (sums.intervals - before.0, sums.failed + sums.rejected - before.1);
        let tally_after = Tally { until, sums: sums.encode() };
        let after = tally.map(|tally| tally.until);
        if self.store.keep_tally(name, shadow.number, after, &tally_after).await? {
            self.metrics.shadow_ran(name, runs.0 - runs.1, runs.1);
            tracing::debug!(community = name, candidate = %shadow.candidate, %until, intervals = runs.0, "a candidate ran");
        }
        Ok(true)
    }
}
