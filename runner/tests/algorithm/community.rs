//! `algorithm check --config`: a community's settings, limits and own rounds.

use rec_market_tests::guests;
use serde_json::{Value, json};

use testkit::{Market, Meters, community};

use crate::rounds::base_component;

/// Two houses with names of one letter, as no made round has.
const TWO_HOUSES: [&str; 6] =
    ["a 12:00 1000 0", "a 12:15 1000 900", "a 12:30 1100 900", "b 12:00 50 9", "b 12:15 750 9", "b 12:30 750 59"];
const ROUNDS: [&str; 2] = ["probe: 2023-09-01T12:00:00Z/900s", "probe: 2023-09-01T12:15:00Z/900s"];

/// What `algorithm check --json` says of a component in that market, and its exit code.
fn check(market: &Market, component: &[u8], more: &[&str]) -> (Value, i32) {
    std::fs::write(market.path("mine.wasm"), component).unwrap();
    let ran = market.run(&[&["algorithm", "check", "mine.wasm", "--json"], more].concat());
    (ran.json(), ran.code)
}

const WITH_CONFIG: [&str; 2] = ["--config", "market.toml"];

fn named<'r>(report: &'r Value, name: &str) -> Option<&'r Value> {
    report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name)
}

fn failed(report: &Value) -> Vec<&str> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == "failed");
    checks.map(|check| check["name"].as_str().unwrap()).collect()
}

