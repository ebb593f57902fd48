//! `rec-market algorithm check`: the gate, at the author's or before a community's configuration names an algorithm.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::round::PriceLimits;
use domain::{Price, Round};
use sandbox::{COMPONENT_BYTES_MAX, Limits, LoadError, Sandbox};
use serde_json::Value;

use super::algorithm::parse;
use crate::adapter::client::ServiceClient;
use crate::algorithms::catalogue;
use crate::algorithms::catalogue::UnusableAlgorithm;
use crate::algorithms::gate::{self, CommunityTerms, Gate, Report, Verdict, recent};
use crate::app;
use crate::app::{open_checking_sandbox, open_sandbox_with_any_cache};
use crate::cli::args::CheckArgs;
use crate::cli::exit::{Exit, failed, usage};
use crate::config::{self, CommunityConfig, Config, StoreConfig};
use base::Reference;
use books::{Store, StoreError};
use wire::rec_market_v1 as v1;

/// Column of the names of checks, in characters, unless one is longer.
const NAME_WIDTH: usize = 24;

/// A community for which an algorithm is examined.
#[derive(Default)]
struct Community {
    name: String,
    settings: Vec<(String, String)>,
    price_limits: PriceLimits,
    limits: Limits,
    /// Rounds that it settled last, as far as they can be had.
    recent: Vec<Round>,
    /// Its books, if it has any.
    store: Option<Arc<dyn Store>>,
}

/// Runs the command.
pub async fn run(args: &CheckArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let reference = parse(&args.algorithm)?;
    let mut bytes_max = COMPONENT_BYTES_MAX;
    let community = match (&args.config, &args.server) {
        (Some(path), _) => Some(open(path, args.community.as_deref()).await?),
        (None, Some(server)) => {
            let there = ask(args, server).await?;
            bytes_max = bytes_max.min(there.component_bytes_max);
            args.community.as_deref().map(|name| standing(name, there)).transpose()?
        }
        (None, None) if args.community.is_some() => {
            let ways = "name its configuration with --config, or a service with --server";
            return Err(usage(format!("--community says which one of several, but of what? ({ways})")));
        }
        (None, None) => None,
    };
    let stored = stored(&reference, community.as_ref()).await?;
    let (component, report) = match catalogue::read(&reference, |_| stored) {
        Ok(component) if component.len() as u64 > bytes_max => {
            (None, gate::refuse_unread(&LoadError::TooLarge { bytes: component.len() as u64, bytes_max }))
        }
        Ok(component) => {
            let report = examine(args, &reference, &component, community.as_ref())?;
            (Some(component), report)
        }
        Err(UnusableAlgorithm::Load { source, .. }) => (None, gate::refuse_unread(&source)),
        Err(error) => return Err(error.into()),
    };
    let community = community.as_ref().map(|community| community.name.as_str());
    let json = report.json(&reference.to_string(), component.as_deref(), community);
    if args.json {
        serde_json::to_writer(&mut *out, &json).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        print_report(&json, out)?;
        let place = community.map_or_else(String::new, |name| format!(" for {name}"));
        let verdict = if report.passed() { "passed" } else { "refused" };
        writeln!(out, "{reference}: {verdict}{place}")?;
    }
    Ok(if report.passed() { Exit::Done } else { Exit::Bad })
}

/// What a running service would examine an algorithm with.
async fn ask(args: &CheckArgs, server: &str) -> anyhow::Result<v1::ShowLimitsResponse> {
    let operator = ServiceClient::new(&args.identity.server(server))?;
    let community = args.community.clone().unwrap_or_default();
    let there = operator.show_limits(v1::ShowLimitsRequest { community }).await?;
    let ours = (env!("CARGO_PKG_VERSION"), Sandbox::engine_version());
    if (there.market_version.as_str(), there.engine.as_str()) != ours {
        let v1::ShowLimitsResponse { market_version, engine, .. } = &there;
        tracing::warn!(
            "the service is rec-market {market_version} with {engine}, this is {} with {}: it may come to another result",
            ours.0,
            ours.1
        );
    }
    Ok(there)
}

