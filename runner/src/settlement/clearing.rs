//! Clears one interval: readings become positions, positions a round, the round a checked settlement.
//!
//! This only computes; it fetches and stores nothing and does not ask for the time. The result is a [`ClearedInterval`].

use std::collections::BTreeMap;
use std::sync::Arc;

use books::{ClearedInterval, ClearedRound, GapTrade, MeterReading, Provenance, StoredEvent};
use domain::disputes::{Exchanges, MeterLimits, MeterRules};
use domain::netting::{self, Balance, Gap, LastReads, Ownership};
use domain::reading::{BoundaryReadings, Registers};
use domain::round::{InvalidRound, Terms, seed};
use domain::{Digest, Interval, MemberId, MeterId, OwnPrices, Position, PriceBook, Round, Tariff};
use sandbox::{BadResult, CheckedRun, Limits, Sandbox, SandboxError, Usage};

use super::active::{NotReady, Selection};
use crate::algorithms::cache::ReadyAlgorithm;
use crate::algorithms::limits::limited;
use crate::config::{CommunityConfig, MemberConfig};

/// Clears the intervals of one community.
#[derive(Clone, Debug)]
pub struct Clearing {
    community: CommunityConfig,
    /// Digest of the community's configuration, stored with every interval.
    configuration: Digest,
    ownership: Ownership,
    /// The most power of each meter.
    limits: MeterLimits,
    algorithm: ReadyAlgorithm,
    /// Settles where the algorithm fails, if the community is configured so.
    fallback: Option<ReadyAlgorithm>,
}

/// What an interval is cleared with, besides its readings.
pub struct Circumstances<'p> {
    pub selection: &'p Selection,
    pub prices: &'p PriceBook,
    /// What decides whether readings count.
    pub rules: &'p MeterRules,
    /// Events from before the clearing.
    pub events: Vec<StoredEvent>,
    /// Called for every run of an algorithm, even if the interval is not settled.
    pub report: &'p dyn Fn(&RunReport<'_>),
}

/// One run of an algorithm and the verdict on it.
pub struct RunReport<'r> {
    /// The name that the algorithm gives itself.
    pub algorithm: &'r str,
    pub usage: &'r Usage,
    pub verdict: Result<(), &'r BadResult>,
}

/// Why an algorithm brought no settlement.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoSettlement {
    /// It cannot be run, for this reason.
    #[error("{0}")]
    Unusable(String),
    /// Its result is not used.
    #[error(transparent)]
    BadResult(#[from] BadResult),
}

/// An interval that cannot be settled now.
#[derive(Debug, thiserror::Error)]
pub enum ClearingError {
    /// The algorithm failed, and the community's policy is to wait.
    #[error(
        "interval {interval} is on hold: {algorithm}: {reason} (fix the algorithm, name another, or set on_failure = \"fallback\")"
    )]
    Held { interval: Interval, algorithm: String, reason: NoSettlement },
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// An activated algorithm was not loaded. Settling with any other would be wrong.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// The positions do not make a round.
    #[error("interval {interval}: {reason}")]
    Round { interval: Interval, reason: InvalidRound },
}

impl Clearing {
    pub fn new(community: CommunityConfig, algorithm: ReadyAlgorithm, fallback: Option<ReadyAlgorithm>) -> Clearing {
        let owners = community
            .members
            .iter()
            .flat_map(|(member, config)| config.meters.iter().map(move |meter| (meter.clone(), member.clone())));
        let (configuration, limits) = (community.digest(), community.meter_limits());
        Clearing { ownership: Ownership::new(owners), limits, community, configuration, algorithm, fallback }
    }

    pub fn community(&self) -> &CommunityConfig {
        &self.community
    }

    /// The configured algorithm.
    pub fn algorithm(&self) -> &ReadyAlgorithm {
        &self.algorithm
    }

    /// The selection of intervals for which nothing was activated.
    pub fn configured(&self) -> Selection {
        Selection { activation: None, ready: Ok(self.algorithm.clone()) }
    }

