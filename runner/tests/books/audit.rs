//! The audit finds whatever is changed in settled books.

use std::fs;
use std::sync::OnceLock;

use books::MeterReading;
use domain::netting::LastReads;
use domain::round::Terms;
use domain::{Boundary, MeterId, Position, Round};
use testkit::*;

const START: i64 = 1_693_569_600;

/// Settled books with local trades, a gap and a member of two meters; made once.
fn database() -> &'static [u8] {
    static DATABASE: OnceLock<Vec<u8>> = OnceLock::new();
    DATABASE.get_or_init(|| {
        let meters = Meters::telling(&[
            "a 12:00 0 0",
            "a 12:15 0 100",
            "a 12:30 0 200",
            "a 12:45 5 300",
            "b1 12:00 0 0",
            "b1 12:15 60 0",
            "b1 12:45 80 0",
            "b2 12:00 0 0",
            "b2 12:15 7 0",
            "b2 12:30 9 1",
            "b2 12:45 9 1",
        ]);
        let market = Market::with(&meters, "[community.members.bob]\nmeters = [\"b1\", \"b2\"]");
        assert_eq!(
            market.books(),
            [
                "12:00 a > bob 67 at 96200, Created",
                "12:00 a > grid 33 at 30000",
                "12:15 a > bob 1 at 96200, Created",
                "12:15 a > grid 99 at 30000",
                "12:30 a > grid 95 at 30000",
                "12:30 grid > bob 20 at 162400 (Start timestamp: 2023-09-01T12:15:00Z)",
            ]
        );
        fs::read(market.path("market.db")).unwrap()
    })
}

/// A market that has those books and no meters.
fn market_with_books() -> Market {
    let market = Market::new("[[community]]\nname = \"aveiro\"\n");
    fs::write(market.path("market.db"), database()).unwrap();
    market
}

/// Changes the books; the audit must find it and say all of this in one finding.
#[track_caller]
fn found(change: impl FnOnce(&Market), says: &[&str]) {
    let market = market_with_books();
    change(&market);
    let ran = market.run(&["audit"]).ends_with(1);
    assert!(ran.out.contains("NOT right"), "{}", ran.out);
    let report = market.run(&["audit", "--json"]).ends_with(1).json();
    let mut findings: Vec<String> = report["communities"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|community| community["findings"].as_array().unwrap())
        .chain(report["store"].as_array().unwrap())
        .map(|finding| finding.as_str().unwrap().to_owned())
        .collect();
    findings.sort();
    assert!(
        findings.iter().any(|finding| says.iter().all(|text| finding.contains(text))),
        "nothing says {says:?}: {findings:#?}"
    );
}

/// As [`found`], by a statement that changes rows.
#[track_caller]
fn sql(statement: &str, says: &[&str]) {
    found(|market| market.tamper(statement), says);
}

const INTERVAL: &str = "2023-09-01T12:00:00Z/900s";

#[test]
fn untouched_books_are_right() {
    let market = market_with_books();
    let ran = market.run(&["audit"]).ends_with(0);
    assert!(ran.out.ends_with("The books are right.\n"), "{}", ran.out);
    let report = &market.json(&["audit", "--json"])[0];
    let members = &report["communities"][0]["members"];
    assert_eq!(
        *members,
        serde_json::json!([
            {"member": "a", "export_wh": 300, "import_wh": 5, "netted_wh": 5, "sold_wh": 295, "bought_wh": 0, "ok": true},
            {"member": "bob", "export_wh": 1, "import_wh": 89, "netted_wh": 1, "sold_wh": 0, "bought_wh": 88, "ok": true},
        ])
    );
}

