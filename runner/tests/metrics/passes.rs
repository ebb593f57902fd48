//! A pass through a real Meters service moves the counters that it should, and no others.

use rec_market::settlement::PassError;
use tonic::Status;

use crate::scene::Scene;
use testkit::*;

/// What the guests are written for: anna has 1200 Wh, bert needs 900 Wh, cleo 500 Wh.
const ANNA_BERT_CLEO: [&str; 6] =
    ["anna 12:00 0 0", "bert 12:00 0 0", "cleo 12:00 0 0", "anna 12:15 0 1200", "bert 12:15 900 0", "cleo 12:15 500 0"];

#[test]
fn a_pass_counts_intervals_trades_energy_and_runs() {
    let meters = Meters::telling(&ANNA_BERT_CLEO);
    let scene = Scene::new(&meters, "12:25", "");
    let summary = scene.pass(scene.base("mid-market-rate"), None).unwrap();
    scene.counts(&[
        ("intervals_settled_total{by=\"algorithm\"}", 1),
        ("intervals_settled_total{by=\"fallback\"}", 0),
        ("energy_watt_hours_total{kind=\"local\"}", summary.local.wh()),
        ("energy_watt_hours_total{kind=\"from_grid\"}", summary.from_grid.wh()),
        ("energy_watt_hours_total{kind=\"to_grid\"}", 0),
        ("settled_until_timestamp_seconds", 1_693_570_500),
        // Ten minutes after the end, of which five are grace.
        ("lag_seconds", 300),
        ("algorithm_seconds_count", 1),
        ("algorithm_peak_memory_bytes_count", 1),
        ("meters_request_seconds_count{outcome=\"ok\"}", meters.asked().len() as u64),
        ("meters_retries_total", 0),
        ("passes_total{outcome=\"done\"}", 1),
        ("community_held", 0),
    ]);
    assert_eq!((summary.local.wh(), summary.from_grid.wh()), (1200, 200));
    let text = scene.metrics.render();
    // The first boundary, which has no interval before it, is committed together with the second.
    assert!(text.contains("store_operation_seconds_count{operation=\"commit\",outcome=\"ok\"} 1"), "{text}");
    let fuel =
        text.lines().find_map(|line| line.strip_prefix("rec_market_algorithm_fuel_total{community=\"aveiro\"} "));
    assert!(fuel.unwrap().parse::<u64>().unwrap() > 0, "{text}");
}

#[test]
fn where_a_community_stands_is_known_before_anything_is_due() {
    let meters = Meters::telling(&ANNA_BERT_CLEO);
    let scene = Scene::new(&meters, "12:25", "");
    scene.pass(scene.base("static"), None).unwrap();
    let scene = scene.restarted();
    scene.pass(scene.base("static"), None).unwrap();
    scene.counts(&[("lag_seconds", 300), ("intervals_settled_total{by=\"algorithm\"}", 0)]);
}

#[test]
fn gaps_falls_and_unreadable_rows_are_counted() {
    let mut rows = readings(&[
        "a 12:00 0 0",
        "a 12:15 10 0",
        "a 12:30 20 0",
        "a 12:45 5 0",
        // Unavailable for half an hour.
        "b 12:00 0 0",
        "b 12:30 40 0",
        "b 12:45 50 0",
    ]);
    rows.push(row("c", "Active import", "much", &date("12:30")));
    let meters = Meters::telling_rows(rows);
    let scene = Scene::new(&meters, "13:00", "");
    scene.pass(scene.base("mid-market-rate"), None).unwrap();
    scene.counts(&[
        ("events_total{code=\"gap\"}", 1),
        ("events_total{code=\"fell\"}", 1),
        ("events_total{code=\"unreadable\"}", 1),
        ("events_total{code=\"fallback\"}", 0),
        // a: 10 + 10, b: 40 after its gap, then 10.
        ("energy_watt_hours_total{kind=\"from_grid\"}", 70),
    ]);
}

#[test]
fn a_result_that_breaks_rules_is_counted_by_rule_and_holds() {
    let meters = Meters::telling(&ANNA_BERT_CLEO);
    let scene = Scene::new(&meters, "12:25", "");
    for attempt in 1..=2 {
        let held = scene.pass(scene.guest("self_trade"), None).unwrap_err();
        assert!(matches!(held, PassError::Clearing(_)), "{held}");
        scene.counts(&[
            ("violations_total{code=\"self-trade\"}", attempt),
            ("violations_total{code=\"price-floor\"}", 0),
            ("algorithm_failures_total{kind=\"rejected\"}", attempt),
            ("passes_total{outcome=\"held\"}", attempt),
            ("community_held", 1),
            ("intervals_settled_total{by=\"algorithm\"}", 0),
        ]);
    }
    // Mended, it goes on.
    scene.pass(scene.base("mid-market-rate"), None).unwrap();
    scene.counts(&[("community_held", 0), ("intervals_settled_total{by=\"algorithm\"}", 1)]);
}

#[test]
fn an_algorithm_that_fails_is_counted_by_kind_and_the_fallback_settles() {
    let meters = Meters::telling(&ANNA_BERT_CLEO);
    let scene = Scene::new(&meters, "12:25", "limits = { fuel = 1000000 }\non_failure = \"fallback\"");
    scene.pass(scene.guest("unreachable"), Some(scene.base("public-grid"))).unwrap();
    scene.counts(&[
        ("algorithm_failures_total{kind=\"trap\"}", 1),
        ("algorithm_failures_total{kind=\"rejected\"}", 0),
        ("intervals_settled_total{by=\"fallback\"}", 1),
        ("intervals_settled_total{by=\"algorithm\"}", 0),
        ("events_total{code=\"fallback\"}", 1),
        // Both ran.
        ("algorithm_seconds_count", 2),
        ("community_held", 0),
    ]);
}

#[test]
fn requests_that_fail_are_counted_with_their_retries() {
    let rows = readings(&ANNA_BERT_CLEO);
    let meters = Meters::answering(move |query, number| match number {
        0 => Err(Status::unavailable("not yet")),
        _ => answer(honest(&rows, query)),
    });
    let scene = Scene::new(&meters, "12:25", "");
    scene.pass(scene.base("mid-market-rate"), None).unwrap();
    scene.counts(&[("meters_request_seconds_count{outcome=\"failed\"}", 1), ("meters_retries_total", 1)]);

    let refusing = Meters::answering(|_, _| Err(Status::permission_denied("no")));
    let scene = Scene::new(&refusing, "12:25", "");
    scene.pass(scene.base("mid-market-rate"), None).unwrap_err();
    scene.counts(&[
        ("meters_request_seconds_count{outcome=\"refused\"}", 1),
        ("meters_retries_total", 0),
        ("passes_total{outcome=\"meters\"}", 1),
        ("community_held", 0),
    ]);
}
