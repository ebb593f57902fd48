//! What there is, and how each community stands.

use domain::{Boundary, Digest};

use super::{Registry, RegistryError, next};
use crate::algorithms::cache::ReadyAlgorithm;
use crate::config::CommunityConfig;
use base::BASE;
use books::ShadowTotals;
use books::{ActivationLog, Shadow};
use books::{KeptChange, Label, Version};

/// An algorithm, and who uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What it is.
    pub label: Label,
    /// The rule in one sentence.
    pub summary: String,
    /// Size of the component.
    pub component_bytes: u64,
    /// How it came; none for those that are part of the program.
    pub uploaded: Option<Version>,
    /// Communities whose next interval it settles.
    pub settles: Vec<String>,
    /// Communities beside which it runs.
    pub shadows: Vec<String>,
}

/// A community and the algorithms that settle it now and later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCommunity {
    /// Its name.
    pub name: String,
    /// The next interval's start; none if nothing is settled yet.
    pub next: Option<Boundary>,
    /// What settles it.
    pub settles: Label,
    /// Whether the configuration says so.
    pub is_configured: bool,
    /// What will settle later, and from where on.
    pub then: Option<(Boundary, Label)>,
    /// What runs beside it.
    pub shadow: Option<Label>,
    /// How often what settles failed within the last day, if it was activated.
    pub failures: usize,
}

/// What a candidate came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// The decision to run it.
    pub shadow: Shadow,
    /// Whether it still runs.
    pub is_running: bool,
    /// The end of the last interval it ran on; none if there is none.
    pub until: Option<Boundary>,
    /// The end of the last interval that is settled.
    pub settled_until: Option<Boundary>,
    /// What it came to by then.
    pub totals: ShadowTotals,
}

impl Registry {
    /// Every algorithm, the base ones first, and every community.
    ///
    /// # Errors
    /// If the store or the machine fails.
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
        let start = next(config, mark);
        let configured = self.cache.configured(&config.name, &config.algorithm).await?.label();
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

    /// All that is known of one algorithm.
    ///
    /// # Errors
    /// If there is none of that name.
    pub async fn show(&self, algorithm: &str) -> Result<(Listed, ReadyAlgorithm), RegistryError> {
        let ready = self.named(algorithm).await?;
        let (versions, _) = self.list().await?;
        let listed = versions.into_iter().find(|listed| listed.label.digest == ready.algorithm.digest());
        let listed = listed.ok_or_else(|| RegistryError::NotFound(format!("no algorithm {algorithm} is here")))?;
        Ok((listed, ready))
    }

    /// What the candidate of a community came to: the one that runs, or the last one that did.
    ///
    /// # Errors
    /// If there was none.
    pub async fn shadowed(&self, community: &str) -> Result<Shadowed, RegistryError> {
        let config = self.community(community)?;
        let log = ActivationLog::of(&self.store.decisions(&config.name).await?);
        let Some(shadow) = log.last_shadow().cloned() else {
            let way_out = "start one with `rec-market algorithm shadow`";
            return Err(RegistryError::NotFound(format!("no candidate ever ran beside {community} ({way_out})")));
        };
        let state = self.store.shadow_totals(community, shadow.number).await?;
        Ok(Shadowed {
            is_running: log.shadow() == Some(&shadow),
            shadow,
            until: state.as_ref().map(|state| state.until),
            settled_until: self.store.mark(community).await?,
            totals: state.map(|state| state.totals).unwrap_or_default(),
        })
    }

    /// Up to so many records of what was done, the newest first, and every upload among them.
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
        let changes = self.store.changes(community, limit).await?;
        let mut uploads = if community.is_none() { self.store.versions().await? } else { Vec::new() };
        // What is older than the oldest record shown is not shown either.
        if changes.len() == limit
            && let Some(oldest) = changes.last()
        {
            uploads.retain(|upload| upload.uploaded_at >= oldest.change.at);
        }
        Ok((changes, uploads))
    }

    /// A community's settings and limits, or the usual ones.
    ///
    /// # Errors
    /// If there is no such community.
    pub fn limits(&self, community: Option<&str>) -> Result<Option<&CommunityConfig>, RegistryError> {
        community.map(|community| self.community(community)).transpose()
    }
}
