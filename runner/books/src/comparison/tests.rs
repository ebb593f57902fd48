//! Tests of the comparison, between made-up books and a made-up candidate.

use std::sync::Arc;

use domain::netting::Basis;
use domain::round::{PriceLimits, Terms};
use domain::{Energy, Interval, IntervalLength, Party, Position, Round, Tariff, Trade};

use super::*;
use crate::trade::trades_of;

const RETAIL: i64 = 162_400;
const FEED_IN: i64 = 30_000;

fn interval(number: u64) -> Interval {
    let start = Boundary::from_seconds(1_693_569_600 + 900 * number).unwrap();
    Interval::starting(start, IntervalLength::QUARTER_HOUR).unwrap()
}

fn price(micro_eur: i64) -> Price {
    Price::from_micro_eur(micro_eur)
}

/// A round of members with these surpluses and deficits; `feed_in` is the price at which the first sells to the grid.
fn round(number: u64, members: &[(&str, u64, u64)], feed_in: i64) -> Arc<Round> {
    let tariff = Tariff { retail: price(RETAIL), feed_in: price(FEED_IN) };
    let terms = Terms {
        community: "aveiro".to_owned(),
        interval: interval(number),
        tariff,
        limits: PriceLimits::default(),
        seed: 7,
        settings: Vec::new(),
    };
    let position = |(index, (member, surplus, deficit)): (usize, &(&str, u64, u64))| Position {
        member: member.parse().unwrap(),
        surplus: Energy::from_wh(*surplus),
        deficit: Energy::from_wh(*deficit),
        offer: tariff.feed_in,
        bid: tariff.retail,
        tariff: Tariff { feed_in: if index == 0 { price(feed_in) } else { tariff.feed_in }, ..tariff },
        share: 0,
        rank: 0,
    };
    Arc::new(Round::new(terms, members.iter().enumerate().map(position).collect()).unwrap())
}

fn cleared(round: &Arc<Round>, trades: &[(Party, Party, u64, i64)]) -> Settlement {
    let trade = |&(seller, buyer, wh, micro_eur): &(Party, Party, u64, i64)| Trade {
        seller,
        buyer,
        energy: Energy::from_wh(wh),
        price: price(micro_eur),
    };
    Settlement::check(Arc::clone(round), trades.iter().map(trade).collect(), 100).unwrap()
}

/// The books of an interval that was settled so, in which a meter came back after a gap.
fn stored(settlement: &Settlement) -> StoredInterval {
    let interval = settlement.round().terms().interval;
    let gap = GapTrade {
        member: "carla".parse().unwrap(),
        since: Boundary::EPOCH,
        surplus: Energy::from_wh(1_000_000),
        deficit: Energy::from_wh(1),
        tariff: Tariff { retail: price(RETAIL), feed_in: price(FEED_IN) },
    };
    StoredInterval {
        round: Some(Round::clone(settlement.round())),
        trades: trades_of("aveiro", interval, Some((settlement, None)), std::slice::from_ref(&gap)),
        gaps: vec![gap],
        ..StoredInterval::empty(interval, Basis::Net)
    }
}

const ALICE: Party = Party::Member(0);
const BOB: Party = Party::Member(1);

fn flow(paid: i128, received: i128) -> Flow {
    Flow { paid, received }
}

