//! What settles when: activated from an interval, never before; rolled back by people, and by the service itself.

use rec_market_tests::guests;
use tonic::Code;

use crate::caller::*;
use testkit::*;

const A: &str = "aveiro";

/// A market that settles at once, and asks again at once.
const PROMPT: &str = "grace = \"0s\"";

fn until(market: &Market, rows: u32) {
    eventually(&format!("{rows} boundaries are settled"), || market.intervals() == u64::from(rows));
}

#[test]
fn an_activation_holds_from_its_interval_on_and_a_roll_back_takes_it_away() {
    let meters = Meters::selling(0..5);
    let (market, service, caller) = serve(&meters, PROMPT);
    until(&market, 5);
    let before = caller.standing();
    assert_eq!((before.next.as_str(), before.is_configured), ("2023-09-01T13:00:00Z", true));
    assert_eq!(before.settles.unwrap().name, "mid-market-rate");

    // What is settled stays as it is.
    let settled = &["2023-09-01T12:45:00Z is settled already", "the first that is not starts at 2023-09-01T13:00:00Z"];
    refused(caller.activate("uniform", "2023-09-01T12:45:00Z"), Code::FailedPrecondition, settled);
    refused(caller.activate("uniform", "2023-09-01T13:10:00Z"), Code::InvalidArgument, &["2023-09-01T13:15:00Z does"]);
    refused(caller.activate("uniform", "soon"), Code::InvalidArgument, &["from is \"soon\""]);
    refused(caller.activate("unifrom", ""), Code::NotFound, &["no algorithm unifrom was uploaded here"]);
    refused(caller.roll_back(A), Code::FailedPrecondition, &["community aveiro: nothing is activated"]);
    refused(caller.roll_back("averio"), Code::NotFound, &["there is no community \"averio\"", "aveiro"]);

    let activated = caller.activate("uniform", "2023-09-01T13:30:00Z").unwrap();
    assert_eq!((activated.by.as_str(), activated.action.as_str()), ("ada", "activated"));
    assert_eq!(activated.before.unwrap().name, "mid-market-rate");
    let standing = caller.standing();
    assert_eq!(
        (standing.then.unwrap().name.as_str(), standing.then_from.as_str()),
        ("uniform", "2023-09-01T13:30:00Z")
    );
    meters.tell_quarters(5..9);
    until(&market, 9);
    let expected = ["12:00 mid-market-rate", "12:15 mid-market-rate", "12:30 mid-market-rate", "12:45 mid-market-rate"];
    let after = ["13:00 mid-market-rate", "13:15 mid-market-rate", "13:30 uniform", "13:45 uniform"];
    assert_eq!(market.settled_by(), [expected, after].concat());
    let standing = caller.standing();
    assert_eq!((standing.settles.unwrap().name.as_str(), standing.is_configured), ("uniform", false));

    let back = caller.roll_back(A).unwrap();
    assert_eq!(
        (back.before.unwrap().name.as_str(), back.algorithm.unwrap().name.as_str()),
        ("uniform", "mid-market-rate")
    );
    assert_eq!(back.start, "2023-09-01T14:00:00Z");
    meters.tell_quarters(9..10);
    until(&market, 10);
    assert_eq!(market.settled_by().last().unwrap(), "14:00 mid-market-rate");
    assert_eq!(caller.done(), ["ada rolled-back mid-market-rate", "ada activated uniform"]);
    service.terminate().ends_with(0);
    // What settles by hand knows the same.
    market.run(&["audit"]).ends_with(0);
    let log = market.log();
    assert!(log.contains("decided: Activate"), "{log}");
}