#[test]
fn the_audit_finds_a_trade_with_another_energy() {
    sql("UPDATE trade SET energy = energy + 1 WHERE start = 1693569600 AND number = 0", &[INTERVAL, "digest differs"]);
    sql(
        "UPDATE trade SET energy = energy + 1 WHERE buyer = 'bob' AND start = 1693569600",
        &[INTERVAL, "overbought", "bob"],
    );
    sql(
        "UPDATE trade SET energy = energy - 1 WHERE buyer = 'bob' AND start = 1693569600",
        &[INTERVAL, "underbought", "bob"],
    );
    sql(
        "UPDATE trade SET energy = energy - 1 WHERE buyer = 'bob' AND start = 1693569600",
        &["member bob", "bought 87 Wh", "89 Wh"],
    );
    // Moved from one trade of two to the other, so that every sum is right.
    let moved = "UPDATE trade SET energy = energy + iif(buyer = 'grid', 1, -1) WHERE start = 1693569600";
    sql(moved, &[INTERVAL, "digest differs"]);
    sql("UPDATE trade SET energy = 21 WHERE message IS NOT NULL", &["2023-09-01T12:30:00Z/900s", "gaps"]);
}

#[test]
fn the_audit_finds_a_trade_with_another_price() {
    sql(
        "UPDATE trade SET price = price + 1 WHERE buyer = 'grid' AND start = 1693569600",
        &[INTERVAL, "grid-price", "a"],
    );
    sql("UPDATE trade SET price = price + 1 WHERE buyer = 'bob' AND start = 1693569600", &[INTERVAL, "digest differs"]);
    sql("UPDATE trade SET price = 0 WHERE message IS NOT NULL", &["2023-09-01T12:30:00Z/900s", "gaps"]);
}

#[test]
fn the_audit_finds_a_trade_with_other_parties() {
    sql("UPDATE trade SET seller = 'bob' WHERE start = 1693569600 AND buyer = 'grid'", &[INTERVAL, "oversold", "bob"]);
    sql("UPDATE trade SET buyer = 'a' WHERE start = 1693569600 AND buyer = 'bob'", &[INTERVAL, "self-trade"]);
    sql(
        "UPDATE trade SET buyer = 'eve' WHERE start = 1693569600 AND buyer = 'bob'",
        &[INTERVAL, "unknown-member", "names eve, who"],
    );
    sql("UPDATE trade SET buyer = 'eve' WHERE start = 1693569600 AND buyer = 'bob'", &["member eve"]);
    sql(
        "UPDATE trade SET buyer = 'operator' WHERE start = 1693569600 AND buyer = 'bob'",
        &[INTERVAL, "operator-energy"],
    );
    sql("UPDATE trade SET buyer = 'a' WHERE message IS NOT NULL", &["2023-09-01T12:30:00Z/900s", "gaps"]);
}

#[test]
fn the_audit_finds_a_trade_with_another_id_state_or_message() {
    // Something has become of a trade: the first is with the grid, the second with bob.
    let paid = |number: u32, state: u32, start: i64| {
        found(
            move |market: &Market| {
                let insert = format!(
                    "INSERT INTO payment (community, start, number, id, buyer, \"end\", state)
                     VALUES (1, {start}, {number}, zeroblob(12), 'bob', {start} + 900, {state})"
                );
                market.tamper(&insert);
                market.tamper(&format!("UPDATE interval SET fresh = fresh - 1 WHERE start = {START}"));
            },
            match (number, state) {
                _ if start != START => &["the payment of trade 000000000000000000000000 belongs to no interval"],
                (0, _) => &[INTERVAL, "trade 0 has a state although it is with the grid, or none"],
                _ => &[INTERVAL, "unknown state 9"],
            },
        );
    };
    let books = market_with_books();
    let number_of = |buyer: &str| {
        let find = format!("SELECT number FROM trade WHERE start = {START} AND buyer = '{buyer}'");
        books.query::<u32>(&find)
    };
    assert_eq!((number_of("bob"), number_of("grid")), (1, 0));
    paid(0, 2, START);
    paid(1, 9, START);
    paid(1, 2, START + 86_400);
    sql("UPDATE interval SET fresh = 0 WHERE fresh > 0", &["counts 1 payments, but there are others"]);
    let gap = "2023-09-01T12:30:00Z/900s";
    sql("UPDATE trade SET message = 'Start timestamp: 2023-09-01T12:00:00Z' WHERE message IS NOT NULL", &[gap, "gaps"]);
    sql("UPDATE trade SET message = 'thanks' WHERE buyer = 'grid' AND start = 1693569600", &[INTERVAL, "message"]);
}

