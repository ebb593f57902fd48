//! `rec-market backtest`: what other rules would have meant for each member.

mod community;
mod files;
pub mod report;
mod shares;
mod sheet;
mod table;
mod variants;

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use books::{Span, Store};
use clap::Args;
use domain::netting::Basis;
use domain::{Boundary, MeterId};
use figures::Backtest;
use indicatif::ProgressBar;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use words::Language;

use crate::app;
use crate::backtest::json::BacktestJson;
use crate::backtest::rounds::Rounds;
use crate::backtest::{self, Feed, Job, RoundLimits, Told, Variant, meters, readings};
use crate::cli::args::{SpanArgs, duration, language, zone};
use crate::cli::exit::{Exit, usage};
use crate::cli::{output, stored};
use crate::clock::{Clock, SystemClock};
use crate::config::CommunityConfig;
use crate::settlement::Boundaries;
use crate::settlement::clearing::Clearing;
use community::Community;

/// Show what other rules would have meant for each member
///
/// Runs each rule on the rounds that a community has settled, through the service's own sandbox and balance check, and sums up
/// what everybody would have paid. Nothing is stored. With --readings the rounds come from files instead, with --fetch from the
/// Meters service of the community's configuration.
///
/// A rule is an algorithm, with settings and with what else is to be otherwise:
///
///   --with k-double-auction,k=250000           a setting of the algorithm (what is not named has its default)
///   --with uniform,tariff.retail=171000        another tariff of all members: tariff.retail, tariff.feed_in in µEUR/kWh
///   --with fixed-shares,shares=new.csv         other sharing coefficients: a member and its share a line (ann;0,333333)
///   --with own.wasm,limits.price_ceiling=150000   other limits on prices: limits.price_floor, limits.price_ceiling
///
/// Readings of files and of a Meters service are netted as in settlement, but with the prices and tariffs of the configuration
/// alone: prices that members set over gRPC, and exchanges of meters that were declared, are in the books only.
///
/// Always there are grid-alone, as if there were no community, and as-settled, which the others are compared with; without
/// stored rounds they are compared with the first rule. An interval that any rule cannot clear counts for none. Members do not
/// react to prices here, which they would.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct BacktestArgs {
    /// Configuration file [default: market.toml; none with --readings]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The community [default: the only one that is configured]
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    #[command(flatten)]
    pub span: SpanArgs,
    /// A rule to try: ALGORITHM[,KEY=VALUE…] (any number)
    #[arg(long, value_name = "RULE", num_args = 1.., required = true)]
    pub with: Vec<String>,
    /// Take the readings of these files, of any format that `readings check` knows: each meter is a member, or what --config
    /// says of it
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub readings: Vec<PathBuf>,
    /// Take the readings of the community's Meters service
    #[arg(long, conflicts_with = "readings")]
    pub fetch: bool,
    /// What the grid charges, in µEUR/kWh [default: 162400]
    #[arg(long, value_name = "PRICE", requires = "readings", conflicts_with = "config", allow_negative_numbers = true)]
    pub retail: Option<i64>,
    /// What the grid pays, in µEUR/kWh [default: 30000]
    #[arg(long, value_name = "PRICE", requires = "readings", conflicts_with = "config", allow_negative_numbers = true)]
    pub feed_in: Option<i64>,
    /// How import and export become surplus and deficit: net or gross [default: the community's, or net]
    #[arg(long, value_name = "BASIS")]
    pub basis: Option<Basis>,
    /// Length of intervals [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "readings", conflicts_with = "config")]
    pub interval: Option<Duration>,
    /// Time zone of days, months and dates, such as Europe/Lisbon [default: the community's, or UTC]
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub zone: Option<TimeZone>,
    /// The meter of a file that names none
    #[arg(long, value_name = "ID", requires = "readings")]
    pub meter: Option<MeterId>,
    /// Length of the intervals of a file that does not say it
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "readings")]
    pub step: Option<Duration>,
    /// What a file of one direction that does not say which holds was fed in, not drawn
    #[arg(long, requires = "readings")]
    pub export: bool,
    /// Leave out rows that are wrong, instead of refusing their file
    #[arg(long, requires = "readings")]
    pub skip_bad: bool,
    /// Number of intervals to run at the same time [default: number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Print one JSON object, with money in nano-euro and rates in parts per million
    #[arg(long)]
    pub json: bool,
    /// Print comma-separated values: a row for each rule and member
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Write a report to this file, one HTML page that needs nothing else
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// The language of the report: en, pt, de, fr, nl or es
    #[arg(long, value_name = "CODE", value_parser = language, default_value = "en", requires = "report")]
    pub lang: Language,
}

pub async fn run(args: &BacktestArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let named = variants::parse(&args.with)?;
    let community = Community::open(args).await?;
    let variants = variants::load(named, &community).await?;
    let span = stored::span(&args.span, &community.zone)?;
    let backtest = tokio::task::block_in_place(|| execute(args, &community, &variants, span))?;
    for variant in &backtest.variants {
        tell_problems(variant);
    }
    if let Some(file) = &args.report {
        report::write(file, args.lang, &backtest)?;
    }
    match (args.json, args.csv) {
        (true, _) => output::json_line(&BacktestJson::of(&backtest)?, out)?,
        (false, true) => sheet::print(&backtest, out)?,
        (false, false) => table::print(&backtest, out)?,
    }
    if let Some(file) = args.report.as_ref().filter(|_| !args.json && !args.csv) {
        writeln!(out, "\nThe report is in {}: one page that opens in any browser, and prints.", file.display())?;
    }
    Ok(if backtest.is_bad() { Exit::Bad } else { Exit::Done })
}

