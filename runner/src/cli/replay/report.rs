//! The report of `rec-market replay` on a community.

use std::collections::BTreeMap;
use std::io::Write;

use domain::Digest;
use domain::text::chain;
use sandbox::Sandbox;
use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::output;
use books::replay::{Replay, Verdict};
use books::{StoreError, StoredInterval};

/// Maximum number of differing intervals that are printed as text; JSON has all.
const PRINTED_MAX: u64 = 20;

/// One line of `--json`.
#[derive(Serialize)]
struct ReplayJson<'a> {
    community: &'a str,
    interval: Option<String>,
    end: Option<String>,
    status: &'static str,
    algorithm: Option<String>,
    name: Option<&'a str>,
    version: Option<&'a str>,
    engine: EngineJson<'a>,
    configuration: Option<String>,
    round_digest: BothJson<String>,
    trades_digest: BothJson<String>,
    fuel: BothJson<u64>,
    fallback_reason: Option<&'a str>,
    differences: &'a [String],
    remarks: &'a [String],
}

#[derive(Serialize)]
struct EngineJson<'a> {
    stored: Option<&'a str>,
    now: &'static str,
}

#[derive(Default, Serialize)]
struct BothJson<T> {
    stored: Option<T>,
    recomputed: Option<T>,
}

impl<'a> ReplayJson<'a> {
    fn new(community: &'a str, stored: &'a StoredInterval, replay: &'a Replay) -> ReplayJson<'a> {
        let provenance = stored.provenance.as_ref();
        let both = |stored: Option<Digest>, recomputed: Option<Digest>| BothJson {
            stored: stored.map(|digest| digest.to_string()),
            recomputed: recomputed.map(|digest| digest.to_string()),
        };
        ReplayJson {
            community,
            interval: Some(stored.interval.start().to_string()),
            end: Some(stored.interval.end().to_string()),
            status: replay.verdict.code(),
            algorithm: provenance.map(|provenance| provenance.algorithm.to_string()),
            name: provenance.map(|provenance| provenance.name.as_str()),
            version: provenance.map(|provenance| provenance.version.as_str()),
            engine: EngineJson {
                stored: provenance.map(|provenance| provenance.engine.as_str()),
                now: Sandbox::engine_version(),
            },
            configuration: stored.configuration.map(|digest| digest.to_string()),
            round_digest: both(stored.round_digest, replay.round_digest),
            trades_digest: both(stored.trades_digest, replay.trades_digest),
            fuel: BothJson { stored: provenance.map(|provenance| provenance.fuel), recomputed: replay.fuel },
            fallback_reason: provenance.and_then(|provenance| provenance.fallback_reason.as_deref()),
            differences: &replay.differences,
            remarks: &replay.remarks,
        }
    }

    /// The line for a store that cannot be read any further.
    fn damage(community: &'a str, differences: &'a [String]) -> ReplayJson<'a> {
        ReplayJson {
            community,
            interval: None,
            end: None,
            status: Verdict::Differs.code(),
            algorithm: None,
            name: None,
            version: None,
            engine: EngineJson { stored: None, now: Sandbox::engine_version() },
            configuration: None,
            round_digest: BothJson::default(),
            trades_digest: BothJson::default(),
            fuel: BothJson::default(),
            fallback_reason: None,
            differences,
            remarks: &[],
        }
    }

    fn print(&self, out: &mut impl Write) -> anyhow::Result<()> {
        output::json_line(self, out)
    }
}

/// The intervals of a community so far.
pub struct Report<'a> {
    community: &'a str,
    json: bool,
    recomputed: u64,
    without_round: u64,
    differing: u64,
    damaged: bool,
    /// The algorithms of its intervals with name and version.
    algorithms: BTreeMap<Digest, String>,
}

impl<'a> Report<'a> {
    pub fn new(community: &'a str, json: bool) -> Report<'a> {
        let algorithms = BTreeMap::new();
        Report { community, json, recomputed: 0, without_round: 0, differing: 0, damaged: false, algorithms }
    }

    /// Adds the next interval.
    pub fn add(&mut self, stored: &StoredInterval, replay: &Replay, out: &mut impl Write) -> anyhow::Result<()> {
        *if stored.round.is_some() { &mut self.recomputed } else { &mut self.without_round } += 1;
        self.differing += u64::from(replay.verdict == Verdict::Differs);
        if let Some(provenance) = &stored.provenance {
            let digest = provenance.algorithm.to_string();
            let short = digest.get(..12).unwrap_or_default();
            // Escaped, so that nobody who changes the books can forge lines of this report.
            let name = || format!("{} {} {short}", provenance.name.escape_debug(), provenance.version.escape_debug());
            self.algorithms.entry(provenance.algorithm).or_insert_with(name);
        }
        if self.json {
            return ReplayJson::new(self.community, stored, replay).print(out);
        }
        if replay.verdict == Verdict::Differs && self.differing <= PRINTED_MAX {
            writeln!(out, "{}: interval {} differs", self.community, stored.interval)?;
            for text in replay.differences.iter().chain(&replay.remarks) {
                writeln!(out, "  {text}")?;
            }
        }
        Ok(())
    }

    /// Adds that the store cannot be read any further.
    pub fn damage(&mut self, damage: &StoreError, out: &mut impl Write) -> anyhow::Result<()> {
        self.damaged = true;
        if self.json {
            return ReplayJson::damage(self.community, &[chain(damage)]).print(out);
        }
        Ok(writeln!(out, "{}: {}", self.community, chain(damage))?)
    }

    /// Prints the summary; returns the exit code.
    pub fn finish(self, out: &mut impl Write) -> anyhow::Result<Exit> {
        if !self.json {
            self.print_summary(out)?;
        }
        Ok(if self.differing > 0 || self.damaged { Exit::Bad } else { Exit::Done })
    }

    fn print_summary(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let Report { community, recomputed, without_round, differing, .. } = *self;
        if differing > PRINTED_MAX {
            writeln!(out, "  … and {} more intervals (--json prints all)", output::grouped(differing - PRINTED_MAX))?;
        }
        let without = match without_round {
            0 => String::new(),
            _ => format!(", {} without a round", output::grouped(without_round)),
        };
        let verdict = match (differing, self.damaged, recomputed + without_round) {
            (0, false, 0) => "nothing to compare".to_owned(),
            (0, false, _) => "all the same".to_owned(),
            (0, true, _) => "the same up to the damage".to_owned(),
            (differing, ..) => format!("{} DIFFER", output::grouped(differing)),
        };
        let algorithms: Vec<&str> = self.algorithms.values().map(String::as_str).collect();
        let algorithms = match algorithms.as_slice() {
            [] => String::new(),
            names => format!(" ({})", names.join(", ")),
        };
        let intervals = output::counted(recomputed, "interval");
        Ok(writeln!(out, "{community}: {intervals} recomputed{without}, {verdict}{algorithms}")?)
    }
}
