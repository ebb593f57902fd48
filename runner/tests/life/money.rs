//! Algorithms and money: absurd prices get nowhere, whatever a component does in the gate, and nobody is made worse off
//! than by the grid alone without a person who has seen it.

use rec_market_tests::guests;
use serde_json::{Value, json};
use tonic::Code;
use wire::rec_market_v1::{ActivateRequest, Settings};

use crate::caller::*;
use crate::cli::operate;
use testkit::*;

const PROMPT: &str = "grace = \"0s\"";
/// The highest price that there is; for 95 Wh it makes 876 220 343 501 EUR.
const ABSURD: &str = "9223372036854775807 µEUR/kWh";
/// What the tariff allows.
const TOO_MUCH: &str =
    "trade 0 is at 9223372036854775807 µEUR/kWh, above the community's price ceiling of 162400 µEUR/kWh";

fn until(market: &Market, rows: u32) {
    eventually(&format!("{rows} boundaries are settled"), || market.intervals() == u64::from(rows));
}

fn checks(report: &Value) -> &[Value] {
    report["checks"].as_array().unwrap()
}

/// Names and details of the checks that failed.
fn failed(report: &Value) -> Vec<(&str, &str)> {
    let failed = checks(report).iter().filter(|check| check["verdict"] == "failed");
    failed.map(|check| (check["name"].as_str().unwrap(), check["detail"].as_str().unwrap())).collect()
}

#[test]
fn what_was_honest_to_fixed_probes_is_refused_for_its_prices() {
    let meters = Meters::silent();
    let (market, _service, caller) = serve(&meters, "");
    for component in [guests::ABSURD_PRICE, guests::ABSURD_SPREAD] {
        let uploaded = caller.upload(component).unwrap();
        assert!(!uploaded.accepted, "{}", uploaded.report);
        let report: Value = serde_json::from_str(&uploaded.report).unwrap();
        let failed = failed(&report);
        assert!(failed.iter().all(|(name, _)| name.starts_with("probe: ")), "{failed:?}");
        let ordinary: Vec<_> = failed.iter().filter(|(name, _)| name.starts_with("probe: ordinary")).collect();
        assert!(!ordinary.is_empty(), "{failed:?}");
        for (_, detail) in ordinary {
            assert!(detail.contains("price-ceiling") && detail.contains(ABSURD), "{detail}");
        }
        // The author sees the same with the seed of the report, whatever the machine.
        market.file("mine.wasm", component);
        let seed = report["seed"].to_string();
        let again = market.run(&["algorithm", "check", "mine.wasm", "--json", "--seed", &seed]).ends_with(1).json();
        assert_eq!(self::failed(&again), failed);
        assert_eq!(again["seed"], report["seed"]);
    }
    let refusals = caller.changes().unwrap();
    assert!(refusals.iter().all(|change| change.action == "refused" && change.reason.contains("price-ceiling")));
    assert_eq!(refusals.len(), 2);
}

/// A component that no probe finds out, since none has members with names of one letter.
const SLEEPER: &[u8] = guests::ABSURD_ON_SHORT_NAMES;

#[test]
fn what_the_gate_cannot_know_is_held_when_it_happens() {
    let meters = Meters::silent();
    let (market, service, caller) = serve(&meters, &format!("{PROMPT}\nrollback_after = 2"));
    caller.accepted(SLEEPER);
    caller.activate("sleep", "").unwrap();
    meters.tell_quarters(0..4);
    until(&market, 4);
    // Twice it was held, then the service withdrew it by itself.
    let by = market.settled_by();
    assert_eq!(by, ["12:00 mid-market-rate", "12:15 mid-market-rate", "12:30 mid-market-rate"]);
    let back = caller.changes().unwrap().remove(0);
    assert_eq!((back.action.as_str(), back.by.as_str()), ("rolled-back", "rec-market"));
    assert!(back.reason.contains(TOO_MUCH), "{}", back.reason);
    service.terminate().ends_with(0);
    assert_eq!(market.trades()[0], "12:00 a > b 300 at 96200, Created");
    market.run(&["audit"]).ends_with(0);
    market.run(&["replay"]).ends_with(0);
}

