//! What a candidate would have changed: it runs on rounds that are settled, and touches nothing.

mod record;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::round::{InvalidRound, Terms};
use domain::settlement::trades_max_default;
use domain::{Boundary, Energy, MemberId, Party, Price, Round, Settlement};
use sandbox::{Algorithm, Limits, Run, SandboxError};

use crate::clearing::BadResult;
use crate::store::{GapTrade, StoredInterval, StoredParty};

pub use record::InvalidSums;

/// Problems that are told one by one; all are counted.
const PROBLEMS_MAX: usize = 20;

/// Why a candidate cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    /// The machine failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The settings make no round.
    #[error(transparent)]
    Round(#[from] InvalidRound),
}

/// What a candidate came to so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Intervals with a round.
    pub intervals: u64,
    /// Of those: it failed.
    pub failed: u64,
    /// Of those: its result broke rules.
    pub rejected: u64,
    /// What its runs cost.
    pub cost: Cost,
    /// Each member, over the intervals where it brought a result.
    pub members: BTreeMap<MemberId, Difference>,
    /// The first intervals on which it brought none, by their start, and why.
    pub problems: Vec<(Boundary, String)>,
}

/// What runs cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Fuel of all.
    pub fuel: u64,
    /// Fuel of the one that used most.
    pub fuel_max: u64,
    /// Fuel that the settled runs used on the same intervals.
    pub settled_fuel: u64,
    /// Memory of the one that used most, in bytes.
    pub peak_memory_bytes_max: u64,
    /// Microseconds of all.
    pub duration_us: u64,
    /// Microseconds of the longest.
    pub duration_us_max: u64,
}

/// What is different for a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// As it was settled.
    pub settled: Position,
    /// With the candidate.
    pub candidate: Position,
}

/// What trades come to for a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Energy bought and sold within the community, in Wh.
    pub local_wh: i128,
    /// Earned less paid, in nEUR.
    pub balance: i128,
}

impl Position {
    fn add(&mut self, other: Position) {
        self.local_wh = self.local_wh.saturating_add(other.local_wh);
        self.balance = self.balance.saturating_add(other.balance);
    }
}

impl Difference {
    /// Adds another one.
    pub fn add(&mut self, other: Difference) {
        self.settled.add(other.settled);
        self.candidate.add(other.candidate);
    }
}

impl Sums {
    /// Runs a candidate on a settled interval, within these limits and with these settings, and adds what it came to.
    /// Blocks.
    ///
    /// # Errors
    /// If the machine fails; what the candidate does wrong is counted.
    pub fn run(
        &mut self,
        candidate: &Algorithm,
        limits: &Limits,
        settings: &[(String, String)],
        interval: &StoredInterval,
    ) -> Result<(), ShadowError> {
        let Some(settled) = &interval.round else { return Ok(()) };
        let terms = Terms { settings: settings.to_vec(), ..settled.terms().clone() };
        let round = Arc::new(Round::new(terms, settled.positions().to_vec())?);
        let positions = round.positions().len();
        let run = candidate.clear(&round, limits.budget(positions))?;
        self.cost.add(&run, interval.provenance.as_ref().map_or(0, |provenance| provenance.fuel));
        self.intervals += 1;
        let checked = match run.result {
            Ok(trades) => {
                let checked = Settlement::check(Arc::clone(&round), trades, trades_max_default(positions));
                checked.map_err(BadResult::Rejected)
            }
            Err(failure) => Err(BadResult::Failed(failure)),
        };
        match checked {
            Ok(settlement) => self.compare(interval, &settlement),
            Err(reason) => {
                match reason {
                    BadResult::Rejected(_) => self.rejected += 1,
                    BadResult::Failed(_) | BadResult::Unusable(_) => self.failed += 1,
                }
                if self.problems.len() < PROBLEMS_MAX {
                    self.problems.push((interval.interval.start(), reason.to_string()));
                }
            }
        }
        Ok(())
    }

    fn compare(&mut self, interval: &StoredInterval, candidate: &Settlement) {
        let round = candidate.round();
        for position in round.positions() {
            self.members.entry(position.member.clone()).or_default();
        }
        // Trades of gaps come last, and no algorithm makes them.
        let gaps = interval.gaps.iter().flat_map(GapTrade::priced).count();
        let of_round = interval.trades.len().saturating_sub(gaps);
        for trade in interval.trades.iter().take(of_round) {
            let member = |party: &StoredParty| match party {
                StoredParty::Member(member) => Some(member.clone()),
                StoredParty::Grid | StoredParty::Operator => None,
            };
            let is_local = trade.seller != StoredParty::Grid && trade.buyer != StoredParty::Grid;
            let parties = (member(&trade.seller), member(&trade.buyer));
            self.book(parties, is_local, (trade.energy, trade.price), |difference| &mut difference.settled);
        }
        for trade in candidate.trades() {
            let member = |party| match party {
                Party::Member(index) => round.position(index).map(|position| position.member.clone()),
                Party::Grid | Party::Operator => None,
            };
            let is_local = trade.seller != Party::Grid && trade.buyer != Party::Grid;
            let parties = (member(trade.seller), member(trade.buyer));
            self.book(parties, is_local, (trade.energy, trade.price), |difference| &mut difference.candidate);
        }
    }

    /// Books one trade on one side of the comparison.
    fn book(
        &mut self,
        (seller, buyer): (Option<MemberId>, Option<MemberId>),
        is_local: bool,
        (energy, price): (Energy, Price),
        side: impl Fn(&mut Difference) -> &mut Position,
    ) {
        let local_wh = if is_local { i128::from(energy.wh()) } else { 0 };
        // Wh times µEUR/kWh are nEUR.
        let amount = i128::from(energy.wh()) * i128::from(price.micro_eur());
        for (member, balance) in [(seller, amount), (buyer, -amount)] {
            if let Some(member) = member {
                side(self.members.entry(member).or_default()).add(Position { local_wh, balance });
            }
        }
    }

    /// All members together.
    pub fn total(&self) -> Difference {
        let mut total = Difference::default();
        self.members.values().for_each(|member| total.add(*member));
        total
    }
}

impl Cost {
    fn add(&mut self, run: &Run, settled_fuel: u64) {
        let usage = &run.usage;
        let duration_us = u64::try_from(usage.duration.as_micros()).unwrap_or(u64::MAX);
        self.fuel = self.fuel.saturating_add(usage.fuel);
        self.fuel_max = self.fuel_max.max(usage.fuel);
        self.settled_fuel = self.settled_fuel.saturating_add(settled_fuel);
        self.peak_memory_bytes_max = self.peak_memory_bytes_max.max(usage.peak_memory_bytes);
        self.duration_us = self.duration_us.saturating_add(duration_us);
        self.duration_us_max = self.duration_us_max.max(duration_us);
    }
}
