//! One worker: runs every variant on the cases that it gets, and adds up what each comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{Boundary, Digest, Settlement};
use figures::backtest::Runs;
use figures::sums::grid_alone;
use figures::{Calendar, Roster, Sums, TooLarge};
use sandbox::{BadResult, CheckedRun};

use super::job::{Job, RoundLimits};
use super::{BacktestError, Case, Settled, Variant};

/// What a worker has added up. Parts are put together in any order.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) roster: Roster,
    pub(super) alone: Sums,
    /// What settled the cases, if anything did.
    pub(super) settled: Option<SettledPart>,
    /// In the order of the variants.
    pub(super) variants: Vec<VariantPart>,
    /// A line for each case, by its start: what two people compare to know that they looked at the same.
    pub(super) lines: BTreeMap<Boundary, String>,
    pub(super) counted: u64,
    pub(super) uncleared: u64,
}

#[derive(Debug, Default)]
pub(super) struct VariantPart {
    pub(super) sums: Sums,
    pub(super) runs: Runs,
}

#[derive(Debug, Default)]
pub(super) struct SettledPart {
    pub(super) sums: Sums,
    pub(super) fuel: u64,
    /// Every algorithm that settled any of the cases.
    pub(super) algorithms: BTreeSet<(Digest, (String, String))>,
}

pub(super) struct Worker<'j> {
    job: &'j Job<'j>,
    calendar: Calendar,
    part: Part,
}

impl<'j> Worker<'j> {
    pub(super) fn new(job: &'j Job<'j>) -> Worker<'j> {
        let variants = job.variants.iter().map(|_| VariantPart::default()).collect();
        let part = Part { variants, ..Part::default() };
        Worker { job, calendar: Calendar::new(job.zone.clone()), part }
    }

    pub(super) fn finish(self) -> Part {
        self.part
    }

    /// Runs every variant on a case. If all have a result, it counts.
    pub(super) fn case(&mut self, case: &Case) -> Result<(), BacktestError> {
        self.part.lines.insert(case.round.terms().interval.start(), line(case));
        let mut results = Vec::with_capacity(self.job.variants.len());
        for (variant, part) in self.job.variants.iter().zip(&mut self.part.variants) {
            results.extend(clear(variant, case, &(self.job.limits)(case), &mut part.runs)?);
        }
        if results.len() < self.job.variants.len() {
            self.part.uncleared += 1;
            return Ok(());
        }
        self.part.counted += 1;
        Ok(self.count(case, &results)?)
    }

    fn count(&mut self, case: &Case, results: &[Settlement]) -> Result<(), TooLarge> {
        let place = self.calendar.place(case.round.terms().interval.start());
        let members = self.part.roster.of_round(&case.round);
        self.part.alone.add(place, &case.round, &members, &grid_alone(&case.round))?;
        if let Some(settled) = &case.settled {
            let Settled { trades, algorithm, label, fuel, .. } = settled;
            let part = self.part.settled.get_or_insert_default();
            part.sums.add(place, &case.round, &members, trades)?;
            part.fuel = part.fuel.saturating_add(*fuel);
            let known = part.algorithms.iter().any(|(digest, _)| digest == algorithm);
            if !known {
                part.algorithms.insert((*algorithm, label.clone()));
            }
        }
        for (result, part) in results.iter().zip(&mut self.part.variants) {
            part.sums.add(place, result.round(), &members, result.trades())?;
        }
        Ok(())
    }
}

/// Clears a case with a variant; `None` if it has no result, which is noted.
fn clear(
    variant: &Variant,
    case: &Case,
    limits: &RoundLimits,
    runs: &mut Runs,
) -> Result<Option<Settlement>, BacktestError> {
    let round = variant.round(&case.round, limits.price)?;
    let CheckedRun { result, usage, .. } =
        variant.ready.algorithm.run_and_check(&round, limits.run.budget(round.positions().len()))?;
    let mut run = Runs { fuel: usage.fuel, ..Runs::default() };
    let result = match result {
        Ok(settlement) => Some(settlement),
        Err(bad) => {
            if let Some(error) = bad.of_machine() {
                return Err(error.into());
            }
            match &bad {
                BadResult::Failed(_) => run.failed = 1,
                BadResult::Rejected(_) => run.rejected = 1,
            }
            run.problems.insert(case.round.terms().interval.start(), bad.coded());
            None
        }
    };
    runs.add(run);
    Ok(result)
}

/// What is to be the same for two people who compare: the round, and what settled it.
fn line(case: &Case) -> String {
    let settled = case.settled.as_ref();
    let round = settled.and_then(|settled| settled.round_digest).unwrap_or_else(|| Arc::as_ref(&case.round).digest());
    let trades = settled.and_then(|settled| settled.trades_digest);
    let trades = trades.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
    format!("{} {round} {trades}", case.round.terms().interval)
}
