//! `rec-market algorithm check`: the gate, at the author's or before a community's configuration names an algorithm.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use domain::{Digest, Round};
use sandbox::Limits;
use serde::Serialize;

use super::algorithm::{parse, user_sandbox};
use super::{Exit, Failed, books, open_checking_sandbox};
use crate::algorithms::{self, Reference, UnusableAlgorithm};
use crate::cli::CheckArgs;
use crate::config::{CommunityConfig, Config, StoreConfig};
use crate::gate::{self, Check, Gate, Report, Standing, Verdict};
use crate::store::{self, Span, Store, StoreError};

/// How many rounds that the community settled last are tried: four hours of quarters.
const RECENT_ROUNDS: usize = 16;
/// Column of the names of checks, in characters, unless one is longer.
const NAME_WIDTH: usize = 24;
/// How many times longer the second look back is than the first, the third than the second, and so on: whatever the
/// community's gaps, no more is read than a third again.
const LOOK_BACK_GROWTH: u64 = 4;

/// The object of `--json`.
#[derive(Serialize)]
struct ReportJson<'r> {
    passed: bool,
    algorithm: String,
    sha256: Option<String>,
    component_bytes: Option<usize>,
    community: Option<&'r str>,
    checks: Vec<CheckJson>,
}

#[derive(Serialize)]
struct CheckJson {
    name: String,
    verdict: &'static str,
    detail: String,
    figures: serde_json::Map<String, serde_json::Value>,
}

/// A community for which an algorithm is examined, and its books, if it has any.
struct Community {
    config: CommunityConfig,
    store: Option<Arc<dyn Store>>,
}

/// Runs the command.
pub async fn run(args: &CheckArgs, out: &mut impl Write) -> Result<Exit, Failed> {
    let reference = parse(&args.algorithm)?;
    let community = match &args.config {
        Some(path) => Some(open(path, args.community.as_deref()).await?),
        None => None,
    };
    let stored = stored(&reference, community.as_ref()).await?;
    let (component, report) = match algorithms::read(&reference, |_| stored) {
        Ok(component) => {
            let report = examine(args, &reference, &component, community.as_ref()).await?;
            (Some(component), report)
        }
        Err(UnusableAlgorithm::Load { source, .. }) => (None, gate::refuse_unread(&source)),
        Err(error) => return Err(error.into()),
    };
    let community = community.as_ref().map(|community| community.config.name.as_str());
    if args.json {
        print_json(&reference, component.as_deref(), community, &report, out)?;
    } else {
        print(&reference, community, &report, out)?;
    }
    Ok(if report.passed() { Exit::Done } else { Exit::Bad })
}

/// A community of a configuration, and its store to read. One that has not settled yet has no store.
async fn open(path: &Path, name: Option<&str>) -> Result<Community, Failed> {
    let Config { store, communities, .. } = Config::load(path)?;
    let names = communities.iter().map(|community| community.name.clone()).collect::<Vec<_>>().join(", ");
    let mut chosen = communities.into_iter().filter(|community| name.is_none_or(|name| community.name == name));
    let config = match (chosen.next(), chosen.next(), name) {
        (Some(config), None, _) => config,
        (_, _, Some(name)) => {
            return Err(Failed::usage(format!("there is no community {name:?} (there are: {names})")));
        }
        (_, _, None) => {
            return Err(Failed::usage(format!("for which community? (name one with --community; there are: {names})")));
        }
    };
    let is_missing = matches!(&store, StoreConfig::Sqlite(file) if !file.exists());
    let store = if is_missing { None } else { Some(store::open_to_read(&store).await?) };
    Ok(Community { config, store })
}

/// The bytes of an algorithm that is named by its digest, if they are in the community's books.
async fn stored(reference: &Reference, community: Option<&Community>) -> Result<Option<Vec<u8>>, StoreError> {
    match (reference, community.and_then(|community| community.store.as_ref())) {
        (Reference::Digest(digest), Some(store)) => store.component(digest).await,
        _ => Ok(None),
    }
}

