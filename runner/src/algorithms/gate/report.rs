//! The findings of the gate, in words for people and figures for programs.

use std::borrow::Cow;
use std::sync::Arc;

use books::Comparison;
use books::comparison::Flow;
use domain::{Digest, Price, Round};
use sandbox::Description;
use serde_json::{Value, json};

/// Number of members that a text names.
const NAMED_MAX: usize = 5;

/// Number of members whose money a report lists; it goes over the wire in one message. Those that lose most come first.
const MEMBERS_LISTED: usize = 2000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Such as `component`, `imports`, `describe`, `probe: ties`.
    pub name: Cow<'static, str>,
    pub verdict: Verdict,
    /// The finding in words; if it is wrong, with a way to fix it.
    pub detail: String,
    /// Counts and measurements, with names that say the unit.
    pub figures: Vec<(&'static str, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// Not wrong, but worth knowing.
    Noted,
    Failed,
}

impl Verdict {
    pub fn code(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Noted => "noted",
            Verdict::Failed => "failed",
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Report {
    pub checks: Vec<Check>,
    /// The algorithm's description, if `describe` worked.
    pub description: Option<Description>,
    /// What the probes were drawn from, if there were any.
    pub seed: Option<u64>,
    /// The rounds of the probes that were run, in the order of their checks.
    pub rounds: Vec<Arc<Round>>,
    /// What the algorithm would have meant for the money of the community for which it was examined.
    pub comparison: Option<Comparison>,
}

impl Report {
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Failed)
    }

    /// Who would be worse off than with the grid alone, in words; none if nobody would, or if that was not compared.
    pub fn worse_than_grid(&self) -> Option<String> {
        self.comparison.as_ref().and_then(worse_in_words)
    }

    /// The first few failures in words.
    pub fn reason(&self) -> String {
        const FINDINGS_MAX: usize = 5;
        let failed: Vec<&Check> = self.checks.iter().filter(|check| check.verdict == Verdict::Failed).collect();
        let listed: Vec<String> =
            failed.iter().take(FINDINGS_MAX).map(|check| format!("{}: {}", check.name, check.detail)).collect();
        let more = failed.len().saturating_sub(listed.len());
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        listed.join("; ") + &more
    }

    /// The report as one JSON object: what `algorithm check --json` prints, and what is stored of an upload.
    pub fn json(&self, algorithm: &str, component: Option<&[u8]>, community: Option<&str>) -> Value {
        let check = |check: &Check| {
            let figures = check.figures.iter().map(|(name, figure)| ((*name).to_owned(), (*figure).into()));
            let figures: serde_json::Map<String, Value> = figures.collect();
            json!({
                "name": check.name,
                "verdict": check.verdict.code(),
                "detail": check.detail,
                "figures": figures,
            })
        };
        let checks: Vec<Value> = self.checks.iter().map(check).collect();
        json!({
            "passed": self.passed(),
            "algorithm": algorithm,
            "sha256": component.map(|component| Digest::of(component).to_string()),
            "component_bytes": component.map(<[u8]>::len),
            "community": community,
            "checks": checks,
            "seed": self.seed,
            "comparison": self.comparison.as_ref().map(comparison),
        })
    }

    pub fn add(&mut self, name: impl Into<Cow<'static, str>>, verdict: Verdict, detail: impl Into<String>) {
        self.checks.push(Check { name: name.into(), verdict, detail: detail.into(), figures: Vec::new() });
    }

    /// Adds a check that failed with `wrong`, or else passed with `right`.
    pub(super) fn add_or(&mut self, name: &'static str, wrong: Option<String>, right: impl Into<String>) {
        match wrong {
            Some(wrong) => self.add(name, Verdict::Failed, wrong),
            None => self.add(name, Verdict::Passed, right),
        }
    }

