//! The cost of an interval by phase, from asking a Meters service to the checked result, with 16 to 10,000 meters: real gRPC
//! on loopback, the real decoder, page, netting, sandbox and check. `service` is what the Meters service itself takes to make
//! the answer, which is a part of `fetch`. The last columns are the whole way to durable books: of an interval of a backlog,
//! where the next page is fetched meanwhile, and of one alone whose readings have just come, which is one page.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot start has no result")]
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

mod market;
mod rounds;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use demo::meters::query::Query;
use domain::disputes::{MeterLimits, MeterRules};
use domain::netting::{Basis, LastReads, Netting, Ownership, net};
use domain::{Interval, IntervalLength, Power, Settlement};
use jiff::Timestamp;
use market::Market;
use prost::Message as _;
use rec_market::settlement::page::{Page, PageReader};
use rec_market::settlement::{Row, Rows};
use sandbox::{Limits, Options, Sandbox};
use wire::measurements::{self, Measurement};

const LENGTH: IntervalLength = IntervalLength::QUARTER_HOUR;
const TOLERANCE: Duration = Duration::from_secs(120);

/// Meters, rows of a series in one page, and intervals of the whole way.
const SIZES: [(usize, u32, u32); 4] = [(16, 96, 192), (100, 96, 96), (1_000, 10, 48), (10_000, 2, 8)];

/// Intervals that are settled alone, after the others.
const ALONE: u32 = 9;

/// Where a page begins that has everything of the first boundary.
fn from(market: &Market) -> Timestamp {
    market.start.timestamp() - TOLERANCE
}

/// What the service answers to a request for a page.
fn answer(market: &Market, limit: u32) -> Vec<u8> {
    let filter = wire::QueryMeters {
        start_interval: Some(from(market).to_string()),
        limit: i32::try_from(limit).ok(),
        ..wire::QueryMeters::default()
    };
    Query::parse(&filter, market.now).expect("a query").answer(&market.recorded).encode_to_vec()
}

async fn fetch(market: &Market, limit: u32) -> Rows {
    market.settler.meters.page(from(market), limit, None).await.expect("it answers")
}

fn decode(response: &[u8]) -> Rows {
    let mut rows = Rows::default();
    let mut add = |Measurement { device_id, field, value, date }: Measurement<'_>| {
        rows.push_known(Row { device_id, field, value, date });
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
    let market = runtime.block_on(Market::new(members, 3));
    let response = answer(&market, limit);
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
    cell(median(boundaries, || drop(black_box(runtime.block_on(fetch(&market, limit))))));
    cell(median(boundaries, || drop(black_box(answer(&market, limit)))));
    cell(median(boundaries, || drop(black_box(decode(&response)))));
    cell(median(boundaries, || drop(black_box(page(&rows, limit)))));
    cell(median(1, || drop(black_box(second(&read, &first)))));
    cell(median(1, || drop(black_box(algorithm.clear(&round, budget)))));
    cell(median(1, || drop(black_box(Settlement::check(Arc::clone(&round), trades.clone(), usize::MAX)))));
    cell(runtime.block_on(market.settle(intervals)) / intervals);
    let mut alone: Vec<Duration> =
        (0..ALONE).map(|more| runtime.block_on(market.settle_newest(intervals + more))).collect();
    alone.sort_unstable();
    cell(alone[alone.len() / 2]);
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
    println!("   meters    fetch  service   decode     page      net  sandbox    check    whole    alone");
    for size in SIZES {
        row(&runtime, &sandbox, size);
    }
}
