//! Tests of the comparison alone, between made-up books and a made-up second run.

use std::sync::Arc;

use domain::netting::Basis;
use domain::round::{PriceLimits, Terms};
use domain::{Boundary, Energy, Interval, IntervalLength, NamedParty, Party, Position, Price, Tariff, Trade};

use super::*;
use crate::trade::GapTrade;

const ALICE: Party = Party::Member(0);
const BOB: Party = Party::Member(1);
const ENGINE: &str = "wasmtime 48";

fn interval(number: u64) -> Interval {
    let start = Boundary::from_seconds(1_693_569_600 + 900 * number).unwrap();
    Interval::starting(start, IntervalLength::QUARTER_HOUR).unwrap()
}

fn price(micro_eur: i64) -> Price {
    Price::from_micro_eur(micro_eur)
}

fn tariff() -> Tariff {
    Tariff { retail: price(162_400), feed_in: price(30_000) }
}

/// Alice has 100 Wh, Bob needs 60.
fn round() -> Round {
    let terms = Terms {
        community: "aveiro".to_owned(),
        interval: interval(0),
        tariff: tariff(),
        limits: PriceLimits::default(),
        seed: 7,
        settings: Vec::new(),
    };
    let position = |member: &str, surplus, deficit| Position {
        member: member.parse().unwrap(),
        surplus: Energy::from_wh(surplus),
        deficit: Energy::from_wh(deficit),
        offer: price(30_000),
        bid: price(162_400),
        tariff: tariff(),
        share: 0,
        rank: 0,
    };
    Round::new(terms, vec![position("alice", 100, 0), position("bob", 0, 60)]).unwrap()
}

fn trade(seller: Party, buyer: Party, wh: u64, micro_eur: i64) -> Trade {
    Trade { seller, buyer, energy: Energy::from_wh(wh), price: price(micro_eur) }
}

fn check(trades: Vec<Trade>) -> Result<Settlement, NoResult> {
    Settlement::check(Arc::new(round()), trades, 100).map_err(|violations| NoResult {
        reason: format!("{}: {}", violations[0].code(), violations[0]),
        may_pass: false,
    })
}

/// Bob buys what he needs from Alice at this price, and the grid takes the rest.
fn settled(micro_eur: i64) -> Settlement {
    check(vec![trade(ALICE, BOB, 60, micro_eur), trade(ALICE, Party::Grid, 40, 30_000)]).unwrap()
}

fn rerun(result: Result<Settlement, NoResult>) -> Recomputed {
    let described = Ok(("own".to_owned(), "1.0.0".to_owned()));
    Recomputed { result, fuel: 1234, engine: ENGINE.to_owned(), described }
}

/// The stored interval of this settlement. Carla's meter was read again after a gap, so she has a trade of her own.
fn books(settlement: &Settlement) -> StoredInterval {
    let provenance = Provenance {
        algorithm: Digest::of(b"component"),
        name: "own".to_owned(),
        version: "1.0.0".to_owned(),
        engine: ENGINE.to_owned(),
        fuel: 1234,
        fallback_reason: None,
    };
    let gap = GapTrade {
        member: "carla".parse().unwrap(),
        since: interval(0).start(),
        surplus: Energy::ZERO,
        deficit: Energy::from_wh(9),
        tariff: tariff(),
    };
    StoredInterval {
        round: Some(Round::clone(settlement.round())),
        round_digest: Some(settlement.round().digest()),
        trades_digest: Some(settlement.digest()),
        trades: trades_of("aveiro", interval(0), Some((settlement, None)), std::slice::from_ref(&gap)),
        gaps: vec![gap],
        provenance: Some(provenance),
        ..StoredInterval::empty(interval(0), Basis::Net)
    }
}

/// Compares changed books with the run that made them.
fn changed(change: impl FnOnce(&mut StoredInterval)) -> Replay {
    let mut stored = books(&settled(96_200));
    change(&mut stored);
    compare("aveiro", &stored, None, Some(&rerun(Ok(settled(96_200)))))
}

