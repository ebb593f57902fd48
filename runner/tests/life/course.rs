//! What settles when: activated from an interval, never before; rolled back by people, and by the service itself.

use rec_market_tests::guests;
use serde_json::Value;
use tonic::Code;

use crate::common::*;
use crate::desk::*;
use crate::running::*;

const A: &str = "aveiro";

/// Meters a and b, where a sells to b what it can; with so many quarter-hours from 12:00 on.
fn rows(from: u32, to: u32) -> Vec<String> {
    let time = |number: u32| format!("{:02}:{:02}", 12 + number / 4, number % 4 * 15);
    let a = |number: u32| format!("a {} 1000 {}", time(number), 5000 + 300 * number);
    let b = |number: u32| format!("b {} {} 0", time(number), 2000 + 500 * number);
    (from..to).flat_map(|number| [a(number), b(number)]).collect()
}

fn tell(meters: &Meters, from: u32, to: u32) {
    let rows = rows(from, to);
    meters.tell(&rows.iter().map(String::as_str).collect::<Vec<_>>());
}

/// What settled each interval, in order: `12:00 mid-market-rate`.
fn settled_by(market: &Market) -> Vec<String> {
    let database = market.database();
    let mut select = database
        .prepare("SELECT start, name, fallback_reason FROM interval WHERE round IS NOT NULL ORDER BY start")
        .unwrap();
    let rows = select.query_map((), |row| {
        let start = jiff::Timestamp::from_second(row.get(0)?).unwrap().to_string();
        let (name, reason): (String, Option<String>) = (row.get(1)?, row.get(2)?);
        let fallback = if reason.is_some() { " (fallback)" } else { "" };
        Ok(format!("{} {name}{fallback}", &start[11..16]))
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// A market that settles at once, and asks again at once.
const PROMPT: &str = "grace = \"0s\"";

fn until(market: &Market, rows: u32) {
    eventually(&format!("{rows} boundaries are settled"), || intervals(market) == u64::from(rows));
}

#[test]
fn an_activation_holds_from_its_interval_on_and_a_roll_back_takes_it_away() {
    let meters = Meters::telling(&[]);
    tell(&meters, 0, 5);
    let market = market_with_callers(&meters, PROMPT);
    let service = Running::start(&market);
    until(&market, 5);
    let desk = Desk::of(&market, &service);
    let before = desk.standing();
    assert_eq!((before.next.as_str(), before.is_configured), ("2023-09-01T13:00:00Z", true));
    assert_eq!(before.settles.unwrap().name, "mid-market-rate");

    // What is settled stays as it is.
    let settled = &["2023-09-01T12:45:00Z is settled already", "the first that is not starts at 2023-09-01T13:00:00Z"];
    refused(desk.activate("uniform", "2023-09-01T12:45:00Z"), Code::FailedPrecondition, settled);
    refused(desk.activate("uniform", "2023-09-01T13:10:00Z"), Code::InvalidArgument, &["2023-09-01T13:15:00Z does"]);
    refused(desk.activate("uniform", "soon"), Code::InvalidArgument, &["from is \"soon\""]);
    refused(desk.activate("unifrom", ""), Code::NotFound, &["no algorithm unifrom was uploaded here"]);
    refused(desk.roll_back(A), Code::FailedPrecondition, &["community aveiro: nothing is activated"]);
    refused(desk.roll_back("averio"), Code::NotFound, &["there is no community \"averio\"", "aveiro"]);

    let activated = desk.activate("uniform", "2023-09-01T13:30:00Z").unwrap();
    assert_eq!((activated.by.as_str(), activated.action.as_str()), ("ada", "activated"));
    assert_eq!(activated.before.unwrap().name, "mid-market-rate");
    let standing = desk.standing();
    assert_eq!(
        (standing.then.unwrap().name.as_str(), standing.then_from.as_str()),
        ("uniform", "2023-09-01T13:30:00Z")
    );
    tell(&meters, 5, 9);
    until(&market, 9);
    let expected = ["12:00 mid-market-rate", "12:15 mid-market-rate", "12:30 mid-market-rate", "12:45 mid-market-rate"];
    let after = ["13:00 mid-market-rate", "13:15 mid-market-rate", "13:30 uniform", "13:45 uniform"];
    assert_eq!(settled_by(&market), [expected, after].concat());
    let standing = desk.standing();
    assert_eq!((standing.settles.unwrap().name.as_str(), standing.is_configured), ("uniform", false));

    let back = desk.roll_back(A).unwrap();
    assert_eq!(
        (back.before.unwrap().name.as_str(), back.algorithm.unwrap().name.as_str()),
        ("uniform", "mid-market-rate")
    );
    assert_eq!(back.start, "2023-09-01T14:00:00Z");
    tell(&meters, 9, 10);
    until(&market, 10);
    assert_eq!(settled_by(&market).last().unwrap(), "14:00 mid-market-rate");
    assert_eq!(desk.done(), ["ada rolled-back mid-market-rate", "ada activated uniform"]);
    service.terminate().ends_with(0);
    // What settles by hand knows the same.
    market.run(&["audit"]).ends_with(0);
    let log = read_log(&market);
    assert!(log.contains("decided: Activate"), "{log}");
}

#[test]
fn settings_of_an_activation_hold_with_it() {
    let meters = Meters::telling(&[]);
    tell(&meters, 0, 2);
    let market = market_with_callers(&meters, PROMPT);
    let service = Running::start(&market);
    until(&market, 2);
    let desk = Desk::of(&market, &service);
    let activate = |settings: &[(&str, &str)]| {
        let settings = settings.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        desk.activate_with(wire::rec_market_v1::ActivateRequest {
            community: A.to_owned(),
            algorithm: "static".to_owned(),
            from: String::new(),
            settings: Some(wire::rec_market_v1::Settings { settings }),
        })
    };
    refused(activate(&[("prise", "1")]), Code::FailedPrecondition, &["\"prise\"", "it has: price"]);
    // A price that no trade could have is found out before it is money.
    refused(activate(&[("price", "much")]), Code::FailedPrecondition, &["cannot settle community aveiro", "price"]);
    activate(&[("price", "77000")]).unwrap();
    tell(&meters, 2, 3);
    until(&market, 3);
    let last = market.trades().into_iter().find(|trade| trade.starts_with("12:15 a > b")).unwrap();
    assert!(last.contains("at 77000"), "{last}");
}

/// The component that clears the gate's rounds but traps where a member's name has one letter.
fn trap() -> &'static [u8] {
    guests::TRAPS_ON_SHORT_NAMES
}

#[test]
fn what_cannot_clear_the_communitys_own_rounds_is_not_activated() {
    let meters = Meters::telling(&[]);
    tell(&meters, 0, 3);
    let market = market_with_callers(&meters, PROMPT);
    let service = Running::start(&market);
    until(&market, 3);
    let desk = Desk::of(&market, &service);
    desk.accepted(trap());
    let says = &["guest@1.0.0 cannot settle community aveiro", "2023-09-01T12:00:00Z", "trap"];
    refused(desk.activate("guest", ""), Code::FailedPrecondition, says);
    assert_eq!(desk.done(), ["ada uploaded guest"]);
}

/// A market where the trap settles from the first interval on: nothing was settled that it could be tried on.
fn with_trap(meters: &Meters, keys: &str) -> (Market, Running) {
    let market = market_with_callers(meters, &format!("{PROMPT}\n{keys}"));
    let service = Running::start(&market);
    let desk = Desk::of(&market, &service);
    desk.accepted(trap());
    desk.activate("guest", "").unwrap();
    (market, service)
}

#[test]
fn what_fails_too_often_is_rolled_back_where_the_policy_is_to_hold() {
    let meters = Meters::telling(&[]);
    let (market, service) = with_trap(&meters, "rollback_after = 2");
    tell(&meters, 0, 4);
    until(&market, 4);
    let by = settled_by(&market);
    assert_eq!(by, ["12:00 mid-market-rate", "12:15 mid-market-rate", "12:30 mid-market-rate"]);
    let desk = Desk::of(&market, &service);
    let done = ["rec-market rolled-back mid-market-rate", "rec-market failed guest", "rec-market failed guest"];
    assert_eq!(desk.done()[..3], done);
    let rolled_back = desk.changes().unwrap().remove(0);
    assert!(rolled_back.reason.contains("failed 2 times within a day"), "{}", rolled_back.reason);
    assert!(rolled_back.reason.contains("trap"), "{}", rolled_back.reason);
    assert_eq!(rolled_back.start, "2023-09-01T12:00:00Z");
    assert!(desk.standing().is_configured);
    let log = read_log(&market);
    assert!(log.contains("code=\"rolled-back\""), "{log}");
    let metrics = service.get("/metrics").1;
    let series = "rec_market_algorithm_changes_total{action=\"rolled-back\",community=\"aveiro\"} 1";
    assert!(metrics.contains(series), "{metrics}");
}

#[test]
fn what_fails_too_often_is_rolled_back_where_the_policy_is_to_fall_back() {
    let meters = Meters::telling(&[]);
    let (market, service) = with_trap(&meters, "on_failure = \"fallback\"\nrollback_after = 3");
    tell(&meters, 0, 7);
    until(&market, 7);
    let by = settled_by(&market);
    let fallen = ["12:00", "12:15", "12:30"].map(|start| format!("{start} public-grid (fallback)"));
    let back = ["12:45", "13:00", "13:15"].map(|start| format!("{start} mid-market-rate"));
    assert_eq!(by, [fallen, back].concat());
    let desk = Desk::of(&market, &service);
    assert_eq!(desk.done()[0], "rec-market rolled-back mid-market-rate");
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn without_a_limit_nothing_is_rolled_back_by_itself() {
    let meters = Meters::telling(&[]);
    let (market, service) = with_trap(&meters, "rollback_after = 0");
    tell(&meters, 0, 2);
    let desk = Desk::of(&market, &service);
    eventually("it failed twice", || desk.standing().failures >= 2);
    assert!(!desk.standing().is_configured);
    assert_eq!(intervals(&market), 1);
    // People can.
    desk.roll_back(A).unwrap();
    until(&market, 2);
}

#[test]
fn failures_are_counted_over_restarts_and_by_settle_too() {
    let meters = Meters::telling(&[]);
    let (market, service) = with_trap(&meters, "rollback_after = 3");
    service.kill();
    tell(&meters, 0, 2);
    for _ in 0..2 {
        market.settle().ends_with(1).says("on hold");
    }
    market.settle().ends_with(0);
    assert_eq!(settled_by(&market), ["12:00 mid-market-rate"]);
}

#[test]
fn replicas_agree_on_what_settles_when() {
    let meters = Meters::telling(&[]);
    tell(&meters, 0, 3);
    let market = market_with_callers(&meters, PROMPT);
    let services = [Running::start(&market), Running::start(&market)];
    until(&market, 3);
    let desks = services.each_ref().map(|service| Desk::of(&market, service));
    desks[0].accepted(&renamed("uniform", "evening"));
    desks[1].activate("evening@0.1.0", "2023-09-01T12:45:00Z").unwrap();
    assert_eq!(desks[0].standing().then, desks[1].standing().then);
    tell(&meters, 3, 6);
    until(&market, 6);
    // Whoever settles now, it is the same.
    let [one, other] = services;
    one.kill();
    tell(&meters, 6, 8);
    until(&market, 8);
    let by = settled_by(&market);
    let expected = ["12:45", "13:00", "13:15", "13:30"].map(|start| format!("{start} evening"));
    assert_eq!(by[3..], expected);
    other.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn a_configuration_may_name_what_was_uploaded() {
    let meters = Meters::telling(&[]);
    tell(&meters, 0, 2);
    let market = market_with_callers(&meters, PROMPT);
    let service = Running::start(&market);
    until(&market, 2);
    let desk = Desk::of(&market, &service);
    let first = renamed("uniform", "evening");
    desk.accepted(&first);
    service.kill();
    let file = market.path("market.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(PROMPT, &format!("{PROMPT}\nalgorithm = \"evening\""))).unwrap();
    tell(&meters, 2, 3);
    market.settle().ends_with(0);
    // A later version of that name changes nothing by itself.
    let service = Running::start(&market);
    let desk = Desk::of(&market, &service);
    let second = patched(&first, "0.1.0", "0.2.0");
    desk.accepted(&second);
    service.kill();
    tell(&meters, 3, 4);
    market.settle().ends_with(0);
    let version = "SELECT version FROM interval ORDER BY start DESC LIMIT 1";
    let version: String = market.database().query_row(version, (), |row| row.get(0)).unwrap();
    assert_eq!(version, "0.1.0");
    assert_eq!(settled_by(&market)[1..], ["12:15 evening", "12:30 evening"]);
    // What nobody uploaded is told with what somebody did.
    let unknown = text.replace(PROMPT, &format!("{PROMPT}\nalgorithm = \"evening@7\""));
    std::fs::write(&file, unknown).unwrap();
    market.settle().ends_with(2).says("no algorithm evening@7 was uploaded here").says("evening@0.1.0, evening@0.2.0");
}

#[test]
fn the_status_tells_what_settles() {
    let meters = Meters::telling(&[]);
    tell(&meters, 0, 2);
    let market = market_with_callers(&meters, PROMPT);
    let service = Running::start(&market);
    until(&market, 2);
    Desk::of(&market, &service).activate("uniform", "").unwrap();
    tell(&meters, 2, 3);
    until(&market, 3);
    eventually("the status names it", || {
        let status: Value = serde_json::from_str(&service.get("/status").1).unwrap();
        status["communities"][0]["algorithm"]["name"] == "uniform"
    });
}