#[test]
fn settings_of_an_activation_hold_with_it() {
    let meters = Meters::selling(0..2);
    let (market, _service, caller) = serve(&meters, PROMPT);
    until(&market, 2);
    let activate = |settings: &[(&str, &str)]| {
        let settings = settings.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        caller.activate_with(wire::rec_market_v1::ActivateRequest {
            community: A.to_owned(),
            algorithm: "static".to_owned(),
            from: String::new(),
            settings: Some(wire::rec_market_v1::Settings { settings }),
            ..wire::rec_market_v1::ActivateRequest::default()
        })
    };
    refused(activate(&[("prise", "1")]), Code::FailedPrecondition, &["\"prise\"", "it has: price"]);
    // A price that no trade could have is found out before it is money.
    refused(activate(&[("price", "much")]), Code::FailedPrecondition, &["cannot settle community aveiro", "price"]);
    activate(&[("price", "77000")]).unwrap();
    meters.tell_quarters(2..3);
    until(&market, 3);
    let last = market.trades().into_iter().find(|trade| trade.starts_with("12:15 a > b")).unwrap();
    assert!(last.contains("at 77000"), "{last}");
}

/// A component that clears the gate's rounds but traps where a member's name has one letter.
const TRAP: &[u8] = guests::TRAPS_ON_SHORT_NAMES;

#[test]
fn what_cannot_clear_the_communitys_own_rounds_is_not_activated() {
    let meters = Meters::selling(0..3);
    let (market, _service, caller) = serve(&meters, PROMPT);
    until(&market, 3);
    caller.accepted(TRAP);
    let says = &["guest@1.0.0 cannot settle community aveiro", "2023-09-01T12:00:00Z", "trap"];
    refused(caller.activate("guest", ""), Code::FailedPrecondition, says);
    assert_eq!(caller.done(), ["ada uploaded guest"]);
}

/// A market where the trap settles from the first interval on: nothing was settled that it could be tried on.
fn serve_with_trap(meters: &Meters, keys: &str) -> (Market, Service, Caller) {
    let (market, service, caller) = serve(meters, &format!("{PROMPT}\n{keys}"));
    caller.accepted(TRAP);
    caller.activate("guest", "").unwrap();
    (market, service, caller)
}

#[test]
fn what_fails_too_often_is_rolled_back_where_the_policy_is_to_hold() {
    let meters = Meters::silent();
    let (market, service, caller) = serve_with_trap(&meters, "rollback_after = 2");
    meters.tell_quarters(0..4);
    until(&market, 4);
    let by = market.settled_by();
    assert_eq!(by, ["12:00 mid-market-rate", "12:15 mid-market-rate", "12:30 mid-market-rate"]);
    let done = ["rec-market rolled-back mid-market-rate", "rec-market failed guest", "rec-market failed guest"];
    assert_eq!(caller.done()[..3], done);
    let rolled_back = caller.changes().unwrap().remove(0);
    assert!(rolled_back.reason.contains("failed 2 times within a day"), "{}", rolled_back.reason);
    assert!(rolled_back.reason.contains("trap"), "{}", rolled_back.reason);
    assert_eq!(rolled_back.start, "2023-09-01T12:00:00Z");
    assert!(caller.standing().is_configured);
    let log = market.log();
    assert!(log.contains("code=\"rolled-back\""), "{log}");
    // Nobody else was there.
    assert!(!log.contains("another process"), "{log}");
    let metrics = service.get("/metrics").1;
    let series = "rec_market_algorithm_changes_total{action=\"rolled-back\",community=\"aveiro\"} 1";
    assert!(metrics.contains(series), "{metrics}");
}

