//! The gate: the checks that an algorithm must pass before anybody settles with it. It reports all findings, not only the first.
//!
//! The gate inspects what a component is, imports and declares, and then compiles it. Then it runs each probe twice on the
//! settling engine and twice on one that generates other code; all runs must have the same trades and the same fuel. At
//! last it shows what an algorithm would mean for members' money, on the rounds that communities settled last.

mod compare;
mod draw;
mod money;
mod probes;
mod recent;
mod report;
mod words;

use std::sync::Arc;

use books::StoredInterval;
use domain::Round;
use domain::round::PriceLimits;
use sandbox::{
    Algorithm, COMPONENT_BYTES_MAX, CheckedRun, Declared, Description, FailureKind, Inspection, Limits, LoadError,
    Part, Run, Sandbox, SandboxError,
};

use super::limits::limited;
use base::{NAME_RULE, VERSION_RULE, is_name, is_version};
use compare::differences;
pub use draw::draw_seed;
use probes::{Probe, probes};
pub use recent::recent;
pub use report::{Check, Report, Verdict};
use words::{explained, way_out};

/// How much fuel, or time in ns, probes may exhaust before the remaining ones are skipped: about four times the default limit.
/// Each such probe takes a second or more, and there are thirty.
const WASTE_MAX: u64 = 2_000_000_000;
/// How many times longer unoptimised code may take. Fuel is the actual limit, time only a backstop.
const UNOPTIMISED_FACTOR: u32 = 10;

/// The engines and conditions under which algorithms are examined.
pub struct Gate<'g> {
    /// Runs as settlement does.
    pub usual: &'g Sandbox,
    /// Generates other code, for comparison.
    pub checking: &'g Sandbox,
    pub limits: Limits,
    /// What the probes are drawn from; the same seed draws the same ones.
    pub seed: u64,
    /// What the community expects for which the algorithm is examined, if any.
    pub terms: Option<CommunityTerms>,
    /// Communities on whose rounds the algorithm is tried for information only.
    pub others: Vec<CommunityTerms>,
}

/// What a community expects of its algorithm.
#[derive(Clone, Debug, Default)]
pub struct CommunityTerms {
    pub name: String,
    pub settings: Vec<(String, String)>,
    /// The community's own limits on prices between members.
    pub price_limits: PriceLimits,
    /// The intervals that it settled last, the oldest first.
    pub recent: Vec<StoredInterval>,
}

/// A loaded algorithm on both engines.
struct Candidate {
    usual: Algorithm,
    /// None if it does not compile for that engine, which is reported.
    checking: Option<Algorithm>,
}

impl Candidate {
    /// A round as the candidate would settle it.
    fn limited(&self, round: Arc<Round>) -> Arc<Round> {
        limited(round, &self.usual.digest())
    }
}

/// The report on a component that is too large to be read.
pub fn refuse_unread(error: &LoadError) -> Report {
    let mut report = Report::default();
    report.add("size", Verdict::Failed, error.to_string());
    report
}

