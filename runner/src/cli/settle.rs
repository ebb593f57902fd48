//! `rec-market settle`: one pass over every community.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use books::Store;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::algorithms::cache::AlgorithmCache;
use crate::app;
use crate::cli::args::{ConfigArg, time};
use crate::cli::exit::{Exit, exit_of};
use crate::cli::output;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::lease::LeaseOwner;
use crate::settlement::{self, Pass, PassError, PassSummary, Settler};
use crate::telemetry::metrics::Metrics;

/// Settle every due interval of every community, forward the trades, and exit
///
/// Continues where the last run stopped. Running it twice, or twice at once, changes nothing: the id of a trade derives from
/// its interval and its place in it.
#[derive(Debug, Args)]
pub struct SettleArgs {
    #[command(flatten)]
    pub config: ConfigArg,
    /// Settle only intervals that end at or before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,
    /// Print one JSON object per community
    #[arg(long)]
    pub json: bool,
}

/// One line of `--json`.
#[derive(Serialize)]
struct SummaryJson<'a> {
    community: &'a str,
    intervals: u64,
    from: Option<String>,
    until: Option<String>,
    trades: u64,
    local_wh: u64,
    from_grid_wh: u64,
    to_grid_wh: u64,
    events: &'a BTreeMap<String, u64>,
    /// Why nothing was settled, although there are readings.
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<&'a str>,
    error: Option<&'a str>,
}

pub async fn run(args: &SettleArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let config = Config::load(&args.config.config)?;
    let store = app::open_store(&config.store).await?;
    let cache = Arc::new(AlgorithmCache::new(app::open_sandbox(Some(config.cache.clone()))?, Arc::clone(&store)));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Metrics::new(Arc::clone(&clock));
    let mut settlers = Vec::new();
    for community in &config.communities {
        settlers.push(app::settler(community, &cache, &store, &clock, &metrics).await?);
    }
    let now = clock.now();
    let mut exit = Exit::Done;
    for settler in settlers {
        let name = settler.community().name.clone();
        // A community that fails does not stop the others.
        let wanted = Pass { now, until: args.until, fence: None, since: config.forward.since };
        let (summary, result) = pass(&settler, wanted).await;
        let error = result.err().map(anyhow::Error::from);
        exit = exit.max(error.as_ref().map_or(Exit::Done, exit_of));
        let error = error.map(|error| format!("{error:#}"));
        if args.json {
            print_json(&name, &summary, error.as_deref(), out)?;
        } else {
            print(&name, &summary, error.is_some(), out)?;
        }
    }
    Ok(exit.max(forward(&config, &store, &clock).await?))
}

/// Pushes waiting trades to Transactions, if the configuration says so.
async fn forward(config: &Config, store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) -> anyhow::Result<Exit> {
    let owner = LeaseOwner::this(&**clock);
    let Some(relay) = app::outbox_relay(config, store, clock, &owner)? else { return Ok(Exit::Done) };
    match relay.drain_once().await {
        Ok(drained) => {
            tracing::info!(
                sent = drained.sent,
                refused = drained.refused,
                left_to = drained.left_to,
                "trades forwarded"
            );
            Ok(Exit::Done)
        }
        Err(error) => {
            tracing::error!("{:#}", anyhow::Error::from(error));
            Ok(Exit::Unavailable)
        }
    }
}

/// One pass with a progress bar. After a failure, which is in the log, the summary still has what was settled before.
pub async fn pass(settler: &Settler, wanted: Pass) -> (PassSummary, Result<(), PassError>) {
    let bar = output::progress(0, "settling");
    let length = u64::from(settler.community().interval.seconds());
    let last = wanted.until.map_or(wanted.now, |until| until.min(wanted.now)).as_second();
    let mut summary = PassSummary::default();
    let result = settler
        .pass(wanted, &mut summary, |commit| {
            if bar.length() == Some(0) {
                let end = u64::try_from(last).unwrap_or(0);
                bar.set_length(end.saturating_sub(commit.cleared.interval.start().seconds()) / length);
            }
            bar.inc(1);
        })
        .await;
    bar.finish_and_clear();
    if let Err(error) = &result {
        settlement::stopped(&settler.community().name, error);
    }
    (summary, result)
}

fn print_json(name: &str, summary: &PassSummary, error: Option<&str>, out: &mut impl Write) -> anyhow::Result<()> {
    let json = SummaryJson {
        community: name,
        intervals: summary.intervals,
        from: summary.first.or(summary.last).map(|boundary| boundary.to_string()),
        until: summary.last.map(|boundary| boundary.to_string()),
        trades: summary.trades,
        local_wh: summary.local.wh(),
        from_grid_wh: summary.from_grid.wh(),
        to_grid_wh: summary.to_grid.wh(),
        events: &summary.events,
        remark: summary.remark.as_deref(),
        error,
    };
    output::json_line(&json, out)
}

fn print(name: &str, summary: &PassSummary, failed: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let settled = match (summary.first.or(summary.last), summary.last) {
        (Some(first), Some(last)) => format!("{} intervals from {first} to {last}", output::grouped(summary.intervals)),
        // Decisions about meters settle without an interval of their own.
        _ if summary.trades > 0 => "what was decided about meters".to_owned(),
        _ => {
            let nothing = match &summary.remark {
                Some(remark) => format!("nothing was settled: {remark}"),
                None if failed => "nothing was settled".to_owned(),
                None => "nothing is due".to_owned(),
            };
            writeln!(out, "{name}: {nothing}")?;
            return print_events(summary, out);
        }
    };
    writeln!(
        out,
        "{name}: {settled}, {} trades, {} kWh traded here, {} kWh from the grid, {} kWh to it",
        output::grouped(summary.trades),
        output::kwh(summary.local.wh()),
        output::kwh(summary.from_grid.wh()),
        output::kwh(summary.to_grid.wh()),
    )?;
    print_events(summary, out)
}

fn print_events(summary: &PassSummary, out: &mut impl Write) -> anyhow::Result<()> {
    for (code, count) in &summary.events {
        writeln!(out, "  {code}: {}", output::grouped(*count))?;
    }
    Ok(())
}
