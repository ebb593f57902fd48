//! Algorithms that fail, settings that nobody knows, communities that are broken beside others that are not.

use rec_market_tests::guests;
use testkit::*;

const ROWS: [&str; 8] = [
    "a 12:00 0 0",
    "a 12:15 0 100",
    "a 12:30 0 200",
    "a 12:45 0 300",
    "b 12:00 0 0",
    "b 12:15 60 0",
    "b 12:30 120 0",
    "b 12:45 180 0",
];
/// What `mid-market-rate` makes of it.
const BOOKS: [&str; 6] = [
    "12:00 a > b 60 at 96200, Created",
    "12:00 a > grid 40 at 30000",
    "12:15 a > b 60 at 96200, Created",
    "12:15 a > grid 40 at 30000",
    "12:30 a > b 60 at 96200, Created",
    "12:30 a > grid 40 at 30000",
];
/// Less fuel than any algorithm needs.
const FAILS: &str = "limits = { fuel = 1 }";

#[test]
fn an_algorithm_that_fails_holds_its_community_up_from_that_interval_on() {
    let meters = Meters::telling(&ROWS);
    let market = Market::of(&meters);
    market.run(&["settle", "--until", "2023-09-01T12:15:00Z"]).ends_with(0);
    market.configure(&community("aveiro", meters.address(), FAILS));
    for _ in 0..2 {
        market
            .settle()
            .ends_with(1)
            .says("interval 2023-09-01T12:15:00Z/900s is on hold: mid-market-rate: ")
            .says("on_failure = \"fallback\"");
        assert_eq!(market.trades(), BOOKS[..2]);
        market.run(&["audit"]).ends_with(0);
    }
    // Mended, it goes on as if nothing had been.
    market.configure(&community("aveiro", meters.address(), ""));
    assert_eq!(market.books(), BOOKS);
}

#[test]
fn an_algorithm_that_fails_falls_back_where_the_community_wants_that() {
    let meters = Meters::telling(&ROWS);
    let market = Market::with(&meters, &format!("{FAILS}\non_failure = \"fallback\""));
    market.run(&["settle", "--until", "2023-09-01T12:15:00Z"]).ends_with(0).says("settled with public-grid instead");
    let remark = "settled with public-grid instead: used all its fuel of 1, 0 for each of 2 positions";
    let trades = ["a > grid 100 at 30000", "grid > b 60 at 162400"].map(|trade| format!("12:00 {trade} ({remark}"));
    assert_eq!(market.trades().len(), trades.len());
    for (trade, expected) in market.trades().iter().zip(&trades) {
        assert!(trade.starts_with(expected) && trade.contains("raise fuel in the community's limits"), "{trade}");
    }
    let events = market.events();
    assert_eq!(events.len(), 1);
    assert!(events[0].starts_with("12:00 mid-market-rate fallback: settled with public-grid instead: "), "{events:?}");
    let summary = &market.json(&["settle", "--json"])[0];
    assert_eq!(summary["events"], serde_json::json!({"fallback": 2}));
    market.run(&["audit"]).ends_with(0);
    let reasons: u64 = market.query("SELECT count(fallback_reason) FROM interval WHERE name = 'public-grid'");
    assert_eq!(reasons, 3);
}

/// A machine that is too slow or too small decides nothing: not even for the fallback.
#[test]
fn what_the_machine_fails_at_is_no_failure_of_the_algorithm() {
    let meters = Meters::telling(&ROWS);
    let market = Market::with(&meters, "on_failure = \"fallback\"");
    // Less address space than a single memory takes, in KiB.
    Ran::of(market.command_within(3 << 20, &["settle"])).ends_with(3).says("the machine cannot run the algorithm");
    let slow = "algorithm = \"loop.wasm\"\non_failure = \"fallback\"
limits = { fuel = 18446744073709551615, time = \"20ms\" }";
    market.file("loop.wasm", guests::ENDLESS_LOOP);
    market.configure(&community("aveiro", meters.address(), slow));
    market.settle().ends_with(3).says("did not finish within 20ms").says("raise the limit on time");
    assert_eq!((market.trades(), market.events()), (Vec::new(), Vec::new()));
    market.configure(&community("aveiro", meters.address(), ""));
    assert_eq!(market.books(), BOOKS);
}

#[test]
fn a_setting_that_nobody_knows_settles_nothing() {
    let (meters, others) = (Meters::telling(&ROWS), Meters::telling(&ROWS));
    let good = community("good", meters.address(), "");
    let bad = community("bad", others.address(), "settings = { prize = 5 }");
    let market = Market::new(&(good + &bad));
    market.settle().ends_with(2).says("community bad").says("\"prize\"").says("mid-market-rate");
    assert_eq!((market.trades(), meters.asked().len(), others.asked().len()), (Vec::new(), 0, 0));
}

#[test]
fn an_algorithm_that_is_none_settles_nothing() {
    let meters = Meters::telling(&ROWS);
    let market = Market::with(&meters, "algorithm = \"broken.wasm\"");
    market.settle().ends_with(2).says("there is no file").says("broken.wasm");
    std::fs::write(market.path("broken.wasm"), b"(module)").unwrap();
    market.settle().ends_with(2).says("broken.wasm");
    let unknown = format!("algorithm = \"sha256:{}\"", "0".repeat(64));
    market.configure(&community("aveiro", meters.address(), &unknown));
    market.settle().ends_with(2).says("no algorithm with digest");
    assert_eq!(meters.asked().len(), 0);
}

#[test]
fn an_algorithm_of_earlier_intervals_is_named_by_its_digest() {
    let meters = Meters::telling(&ROWS);
    let market = Market::of(&meters);
    market.run(&["settle", "--until", "2023-09-01T12:15:00Z"]).ends_with(0);
    let digest: String = market.query("SELECT lower(hex(digest)) FROM component");
    market.configure(&community("aveiro", meters.address(), &format!("algorithm = \"sha256:{digest}\"")));
    assert_eq!(market.books(), BOOKS);
}

#[test]
fn a_community_that_is_held_up_does_not_hold_up_another() {
    let (broken, whole) = (Meters::telling(&ROWS), Meters::telling(&ROWS));
    let market =
        Market::new(&(community("broken", broken.address(), FAILS) + &community("whole", whole.address(), "")));
    let ran = market.settle().ends_with(1).says("broken").says("on hold");
    assert!(ran.out.contains("whole: 3 intervals"), "{}", ran.out);
    assert_eq!(market.trades(), BOOKS);
}

#[test]
fn a_community_whose_meters_are_away_does_not_hold_up_another() {
    let (held, whole) = (Meters::telling(&ROWS), Meters::telling(&ROWS));
    let refusing = Meters::answering(|_, _| Err(tonic::Status::permission_denied("no")));
    let market = Market::new(
        &(community("away", refusing.address(), "")
            + &community("held", held.address(), FAILS)
            + &community("whole", whole.address(), "")),
    );
    let ran = market.run(&["settle", "--json"]).ends_with(3).says(refusing.address());
    let errors: Vec<bool> = ran.objects().iter().map(|summary| summary["error"].is_null()).collect();
    assert_eq!(errors, [false, false, true]);
    assert_eq!(market.trades(), BOOKS);
}
