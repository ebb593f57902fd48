//! What a candidate would have changed: totals over settled intervals, member by member.
//!
//! A candidate runs on rounds that are settled, and touches nothing. Deliberately not here: running it.

use std::collections::BTreeMap;

use domain::{Amount, Boundary, Energy, MemberId, NamedParty, Price, Settlement, TradeKind};

use crate::interval::StoredInterval;
use crate::trade::GapTrade;

/// Problems that are kept one by one; all are counted.
const PROBLEMS_MAX: usize = 20;

/// The totals of a candidate, and up to where they count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowState {
    /// The end of the last interval that is in them.
    pub until: Boundary,
    /// The totals.
    pub totals: ShadowTotals,
}

/// The cost of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCost {
    /// Units of fuel.
    pub fuel: u64,
    /// Peak memory, in bytes.
    pub peak_memory_bytes: u64,
    /// Wall-clock time, in µs.
    pub duration_us: u64,
}

/// A run of a candidate without a result that could be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShadowProblem {
    /// It failed.
    Failed(String),
    /// Its result broke rules.
    Rejected(String),
}

/// What a candidate came to so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowTotals {
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

impl ShadowTotals {
    /// Adds what a run on a settled interval came to.
    pub fn add(&mut self, stored: &StoredInterval, cost: RunCost, result: Result<&Settlement, ShadowProblem>) {
        self.cost.add(cost, stored.provenance.as_ref().map_or(0, |provenance| provenance.fuel));
        self.intervals += 1;
        let (count, reason) = match result {
            Ok(settlement) => return self.compare(stored, settlement),
            Err(ShadowProblem::Failed(reason)) => (&mut self.failed, reason),
            Err(ShadowProblem::Rejected(reason)) => (&mut self.rejected, reason),
        };
        *count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push((stored.interval.start(), reason));
        }
    }

    fn compare(&mut self, stored: &StoredInterval, candidate: &Settlement) {
        for position in candidate.round().positions() {
            self.members.entry(position.member.clone()).or_default();
        }
        // Trades of gaps come last, and no algorithm makes them.
        let gaps = stored.gaps.iter().flat_map(GapTrade::trades).count();
        for trade in stored.trades.iter().take(stored.trades.len().saturating_sub(gaps)) {
            let parties = (&trade.seller, &trade.buyer);
            self.book(parties, (trade.energy, trade.price), |difference| &mut difference.settled);
        }
        for trade in candidate.named_trades() {
            let parties = (&trade.seller, &trade.buyer);
            self.book(parties, (trade.energy, trade.price), |difference| &mut difference.candidate);
        }
    }

    /// Books one trade on one side of the comparison.
    fn book(
        &mut self,
        (seller, buyer): (&NamedParty, &NamedParty),
        (energy, price): (Energy, Price),
        side: impl Fn(&mut Difference) -> &mut Position,
    ) {
        let is_with_grid = TradeKind::between(seller, buyer).is_with_grid();
        let local_wh = if is_with_grid { 0 } else { i128::from(energy.wh()) };
        let amount = Amount::of(energy, price).nano_eur();
        for (party, balance) in [(seller, amount), (buyer, -amount)] {
            if let Some(member) = party.member() {
                side(self.members.entry(member.clone()).or_default()).add(Position { local_wh, balance });
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
    fn add(&mut self, run: RunCost, settled_fuel: u64) {
        self.fuel = self.fuel.saturating_add(run.fuel);
        self.fuel_max = self.fuel_max.max(run.fuel);
        self.settled_fuel = self.settled_fuel.saturating_add(settled_fuel);
        self.peak_memory_bytes_max = self.peak_memory_bytes_max.max(run.peak_memory_bytes);
        self.duration_us = self.duration_us.saturating_add(run.duration_us);
        self.duration_us_max = self.duration_us_max.max(run.duration_us);
    }
}
