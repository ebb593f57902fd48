//! Clears one boundary: readings become positions, positions a round, the round a checked settlement.
//!
//! Everything here is computed; nothing is fetched, stored or timed. What comes out is one [`Commit`].

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::netting::{self, Balance, Gap, LastReads, Netting, Ownership};
use domain::reading::BoundaryReadings;
use domain::round::{InvalidRound, Terms, seed};
use domain::settlement::{Violation, trades_max_default};
use domain::{Boundary, Digest, Interval, MemberId, MeterId, Position, Price, PriceBook, Round, Settlement, Tariff};
use jiff::Timestamp;
use sandbox::{Algorithm, Description, Failure, Limits, Sandbox, SandboxError, Usage};

use crate::config::{CommunityConfig, MemberConfig};
use crate::course::Activation;
use crate::store::{Cleared, Commit, GapTrade, Label, MeterReading, Provenance, StoredEvent};

/// An algorithm that is ready to run, with its bytes and what it says of itself.
#[derive(Clone, Debug)]
pub struct ReadyAlgorithm {
    /// The component.
    pub algorithm: Algorithm,
    /// The component file, for the books.
    pub component: Arc<[u8]>,
    /// What it says of itself.
    pub description: Description,
}

impl ReadyAlgorithm {
    /// Its digest, name and version.
    pub fn label(&self) -> Label {
        let Description { name, version, .. } = &self.description;
        Label { digest: self.algorithm.digest(), name: name.clone(), version: version.clone() }
    }
}

/// What an interval is to be cleared with.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// What decided it; none if that is the configuration.
    pub activation: Option<Activation>,
    /// The algorithm; if it cannot be made ready, why.
    pub ready: Result<ReadyAlgorithm, String>,
}

impl Chosen {
    /// What it calls itself.
    fn name(&self) -> &str {
        match (&self.activation, &self.ready) {
            (Some(activation), _) => &activation.algorithm.name,
            (None, Ok(ready)) => &ready.description.name,
            (None, Err(_)) => "the configured algorithm",
        }
    }
}

/// Clears the intervals of one community.
#[derive(Clone, Debug)]
pub struct Clearing {
    community: CommunityConfig,
    /// The configuration's, which every interval keeps.
    configuration: Digest,
    ownership: Ownership,
    algorithm: ReadyAlgorithm,
    /// What to settle with where the algorithm fails, if the community wants that.
    fallback: Option<ReadyAlgorithm>,
}

/// Under what an interval is cleared, besides its readings.
pub struct Circumstances<'p> {
    /// The resume mark.
    pub after: Option<Boundary>,
    /// The number of the last decision that is known.
    pub course: u64,
    /// With what.
    pub chosen: &'p Chosen,
    /// The token of the lease.
    pub fence: Option<u64>,
    /// When.
    pub settled_at: Timestamp,
    /// The prices that members set.
    pub prices: &'p PriceBook,
    /// What was noticed on the way here.
    pub events: Vec<StoredEvent>,
    /// Is told of every run of an algorithm, whatever comes of the interval.
    pub ran: &'p dyn Fn(&Ran<'_>),
}

/// One run of an algorithm and the verdict on it.
pub struct Ran<'r> {
    /// The algorithm's name, as it says itself.
    pub algorithm: &'r str,
    /// What it used.
    pub usage: &'r Usage,
    /// Whether its result can be used, and if not, why.
    pub verdict: Result<(), &'r BadResult>,
}

/// Why an algorithm's answer is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadResult {
    /// It brought no answer.
    #[error("{0}")]
    Failed(Failure),
    /// Its answer breaks rules.
    #[error("{}", shown(.0))]
    Rejected(Vec<Violation>),
    /// It cannot be run at all.
    #[error("{0}")]
    Unusable(String),
}

/// The first violation, and how many more there are.
fn shown(violations: &[Violation]) -> String {
    match violations {
        [] => "rejected".to_owned(),
        [only] => only.to_string(),
        [first, others @ ..] => format!("{first} (and {} more violations)", others.len()),
    }
}

