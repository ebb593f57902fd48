//! Two replicas on one store.

use demo::meters::Package;
use rec_market_tests::mongo_server;

use crate::common::*;
use crate::mongodb;
use crate::running::*;

const ROWS: i64 = 400;

#[test]
fn two_replicas_make_the_books_of_one_and_share_the_work() {
    let meters = Meters::recorded(recorded(5, ROWS), Package::Platform);
    let market = market(&meters, "", "");
    let replicas = [0, 1].map(|_| Running::start(&market));
    eventually("everything is settled", || intervals(&market) == u64::try_from(ROWS).unwrap());
    for replica in replicas {
        replica.terminate().ends_with(0);
    }
    market.run(&["audit"]).ends_with(0);
    let settled = Market::of(&meters);
    settled.settle().ends_with(0);
    assert_eq!(market.trades_json(), settled.trades_json());
    // No interval was computed twice: nobody was overtaken.
    assert!(!read_log(&market).contains("taken over"), "{}", read_log(&market));
}

#[test]
fn when_one_is_killed_the_other_goes_on() {
    let meters = Meters::recorded(recorded(5, 3000), Package::Platform);
    let market = market(&meters, "", "");
    let first = Running::start(&market);
    eventually("the first has begun", || intervals(&market) > 10);
    let second = Running::start(&market);
    first.kill();
    let at_kill = intervals(&market);
    assert!(at_kill < 3000);
    eventually("the second finishes", || intervals(&market) == 3000);
    second.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn in_mongodb_too_the_other_goes_on_and_the_books_are_those_of_one() {
    const ROWS: i64 = 300;
    let Some(database) = mongo_server::database() else { return };
    let meters = Meters::recorded(recorded(5, ROWS), Package::Platform);
    let expected = Market::of(&meters);
    expected.settle().ends_with(0);
    let expected = expected.trades_json();
    let keys = format!("{}[replicas]\nlease = \"2s\"\n", mongodb::store(&database));
    let market = market(&meters, &keys, "");
    let [first, second] = [0, 1].map(|_| Running::start(&market));
    eventually("they have begun", || mark(&first).max(mark(&second)).is_some());
    // Whoever settles is killed.
    let settles = |replica: &Running| replica.get("/status").1.contains("\"lease_held\": true");
    let (killed, left) = if settles(&second) { (second, first) } else { (first, second) };
    assert!(mark(&killed).max(mark(&left)) < Some(end(ROWS)), "it was too quick");
    killed.kill();
    eventually("the other finishes", || mark(&left) == Some(end(ROWS)));
    left.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
    assert_eq!(market.trades_json(), expected);
}
