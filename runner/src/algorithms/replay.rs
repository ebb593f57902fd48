//! Runs stored rounds again and compares the results with the books.

use std::sync::Arc;

use books::StoredInterval;
use books::replay::{NoResult, Recomputed, Replay, compare};
use domain::Round;
use sandbox::{Algorithm, BadResult, Budget, CheckedRun, Described, FailureKind, Limits, Sandbox, SandboxError};

/// An algorithm that stored intervals name.
#[derive(Clone, Debug)]
pub struct KnownAlgorithm {
    /// The algorithm and its description, or why it cannot be loaded.
    pub algorithm: Result<(Algorithm, Described), String>,
    /// What is wrong with its stored bytes, if it can be loaded nevertheless.
    pub damage: Option<String>,
}

/// The limits for recomputing: those of the community, but not below the default ones. With higher limits a round has the same
/// result, and so an interval does not fail because the limits were tightened after it was settled.
pub fn budget(limits: &Limits, round: &Round) -> Budget {
    let positions = round.positions().len();
    let (allowed, usual) = (limits.budget(positions), Limits::default().budget(positions));
    Budget {
        fuel: allowed.fuel.max(usual.fuel),
        memory_bytes: allowed.memory_bytes.max(usual.memory_bytes),
        time: allowed.time.max(usual.time),
        output_bytes: allowed.output_bytes.max(usual.output_bytes),
    }
}

/// Recomputes an interval of a community. `known` is the algorithm that it names, if any. Blocks.
///
/// # Errors
/// Only if the sandbox fails, not the algorithm.
pub fn replay(
    community: &str,
    stored: &StoredInterval,
    known: Option<&KnownAlgorithm>,
    limits: &Limits,
) -> Result<Replay, SandboxError> {
    let recomputed = match (&stored.round, known.map(|known| &known.algorithm)) {
        (Some(round), Some(Ok((algorithm, described)))) => Some(recompute(round, algorithm, described, limits)?),
        _ => None,
    };
    let problem = known.and_then(|known| known.algorithm.as_ref().err().or(known.damage.as_ref()));
    Ok(compare(community, stored, problem.map(String::as_str), recomputed.as_ref()))
}

fn recompute(
    round: &Round,
    algorithm: &Algorithm,
    described: &Described,
    limits: &Limits,
) -> Result<Recomputed, SandboxError> {
    let CheckedRun { result, usage, .. } = algorithm.run_and_check(&Arc::new(round.clone()), budget(limits, round))?;
    let described = match described {
        Ok(description) => Ok((description.name.clone(), description.version.clone())),
        Err(failure) => Err(format!("{}: {failure}", failure.kind)),
    };
    Ok(Recomputed {
        result: result.map_err(|bad| NoResult { reason: bad.coded(), may_pass: is_deadline(&bad) }),
        fuel: usage.fuel,
        engine: Sandbox::engine_version().to_owned(),
        described,
    })
}

fn is_deadline(bad: &BadResult) -> bool {
    matches!(bad, BadResult::Failed(failure) if failure.kind == FailureKind::Deadline)
}

#[cfg(test)]
mod tests {
    use domain::round::{PriceLimits, Terms};
    use domain::{Boundary, Interval, IntervalLength, Price, Tariff};

    use super::*;

    #[test]
    fn tightened_limits_do_not_make_a_replay_fail() {
        let tariff = Tariff { retail: Price::from_micro_eur(162_400), feed_in: Price::from_micro_eur(30_000) };
        let terms = Terms {
            community: "aveiro".to_owned(),
            interval: Interval::starting(Boundary::EPOCH, IntervalLength::QUARTER_HOUR).unwrap(),
            tariff,
            limits: PriceLimits::default(),
            seed: 7,
            settings: Vec::new(),
        };
        let round = Round::new(terms, Vec::new()).unwrap();
        let tight = Limits { fuel: Some(1), memory_bytes: Some(u64::MAX), ..Limits::default() };
        let usual = Limits::default().budget(0);
        assert_eq!(budget(&tight, &round), Budget { memory_bytes: u64::MAX, ..usual });
    }
}
