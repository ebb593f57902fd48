//! `rec-market settle`: one pass over every community.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::adapter::transactions::outbox::OutboxRelay;
use crate::algorithms::cache::AlgorithmCache;
use crate::app::{self, Common};
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
/// Communities are settled side by side. Continues where the last run stopped. Running it twice, or twice at once, changes nothing: the id of a trade derives from
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

/// What came of one community.
type Settled = (PassSummary, Result<(), PassError>);

pub async fn run(args: &SettleArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let mut config = Config::load(&args.config.config)?;
    let store = app::open_store(&config.store).await?;
    let cache = Arc::new(AlgorithmCache::new(app::open_sandbox(Some(config.cache.clone()))?, Arc::clone(&store)));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let relay = app::outbox_relay(&config, &store, &clock, &LeaseOwner::this(&*clock))?;
    let common = Common::new(cache, store, Arc::clone(&clock));
    // Nobody sees them.
    let metrics = Metrics::in_total(Arc::clone(&clock));
    let mut settlers = Vec::new();
    for community in std::mem::take(&mut config.communities) {
        settlers.push(common.settler(Arc::new(community), &metrics).await?);
    }
    let wanted = Pass { now: clock.now(), until: args.until, fence: None, since: config.forward.since };
    let mut exit = Exit::Done;
    let mut tell = |name: &str, (summary, result): Settled| {
        let error = result.err().map(anyhow::Error::from);
        exit = exit.max(error.as_ref().map_or(Exit::Done, exit_of));
        let error = error.map(|error| format!("{error:#}"));
        match args.json {
            true => print_json(name, &summary, error.as_deref(), out),
            false => print(name, &summary, error.is_some(), out),
        }
    };
    if let [settler] = &settlers[..] {
        tell(&settler.community().name, pass(settler, wanted).await)?;
    } else {
        pass_all(settlers, wanted, tell).await?;
    }
    Ok(exit.max(forward(relay).await))
}

/// A pass over each community, side by side; tells what came of each, in their order.
async fn pass_all(
    settlers: Vec<Settler>,
    wanted: Pass,
    mut tell: impl FnMut(&str, Settled) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let bar = output::progress(settlers.len() as u64, "settling communities");
    let names: Vec<String> = settlers.iter().map(|settler| settler.community().name.clone()).collect();
    let mut passes = JoinSet::new();
    for (number, settler) in settlers.into_iter().enumerate() {
        passes.spawn(async move {
            // A community that waits takes next to no memory: a pass has its state only once it has its turn.
            let mut turn = settler.turns.take().await;
            let settled = Box::pin(async {
                let mut summary = PassSummary::default();
                let result = settler.pass_in(&mut turn, wanted, &mut summary, |_| {}).await;
                (summary, result)
            });
            (number, settled.await)
        });
    }
    let (mut next, mut done) = (0, BTreeMap::new());
    while let Some(passed) = passes.join_next().await {
        let (number, settled) = passed.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        bar.inc(1);
        done.insert(number, settled);
        while let Some((summary, result)) = done.remove(&next) {
            let name = &names[next];
            // A community that fails does not stop the others.
            if let Err(error) = &result {
                settlement::stopped(name, error);
            }
            bar.suspend(|| tell(name, (summary, result)))?;
            next += 1;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Pushes waiting trades to Transactions, if the configuration says so.
async fn forward(relay: Option<OutboxRelay>) -> Exit {
    let Some(relay) = relay else { return Exit::Done };
    match relay.drain_once().await {
        Ok(drained) => {
            tracing::info!(
                sent = drained.sent,
                refused = drained.refused,
                left_to = drained.left_to,
                "trades forwarded"
            );
            Exit::Done
        }
        Err(error) => {
            tracing::error!("{:#}", anyhow::Error::from(error));
            Exit::Unavailable
        }
    }
}

/// One pass with a progress bar. After a failure, which is in the log, the summary still has what was settled before.
pub async fn pass(settler: &Settler, wanted: Pass) -> Settled {
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