async fn examine(
    args: &CheckArgs,
    reference: &Reference,
    component: &[u8],
    community: Option<&Community>,
) -> Result<Report, Failed> {
    let standing = match community {
        Some(Community { config, store }) => Some(Standing {
            settings: config.settings.clone(),
            price_limits: config.price_limits,
            recent: match store {
                Some(store) => recent(&**store, config).await?,
                None => Vec::new(),
            },
        }),
        None => None,
    };
    let is_new = standing.as_ref().is_some_and(|standing| standing.recent.is_empty());
    let limits = limits(args.limits.limits(), community.map(|community| community.config.limits).unwrap_or_default());
    let (usual, checking) = (user_sandbox()?, open_checking_sandbox()?);
    let gate = Gate { usual: &usual, checking: &checking, limits, standing };
    let mut report = gate.examine(component, matches!(reference, Reference::Base(_)))?;
    if is_new {
        let reason = "the community has settled none yet, so the probes above are all there are";
        report.add("recent rounds", Verdict::Noted, reason);
    }
    Ok(report)
}

/// The arguments' limits, and the community's where those say nothing.
fn limits(arguments: Limits, community: Limits) -> Limits {
    Limits {
        fuel: arguments.fuel.or(community.fuel),
        memory_bytes: arguments.memory_bytes.or(community.memory_bytes),
        time: arguments.time.or(community.time),
        output_bytes: arguments.output_bytes.or(community.output_bytes),
    }
}

/// The rounds that a community settled last, the oldest first.
async fn recent(store: &dyn Store, community: &CommunityConfig) -> Result<Vec<Round>, StoreError> {
    let Some(mark) = store.progress(&community.name).await?.mark else { return Ok(Vec::new()) };
    let mut back = u64::from(community.interval.seconds()).saturating_mul(RECENT_ROUNDS as u64);
    loop {
        let from = mark.seconds().saturating_sub(back);
        let mut rounds = VecDeque::new();
        books::each_interval(store, &community.name, Span { from: Some(from), to: None }, |interval| {
            rounds.extend(interval.round.clone());
            if rounds.len() > RECENT_ROUNDS {
                rounds.pop_front();
            }
            Ok::<(), StoreError>(())
        })
        .await?;
        if rounds.len() == RECENT_ROUNDS || from == 0 {
            return Ok(rounds.into());
        }
        // Nobody was read in some of these intervals.
        back = back.saturating_mul(LOOK_BACK_GROWTH);
    }
}

fn print_json(
    reference: &Reference,
    component: Option<&[u8]>,
    community: Option<&str>,
    report: &Report,
    out: &mut impl Write,
) -> Result<(), Failed> {
    let check = |check: &Check| CheckJson {
        name: check.name.to_string(),
        verdict: check.verdict.code(),
        detail: check.detail.clone(),
        figures: check.figures.iter().map(|(name, figure)| ((*name).to_owned(), (*figure).into())).collect(),
    };
    let json = ReportJson {
        passed: report.passed(),
        algorithm: reference.to_string(),
        sha256: component.map(|component| Digest::of(component).to_string()),
        component_bytes: component.map(<[u8]>::len),
        community,
        checks: report.checks.iter().map(check).collect(),
    };
    serde_json::to_writer(&mut *out, &json).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

fn print(reference: &Reference, community: Option<&str>, report: &Report, out: &mut impl Write) -> Result<(), Failed> {
    let longest = report.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let width = longest.max(NAME_WIDTH);
    for check in &report.checks {
        let mark = match check.verdict {
            Verdict::Passed => "✓",
            Verdict::Noted => "·",
            Verdict::Failed => "✗",
        };
        writeln!(out, "{mark} {:<width$} {}", check.name, check.detail)?;
    }
    let place = community.map_or_else(String::new, |name| format!(" for {name}"));
    let verdict = if report.passed() { "passed" } else { "refused" };
    writeln!(out, "{reference}: {verdict}{place}")?;
    Ok(())
}