#[test]
fn each_member_is_compared_with_what_settled_and_with_the_grid_alone() {
    let round = round(0, &[("alice", 100, 0), ("bob", 0, 60)], FEED_IN);
    let settled = cleared(&round, &[(ALICE, BOB, 60, 100_000), (ALICE, Party::Grid, 40, FEED_IN)]);
    // The operator buys from Alice for less than the grid would pay, and keeps the difference.
    let candidate =
        [(ALICE, Party::Operator, 60, 10_000), (Party::Operator, BOB, 60, 160_000), (ALICE, Party::Grid, 40, FEED_IN)];
    let mut comparison = Comparison::default();
    comparison.add(&stored(&settled), &cleared(&round, &candidate));
    assert_eq!((comparison.intervals, comparison.span), (1, Some((interval(0).start(), interval(0).end()))));
    assert_eq!(comparison.prices, Some((price(10_000), price(160_000))));
    assert_eq!(comparison.settled_prices, Some((price(100_000), price(100_000))));
    let of = |name: &str| comparison.members[&name.parse().unwrap()];
    let alice = Beside {
        candidate: flow(0, 60 * 10_000 + 40 * 30_000),
        settled: flow(0, 60 * 100_000 + 40 * 30_000),
        grid_alone: flow(0, 100 * 30_000),
    };
    let bob =
        Beside { candidate: flow(60 * 160_000, 0), settled: flow(60 * 100_000, 0), grid_alone: flow(60 * 162_400, 0) };
    assert_eq!((of("alice"), of("bob")), (alice, bob));
    assert_eq!(comparison.operator.candidate, flow(60 * 10_000, 60 * 160_000));
    assert_eq!(comparison.operator.candidate.balance(), 60 * 150_000);
    assert_eq!(comparison.worse_than_grid(), [&"alice".parse::<MemberId>().unwrap()]);
    // Carla traded over a gap, which no algorithm decides.
    assert_eq!(comparison.members.len(), 2);
}

#[test]
fn intervals_add_up_and_whoever_loses_most_comes_first() {
    let mut comparison = Comparison::default();
    for (number, (bad, worse)) in [(31_000, 29_000), (29_000, 28_000)].into_iter().enumerate() {
        let round = round(number as u64, &[("alice", 10, 0), ("bob", 10, 0), ("zoe", 0, 20)], FEED_IN);
        let (alice, bob, zoe) = (Party::Member(0), Party::Member(1), Party::Member(2));
        let result = cleared(&round, &[(alice, zoe, 10, bad), (bob, zoe, 10, worse)]);
        comparison.add(&stored(&result), &result);
    }
    assert_eq!((comparison.intervals, comparison.span), (2, Some((interval(0).start(), interval(1).end()))));
    // What Alice wins in one interval makes up for the other.
    assert_eq!(comparison.worse_than_grid(), [&"bob".parse::<MemberId>().unwrap()]);
    assert_eq!(comparison.prices, Some((price(28_000), price(31_000))));
    assert!(comparison.members.values().all(|beside| beside.candidate == beside.settled));
}

#[test]
fn at_a_negative_price_the_seller_pays() {
    let round = round(0, &[("alice", 10, 0), ("bob", 0, 10)], -5_000);
    let settled = cleared(&round, &[(ALICE, Party::Grid, 10, -5_000), (Party::Grid, BOB, 10, RETAIL)]);
    let mut comparison = Comparison::default();
    comparison.add(&stored(&settled), &cleared(&round, &[(ALICE, BOB, 10, -1_000)]));
    let of = |name: &str| comparison.members[&name.parse().unwrap()];
    assert_eq!(of("alice").candidate, flow(10_000, 0));
    assert_eq!((of("alice").settled, of("alice").grid_alone), (flow(50_000, 0), flow(50_000, 0)));
    assert_eq!(of("bob").candidate, flow(0, 10_000));
    assert_eq!((comparison.settled_prices, comparison.worse_than_grid().len()), (None, 0));
}

#[test]
fn sums_of_absurd_amounts_stay_where_they_are() {
    let round = round(0, &[("alice", u64::MAX, 0), ("bob", 0, u64::MAX)], FEED_IN);
    let absurd = cleared(&round, &[(ALICE, BOB, u64::MAX, i64::MAX)]);
    let mut comparison = Comparison::default();
    for _ in 0..3 {
        comparison.add(&stored(&absurd), &absurd);
    }
    let of = |name: &str| comparison.members[&name.parse().unwrap()];
    assert_eq!((of("alice").candidate, of("bob").candidate), (flow(0, i128::MAX), flow(i128::MAX, 0)));
    assert_eq!(comparison.worse_than_grid(), [&"bob".parse::<MemberId>().unwrap()]);
}
