use std::collections::BTreeSet;

use domain::settlement::Violation;
use domain::{Boundary, Energy, IntervalLength, NamedParty, NamedTrade, Price, Settlement, Trade, TradeId};
use jiff::Timestamp;
use sandbox::{BadResult, Limits, Usage};

use super::*;
use crate::clock::FixedClock;
use crate::telemetry::store::MeasuredStore;
use books::{Books, Claim, Leases, MatchUpdate, OfferedSince, Payments, Store, StoredEvent, StoredTrade, Window};
use domain::trade::State;
use store::SqliteStore;

/// 2023-09-01T12:00:00Z.
const NOON: u64 = 1_693_569_600;

/// The grace period of communities, in which no lag counts.
const GRACE: Duration = Duration::from_secs(300);

/// A clock that a test can turn.
struct Turned(Mutex<Timestamp>);

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_second(seconds.cast_signed()).unwrap()
}

fn metrics() -> Metrics {
    Metrics::new(Arc::new(FixedClock(at(NOON))))
}

fn usage() -> Usage {
    let budget = Limits::default().budget(1);
    let duration = Duration::from_micros(80);
    Usage { fuel: 1234, budget, peak_memory_bytes: 70_000, duration, input_bytes: 1, output_bytes: 1 }
}

/// The value of one series, as it is written.
#[track_caller]
fn value(metrics: &Metrics, series: &str) -> String {
    let text = metrics.render();
    let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {series} in:\n{text}")).to_owned()
}

#[track_caller]
fn assert_values(metrics: &Metrics, expected: &[(&str, &str)]) {
    for (series, expected) in expected {
        assert_eq!(value(metrics, &format!("rec_market_{series}")), *expected, "{series}");
    }
}

#[test]
fn a_community_is_there_at_zero_before_anything_happens() {
    let metrics = metrics();
    metrics.community("aveiro", GRACE);
    let text = metrics.render();
    let zero = |series: String| {
        assert!(text.lines().any(|line| line == format!("rec_market_{series} 0")), "{series}:\n{text}")
    };
    for code in Violation::CODES {
        zero(format!("violations_total{{code=\"{code}\",community=\"aveiro\"}}"));
    }
    for code in [
        "gap",
        "fell",
        "jumped",
        "glitch",
        "restarted",
        "exchanged",
        "accepted",
        "too-large",
        "no-member",
        "unreadable",
    ] {
        zero(format!("events_total{{code=\"{code}\",community=\"aveiro\"}}"));
    }
    for kind in ["algorithm", "trap", "fuel", "deadline", "memory", "output", "invalid", "rejected"] {
        zero(format!("algorithm_failures_total{{community=\"aveiro\",kind=\"{kind}\"}}"));
    }
    for kind in ["local", "from_grid", "to_grid", "operator"] {
        zero(format!("trades_total{{community=\"aveiro\",kind=\"{kind}\"}}"));
        zero(format!("energy_watt_hours_total{{community=\"aveiro\",kind=\"{kind}\"}}"));
    }
    zero("intervals_settled_total{by=\"algorithm\",community=\"aveiro\"}".to_owned());
    zero("community_held{community=\"aveiro\"}".to_owned());
    zero("forwarded_trades_total{outcome=\"paid\"}".to_owned());
    zero("meters_retries_total{community=\"aveiro\"}".to_owned());
    // Of a community that was never settled nobody knows how far behind it is.
    assert!(!text.contains("rec_market_lag_seconds{"), "{text}");
}

#[test]
fn what_is_committed_is_counted_by_kind() {
    let metrics = metrics();
    let of = metrics.community("aveiro", GRACE);
    let member = || NamedParty::Member("m01".parse().unwrap());
    let trade = |seller, buyer, wh| {
        let interval = Boundary::from_seconds(NOON).unwrap().interval(IntervalLength::QUARTER_HOUR).unwrap();
        let price = Price::from_micro_eur(1);
        let trade = NamedTrade { seller, buyer, energy: Energy::from_wh(wh), price };
        StoredTrade::new("aveiro", interval, 0, trade, None)
    };
    let trades = [
        trade(member(), member(), 700),
        trade(member(), NamedParty::Grid, 300),
        trade(NamedParty::Operator, member(), 1),
        trade(NamedParty::Grid, member(), 5),
        trade(member(), NamedParty::Operator, 9),
    ];
    let event = StoredEvent { code: "gap".to_owned(), subject: "m01".to_owned(), message: String::new() };
    let mark = Boundary::from_seconds(NOON).unwrap();
    of.committed(mark, Some(By::Algorithm), &trades, std::slice::from_ref(&event));
    of.committed(mark, Some(By::Fallback), &[], &[event]);
    of.committed(mark, None, &[], &[]);
    assert_values(
        &metrics,
        &[
            ("intervals_settled_total{by=\"algorithm\",community=\"aveiro\"}", "1"),
            ("intervals_settled_total{by=\"fallback\",community=\"aveiro\"}", "1"),
            ("trades_total{community=\"aveiro\",kind=\"local\"}", "2"),
            ("energy_watt_hours_total{community=\"aveiro\",kind=\"local\"}", "701"),
            ("energy_watt_hours_total{community=\"aveiro\",kind=\"to_grid\"}", "300"),
            ("energy_watt_hours_total{community=\"aveiro\",kind=\"from_grid\"}", "5"),
            ("energy_watt_hours_total{community=\"aveiro\",kind=\"operator\"}", "9"),
            ("events_total{code=\"gap\",community=\"aveiro\"}", "2"),
            ("settled_until_timestamp_seconds{community=\"aveiro\"}", "1693569600"),
        ],
    );
}