#[test]
fn where_the_policy_is_to_fall_back_nobody_pays_an_absurd_price_either() {
    let meters = Meters::silent();
    let (market, service, caller) = serve(&meters, &format!("{PROMPT}\non_failure = \"fallback\"\nrollback_after = 0"));
    caller.accepted(SLEEPER);
    caller.activate("sleep", "").unwrap();
    meters.tell_quarters(0..3);
    until(&market, 3);
    assert_eq!(market.settled_by(), ["12:00 public-grid (fallback)", "12:15 public-grid (fallback)"]);
    let trades = market.trades();
    assert!(trades.iter().all(|trade| trade.contains("grid") && trade.contains(TOO_MUCH)), "{trades:?}");
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
    market.run(&["replay"]).ends_with(0);
}

/// A section of a component that means nothing: its kind, its length, and a name of one letter.
const CUSTOM_SECTION: &[u8] = &[0, 2, 1, b'x'];

/// The limits in the stored round of the first interval.
fn stored_limits(market: &Market) -> String {
    let command = ["replay", "--print-wasmtime", "--interval", "2023-09-01T12:07:00Z", "--component", "stored.wasm"];
    let out = market.run(&command).ends_with(0).out;
    std::fs::remove_file(market.path("stored.wasm")).unwrap();
    let start = out.find("price-floor").unwrap_or_else(|| panic!("{out}"));
    out[start..].split(", seed").next().unwrap().to_owned()
}

#[test]
fn each_limit_that_is_not_set_has_its_default_where_the_algorithm_is_not_the_programs_own() {
    let meters = Meters::selling(0..2);
    let tariffs = "[community.members.anna]\nmeters = [\"a\"]\ntariff = { retail = 171000, feed_in = -4000 }";
    let settled = |algorithm: &str, limits: &str| {
        let keys = format!("algorithm = {algorithm:?}\nlimits = {{ {limits} }}\n{tariffs}");
        let market = Market::with(&meters, &keys);
        // The rule is the program's own, and even its name, but not the bytes.
        let uniform = base::base("uniform").unwrap().bytes;
        market.file("copy.wasm", uniform);
        market.file("uniform.wasm", [uniform, CUSTOM_SECTION].concat());
        market.settle().ends_with(0);
        let limits = stored_limits(&market);
        market.run(&["audit"]).ends_with(0);
        market.run(&["replay"]).ends_with(0);
        limits
    };
    for (algorithm, limits, expected) in [
        ("uniform.wasm", "", "price-floor: some(-4000), price-ceiling: some(171000)"),
        ("uniform.wasm", "price_ceiling = 90000", "price-floor: some(-4000), price-ceiling: some(90000)"),
        ("uniform.wasm", "price_floor = 50000", "price-floor: some(50000), price-ceiling: some(171000)"),
        ("uniform.wasm", "price_floor = 1, price_ceiling = 2", "price-floor: some(1), price-ceiling: some(2)"),
        ("copy.wasm", "", "price-floor: none, price-ceiling: none"),
        ("uniform", "", "price-floor: none, price-ceiling: none"),
        ("uniform", "price_ceiling = 90000", "price-floor: none, price-ceiling: some(90000)"),
    ] {
        assert_eq!(settled(algorithm, limits), expected, "{algorithm} with {limits:?}");
    }
}

#[test]
fn a_file_that_is_configured_passes_no_gate_and_is_held() {
    let meters = Meters::selling(0..2);
    let market = Market::with(&meters, "algorithm = \"mine.wasm\"");
    market.file("mine.wasm", SLEEPER);
    market.settle().ends_with(1).says("on hold").says("price-ceiling").says(TOO_MUCH);
    assert_eq!(market.trades(), [""; 0]);
    market.reconfigure("\"mine.wasm\"", "\"mine.wasm\"\non_failure = \"fallback\"");
    let trades = market.books();
    assert!(trades.iter().all(|trade| trade.contains(TOO_MUCH)), "{trades:?}");
    market.run(&["replay"]).ends_with(0);
}