#[test]
fn the_audit_finds_a_trade_that_is_gone_or_there_twice() {
    for number in [0, 1] {
        let gone = format!("DELETE FROM trade WHERE start = 1693569600 AND number = {number}");
        sql(&gone, &[INTERVAL, "digest differs"]);
    }
    sql("DELETE FROM trade WHERE message IS NOT NULL", &["2023-09-01T12:30:00Z/900s", "gaps"]);
    let again =
        "INSERT INTO trade SELECT community, start, 2, id, seller, buyer, energy, price, state, message, \"end\", null,
             null, null, null
         FROM trade WHERE start = 1693569600 AND number = 0";
    sql(again, &[INTERVAL, "digest differs"]);
    sql(again, &["member a", "sold"]);
}

#[test]
fn the_audit_finds_an_interval_that_is_gone() {
    for (start, says) in [(START - 900, INTERVAL), (START, "2023-09-01T12:15:00Z/900s"), (START + 1800, "resume mark")]
    {
        found(|market| market.tamper(&format!("DELETE FROM interval WHERE start = {start}")), &[says]);
    }
}

#[test]
fn the_audit_finds_a_round_or_inputs_that_are_not_those_of_the_interval() {
    let other = |column: &str| {
        format!(
            "UPDATE interval SET {column} = (SELECT {column} FROM interval WHERE start = 1693570500) WHERE start = 1693569600"
        )
    };
    let next = || market_with_books().interval(START + 900);
    let round = |market: &Market| market.change_interval(START, |block| block.round = next().round);
    found(round, &[INTERVAL, "round", "2023-09-01T12:15:00Z"]);
    found(round, &[INTERVAL, "member bob", "67 Wh"]);
    found(|market| market.change_interval(START, |block| block.inputs = next().inputs), &[INTERVAL, "member a"]);
    sql(&other("block"), &[INTERVAL, "digest differs"]);
    sql(&other("trades_digest"), &[INTERVAL, "digest differs"]);
    sql("UPDATE interval SET trades_digest = NULL WHERE start = 1693569600", &[INTERVAL, "digest differs"]);
    sql(&other("round_digest"), &[INTERVAL, "not the one that was cleared"]);
    found(|market| market.change_interval(START, |block| block.round = None), &[INTERVAL, "no round"]);
    sql("UPDATE interval SET algorithm = NULL WHERE start = 1693569600", &[INTERVAL, "how it was cleared"]);
    sql("UPDATE interval SET basis = 'gross' WHERE start = 1693571400", &["2023-09-01T12:30:00Z/900s", "member a"]);
    sql("UPDATE interval SET basis = 'nett' WHERE start = 1693569600", &[INTERVAL, "\"nett\""]);
    sql("UPDATE interval SET block = x'00ff' WHERE start = 1693569600", &[INTERVAL, "damaged"]);
    sql("UPDATE interval SET block = x'' WHERE start = 1693569600", &[INTERVAL, "damaged"]);
    let cut = "UPDATE interval SET block = substr(block, 1, length(block) - 1) WHERE start = 1693569600";
    sql(cut, &[INTERVAL, "damaged", "checksum differs"]);
    sql("UPDATE interval SET length = 1800 WHERE start = 1693569600", &["12:00:00Z/1800s"]);
    sql("UPDATE interval SET start = start + 1 WHERE start = 1693569600", &["2023-09-01T12:00:01Z"]);
}

/// Changes a round.
fn round(change: impl FnOnce(&mut Terms, &mut Vec<Position>)) -> impl FnOnce(&Market) {
    move |market| {
        market.change_interval(START, |block| {
            let round = block.round.take().unwrap();
            let (mut terms, mut positions) = (round.terms().clone(), round.positions().to_vec());
            change(&mut terms, &mut positions);
            block.round = Some(Round::new(terms, positions).unwrap());
        });
    }
}