#[test]
fn many_communities_have_their_series_together() {
    let metrics = Metrics::in_total(Arc::new(FixedClock(at(NOON + 2000))));
    let communities: Vec<_> = (0..1000).map(|number| metrics.community(&format!("c{number}"), GRACE)).collect();
    let size = metrics.render().len();
    for (number, of) in (0..).zip(&communities) {
        of.committed(Boundary::from_seconds(NOON + number % 2 * 900).unwrap(), Some(By::Algorithm), &[], &[]);
        of.lease(number % 3 == 0);
        of.passed(if number < 7 { PassOutcome::Held } else { PassOutcome::Done });
    }
    metrics.shadow_ran("c5", 2, 0);
    metrics.shadow_ran("c6", 3, 0);
    assert_values(
        &metrics,
        &[
            ("intervals_settled_total{by=\"algorithm\",community=\"all\"}", "1000"),
            ("lease_held{community=\"all\"}", "334"),
            ("community_held{community=\"all\"}", "7"),
            // Of the one that is furthest behind.
            ("settled_until_timestamp_seconds{community=\"all\"}", "1693569600"),
            ("lag_seconds{community=\"all\"}", "1700"),
            ("shadow_runs_total{community=\"all\",outcome=\"usable\"}", "5"),
        ],
    );
    // However many there are.
    let text = metrics.render();
    assert!(text.len() < size + 1000 && !text.contains("community=\"c5\""), "{size} {}", text.len());
    assert!(communities[3].is_held() && communities[3].has_lease() && !communities[8].is_held());
}

#[test]
fn lag_and_age_rise_by_themselves() {
    let clock = Arc::new(Turned(Mutex::new(at(NOON))));
    let metrics = Metrics::new(clock.clone());
    let of = metrics.community("aveiro", GRACE);
    of.set_mark(Boundary::from_seconds(NOON).unwrap());
    metrics.outbox(OutboxDepth { waiting: 3, oldest: Some(at(NOON - 100)) });
    // The grace period of five minutes is not over: not behind.
    assert_values(
        &metrics,
        &[("lag_seconds{community=\"aveiro\"}", "0"), ("outbox_trades", "3"), ("outbox_oldest_age_seconds", "100")],
    );
    *lock(&clock.0) = at(NOON + 1000);
    assert_values(&metrics, &[("lag_seconds{community=\"aveiro\"}", "700"), ("outbox_oldest_age_seconds", "1100")]);
    assert_eq!(of.lag(Timestamp::MIN), Some(Duration::ZERO));
    metrics.outbox(OutboxDepth::default());
    assert_values(&metrics, &[("outbox_trades", "0"), ("outbox_oldest_age_seconds", "0")]);
}

#[test]
fn runs_are_counted_with_their_verdict() {
    let metrics = metrics();
    let of = metrics.community("aveiro", GRACE);
    of.algorithm_run(&usage(), Ok(()));
    let round = Arc::new(rec_market_tests::corpus::round());
    let trade = Trade {
        seller: domain::Party::Member(0),
        buyer: domain::Party::Member(0),
        energy: Energy::ZERO,
        price: Price::from_micro_eur(0),
    };
    let violations = Settlement::check(round, vec![trade], 10).unwrap_err();
    let codes: BTreeSet<_> = violations.iter().map(Violation::code).collect();
    assert!(codes.contains("self-trade") && codes.contains("zero-energy"), "{codes:?}");
    of.algorithm_run(&usage(), Err(&BadResult::Rejected(violations)));
    assert_values(
        &metrics,
        &[
            ("algorithm_failures_total{community=\"aveiro\",kind=\"rejected\"}", "1"),
            ("violations_total{code=\"self-trade\",community=\"aveiro\"}", "1"),
            ("violations_total{code=\"oversold\",community=\"aveiro\"}", "0"),
            ("algorithm_fuel_total{community=\"aveiro\"}", "2468"),
            ("algorithm_seconds_count{community=\"aveiro\"}", "2"),
            ("algorithm_seconds_bucket{community=\"aveiro\",le=\"0.00005\"}", "0"),
            ("algorithm_seconds_bucket{community=\"aveiro\",le=\"0.0001\"}", "2"),
            ("algorithm_peak_memory_bytes_sum{community=\"aveiro\"}", "140000"),
        ],
    );
}

