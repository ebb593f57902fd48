//! Recomputes a stored interval: the same round, the same algorithm, and whether the same comes of it.
//!
//! The audit proves that books balance and belong to their registers; this proves that they are what the algorithm
//! decided. Nothing that is stored is believed: the algorithm runs in the sandbox again, its result passes the balance check
//! again, and ids and digests are derived again.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use domain::settlement::trades_max_default;
use domain::{Digest, Round, Settlement};
use sandbox::{Algorithm, Budget, Described, FailureKind, Limits, Sandbox, SandboxError};

use crate::clearing::BadResult;
use crate::store::{Provenance, StoredInterval, StoredTrade, trades_of};

/// An algorithm that stored intervals name by its digest.
#[derive(Clone, Debug)]
pub struct Known {
    /// It, and what it says of itself, or why it cannot be had.
    pub algorithm: Result<(Algorithm, Described), String>,
    /// What is wrong with what is stored of it, although it can be had.
    pub damage: Option<String>,
}

/// What came of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was recomputed and is the same.
    Same,
    /// Something differs, or could not be recomputed.
    Differs,
    /// Nobody was read at both ends, so no algorithm ran; what is derived without one is the same.
    Nothing,
}

impl Verdict {
    /// Its name in what programs read.
    pub fn code(self) -> &'static str {
        match self {
            Verdict::Same => "same",
            Verdict::Differs => "differs",
            Verdict::Nothing => "nothing",
        }
    }
}

/// An interval recomputed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// What came of it.
    pub verdict: Verdict,
    /// Digest of the stored round as it is.
    pub round_digest: Option<Digest>,
    /// Digest of the recomputed trades; none if there is no result.
    pub trades_digest: Option<Digest>,
    /// Fuel that was used this time.
    pub fuel: Option<u64>,
    /// What differs, in words.
    pub differences: Vec<String>,
    /// What a person should know besides.
    pub remarks: Vec<String>,
}

/// One run of a stored round.
#[derive(Clone, Debug)]
struct Rerun {
    result: Result<Settlement, BadResult>,
    fuel: u64,
    described: Described,
}

/// What recomputing may use: what the community allows, but no less than is usual. What settled within less comes to the
/// same within more, so limits that were tightened since fail no interval.
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

/// Recomputes an interval of a community; `known` is the algorithm that it names, if it names one.
///
/// Blocks: call it where blocking is allowed.
///
/// # Errors
/// Only if the machine fails.
pub fn replay(
    community: &str,
    stored: &StoredInterval,
    known: Option<&Known>,
    limits: &Limits,
) -> Result<Replay, SandboxError> {
    let rerun = match (&stored.round, known.map(|known| &known.algorithm)) {
        (Some(round), Some(Ok((algorithm, described)))) => Some(rerun(round, algorithm, described, limits)?),
        _ => None,
    };
    let problem = known.and_then(|known| known.algorithm.as_ref().err().or(known.damage.as_ref()));
    Ok(compare(community, stored, problem.map(String::as_str), rerun.as_ref()))
}

fn rerun(round: &Round, algorithm: &Algorithm, described: &Described, limits: &Limits) -> Result<Rerun, SandboxError> {
    let run = algorithm.clear(round, budget(limits, round))?;
    let most = trades_max_default(round.positions().len());
    let result = match run.result {
        Ok(trades) => Settlement::check(Arc::new(round.clone()), trades, most).map_err(BadResult::Rejected),
        Err(failure) => Err(BadResult::Failed(failure)),
    };
    Ok(Rerun { result, fuel: run.usage.fuel, described: described.clone() })
}

/// Compares the books with what came of recomputing them, if that was possible.
fn compare(community: &str, stored: &StoredInterval, problem: Option<&str>, rerun: Option<&Rerun>) -> Replay {
    let mut differences = compare_round(community, stored);
    let mut remarks = Vec::new();
    differences.extend(problem.map(str::to_owned));
    if let (Some(provenance), Some(rerun)) = (&stored.provenance, rerun) {
        differences.extend(compare_description(provenance, &rerun.described));
        match compare_fuel(provenance, rerun.fuel) {
            Ok(difference) => differences.extend(difference),
            Err(remark) => remarks.push(remark),
        }
    }
    let settlement = rerun.and_then(|rerun| rerun.result.as_ref().ok());
    match rerun.map(|rerun| &rerun.result) {
        Some(Err(reason)) => {
            differences.push(format!("recomputing brings no result: {}", told(reason)));
            if matches!(reason, BadResult::Failed(failure) if failure.kind == FailureKind::Deadline) {
                remarks
                    .push("how long a run takes is the machine's doing (try again when it has less to do)".to_owned());
            }
        }
        // There is nothing to compare with.
        None if stored.round.is_some() => {}
        _ => {
            let remark = stored.provenance.as_ref().and_then(Provenance::remark);
            let cleared = settlement.map(|settlement| (settlement, remark));
            let recomputed = trades_of(community, stored.interval, cleared, &stored.gaps);
            differences.extend(compare_trades(&stored.trades, &recomputed));
        }
    }
    if let Some(settlement) = settlement {
        let digest = (stored.trades_digest, settlement.digest());
        differences.extend(compare_digest("the digest of its trades", digest.0, digest.1));
    }
    let verdict = match (&stored.round, settlement) {
        _ if !differences.is_empty() => Verdict::Differs,
        (None, _) => Verdict::Nothing,
        (Some(_), Some(_)) => Verdict::Same,
        // Nothing is the same that was not recomputed.
        (Some(_), None) => Verdict::Differs,
    };
    Replay {
        verdict,
        round_digest: stored.round.as_ref().map(Round::digest),
        trades_digest: settlement.map(Settlement::digest),
        fuel: rerun.map(|rerun| rerun.fuel),
        differences,
        remarks,
    }
}

