//! `rec-market algorithm check`: puts an algorithm through the gate, alone or with what a community expects of it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::Reference;
use books::{Store, StoreError, StoredInterval};
use clap::Args;
use domain::Price;
use domain::round::PriceLimits;
use sandbox::{COMPONENT_BYTES_MAX, Limits, LoadError, Sandbox};
use wire::rec_market_v1 as v1;

use super::report;
use super::run::{LimitArgs, parse_reference};
use super::service::IdentityArgs;
use crate::algorithms::catalogue::{self, UnusableAlgorithm};
use crate::algorithms::gate::{self, CommunityTerms, Gate, Report, Verdict, draw_seed, recent};
use crate::app::{self, open_checking_sandbox, open_sandbox_to_try};
use crate::cli::exit::{Exit, ExitCode, usage};
use crate::cli::{output, round_file};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config, StoreConfig};

/// Put an algorithm through the same gate as an upload
///
/// Checks size, world, imports and description, and runs probe rounds, which are drawn anew each time: the report names their
/// seed. With --config it also uses the settings, limits and latest rounds of a community, and shows what each member would
/// have paid and got; with --server, the limits and settings of a running service. An algorithm that is not part of the
/// program always has limits on prices between members: by default 0 or the lowest feed-in, and the highest retail price.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Component file, or name of a base algorithm
    #[arg(value_name = "FILE.wasm")]
    pub algorithm: String,
    /// Configuration file: check also with a community's settings, limits and latest rounds
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// TLS address of a running service: check with its limits and a community's settings
    #[arg(long, value_name = "URL", conflicts_with = "config", help_heading = "Service")]
    pub server: Option<String>,
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// Community of the configuration or of the service; optional if the configuration has only one
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Draw the probes of a report again [default: another seed each time]
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
    /// Write the rounds of the probes to a new file, one a line in the order of the report, for `algorithm run --rounds`
    #[arg(long, value_name = "FILE")]
    pub save_rounds: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// The community for which an algorithm is checked.
#[derive(Default)]
struct Community {
    name: String,
    settings: Vec<(String, String)>,
    price_limits: PriceLimits,
    limits: Limits,
    /// The intervals that it settled last, if they are known.
    recent: Vec<StoredInterval>,
    /// Its store, if there is one yet.
    store: Option<Arc<dyn Store>>,
}