impl Gate<'_> {
    /// Examines a component; `is_own` if it is a base algorithm.
    ///
    /// # Errors
    /// Only if the sandbox fails.
    pub fn examine(&self, component: &[u8], is_own: bool) -> Result<Report, SandboxError> {
        let mut report = Report::default();
        let inspect = |sandbox: &Sandbox| match is_own {
            true => sandbox.inspect_own(component),
            false => sandbox.inspect(component),
        };
        let mut found = inspect(self.usual)?;
        let loaded = found.algorithm.take();
        let checking = if loaded.is_some() { Some(inspect(self.checking)?) } else { None };
        self.report_file(component, loaded.as_ref(), &found, checking.as_ref(), &mut report);
        let Some(usual) = loaded else {
            if found.declared.is_some() {
                let reason = "not asked and not run, because of what is refused above (mend that, and check again)";
                report.add("probes", Verdict::Noted, reason);
            }
            return Ok(report);
        };
        let candidate = Candidate { usual, checking: checking.and_then(|checking| checking.algorithm) };
        self.examine_description(&candidate, &mut report)?;
        self.examine_probes(&candidate, |_| true, &mut report)?;
        self.examine_money(&candidate, &mut report)?;
        Ok(report)
    }

    /// Reports what the file itself shows.
    fn report_file(
        &self,
        component: &[u8],
        loaded: Option<&Algorithm>,
        found: &Inspection,
        checking: Option<&Inspection>,
        report: &mut Report,
    ) {
        let refusal = |name| found.refusals.iter().find(|error| check_of(error) == name).map(LoadError::to_string);
        let bytes = component.len() as u64;
        report.add_or("size", refusal("size"), format!("{bytes} bytes"));
        report.figures([("component_bytes", bytes), ("component_bytes_max", COMPONENT_BYTES_MAX)]);
        if !report.passed() {
            return;
        }
        report.add_or("component", refusal("component"), format!("sha256:{}", domain::Digest::of(component)));
        let Some(declared) = &found.declared else { return };
        if found.compiled || refusal("world").is_some() {
            report.add_or("world", refusal("world"), "rec:market/algorithm@1.0.0");
        }
        if let Some(reason) = refusal("strings") {
            report.add("strings", Verdict::Failed, reason);
        }
        let imports = match loaded {
            Some(algorithm) if !algorithm.imports_wasi() => "none",
            Some(_) => "only the inert part of WASI",
            None => "none that is refused",
        };
        report.add_or("imports", refusal("imports"), imports);
        let fits = self.report_declared(declared, report);
        match (refusal("compile"), checking.and_then(|checking| checking.refusals.first())) {
            (Some(reason), _) => report.add("compile", Verdict::Failed, reason),
            (None, Some(reason)) => {
                report.add(
                    "compile",
                    Verdict::Failed,
                    format!("without optimisation, as the gate does to compare: {reason}"),
                );
            }
            (None, None) if found.compiled => report.add("compile", Verdict::Passed, "for both engines, within limits"),
            (None, None) if !fits => {
                let reason = "not tried: it declares more than an engine has room for (mend that, and check again)";
                report.add("compile", Verdict::Noted, reason);
            }
            (None, None) if refusal("imports").or(refusal("world")).is_some() => {
                let reason = "not tried, because of what it imports (mend that, and check again)";
                report.add("compile", Verdict::Noted, reason);
            }
            (None, None) => {}
        }
    }

    /// Reports what a component declares; returns whether it is within the limits of the engine.
    fn report_declared(&self, declared: &Declared, report: &mut Report) -> bool {
        let memory_bytes_max = self.limits.budget(0).memory_bytes;
        let excesses = declared.excesses(memory_bytes_max);
        let excess = |parts: &[Part]| {
            let found = excesses.iter().filter(|excess| parts.contains(&excess.part)).map(ToString::to_string);
            Some(found.collect::<Vec<_>>().join("; ")).filter(|found| !found.is_empty())
        };
        let Declared { instances, memories, tables, table_elements, memory_bytes, instance_bytes } = *declared;
        let [memories_max, tables_max, table_elements_max, instances_max, instance_bytes_max] =
            declared.counts().map(|(_, _, limit)| limit);
        report.add_or(
            "memory",
            excess(&[Part::MemoryBytes, Part::TotalBytes, Part::Memories]),
            format!("{memory_bytes} bytes from the start, {memories} of at most {memories_max} memories"),
        );
        report.figures([
            ("declared_bytes", memory_bytes),
            ("declared_bytes_max", memory_bytes_max),
            ("memories", memories),
            ("memories_max", memories_max),
        ]);
        report.add_or(
            "tables",
            excess(&[Part::Tables, Part::TableElements]),
            format!("{tables} of at most {tables_max}, the largest with {table_elements} elements"),
        );
        report.figures([
            ("tables", tables),
            ("tables_max", tables_max),
            ("table_elements", table_elements),
            ("table_elements_max", table_elements_max),
        ]);
        report.add_or(
            "instances",
            excess(&[Part::Instances, Part::InstanceBytes]),
            format!("{instances} of at most {instances_max}, with {instance_bytes} bytes"),
        );
        report.figures([
            ("instances", instances),
            ("instances_max", instances_max),
            ("instance_bytes", instance_bytes),
            ("instance_bytes_max", instance_bytes_max),
        ]);
        excesses.iter().all(|excess| matches!(excess.part, Part::MemoryBytes | Part::TotalBytes))
    }

    /// Examines an already accepted component for a community: with its settings and its latest rounds.
    ///
    /// # Errors
    /// Only if the sandbox fails.
    pub fn examine_for(&self, component: &[u8]) -> Result<Report, SandboxError> {
        let mut report = Report::default();
        let [usual, checking] = [self.usual, self.checking].map(|sandbox| sandbox.load(component));
        let usual = match usual {
            Ok(usual) => usual,
            Err(LoadError::Sandbox(error)) => return Err(error),
            Err(error) => {
                report.add("compile", Verdict::Failed, error.to_string());
                return Ok(report);
            }
        };
        let candidate = Candidate { usual, checking: checking.ok() };
        self.examine_description(&candidate, &mut report)?;
        self.examine_probes(&candidate, |probe| probe.is_recent, &mut report)?;
        self.examine_money(&candidate, &mut report)?;
        Ok(report)
    }

    fn examine_description(&self, candidate: &Candidate, report: &mut Report) -> Result<(), SandboxError> {
        let budget = self.limits.budget(0);
        let description = match candidate.usual.describe(budget)? {
            Ok(description) => description,
            Err(failure) => {
                report.add("describe", Verdict::Failed, format!("{failure}{}", way_out(failure.kind)));
                return Ok(());
            }
        };
        report.add_description(&description);
        if let Some(checking) = &candidate.checking {
            let unoptimised = sandbox::Budget { time: budget.time.saturating_mul(UNOPTIMISED_FACTOR), ..budget };
            if checking.describe(unoptimised)?.as_ref() != Ok(&description) {
                report.fail("it says something else of itself on an engine that does not optimise");
            }
        }
        if let Some(terms) = &self.terms {
            report.add_settings(&description, &terms.settings);
        }
        Ok(())
    }

    /// Runs the wanted probes, until too many have exhausted their limits.
    fn examine_probes(
        &self,
        candidate: &Candidate,
        wanted: impl Fn(&Probe) -> bool,
        report: &mut Report,
    ) -> Result<(), SandboxError> {
        let probes = match probes(self.seed, self.terms.as_ref()) {
            Ok(probes) => probes,
            // Only for two settings with the same key, which no configuration has.
            Err(error) => {
                report.add("probes", Verdict::Failed, error.to_string());
                return Ok(());
            }
        };
        report.seed = Some(self.seed);
        let (mut wasted, mut left) = (0_u64, 0);
        for probe in probes.into_iter().filter(wanted) {
            if wasted < WASTE_MAX {
                wasted = wasted.saturating_add(self.examine_probe(candidate, probe, report)?);
            } else {
                left += 1;
            }
        }
        if left > 0 {
            let reason = format!("{left} more are not tried: those above used up all their fuel or time");
            report.add("other probes", Verdict::Noted, format!("{reason} (mend that, and check again)"));
        }
        Ok(())
    }

    /// Returns the exhausted fuel or time, or 0.
    fn examine_probe(
        &self,
        candidate: &Candidate,
        Probe { name, round, advisory, .. }: Probe,
        report: &mut Report,
    ) -> Result<u64, SandboxError> {
        let round = candidate.limited(round);
        let budget = self.limits.budget(round.positions().len());
        let first = candidate.usual.clear(&round, budget)?;
        let unlike = self.compare(candidate, &round, &first)?;
        let name = format!("probe: {name}");
        let failed = if advisory { Verdict::Noted } else { Verdict::Failed };
        let (figures, waste) = (figures(&round, &first), waste(&first));
        let CheckedRun { result, usage, .. } = first.check(&round);
        match result.map(|settlement| settlement.trades().len()) {
            Ok(1) => report.add(name, Verdict::Passed, format!("1 trade, {usage}")),
            Ok(trades) => report.add(name, Verdict::Passed, format!("{trades} trades, {usage}")),
            Err(bad) => report.add(name, failed, explained(&bad)),
        }
        report.figures(figures);
        report.rounds.push(round);
        unlike.into_iter().for_each(|difference| report.fail(&difference));
        Ok(waste)
    }

    /// Runs a round three more times and returns the differences from the first run.
    fn compare(&self, candidate: &Candidate, round: &Arc<Round>, first: &Run) -> Result<Vec<String>, SandboxError> {
        // A run that exhausted its limits would take minutes.
        if waste(first) > 0 {
            return Ok(Vec::new());
        }
        let budget = first.usage.budget;
        let unoptimised = sandbox::Budget { time: budget.time.saturating_mul(UNOPTIMISED_FACTOR), ..budget };
        let mut found = Vec::new();
        let again = [("a second run", Some(&candidate.usual), budget)];
        let checking = ["an engine that does not optimise", "a second run on an engine that does not optimise"];
        let checking = checking.map(|place| (place, candidate.checking.as_ref(), unoptimised));
        for (place, algorithm, budget) in again.into_iter().chain(checking) {
            let Some(algorithm) = algorithm else { continue };
            let run = algorithm.clear(round, budget)?;
            found.extend(differences(first, &run).iter().map(|difference| {
                format!("{place} on the same round differs: {difference} (nothing but the round may decide, no bits of a NaN and no addresses)")
            }));
        }
        Ok(found)
    }
}

