//! Meters of which nothing usable comes: people are told, of each meter once, and again when it changes.

use serde_json::{Value, json};

use testkit::*;

/// Everything that `events` lists: `12:00 m code: message`, and `–` where there is no interval.
fn told(market: &Market) -> Vec<String> {
    market.json(&["events", "--json"]).iter().map(event_text).collect()
}

fn event_text(event: &Value) -> String {
    let text = |key: &str| event[key].as_str().unwrap();
    let start = event["start"].as_str().map_or_else(|| "–".to_owned(), short);
    format!("{start} {} {}: {}", text("subject"), text("code"), text("message"))
}

/// Ann sells and Bob buys, from 12:00 to a quarter-hour.
fn ann_and_bob(until: u32) -> Vec<Row> {
    let time = |quarter: u32| format!("{:02}:{:02}", 12 + quarter / 4, quarter % 4 * 15);
    let rows = (0..=until).flat_map(|quarter| {
        [format!("ann {} 0 {}", time(quarter), 500 * quarter), format!("bob {} {} 0", time(quarter), 100 * quarter)]
    });
    readings(&rows.collect::<Vec<_>>())
}

/// What is otherwise a reading, without a register.
fn without(field: &str, texts: &[&str]) -> Vec<Row> {
    readings(texts).into_iter().filter(|row| row.field != field).collect()
}

const GHOST: &str = "[community.members.ghost]\n[community.members.house]\nmeters = [\"ann\", \"lost\"]";

/// The story of the field: one register only, six minutes late, and never seen.
fn tells_of_each_meter_once(store: &str) {
    let half = without("Active export", &["half 12:00 7 0", "half 12:15 8 0", "half 12:30 9 0", "half 12:45 9 0"]);
    let late = readings(&["late 12:06 1 0", "late 12:21 2 0", "late 12:36 3 0", "late 12:51 4 0"]);
    let meters = Meters::telling_rows([ann_and_bob(4), half, late].concat());
    let market = Market::new(&format!("{store}{}", community("aveiro", meters.address(), GHOST)));
    let first = market.json(&["settle", "--json"]).remove(0);
    assert_eq!(first["events"], json!({"half-read": 1, "never-read": 2, "off-boundary": 1}));
    assert_eq!((&first["intervals"], &first["remark"]), (&json!(4), &Value::Null));
    let never = "never-read: configured, but never read (is its id right, and does the Meters service know it?)";
    let expected = [
        format!("12:45 ghost {never}"),
        "12:45 half half-read: only Active import is read near boundaries, the last time at 2023-09-01T12:45:00Z: a meter counts only where both registers are read".to_owned(),
        "12:45 late off-boundary: its readings are 6m from the nearest boundary, the last at 2023-09-01T12:51:00Z, further than the tolerance of 2m: none counts (set tolerance to 6m or more, or have meters read nearer to the boundaries)".to_owned(),
        format!("12:45 lost {never}"),
    ];
    assert_eq!(told(&market), expected);
    assert_eq!(market.trades().iter().filter(|trade| trade.contains("house > bob 100")).count(), 4);
    // Nothing is told twice: not without new readings, and not with them.
    market.settle().done();
    meters.tell_rows(without("Active export", &["half 13:00 9 0", "half 13:15 9 0"]));
    meters.tell(&["late 13:06 5 0", "ann 13:15 0 2500", "bob 13:15 500 0"]);
    let more = market.json(&["settle", "--json"]).remove(0);
    assert_eq!((&more["events"], &more["intervals"]), (&json!({}), &json!(1)));
    assert_eq!(told(&market), expected);
    // What is mended is told, and what then fails again.
    meters.tell(&["late 13:30 6 0", "half 13:30 9 0", "ghost 13:30 0 0", "ann 13:30 0 3000", "bob 13:30 600 0"]);
    market.settle().ends_with(0);
    let recovered = told(&market)[4..].to_vec();
    assert_eq!(
        recovered,
        [
            "13:15 ghost recovered: read for the first time, at 2023-09-01T13:30:00Z",
            "13:15 half recovered: read as it should be again, at 2023-09-01T13:30:00Z",
            "13:15 late recovered: read as it should be again, at 2023-09-01T13:30:00Z",
        ]
    );
    meters.tell(&["ann 13:45 0 3500", "bob 13:45 700 0", "ann 14:00 0 4000", "bob 14:00 800 0"]);
    market.settle().ends_with(0);
    let silent: Vec<String> =
        told(&market)[7..].iter().map(|told| told.split(',').next().unwrap().to_owned()).collect();
    let at = "13:45 ghost silent: not read since 2023-09-01T13:30:00Z";
    assert_eq!(silent, ["ghost", "half", "late"].map(|meter| at.replace("ghost", meter)));
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn one_register_readings_that_are_late_and_meters_that_nobody_saw_are_told_once() {
    tells_of_each_meter_once("");
}

#[needs::mongodb]
#[test]
fn the_same_is_told_where_the_books_are_in_mongodb() {
    tells_of_each_meter_once(&mongodb());
}

#[test]
fn readings_that_are_all_beyond_the_tolerance_are_told_with_the_way_out() {
    let rows = ["ann 12:06 0 0", "ann 12:21 0 500", "bob 12:06 0 0", "bob 12:21 100 0"];
    let meters = Meters::telling(&rows);
    let market = Market::of(&meters);
    let remark = "there are readings, the newest at 2023-09-01T12:21:00Z, but none is near a boundary: they are 6m off, and \
                  tolerance is 2m (set tolerance to 6m or more, or have meters read nearer to the boundaries)";
    for events in [json!({"off-boundary": 2}), json!({})] {
        let summary = market.json(&["settle", "--json"]).remove(0);
        assert_eq!((&summary["remark"], &summary["events"]), (&json!(remark), &events));
        assert_eq!((&summary["from"], &summary["error"]), (&Value::Null, &Value::Null));
    }
    assert_eq!(market.settle().ends_with(0).out, format!("aveiro: nothing was settled: {remark}\n"));
    let events = told(&market);
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event.starts_with("– ") && event.contains(" 6m from ")), "{events:?}");
    // As it says.
    market.configure(&community("aveiro", meters.address(), "tolerance = \"6m\""));
    assert_eq!(market.books(), ["12:00 ann > bob 100 at 96200, Created", "12:00 ann > grid 400 at 30000"]);
    assert_eq!(told(&market).iter().filter(|event| event.contains(" recovered: ")).count(), 2);
    // No tolerance can be so large.
    let meters = Meters::telling(&["ann 12:07:30 0 0", "bob 12:21 0 500"]);
    let market = Market::of(&meters);
    market.settle().ends_with(0).shows(&["they are 6m to 7m 30s off", "less than half the interval"]);
    let meters = Meters::telling_rows(without("Active export", &["ann 12:00 0 0", "ann 12:15 5 0"]));
    let market = Market::of(&meters);
    market.settle().ends_with(0).shows(&["there are readings, but of no meter both registers"]);
}

