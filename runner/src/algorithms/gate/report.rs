//! What the gate found, in words for people and figures for programs.

use std::borrow::Cow;

use domain::Digest;
use sandbox::Description;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What: `component`, `imports`, `describe`, `probe: ties`…
    pub name: Cow<'static, str>,
    /// How it went.
    pub verdict: Verdict,
    /// What was found, in words; where it is wrong, how to mend it.
    pub detail: String,
    /// What was counted or measured, by names that say the unit.
    pub figures: Vec<(&'static str, u64)>,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should.
    Passed,
    /// Not wrong, but good to know.
    Noted,
    /// Refused.
    Failed,
}

impl Verdict {
    /// Its name in reports.
    pub fn code(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Noted => "noted",
            Verdict::Failed => "failed",
        }
    }
}

/// Everything the gate found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order they were made.
    pub checks: Vec<Check>,
    /// What the algorithm says of itself, if it says anything.
    pub description: Option<Description>,
}

impl Report {
    /// Whether nothing failed.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Failed)
    }

    /// What failed, in words; the first few if there are many.
    pub fn reason(&self) -> String {
        const FINDINGS_MAX: usize = 5;
        let failed: Vec<&Check> = self.checks.iter().filter(|check| check.verdict == Verdict::Failed).collect();
        let told: Vec<String> =
            failed.iter().take(FINDINGS_MAX).map(|check| format!("{}: {}", check.name, check.detail)).collect();
        let more = failed.len().saturating_sub(told.len());
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        told.join("; ") + &more
    }

    /// All of it for programs, as one JSON object: what `algorithm check --json` prints and what is kept of an upload.
    pub fn json(&self, algorithm: &str, component: Option<&[u8]>, community: Option<&str>) -> serde_json::Value {
        let check = |check: &Check| {
            let figures = check.figures.iter().map(|(name, figure)| ((*name).to_owned(), (*figure).into()));
            let figures: serde_json::Map<String, serde_json::Value> = figures.collect();
            serde_json::json!({
                "name": check.name,
                "verdict": check.verdict.code(),
                "detail": check.detail,
                "figures": figures,
            })
        };
        let checks: Vec<serde_json::Value> = self.checks.iter().map(check).collect();
        serde_json::json!({
            "passed": self.passed(),
            "algorithm": algorithm,
            "sha256": component.map(|component| Digest::of(component).to_string()),
            "component_bytes": component.map(<[u8]>::len),
            "community": community,
            "checks": checks,
        })
    }

    /// Adds something that was looked at.
    pub fn add(&mut self, name: impl Into<Cow<'static, str>>, verdict: Verdict, detail: impl Into<String>) {
        self.checks.push(Check { name: name.into(), verdict, detail: detail.into(), figures: Vec::new() });
    }

    /// Adds something that is wrong as it says, or else is right and says something else.
    pub(super) fn add_or(&mut self, name: &'static str, wrong: Option<String>, right: impl Into<String>) {
        match wrong {
            Some(wrong) => self.add(name, Verdict::Failed, wrong),
            None => self.add(name, Verdict::Passed, right),
        }
    }

    /// Gives figures to the last check.
    pub(super) fn figures(&mut self, figures: impl IntoIterator<Item = (&'static str, u64)>) {
        if let Some(check) = self.checks.last_mut() {
            check.figures.extend(figures);
        }
    }

    /// Lets the last check fail for one more reason; what was good about it is no longer said.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_passed_fails_for_all_that_is_found_later() {
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