/// Changes the readings.
fn readings(change: impl FnOnce(&mut Vec<MeterReading>)) -> impl FnOnce(&Market) {
    move |market| market.change_interval(START, |block| change(&mut block.inputs.readings))
}

#[test]
fn the_audit_finds_a_round_of_another_community_or_other_members() {
    found(round(|terms, _| terms.community = "lisboa".to_owned()), &[INTERVAL, "round", "lisboa"]);
    found(round(|_, positions| positions[1].member = "eve".parse().unwrap()), &[INTERVAL, "member bob"]);
    let other = |readings: &mut Vec<MeterReading>| readings[1].member = "eve".parse().unwrap();
    found(readings(other), &[INTERVAL, "member eve"]);
    found(readings(|readings| readings[2].meter = "b3".parse().unwrap()), &["b3"]);
}

#[test]
fn the_audit_finds_an_algorithm_that_is_not_the_stored_one() {
    sql("UPDATE component SET bytes = x'00'", &["the stored bytes of algorithm"]);
    sql("DELETE FROM component", &["the bytes of algorithm"]);
    sql("UPDATE interval SET algorithm = zeroblob(32) WHERE start = 1693569600", &["the bytes of algorithm 0000"]);
}

#[test]
fn the_audit_finds_a_mark_or_registers_that_are_not_those_of_the_books() {
    sql("UPDATE community SET mark = mark - 900", &["resume mark", "2023-09-01T12:30:00Z", "2023-09-01T12:45:00Z"]);
    sql("UPDATE community SET mark = NULL", &["resume mark", "none"]);
    let meter = |name: &str| -> MeterId { name.parse().unwrap() };
    let registers = |states: &mut LastReads| states.get_mut(&meter("b1")).unwrap().registers.import_wh = 81;
    found(|market| market.change_states(registers), &["registers", "b1"]);
    let earlier = |states: &mut LastReads| {
        let boundary = &mut states.get_mut(&meter("b2")).unwrap().boundary;
        *boundary = Boundary::from_seconds(boundary.seconds() - 900).unwrap();
    };
    found(|market| market.change_states(earlier), &["registers", "b2"]);
    let fewer = |states: &mut LastReads| states.retain(|name, _| *name != meter("a"));
    found(|market| market.change_states(fewer), &["registers", " a"]);
    let more = |states: &mut LastReads| states.extend([(meter("c"), states[&meter("a")])]);
    found(|market| market.change_states(more), &["registers", " c"]);
    sql("UPDATE community SET states = x'0102'", &["the state of meters", "damaged"]);
}

#[test]
fn the_audit_finds_sums_that_are_not_those_of_the_intervals_and_they_can_be_made_again() {
    let changed = "the sums of the day from 2023-09-01T11:45:00Z on are not those of its intervals";
    let way_out = "rec-market statement rebuild makes the sums again";
    for (change, says) in [
        ("UPDATE day SET trades = trades + 1", changed),
        ("UPDATE day SET last = last - 900", changed),
        ("DELETE FROM day", "interval 2023-09-01T11:45:00Z/900s is in the sums of no day"),
        (
            "UPDATE day SET first = first - 86400, last = last - 86400, until = until - 86400",
            "is in the sums of no day",
        ),
    ] {
        sql(change, &[says, way_out]);
        let market = market_with_books();
        let before = market.run(&["statement", "--json"]).ends_with(0).out;
        market.tamper(change);
        let ran = market.run(&["statement", "rebuild"]).ends_with(0);
        assert_eq!(ran.out, "aveiro: 1 days, 0 of them with details\n");
        market.run(&["audit"]).ends_with(0);
        assert_eq!(market.run(&["statement", "--json"]).ends_with(0).out, before);
    }
    // Those of a trade whose price was changed are not either.
    sql("UPDATE trade SET price = price + 1 WHERE buyer = 'bob' AND start = 1693569600", &[changed]);
}

#[test]
fn the_audit_finds_a_database_whose_parts_do_not_belong_together() {
    sql("UPDATE interval SET community = 7", &["interval", "community"]);
    found(|market| market.database().execute_batch("DROP TABLE event").unwrap(), &["event"]);
}