    /// Clears an interval from the registers read at its end and before; returns what was read, too.
    ///
    /// # Errors
    /// If the algorithm fails and the community's policy is to wait, or the sandbox fails.
    pub fn clear(
        &self,
        interval: Interval,
        last: &LastReads,
        readings: &BoundaryReadings,
        Circumstances { selection, prices, rules, mut events, report }: Circumstances<'_>,
    ) -> Result<(ClearedInterval, LastReads), ClearingError> {
        let rules = rules.for_readings(interval.end(), last, readings);
        let netting = netting::net(interval, self.community.basis, &self.ownership, last, readings, &rules);
        events.extend(netting.events.iter().map(|event| StoredEvent {
            code: event.kind.code().to_owned(),
            subject: event.meter.to_string(),
            message: event.kind.to_string(),
        }));
        let settings = selection.activation.as_ref().and_then(|activation| activation.settings.as_ref());
        let settings = settings.unwrap_or(&self.community.settings);
        let round = |balances| self.round(interval, balances, settings, prices);
        let round = if netting.balances.is_empty() { None } else { Some(round(&netting.balances)?) };
        let round = round.map(|round| self.settle(selection, Arc::new(round), &mut events, report)).transpose()?;
        let gaps = netting.gaps.iter().map(|gap| self.gap(gap, interval)).collect();
        let cleared = ClearedInterval {
            configuration: Some(self.configuration),
            readings: self.readings(&netting.readings),
            rules,
            disputed: netting.read.iter().filter(|(_, read)| read.dispute.is_some()).map(cloned).collect(),
            absent: last.iter().filter(|(meter, _)| !netting.read.contains_key(*meter)).map(cloned).collect(),
            events,
            ..ClearedInterval::new(&self.community.name, interval, self.community.basis, round, gaps)
        };
        Ok((cleared, netting.read))
    }

    /// The registers read at the end of an interval that the Python original has settled.
    pub fn reads(
        &self,
        interval: Interval,
        last: &LastReads,
        readings: &BoundaryReadings,
        rules: &MeterRules,
    ) -> LastReads {
        netting::net(interval, self.community.basis, &self.ownership, last, readings, rules).read
    }

    /// What decides whether readings count, with these exchanges.
    pub fn rules(&self, exchanges: Exchanges) -> MeterRules {
        MeterRules { limits: Some(self.limits.clone()), exchanges }
    }

    /// The member for which a meter counts.
    pub fn member(&self, meter: &MeterId) -> Option<MemberId> {
        self.ownership.member(meter)
    }

    /// The last interval that the Python original has settled, from whose registers the books go on.
    pub fn open(&self, interval: Interval, last: &LastReads) -> ClearedInterval {
        let (read, before): (LastReads, _) =
            last.clone().into_iter().partition(|(_, read)| read.boundary == interval.end());
        let read = read.into_iter().map(|(meter, read)| (meter, read.registers)).collect();
        let opening = ClearedInterval::opening(interval, self.community.basis, self.readings(&read), before);
        ClearedInterval { configuration: Some(self.configuration), ..opening }
    }

    fn readings(&self, read: &BoundaryReadings) -> Vec<MeterReading> {
        let reading = |(meter, registers): (&MeterId, &Registers)| {
            let member = self.ownership.member(meter)?;
            Some(MeterReading { meter: meter.clone(), member, registers: *registers })
        };
        read.iter().filter_map(reading).collect()
    }

    /// A gap is traded in the interval in which its meter returns, at the tariff of that interval.
    pub fn gap(&self, gap: &Gap, interval: Interval) -> GapTrade {
        GapTrade {
            member: gap.member.clone(),
            since: gap.since,
            surplus: gap.balance.surplus,
            deficit: gap.balance.deficit,
            tariff: self.tariff(&gap.member, interval, self.community.tariff.at(interval.start())),
        }
    }

    /// A member's own tariff at the start of the interval, completed by the community's.
    fn tariff(&self, member: &MemberId, interval: Interval, community_tariff: Tariff) -> Tariff {
        let own = self.community.members.get(member).and_then(|config| config.tariff.as_ref());
        own.map_or(community_tariff, |own| own.at(interval.start()).complete(community_tariff))
    }

    fn round(
        &self,
        interval: Interval,
        balances: &BTreeMap<MemberId, Balance>,
        settings: &[(String, String)],
        prices: &PriceBook,
    ) -> Result<Round, ClearingError> {
        let tariff = self.community.tariff.at(interval.start());
        let terms = Terms {
            community: self.community.name.clone(),
            interval,
            tariff,
            limits: self.community.price_limits,
            seed: seed(&self.community.name, interval),
            settings: settings.to_vec(),
        };
        let position = |(member, balance): (&MemberId, &Balance)| self.position(member, *balance, &terms, prices);
        let positions = balances.iter().map(position).collect();
        Round::new(terms, positions).map_err(|reason| ClearingError::Round { interval, reason })
    }

