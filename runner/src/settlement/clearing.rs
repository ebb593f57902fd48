//! Clears one interval: readings become positions, positions a round, the round a checked settlement.
//!
//! This only computes; it fetches and stores nothing and does not ask for the time. The result is a [`ClearedInterval`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use books::{ClearedInterval, ClearedRound, GapTrade, MeterReading, Provenance, StoredEvent};
use domain::disputes::{Exchanges, MeterLimits, MeterRules};
use domain::member::InOrder;
use domain::netting::{self, Balance, Gap, LastRead, LastReads, OwnedReading};
use domain::ownership::{Owner, Ownership, Standing};
use domain::reading::BoundaryReadings;
use domain::round::{InvalidRound, Terms, seed};
use domain::{Boundary, Digest, Interval, MemberId, MeterId, OwnPrices, Position, PriceBook, Round, Tariff};
use jiff::Timestamp;
use sandbox::{BadResult, CheckedRun, Limits, Sandbox, SandboxError, Usage};

use super::active::{NotReady, Selection};
use super::series::SERIES_ENDED;
use super::told::Told;
use crate::algorithms::cache::ReadyAlgorithm;
use crate::algorithms::limits::limited;
use crate::config::{CommunityConfig, CurrentSeries, MemberTerms};

/// Clears the intervals of one community.
#[derive(Clone, Debug)]
pub struct Clearing {
    community: Arc<CommunityConfig>,
    /// Digest of the community's configuration, stored with every interval; none before the first.
    configuration: OnceLock<Digest>,
    ownership: Ownership,
    /// The most power of each meter, from each instant on at which it changes.
    limits: Vec<(Timestamp, MeterLimits)>,
    algorithm: ReadyAlgorithm,
    /// Settles where the algorithm fails, if the community is configured so.
    fallback: Option<ReadyAlgorithm>,
}