#[test]
fn what_fails_too_often_is_rolled_back_where_the_policy_is_to_fall_back() {
    let meters = Meters::silent();
    let (market, service, caller) = serve_with_trap(&meters, "on_failure = \"fallback\"\nrollback_after = 3");
    meters.tell_quarters(0..7);
    until(&market, 7);
    let by = market.settled_by();
    let fallen = ["12:00", "12:15", "12:30"].map(|start| format!("{start} public-grid (fallback)"));
    let back = ["12:45", "13:00", "13:15"].map(|start| format!("{start} mid-market-rate"));
    assert_eq!(by, [fallen, back].concat());
    assert_eq!(caller.done()[0], "rec-market rolled-back mid-market-rate");
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn without_a_limit_nothing_is_rolled_back_by_itself() {
    let meters = Meters::silent();
    let (market, _service, caller) = serve_with_trap(&meters, "rollback_after = 0");
    meters.tell_quarters(0..2);
    eventually("it failed twice", || caller.standing().failures >= 2);
    assert!(!caller.standing().is_configured);
    assert_eq!(market.intervals(), 1);
    // People can.
    caller.roll_back(A).unwrap();
    until(&market, 2);
}

#[test]
fn failures_are_counted_over_restarts_and_by_settle_too() {
    let meters = Meters::silent();
    let (market, service, _) = serve_with_trap(&meters, "rollback_after = 3");
    service.kill();
    meters.tell_quarters(0..2);
    for _ in 0..2 {
        market.settle().ends_with(1).says("on hold");
    }
    market.settle().ends_with(0);
    assert_eq!(market.settled_by(), ["12:00 mid-market-rate"]);
}

#[test]
fn replicas_agree_on_what_settles_when() {
    let meters = Meters::selling(0..3);
    let market = market_with_callers(&meters, PROMPT);
    let services = [Service::start(&market), Service::start(&market)];
    until(&market, 3);
    let callers = services.each_ref().map(|service| Caller::of(&market, service));
    callers[0].accepted(&renamed("uniform", "evening"));
    callers[1].activate("evening@0.1.0", "2023-09-01T12:45:00Z").unwrap();
    assert_eq!(callers[0].standing().then, callers[1].standing().then);
    meters.tell_quarters(3..6);
    until(&market, 6);
    // Whoever settles now, it is the same.
    let [one, other] = services;
    one.kill();
    meters.tell_quarters(6..8);
    until(&market, 8);
    let by = market.settled_by();
    let expected = ["12:45", "13:00", "13:15", "13:30"].map(|start| format!("{start} evening"));
    assert_eq!(by[3..], expected);
    other.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn a_configuration_may_name_what_was_uploaded() {
    let meters = Meters::selling(0..2);
    let (market, service, caller) = serve(&meters, PROMPT);
    until(&market, 2);
    let first = renamed("uniform", "evening");
    caller.accepted(&first);
    service.kill();
    market.reconfigure(PROMPT, &format!("{PROMPT}\nalgorithm = \"evening\""));
    meters.tell_quarters(2..3);
    market.settle().ends_with(0);
    // A later version of that name changes nothing by itself.
    let service = Service::start(&market);
    let caller = Caller::of(&market, &service);
    let second = patched(&first, "0.1.0", "0.2.0");
    caller.accepted(&second);
    service.kill();
    meters.tell_quarters(3..4);
    market.settle().ends_with(0);
    let version: String = market.query("SELECT version FROM interval ORDER BY start DESC LIMIT 1");
    assert_eq!(version, "0.1.0");
    assert_eq!(market.settled_by()[1..], ["12:15 evening", "12:30 evening"]);
    // What nobody uploaded is told with what somebody did.
    market.reconfigure("\"evening\"", "\"evening@7.0.0\"");
    market
        .settle()
        .ends_with(2)
        .says("no algorithm evening@7.0.0 was uploaded here")
        .says("evening@0.1.0, evening@0.2.0");
}

#[test]
fn the_status_tells_what_settles() {
    let meters = Meters::selling(0..2);
    let market = market_with_callers(&meters, PROMPT);
    let service = Service::start(&market);
    until(&market, 2);
    Caller::of(&market, &service).activate("uniform", "").unwrap();
    meters.tell_quarters(2..3);
    until(&market, 3);
    eventually("the status names it", || service.community()["algorithm"]["name"] == "uniform");
}