    fn position(&self, member: &MemberId, balance: Balance, terms: &Terms, prices: &PriceBook) -> Position {
        let config: Option<&MemberConfig> = self.community.members.get(member);
        let tariff = self.tariff(member, terms.interval, terms.tariff);
        let own = self.own_prices(member, config, terms.interval, prices);
        let own = own.map(|own| self.community.prices.apply(own, tariff));
        Position {
            member: member.clone(),
            surplus: balance.surplus,
            deficit: balance.deficit,
            offer: own.map(|own| own.offer).or(config.and_then(|config| config.offer)).unwrap_or(tariff.feed_in),
            bid: own.map(|own| own.bid).or(config.and_then(|config| config.bid)).unwrap_or(tariff.retail),
            tariff,
            share: config.map_or(0, |config| config.share),
            rank: config.map_or(0, |config| config.rank),
        }
    }

    /// The prices that a member has set for any of its meters, as valid at the start of the interval.
    fn own_prices(
        &self,
        member: &MemberId,
        config: Option<&MemberConfig>,
        interval: Interval,
        prices: &PriceBook,
    ) -> Option<OwnPrices> {
        if prices.is_empty() {
            return None;
        }
        let own = member.as_str().parse::<MeterId>().ok();
        let own = own.filter(|meter| self.ownership.member(meter).as_ref() == Some(member));
        let meters = config.into_iter().flat_map(|config| &config.meters).chain(&own);
        prices.at(meters, interval.start().timestamp())
    }

    /// Settles with the selected algorithm, or with the fallback if the result is bad and the community has one.
    fn settle(
        &self,
        selection: &Selection,
        round: Arc<Round>,
        events: &mut Vec<StoredEvent>,
        report: &dyn Fn(&RunReport<'_>),
    ) -> Result<ClearedRound, ClearingError> {
        let interval = round.terms().interval;
        let limits = &self.community.limits;
        let settled = match &selection.ready {
            Ok(ready) => settle(ready, limits, &round, report)?.map_err(NoSettlement::from),
            Err(reason) => Err(NoSettlement::Unusable(reason.clone())),
        };
        let reason = match settled {
            Ok(cleared) => return Ok(cleared),
            Err(reason) => reason,
        };
        let algorithm = selection.name().to_owned();
        let Some(fallback) = &self.fallback else {
            return Err(ClearingError::Held { interval, algorithm, reason });
        };
        events.push(StoredEvent {
            code: "fallback".to_owned(),
            subject: algorithm.clone(),
            message: format!("settled with {} instead: {reason}", fallback.description.name),
        });
        let cleared = settle(fallback, &Limits::default(), &round, report)?;
        let mut cleared = cleared.map_err(|bad| ClearingError::Held { interval, algorithm, reason: bad.into() })?;
        cleared.provenance.fallback_reason = Some(reason.to_string());
        Ok(cleared)
    }
}

fn cloned((meter, read): (&MeterId, &netting::LastRead)) -> (MeterId, netting::LastRead) {
    (meter.clone(), *read)
}

/// Runs an algorithm, within the limits on prices that it has, and checks the result.
fn settle(
    ready: &ReadyAlgorithm,
    limits: &Limits,
    round: &Arc<Round>,
    report: &dyn Fn(&RunReport<'_>),
) -> Result<Result<ClearedRound, BadResult>, SandboxError> {
    let round = &limited(Arc::clone(round), &ready.algorithm.digest());
    let positions = round.positions().len();
    let algorithm = ready.description.name.as_str();
    let span = tracing::info_span!("run algorithm", algorithm, positions);
    let CheckedRun { result, usage, .. } =
        span.in_scope(|| ready.algorithm.run_and_check(round, limits.budget(positions)))?;
    report(&RunReport { algorithm, usage: &usage, verdict: result.as_ref().map(drop) });
    if let Some(error) = result.as_ref().err().and_then(BadResult::of_machine) {
        return Err(error);
    }
    Ok(result.map(|settlement| ClearedRound {
        settlement,
        provenance: Provenance {
            algorithm: ready.algorithm.digest(),
            name: ready.description.name.clone(),
            version: ready.description.version.clone(),
            engine: Sandbox::engine_version().to_owned(),
            fuel: usage.fuel,
            fallback_reason: None,
        },
        component: Arc::clone(&ready.component),
    }))
}
