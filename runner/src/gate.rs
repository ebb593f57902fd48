//! The gate: what an algorithm must pass before anybody settles with it. Complete: every finding, not the first.

use std::borrow::Cow;
use std::sync::Arc;

use domain::round::{PriceLimits, Terms};
use domain::settlement::trades_max_default;
use domain::{Boundary, Energy, Interval, IntervalLength, Position, Price, Round, Settlement, Tariff, Trade};
use sandbox::{Algorithm, Description, Limits, LoadError, SandboxError};

/// Longest name and version of an algorithm, in characters.
const NAME_CHARS_MAX: usize = 64;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What: `component`, `imports`, `describe`, `probe: ties`…
    pub name: Cow<'static, str>,
    /// How it went.
    pub verdict: Verdict,
    /// What was found, in words.
    pub detail: String,
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
}

impl Report {
    /// Whether nothing failed.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Failed)
    }

    fn add(&mut self, name: impl Into<Cow<'static, str>>, verdict: Verdict, detail: impl Into<String>) {
        self.checks.push(Check { name: name.into(), verdict, detail: detail.into() });
    }
}

/// Puts the result of loading a component, and then the component itself, through the gate.
///
/// # Errors
/// Only if the machine fails.
pub fn examine(loaded: Result<Algorithm, LoadError>, limits: &Limits) -> Result<Report, SandboxError> {
    let mut report = Report::default();
    let algorithm = match loaded {
        Ok(algorithm) => algorithm,
        Err(LoadError::Sandbox(error)) => return Err(error),
        Err(error) => {
            let name = match error {
                LoadError::Empty | LoadError::TooLarge { .. } => "size",
                LoadError::Imports(_) => "imports",
                LoadError::WrongWorld(_) => "world",
                LoadError::CompileLimit { .. } => "compile",
                _ => "component",
            };
            report.add(name, Verdict::Failed, error.to_string());
            return Ok(report);
        }
    };
    report.add("size", Verdict::Passed, format!("{} bytes", algorithm.component_bytes()));
    report.add("component", Verdict::Passed, format!("sha256:{}", algorithm.digest()));
    report.add("world", Verdict::Passed, "rec:market/algorithm@1.0.0");
    let imports = if algorithm.imports_wasi() { "only the inert part of WASI" } else { "none" };
    report.add("imports", Verdict::Passed, imports);
    match algorithm.describe(limits.budget(0))? {
        Ok(description) => examine_description(&description, &mut report),
        Err(failure) => report.add("describe", Verdict::Failed, failure.to_string()),
    }
    for probe in probes() {
        examine_probe(&algorithm, limits, probe, &mut report)?;
    }
    Ok(report)
}

fn examine_description(description: &Description, report: &mut Report) {
    let Description { name, version, summary, settings } = description;
    let mut wrong = Vec::new();
    for (what, text) in [("name", name), ("version", version)] {
        let length = text.chars().count();
        if text.trim().is_empty() || length > NAME_CHARS_MAX || text.chars().any(char::is_control) {
            wrong.push(format!("{what} {text:?} must have 1 to {NAME_CHARS_MAX} characters"));
        }
    }
    if summary.trim().is_empty() {
        wrong.push("summary is empty (say the rule in one sentence)".to_owned());
    }
    for (index, setting) in settings.iter().enumerate() {
        if setting.key.is_empty() || settings[..index].iter().any(|other| other.key == setting.key) {
            wrong.push(format!("setting {:?} must have a key of its own", setting.key));
        }
    }
    if wrong.is_empty() {
        report.add("describe", Verdict::Passed, format!("{name} {version}: {summary}"));
    } else {
        report.add("describe", Verdict::Failed, wrong.join("; "));
    }
}

/// A round that every algorithm must clear.
struct Probe {
    name: &'static str,
    round: Arc<Round>,
    /// Whether a community would have to do something unusual for it to matter.
    advisory: bool,
}

fn examine_probe(
    algorithm: &Algorithm,
    limits: &Limits,
    probe: Probe,
    report: &mut Report,
) -> Result<(), SandboxError> {
    let Probe { name, round, advisory } = probe;
    let budget = limits.budget(round.positions().len());
    let name = format!("probe: {name}");
    let failed = if advisory { Verdict::Noted } else { Verdict::Failed };
    let first = algorithm.clear(&round, budget)?;
    let trades = match first.result {
        Ok(trades) => trades,
        // Once is enough: what uses up all its fuel would do so for minutes.
        Err(failure) => {
            report.add(name, failed, format!("{}: {failure}", failure.kind));
            return Ok(());
        }
    };
    let second = algorithm.clear(&round, budget)?;
    if second.result.as_ref() != Ok(&trades) {
        report.add(name, Verdict::Failed, "two runs on the same round gave different answers");
        return Ok(());
    }
    if first.usage.fuel != second.usage.fuel {
        report.add(name, Verdict::Failed, "two runs on the same round used different fuel");
        return Ok(());
    }
    let usage = first.usage;
    match checked(&round, trades) {
        Ok(1) => report.add(name, Verdict::Passed, format!("1 trade, {usage}")),
        Ok(trades) => report.add(name, Verdict::Passed, format!("{trades} trades, {usage}")),
        Err(reason) => report.add(name, failed, reason),
    }
    Ok(())
}

