//! What there is, and how each community stands.

use domain::{Boundary, Digest};

use super::{Registry, RegistryError, next};
use crate::algorithms::BASE;
use crate::clearing::ReadyAlgorithm;
use crate::config::CommunityConfig;
use crate::course::{Course, Shadow};
use crate::shadow::Sums;
use crate::store::{KeptChange, Label, Version};

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

/// How a community stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
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
    pub sums: Sums,
}

impl Registry {
    /// Every algorithm, the base ones first, and every community.
    ///
    /// # Errors
    /// If the store or the machine fails.
    pub async fn list(&self) -> Result<(Vec<Listed>, Vec<Standing>), RegistryError> {
        let mut communities = Vec::new();
        for config in &self.communities {
            communities.push(self.standing(config).await?);
        }
        let listed = |label: Label, summary, component_bytes, uploaded| {
            let names = |uses: &dyn Fn(&Standing) -> Option<&Label>| {
                let used = communities.iter().filter(|standing| uses(standing) == Some(&label));
                used.map(|standing| standing.name.clone()).collect()
            };
            let settles = names(&|standing| Some(&standing.settles));
            let shadows = names(&|standing| standing.shadow.as_ref());
            Listed { settles, shadows, label, summary, component_bytes, uploaded }
        };
        let mut versions = Vec::new();
        for base in &BASE {
            let ready = self.stock.get(&Digest::of(base.bytes)).await?;
            versions.push(listed(ready.label(), ready.description.summary.clone(), base.bytes.len() as u64, None));
        }
        for version in self.store.versions().await? {
            let (label, summary, bytes) = (version.label.clone(), version.summary.clone(), version.component_bytes);
            versions.push(listed(label, summary, bytes, Some(version)));
        }
        Ok((versions, communities))
    }

    async fn standing(&self, config: &CommunityConfig) -> Result<Standing, RegistryError> {
        let course = Course::of(&self.store.course(&config.name).await?);
        let mark = self.store.progress(&config.name).await?.mark;
        let start = next(config, mark);
        let configured = self.stock.configured(&config.name, &config.algorithm).await?.label();
        let activation = course.at(start);
        let label = |activation: Option<&crate::course::Activation>| {
            activation.map_or(&configured, |activation| &activation.algorithm).clone()
        };
        Ok(Standing {
            name: config.name.clone(),
            next: mark.map(|_| start),
            settles: label(activation),
            is_configured: activation.is_none(),
            then: course.next(start).map(|(from, then)| (from, label(then))),
            shadow: course.shadow().map(|shadow| shadow.candidate.clone()),
            failures: activation.map_or(0, |activation| course.failures(activation, start)),
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
        let course = Course::of(&self.store.course(&config.name).await?);
        let Some(shadow) = course.last_shadow().cloned() else {
            let way_out = "start one with `rec-market algorithm shadow`";
            return Err(RegistryError::NotFound(format!("no candidate ever ran beside {community} ({way_out})")));
        };
        let tally = self.store.tally(community, shadow.number).await?;
        let unreadable = |error: crate::shadow::InvalidSums| RegistryError::Refused(error.to_string());
        let sums = tally.as_ref().map(|tally| Sums::decode(&tally.sums)).transpose().map_err(unreadable)?;
        Ok(Shadowed {
            is_running: course.shadow() == Some(&shadow),
            shadow,
            until: tally.map(|tally| tally.until),
            settled_until: self.store.progress(community).await?.mark,
            sums: sums.unwrap_or_default(),
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