#[test]
fn a_candidate_in_the_shadow_has_the_limits_that_it_would_have() {
    let meters = Meters::selling(0..3);
    let (market, _service, caller) = serve(&meters, PROMPT);
    until(&market, 3);
    caller.accepted(SLEEPER);
    caller.start_shadow("sleep", "2023-09-01T00:00:00Z").unwrap();
    eventually("it ran on everything", || {
        let report = caller.report().unwrap();
        report.until == report.settled_until
    });
    let report = caller.report().unwrap();
    assert_eq!((report.intervals, report.failed, report.rejected), (2, 0, 2));
    assert!(report.problems[0].reason.contains(TOO_MUCH), "{:?}", report.problems);
}

#[test]
fn an_upload_is_shown_on_the_rounds_of_every_community() {
    let meters = Meters::selling(0..3);
    let (market, _service, caller) = serve(&meters, PROMPT);
    until(&market, 3);
    let of = |component: &[u8]| -> Value {
        let uploaded = caller.upload(component).unwrap();
        assert!(uploaded.accepted, "{}", uploaded.report);
        let report: Value = serde_json::from_str(&uploaded.report).unwrap();
        checks(&report).iter().find(|check| check["name"] == "money: aveiro").unwrap().clone()
    };
    // Each of two quarters a sells 300 Wh to b, at half way between 30000 and 162400.
    let good = of(&renamed("uniform", "evening"));
    assert_eq!(good["verdict"], "passed", "{good}");
    assert_eq!(good["figures"], json!({"intervals": 2, "members": 2, "worse_than_grid": 0}));
    let free = of(&renamed("bill-sharing", "gift-sharing"));
    assert_eq!((&free["verdict"], &free["figures"]["worse_than_grid"]), (&json!("noted"), &json!(1)));
    for part in [
        "over the last 2 rounds prices here would be 0 µEUR/kWh to 0 µEUR/kWh (they were 96200 µEUR/kWh to 96200",
        "the operator would gain 0.000000000 EUR (it gained 0.000000000 EUR)",
        "worse off than with the grid alone would be a (1 of 2 members)",
    ] {
        assert!(free["detail"].as_str().unwrap().contains(part), "{part}: {free}");
    }
    // What could not settle it yet may still be for another community.
    let sleeper = of(SLEEPER);
    assert_eq!(sleeper["verdict"], "noted");
    assert!(
        sleeper["detail"]
            .as_str()
            .unwrap()
            .contains("it could not settle aveiro: on the round of 2023-09-01T12:00:00Z")
    );
    assert!(sleeper["detail"].as_str().unwrap().contains(TOO_MUCH), "{sleeper}");
    refused(caller.activate("sleep", ""), Code::FailedPrecondition, &["cannot settle community aveiro", TOO_MUCH]);
}

/// A request to settle the one community with an algorithm.
pub fn activation(algorithm: &str, accept_worse_than_grid: bool) -> ActivateRequest {
    let (community, algorithm) = ("aveiro".to_owned(), algorithm.to_owned());
    ActivateRequest { community, algorithm, accept_worse_than_grid, ..ActivateRequest::default() }
}

#[test]
fn whoever_makes_a_member_worse_off_than_the_grid_must_have_seen_it() {
    let meters = Meters::selling(0..3);
    let (market, service, caller) = serve(&meters, PROMPT);
    until(&market, 3);
    let before = caller.standing();
    let preview = caller.preview(activation("bill-sharing", false)).unwrap();
    let worse = "worse off than with the grid alone would be a (1 of 2 members)";
    assert_eq!(preview.worse_than_grid, worse);
    let report: Value = serde_json::from_str(&preview.report).unwrap();
    let comparison = &report["comparison"];
    // In two quarters a sold 600 Wh at 96200, which with the grid alone were worth 30000; b needed 1000 Wh.
    let a = json!({
        "member": "a", "paid": 0, "received": 0, "settled_paid": 0, "settled_received": 57_720_000,
        "grid_paid": 0, "grid_received": 18_000_000,
    });
    let b = json!({
        "member": "b", "paid": 400 * 162_400, "received": 0, "settled_paid": 57_720_000 + 400 * 162_400,
        "settled_received": 0, "grid_paid": 162_400_000, "grid_received": 0,
    });
    assert_eq!(comparison["members"], json!([a, b]));
    assert_eq!((&comparison["highest_price"], &comparison["settled_highest_price"]), (&json!(0), &json!(96_200)));
    assert_eq!((&comparison["intervals"], &comparison["worse_than_grid"]), (&json!(2), &json!(1)));
    assert_eq!(caller.standing(), before);

    // No client gets by it unseen.
    let says = &["bill-sharing@0.1.0 is not activated", worse, "accept_worse_than_grid"];
    refused(caller.activate_with(activation("bill-sharing", false)), Code::FailedPrecondition, says);
    assert_eq!((caller.standing(), caller.done()), (before, vec![]));
    let activated = caller.activate_with(activation("bill-sharing", true)).unwrap();
    assert_eq!(activated.reason, format!("confirmed: {worse}"));
    assert_eq!(caller.changes().unwrap()[0], activated);
    // Where there is nothing to confirm, nothing was confirmed.
    let activated = caller.activate_with(activation("uniform", true)).unwrap();
    assert_eq!(activated.reason, "");
    service.kill();
    let service = Service::start(&market);
    let kept = Caller::of(&market, &service).changes().unwrap();
    assert_eq!(
        kept.iter().map(|change| change.reason.as_str()).collect::<Vec<_>>(),
        ["", &format!("confirmed: {worse}")]
    );
}