/// Runs variants on what a community has stored.
pub async fn of_books(
    store: &Arc<dyn Store>,
    config: &CommunityConfig,
    rules: &[&str],
    sandbox: &sandbox::Sandbox,
) -> anyhow::Result<Backtest> {
    let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
    let community = Community::of_books(config, store, sandbox);
    let variants = variants::load(variants::parse(&rules)?, &community).await?;
    let hidden = ProgressBar::hidden();
    tokio::task::block_in_place(|| {
        run_job(&community, &variants, None, &hidden, |feed| {
            backtest::stored::feed(&**store, &community.name, Span::default(), feed)
        })
    })
}

/// Runs the variants on the cases of the source that was asked for.
fn execute(args: &BacktestArgs, community: &Community, variants: &[Variant], span: Span) -> anyhow::Result<Backtest> {
    if !args.readings.is_empty() {
        let options = ::readings::Options {
            zone: args.zone.clone(),
            meter: args.meter.clone(),
            step: args.step.and_then(|step| u32::try_from(step.as_secs()).ok()),
            export: args.export,
            skip_bad: args.skip_bad,
        };
        let meters = files::read(&args.readings, &options)?;
        let bar = output::progress(intervals_of(&meters, community), "running");
        return run_job(community, variants, args.jobs, &bar, |feed| {
            let clearing = clearing(community, variants)?;
            readings::feed(&meters, Rounds::new(&clearing, span), clearing.community(), feed)
        });
    }
    if args.fetch {
        let bar = output::progress(0, "running");
        return run_job(community, variants, args.jobs, &bar, |feed| {
            let clearing = clearing(community, variants)?;
            let config = clearing.community();
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let from = span.from.and_then(Boundary::from_seconds).map_or(Timestamp::UNIX_EPOCH, Boundary::timestamp);
            let last = span.to.and_then(Boundary::from_seconds).map(Boundary::timestamp);
            let latest = last.and_then(|to| to.checked_add(Duration::from_secs(config.interval.seconds().into())).ok());
            let latest = latest.map_or(clock.now(), |latest| latest.min(clock.now()));
            let boundaries =
                Boundaries::read(app::meters(config, community.store.as_ref(), &clock)?, config, from, latest);
            meters::feed(boundaries, Rounds::new(&clearing, span), feed)
        });
    }
    let Some(store) = &community.store else { return Err(usage("there are no books (name files with --readings)")) };
    let runtime = tokio::runtime::Handle::current();
    let count = runtime.block_on(backtest::stored::count(&**store, &community.name, span))?;
    let bar = output::progress(count, "running");
    run_job(community, variants, args.jobs, &bar, |feed| backtest::stored::feed(&**store, &community.name, span, feed))
}

fn run_job(
    community: &Community,
    variants: &[Variant],
    jobs: Option<u16>,
    bar: &ProgressBar,
    source: impl FnOnce(&Feed<'_>) -> anyhow::Result<Told>,
) -> anyhow::Result<Backtest> {
    let jobs = jobs.and_then(|jobs| NonZeroUsize::new(jobs.into()));
    let workers = jobs.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let job = Job {
        community: &community.name,
        zone: community.zone.clone(),
        variants,
        limits: &|case| RoundLimits::of(community.config.as_ref(), case),
        workers,
        progress: &|cases| bar.inc(cases),
    };
    let backtest = backtest::run(&job, source);
    bar.finish_and_clear();
    backtest
}

/// What makes rounds of readings. It asks for an algorithm, which does not run.
fn clearing(community: &Community, variants: &[Variant]) -> anyhow::Result<Clearing> {
    let (Some(config), Some(any)) = (&community.config, variants.first()) else {
        return Err(usage("no rule is named (name one with --with)"));
    };
    Ok(Clearing::new(config.clone(), any.ready.clone(), None))
}

/// About how many intervals there are in these readings, for the progress bar.
fn intervals_of(meters: &[readings::MeterReadings], community: &Community) -> u64 {
    let rows = || meters.iter().flat_map(|meter| meter.rows.first().into_iter().chain(meter.rows.last()));
    let (first, last) = (rows().map(|row| row.at).min(), rows().map(|row| row.at).max());
    let seconds = first.zip(last).map_or(0, |(first, last)| last.as_second().saturating_sub(first.as_second()));
    let length = community.config.as_ref().map_or(900, |config| config.interval.seconds());
    u64::try_from(seconds).unwrap_or(0) / u64::from(length)
}

/// Tells on which intervals a rule failed or was rejected, and why.
fn tell_problems(variant: &figures::Variant) {
    let (rule, runs) = (&variant.named.label, &variant.runs);
    for (start, problem) in &runs.problems {
        tracing::warn!("{rule}: interval {start}: {problem}");
    }
    let more = runs.bad().saturating_sub(runs.problems.len() as u64);
    if more > 0 {
        tracing::warn!("{rule}: and {more} more intervals");
    }
}
