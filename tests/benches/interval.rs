//! The cost of an interval by phase, from asking a Meters service to the checked result, with 16 to 10,000 meters: real gRPC
//! on loopback (so that `fetch` includes the service's own work), the real decoder, page, netting, sandbox and check. The
//! last column is the whole way to durable books, where the next page is fetched meanwhile.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot start has no result")]
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

mod rounds;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use books::{OfferedSince, Store};
use demo::household::{Plan, generate};
use demo::meters::query::Query;
use demo::meters::{MetersService, Package, Recorded, Serving, serve};
use domain::disputes::{MeterLimits, MeterRules};
use domain::netting::{Basis, LastReads, Netting, Ownership, net};
use domain::{Boundary, Interval, IntervalLength, Power, Settlement};
use jiff::Timestamp;
use prost::Message as _;
use rec_market::algorithms::cache::AlgorithmCache;
use rec_market::app;
use rec_market::clock::{Clock, FixedClock};
use rec_market::config::Config;
use rec_market::settlement::page::{Page, PageReader};
use rec_market::settlement::{Pass, PassSummary, Row, Rows, Settler};
use rec_market::telemetry::metrics::Metrics;
use sandbox::{Limits, Options, Sandbox};
use store::SqliteStore;
use tempfile::TempDir;
use wire::measurements::{self, Measurement};

/// 2024-05-06T00:00:00Z.
const START: u64 = 1_714_953_600;
const LENGTH: IntervalLength = IntervalLength::QUARTER_HOUR;
const TOLERANCE: Duration = Duration::from_secs(120);

/// Meters, rows of a series in one page, and intervals of the whole way.
const SIZES: [(usize, u32, u32); 4] = [(16, 96, 192), (100, 96, 96), (1_000, 10, 48), (10_000, 2, 8)];

/// A community, its Meters service and its books.
struct Market {
    recorded: Arc<Recorded>,
    start: Boundary,
    now: Timestamp,
    settler: Settler,
    _meters: Serving,
    _directory: TempDir,
}

impl Market {
    async fn new(members: usize) -> Market {
        let start = Boundary::from_seconds(START).expect("a time");
        let community = generate(Plan { seed: 1, members, start, days: 2 }).expect("a plan");
        let recorded = Arc::new(community.recorded);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let now = start.timestamp() + Duration::from_secs(3 * 86_400);
        let service = MetersService::new(Arc::clone(&recorded), move || now);
        let meters = serve(service, Package::Platform, listener).expect("it serves");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("market.toml");
        let text = format!("[[community]]\nname = \"bench\"\nmeters = \"http://{}\"\n", meters.address());
        std::fs::write(&file, text).expect("it writes");
        let config = Config::load(&file).expect("a configuration");
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&directory.path().join("market.db")).expect("a store"));
        let sandbox = Sandbox::new(Options::default()).expect("a sandbox");
        let cache = Arc::new(AlgorithmCache::new(sandbox, Arc::clone(&store)));
        let clock: Arc<dyn Clock> = Arc::new(FixedClock(now));
        let metrics = Metrics::new(Arc::clone(&clock));
        let settler = app::settler(&config.communities[0], &cache, &store, &clock, &metrics).await.expect("a settler");
        Market { recorded, start, now, settler, _meters: meters, _directory: directory }
    }

    /// Where a page begins that has everything of the first boundary.
    fn from(&self) -> Timestamp {
        self.start.timestamp() - TOLERANCE
    }

    /// The response to a request for a page, as it is sent.
    fn response(&self, limit: u32) -> Vec<u8> {
        let filter = wire::QueryMeters {
            start_interval: Some(self.from().to_string()),
            limit: i32::try_from(limit).ok(),
            ..wire::QueryMeters::default()
        };
        Query::parse(&filter, self.now).expect("a query").answer(&self.recorded).encode_to_vec()
    }

    async fn fetch(&self, limit: u32) -> Rows {
        self.settler.meters.page(self.from(), limit, None).await.expect("it answers")
    }

    /// Settles this many intervals.
    async fn settle(&self, intervals: u32) {
        let until = self.start.timestamp() + Duration::from_secs(900 * u64::from(intervals));
        let pass = Pass { now: self.now, until: Some(until), fence: None, since: OfferedSince::default() };
        let mut summary = PassSummary::default();
        self.settler.pass(pass, &mut summary, |_| {}).await.expect("it settles");
        assert_eq!(summary.intervals, u64::from(intervals));
    }
}