#[test]
fn by_hand_an_activation_asks_and_refuses_where_nobody_can_answer() {
    let meters = Meters::selling(0..3);
    let (market, service, caller) = serve(&meters, PROMPT);
    until(&market, 3);
    let ada = |arguments: &[&str]| operate(&market, &service, "ada.token", arguments);
    let worse = "worse off than with the grid alone would be a (1 of 2 members)";
    let refused = ada(&["activate", "aveiro", "bill-sharing"]).ends_with(2);
    let refused = refused.says("bill-sharing@0.1.0 is not activated").says(worse).says("--yes");
    // What everybody would pay and get is there to be looked at.
    refused.shows(&["2 rounds from 2023-09-01T12:00:00Z to 2023-09-01T12:30:00Z", "got as settled", "operator"]);
    ada(&["activate", "aveiro", "bill-sharing", "--json"]).refused(2, &["bill-sharing@0.1.0 is not activated", worse]);
    assert_eq!(caller.done(), [""; 0]);

    let done = ada(&["activate", "aveiro", "bill-sharing", "--yes"]).ends_with(0);
    done.shows(&[
        "aveiro: settled with bill-sharing@0.1.0 from 2023-09-01T12:30:00Z on",
        &format!("confirmed: {worse}"),
    ]);
    ada(&["changes"]).ends_with(0).shows(&["activated", "confirmed: worse off"]);
    let kept = ada(&["changes", "--json"]).ends_with(0).objects().remove(0);
    assert_eq!(kept["reason"], json!(format!("confirmed: {worse}")));
    // Where nobody is worse off, nobody is asked for more than before.
    let fine = ada(&["activate", "aveiro", "uniform", "--json"]).ends_with(0).json();
    assert_eq!((&fine["reason"], &fine["comparison"]["worse_than_grid"]), (&Value::Null, &json!(0)));
    assert_eq!(fine["comparison"]["operator"]["received"], 0);
    meters.tell_quarters(3..4);
    until(&market, 4);
    assert_eq!(market.settled_by().last().unwrap(), "12:30 uniform");
}

#[test]
fn a_community_that_has_settled_nothing_has_nothing_to_compare() {
    let meters = Meters::silent();
    let (market, service, caller) = serve(&meters, PROMPT);
    let shown = operate(&market, &service, "ada.token", &["activate", "aveiro", "bill-sharing"]).ends_with(0);
    shown.shows(&["the community has settled nothing yet"]);
    assert_eq!(caller.changes().unwrap()[0].reason, "");
}

#[test]
fn settings_of_an_activation_are_those_that_are_compared() {
    let meters = Meters::selling(0..3);
    let (market, _service, caller) = serve(&meters, PROMPT);
    until(&market, 3);
    let with = |price: &str| {
        let settings = Settings { settings: [("price".to_owned(), price.to_owned())].into() };
        caller.preview(ActivateRequest { settings: Some(settings), ..activation("static", false) }).unwrap()
    };
    assert_eq!(with("77000").worse_than_grid, "");
    assert_eq!(with("29999").worse_than_grid, "worse off than with the grid alone would be a (1 of 2 members)");
    assert_eq!(with("200000").worse_than_grid, "worse off than with the grid alone would be b (1 of 2 members)");
}
