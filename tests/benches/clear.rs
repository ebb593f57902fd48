//! The cost of the sandbox: the whole sandboxed call (instantiate, lower, run, lift, check) compared with the same
//! `clear` called natively, and the check alone. The ratios at the end mean more than the times.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot start has no result")]

mod rounds;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group};
use domain::settlement::trades_max_default;
use domain::{Round, Settlement};
use explain::native;
use market_kit::Algorithm as _;
use sandbox::{Algorithm, Limits, Options, Sandbox};

const SIZES: [u32; 4] = [10, 1_000, 100_000, 1_000_000];

type Native = fn(&market_kit::Round) -> market_kit::Outcome;

const ALGORITHMS: [(&str, Native); 2] =
    [("mid-market-rate", mid_market_rate::MidMarketRate::clear), ("uniform", uniform::Uniform::clear)];

fn load(sandbox: &Sandbox, name: &str) -> Algorithm {
    let base = base::base(name).expect("a base algorithm");
    sandbox.load_own(base.bytes).expect("it loads")
}

/// Makes the whole call, as in settlement.
fn sandboxed(algorithm: &Algorithm, round: &Arc<Round>) -> Settlement {
    let positions = round.positions().len();
    let run = algorithm.clear(round, Limits::default().budget(positions)).expect("the machine works");
    let trades = run.result.expect("an answer");
    Settlement::check(Arc::clone(round), trades, trades_max_default(positions)).expect("a balance")
}

fn clear(criterion: &mut Criterion) {
    let sandbox = Sandbox::new(Options::default()).expect("a sandbox");
    for (name, native) in ALGORITHMS {
        let algorithm = load(&sandbox, name);
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500));
        for size in SIZES {
            let round = rounds::round(size);
            let kit_round = native::round(&round);
            group.bench_with_input(BenchmarkId::new("sandboxed", size), &round, |bencher, round| {
                bencher.iter(|| sandboxed(&algorithm, round));
            });
            group.bench_with_input(BenchmarkId::new("native", size), &kit_round, |bencher, round| {
                bencher.iter(|| native(black_box(round)));
            });
        }
        group.finish();
    }
}

fn check(criterion: &mut Criterion) {
    let sandbox = Sandbox::new(Options::default()).expect("a sandbox");
    let algorithm = load(&sandbox, "mid-market-rate");
    let mut group = criterion.benchmark_group("check");
    group.sample_size(10).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(300));
    for size in SIZES {
        let round = rounds::round(size);
        let trades = sandboxed(&algorithm, &round).trades().to_vec();
        group.bench_with_input(BenchmarkId::from_parameter(size), &trades, |bencher, trades| {
            bencher.iter_batched(
                || trades.clone(),
                |trades| Settlement::check(Arc::clone(&round), trades, usize::MAX),
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// Measures the median duration of several runs.
fn median(mut run: impl FnMut()) -> Duration {
    let runs = 3;
    run();
    let mut times: Vec<Duration> = Vec::new();
    let begun = Instant::now();
    while times.len() < runs || (begun.elapsed() < Duration::from_millis(300) && times.len() < 1000) {
        let started = Instant::now();
        run();
        times.push(started.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

/// Prints times that were measured right after each other, and their ratio.
#[allow(clippy::print_stdout, reason = "a benchmark prints its results")]
fn ratios() {
    let sandbox = Sandbox::new(Options::default()).expect("a sandbox");
    println!(
        "\n{:<16} {:>9} {:>12} {:>12} {:>12} {:>8}",
        "algorithm", "members", "sandboxed", "native", "check", "ratio"
    );
    for (name, native) in ALGORITHMS {
        let algorithm = load(&sandbox, name);
        for size in SIZES {
            let round = rounds::round(size);
            let kit_round = native::round(&round);
            let trades = sandboxed(&algorithm, &round).trades().to_vec();
            let whole = median(|| drop(black_box(sandboxed(&algorithm, &round))));
            let native = median(|| drop(black_box(native(black_box(&kit_round)))));
            let checked = median(|| {
                drop(black_box(Settlement::check(Arc::clone(&round), black_box(trades.clone()), usize::MAX)));
            });
            let ratio = whole.as_secs_f64() / native.as_secs_f64();
            println!(
                "{name:<16} {size:>9} {:>12} {:>12} {:>12} {ratio:>7.1}×",
                format!("{whole:.1?}"),
                format!("{native:.1?}"),
                format!("{checked:.1?}"),
            );
        }
    }
}

/// How many times as long as `mid-market-rate` a rule of the library may take with a thousand members.
fn bound(name: &str) -> f64 {
    match name {
        "k-double-auction" | "trade-reduction" | "muda" => 3.0,
        _ => 2.0,
    }
}

/// Prints how long each rule takes with a thousand members, beside `mid-market-rate`, and with as many as it clears of ten
/// thousand, a hundred thousand and a million.
#[allow(clippy::print_stdout, reason = "a benchmark prints its results")]
fn all_rules() {
    let sandbox = Sandbox::new(Options::default()).expect("a sandbox");
    let thousand = rounds::round(1_000);
    let time = |algorithm: &Algorithm| median(|| drop(black_box(sandboxed(algorithm, &thousand))));
    let usual = load(&sandbox, "mid-market-rate");
    println!("\n{:<20} {:>10} {:>7} {:>6}   {:>10} {:>11}", "algorithm", "1000", "ratio", "bound", "most", "in");
    for base in &base::BASE {
        let algorithm = load(&sandbox, base.name);
        // In turns, because other programs may take their share of the machine: the least of each is its own.
        let turns = [(); 5].map(|()| (time(&algorithm), time(&usual)));
        let own = turns.map(|(own, _)| own).into_iter().min().unwrap_or_default();
        let usual = turns.map(|(_, usual)| usual).into_iter().min().unwrap_or_default();
        let (ratio, bound) = (own.as_secs_f64() / usual.as_secs_f64(), bound(base.name));
        let cleared = [1_000_000, 100_000, 10_000, 1_000].into_iter().find_map(|size| clears(&algorithm, size));
        let (most, lasted) = cleared.expect("it clears a thousand");
        println!(
            "{:<20} {:>10} {ratio:>6.2}× {bound:>6}   {most:>10} {:>11}",
            base.name,
            format!("{own:.1?}"),
            format!("{lasted:.1?}")
        );
    }
}

/// Clears a round of that size within the usual limits, and tells how long it took; `None` if the limits do not suffice.
fn clears(algorithm: &Algorithm, size: u32) -> Option<(u32, Duration)> {
    let round = rounds::round(size);
    let started = Instant::now();
    let checked = algorithm.run_and_check(&round, Limits::default().budget(round.positions().len())).expect("it runs");
    checked.result.is_ok().then(|| (size, started.elapsed()))
}

criterion_group!(benches, clear, check);

fn main() {
    // `cargo test --benches` only checks that the benchmark starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    // A profile must contain one benchmark only.
    if !std::env::args().any(|argument| argument == "--profile-time") {
        ratios();
        all_rules();
    }
    if std::env::args().any(|argument| argument == "--ratios") {
        return;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
