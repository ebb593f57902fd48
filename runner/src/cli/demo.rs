//! `rec-market demo`: everything at work on loopback, with a result that a community's board can read.

mod algorithm;
mod directory;
mod json;
mod payments;
mod report;
mod scene;
mod serve;
mod summary;
mod text;
mod tls;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use books::OfferedSince;
use clap::{Args, ValueEnum};
use demo::meters::{self, MetersService, Package};
use tokio::net::TcpListener;

use crate::algorithms::cache::AlgorithmCache;
use crate::app::{self, open_sandbox};
use crate::cli::exit::{Exit, ExitCode};
use crate::cli::{audit, output, settle};
use crate::clock::{Clock, SystemClock};
use crate::settlement::{Pass, PassSummary};
use crate::telemetry::metrics::Metrics;
use directory::Directory;
use payments::Payments;
use scene::Scene;
use summary::BookSummary;

/// The demo's community.
const COMMUNITY: &str = "sunny-street";

/// Show a whole platform at work on loopback: meters, market, days of trading, payments
///
/// Needs no configuration and no network. A Meters service serves simulated households (or your readings), the market
/// settles them over real gRPC, a Transactions service pays, and the result is printed per member. What four other rules would
/// have meant is written to report.html, a page to look at: beside the books with --keep, or else in the working folder.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Days to settle [default: 7 of a simulated community, all of recorded readings]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub days: Option<u16>,
    /// Number of members of the simulated community
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub members: u16,
    /// Seed: another number simulates another community, the same number always the same one
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Use recorded readings instead: CSV with the columns meter,timestamp,import_wh,export_wh
    #[arg(long, value_name = "FILE", conflicts_with_all = ["members", "seed"])]
    pub readings: Option<PathBuf>,
    /// Matching algorithm: name of a base algorithm, or .wasm file
    #[arg(long, default_value = "mid-market-rate")]
    pub algorithm: String,
    /// How trades get to Transactions
    #[arg(long, value_enum, default_value_t = ForwardArg::Pull)]
    pub forward: ForwardArg,
    /// Keep configuration and books in this directory, to look at them with other commands
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Keep running with the books in a browser: at this address, or else at 127.0.0.1:8080, or any port if that is taken
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, conflicts_with = "json")]
    pub serve: Option<Option<SocketAddr>>,
    /// Print one JSON object instead of tables
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ForwardArg {
    /// Transactions fetches them, as on the platform
    Pull,
    /// The market sends them
    Push,
}

/// Everything that the demo reports.
struct DemoResult {
    scene: Scene,
    summary: PassSummary,
    settle_seconds: f64,
    payments: Payments,
    books: BookSummary,
    audit: audit::CommunityJson,
    algorithm: algorithm::Outcome,
    report: report::Report,
}

impl DemoResult {
    fn is_good(&self) -> bool {
        self.audit.findings_total == 0 && self.is_all_paid()
    }

    /// Whether every trade between members is paid, in the books of Transactions and of the market.
    fn is_all_paid(&self) -> bool {
        let paid = self.books.paid();
        let totals = self.payments.totals;
        paid == self.books.local_trades() && totals.paid == paid && totals.trades == paid
    }
}

pub async fn run(args: &DemoArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let scene = Scene::new(args)?;
    let port = match args.serve {
        Some(wanted) => Some(serve::Port::open(wanted).await?),
        None => None,
    };
    let directory = Directory::new(args.keep.as_deref())?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let now = scene.now();
    let meters =
        meters::serve(MetersService::new(Arc::clone(&scene.recorded), move || now), Package::Platform, listener)?;
    let meters_address = format!("http://{}", meters.address());
    let config = directory.write_config(&args.algorithm, &meters_address, port.is_some())?;

    let started = Instant::now();
    let store = app::open_store(&config.store).await?;
    let sandbox = open_sandbox(Some(config.cache.clone()))?;
    let cache = Arc::new(AlgorithmCache::new(sandbox.clone(), Arc::clone(&store)));
    let community = &config.communities[0];
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Metrics::new(Arc::clone(&clock));
    let settler = app::settler(community, &cache, &store, &clock, &metrics).await?;
    // Whatever is settled here was never paid elsewhere.
    let since = OfferedSince(Some(jiff::Timestamp::MIN));
    let wanted = Pass { now, until: Some(scene.until), fence: None, since };
    let (summary, settled) = settle::pass(&settler, wanted).await;
    settled?;
    let settle_seconds = started.elapsed().as_secs_f64();
    meters.stop().await.exit_code(Exit::Unavailable)?;

    let payments = payments::pay(&store, args.forward).await.exit_code(Exit::Unavailable)?;
    let books = BookSummary::read(&*store).await?;
    let audit = audit::audit(&*store, COMMUNITY.to_owned()).await?;
    let algorithm = algorithm::try_candidate(&config, &store, &cache).await.exit_code(Exit::Unavailable)?;
    let report = report::write(community, &store, &sandbox, &directory).await?;
    let result = DemoResult { scene, summary, settle_seconds, payments, books, audit, algorithm, report };
    if args.json {
        output::json_line(&result.json(), out)?;
    } else {
        result.print(out)?;
        directory.print_hint(port.is_some(), out)?;
    }
    if let Some(port) = port {
        port.serve(&config, store, &result.scene, out).await?;
    }
    Ok(if result.is_good() { Exit::Done } else { Exit::Bad })
}