pub async fn run(args: &CheckArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let reference = parse_reference(&args.algorithm)?;
    let mut bytes_max = COMPONENT_BYTES_MAX;
    let community = match (&args.config, &args.server) {
        (Some(path), _) => Some(of_config(path, args.community.as_deref()).await?),
        (None, Some(server)) => {
            let limits = ask_limits(args, server).await?;
            bytes_max = bytes_max.min(limits.component_bytes_max);
            args.community.as_deref().map(|name| of_service(name, limits)).transpose()?
        }
        (None, None) if args.community.is_some() => {
            return Err(usage("--community needs a configuration or a service (name one with --config or --server)"));
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
    if let Some(path) = &args.save_rounds {
        let lines: String = report.rounds.iter().map(|round| format!("{}\n", round_file::to_json(round))).collect();
        output::new_file(path, lines.as_bytes(), "(name another)")?;
    }
    let community = community.as_ref().map(|community| community.name.as_str());
    let json = report.json(&reference.to_string(), component.as_deref(), community);
    if args.json {
        output::json_line(&json, out)?;
    } else {
        report::print(&json, out)?;
        let purpose = community.map_or_else(String::new, |name| format!(" for {name}"));
        let verdict = if report.passed() { "passed" } else { "refused" };
        writeln!(out, "{reference}: {verdict}{purpose}")?;
    }
    Ok(if report.passed() { Exit::Done } else { Exit::Bad })
}

/// The limits and settings with which a running service would check.
async fn ask_limits(args: &CheckArgs, server: &str) -> anyhow::Result<v1::ShowLimitsResponse> {
    let client = args.identity.connect(server)?;
    let community = args.community.clone().unwrap_or_default();
    let limits = client.show_limits(v1::ShowLimitsRequest { community }).await?;
    let ours = (env!("CARGO_PKG_VERSION"), Sandbox::engine_version());
    if (limits.market_version.as_str(), limits.engine.as_str()) != ours {
        let v1::ShowLimitsResponse { market_version, engine, .. } = &limits;
        tracing::warn!(
            "the service runs rec-market {market_version} with {engine}, this is {} with {}: its result may differ",
            ours.0,
            ours.1
        );
    }
    Ok(limits)
}

/// A community with the limits and settings that a service reports.
fn of_service(name: &str, reported: v1::ShowLimitsResponse) -> anyhow::Result<Community> {
    let price = |price: Option<i64>| price.map(Price::from_micro_eur);
    let price_limits = PriceLimits::new(price(reported.price_floor), price(reported.price_ceiling));
    let mut settings: Vec<_> = reported.settings.unwrap_or_default().settings.into_iter().collect();
    settings.sort_unstable();
    Ok(Community {
        name: name.to_owned(),
        settings,
        price_limits: price_limits.exit_code(Exit::Unavailable)?,
        limits: Limits {
            fuel: reported.fuel,
            memory_bytes: reported.memory_bytes,
            time: reported.time_us.map(Duration::from_micros),
            output_bytes: reported.output_bytes,
        },
        ..Community::default()
    })
}

/// A community of a configuration, and its store, if it has settled anything yet.
async fn of_config(path: &Path, name: Option<&str>) -> anyhow::Result<Community> {
    let Config { store, communities, .. } = Config::load(path)?;
    let names = communities.iter().map(|community| community.name.clone()).collect::<Vec<_>>().join(", ");
    let mut selection = communities.into_iter().filter(|community| name.is_none_or(|name| community.name == name));
    let config = match (selection.next(), selection.next(), name) {
        (Some(config), None, _) => config,
        (_, _, Some(name)) => {
            return Err(usage(format!("there is no community {name:?} (there are: {names})")));
        }
        (_, _, None) => {
            return Err(usage(format!(
                "the configuration has several communities: {names} (name one with --community)"
            )));
        }
    };
    let is_missing = matches!(&store, StoreConfig::Sqlite(file) if !file.exists());
    let store = if is_missing { None } else { Some(app::open_store_to_read(&store).await?) };
    let recent = match &store {
        Some(store) => recent(&**store, &config).await?,
        None => Vec::new(),
    };
    let terms = config.terms.at(SystemClock.now());
    let (settings, price_limits, limits) = (terms.settings().to_vec(), terms.price_limits(), terms.limits());
    Ok(Community { name: config.name, settings, price_limits, limits, recent, store })
}

/// The bytes of an algorithm that is named by its digest, if the community's store has them.
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
    let terms = community.map(|community| CommunityTerms {
        name: community.name.clone(),
        settings: community.settings.clone(),
        price_limits: community.price_limits,
        recent: community.recent.clone(),
    });
    let is_new = terms.as_ref().is_some_and(|terms| terms.recent.is_empty());
    let limits = limits(args.limits.limits(), community.map(|community| community.limits).unwrap_or_default());
    let cache = config::user_cache();
    let (usual, checking) = (open_sandbox_to_try(reference, cache.clone())?, open_checking_sandbox(reference, cache)?);
    let (seed, others) = (args.seed.unwrap_or_else(draw_seed), Vec::new());
    let gate = Gate { usual: &usual, checking: &checking, limits, seed, terms, others };
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

/// The limits of the command line, or else of the community.
fn limits(arguments: Limits, community: Limits) -> Limits {
    Limits {
        fuel: arguments.fuel.or(community.fuel),
        memory_bytes: arguments.memory_bytes.or(community.memory_bytes),
        time: arguments.time.or(community.time),
        output_bytes: arguments.output_bytes.or(community.output_bytes),
    }
}
