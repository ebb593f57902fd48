//! The cost of settling an interval, from fetching readings to durable books, with 16 and 1,000 meters: real gRPC on
//! loopback, a real sandbox, and SQLite with every commit synced.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot start has no result")]

mod market;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use market::Market;

/// Settles this number of intervals of a new community; returns the average time per interval.
fn settle(runtime: &tokio::runtime::Runtime, members: usize, intervals: u32) -> Duration {
    let days = u16::try_from(intervals.div_ceil(96)).expect("few days");
    runtime.block_on(async { Market::new(members, days).await.settle(intervals).await }) / intervals
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
