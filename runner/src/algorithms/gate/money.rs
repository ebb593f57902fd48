//! What a candidate would mean for members' money: run on the rounds that a community settled last, beside what settled
//! them and beside the grid alone.

use std::fmt::Write as _;
use std::sync::Arc;

use books::Comparison;
use domain::Amount;
use domain::round::InvalidRound;
use sandbox::{BadResult, SandboxError};

use super::report::worse_in_words;
use super::{Candidate, CommunityTerms, Gate, Report, Verdict, explained};

/// Why a candidate is not compared.
enum NotCompared {
    /// Its result on this round is no settlement.
    Round(String, BadResult),
    /// A round is none with these settings; no configuration has them.
    Terms(InvalidRound),
}

impl Gate<'_> {
    /// Shows the money: for the community for which the algorithm is examined, where it must clear all rounds, and for the
    /// others.
    pub(super) fn examine_money(&self, candidate: &Candidate, report: &mut Report) -> Result<(), SandboxError> {
        // Nobody will settle with it, and one that fails may take long to do so.
        if !report.passed() {
            return Ok(());
        }
        if let Some(terms) = self.terms.as_ref().filter(|terms| !terms.recent.is_empty()) {
            match self.compare_with(candidate, terms, &terms.settings)? {
                Ok(comparison) => {
                    report.add_money("money", &comparison);
                    report.comparison = Some(comparison);
                }
                Err(reason) => report.add("money", Verdict::Failed, reason.to_string()),
            }
        }
        for terms in self.others.iter().filter(|terms| !terms.recent.is_empty()) {
            let name = format!("money: {}", terms.name);
            let known = report.description.iter().flat_map(|description| &description.settings);
            let known: Vec<_> = known.map(|setting| setting.key.clone()).collect();
            // What it does not know is another algorithm's.
            let settings: Vec<_> = terms.settings.iter().filter(|(key, _)| known.contains(key)).cloned().collect();
            match self.compare_with(candidate, terms, &settings)? {
                Ok(comparison) => report.add_money(name, &comparison),
                Err(reason) => {
                    report.add(name, Verdict::Noted, format!("it could not settle {}: {reason}", terms.name))
                }
            }
        }
        Ok(())
    }

    /// Runs the candidate once on each of the rounds that a community settled last, until one fails.
    fn compare_with(
        &self,
        candidate: &Candidate,
        terms: &CommunityTerms,
        settings: &[(String, String)],
    ) -> Result<Result<Comparison, NotCompared>, SandboxError> {
        let mut comparison = Comparison::default();
        for stored in &terms.recent {
            let Some(round) = &stored.round else { continue };
            let round = match terms.today(round, settings) {
                Ok(round) => candidate.limited(Arc::new(round)),
                Err(error) => return Ok(Err(NotCompared::Terms(error))),
            };
            let budget = self.limits.budget(round.positions().len());
            match candidate.usual.run_and_check(&round, budget)?.result {
                Ok(settlement) => comparison.add(stored, &settlement),
                Err(bad) => return Ok(Err(NotCompared::Round(stored.interval.to_string(), bad))),
            }
        }
        Ok(Ok(comparison))
    }
}

impl std::fmt::Display for NotCompared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotCompared::Round(interval, bad) => write!(f, "on the round of {interval}: {}", explained(bad)),
            NotCompared::Terms(error) => error.fmt(f),
        }
    }
}

impl Report {
    /// Adds what a comparison shows, in one sentence.
    fn add_money(&mut self, name: impl Into<std::borrow::Cow<'static, str>>, comparison: &Comparison) {
        let worse = comparison.worse_than_grid();
        let verdict = if worse.is_empty() { Verdict::Passed } else { Verdict::Noted };
        self.add(name, verdict, in_words(comparison));
        self.figures([
            ("intervals", comparison.intervals),
            ("members", comparison.members.len() as u64),
            ("worse_than_grid", worse.len() as u64),
        ]);
    }
}

/// A comparison as a sentence.
fn in_words(comparison: &Comparison) -> String {
    let amount = |nano_eur| Amount::from_nano_eur(nano_eur).to_string();
    let mut text = format!("over the last {} rounds", comparison.intervals);
    match (comparison.prices, comparison.settled_prices) {
        (None, _) => text += " nobody would trade here",
        (Some((lowest, highest)), settled) => {
            let _ = write!(text, " prices here would be {lowest} to {highest}");
            let _ = match settled {
                Some((lowest, highest)) => write!(text, " (they were {lowest} to {highest})"),
                None => write!(text, " (nobody traded here)"),
            };
        }
    }
    let _ = write!(text, "; the operator would gain {}", amount(comparison.operator.candidate.balance()));
    let _ = write!(text, " (it gained {})", amount(comparison.operator.settled.balance()));
    match worse_in_words(comparison) {
        Some(worse) => text + "; " + &worse,
        None => text + "; nobody would be worse off than with the grid alone",
    }
}

#[cfg(test)]
mod tests {
    use books::comparison::{Beside, Flow};
    use domain::Price;

    use super::*;

    #[test]
    fn a_comparison_is_told_in_one_sentence() {
        let price = |micro_eur| Price::from_micro_eur(micro_eur);
        let mut comparison = Comparison { intervals: 96, ..Comparison::default() };
        assert_eq!(
            in_words(&comparison),
            "over the last 96 rounds nobody would trade here; the operator would gain 0.000000000 EUR (it gained \
             0.000000000 EUR); nobody would be worse off than with the grid alone"
        );
        comparison.prices = Some((price(-5), price(162_400)));
        comparison.operator.candidate = Flow { paid: 1, received: 2_000_000_001 };
        for number in 0..7 {
            let grid_alone = Flow { paid: 0, received: number };
            let beside = Beside { grid_alone, ..Beside::default() };
            comparison.members.insert(format!("m{number}").parse().unwrap(), beside);
        }
        assert_eq!(
            in_words(&comparison),
            "over the last 96 rounds prices here would be -5 µEUR/kWh to 162400 µEUR/kWh (nobody traded here); the \
             operator would gain 2.000000000 EUR (it gained 0.000000000 EUR); worse off than with the grid alone would be \
             m6, m5, m4, m3, m2 and 1 more (6 of 7 members)"
        );
        comparison.settled_prices = Some((price(1), price(2)));
        assert!(in_words(&comparison).contains("(they were 1 µEUR/kWh to 2 µEUR/kWh)"));
    }
}
