//! Everything around the service goes away, talks nonsense and comes back: it waits, and then catches up alone.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use demo::meters::Package;
use demo::transactions::worker::Source;
use serde_json::Value;

use crate::payments::Payments;
use testkit::*;

/// Waits until all is settled; then the books must be those of a market that nothing has befallen.
fn comes_to_the_same(service: Service, market: &Market, meters: &Meters, rows: i64) {
    eventually("everything is settled", || service.mark() == Some(end_of(rows)));
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
    let undisturbed = Market::of(meters);
    undisturbed.settle().ends_with(0);
    assert_eq!(market.trades_json(), undisturbed.trades_json());
}

#[needs::ferretdb]
#[test]
fn a_store_that_dies_is_waited_for() {
    waits_for_a_store_that(Mongo::kill, Mongo::restart);
}

#[needs::ferretdb]
#[test]
fn a_store_that_falls_silent_is_waited_for() {
    waits_for_a_store_that(Mongo::fall_silent, Mongo::speak);
}

fn waits_for_a_store_that(fails: fn(&mut Mongo), recovers: fn(&mut Mongo)) {
    const ROWS: i64 = 400;
    let mut mongo = Mongo::start();
    let meters = Meters::recorded(recorded(4, ROWS), Package::Platform);
    let market = Market::serving(&meters, &mongo.store(), "");
    let mut service = Service::start(&market);
    eventually("it has begun", || service.mark().is_some());
    fails(&mut mongo);
    assert!(service.mark() < Some(end_of(ROWS)), "it was too quick");
    eventually("it is not ready", || service.get("/ready").0 == 503);
    let (_, reasons) = service.get("/ready");
    assert!(reasons.contains("does not answer"), "{reasons}");
    assert!(service.runs());
    assert_eq!(service.get("/live").0, 200);
    recovers(&mut mongo);
    eventually("it is ready again", || service.get("/ready").0 == 200);
    comes_to_the_same(service, &market, &meters, ROWS);
    tells_once(&market, "does not answer", "the store works again");
}

/// The log has one line for the beginning of an outage and one for its end, however often somebody tried meanwhile.
fn tells_once(market: &Market, begins: &str, ends: &str) {
    let log = market.log();
    assert_eq!((log.matches(begins).count(), log.matches(ends).count()), (1, 1), "{log}");
}

#[needs::ferretdb]
#[test]
fn a_store_that_is_away_at_first_is_waited_for() {
    const ROWS: i64 = 40;
    let mut mongo = Mongo::start();
    mongo.kill();
    let meters = Meters::recorded(recorded(4, ROWS), Package::Platform);
    let market = Market::serving(&meters, &mongo.store(), "");
    let service = Service::start(&market);
    eventually("it says why it is not ready", || {
        let (code, reasons) = service.get("/ready");
        code == 503 && reasons.contains("does not answer")
    });
    mongo.restart();
    eventually("it is ready", || service.get("/ready").0 == 200);
    comes_to_the_same(service, &market, &meters, ROWS);
    tells_once(&market, "does not answer", "the store works ");
}

#[needs::ferretdb]
#[test]
fn a_store_that_is_slow_or_talks_nonsense_is_waited_for() {
    const ROWS: i64 = 60;
    let mongo = Mongo::start();
    let meters = Meters::recorded(recorded(3, ROWS), Package::Platform);
    let mut way = Detour::to(mongo.address());
    let market = Market::serving(&meters, &mongo.store_by(way.address()), "");
    let service = Service::start(&market);
    for to in [Way::Garbage, Way::Silent] {
        way.turn(to);
        eventually(&format!("it is not ready: {to:?}"), || {
            let (code, reasons) = service.get("/ready");
            code == 503 && reasons.contains("does not answer")
        });
    }
    way.turn(Way::Slow);
    eventually("it settles slowly", || service.mark().is_some());
    way.turn(Way::Garbage);
    eventually("it is not ready any more", || service.get("/ready").0 == 503);
    way.turn(Way::Open);
    comes_to_the_same(service, &market, &meters, ROWS);
}

