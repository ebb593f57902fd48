//! `rec-market algorithm check`: the gate, at the author's or before a community's configuration names an algorithm.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use sandbox::Limits;

use super::algorithm::parse;
use super::{Exit, Failed, open_checking_sandbox, sandbox_with_cache};
use crate::algorithms::{self, Reference, UnusableAlgorithm};
use crate::cli::CheckArgs;
use crate::config::{self, CommunityConfig, Config, StoreConfig};
use crate::gate::{self, Gate, Report, Standing, Verdict, recent};
use crate::store::{self, Store, StoreError};

/// Column of the names of checks, in characters, unless one is longer.
const NAME_WIDTH: usize = 24;

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
        let json = report.json(&reference.to_string(), component.as_deref(), community);
        serde_json::to_writer(&mut *out, &json).map_err(io::Error::from)?;
        writeln!(out)?;
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
    let (usual, checking) = (sandbox_with_cache(config::user_cache())?, open_checking_sandbox()?);
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
