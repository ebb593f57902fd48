//! `rec-market replay`: recomputes stored intervals and reports what differs.

mod recompute;
mod report;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::anyhow;
use books::{Span, Store, StoreError};
use clap::Args;
use domain::Boundary;
use jiff::Timestamp;
use sandbox::Limits;

use crate::algorithms::replay;
use crate::app::{self, open_sandbox_with_any_cache};
use crate::cli::args::{ConfigArg, SpanArgs, time};
use crate::cli::exit::{Exit, ExitCode, usage};
use crate::cli::{output, stored, wasmtime_cli};
use crate::config::Config;
use recompute::Replayer;
use report::Report;

/// Recompute stored intervals and report exactly what differs
///
/// Runs each stored round through the stored algorithm again, in the same sandbox, and compares the result with the books:
/// the digest of the round, every trade, the digest of all trades, the fuel. Changes nothing, so it can run beside the
/// service. Without --interval, --from and --to it recomputes everything.
///
/// To check without this program: `rec-market replay --interval 2023-09-01T12:00:00Z --print-wasmtime` prints a command
/// for the plain wasmtime CLI that does the same, and writes the stored algorithm to a file for it.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    pub config: ConfigArg,
    /// Only this community
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Only the interval that contains this time
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["from", "to"])]
    pub interval: Option<Timestamp>,
    #[command(flatten)]
    pub span: SpanArgs,
    /// Number of intervals to recompute at the same time [default: number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Print one JSON object for each interval, in order
    #[arg(long)]
    pub json: bool,
    /// Print the equivalent command for the plain wasmtime CLI, and recompute nothing
    #[arg(long, requires = "interval", conflicts_with_all = ["json", "jobs"])]
    pub print_wasmtime: bool,
    /// File to write the algorithm to for that command [default: its name and digest]
    #[arg(long, value_name = "FILE", requires = "print_wasmtime")]
    pub component: Option<PathBuf>,
}

/// How far before a time the interval that contains it may start, in seconds: the usual lengths, then the longest. They are
/// tried one after the other, so that few other intervals are read, one of which may be damaged.
const LENGTHS: [u64; 6] = [60, 300, 900, 1800, 3600, 86_400];

pub async fn run(args: &ReplayArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let config = Config::load(&args.config.config)?;
    let store = expect_damage(app::open_store_to_read(&config.store).await)?;
    let stored = expect_damage(store.communities().await)?;
    let names = stored::selection(&config, stored, args.community.as_deref())?;
    let selection = match args.interval {
        Some(at) => containing(&*store, names, at).await?,
        None => {
            let with_span = |name: String| -> anyhow::Result<(String, Span)> {
                let span = stored::span(&args.span, &stored::zone(&config, &name))?;
                Ok((name, span))
            };
            names.into_iter().map(with_span).collect::<anyhow::Result<_>>()?
        }
    };
    let jobs = args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let mut replayer = Replayer::new(&*store, open_sandbox_with_any_cache(Some(config.cache.clone()))?, jobs);
    if args.print_wasmtime {
        return print_wasmtime(&mut replayer, &config, &selection, args.component.as_ref(), out).await;
    }
    let mut exit = Exit::Done;
    for (name, span) in selection {
        let mut report = Report::new(&name, args.json);
        let damage = replayer
            .replay(&name, span, limits(&config, &name), |stored, replay| report.add(stored, &replay, &mut *out));
        if let Some(damage) = damage.await? {
            report.damage(&damage, &mut *out)?;
        }
        exit = exit.max(report.finish(&mut *out)?);
    }
    Ok(exit)
}

/// Damage of the store is what this command looks for, so it ends with [`Exit::Bad`].
fn expect_damage<T>(read: Result<T, StoreError>) -> anyhow::Result<T> {
    match read {
        Err(error) if stored::is_damage(&error) => Err(error).exit_code(Exit::Bad),
        read => Ok(read?),
    }
}

