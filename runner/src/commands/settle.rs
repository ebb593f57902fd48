//! `rec-market settle`: every due interval of every community.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{Exit, Failed, forward, open_sandbox, output, refuse_unknown};
use crate::algorithms::{Reference, public_grid};
use crate::clearing::Clearing;
use crate::cli::SettleArgs;
use crate::clock::{Clock, SystemClock};
use crate::config::{CommunityConfig, Config};
use crate::meters::client::{MetersClient, Patience};
use crate::service::Holder;
use crate::settle::{Pass, Settler, Summary};
use crate::stock::Stock;
use crate::store::{self, Store};

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
pub async fn run(args: &SettleArgs, out: &mut impl Write) -> Result<Exit, Failed> {
    let config = Config::load(&args.config.config)?;
    let store = store::open(&config.store).await?;
    let stock = Arc::new(Stock::new(open_sandbox(Some(config.cache.clone()))?, Arc::clone(&store)));
    let mut settlers = Vec::new();
    for community in &config.communities {
        settlers.push(settler(community, &stock, &store).await?);
    }
    let now = SystemClock.now();
    let mut exit = Exit::Done;
    for settler in settlers {
        let name = settler.community().name.clone();
        // One community's trouble is not another's.
        let (summary, error) = match pass(&settler, now, args.until).await {
            Ok(summary) => (summary, None),
            Err((summary, failed)) => {
                exit = exit.max(failed.exit);
                (summary, Some(failed.message))
            }
        };
        if args.json {
            print_json(&name, &summary, error.as_deref(), out)?;
        } else {
            print(&name, &summary, error.is_some(), out)?;
        }
    }
    Ok(exit.max(forwarded(&config, &store).await?))
}

/// Brings away what waits, if the configuration wants that.
async fn forwarded(config: &Config, store: &Arc<dyn Store>) -> Result<Exit, Failed> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let holder = Holder::this(&*clock);
    let Some(forwarder) = forward::forwarder(config, store, &clock, &holder)? else { return Ok(Exit::Done) };
    match forwarder.drain_once().await {
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

/// Everything that is needed to settle a community, checked before the first interval.
pub async fn settler(
    community: &CommunityConfig,
    stock: &Arc<Stock>,
    store: &Arc<dyn Store>,
) -> Result<Settler, Failed> {
    let named =
        |failed: Failed| Failed { message: format!("community {}: {}", community.name, failed.message), ..failed };
    let algorithm =
        stock.configured(&community.name, &community.algorithm).await.map_err(|error| named(error.into()))?;
    let keys = community.settings.iter().map(|(key, _)| key.as_str());
    refuse_unknown(keys, &algorithm.description, &community.algorithm).map_err(named)?;
    let fallback = match community.fallback {
        true => Some(stock.configured(&community.name, &Reference::Base(public_grid())).await?),
        false => None,
    };
    let patience = Patience { deadline: community.meters_timeout, ..Patience::default() };
    let meters = MetersClient::trusting(&community.meters, patience, community.meters_ca.as_deref())?;
    let clearing = Clearing::new(community.clone(), algorithm, fallback);
    Ok(Settler::new(clearing, meters, Arc::clone(stock), Arc::clone(store), Arc::new(SystemClock)))
}

/// One pass with a progress bar; what was settled before a failure is told as well.
pub async fn pass(settler: &Settler, now: Timestamp, until: Option<Timestamp>) -> Result<Summary, (Summary, Failed)> {
    let bar = output::progress(0, "settling");
    let length = u64::from(settler.community().interval.seconds());
    let last = until.map_or(now, |until| until.min(now)).as_second();
    let mut summary = Summary::default();
    let result = settler
        .pass(Pass { now, until, fence: None }, &mut summary, |commit| {
            if bar.length() == Some(0) {
                let end = u64::try_from(last).unwrap_or(0);
                bar.set_length(end.saturating_sub(commit.interval.start().seconds()) / length);
            }
            bar.inc(1);
        })
        .await;
    bar.finish_and_clear();
    match result {
        Ok(()) => Ok(summary),
        Err(error) => Err((summary, error.into())),
    }
}

fn print_json(name: &str, summary: &Summary, error: Option<&str>, out: &mut impl Write) -> Result<(), Failed> {
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

fn print(name: &str, summary: &Summary, failed: bool, out: &mut impl Write) -> Result<(), Failed> {
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
