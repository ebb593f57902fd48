//! What all communities of a process share: algorithms that are loaded once, a connection to each Meters service, the store, and
//! the turns in which they work.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use base::{Reference, public_grid};
use books::Store;

use crate::adapter::meters::{InvalidMeters, MetersClient, MetersServices, RetryPolicy, SharedMeters, SharedPages};
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
    /// What the communities of each Meters service share, by what tells it from others.
    services: Mutex<HashMap<String, OfService>>,
}

/// What the communities of one Meters service share.
#[derive(Clone)]
struct OfService {
    turns: ServiceTurns,
    pages: Arc<SharedPages>,
}

impl Common {
    pub fn new(algorithms: Arc<AlgorithmCache>, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Common {
        let (meters, turns, services) = (MetersServices::default(), Turns::default(), Mutex::default());
        Common { algorithms, store, clock, meters, turns, services }
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
        let OfService { turns, pages } = self.of_service(&community);
        Ok(Settler {
            meters: self.meters_of(&community, pages, &metrics)?,
            turns,
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
        community: &Arc<CommunityConfig>,
        pages: Arc<SharedPages>,
        metrics: &Arc<CommunityMetrics>,
    ) -> Result<Arc<dyn Meters>, InvalidMeters> {
        let client = client(&self.meters, community, Arc::clone(metrics))?;
        if community.elsewhere.is_empty() {
            return Ok(Arc::new(client));
        }
        let (listed, own) = (Arc::clone(&community.elsewhere), Arc::clone(community));
        Ok(Arc::new(SharedMeters::new(client, pages, listed, move || own.configured_meters())))
    }

    fn of_service(&self, community: &CommunityConfig) -> OfService {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || OfService { turns: self.turns.of_service(), pages: Arc::default() };
        services.entry(community.meters_service()).or_insert_with(made).clone()
    }
}

/// A client of a community's Meters service.
///
/// # Errors
/// If its address is invalid.
pub fn client(
    services: &MetersServices,
    community: &CommunityConfig,
    metrics: Arc<CommunityMetrics>,
) -> Result<MetersClient, InvalidMeters> {
    let policy = RetryPolicy { deadline: community.meters_timeout, ..RetryPolicy::default() };
    let place = (&*community.meters_service(), &*community.meters);
    MetersClient::new(services, place, community.meters_ca.as_deref(), policy, metrics)
}
