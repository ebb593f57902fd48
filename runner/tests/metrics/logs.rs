//! What the program says on stderr.

use serde_json::{Value, json};
use tonic::Status;

use testkit::*;

const ROWS: [&str; 6] = ["a 12:00 0 0", "a 12:15 10 0", "a 12:30 5 0", "b 12:00 0 0", "b 12:30 0 40", "b 12:45 0 50"];

/// The lines of stderr as JSON, every one of them.
fn lines(ran: &Ran) -> Vec<Value> {
    ran.err.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[track_caller]
fn find<'l>(lines: &'l [Value], code: &str) -> &'l Value {
    lines.iter().find(|line| line["code"] == code).unwrap_or_else(|| panic!("no {code} in {lines:#?}"))
}

#[test]
fn everything_a_person_should_see_is_a_line_with_fields() {
    let rows = readings(&ROWS);
    let meters = Meters::answering(move |query, number| match number {
        0 => Err(Status::unavailable("not yet")),
        _ => answer(honest(&rows, query)),
    });
    let market = Market::of(&meters);
    let settle = ["settle", "--log-format", "json"];
    let all = lines(&market.run_with(&[("REC_MARKET_LOG", "debug")], &settle).ends_with(0));
    let usual = |line: &&Value| line["level"] == "WARN" || line["level"] == "ERROR";
    let lines: Vec<Value> = all.iter().filter(usual).cloned().collect();
    let fell = find(&lines, "fell");
    assert_eq!((&fell["level"], &fell["community"], &fell["subject"]), (&json!("WARN"), &json!("aveiro"), &json!("a")));
    assert_eq!(fell["interval"], "2023-09-01T12:15:00Z/900s");
    assert!(fell["message"].as_str().unwrap().contains("fell from 10 Wh to 5 Wh"), "{fell}");
    assert!(fell["timestamp"].as_str().unwrap().ends_with('Z'), "{fell}");
    let gap = find(&lines, "gap");
    assert_eq!((&gap["community"], &gap["subject"]), (&json!("aveiro"), &json!("b")));
    // Nobody need know of what worked the second time.
    let retry = all.iter().find(|line| line["message"] == "the Meters service failed; asking again").unwrap();
    assert_eq!(
        (&retry["community"], &retry["attempt"], &retry["level"]),
        (&json!("aveiro"), &json!(1), &json!("DEBUG"))
    );
    assert!(retry["error"].as_str().unwrap().contains("not yet"), "{retry}");
}

#[test]
fn refusals_and_holds_are_lines_with_fields() {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:15 0 100"]);
    let market = Market::with(&meters, "limits = { fuel = 1 }");
    let ran = market.run(&["settle", "--log-format=json"]).ends_with(1);
    let lines = lines(&ran);
    let failed = find(&lines, "fuel");
    assert_eq!((&failed["level"], &failed["subject"]), (&json!("WARN"), &json!("mid-market-rate")));
    let held = find(&lines, "held");
    assert_eq!((&held["level"], &held["community"]), (&json!("ERROR"), &json!("aveiro")));
    assert_eq!((&held["interval"], &held["subject"]), (&json!("2023-09-01T12:00:00Z/900s"), &json!("mid-market-rate")));
    assert!(held["message"].as_str().unwrap().contains("on_failure"), "{held}");
}

#[test]
fn a_backlog_is_summed_up_and_the_last_interval_has_its_own_line() {
    let meters = Meters::recorded(recorded(3, 200), demo::meters::Package::Platform);
    let market = Market::of(&meters);
    let settle = ["settle", "--until", "2023-09-03T12:00:00Z"];
    let ran = |level: &str| {
        let variables = [("REC_MARKET_LOG", level), ("REC_MARKET_LOG_FORMAT", "json")];
        lines(&market.run_with(&variables, &settle).ends_with(0))
    };
    let lines = ran("info");
    let of = |message: &str| lines.iter().filter(|line| line["message"] == message).collect::<Vec<_>>();
    assert!(lines.len() < 20, "{} lines for 193 boundaries: {lines:#?}", lines.len());
    let last = of("settled");
    assert_eq!((last.len(), &last[0]["interval"]), (1, &json!("2023-09-03T11:45:00Z/900s")));
    assert!(last[0]["trades"].as_u64().unwrap() > 0 && last[0]["from_grid_wh"].is_u64(), "{}", last[0]);
    let backlog = of("settled a part of the backlog");
    let summed: u64 = backlog.iter().map(|line| line["intervals"].as_u64().unwrap()).sum();
    assert_eq!(summed, market.intervals() - 1);
    assert_eq!(backlog[backlog.len() - 1]["until"], "2023-09-03T11:45:00Z");
    assert!(ran("info").is_empty(), "nothing is due any more");
}

#[test]
fn a_level_that_is_none_is_told_and_the_usual_taken() {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:15 10 0", "a 12:30 5 0"]);
    let market = Market::of(&meters);
    let settle = |name: &str, value: &str| market.run_with(&[(name, value)], &["settle"]);
    settle("REC_MARKET_LOG", "a=b=c").ends_with(0).says("REC_MARKET_LOG is \"a=b=c\"").says("fell");
    settle("REC_MARKET_LOG_FORMAT", "xml").ends_with(2).says("xml").says("json");
}
