//! The algorithms of a service and their use in each community.

use domain::{Boundary, Digest};

use super::{Registry, RegistryError, next};
use crate::algorithms::cache::{AlgorithmCache, ReadyAlgorithm};
use crate::config::{CommunityConfig, Terms};
use base::BASE;
use books::ShadowTotals;
use books::{Action, KeptChange, Label, Version};
use books::{ActivationLog, Shadow, Store, StoreError};

/// An algorithm and its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub label: Label,
    pub summary: String,
    pub component_bytes: u64,
    /// None for base algorithms.
    pub uploaded: Option<Version>,
    /// Communities whose next interval it settles.
    pub settles: Vec<String>,
    /// Communities whose shadow it is.
    pub shadows: Vec<String>,
}

/// A community and the algorithms that settle it now and later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCommunity {
    pub name: String,
    /// Start of the next interval; none if nothing is settled yet.
    pub next: Option<Boundary>,
    pub settles: Label,
    /// Whether the configuration selects it.
    pub is_configured: bool,
    /// The next activated algorithm, and from when on it settles.
    pub then: Option<(Boundary, Label)>,
    pub shadow: Option<Label>,
    /// Failures of the activated algorithm within the last day.
    pub failures: usize,
}

/// The totals of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// The decision that started it.
    pub shadow: Shadow,
    pub is_running: bool,
    /// End of the last interval on which it ran.
    pub until: Option<Boundary>,
    /// End of the last settled interval.
    pub settled_until: Option<Boundary>,
    /// The totals up to `until`.
    pub totals: ShadowTotals,
}

impl Registry {
    /// All algorithms, base algorithms first, and all communities.
    ///
    /// # Errors
    /// If the store or the sandbox fails.
    pub async fn list(&self) -> Result<(Vec<Listed>, Vec<ListedCommunity>), RegistryError> {
        let mut communities = Vec::new();
        for config in &self.communities {
            communities.push(self.listed_community(config).await?);
        }
        let listed = |label: Label, summary, component_bytes, uploaded| {
            let names = |uses: &dyn Fn(&ListedCommunity) -> Option<&Label>| {
                let used = communities.iter().filter(|community| uses(community) == Some(&label));
                used.map(|community| community.name.clone()).collect()
            };
            let settles = names(&|community| Some(&community.settles));
            let shadows = names(&|community| community.shadow.as_ref());
            Listed { settles, shadows, label, summary, component_bytes, uploaded }
        };
        let mut versions = Vec::new();
        for base in &BASE {
            let ready = self.cache.get(&Digest::of(base.bytes)).await?;
            versions.push(listed(ready.label(), ready.description.summary.clone(), base.bytes.len() as u64, None));
        }
        for version in self.store.versions().await? {
            let (label, summary, bytes) = (version.label.clone(), version.summary.clone(), version.component_bytes);
            versions.push(listed(label, summary, bytes, Some(version)));
        }
        Ok((versions, communities))
    }

    async fn listed_community(&self, config: &CommunityConfig) -> Result<ListedCommunity, RegistryError> {
        let log = ActivationLog::of(&self.store.decisions(&config.name).await?);
        let mark = self.store.mark(&config.name).await?;
        listed_community(&self.cache, config, &log, mark).await
    }

    /// One algorithm and its use.
    ///
    /// # Errors
    /// If there is no such algorithm.
    pub async fn show(&self, algorithm: &str) -> Result<(Listed, ReadyAlgorithm), RegistryError> {
        let ready = self.named(algorithm).await?;
        let (versions, _) = self.list().await?;
        let listed = versions.into_iter().find(|listed| listed.label.digest == ready.algorithm.digest());
        let listed = listed.ok_or_else(|| RegistryError::NotFound(format!("no algorithm {algorithm} is here")))?;
        Ok((listed, ready))
    }

    /// The totals of the candidate that runs as the shadow of a community, or of the last one that did.
    ///
    /// # Errors
    /// If there was none.
    pub async fn shadowed(&self, community: &str) -> Result<Shadowed, RegistryError> {
        let config = self.community(community)?;
        let log = ActivationLog::of(&self.store.decisions(&config.name).await?);
        let way_out = "start one with `rec-market algorithm shadow`";
        let none = || RegistryError::NotFound(format!("no candidate ever ran beside {community} ({way_out})"));
        shadowed(&*self.store, community, &log).await?.ok_or_else(none)
    }

    /// The latest changes, newest first, and the uploads of the same time.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn changes(
        &self,
        community: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<KeptChange>, Vec<Version>), RegistryError> {
        if let Some(community) = community {
            self.community(community)?;
        }
        let mut changes = self.store.changes(community, limit).await?;
        let mut uploads = if community.is_none() { self.store.versions().await? } else { Vec::new() };
        // Only uploads of the time that the listed changes cover.
        if changes.len() == limit
            && let Some(oldest) = changes.last()
        {
            uploads.retain(|upload| upload.uploaded_at >= oldest.change.at);
        }
        changes.retain(|kept| !matches!(kept.change.action, Action::Meter { .. }));
        Ok((changes, uploads))
    }

    /// The terms of a community, for its settings and limits now; none for the default ones.
    ///
    /// # Errors
    /// If there is no such community.
    pub fn limits(&self, community: Option<&str>) -> Result<Option<&Terms>, RegistryError> {
        let terms = |community| Ok(self.community(community)?.terms.at(self.clock.now()));
        community.map(terms).transpose()
    }
}

/// What settles a community now and later, by its log; `mark` is the end of its last settled interval.
///
/// # Errors
/// If the store or the sandbox fails.
pub async fn listed_community(
    cache: &AlgorithmCache,
    config: &CommunityConfig,
    log: &ActivationLog,
    mark: Option<Boundary>,
) -> Result<ListedCommunity, RegistryError> {
    let start = next(config, mark);
    let configured = cache.configured(&config.name, &config.algorithm).await?.label();
    let activation = log.at(start);
    let label = |activation: Option<&books::Activation>| {
        activation.map_or(&configured, |activation| &activation.algorithm).clone()
    };
    Ok(ListedCommunity {
        name: config.name.clone(),
        next: mark.map(|_| start),
        settles: label(activation),
        is_configured: activation.is_none(),
        then: log.next(start).map(|(from, then)| (from, label(then))),
        shadow: log.shadow().map(|shadow| shadow.candidate.clone()),
        failures: activation.map_or(0, |activation| log.failures(activation, start)),
    })
}

/// The totals of the candidate that runs as the shadow of a community, or of the last one that did; `None` if there was none.
///
/// # Errors
/// If the store fails.
pub async fn shadowed(store: &dyn Store, community: &str, log: &ActivationLog) -> Result<Option<Shadowed>, StoreError> {
    let Some(shadow) = log.last_shadow().cloned() else { return Ok(None) };
    let state = store.shadow_totals(community, shadow.number).await?;
    Ok(Some(Shadowed {
        is_running: log.shadow() == Some(&shadow),
        shadow,
        until: state.as_ref().map(|state| state.until),
        settled_until: store.mark(community).await?,
        totals: state.map(|state| state.totals).unwrap_or_default(),
    }))
}