fn decode(response: &[u8]) -> Rows {
    let mut rows = Rows::default();
    let mut add = |Measurement { device_id, field, value, date }: Measurement<'_>| {
        rows.push(Row { device_id, field, value, date });
    };
    measurements::read(response, &mut add).expect("a response");
    rows
}

fn page(rows: &Rows, limit: u32) -> Page {
    let mut reader = PageReader::new(LENGTH, TOLERANCE);
    reader.add(rows, limit);
    reader.finish()
}

/// What comes of the second boundary of a page, after the first one.
fn second(page: &Page, last: &LastReads) -> Netting {
    let (boundary, readings) = &page.boundaries[1];
    net_at(boundary.interval(LENGTH).expect("after 1970"), last, readings)
}

fn net_at(interval: Interval, last: &LastReads, readings: &domain::reading::BoundaryReadings) -> Netting {
    let limits = MeterLimits { usual: Power::USUAL, own: Default::default() };
    let rules = MeterRules::for_readings(Some(&limits), &Default::default(), interval.end(), last, readings);
    net(interval, Basis::Net, &Ownership::default(), last, readings, &rules)
}

/// The median duration of several runs, of which each did `times` times what is measured.
fn median(times: u32, mut run: impl FnMut()) -> Duration {
    run();
    let (mut measured, begun) = (Vec::new(), Instant::now());
    while measured.len() < 5 || (begun.elapsed() < Duration::from_millis(400) && measured.len() < 1000) {
        let started = Instant::now();
        run();
        measured.push(started.elapsed() / times);
    }
    measured.sort_unstable();
    measured[measured.len() / 2]
}

fn row(runtime: &tokio::runtime::Runtime, sandbox: &Sandbox, (members, limit, intervals): (usize, u32, u32)) {
    let market = runtime.block_on(Market::new(members));
    let response = market.response(limit);
    let rows = decode(&response);
    let read = page(&rows, limit);
    let boundaries = u32::try_from(read.boundaries.len()).expect("few");
    let first = {
        let (boundary, readings) = &read.boundaries[0];
        net_at(boundary.interval(LENGTH).expect("after 1970"), &LastReads::new(), readings).read
    };
    let algorithm = sandbox.load_own(base::base("mid-market-rate").expect("there").bytes).expect("it loads");
    let round = rounds::round(u32::try_from(members).expect("few"));
    let budget = Limits::default().budget(members);
    let trades = algorithm.clear(&round, budget).expect("it runs").result.expect("an answer");

    let mut cells = vec![members.to_string()];
    let mut cell = |duration: Duration| cells.push(format!("{:.3}", duration.as_secs_f64() * 1e3));
    cell(median(boundaries, || drop(black_box(runtime.block_on(market.fetch(limit))))));
    cell(median(boundaries, || drop(black_box(decode(&response)))));
    cell(median(boundaries, || drop(black_box(page(&rows, limit)))));
    cell(median(1, || drop(black_box(second(&read, &first)))));
    cell(median(1, || drop(black_box(algorithm.clear(&round, budget)))));
    cell(median(1, || drop(black_box(Settlement::check(Arc::clone(&round), trades.clone(), usize::MAX)))));
    let started = Instant::now();
    runtime.block_on(market.settle(intervals));
    cell(started.elapsed() / intervals);
    println!("{}", cells.iter().map(|cell| format!("{cell:>9}")).collect::<String>());
}

fn main() {
    // `cargo test --benches` only checks that the benchmark starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let sandbox = Sandbox::new(Options::default()).expect("a sandbox");
    println!("an interval by phase, in ms (the sandbox runs mid-market-rate):");
    println!("   meters    fetch   decode     page      net  sandbox    check    whole");
    for size in SIZES {
        row(&runtime, &sandbox, size);
    }
}