#[track_caller]
fn differs(change: impl FnOnce(&mut StoredInterval), says: &[&str]) {
    let replay = changed(change);
    assert_eq!(replay.verdict, Verdict::Differs);
    assert_eq!(replay.differences, says);
}

#[test]
fn an_unchanged_interval_is_the_same() {
    let replay = changed(|_| {});
    assert_eq!(
        replay,
        Replay {
            verdict: Verdict::Same,
            round_digest: Some(round().digest()),
            trades_digest: Some(settled(96_200).digest()),
            fuel: Some(1234),
            differences: Vec::new(),
            remarks: Vec::new(),
        }
    );
}

#[test]
fn states_and_messages_changed_by_payment_do_not_differ() {
    let paid = changed(|stored| {
        stored.trades[0].state = Some(domain::trade::State::Paid);
        stored.trades[0].message = Some("thanks".to_owned());
    });
    assert_eq!(paid.verdict, Verdict::Same);
}

#[test]
fn the_first_differing_trade_is_reported_with_both_sides() {
    differs(
        |stored| stored.trades[0].price = price(96_201),
        &["trade 0 is alice > bob, 60 Wh at 96201 µEUR/kWh in the books, but alice > bob, 60 Wh at 96200 µEUR/kWh"],
    );
    differs(
        |stored| {
            stored.trades[1].energy = Energy::from_wh(41);
            stored.trades[2].buyer = NamedParty::Operator;
        },
        &["trade 1 is alice > grid, 41 Wh at 30000 µEUR/kWh in the books, but alice > grid, 40 Wh at 30000 µEUR/kWh \
           (and 1 more)"],
    );
    differs(
        |stored| stored.trades[2].seller = NamedParty::Operator,
        &[
            "trade 2 is operator > carla, 9 Wh at 162400 µEUR/kWh in the books, but grid > carla, 9 Wh at 162400 µEUR/kWh",
        ],
    );
    let id = books(&settled(96_200)).trades[0].id;
    let other = books(&settled(96_200)).trades[1].id;
    differs(|stored| stored.trades[0].id = other, &[&format!("trade 0 has the id {other} in the books, but {id}")]);
}

#[test]
fn trades_on_one_side_only_are_reported() {
    let missing = "trade 0 is missing in the books: alice > bob, 60 Wh at 96200 µEUR/kWh";
    differs(|stored| drop(stored.trades.remove(0)), &[missing]);
    differs(|stored| stored.trades.clear(), &[&format!("{missing} (and 2 more)")]);
    differs(
        |stored| drop(stored.trades.pop()),
        &["trade 2 is missing in the books: grid > carla, 9 Wh at 162400 µEUR/kWh"],
    );
    let again = |stored: &mut StoredInterval, at: usize, number: u64| {
        let trade = StoredTrade { number, ..stored.trades[0].clone() };
        stored.trades.insert(at, trade);
    };
    for (at, number) in [(3, 3), (3, 99), (1, 0)] {
        differs(
            |stored| again(stored, at, number),
            &[&format!("trade {number} is only in the books: alice > bob, 60 Wh at 96200 µEUR/kWh")],
        );
    }
}

#[test]
fn differing_digests_are_reported_with_both_sides() {
    let (other, trades, round) = (Digest::of(b"other"), settled(96_200).digest(), round().digest());
    differs(
        |stored| stored.trades_digest = Some(other),
        &[&format!("the digest of its trades is {other} in the books, but {trades} recomputed")],
    );
    differs(
        |stored| stored.trades_digest = None,
        &[&format!("the digest of its trades is missing in the books, recomputed it is {trades}")],
    );
    differs(
        |stored| stored.round_digest = Some(other),
        &[&format!("the digest of its round is {other} in the books, but {round} recomputed")],
    );
}

#[test]
fn a_round_belongs_to_its_community_and_interval() {
    let stored = books(&settled(96_200));
    let replay = compare("lisboa", &stored, None, Some(&rerun(Ok(settled(96_200)))));
    assert_eq!(replay.differences[0], "its round is of \"aveiro\" at 2023-09-01T12:00:00Z/900s");
    let replay = changed(|stored| stored.interval = interval(1));
    assert_eq!(replay.differences[0], "its round is of \"aveiro\" at 2023-09-01T12:00:00Z/900s");
}

