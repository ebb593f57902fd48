//! `rec-market settle`: every due interval of every community.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use books::Store;
use jiff::Timestamp;
use serde::Serialize;

use crate::algorithms::cache::AlgorithmCache;
use crate::app;
use crate::cli::args::SettleArgs;
use crate::cli::exit::{Exit, exit_of};
use crate::cli::output;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::lease::LeaseOwner;
use crate::settlement::{Pass, PassError, PassSummary, Settler};
use crate::telemetry::metrics::Metrics;

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
    error: Option<&'a str>,
}

/// Runs the command.
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
        // One community's trouble is not another's.
        let (summary, result) = pass(&settler, now, args.until).await;
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

/// Pushes what waits to Transactions, if the configuration wants that.
async fn forward(config: &Config, store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) -> anyhow::Result<Exit> {
    let owner = LeaseOwner::this(&**clock);
    let Some(relay) = app::outbox_relay(config, store, clock, &owner)? else { return Ok(Exit::Done) };
    match relay.drain_once().await {
        Ok(drained) => {
            tracing::info!(sent = drained.sent, refused = drained.refused, left_to = drained.left_to, "forwarded");
            Ok(Exit::Done)
        }
        Err(error) => {
            tracing::error!("{error}");
            Ok(Exit::Away)
        }
    }
}

/// One pass with a progress bar. The summary has what was settled before a failure.
pub async fn pass(settler: &Settler, now: Timestamp, until: Option<Timestamp>) -> (PassSummary, Result<(), PassError>) {
    let bar = output::progress(0, "settling");
    let length = u64::from(settler.community().interval.seconds());
    let last = until.map_or(now, |until| until.min(now)).as_second();
    let mut summary = PassSummary::default();
    let result = settler
        .pass(Pass { now, until, fence: None }, &mut summary, |commit| {
            if bar.length() == Some(0) {
                let end = u64::try_from(last).unwrap_or(0);
                bar.set_length(end.saturating_sub(commit.cleared.interval.start().seconds()) / length);
            }
            bar.inc(1);
        })
        .await;
    bar.finish_and_clear();
    (summary, result)
}

fn print_json(name: &str, summary: &PassSummary, error: Option<&str>, out: &mut impl Write) -> anyhow::Result<()> {
    let json = SummaryJson {
        community: name,
        intervals: summary.intervals,
        from: summary.first.map(|boundary| boundary.to_string()),
        until: summary.last.map(|boundary| boundary.to_string()),
        trades: summary.trades,
        local_wh: summary.local.wh(),
        from_grid_wh: summary.from_grid.wh(),
        to_grid_wh: summary.to_grid.wh(),
        events: &summary.events,
        error,
    };
    serde_json::to_writer(&mut *out, &json).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

fn print(name: &str, summary: &PassSummary, failed: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let (Some(first), Some(last)) = (summary.first, summary.last) else {
        writeln!(out, "{name}: {}", if failed { "nothing was settled" } else { "nothing is due" })?;
        return Ok(());
    };
    writeln!(
        out,
        "{name}: {} intervals from {first} to {last}, {} trades, {} kWh traded here, {} kWh from the grid, {} kWh to it",
        output::grouped(summary.intervals),
        output::grouped(summary.trades),
        output::kwh(summary.local.wh()),
        output::kwh(summary.from_grid.wh()),
        output::kwh(summary.to_grid.wh()),
    )?;
    for (code, count) in &summary.events {
        writeln!(out, "  {code}: {}", output::grouped(*count))?;
    }
    Ok(())
}