/// How many trades there are, or what is wrong with them.
fn checked(round: &Arc<Round>, trades: Vec<Trade>) -> Result<usize, String> {
    let most = trades_max_default(round.positions().len());
    match Settlement::check(Arc::clone(round), trades, most) {
        Ok(settlement) => Ok(settlement.trades().len()),
        Err(violations) => {
            let shown: Vec<String> =
                violations.iter().take(3).map(|violation| format!("{}: {violation}", violation.code())).collect();
            let more = violations.len().saturating_sub(shown.len());
            let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
            Err(shown.join("; ") + &rest)
        }
    }
}

/// 2023-09-01T12:00:00Z, the example of the documentation.
const START: u64 = 1_693_569_600;
const RETAIL: i64 = 162_400;
const FEED_IN: i64 = 30_000;

fn probes() -> Vec<Probe> {
    let at_tariff = |surplus, deficit| (surplus, deficit, FEED_IN, RETAIL);
    let most = u64::MAX;
    let mut probes = vec![
        probe("empty", vec![]),
        probe("one member", vec![at_tariff(1500, 0)]),
        probe("all surplus", (1..6).map(|n| at_tariff(100 * n + 33, 0)).collect()),
        probe("all deficit", (1..6).map(|n| at_tariff(0, 100 * n + 33)).collect()),
        probe("exact balance", vec![at_tariff(700, 0), at_tariff(300, 0), at_tariff(0, 400), at_tariff(0, 600)]),
        probe(
            "ties",
            (0..12).map(|n| if n % 3 == 0 { (7, 0, 50_000, 50_000) } else { (0, 5, 50_000, 50_000) }).collect(),
        ),
        probe("zeros", (0..4).map(|_| at_tariff(0, 0)).collect()),
        probe("no prices cross", vec![(1000, 0, 200_000, 210_000), (0, 1000, 10_000, 20_000)]),
        probe("both at once", vec![at_tariff(500, 300), at_tariff(0, 400), at_tariff(200, 200)]),
        probe("negative prices", vec![(900, 0, -50_000, -10_000), (0, 800, -60_000, -20_000), (0, 1, 0, 0)]),
        probe(
            "extreme values",
            vec![
                (most, 0, i64::MIN, i64::MAX),
                (most, 0, i64::MAX, i64::MIN),
                (0, most, i64::MIN, i64::MAX),
                (0, 1, i64::MAX, i64::MAX),
            ],
        ),
        probe("many members", (0..1000).map(drawn).collect()),
    ];
    let limits = PriceLimits::new(Some(Price::from_micro_eur(100_000)), Some(Price::from_micro_eur(110_000)));
    let positions = vec![at_tariff(900, 0), at_tariff(0, 700), at_tariff(0, 700)];
    probes.push(Probe { name: "price limits", round: round(limits.unwrap_or_default(), positions), advisory: true });
    probes
}

/// A member of a large community: not random, but nobody would notice.
fn drawn(number: u64) -> (u64, u64, i64, i64) {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let energy = mixed % 4000;
    let price = i64::try_from(mixed % 130_000).unwrap_or(0) + FEED_IN;
    if mixed & (1 << 40) == 0 { (energy, 0, price, RETAIL) } else { (0, energy, FEED_IN, price) }
}

fn probe(name: &'static str, positions: Vec<(u64, u64, i64, i64)>) -> Probe {
    Probe { name, round: round(PriceLimits::default(), positions), advisory: false }
}

/// A round of positions as (surplus, deficit, offer, bid).
fn round(limits: PriceLimits, positions: Vec<(u64, u64, i64, i64)>) -> Arc<Round> {
    let tariff = Tariff { retail: Price::from_micro_eur(RETAIL), feed_in: Price::from_micro_eur(FEED_IN) };
    let start = Boundary::from_seconds(START);
    let interval = start.and_then(|start| Interval::starting(start, IntervalLength::QUARTER_HOUR));
    let positions = positions.into_iter().enumerate().map(|(number, (surplus, deficit, offer, bid))| Position {
        #[allow(clippy::expect_used, reason = "OK because the name is a letter and digits")]
        member: format!("m{number:04}").parse().expect("a plain name is a member's"),
        surplus: Energy::from_wh(surplus),
        deficit: Energy::from_wh(deficit),
        offer: Price::from_micro_eur(offer),
        bid: Price::from_micro_eur(bid),
        tariff,
        share: 0,
        rank: 0,
    });
    #[allow(clippy::expect_used, reason = "OK because START is a constant within range and the names differ")]
    let round = Round::new(
        Terms {
            community: "probe".to_owned(),
            interval: interval.expect("a constant start is an interval's"),
            tariff,
            limits,
            seed: 7,
            settings: Vec::new(),
        },
        positions.collect(),
    )
    .expect("probes are rounds");
    Arc::new(round)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_have_names_of_their_own() {
        let mut names: Vec<_> = probes().into_iter().map(|probe| probe.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), probes().len());
    }

    #[test]
    fn a_description_is_looked_at_whole() {
        let mut report = Report::default();
        let setting = |key: &str| sandbox::Setting { key: key.to_owned(), ..sandbox::Setting::default() };
        let description = Description { settings: vec![setting("a"), setting("a")], ..Description::default() };
        examine_description(&description, &mut report);
        let detail = &report.checks[0].detail;
        assert!(!report.passed());
        for part in ["name \"\"", "version \"\"", "summary", "setting \"a\""] {
            assert!(detail.contains(part), "{part}: {detail}");
        }
    }
}