#[test]
fn rounds_that_it_settled_are_probes_and_decide() {
    let meters = Meters::telling(&TWO_HOUSES);
    let market = Market::of(&meters);
    market.settle().ends_with(0);
    let (report, code) = check(&market, guests::TRAPS_ON_SHORT_NAMES, &[]);
    assert_eq!((&report["passed"], code), (&json!(true), 0), "nothing else would show it: {report}");
    let (report, code) = check(&market, guests::TRAPS_ON_SHORT_NAMES, &WITH_CONFIG);
    let moved = ["probe: own round on another day 1", "probe: own round on another day 2"];
    assert_eq!((failed(&report), code), ([ROUNDS, moved].concat(), 1), "{report}");
    assert!(named(&report, ROUNDS[0]).unwrap()["detail"].as_str().unwrap().starts_with("trap: "), "{report}");

    let (report, code) = check(&market, base_component("mid-market-rate"), &WITH_CONFIG);
    assert_eq!((&report["passed"], code, &report["community"]), (&json!(true), 0, &json!("aveiro")), "{report}");
    let probe = named(&report, ROUNDS[0]).unwrap();
    assert_eq!((&probe["verdict"], &probe["figures"]["positions"]), (&json!("passed"), &json!(2)));
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn the_last_sixteen_are_found_behind_gaps() {
    // Twenty quarters, a day in which nobody was read, and three more.
    let time = |number: u32| format!("{:02}:{:02}", number / 4, number % 4 * 15);
    let first = (0..=20).map(|number| format!("a 01T{} 0 {}", time(number), number * 10));
    let later = (0..=3).map(|number| format!("a 03T{} 0 {}", time(number), 1000 + number * 10));
    let readings: Vec<String> = first.chain(later).collect();
    let meters = Meters::telling(&readings);
    let market = Market::of(&meters);
    market.settle().ends_with(0);
    let (report, _) = check(&market, guests::GRID_ONLY, &WITH_CONFIG);
    assert_eq!(failed(&report), [""; 0], "{report}");
    let checks = report["checks"].as_array().unwrap();
    let rounds: Vec<&str> =
        checks.iter().filter_map(|check| check["name"].as_str().unwrap().strip_prefix("probe: 2023-")).collect();
    assert_eq!((rounds.len(), rounds[0], rounds[15]), (16, "09-01T01:45:00Z/900s", "09-03T00:30:00Z/900s"));
}

#[test]
fn a_community_that_has_settled_nothing_is_told_so() {
    let market = Market::new(&community("aveiro", "http://127.0.0.1:9", ""));
    let (report, code) = check(&market, guests::GRID_ONLY, &WITH_CONFIG);
    assert_eq!((code, &named(&report, "recent rounds").unwrap()["verdict"]), (0, &json!("noted")), "{report}");
    assert!(!market.path("market.db").exists(), "a check writes nothing");
}

#[test]
fn settings_that_it_does_not_know_or_lacks_are_findings() {
    let market = |keys: &str| Market::new(&community("aveiro", "http://127.0.0.1:9", keys));
    let of = |keys: &str| {
        let (report, code) = check(&market(keys), base_component("static"), &WITH_CONFIG);
        let settings = named(&report, "settings").unwrap();
        (code, settings["verdict"].as_str().unwrap().to_owned(), settings["detail"].as_str().unwrap().to_owned())
    };
    let (code, verdict, detail) = of("settings = { price = \"90000\" }");
    assert_eq!((code, verdict.as_str()), (0, "passed"), "{detail}");
    let (code, verdict, detail) = of("");
    assert_eq!((code, verdict.as_str()), (0, "noted"), "{detail}");
    assert!(detail.contains("setting \"price\" is not set, so that its default"), "{detail}");
    let (code, verdict, detail) = of("settings = { prise = \"90000\", tariff = \"1\" }");
    assert_eq!((code, verdict.as_str()), (1, "failed"), "{detail}");
    for part in ["\"prise\"", "\"tariff\"", "it has: price", "\"price\" is not set"] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    // A value that it cannot read is found where it reads it.
    let market = market("settings = { price = \"cheap\" }");
    let (report, code) = check(&market, base_component("static"), &WITH_CONFIG);
    assert_eq!(code, 1);
    assert!(failed(&report).contains(&"probe: ties"), "{report}");
}

#[test]
fn its_limits_hold_and_arguments_stand_above_them() {
    let keys = "limits = { fuel = 100, price_ceiling = 90000 }";
    let market = Market::new(&community("aveiro", "http://127.0.0.1:9", keys));
    let (report, _) = check(&market, base_component("mid-market-rate"), &WITH_CONFIG);
    assert_eq!(named(&report, "probe: ties").unwrap()["figures"]["fuel_limit"], 100);
    let (report, code) =
        check(&market, base_component("mid-market-rate"), &[&WITH_CONFIG[..], &["--fuel", "500000000"]].concat());
    assert_eq!((failed(&report), code), (vec![], 0), "{report}");
    // One that trades at any price breaks the community's.
    let (report, code) = check(&market, guests::ABOVE_CEILING, &[&WITH_CONFIG[..], &["--fuel", "500000000"]].concat());
    assert_eq!(code, 1);
    assert!(
        named(&report, "probe: all surplus").unwrap()["detail"].as_str().unwrap().contains("price-ceiling"),
        "{report}"
    );
}

#[test]
fn one_of_several_communities_is_chosen_by_name() {
    let two = community("aveiro", "http://127.0.0.1:9", "limits = { fuel = 7 }")
        + &community("porto", "http://127.0.0.1:10", "");
    let market = Market::new(&two);
    let command =
        |more: &[&str]| market.run(&[&["algorithm", "check", "public-grid"], &WITH_CONFIG[..], more].concat());
    command(&[]).ends_with(2).says("has several communities: aveiro, porto (name one with --community)");
    command(&["--community", "lisboa"])
        .ends_with(2)
        .says("there is no community \"lisboa\" (there are: aveiro, porto)");
    let porto = command(&["--community", "porto"]).ends_with(0);
    assert!(porto.out.ends_with("public-grid: passed for porto\n"), "{}", porto.out);
    let aveiro = command(&["--community", "aveiro"]).ends_with(1);
    assert!(aveiro.out.ends_with("public-grid: refused for aveiro\n"), "{}", aveiro.out);
    market.run(&["algorithm", "check", "public-grid", "--community", "porto"]).ends_with(2).says("--config");
}

#[test]
fn an_algorithm_is_found_in_the_books_by_its_digest() {
    let meters = Meters::telling(&TWO_HOUSES);
    let market = Market::with(&meters, "algorithm = \"mine.wasm\"");
    std::fs::write(market.path("mine.wasm"), guests::GRID_ONLY).unwrap();
    market.settle().ends_with(0);
    let (report, _) = check(&market, guests::GRID_ONLY, &[]);
    let digest = format!("sha256:{}", report["sha256"].as_str().unwrap());
    std::fs::remove_file(market.path("mine.wasm")).unwrap();
    let config = std::fs::read_to_string(market.path("market.toml")).unwrap();
    std::fs::write(market.path("market.toml"), config.replace("mine.wasm", &digest)).unwrap();
    market.run(&["algorithm", "check", &digest]).ends_with(2).says("is known here");
    let ran = market.run(&["algorithm", "check", &digest, "--config", "market.toml"]).ends_with(0);
    assert!(ran.out.contains(ROUNDS[1]), "{}", ran.out);
}

#[test]
fn what_members_would_pay_and_get_is_shown_beside_what_settled() {
    let meters = Meters::telling(&TWO_HOUSES);
    let market = Market::of(&meters);
    market.settle().ends_with(0);
    let (report, code) = check(&market, base_component("bill-sharing"), &WITH_CONFIG);
    assert_eq!(code, 0, "worse is no failure: {report}");
    let money = named(&report, "money").unwrap();
    assert_eq!((&money["verdict"], &money["figures"]["worse_than_grid"]), (&json!("noted"), &json!(1)));
    // At 12:00 a sells 900 Wh of which b takes 700; at 12:15 a needs 100 Wh and b sells 50.
    let comparison = &report["comparison"];
    let span = ["from", "until"].map(|end| comparison[end].as_str().unwrap());
    assert_eq!((span, &comparison["intervals"]), (["2023-09-01T12:00:00Z", "2023-09-01T12:30:00Z"], &json!(2)));
    let a = &comparison["members"][0];
    assert_eq!((&a["member"], &a["paid"], &a["received"]), (&json!("a"), &json!(50 * 162_400), &json!(200 * 30_000)));
    let settled = (&a["settled_paid"], &a["settled_received"]);
    assert_eq!(settled, (&json!(50 * 162_400 + 50 * 96_200), &json!(200 * 30_000 + 700 * 96_200)));
    assert_eq!((&a["grid_paid"], &a["grid_received"]), (&json!(100 * 162_400), &json!(900 * 30_000)));
    // What settles itself changes nothing for anybody.
    let (report, _) = check(&market, base_component("mid-market-rate"), &WITH_CONFIG);
    let comparison = &report["comparison"];
    assert_eq!(comparison["worse_than_grid"], 0);
    for member in comparison["members"].as_array().unwrap() {
        assert_eq!((&member["paid"], &member["received"]), (&member["settled_paid"], &member["settled_received"]));
    }
    // Without a community there is nothing to compare.
    let (report, _) = check(&market, base_component("bill-sharing"), &[]);
    assert_eq!((&report["comparison"], named(&report, "money")), (&Value::Null, None));
    let shown = market.run(&["algorithm", "check", "bill-sharing", "--config", "market.toml"]).ends_with(0);
    shown.shows(&[
        "· money",
        "worse off than with the grid alone would be a (1 of 2 members)",
        "gets with the grid alone",
    ]);
}

#[test]
fn a_component_that_waits_for_another_day_is_tried_on_it() {
    let meters = Meters::telling(&TWO_HOUSES);
    let market = Market::of(&meters);
    market.settle().ends_with(0);
    let (report, _) = check(&market, base_component("uniform"), &WITH_CONFIG);
    let moved: Vec<&Value> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["name"].as_str().unwrap().starts_with("probe: own round on another day"))
        .collect();
    assert_eq!(moved.len(), 2, "{report}");
    assert!(moved.iter().all(|check| check["figures"]["positions"] == 2), "{report}");
}