/// The fuel, or the time in ns, of a run that exhausted it; 0 for any other run.
fn waste(run: &Run) -> u64 {
    let budget = &run.usage.budget;
    match run.result.as_ref().map_err(|failure| failure.kind) {
        Err(FailureKind::Fuel) => budget.fuel.max(1),
        Err(FailureKind::Deadline) => u64::try_from(budget.time.as_nanos()).unwrap_or(u64::MAX).max(1),
        _ => 0,
    }
}

/// The name of the check to which a refusal belongs.
fn check_of(error: &LoadError) -> &'static str {
    match error {
        LoadError::Empty | LoadError::TooLarge { .. } => "size",
        LoadError::Imports { .. } => "imports",
        LoadError::WrongWorld(_) => "world",
        LoadError::InnerStrings => "strings",
        LoadError::CompileTime(_) | LoadError::CompileMemory { .. } => "compile",
        _ => "component",
    }
}

/// The usage of a run, with the names of `algorithm run --json`.
fn figures(round: &Round, run: &Run) -> Vec<(&'static str, u64)> {
    let usage = &run.usage;
    let mut figures = vec![
        ("positions", round.positions().len() as u64),
        ("fuel", usage.fuel),
        ("fuel_limit", usage.budget.fuel),
        ("peak_memory_bytes", usage.peak_memory_bytes),
        ("memory_limit_bytes", usage.budget.memory_bytes),
        ("duration_us", u64::try_from(usage.duration.as_micros()).unwrap_or(u64::MAX)),
        ("input_bytes", usage.input_bytes),
        ("output_bytes", usage.output_bytes),
        ("output_limit_bytes", usage.budget.output_bytes),
    ];
    if let Ok(trades) = &run.result {
        figures.push(("trades", trades.len() as u64));
    }
    figures
}

