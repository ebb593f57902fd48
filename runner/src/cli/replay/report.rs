//! What `rec-market replay` says of a community.

use std::collections::BTreeMap;
use std::io::{self, Write};

use domain::Digest;
use sandbox::Sandbox;
use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::output;
use books::replay::{Replay, Verdict};
use books::{StoreError, StoredInterval};

/// Intervals that differ that are printed; `--json` prints all.
const SHOWN: u64 = 20;

/// One line of `--json`. What came with a digest of its own is there on both sides.
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

    /// Books that cannot be read any further.
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
        serde_json::to_writer(&mut *out, self).map_err(io::Error::from)?;
        Ok(out.write_all(b"\n")?)
    }
}

/// What came of a community so far.
pub struct Report<'a> {
    community: &'a str,
    json: bool,
    recomputed: u64,
    nothing: u64,
    differing: u64,
    damaged: bool,
    /// The algorithms of its intervals, as the books call them.
    algorithms: BTreeMap<Digest, String>,
}

impl<'a> Report<'a> {
    /// Nothing so far.
    pub fn new(community: &'a str, json: bool) -> Report<'a> {
        let algorithms = BTreeMap::new();
        Report { community, json, recomputed: 0, nothing: 0, differing: 0, damaged: false, algorithms }
    }

    /// Tells the next interval.
    pub fn add(&mut self, stored: &StoredInterval, replay: &Replay, out: &mut impl Write) -> anyhow::Result<()> {
        *if stored.round.is_some() { &mut self.recomputed } else { &mut self.nothing } += 1;
        self.differing += u64::from(replay.verdict == Verdict::Differs);
        if let Some(provenance) = &stored.provenance {
            let digest = provenance.algorithm.to_string();
            let short = digest.get(..12).unwrap_or_default();
            // Whoever changes books may not write lines of this report.
            let called = || format!("{} {} {short}", provenance.name.escape_debug(), provenance.version.escape_debug());
            self.algorithms.entry(provenance.algorithm).or_insert_with(called);
        }
        if self.json {
            return ReplayJson::new(self.community, stored, replay).print(out);
        }
        if replay.verdict == Verdict::Differs && self.differing <= SHOWN {
            writeln!(out, "{}: interval {} differs", self.community, stored.interval)?;
            for text in replay.differences.iter().chain(&replay.remarks) {
                writeln!(out, "  {text}")?;
            }
        }
        Ok(())
    }

    /// Tells that the books cannot be read any further.
    pub fn damage(&mut self, damage: &StoreError, out: &mut impl Write) -> anyhow::Result<()> {
        self.damaged = true;
        if self.json {
            return ReplayJson::damage(self.community, &[damage.to_string()]).print(out);
        }
        Ok(writeln!(out, "{}: {damage}", self.community)?)
    }

    /// ShadowTotals up.
    pub fn finish(self, out: &mut impl Write) -> anyhow::Result<Exit> {
        if !self.json {
            self.sum_up(out)?;
        }
        Ok(if self.differing > 0 || self.damaged { Exit::Bad } else { Exit::Done })
    }

    fn sum_up(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let Report { community, recomputed, nothing, differing, .. } = *self;
        if differing > SHOWN {
            writeln!(out, "  … and {} more intervals (--json prints all)", output::grouped(differing - SHOWN))?;
        }
        let without = match nothing {
            0 => String::new(),
            _ => format!(", {} without a round", output::grouped(nothing)),
        };
        let verdict = match (differing, self.damaged, recomputed + nothing) {
            (0, false, 0) => "nothing to compare".to_owned(),
            (0, false, _) => "all the same".to_owned(),
            (0, true, _) => "the same up to the damage".to_owned(),
            (differing, ..) => format!("{} DIFFER", output::grouped(differing)),
        };
        let algorithms: Vec<&str> = self.algorithms.values().map(String::as_str).collect();
        let algorithms = match algorithms.as_slice() {
            [] => String::new(),
            called => format!(" ({})", called.join(", ")),
        };
        let recomputed = output::grouped(recomputed);
        Ok(writeln!(out, "{community}: {recomputed} intervals recomputed{without}, {verdict}{algorithms}")?)
    }
}