/// An interval that cannot be settled now.
#[derive(Debug, thiserror::Error)]
pub enum ClearingError {
    /// The algorithm is to blame, and the community's policy is to wait.
    #[error(
        "interval {interval} is on hold: {algorithm}: {reason} (mend the algorithm, name another, or set on_failure = \"fallback\")"
    )]
    Held {
        /// The interval.
        interval: Interval,
        /// The algorithm's name.
        algorithm: String,
        /// What was wrong.
        reason: BadResult,
    },
    /// The machine failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The positions make no round.
    #[error("interval {interval}: {reason}")]
    Round {
        /// The interval.
        interval: Interval,
        /// What was wrong.
        reason: InvalidRound,
    },
}

impl Clearing {
    /// Clears for this community with this algorithm.
    pub fn new(community: CommunityConfig, algorithm: ReadyAlgorithm, fallback: Option<ReadyAlgorithm>) -> Clearing {
        let owners = community
            .members
            .iter()
            .flat_map(|(member, config)| config.meters.iter().map(move |meter| (meter.clone(), member.clone())));
        let configuration = community.digest();
        Clearing { ownership: Ownership::new(owners), community, configuration, algorithm, fallback }
    }

    /// The community.
    pub fn community(&self) -> &CommunityConfig {
        &self.community
    }

    /// The algorithm of its configuration.
    pub fn algorithm(&self) -> &ReadyAlgorithm {
        &self.algorithm
    }

    /// What clears where nothing was activated.
    pub fn configured(&self) -> Chosen {
        Chosen { activation: None, ready: Ok(self.algorithm.clone()) }
    }

    /// Clears the interval that ends at a boundary, from the registers read there and before.
    ///
    /// # Errors
    /// If the algorithm fails and the community's policy is to hold, or the machine fails.
    pub fn clear(
        &self,
        interval: Interval,
        last: &LastReads,
        readings: &BoundaryReadings,
        Circumstances { after, course, chosen, fence, settled_at, prices, mut events, ran }: Circumstances<'_>,
    ) -> Result<(Commit, LastReads), ClearingError> {
        let netting = netting::net(interval, self.community.basis, &self.ownership, last, readings);
        events.extend(netting.events.iter().map(|event| StoredEvent {
            code: event.kind.code().to_owned(),
            subject: event.meter.to_string(),
            message: event.kind.to_string(),
        }));
        let settings = chosen.activation.as_ref().and_then(|activation| activation.settings.as_ref());
        let settings = settings.unwrap_or(&self.community.settings);
        let round = |balances| self.round(interval, balances, settings, prices);
        let cleared = if netting.balances.is_empty() { None } else { Some(round(&netting.balances)?) };
        let cleared = cleared.map(|round| self.settle(chosen, Arc::new(round), &mut events, ran)).transpose()?;
        let commit = Commit {
            community: self.community.name.clone(),
            after,
            course,
            fence,
            settled_at,
            interval,
            basis: self.community.basis,
            configuration: Some(self.configuration),
            readings: self.readings(&netting),
            absent: last.iter().filter(|(meter, _)| !netting.read.contains_key(*meter)).map(cloned).collect(),
            cleared,
            gaps: netting.gaps.iter().map(|gap| self.gap(gap, interval)).collect(),
            events,
        };
        Ok((commit, netting.read))
    }

    /// The registers read at a boundary that others have settled.
    pub fn reads(&self, interval: Interval, last: &LastReads, readings: &BoundaryReadings) -> LastReads {
        netting::net(interval, self.community.basis, &self.ownership, last, readings).read
    }

    fn readings(&self, netting: &Netting) -> Vec<MeterReading> {
        let reading = |(meter, read): (&MeterId, &netting::LastRead)| {
            let member = self.ownership.member(meter)?;
            Some(MeterReading { meter: meter.clone(), member, registers: read.registers })
        };
        netting.read.iter().filter_map(reading).collect()
    }

    /// A gap is traded in the interval in which its meter came back, at that interval's tariff.
    fn gap(&self, gap: &Gap, interval: Interval) -> GapTrade {
        GapTrade {
            member: gap.member.clone(),
            since: gap.since,
            surplus: gap.balance.surplus,
            deficit: gap.balance.deficit,
            tariff: self.tariff(&gap.member, interval, self.community.tariff.at(interval.start())),
        }
    }

