//! Three replicas in processes of their own: which of them settles how much, whoever started first, and one that joins.

use jiff::{SignedDuration, Timestamp};

use testkit::*;

/// Communities `c0000`, `c0001`, … of one Meters service, each with a meter that sells and one that buys.
fn communities(meters: &Meters, count: usize) -> String {
    let one = |number: usize| {
        // By days, so that nothing else falls due meanwhile.
        let keys = format!(
            "interval = \"1d\"\nunlisted = \"ignore\"\nmembers = {{ a{number:04} = {{}}, b{number:04} = {{}} }}"
        );
        community(&format!("c{number:04}"), meters.address(), &keys)
    };
    (0..count).map(one).collect()
}

const FIRST: &str = "2023-09-01T00:00:00Z";
const SECOND: &str = "2023-09-02T00:00:00Z";

/// Registers of all their meters at a time.
fn rows(count: usize, time: &str, row: usize) -> Vec<String> {
    let of =
        |number: usize| [format!("a{number:04} {time} 0 {}", 70 * row), format!("b{number:04} {time} {} 0", 50 * row)];
    (0..count).flat_map(of).collect()
}

/// Waits until all replicas know of all of them, and how many communities are the share of each.
fn shares(replicas: &[Service]) -> Vec<u64> {
    let all = replicas.len() as u64;
    eventually("they know each other", || replicas.iter().all(|replica| replica.metric("rec_market_replicas") == all));
    replicas.iter().map(|replica| replica.metric("rec_market_share_communities")).collect()
}

fn settled(replicas: &[Service]) -> Vec<u64> {
    replicas.iter().map(Service::settled).collect()
}

/// Starts three at once, and lets them settle only when each knows of the others: what one began alone, it leaves to whom it belongs.
/// So few may be settled by another one, as the replica that comes second does where the first one is late.
fn three_settle_their_shares(count: usize, store: &str, within_percent: u64, late: u64) -> Market {
    let meters = Meters::telling(&[rows(count, FIRST, 0), rows(count, SECOND, 1)].concat());
    meters.hold();
    let market = Market::serving_all(&communities(&meters, count), store);
    let replicas = [0; 3].map(|_| Service::start(&market));
    let shares = shares(&replicas);
    let count = count as u64;
    assert_eq!(shares.iter().sum::<u64>(), count, "{shares:?}");
    let even = |share: &u64| (share * 3).abs_diff(count) * 100 <= count * within_percent;
    assert!(shares.iter().all(even), "{shares:?}");
    meters.go_on();
    eventually("all is settled", || settled(&replicas).iter().sum::<u64>() >= count);
    let settled = settled(&replicas);
    let by_others: u64 = settled.iter().zip(&shares).map(|(settled, share)| settled.saturating_sub(*share)).sum();
    assert!(settled.iter().sum::<u64>() == count && by_others <= late, "{settled:?} of {shares:?}");
    replicas.into_iter().for_each(|replica| drop(replica.terminate().ends_with(0)));
    market
}

#[test]
fn three_that_start_together_have_even_shares() {
    three_settle_their_shares(1000, "", 20, 0).run(&["audit"]).ends_with(0);
}

#[needs::mongodb]
#[test]
fn in_mongodb_too_three_have_even_shares() {
    // Of so few, a share is less even. The tests' server reads all documents for most questions, so that some are late.
    drop(three_settle_their_shares(150, &mongodb(), 60, 15));
}

/// When the log of a market says something, in order.
fn times(log: &str, says: &str) -> Vec<Timestamp> {
    let lines = log.lines().filter(|line| line.contains(says));
    lines.map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect()
}

#[test]
fn one_that_joins_has_its_share_within_a_minute() {
    const COUNT: usize = 300;
    let meters = Meters::telling(&rows(COUNT, FIRST, 0));
    let market = Market::serving_all(&communities(&meters, COUNT), "");
    let mut replicas = vec![Service::start(&market), Service::start(&market)];
    let before = shares(&replicas);
    eventually("all books are open", || market.intervals() == COUNT as u64);
    replicas.push(Service::start(&market));
    let after = shares(&replicas);
    assert_eq!((before.iter().sum::<u64>(), after.iter().sum::<u64>()), (COUNT as u64, COUNT as u64));
    assert!(after[0] < before[0] && after[1] < before[1] && after[2] > 0, "{before:?} {after:?}");

    // By their own clocks: from its start until all of them knew.
    let log = market.log();
    let (started, known) = (times(&log, "the service starts"), times(&log, "replicas=3"));
    let took = known.last().unwrap().duration_since(*started.last().unwrap());
    assert!(took <= SignedDuration::from_secs(60), "{took:#} in {log}");

    meters.tell(&rows(COUNT, SECOND, 1));
    eventually("all is settled", || settled(&replicas).iter().sum::<u64>() >= COUNT as u64);
    assert_eq!(settled(&replicas), after);
    replicas.into_iter().for_each(|replica| drop(replica.terminate().ends_with(0)));
    market.run(&["audit"]).ends_with(0);
}
