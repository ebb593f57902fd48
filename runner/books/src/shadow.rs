//! Shadow totals: how a candidate algorithm would have changed settled intervals, member by member.
//!
//! A candidate runs on settled rounds and changes nothing. Deliberately absent: running it.

use std::collections::BTreeMap;

use domain::{Amount, Boundary, Energy, MemberId, NamedParty, Price, Settlement, TradeKind};

use crate::interval::StoredInterval;
use crate::trade::GapTrade;

/// Maximum number of problems stored one by one. All are counted.
const PROBLEMS_MAX: usize = 20;

/// A candidate's totals, and the last interval that they include.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowState {
    /// The end of the last interval included in the totals.
    pub until: Boundary,
    /// The totals so far.
    pub totals: ShadowTotals,
}

/// The cost of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCost {
    /// Fuel used, in the engine's units.
    pub fuel: u64,
    /// Peak memory, in bytes.
    pub peak_memory_bytes: u64,
    /// Wall-clock time, in µs.
    pub duration_us: u64,
}

/// Why a candidate's run gave no valid result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShadowProblem {
    /// The run failed, for this reason.
    Failed(String),
    /// The result violated the balance check, for this reason.
    Rejected(String),
}

/// A candidate's totals over settled intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowTotals {
    /// Number of intervals on which the candidate ran.
    pub intervals: u64,
    /// Number of those on which it failed.
    pub failed: u64,
    /// Number of those on which its result was rejected.
    pub rejected: u64,
    /// The cost of its runs.
    pub cost: Cost,
    /// The difference for each member, over the intervals with a valid result.
    pub members: BTreeMap<MemberId, Difference>,
    /// The first 20 intervals without a valid result: start and reason.
    pub problems: Vec<(Boundary, String)>,
}

/// The cost of several runs. Sums saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Fuel of all runs.
    pub fuel: u64,
    /// Fuel of the run that used most.
    pub fuel_max: u64,
    /// Fuel that the settling algorithms used on the same intervals.
    pub settled_fuel: u64,
    /// Peak memory of the run that used most, in bytes.
    pub peak_memory_bytes_max: u64,
    /// Wall-clock time of all runs, in µs.
    pub duration_us: u64,
    /// Wall-clock time of the longest run, in µs.
    pub duration_us_max: u64,
}

/// One member's result as settled and with the candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The result as settled.
    pub settled: Position,
    /// The result with the candidate.
    pub candidate: Position,
}

/// The sum of a member's trades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Energy bought and sold within the community, in Wh; bought and sold energy both count as positive.
    pub local_wh: i128,
    /// Money received minus money paid, in nEUR.
    pub balance: i128,
}

impl Position {
    fn add(&mut self, other: Position) {
        self.local_wh = self.local_wh.saturating_add(other.local_wh);
        self.balance = self.balance.saturating_add(other.balance);
    }
}

impl Difference {
    /// Adds another difference to this one. Sums saturate.
    pub fn add(&mut self, other: Difference) {
        self.settled.add(other.settled);
        self.candidate.add(other.candidate);
    }
}

impl ShadowTotals {
    /// Adds the candidate's run on a settled interval: its cost, and its checked result or why there is none.
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
        // Trades of gaps come last. No algorithm makes them, so they are not compared.
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

    /// Returns the sum of all members' differences.
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
