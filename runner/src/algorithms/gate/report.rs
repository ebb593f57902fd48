//! The findings of the gate, in words for people and figures for programs.

use std::borrow::Cow;

use domain::Digest;
use sandbox::Description;

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
}

impl Report {
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Failed)
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