#[test]
fn a_hold_ends_with_a_pass_that_is_done() {
    let metrics = metrics();
    let of = metrics.community("aveiro", GRACE);
    let held = |outcome| {
        of.passed(outcome);
        of.is_held()
    };
    assert!(held(PassOutcome::Held));
    // While the Meters service is away nothing is known of the hold.
    assert!(held(PassOutcome::Meters));
    assert_values(&metrics, &[("community_held{community=\"aveiro\"}", "1")]);
    assert!(!held(PassOutcome::Done));
    of.lease(true);
    assert!(of.has_lease());
    assert_values(
        &metrics,
        &[
            ("lease_held{community=\"aveiro\"}", "1"),
            ("passes_total{community=\"aveiro\",outcome=\"held\"}", "1"),
            ("passes_total{community=\"aveiro\",outcome=\"done\"}", "1"),
        ],
    );
}

#[test]
fn strangers_make_no_series() {
    let metrics = metrics();
    let took = Duration::from_millis(3);
    for number in 0..100 {
        metrics.grpc_request(&format!("/proto.Market{number}/Get"), 12, took);
    }
    metrics.grpc_request("/proto.MarketService/GetMatches", 0, took);
    metrics.grpc_request("/proto.MarketService/GetMatches", 3, took);
    metrics.grpc_request("/proto.MarketService/GetMatches", 99, took);
    assert_values(
        &metrics,
        &[
            ("grpc_requests_total{code=\"UNIMPLEMENTED\",method=\"other\"}", "100"),
            ("grpc_requests_total{code=\"OK\",method=\"proto.MarketService/GetMatches\"}", "1"),
            ("grpc_requests_total{code=\"INVALID_ARGUMENT\",method=\"proto.MarketService/GetMatches\"}", "1"),
            ("grpc_requests_total{code=\"UNKNOWN\",method=\"proto.MarketService/GetMatches\"}", "1"),
            ("grpc_request_seconds_count{method=\"proto.MarketService/GetMatches\"}", "3"),
        ],
    );
    assert!(!metrics.render().contains("proto.Market0"));
}

#[test]
fn names_and_labels_are_as_prometheus_wants_them() {
    let metrics = metrics();
    let of = metrics.community("a \"b\"\\", GRACE);
    of.set_mark(Boundary::from_seconds(NOON).unwrap());
    let text = metrics.render();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert!(name.starts_with("rec_market_") || name.starts_with("process_"), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
    }
    assert!(text.contains("lag_seconds{community=\"a \\\"b\\\"\\\\\"} "), "{text}");
    let build = text.lines().find(|line| line.starts_with("rec_market_build_info{")).unwrap();
    for part in
        [format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), format!("engine=\"{}\"", Sandbox::engine_version())]
    {
        assert!(build.contains(&part) && build.ends_with(" 1"), "{build}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_the_process_uses_is_measured() {
    let text = metrics().render();
    for (name, least) in [
        ("process_resident_memory_bytes", 1 << 20),
        ("process_open_fds", 3),
        ("process_threads", 2),
        ("process_start_time_seconds", 1_500_000_000),
        ("process_cpu_seconds_total", 0),
    ] {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        assert!(value.is_some_and(|value| value >= least), "{name}: {value:?}");
    }
}

#[tokio::test]
async fn a_measured_store_is_the_store_with_a_stopwatch() {
    let metrics = Arc::new(metrics());
    let directory = tempfile::tempdir().unwrap();
    let plain: Arc<dyn Store> = Arc::new(SqliteStore::open(&directory.path().join("market.db")).unwrap());
    let store = MeasuredStore::new(plain, metrics.clone());
    let (now, id) = (at(NOON), TradeId::from_bytes([7; 12]));
    assert_eq!(store.progress("aveiro").await.unwrap().mark, None);
    let claim = Claim { buyer: "b".into(), since: OfferedSince::default(), now, until: now };
    assert_eq!(store.claim(&claim, Window::first(10)).await.unwrap(), []);
    assert_eq!(store.outbox_depth(OfferedSince::default(), now).await.unwrap(), OutboxDepth::default());
    let update = MatchUpdate { id, state: State::Paid, transaction_id: None, message: None };
    assert!(store.update(&[update], now).await.is_err());
    store.acquire("l", "me", now, Duration::from_secs(9)).await.unwrap();
    store.release("l", "me").await.unwrap();
    assert_values(
        &metrics,
        &[
            ("store_operation_seconds_count{operation=\"progress\",outcome=\"ok\"}", "1"),
            ("store_operation_seconds_count{operation=\"claim\",outcome=\"ok\"}", "1"),
            ("store_operation_seconds_count{operation=\"update\",outcome=\"refused\"}", "1"),
            ("store_operation_seconds_count{operation=\"acquire\",outcome=\"ok\"}", "1"),
            ("store_operation_seconds_count{operation=\"release\",outcome=\"ok\"}", "1"),
            // Nothing came of a report that was refused.
            ("forwarded_trades_total{outcome=\"paid\"}", "0"),
        ],
    );
}