    /// Adds figures to the last check.
    pub(super) fn figures(&mut self, figures: impl IntoIterator<Item = (&'static str, u64)>) {
        if let Some(check) = self.checks.last_mut() {
            check.figures.extend(figures);
        }
    }

    /// Makes the last check fail for one more reason, which replaces the detail of a check that had passed.
    pub(super) fn fail(&mut self, reason: &str) {
        let Some(check) = self.checks.last_mut() else { return };
        match check.verdict {
            Verdict::Passed => check.detail = reason.to_owned(),
            Verdict::Noted | Verdict::Failed => {
                check.detail.push_str("; ");
                check.detail.push_str(reason);
            }
        }
        check.verdict = Verdict::Failed;
    }
}

/// Who would be worse off than with the grid alone, for people; none if nobody would.
pub(super) fn worse_in_words(comparison: &Comparison) -> Option<String> {
    let worse = comparison.worse_than_grid();
    let named: Vec<String> = worse.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let more = match worse.len().saturating_sub(named.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (count, members) = (worse.len(), comparison.members.len());
    let who = format!("worse off than with the grid alone would be {}{more}", named.join(", "));
    (count > 0).then(|| format!("{who} ({count} of {members} members)"))
}

/// A comparison for programs. Money is in nEUR, prices in µEUR/kWh.
fn comparison(comparison: &Comparison) -> Value {
    let price = |price: Option<Price>| price.map(Price::micro_eur);
    let (prices, settled) = (comparison.prices, comparison.settled_prices);
    let flow = |Flow { paid, received }: Flow| (number(paid), number(received));
    let mut members: Vec<_> = comparison.members.iter().collect();
    members.sort_by_key(|(_, beside)| beside.candidate.balance().saturating_sub(beside.grid_alone.balance()));
    let left_off = members.len().saturating_sub(MEMBERS_LISTED);
    members.truncate(MEMBERS_LISTED);
    let member = |(member, beside): &(&domain::MemberId, &books::comparison::Beside)| {
        let [candidate, settled, grid] = [beside.candidate, beside.settled, beside.grid_alone].map(flow);
        json!({
            "member": member.as_str(),
            "paid": candidate.0, "received": candidate.1,
            "settled_paid": settled.0, "settled_received": settled.1,
            "grid_paid": grid.0, "grid_received": grid.1,
        })
    };
    let operator = [comparison.operator.candidate, comparison.operator.settled].map(flow);
    json!({
        "from": comparison.span.map(|(from, _)| from.to_string()),
        "until": comparison.span.map(|(_, until)| until.to_string()),
        "intervals": comparison.intervals,
        "lowest_price": price(prices.map(|prices| prices.0)),
        "highest_price": price(prices.map(|prices| prices.1)),
        "settled_lowest_price": price(settled.map(|prices| prices.0)),
        "settled_highest_price": price(settled.map(|prices| prices.1)),
        "operator": {
            "paid": operator[0].0, "received": operator[0].1,
            "settled_paid": operator[1].0, "settled_received": operator[1].1,
        },
        "worse_than_grid": comparison.worse_than_grid().len(),
        "members": members.iter().map(member).collect::<Vec<_>>(),
        "members_left_off": left_off,
    })
}

/// A number, or a text if it needs more than 64 bits.
fn number(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| number.to_string().into(), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passed_check_fails_for_every_later_finding() {
        let mut report = Report::default();
        report.add("probe: ties", Verdict::Passed, "3 trades");
        report.figures([("fuel", 7)]);
        report.fail("one");
        report.fail("two");
        assert_eq!((report.checks[0].verdict, report.checks[0].detail.as_str()), (Verdict::Failed, "one; two"));
        report.add("probe: price limits", Verdict::Noted, "price-floor");
        report.fail("one");
        assert_eq!((report.checks[1].verdict, report.checks[1].detail.as_str()), (Verdict::Failed, "price-floor; one"));
        assert_eq!((report.checks[0].figures.as_slice(), report.passed()), (&[("fuel", 7)][..], false));
    }
}