/// The round is what was cleared, and of this place; without one, nothing says that there was any.
fn compare_round(community: &str, stored: &StoredInterval) -> Vec<String> {
    let mut differences = Vec::new();
    match (&stored.round, &stored.provenance) {
        (Some(_), None) => differences.push("it has a round, but not how it was cleared".to_owned()),
        (None, Some(_)) => differences.push("it says how it was cleared, but has no round".to_owned()),
        _ => {}
    }
    let Some(round) = &stored.round else {
        let digests = [("a round", stored.round_digest), ("the round's trades", stored.trades_digest)];
        let left = digests.iter().filter(|(_, digest)| digest.is_some());
        differences.extend(left.map(|(what, _)| format!("it has the digest of {what}, but no round")));
        return differences;
    };
    let terms = round.terms();
    if (terms.community.as_str(), terms.interval) != (community, stored.interval) {
        differences.push(format!("its round is of {:?} at {}", terms.community, terms.interval));
    }
    differences.extend(compare_digest("the digest of its round", stored.round_digest, round.digest()));
    differences
}

fn compare_digest(what: &str, stored: Option<Digest>, recomputed: Digest) -> Option<String> {
    match stored {
        Some(stored) if stored == recomputed => None,
        Some(stored) => Some(format!("{what} is {stored} in the books, but {recomputed} recomputed")),
        None => Some(format!("{what} is missing in the books, recomputed it is {recomputed}")),
    }
}

/// An algorithm is called what it calls itself.
fn compare_description(provenance: &Provenance, described: &Described) -> Option<String> {
    let Provenance { name, version, .. } = provenance;
    match described {
        Ok(itself) if (&itself.name, &itself.version) == (name, version) => None,
        Ok(itself) => Some(format!(
            "its algorithm is {name:?} {version:?} in the books, but calls itself {:?} {:?}",
            itself.name, itself.version
        )),
        Err(failure) => Some(format!("its algorithm does not say what it is ({}): {failure}", failure.kind)),
    }
}

/// The same engine counts the same; of another one it is only worth a remark.
fn compare_fuel(provenance: &Provenance, fuel: u64) -> Result<Option<String>, String> {
    let now = Sandbox::engine_version();
    if provenance.engine != now {
        return Err(format!(
            "it was settled by {:?} with {} of fuel, and recomputed by {now:?} with {fuel}: engines count differently",
            provenance.engine, provenance.fuel
        ));
    }
    let differs = provenance.fuel != fuel;
    Ok(differs.then(|| format!("its fuel is {} in the books, but {fuel} recomputed", provenance.fuel)))
}

/// Why there is no result, with the name that programs know.
fn told(reason: &BadResult) -> String {
    match reason {
        BadResult::Failed(failure) => format!("{}: {failure}", failure.kind),
        BadResult::Rejected(violations) => match violations.first() {
            Some(first) => format!("{}: {reason}", first.code()),
            None => reason.to_string(),
        },
        BadResult::Unusable(_) => reason.to_string(),
    }
}

/// The first trade that differs with both its sides, and how many do.
fn compare_trades(stored: &[StoredTrade], recomputed: &[StoredTrade]) -> Option<String> {
    let mut differing = differing(stored, recomputed).into_iter();
    let first = differing.next()?;
    Some(match differing.len() {
        0 => first.words(),
        others => format!("{} (and {others} more)", first.words()),
    })
}

/// A trade that is not the same on both sides.
enum Differing<'t> {
    Changed(&'t StoredTrade, &'t StoredTrade),
    Missing(&'t StoredTrade),
    Extra(&'t StoredTrade),
}

impl Differing<'_> {
    fn words(&self) -> String {
        match self {
            Differing::Changed(stored, recomputed) if shown(stored) == shown(recomputed) => {
                format!("trade {} has the id {} in the books, but {}", stored.number, stored.id, recomputed.id)
            }
            Differing::Changed(stored, recomputed) => {
                format!("trade {} is {} in the books, but {}", stored.number, shown(stored), shown(recomputed))
            }
            Differing::Missing(recomputed) => {
                format!("trade {} is missing in the books: {}", recomputed.number, shown(recomputed))
            }
            Differing::Extra(stored) => {
                format!("trade {} is only in the books: {}", stored.number, shown(stored))
            }
        }
    }
}

fn shown(trade: &StoredTrade) -> String {
    let StoredTrade { seller, buyer, energy, price, .. } = trade;
    format!("{seller} > {buyer}, {energy} at {price}")
}

/// Trades that are on one side only or not the same on both, by number. States and messages are not compared: payment
/// changes them.
fn differing<'t>(stored: &'t [StoredTrade], recomputed: &'t [StoredTrade]) -> Vec<Differing<'t>> {
    let mut differing = Vec::new();
    let mut recomputed = recomputed.iter().peekable();
    for trade in stored {
        while let Some(missing) = recomputed.next_if(|other| other.number < trade.number) {
            differing.push(Differing::Missing(missing));
        }
        match recomputed.next_if(|other| other.number == trade.number) {
            Some(other) if same(trade, other) => {}
            Some(other) => differing.push(Differing::Changed(trade, other)),
            None => differing.push(Differing::Extra(trade)),
        }
    }
    differing.extend(recomputed.map(Differing::Missing));
    differing
}

fn same(a: &StoredTrade, b: &StoredTrade) -> bool {
    (a.id, &a.seller, &a.buyer, a.energy, a.price) == (b.id, &b.seller, &b.buyer, b.energy, b.price)
}
