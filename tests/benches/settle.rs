//! The cost of settling an interval, from fetching readings to durable books, with 16 and 1,000 meters, and of many communities
//! side by side: real gRPC on loopback, a real sandbox, and SQLite with every commit synced.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot start has no result")]

mod market;

use std::sync::Arc;
use std::time::{Duration, Instant};

use books::{OfferedSince, Store};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use demo::household::{Plan, generate};
use demo::meters::{MetersService, Package, Serving, serve};
use domain::Boundary;
use market::Market;
use rec_market::algorithms::cache::AlgorithmCache;
use rec_market::app::Common;
use rec_market::clock::{Clock, FixedClock};
use rec_market::config::Config;
use rec_market::settlement::{Pass, PassSummary, Settler};
use rec_market::telemetry::metrics::Metrics;
use sandbox::{Options, Sandbox};
use store::SqliteStore;
use tokio::task::JoinSet;

/// Settles this number of intervals of a new community; returns the average time per interval.
fn settle(runtime: &tokio::runtime::Runtime, members: usize, intervals: u32) -> Duration {
    let days = u16::try_from(intervals.div_ceil(96)).expect("few days");
    runtime.block_on(async { Market::new(members, days).await.settle(intervals).await }) / intervals
}

/// 2024-05-06T00:00:00Z.
const START: u64 = 1_714_953_600;

/// The members of each of many communities.
const MEMBERS: usize = 100;

/// Many communities, which all ask the same Meters service, each at an address of its own, for one interval.
struct Communities {
    settlers: Vec<Settler>,
    pass: Pass,
    meters: Serving,
    _directory: tempfile::TempDir,
}

impl Communities {
    async fn new(communities: usize) -> Communities {
        let start = Boundary::from_seconds(START).expect("a time");
        let community = generate(Plan { seed: 1, members: MEMBERS, start, days: 1 }).expect("a plan");
        let listener = tokio::net::TcpListener::bind(("0.0.0.0", 0)).await.expect("a port");
        let until = start.timestamp() + Duration::from_secs(900);
        let now = until + Duration::from_secs(3600);
        let meters = serve(MetersService::new(community.recorded, move || now), Package::Platform, listener);
        let meters = meters.expect("it serves");

        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("market.toml");
        let port = meters.address().port();
        let text =
            |number| format!("[[community]]\nname = \"c{number}\"\nmeters = \"http://127.0.1.{number}:{port}\"\n");
        std::fs::write(&file, (1..=communities).map(text).collect::<String>()).expect("it writes");
        let config = Config::load(&file).expect("a configuration");
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&directory.path().join("market.db")).expect("a store"));
        let sandbox = Sandbox::new(Options::default()).expect("a sandbox");
        let cache = Arc::new(AlgorithmCache::new(sandbox, Arc::clone(&store)));
        let clock: Arc<dyn Clock> = Arc::new(FixedClock(now));
        let (metrics, common) = (Metrics::new(Arc::clone(&clock)), Common::new(cache, store, clock));
        let mut settlers = Vec::new();
        for community in config.communities {
            settlers.push(common.settler(Arc::new(community), &metrics).await.expect("a settler"));
        }
        let pass = Pass { now, until: Some(until), fence: None, since: OfferedSince::default() };
        Communities { settlers, pass, meters, _directory: directory }
    }

    /// Settles the interval of all, one community after the other or side by side; returns the average time of an interval.
    async fn settle(self, side_by_side: bool) -> Duration {
        let Communities { settlers, pass, meters, _directory } = self;
        let settle = move |settler: Settler| async move {
            let mut summary = PassSummary::default();
            settler.pass(pass, &mut summary, |_| {}).await.expect("it settles");
            summary.intervals
        };
        let started = Instant::now();
        let mut intervals = 0;
        if side_by_side {
            let mut passes: JoinSet<u64> = settlers.into_iter().map(settle).collect();
            while let Some(settled) = passes.join_next().await {
                intervals += settled.expect("no panic");
            }
        } else {
            for settler in settlers {
                intervals += settle(settler).await;
            }
        }
        let elapsed = started.elapsed();
        meters.stop().await.expect("it stops");
        elapsed / u32::try_from(intervals).expect("some intervals")
    }
}

fn benches(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("settle an interval");
    group.sample_size(10).measurement_time(Duration::from_secs(5)).warm_up_time(Duration::from_millis(100));
    for (members, intervals) in [(16, 192), (1000, 48)] {
        group.bench_function(BenchmarkId::from_parameter(members), |bencher| {
            bencher.iter_custom(|iterations| (0..iterations).map(|_| settle(&runtime, members, intervals)).sum());
        });
    }
    group.finish();

    // An interval of each of many communities: what the cores, the Meters service and shared syncs make of them.
    let mut group = criterion.benchmark_group("settle an interval of one of 200 communities of 100 members");
    group.sample_size(10).measurement_time(Duration::from_secs(5)).warm_up_time(Duration::from_millis(100));
    for (name, side_by_side) in [("one after the other", false), ("side by side", true)] {
        group.bench_function(name, |bencher| {
            let settle = || runtime.block_on(async { Communities::new(200).await.settle(side_by_side).await });
            bencher.iter_custom(|iterations| (0..iterations).map(|_| settle()).sum());
        });
    }
    group.finish();
}

criterion_group!(settling, benches);
criterion_main!(settling);
