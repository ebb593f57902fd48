//! Decisions about a community: which algorithm settles it, and which runs as its shadow.

use std::sync::Arc;

use domain::Boundary;
use jiff::Timestamp;

use super::{Registry, RegistryError, Settings, next};
use crate::algorithms::cache::{ReadyAlgorithm, check_settings as check_known};
use crate::algorithms::gate::{CommunityTerms, Gate, Report, draw_seed, recent};
use crate::config::CommunityConfig;
use books::{Action, Change, ExpectedState, Label, Span, StoreError};
use books::{Activation, ActivationLog};

/// How often a decision is retried when the state has changed meanwhile: a backfill settles intervals every few milliseconds.
const TRIES: usize = 100;

/// The state of a community at the time of a decision.
struct DecisionPoint<'a> {
    log: &'a ActivationLog,
    /// Start of the next interval to settle.
    next: Boundary,
    has_begun: bool,
    configured: &'a Label,
}

impl DecisionPoint<'_> {
    fn label(&self, activation: Option<&Activation>) -> Label {
        activation.map_or(self.configured, |activation| &activation.algorithm).clone()
    }
}

/// An activation that a caller asks for.
pub struct Wanted<'a> {
    pub community: &'a str,
    /// NAME, NAME@VERSION or sha256:DIGEST.
    pub algorithm: &'a str,
    /// Start of the first interval; none for the next one.
    pub from: Option<Timestamp>,
    /// None for the configured ones.
    pub settings: Option<Settings>,
    /// Whether the caller accepts that members are worse off than with the grid alone.
    pub accept_worse_than_grid: bool,
}

/// What an activation would mean.
pub struct Preview {
    pub algorithm: Label,
    pub community: String,
    /// The report of the gate on the rounds that the community settled last.
    pub report: Report,
}

impl Registry {
    /// Shows what an activation would mean, and decides nothing.
    ///
    /// # Errors
    /// If there is no such community or algorithm, or the algorithm cannot clear the rounds that the community settled last.
    pub async fn preview(
        &self,
        community: &str,
        algorithm: &str,
        settings: Option<&Settings>,
    ) -> Result<Preview, RegistryError> {
        let config = self.community(community)?;
        let ready = self.named(algorithm).await?;
        let report = self.examine_for(config, &ready, settings).await?;
        Ok(Preview { algorithm: ready.label(), community: config.name.clone(), report })
    }

    /// Activates an algorithm.
    ///
    /// # Errors
    /// If there is no such community or algorithm, if that interval is already settled, if the algorithm cannot clear the
    /// rounds that the community settled last, or if it leaves members worse off than the grid alone and the caller has not
    /// accepted that.
    pub async fn activate(&self, by: &str, wanted: Wanted<'_>) -> Result<Change, RegistryError> {
        let Wanted { community, algorithm, from, settings, accept_worse_than_grid } = wanted;
        let config = self.community(community)?;
        let ready = self.named(algorithm).await?;
        let report = self.examine_for(config, &ready, settings.as_ref()).await?;
        let to = ready.label();
        let worse = report.worse_than_grid();
        if let Some(worse) = worse.as_ref().filter(|_| !accept_worse_than_grid) {
            let way_out =
                "look at what each member would pay and get, then confirm it: `--yes`, or accept_worse_than_grid";
            return Err(RegistryError::Refused(format!("{to} is not activated: {worse} ({way_out})")));
        }
        let confirmed = worse.map(|worse| format!("confirmed: {worse}"));
        self.decide(by, config, |now| {
            let start = from.map_or(Ok(now.next), |from| open_start(config, from, now))?;
            let before = now.label(now.log.at(start));
            let (to, settings, confirmed) = (to.clone(), settings.clone(), confirmed.clone());
            Ok((Action::Activate { before, to, start, settings, confirmed }, Some(start)))
        })
        .await
    }

    /// Withdraws the latest activation, from the next interval on.
    ///
    /// # Errors
    /// If there is no such community, or nothing is activated.
    pub async fn roll_back(&self, by: &str, community: &str) -> Result<Change, RegistryError> {
        let config = self.community(community)?;
        self.decide(by, config, |now| {
            let start = now.next;
            let nothing = |error| RegistryError::Refused(format!("community {community}: {error}"));
            let (last, back) = now.log.last(start).map_err(nothing)?;
            let (before, to) = (last.algorithm.clone(), now.label(back));
            Ok((Action::RollBack { before, activation: last.number, to, start, reason: None }, Some(start)))
        })
        .await
    }

    /// Runs a candidate as the shadow of a community: from the next interval on, or from the first settled one at or after
    /// `since`.
    ///
    /// # Errors
    /// If there is no such community or algorithm, if it does not know the settings, or if `since` is out of range.
    pub async fn start_shadow(
        &self,
        by: &str,
        community: &str,
        algorithm: &str,
        since: Option<Timestamp>,
        settings: Option<Settings>,
    ) -> Result<Change, RegistryError> {
        let config = self.community(community)?;
        let ready = self.named(algorithm).await?;
        check_settings(config, &ready, settings.as_ref())?;
        let candidate = ready.label();
        let since = match since {
            Some(since) => Some(self.first_settled(config, since).await?),
            None => None,
        };
        let started = self.decide(by, config, |now| {
            let since = since.unwrap_or(now.next);
            Ok((Action::StartShadow { candidate: candidate.clone(), since, settings: settings.clone() }, None))
        });
        let started = started.await?;
        self.shadows.add(community);
        Ok(started)
    }

