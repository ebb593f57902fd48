//! The cost of settling an interval, from fetching readings to durable books, with 16 and 1,000 meters: real gRPC on
//! loopback, a real sandbox, and SQLite with every commit synced.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot start has no result")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use books::{OfferedSince, Store};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use demo::household::{Plan, generate};
use demo::meters::{MetersService, Package, serve};
use domain::Boundary;
use rec_market::algorithms::cache::AlgorithmCache;
use rec_market::app;
use rec_market::clock::{Clock, FixedClock};
use rec_market::config::Config;
use rec_market::settlement::{Pass, PassSummary};
use rec_market::telemetry::metrics::Metrics;
use sandbox::{Options, Sandbox};
use store::SqliteStore;

/// 2024-05-06T00:00:00Z.
const START: u64 = 1_714_953_600;

/// Settles this number of intervals of a new community; returns the average time per interval.
fn settle(runtime: &tokio::runtime::Runtime, members: usize, intervals: u32) -> Duration {
    runtime.block_on(async {
        let start = Boundary::from_seconds(START).expect("a time");
        let days = u16::try_from(intervals.div_ceil(96)).expect("few days");
        let community = generate(Plan { seed: 1, members, start, days }).expect("a plan");
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let until = start.timestamp() + Duration::from_secs(900 * u64::from(intervals));
        let now = until + Duration::from_secs(3600);
        let meters = serve(MetersService::new(community.recorded, move || now), Package::Platform, listener);
        let meters = meters.expect("it serves");

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
        let settler = app::settler(&config.communities[0], &cache, &store, &clock, &metrics).await;
        let settler = settler.expect("a settler");

        let mut summary = PassSummary::default();
        let started = Instant::now();
        settler
            .pass(Pass { now, until: Some(until), fence: None, since: OfferedSince::default() }, &mut summary, |_| {})
            .await
            .expect("it settles");
        let elapsed = started.elapsed();
        assert_eq!(summary.intervals, u64::from(intervals));
        meters.stop().await.expect("it stops");
        elapsed / intervals
    })
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
}

criterion_group!(settling, benches);
criterion_main!(settling);