    /// A member's own tariff at the interval's start; what that leaves open is the community's of that time.
    fn tariff(&self, member: &MemberId, interval: Interval, communitys: Tariff) -> Tariff {
        let own = self.community.members.get(member).and_then(|config| config.tariff.as_ref());
        own.map_or(communitys, |own| own.at(interval.start()).complete(communitys))
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
        let set = self.price_set(member, config, terms.interval, prices);
        Position {
            member: member.clone(),
            surplus: balance.surplus,
            deficit: balance.deficit,
            offer: set.0.or(config.and_then(|config| config.offer)).unwrap_or(tariff.feed_in),
            bid: set.1.or(config.and_then(|config| config.bid)).unwrap_or(tariff.retail),
            tariff,
            share: config.map_or(0, |config| config.share),
            rank: config.map_or(0, |config| config.rank),
        }
    }

    /// The offer and bid that a member set itself, for any of its meters, as they hold at the interval's start.
    fn price_set(
        &self,
        member: &MemberId,
        config: Option<&MemberConfig>,
        interval: Interval,
        prices: &PriceBook,
    ) -> (Option<Price>, Option<Price>) {
        if prices.is_empty() {
            return (None, None);
        }
        let own = member.as_str().parse::<MeterId>().ok();
        let own = own.filter(|meter| self.ownership.member(meter).as_ref() == Some(member));
        let meters = config.into_iter().flat_map(|config| &config.meters).chain(&own);
        let set = prices.at(meters, interval.start().timestamp());
        set.map_or((None, None), |set| (Some(set.offer), Some(set.bid)))
    }

    /// Settles by the chosen algorithm, or by the fallback if it has one and the algorithm's result is bad.
    fn settle(
        &self,
        chosen: &Chosen,
        round: Arc<Round>,
        events: &mut Vec<StoredEvent>,
        ran: &dyn Fn(&Ran<'_>),
    ) -> Result<Cleared, ClearingError> {
        let interval = round.terms().interval;
        let limits = &self.community.limits;
        let settled = match &chosen.ready {
            Ok(ready) => settle(ready, limits, &round, ran)?,
            Err(reason) => Err(BadResult::Unusable(reason.clone())),
        };
        let reason = match settled {
            Ok(cleared) => return Ok(cleared),
            Err(reason) => reason,
        };
        let algorithm = chosen.name().to_owned();
        let Some(fallback) = &self.fallback else {
            return Err(ClearingError::Held { interval, algorithm, reason });
        };
        events.push(StoredEvent {
            code: "fallback".to_owned(),
            subject: algorithm.clone(),
            message: format!("settled with {} instead: {reason}", fallback.description.name),
        });
        let cleared = settle(fallback, &Limits::default(), &round, ran)?;
        let mut cleared = cleared.map_err(|reason| ClearingError::Held { interval, algorithm, reason })?;
        cleared.provenance.fallback_reason = Some(reason.to_string());
        Ok(cleared)
    }
}

fn cloned((meter, read): (&MeterId, &netting::LastRead)) -> (MeterId, netting::LastRead) {
    (meter.clone(), *read)
}

/// One run and its check.
fn settle(
    ready: &ReadyAlgorithm,
    limits: &Limits,
    round: &Arc<Round>,
    ran: &dyn Fn(&Ran<'_>),
) -> Result<Result<Cleared, BadResult>, SandboxError> {
    let positions = round.positions().len();
    let algorithm = ready.description.name.as_str();
    let span = tracing::info_span!("run algorithm", algorithm, positions);
    let run = span.in_scope(|| ready.algorithm.clear(round, limits.budget(positions)))?;
    let checked = match run.result {
        Ok(trades) => {
            Settlement::check(Arc::clone(round), trades, trades_max_default(positions)).map_err(BadResult::Rejected)
        }
        Err(failure) => Err(BadResult::Failed(failure)),
    };
    ran(&Ran { algorithm, usage: &run.usage, verdict: checked.as_ref().map(drop) });
    Ok(checked.map(|settlement| Cleared {
        settlement,
        provenance: Provenance {
            algorithm: ready.algorithm.digest(),
            name: ready.description.name.clone(),
            version: ready.description.version.clone(),
            engine: Sandbox::engine_version().to_owned(),
            fuel: run.usage.fuel,
            fallback_reason: None,
        },
        component: Arc::clone(&ready.component),
    }))
}