    /// The start of the first settled interval at or after a time, or else the first boundary from then on.
    async fn first_settled(&self, config: &CommunityConfig, since: Timestamp) -> Result<Boundary, RegistryError> {
        let Some(boundary) = Boundary::at_or_after(since, config.interval) else {
            return Err(RegistryError::Invalid(format!("since: {since} is not from 1970 to 9999, as intervals are")));
        };
        let span = Span { from: Some(boundary.seconds()), to: None };
        let settled = self.store.intervals(&config.name, span, 1).await?;
        Ok(settled.first().map_or(boundary, |settled| settled.interval.start()))
    }

    /// Stops the shadow of a community.
    ///
    /// # Errors
    /// If there is no such community, or it has no shadow.
    pub async fn end_shadow(&self, by: &str, community: &str) -> Result<Change, RegistryError> {
        let config = self.community(community)?;
        self.decide(by, config, |now| {
            let Some(shadow) = now.log.shadow() else {
                return Err(RegistryError::Refused(format!("no candidate runs beside community {community}")));
            };
            Ok((Action::EndShadow { candidate: shadow.candidate.clone() }, None))
        })
        .await
    }

    /// Makes a decision from the current state, and again if the state has changed before it is stored.
    async fn decide(
        &self,
        by: &str,
        config: &CommunityConfig,
        make: impl Fn(&DecisionPoint<'_>) -> Result<(Action, Option<Boundary>), RegistryError>,
    ) -> Result<Change, RegistryError> {
        let name = &config.name;
        let configured = self.cache.configured(name, &config.algorithm).await?.label();
        for _ in 0..TRIES {
            let log = ActivationLog::of(&self.store.decisions(name).await?);
            let mark = self.store.mark(name).await?;
            let (next, has_begun) = (next(config, mark), mark.is_some());
            let (action, open) = make(&DecisionPoint { log: &log, next, has_begun, configured: &configured })?;
            let change = self.change(by, Some(name), action);
            if self.store.decide(name, &change, ExpectedState { open, decision: log.number() }).await?.is_some() {
                tracing::info!(by, community = name, action = change.action.code(), "decided: {:?}", change.action);
                return Ok(change);
            }
        }
        Err(RegistryError::Refused(format!("community {name} moves on too quickly to decide about it (try again)")))
    }

    /// What a community expects of its algorithm.
    pub(super) async fn terms(&self, config: &CommunityConfig) -> Result<CommunityTerms, StoreError> {
        let terms = config.terms.at(self.clock.now());
        Ok(CommunityTerms {
            name: config.name.clone(),
            settings: terms.settings().to_vec(),
            price_limits: terms.price_limits(),
            recent: recent(&*self.store, config).await?,
        })
    }

    /// Checks that an algorithm can settle a community: its settings, and the rounds that it settled last.
    async fn examine_for(
        &self,
        config: &CommunityConfig,
        ready: &ReadyAlgorithm,
        settings: Option<&Settings>,
    ) -> Result<Report, RegistryError> {
        let own = config.terms.at(self.clock.now());
        check_settings(config, ready, settings)?;
        let (usual, checking) = self.sandboxes().await?.clone();
        let terms = self.terms(config).await?;
        let settings = settings.map_or_else(|| own.settings().to_vec(), Clone::clone);
        let terms = CommunityTerms { settings, ..terms };
        let (limits, component, label) = (own.limits(), Arc::clone(&ready.component), ready.label());
        let _guard = self.examining.lock().await;
        let examined = tokio::task::spawn_blocking(move || {
            let (seed, terms, others) = (draw_seed(), Some(terms), Vec::new());
            let gate = Gate { usual: &usual, checking: &checking, limits, seed, terms, others };
            gate.examine_for(&component)
        });
        let report = match examined.await {
            Ok(report) => report?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        if report.passed() {
            return Ok(report);
        }
        let way_out = "fix it and upload it as another version, or try it as a shadow first";
        Err(RegistryError::Refused(format!(
            "{label} cannot settle community {}: {} ({way_out})",
            config.name,
            report.reason()
        )))
    }
}

/// The start of the interval that starts at an instant, if it is not settled yet.
fn open_start(config: &CommunityConfig, from: Timestamp, now: &DecisionPoint<'_>) -> Result<Boundary, RegistryError> {
    let name = &config.name;
    let start = Boundary::at_or_after(from, config.interval).filter(|start| start.timestamp() == from);
    let Some(start) = start else {
        let seconds = config.interval.seconds();
        let near =
            Boundary::at_or_after(from, config.interval).map(|near| format!("; {near} does")).unwrap_or_default();
        return Err(RegistryError::Invalid(format!(
            "no interval of community {name} starts at {from} (they start every {seconds} s{near})"
        )));
    };
    if start < now.next && now.has_begun {
        return Err(RegistryError::Refused(format!(
            "the interval of community {name} that starts at {start} is settled already, and stays as it is (the first that \
             is not starts at {})",
            now.next
        )));
    }
    Ok(start)
}

/// Refuses settings that an algorithm does not know, because a misspelt one would silently stay at its default.
fn check_settings(
    config: &CommunityConfig,
    ready: &ReadyAlgorithm,
    settings: Option<&Settings>,
) -> Result<(), RegistryError> {
    let (keys, way_out): (Vec<&str>, _) = match settings {
        Some(settings) => (settings.iter().map(|(key, _)| key.as_str()).collect(), "correct it"),
        None => {
            let way_out = "it is in the configuration: say which settings the algorithm is to have";
            (config.settings_keys().collect(), way_out)
        }
    };
    check_known(keys, &ready.description, ready.label())
        .map_err(|error| RegistryError::Refused(format!("{error}; {way_out}")))
}