#[test]
fn fuel_is_compared_only_under_the_same_engine() {
    let fuel = |stored: &mut StoredInterval| stored.provenance.as_mut().unwrap().fuel = 1235;
    differs(fuel, &["its fuel is 1235 in the books, but 1234 recomputed"]);
    let replay = changed(|stored| {
        fuel(stored);
        stored.provenance.as_mut().unwrap().engine = "wasmtime 1".to_owned();
    });
    assert_eq!((replay.verdict, replay.differences.len()), (Verdict::Same, 0));
    assert!(replay.remarks[0].starts_with("it was settled by \"wasmtime 1\" with 1235 of fuel"), "{replay:?}");
}

#[test]
fn an_algorithm_is_compared_by_its_declared_name_and_version() {
    differs(
        |stored| stored.provenance.as_mut().unwrap().version = "2.0.0".to_owned(),
        &["its algorithm is \"own\" \"2.0.0\" in the books, but calls itself \"own\" \"1.0.0\""],
    );
}

#[test]
fn a_run_without_a_result_is_reported() {
    let stored = books(&settled(96_200));
    let refused = check(vec![trade(ALICE, BOB, 61, 96_200), trade(ALICE, Party::Grid, 39, 30_000)]);
    let replay = compare("aveiro", &stored, None, Some(&rerun(refused)));
    assert_eq!(
        replay.differences,
        ["recomputing brings no result: overbought: member bob buys 61 Wh but has a deficit of 60 Wh"]
    );
    assert_eq!((replay.fuel, replay.trades_digest), (Some(1234), None));
}

#[test]
fn a_missing_algorithm_is_a_difference() {
    let stored = books(&settled(96_200));
    let replay = compare("aveiro", &stored, Some("the bytes are not stored"), None);
    assert_eq!((replay.verdict, replay.differences), (Verdict::Differs, vec!["the bytes are not stored".to_owned()]));
    // The stored bytes are wrong, but the algorithm is built in.
    let rerun = rerun(Ok(settled(96_200)));
    let replay = compare("aveiro", &stored, Some("the bytes are not stored"), Some(&rerun));
    assert_eq!((replay.verdict, replay.differences.len()), (Verdict::Differs, 1));
    assert_eq!(replay.trades_digest, stored.trades_digest);
}

#[test]
fn an_interval_that_was_not_recomputed_differs() {
    assert_eq!(compare("aveiro", &books(&settled(96_200)), None, None).verdict, Verdict::Differs);
}

#[test]
fn without_a_round_only_gaps_are_compared() {
    let mut stored = books(&settled(96_200));
    stored.provenance = None;
    (stored.round, stored.round_digest, stored.trades_digest) = (None, None, None);
    stored.trades = trades_of("aveiro", stored.interval, None, &stored.gaps);
    assert_eq!(compare("aveiro", &stored, None, None).verdict, Verdict::Nothing);
    stored.trades[0].energy = Energy::from_wh(8);
    let replay = compare("aveiro", &stored, None, None);
    assert_eq!(
        replay.differences,
        ["trade 0 is grid > carla, 8 Wh at 162400 µEUR/kWh in the books, but grid > carla, 9 Wh at 162400 µEUR/kWh"]
    );
}

#[test]
fn an_incomplete_round_is_reported() {
    let replay = changed(|stored| stored.provenance = None);
    assert_eq!(replay.differences, ["it has a round, but not how it was cleared"]);
    let mut stored = books(&settled(96_200));
    stored.round = None;
    let replay = compare("aveiro", &stored, None, None);
    assert_eq!(
        replay.differences[..3],
        [
            "it says how it was cleared, but has no round",
            "it has the digest of a round, but no round",
            "it has the digest of the round's trades, but no round",
        ]
    );
    // Without the round only Carla's trade can be derived, so it becomes the first one.
    assert!(replay.differences[3].starts_with("trade 0 is alice > bob"), "{replay:?}");
    assert!(replay.differences[3].ends_with(" (and 2 more)"), "{replay:?}");
}