/// The widest limits that a community ever has; the usual ones if it is no longer configured.
fn limits(config: &Config, name: &str) -> Limits {
    let communities = config.communities.iter().filter(|community| community.name == name);
    let terms = communities.flat_map(|community| community.terms.spans());
    terms.fold(Limits::default(), |widest, (_, _, terms)| {
        let limits = terms.limits();
        Limits {
            fuel: widest.fuel.max(limits.fuel),
            memory_bytes: widest.memory_bytes.max(limits.memory_bytes),
            time: widest.time.max(limits.time),
            output_bytes: widest.output_bytes.max(limits.output_bytes),
        }
    })
}

/// The communities that have an interval which contains a time, with the span of that interval.
async fn containing(store: &dyn Store, names: Vec<String>, at: Timestamp) -> anyhow::Result<Vec<(String, Span)>> {
    let mut found = Vec::new();
    let mut others = Vec::new();
    for name in names {
        match expect_damage(start(store, &name, at).await)? {
            Some(start) => {
                let span = Span { from: Some(start.seconds()), to: Some(stored::after(start)) };
                found.push((name, span));
            }
            None => others.push(expect_damage(describe_span(store, &name).await)?),
        }
    }
    if found.is_empty() {
        return Err(usage(format!("no stored interval contains {at} ({})", others.join("; "))));
    }
    for other in others {
        tracing::warn!("{other}; none contains {at}");
    }
    Ok(found)
}

/// The start of the interval that contains a time.
async fn start(store: &dyn Store, community: &str, at: Timestamp) -> Result<Option<Boundary>, StoreError> {
    let Ok(second) = u64::try_from(at.as_second()) else { return Ok(None) };
    for length in LENGTHS {
        let span = Span { from: Some((second + 1).saturating_sub(length)), to: Some(second + 1) };
        let mut last = None;
        stored::each_interval(store, community, span, |stored| {
            last = Some(stored.interval);
            Ok::<(), StoreError>(())
        })
        .await?;
        if let Some(interval) = last {
            return Ok((second < interval.end().seconds()).then_some(interval.start()));
        }
    }
    Ok(None)
}

/// Which intervals a community has, in words.
async fn describe_span(store: &dyn Store, community: &str) -> Result<String, StoreError> {
    let first = store.intervals(community, Span::default(), 1).await?;
    let mark = store.progress(community).await?.mark;
    Ok(match (first.first(), mark) {
        (Some(first), Some(mark)) => format!("{community} has intervals from {} to {mark}", first.interval.start()),
        _ => format!("{community} has no intervals"),
    })
}

/// Prints the command that recomputes an interval with the plain wasmtime CLI, and writes the component that it needs.
async fn print_wasmtime(
    replayer: &mut Replayer<'_>,
    config: &Config,
    selection: &[(String, Span)],
    file: Option<&PathBuf>,
    out: &mut impl Write,
) -> anyhow::Result<Exit> {
    let [(name, span)] = selection else {
        let names: Vec<&str> = selection.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(", ");
        return Err(usage(format!("--print-wasmtime needs one community: {names} (name one with --community)")));
    };
    let page = expect_damage(replayer.store.intervals(name, *span, 1).await)?;
    let Some((interval, round, provenance)) =
        page.first().and_then(|stored| Some((stored.interval, stored.round.as_ref()?, stored.provenance.as_ref()?)))
    else {
        return Err(usage(format!(
            "no algorithm ran for this interval of {name}: no meter was read at both ends (choose another interval)"
        )));
    };
    let (known, component) = replayer.load(provenance.algorithm).await?;
    let algorithm = known.algorithm.map_err(|problem| anyhow!("interval {interval}: {problem}"));
    let (algorithm, _) = algorithm.exit_code(Exit::Bad)?;
    if let Some(damage) = known.damage {
        tracing::warn!("{damage} (using those of this program)");
    }
    let usual = || PathBuf::from(output::component_file(&provenance.name, &provenance.algorithm.short()));
    let file = file.cloned().unwrap_or_else(usual);
    let taken = "and is not this algorithm (name another file with --component)";
    output::new_file(&file, &component, taken)?;
    // Not to stdout, which may be piped into a shell.
    writeln!(
        io::stderr(),
        "the algorithm of interval {interval} is in {}, sha256 {}",
        file.display(),
        provenance.algorithm
    )?;
    let budget = replay::budget(&limits(config, name), round);
    writeln!(out, "{}", wasmtime_cli::command(&algorithm, &file, round, budget))?;
    Ok(Exit::Done)
}