/// What an interval is cleared with, besides its readings.
pub struct Circumstances<'p> {
    pub selection: &'p Selection,
    pub prices: &'p PriceBook,
    /// The series of tariffs as they are in their files now.
    pub series: &'p CurrentSeries,
    /// What was told of the community's meters and tariffs, and is not told again.
    pub told: &'p Told,
    /// Declared exchanges of meters.
    pub exchanges: &'p Exchanges,
    /// The meters of which it is not known what they measured in the interval, although they were read at its end.
    pub missing: &'p BTreeSet<MeterId>,
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
    pub fn new(
        community: impl Into<Arc<CommunityConfig>>,
        algorithm: ReadyAlgorithm,
        fallback: Option<ReadyAlgorithm>,
    ) -> Clearing {
        let community = community.into();
        let (configuration, limits) = (OnceLock::new(), community.meter_limits());
        Clearing { ownership: community.ownership(), limits, community, configuration, algorithm, fallback }
    }

    fn configuration(&self) -> Digest {
        *self.configuration.get_or_init(|| self.community.digest())
    }

    pub fn community(&self) -> &CommunityConfig {
        &self.community
    }

    /// Whose each meter is, and when.
    pub fn ownership(&self) -> &Ownership {
        &self.ownership
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
        Circumstances { selection, prices, series, told, exchanges, missing, mut events, report }: Circumstances<'_>,
    ) -> Result<(ClearedInterval, LastReads), ClearingError> {
        let missing = missing.iter().filter(|meter| readings.contains_key(*meter)).cloned().collect();
        let rules = MeterRules { missing, ..self.rules(interval, exchanges, last, readings) };
        let netting = netting::net(interval, self.community.basis, &self.ownership, last, readings, &rules);
        events.extend(told.only_news(netting.events.iter().map(|event| {
            let (code, subject) = (event.kind.code().to_owned(), event.meter.to_string());
            (StoredEvent { code, subject, message: event.kind.to_string() }, event.kind.lasts())
        })));
        events.extend(told.only_news(self.ended_series(interval, series).map(|event| (event, true))));
        let settings = selection.activation.as_ref().and_then(|activation| activation.settings.as_deref());
        let settings = settings.unwrap_or_else(|| self.community.terms_at(interval.start()).settings());
        let round = |balances| self.round(interval, balances, settings, prices, series);
        let round = if netting.balances.is_empty() { None } else { Some(round(&netting.balances)?) };
        let round = round.map(|round| self.settle(selection, Arc::new(round), &mut events, report)).transpose()?;
        let gaps = netting.gaps.iter().map(|gap| self.gap(gap, interval, series)).collect();
        let mut read = InOrder::of(&netting.read);
        let cleared = ClearedInterval {
            configuration: Some(self.configuration()),
            rules,
            disputed: netting.read.iter().filter(|(_, read)| read.dispute.is_some()).map(cloned).collect(),
            absent: last.iter().filter(|(meter, _)| read.find(meter).is_none()).map(cloned).collect(),
            readings: netting.readings.into_iter().map(stored).collect(),
            events,
            ..ClearedInterval::new(&self.community.name, interval, self.community.basis, round, gaps)
        };
        Ok((cleared, netting.read))
    }

    /// What the readings at an interval's end come to, and the round of it with the community's own settings; `None` if no
    /// member was read at both ends. No algorithm runs, prices that members set over gRPC do not count, and no exchange was
    /// declared.
    ///
    /// # Errors
    /// If the positions do not make a round.
    pub fn prepare(
        &self,
        interval: Interval,
        last: &LastReads,
        readings: &BoundaryReadings,
    ) -> Result<(netting::Netting, Option<Round>), ClearingError> {
        let rules = self.rules(interval, &Exchanges::default(), last, readings);
        let netting = netting::net(interval, self.community.basis, &self.ownership, last, readings, &rules);
        let settings = self.community.terms_at(interval.start()).settings();
        let (prices, series) = (PriceBook::default(), CurrentSeries::default());
        let round = match netting.balances.is_empty() {
            true => None,
            false => Some(self.round(interval, &netting.balances, settings, &prices, &series)?),
        };
        Ok((netting, round))
    }

    /// Whether anything that was read at an interval's end concerns this community.
    pub fn concerned(&self, interval: Interval, readings: &BoundaryReadings) -> bool {
        readings.keys().any(|meter| self.ownership.concerns(meter, interval))
    }

    /// What is to be told of series whose last row is too old to be meant for this interval.
    fn ended_series(&self, interval: Interval, series: &CurrentSeries) -> impl Iterator<Item = StoredEvent> {
        let at = interval.start().timestamp();
        series.iter().filter_map(move |(file, series)| {
            let last = series.ended(at)?;
            let message = format!(
                "ends with the row of {last}, which is older than its rows are apart; that row's tariff goes on to apply \
                 (add rows: the file is read again)"
            );
            Some(StoredEvent { code: SERIES_ENDED.to_owned(), subject: file.display().to_string(), message })
        })
    }

    /// The registers read at the end of an interval that the Python original has settled.
    pub fn reads(
        &self,
        interval: Interval,
        last: &LastReads,
        readings: &BoundaryReadings,
        exchanges: &Exchanges,
    ) -> LastReads {
        let rules = self.rules(interval, exchanges, last, readings);
        netting::net(interval, self.community.basis, &self.ownership, last, readings, &rules).read
    }

    /// What decides whether the readings at an interval's end count, with these exchanges.
    fn rules(
        &self,
        interval: Interval,
        exchanges: &Exchanges,
        last: &LastReads,
        readings: &BoundaryReadings,
    ) -> MeterRules {
        let begun = self.limits.partition_point(|(from, _)| *from <= interval.start().timestamp());
        let limits = begun.checked_sub(1).and_then(|last| self.limits.get(last)).map(|(_, limits)| limits);
        MeterRules::for_readings(limits, exchanges, interval.end(), last, readings)
    }

    /// The member for which a meter counts in an interval; none if that member does not have it since then.
    pub fn member_of(&self, meter: &MeterId, interval: Interval, since: Boundary) -> Option<MemberId> {
        match self.ownership.of(meter, interval) {
            Standing::Of(Owner { member, since: owned }) if owned <= since.timestamp() => Some(member),
            _ => None,
        }
    }

    /// The last interval that the Python original has settled, from whose registers the books go on.
    pub fn open(&self, interval: Interval, last: &LastReads) -> ClearedInterval {
        let (read, before): (LastReads, _) =
            last.clone().into_iter().partition(|(_, read)| read.boundary == interval.end());
        let reading = |(meter, read): (MeterId, LastRead)| {
            let Standing::Of(owner) = self.ownership.of(&meter, interval) else { return None };
            Some(MeterReading { meter, member: owner.member, registers: read.registers, anew: false })
        };
        let readings = read.into_iter().filter_map(reading).collect();
        let opening = ClearedInterval::opening(interval, self.community.basis, readings, before);
        ClearedInterval { configuration: Some(self.configuration()), ..opening }
    }

    /// A gap is traded in the interval in which its meter returns, at the tariff of that interval.
    pub fn gap(&self, gap: &Gap, interval: Interval, series: &CurrentSeries) -> GapTrade {
        let community_tariff = self.community.terms_at(interval.start()).tariff(interval.start(), series);
        let member = self.community.members.get(&gap.member);
        let own = member.map(|member| member.terms.at(interval.start().timestamp()));
        GapTrade {
            member: gap.member.clone(),
            since: gap.since,
            surplus: gap.balance.surplus,
            deficit: gap.balance.deficit,
            tariff: tariff_of(own, interval, community_tariff, series),
        }
    }

    fn round(
        &self,
        interval: Interval,
        balances: &BTreeMap<MemberId, Balance>,
        settings: &[(String, String)],
        prices: &PriceBook,
        series: &CurrentSeries,
    ) -> Result<Round, ClearingError> {
        let in_force = self.community.terms_at(interval.start());
        let terms = Terms {
            community: self.community.name.clone(),
            interval,
            tariff: in_force.tariff(interval.start(), series),
            limits: in_force.price_limits(),
            seed: seed(&self.community.name, interval),
            settings: settings.to_vec(),
        };
        // Both are in the order of members.
        let mut members = InOrder::of(&self.community.members);
        let position = |(member, balance): (&MemberId, &Balance)| {
            let own = members.find(member).map(|member| member.terms.at(interval.start().timestamp()));
            let tariff = tariff_of(own, interval, terms.tariff, series);
            self.position(member, own, *balance, interval, tariff, prices)
        };
        let positions = balances.iter().map(position).collect();
        Round::new(terms, positions).map_err(|reason| ClearingError::Round { interval, reason })
    }

    fn position(
        &self,
        member: &MemberId,
        terms: Option<&MemberTerms>,
        balance: Balance,
        interval: Interval,
        tariff: Tariff,
        prices: &PriceBook,
    ) -> Position {
        let own = self.own_prices(member, terms, interval, prices);
        let own = own.map(|own| self.community.prices.apply(own, tariff));
        Position {
            member: member.clone(),
            surplus: balance.surplus,
            deficit: balance.deficit,
            offer: own.map(|own| own.offer).or(terms.and_then(|terms| terms.offer)).unwrap_or(tariff.feed_in),
            bid: own.map(|own| own.bid).or(terms.and_then(|terms| terms.bid)).unwrap_or(tariff.retail),
            tariff,
            share: terms.and_then(|terms| terms.share).unwrap_or(0),
            rank: terms.and_then(|terms| terms.rank).unwrap_or(0),
        }
    }

    /// The prices that a member has set for any of its meters since it has it, as valid at the start of the interval.
    fn own_prices(
        &self,
        member: &MemberId,
        terms: Option<&MemberTerms>,
        interval: Interval,
        prices: &PriceBook,
    ) -> Option<OwnPrices> {
        if prices.is_empty() {
            return None;
        }
        let named = member.as_str().parse::<MeterId>().ok();
        let meters = terms.and_then(|terms| terms.meters.as_ref()).into_iter().flatten().chain(&named);
        let since = |meter: &MeterId| -> Option<Timestamp> {
            match self.ownership.of(meter, interval) {
                Standing::Of(owner) if owner.member == *member => Some(owner.since),
                _ => None,
            }
        };
        let owned = meters.filter_map(|meter| Some((meter, since(meter)?)));
        prices.at(owned, interval.start().timestamp())
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
        let limits = self.community.terms_at(interval.start()).limits();
        let settled = match &selection.ready {
            Ok(ready) => settle(ready, &limits, &round, report)?.map_err(NoSettlement::from),
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

/// The tariff of a member with these terms, completed by the community's.
fn tariff_of(own: Option<&MemberTerms>, interval: Interval, community: Tariff, series: &CurrentSeries) -> Tariff {
    own.map_or(community, |own| own.tariff(interval.start(), series).complete(community))
}

fn cloned((meter, read): (&MeterId, &LastRead)) -> (MeterId, LastRead) {
    (meter.clone(), *read)
}

fn stored(OwnedReading { meter, member, registers, anew }: OwnedReading) -> MeterReading {
    MeterReading { meter, member, registers, anew }
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