#[test]
fn meters_that_are_away_or_silent_or_talk_nonsense_are_asked_until_they_answer() {
    const ROWS: i64 = 200;
    let meters = Meters::recorded(recorded(4, ROWS), Package::Platform);
    let target: SocketAddr = meters.address().strip_prefix("http://").unwrap().parse().unwrap();
    let mut way = Detour::to(target);
    let address = format!("http://{}", way.address());
    let market = Market::serving_all(&community("aveiro", &address, "meters_timeout = \"1s\""), "");
    let service = Service::start(&market);
    let asked_again = || number(&service, "rec_market_meters_retries_total{community=\"aveiro\"}");
    for to in [Way::Closed, Way::Silent, Way::Garbage] {
        way.turn(to);
        // One answer may still be from before.
        let before = asked_again();
        eventually(&format!("it asks again: {to:?}"), || asked_again() >= before + 2);
        assert_eq!(service.mark(), None);
        eventually("the platform is served meanwhile", || service.get("/ready").0 == 200);
    }
    way.turn(Way::Slow);
    eventually("it settles what comes slowly", || service.mark().is_some());
    way.turn(Way::Open);
    eventually("it tells that it works again", || market.log().contains("settling works again"));
    comes_to_the_same(service, &market, &meters, ROWS);
    tells_once(&market, "code=\"meters\"", "settling works again");
}

/// The value of a series; 0 if it is not there yet.
fn number(service: &Service, series: &str) -> u64 {
    let metrics = service.get("/metrics").1;
    let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

#[test]
fn trades_wait_for_transactions_and_are_paid_once() {
    const ROWS: i64 = 200;
    let meters = Meters::recorded(recorded(4, ROWS), Package::Platform);
    let market = Market::serving(&meters, "", "");
    let mut payments = Payments::new(&market);
    let mut way = Detour::to(payments.address());
    let keys = format!("{SERVICE}{}", payments.pushed_by(way.address()));
    market.configure(&format!("{keys}{}", community("aveiro", meters.address(), "")));
    let service = Service::start(&market);
    payments.work_with(&service, Source::Pushed);
    let failed = || number(&service, "rec_market_push_request_seconds_count{outcome=\"away\"}");
    for to in [Way::Closed, Way::Silent, Way::Garbage] {
        way.turn(to);
        let before = failed();
        // Each failure doubles the pause, so one of each kind must do.
        eventually(&format!("it fails to reach Transactions: {to:?}"), || failed() > before);
    }
    eventually("everything is settled", || service.mark() == Some(end_of(ROWS)));
    assert_eq!(payments.ids(), BTreeSet::new());
    way.turn(Way::Slow);
    eventually("it delivers slowly", || !payments.ids().is_empty());
    way.turn(Way::Open);
    let traded: BTreeSet<String> = market
        .json(&["trades", "--json"])
        .iter()
        .filter(|trade| !trade["state"].is_null())
        .map(|trade| trade["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(traded.len() > 100, "{}", traded.len());
    let paid = |trade: &Value| trade["state"].is_null() || trade["state"] == "Paid";
    eventually("everything is paid", || market.json(&["trades", "--json"]).iter().all(paid));
    assert_eq!(payments.ids(), traded);
    let totals = payments.service.ledger().totals();
    // What was under way when the way was turned came twice, and was taken once.
    assert_eq!((totals.trades, totals.paid), (traded.len() as u64, traded.len() as u64));
    payments.rest();
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
    let log = market.log();
    let lines = |text: &str| log.matches(text).count();
    let (began, ended) = (lines("cannot forward trades"), lines("forwarding trades works again"));
    // What is under way when the way is turned for the last time may fail once more.
    assert!(began == ended && (1..=2).contains(&began), "{log}");
}