impl Report {
    fn add_description(&mut self, description: &Description) {
        let Description { name, version, summary, settings } = description;
        let mut wrong = Vec::new();
        if !is_name(name) {
            wrong.push(format!("name {name:?} is no name of an algorithm ({NAME_RULE})"));
        }
        if !is_version(version) {
            wrong.push(format!("version {version:?} is no version of an algorithm ({VERSION_RULE})"));
        }
        if summary.trim().is_empty() {
            wrong.push("summary is empty (say the rule in one sentence)".to_owned());
        }
        for (index, setting) in settings.iter().enumerate() {
            if setting.key.is_empty() || settings[..index].iter().any(|other| other.key == setting.key) {
                wrong.push(format!("setting {:?} must have a key of its own", setting.key));
            }
        }
        let wrong = Some(wrong.join("; ")).filter(|wrong| !wrong.is_empty());
        self.add_or("describe", wrong, format!("{name} {version}: {summary}"));
        self.description = Some(description.clone());
    }

    /// Compares the settings of an algorithm with those of a community.
    fn add_settings(&mut self, description: &Description, settings: &[(String, String)]) {
        let reads = &description.settings;
        let known: Vec<&str> = reads.iter().map(|setting| setting.key.as_str()).collect();
        let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has: {}", known.join(", ")) };
        let unknown = settings.iter().filter(|(key, _)| reads.iter().all(|setting| setting.key != *key));
        let unknown: Vec<String> = unknown
            .map(|(key, _)| {
                format!("setting {key:?} of the community is not known to it ({known}; take it out, or correct it)")
            })
            .collect();
        let unset = reads.iter().filter(|setting| settings.iter().all(|(key, _)| *key != setting.key));
        let unset: Vec<String> = unset
            .map(|setting| {
                let (key, default, summary) = (&setting.key, &setting.default, &setting.summary);
                format!("setting {key:?} is not set, so that its default {default:?} holds ({summary})")
            })
            .collect();
        let verdict = match (unknown.is_empty(), unset.is_empty()) {
            (false, _) => Verdict::Failed,
            (true, false) => Verdict::Noted,
            (true, true) => Verdict::Passed,
        };
        let findings = [unknown, unset].concat();
        let detail =
            if findings.is_empty() { "all that it reads, and no others".to_owned() } else { findings.join("; ") };
        self.add("settings", verdict, detail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(key: &str) -> sandbox::Setting {
        sandbox::Setting { key: key.to_owned(), default: "7".to_owned(), ..sandbox::Setting::default() }
    }

    #[test]
    fn all_problems_of_a_description_are_reported() {
        let mut report = Report::default();
        let description = Description { settings: vec![setting("a"), setting("a")], ..Description::default() };
        report.add_description(&description);
        let detail = &report.checks[0].detail;
        assert!(!report.passed());
        for part in ["name \"\"", "version \"\"", "summary", "setting \"a\""] {
            assert!(detail.contains(part), "{part}: {detail}");
        }
    }

    #[test]
    fn unknown_settings_are_refused_and_defaults_are_reported() {
        let description = Description { settings: vec![setting("a"), setting("b")], ..Description::default() };
        let of = |keys: &[&str]| {
            let mut report = Report::default();
            let settings: Vec<_> = keys.iter().map(|key| (key.to_string(), "1".to_owned())).collect();
            report.add_settings(&description, &settings);
            (report.checks[0].verdict, report.checks.remove(0).detail)
        };
        assert_eq!(of(&["a", "b"]), (Verdict::Passed, "all that it reads, and no others".to_owned()));
        let (verdict, detail) = of(&["a"]);
        assert!(verdict == Verdict::Noted && detail.contains("setting \"b\" is not set, so that its default \"7\""));
        let (verdict, detail) = of(&["c", "d"]);
        assert_eq!(verdict, Verdict::Failed);
        for part in ["setting \"c\" of", "setting \"d\" of", "it has: a, b", "setting \"a\" is not set"] {
            assert!(detail.contains(part), "{part}: {detail}");
        }
    }
}