/// A community as a service says that it stands.
fn standing(name: &str, there: v1::ShowLimitsResponse) -> anyhow::Result<Community> {
    let price = |price: Option<i64>| price.map(Price::from_micro_eur);
    let price_limits = PriceLimits::new(price(there.price_floor), price(there.price_ceiling));
    let mut settings: Vec<_> = there.settings.unwrap_or_default().settings.into_iter().collect();
    settings.sort_unstable();
    Ok(Community {
        name: name.to_owned(),
        settings,
        price_limits: price_limits.map_err(|error| failed(Exit::Away, error))?,
        limits: Limits {
            fuel: there.fuel,
            memory_bytes: there.memory_bytes,
            time: there.time_us.map(Duration::from_micros),
            output_bytes: there.output_bytes,
        },
        ..Community::default()
    })
}

/// A community of a configuration, and its store to read. One that has not settled yet has no store.
async fn open(path: &Path, name: Option<&str>) -> anyhow::Result<Community> {
    let Config { store, communities, .. } = Config::load(path)?;
    let names = communities.iter().map(|community| community.name.clone()).collect::<Vec<_>>().join(", ");
    let mut selection = communities.into_iter().filter(|community| name.is_none_or(|name| community.name == name));
    let config = match (selection.next(), selection.next(), name) {
        (Some(config), None, _) => config,
        (_, _, Some(name)) => {
            return Err(usage(format!("there is no community {name:?} (there are: {names})")));
        }
        (_, _, None) => {
            return Err(usage(format!("for which community? (name one with --community; there are: {names})")));
        }
    };
    let is_missing = matches!(&store, StoreConfig::Sqlite(file) if !file.exists());
    let store = if is_missing { None } else { Some(app::open_store_to_read(&store).await?) };
    let recent = match &store {
        Some(store) => recent(&**store, &config).await?,
        None => Vec::new(),
    };
    let CommunityConfig { name, settings, price_limits, limits, .. } = config;
    Ok(Community { name, settings, price_limits, limits, recent, store })
}

/// The bytes of an algorithm that is named by its digest, if they are in the community's books.
async fn stored(reference: &Reference, community: Option<&Community>) -> Result<Option<Vec<u8>>, StoreError> {
    match (reference, community.and_then(|community| community.store.as_ref())) {
        (Reference::Digest(digest), Some(store)) => store.component(digest).await,
        _ => Ok(None),
    }
}

fn examine(
    args: &CheckArgs,
    reference: &Reference,
    component: &[u8],
    community: Option<&Community>,
) -> anyhow::Result<Report> {
    let standing = community.map(|community| CommunityTerms {
        settings: community.settings.clone(),
        price_limits: community.price_limits,
        recent: community.recent.clone(),
    });
    let is_new = standing.as_ref().is_some_and(|standing| standing.recent.is_empty());
    let limits = limits(args.limits.limits(), community.map(|community| community.limits).unwrap_or_default());
    let (usual, checking) = (open_sandbox_with_any_cache(config::user_cache())?, open_checking_sandbox()?);
    let gate = Gate { usual: &usual, checking: &checking, limits, terms: standing };
    let mut report = gate.examine(component, matches!(reference, Reference::Base(_)))?;
    if is_new {
        let reason = match &args.server {
            Some(_) => "the service tries those that the community settled last when it activates the algorithm",
            None => "the community has settled none yet, so the probes above are all there are",
        };
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

/// Prints each check of a report, as [`Report::json`] writes it: our own, or a service's.
pub fn print_report(report: &Value, out: &mut impl Write) -> io::Result<()> {
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let checks = report["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let longest = checks.iter().map(|check| text(check, "name").chars().count()).max().unwrap_or(0);
    let width = longest.max(NAME_WIDTH);
    for check in checks {
        let mark = match check["verdict"].as_str() {
            Some("passed") => "✓",
            Some("noted") => "·",
            _ => "✗",
        };
        writeln!(out, "{mark} {:<width$} {}", text(check, "name"), text(check, "detail"))?;
    }
    Ok(())
}
