//! Two replicas on one store.

use demo::meters::Package;

use testkit::*;

const ROWS: i64 = 400;

#[test]
fn two_replicas_make_the_books_of_one_and_share_the_work() {
    let meters = Meters::recorded(recorded(5, ROWS), Package::Platform);
    let market = Market::serving(&meters, "", "");
    let replicas = [0, 1].map(|_| Service::start(&market));
    eventually("everything is settled", || market.intervals() == u64::try_from(ROWS).unwrap());
    for replica in replicas {
        replica.terminate().ends_with(0);
    }
    market.run(&["audit"]).ends_with(0);
    let settled = Market::of(&meters);
    settled.settle().ends_with(0);
    assert_eq!(market.trades_json(), settled.trades_json());
    // No interval was computed twice: nobody was overtaken.
    assert!(!market.log().contains("taken over"), "{}", market.log());
}

#[test]
fn when_one_is_killed_the_other_goes_on() {
    let meters = Meters::recorded(recorded(5, 3000), Package::Platform);
    let market = Market::serving(&meters, "", "");
    let first = Service::start(&market);
    eventually("the first has begun", || market.intervals() > 10);
    let second = Service::start(&market);
    first.kill();
    let at_kill = market.intervals();
    assert!(at_kill < 3000);
    eventually("the second finishes", || market.intervals() == 3000);
    second.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
}

#[needs::mongodb]
#[test]
fn in_mongodb_too_the_other_goes_on_and_the_books_are_those_of_one() {
    const ROWS: i64 = 300;
    let meters = Meters::recorded(recorded(5, ROWS), Package::Platform);
    let expected = Market::of(&meters);
    expected.settle().ends_with(0);
    let expected = expected.trades_json();
    let keys = format!("{}[replicas]\nlease = \"2s\"\n", mongodb());
    let market = Market::serving(&meters, &keys, "");
    let [first, second] = [0, 1].map(|_| Service::start(&market));
    eventually("they have begun", || first.mark().max(second.mark()).is_some());
    // Whoever settles is killed.
    let settles = |replica: &Service| replica.community()["lease_held"] == true;
    let (killed, left) = if settles(&second) { (second, first) } else { (first, second) };
    assert!(killed.mark().max(left.mark()) < Some(end_of(ROWS)), "it was too quick");
    killed.kill();
    eventually("the other finishes", || left.mark() == Some(end_of(ROWS)));
    left.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
    assert_eq!(market.trades_json(), expected);
}