#[test]
fn a_meter_service_without_readings_is_no_remark() {
    let meters = Meters::silent();
    let market = Market::of(&meters);
    assert_eq!(market.settle().done().out, "aveiro: nothing is due\n");
    assert_eq!(told(&market), [""; 0]);
}

#[test]
fn a_meter_that_falls_silent_is_told_with_the_gap_that_ends_it() {
    let meters = Meters::telling_rows([ann_and_bob(1), readings(&["carl 12:00 0 0", "carl 12:15 0 0"])].concat());
    let market = Market::of(&meters);
    market.settle().ends_with(0);
    // A single reading that is missing is none of it.
    meters.tell(&["ann 12:30 0 1000", "bob 12:30 200 0"]);
    market.settle().done();
    assert_eq!(told(&market), [""; 0]);
    for (ann, bob) in [("ann 12:45 0 1500", "bob 12:45 300 0"), ("ann 13:00 0 2000", "bob 13:00 400 0")] {
        meters.tell(&[ann, bob]);
        market.settle().ends_with(0);
        let silent = "12:30 carl silent: not read since 2023-09-01T12:15:00Z, although others are; what it measures meanwhile is settled with the grid over the gap when it is read again";
        assert_eq!(told(&market), [silent]);
    }
    meters.tell(&["ann 13:15 0 2500", "bob 13:15 500 0", "carl 13:15 0 0"]);
    market.settle().ends_with(0);
    let events = told(&market);
    assert!(events[1].starts_with("13:00 carl gap: not read since 2023-09-01T12:15:00Z"), "{events:?}");
    assert_eq!(events[2], "13:00 carl recovered: read as it should be again, at 2023-09-01T13:15:00Z");
    // Settled late and at once, the same gap is only a gap.
    let late = Market::of(&meters);
    late.settle().ends_with(0);
    assert_eq!(told(&late), events[1..2]);
}

#[test]
fn a_meter_that_nobody_waits_for_any_more_is_told() {
    let meters = Meters::telling_rows(ann_and_bob(1));
    let market = Market::with(&meters, "[community.members.ghost]");
    market.settle().ends_with(0);
    market.configure(&community("aveiro", meters.address(), ""));
    market.settle().ends_with(0);
    meters.tell(&["ann 12:30 0 1000", "bob 12:30 200 0"]);
    market.settle().ends_with(0);
    let events = told(&market);
    assert_eq!(
        (events.len(), &*events[1]),
        (2, "12:00 ghost recovered: no longer configured, so that nobody waits for it")
    );
}
