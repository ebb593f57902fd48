//! The comparison of stored intervals with a second run of their algorithms.
//!
//! The audit verifies that the books balance and match their registers; this verifies that they are what the algorithm
//! decided. Nothing stored is trusted: ids and digests are derived again. Deliberately absent: running the algorithm.

#[cfg(test)]
mod tests;

use domain::{Digest, Round, Settlement};

use crate::interval::{Provenance, StoredInterval};
use crate::trade::{StoredTrade, trades_of};

/// The result of replaying an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The recomputed interval equals the stored one.
    Same,
    /// The recomputed interval differs from the stored one, or could not be recomputed.
    Differs,
    /// No algorithm ran, because no member was read at both ends; everything else equals the stored interval.
    Nothing,
}

impl Verdict {
    /// Returns the verdict's code: a short name for programs that never changes.
    pub fn code(self) -> &'static str {
        match self {
            Verdict::Same => "same",
            Verdict::Differs => "differs",
            Verdict::Nothing => "nothing",
        }
    }
}

/// The comparison of one interval with its second run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Whether the interval is the same.
    pub verdict: Verdict,
    /// Digest computed from the stored round; `None` without a round.
    pub round_digest: Option<Digest>,
    /// Digest of the recomputed trades; `None` without a result.
    pub trades_digest: Option<Digest>,
    /// Fuel that the second run used; `None` if there was none.
    pub fuel: Option<u64>,
    /// What differs, for people.
    pub differences: Vec<String>,
    /// Remarks for people on things that are not differences.
    pub remarks: Vec<String>,
}

/// A second run of a stored round.
#[derive(Clone, Debug)]
pub struct Recomputed {
    /// The checked result, or why there is none.
    pub result: Result<Settlement, NoResult>,
    /// The fuel that the run used, in the engine's units.
    pub fuel: u64,
    /// Name and version of the engine that ran it.
    pub engine: String,
    /// The name and version that the algorithm declares, or why it declares none.
    pub described: Result<(String, String), String>,
}

/// Why the second run gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoResult {
    /// The reason, with its code, for people.
    pub reason: String,
    /// Whether another run may give a result, because this one only missed its deadline on a slow machine.
    pub may_pass: bool,
}

/// Compares a stored interval with a second run of its algorithm, if there was one.
///
/// `problem` says what is wrong with the stored algorithm, if anything is.
pub fn compare(
    community: &str,
    stored: &StoredInterval,
    problem: Option<&str>,
    recomputed: Option<&Recomputed>,
) -> Replay {
    let mut differences = compare_round(community, stored);
    let mut remarks = Vec::new();
    differences.extend(problem.map(str::to_owned));
    if let (Some(provenance), Some(recomputed)) = (&stored.provenance, recomputed) {
        differences.extend(compare_description(provenance, &recomputed.described));
        match compare_fuel(provenance, recomputed) {
            Ok(difference) => differences.extend(difference),
            Err(remark) => remarks.push(remark),
        }
    }
    let settlement = recomputed.and_then(|recomputed| recomputed.result.as_ref().ok());
    match recomputed.map(|recomputed| &recomputed.result) {
        Some(Err(NoResult { reason, may_pass })) => {
            differences.push(format!("recomputing brings no result: {reason}"));
            if *may_pass {
                remarks
                    .push("how long a run takes depends on the machine (try again when it has less to do)".to_owned());
            }
        }
        // There is nothing to compare with.
        None if stored.round.is_some() => {}
        _ => {
            let remark = stored.provenance.as_ref().and_then(Provenance::remark);
            let cleared = settlement.map(|settlement| (settlement, remark));
            let derived = trades_of(community, stored.interval, cleared, &stored.gaps);
            differences.extend(compare_trades(&stored.trades, &derived));
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
        // What was not recomputed is not the same.
        (Some(_), None) => Verdict::Differs,
    };
    Replay {
        verdict,
        round_digest: stored.round.as_ref().map(Round::digest),
        trades_digest: settlement.map(Settlement::digest),
        fuel: recomputed.map(|recomputed| recomputed.fuel),
        differences,
        remarks,
    }
}

/// Compares the round with its digest and its place. Without a round, there must be neither digests nor a provenance.
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

/// Compares the stored name and version with those that the algorithm declares.
fn compare_description(provenance: &Provenance, described: &Result<(String, String), String>) -> Option<String> {
    let Provenance { name, version, .. } = provenance;
    match described {
        Ok((own_name, own_version)) if (own_name, own_version) == (name, version) => None,
        Ok((own_name, own_version)) => Some(format!(
            "its algorithm is {name:?} {version:?} in the books, but calls itself {own_name:?} {own_version:?}"
        )),
        Err(reason) => Some(format!("its algorithm does not say what it is ({reason})")),
    }
}

/// Compares the fuel. `Err` is a remark: different engines count differently, so a difference between them proves
/// nothing.
fn compare_fuel(provenance: &Provenance, recomputed: &Recomputed) -> Result<Option<String>, String> {
    let Recomputed { fuel, engine, .. } = recomputed;
    if provenance.engine != *engine {
        return Err(format!(
            "it was settled by {:?} with {} of fuel, and recomputed by {engine:?} with {fuel}: engines count differently",
            provenance.engine, provenance.fuel
        ));
    }
    let differs = provenance.fuel != *fuel;
    Ok(differs.then(|| format!("its fuel is {} in the books, but {fuel} recomputed", provenance.fuel)))
}

/// Describes the first trade that differs, with both sides, and how many others differ.
fn compare_trades(stored: &[StoredTrade], recomputed: &[StoredTrade]) -> Option<String> {
    let mut differing = differing(stored, recomputed).into_iter();
    let first = differing.next()?;
    Some(match differing.len() {
        0 => first.describe(),
        others => format!("{} (and {others} more)", first.describe()),
    })
}

/// A trade that is not the same on both sides.
enum Differing<'t> {
    Changed(&'t StoredTrade, &'t StoredTrade),
    Missing(&'t StoredTrade),
    Extra(&'t StoredTrade),
}

impl Differing<'_> {
    fn describe(&self) -> String {
        match self {
            Differing::Changed(stored, recomputed) if trade_text(stored) == trade_text(recomputed) => {
                format!("trade {} has the id {} in the books, but {}", stored.number, stored.id, recomputed.id)
            }
            Differing::Changed(stored, recomputed) => {
                format!(
                    "trade {} is {} in the books, but {}",
                    stored.number,
                    trade_text(stored),
                    trade_text(recomputed)
                )
            }
            Differing::Missing(recomputed) => {
                format!("trade {} is missing in the books: {}", recomputed.number, trade_text(recomputed))
            }
            Differing::Extra(stored) => {
                format!("trade {} is only in the books: {}", stored.number, trade_text(stored))
            }
        }
    }
}

fn trade_text(trade: &StoredTrade) -> String {
    let StoredTrade { seller, buyer, energy, price, .. } = trade;
    format!("{seller} > {buyer}, {energy} at {price}")
}

/// Finds the trades that are on one side only or differ, by number. States and messages are not compared, because
/// payment changes them.
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
