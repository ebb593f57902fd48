//! What all communities of a process share: algorithms that are loaded once, a connection to each Meters service, the store, and
//! the turns in which they work.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use base::{Reference, public_grid};
use books::Store;

use crate::adapter::meters::{InvalidMeters, MetersClient, MetersServices, RetryPolicy};
use crate::algorithms::cache::{AlgorithmCache, check_settings};
use crate::clock::Clock;
use crate::config::CommunityConfig;
use crate::settlement::clearing::Clearing;
use crate::settlement::{Memory, Meters, ServiceTurns, Settler, Turns};
use crate::telemetry::metrics::{CommunityMetrics, Metrics};

/// What all communities share.
pub struct Common {
    pub algorithms: Arc<AlgorithmCache>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    meters: MetersServices,
    turns: Turns,
    /// The turns of each Meters service, by what tells it from others.
    service_turns: Mutex<HashMap<String, ServiceTurns>>,
}

impl Common {
    pub fn new(algorithms: Arc<AlgorithmCache>, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Common {
        let (meters, turns, service_turns) = (MetersServices::default(), Turns::default(), Mutex::default());
        Common { algorithms, store, clock, meters, turns, service_turns }
    }

    /// Everything that is needed to settle a community, checked before the first interval.
    ///
    /// # Errors
    /// If an algorithm cannot be loaded or does not know its settings, or the address of the Meters service is invalid.
    pub async fn settler(&self, community: Arc<CommunityConfig>, metrics: &Metrics) -> anyhow::Result<Settler> {
        let name = community.name.clone();
        self.make_settler(community, metrics).await.with_context(|| format!("community {name}"))
    }

    async fn make_settler(&self, community: Arc<CommunityConfig>, metrics: &Metrics) -> anyhow::Result<Settler> {
        let algorithm = self.algorithms.configured(&community.name, &community.algorithm).await?;
        check_settings(community.settings_keys(), &algorithm.description, &community.algorithm)?;
        let fallback = match community.fallback {
            true => Some(self.algorithms.configured(&community.name, &Reference::Base(public_grid())).await?),
            false => None,
        };
        let metrics = metrics.community(&community.name, community.grace);
        Ok(Settler {
            meters: self.meters_of(&community, &metrics)?,
            turns: self.turns_of(&community),
            memory: Memory::of(&community),
            clearing: Clearing::new(community, algorithm, fallback),
            algorithms: Arc::clone(&self.algorithms),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            metrics,
        })
    }

    /// Where a community's readings come from.
    fn meters_of(
        &self,
        community: &CommunityConfig,
        metrics: &Arc<CommunityMetrics>,
    ) -> Result<Arc<dyn Meters>, InvalidMeters> {
        let policy = RetryPolicy { deadline: community.meters_timeout, ..RetryPolicy::default() };
        let place = (&*community.meters_service(), &*community.meters);
        let ca = community.meters_ca.as_deref();
        Ok(Arc::new(MetersClient::new(&self.meters, place, ca, policy, Arc::clone(metrics))?))
    }

    fn turns_of(&self, community: &CommunityConfig) -> ServiceTurns {
        let mut of_services = self.service_turns.lock().unwrap_or_else(PoisonError::into_inner);
        of_services.entry(community.meters_service()).or_insert_with(|| self.turns.of_service()).clone()
    }
}
