//! The audit finds whatever is changed in settled books.

use std::fs;
use std::sync::OnceLock;

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

/// Changes the books; the audit must find it and say all of this in one finding.
#[track_caller]
fn found(change: impl FnOnce(&Market), says: &[&str]) {
    let market = Market::new("[[community]]\nname = \"aveiro\"\n");
    fs::write(market.path("market.db"), database()).unwrap();
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
    let market = Market::new("[[community]]\nname = \"aveiro\"\n");
    fs::write(market.path("market.db"), database()).unwrap();
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
    sql("UPDATE trade SET buyer = '' WHERE start = 1693569600 AND number = 1", &[INTERVAL, "name is empty"]);
}

#[test]
fn the_audit_finds_a_trade_with_another_id_state_or_message() {
    sql(
        "UPDATE trade SET id = zeroblob(12) WHERE start = 1693569600 AND number = 1",
        &[INTERVAL, "trade 1 has the id 0000"],
    );
    sql("UPDATE trade SET id = zeroblob(11) WHERE start = 1693569600 AND number = 1", &[INTERVAL, "trade 1"]);
    sql("UPDATE trade SET state = NULL WHERE state = 0 AND start = 1693569600", &[INTERVAL, "state"]);
    sql("UPDATE trade SET state = 0 WHERE state IS NULL AND start = 1693569600", &[INTERVAL, "state"]);
    sql("UPDATE trade SET state = 9 WHERE state = 0 AND start = 1693569600", &[INTERVAL, "unknown state 9"]);
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
    sql("DELETE FROM trade WHERE start = 1693569600 AND number = 0", &[INTERVAL, "trade 0 is missing"]);
    sql("DELETE FROM trade WHERE message IS NOT NULL", &["2023-09-01T12:30:00Z/900s", "gaps"]);
    let again = |start: &str, number: u32| {
        format!(
            "INSERT INTO trade SELECT community, {start}, {number}, randomblob(12), seller, buyer, energy, price, state, message,
                 \"end\", null, null, null, null
             FROM trade WHERE start = 1693569600 AND number = 0"
        )
    };
    sql(&again("start", 2), &[INTERVAL, "digest differs"]);
    sql(&again("start", 9), &[INTERVAL, "missing"]);
    sql(&again("start", 2), &["member a", "sold"]);
    // In an interval that does not exist, where no listing would show it.
    sql(&again("start + 86400", 0), &["2023-09-02T12:00:00Z", "no interval"]);
    sql("UPDATE trade SET number = number + 10 WHERE start = 1693569600", &[INTERVAL, "trade 0 is missing"]);
}

#[test]
fn the_audit_finds_an_interval_that_is_gone() {
    for (start, says) in [(START - 900, INTERVAL), (START, "2023-09-01T12:15:00Z/900s"), (START + 1800, "resume mark")]
    {
        found(
            |market| {
                market.database().execute("DELETE FROM trade WHERE start = ?1", [start]).unwrap();
                market.tamper(&format!("DELETE FROM interval WHERE start = {start}"));
            },
            &[says],
        );
    }
}

#[test]
fn the_audit_finds_a_round_or_inputs_that_are_not_those_of_the_interval() {
    let other = |column: &str| {
        format!(
            "UPDATE interval SET {column} = (SELECT {column} FROM interval WHERE start = 1693570500) WHERE start = 1693569600"
        )
    };
    sql(&other("round"), &[INTERVAL, "round", "2023-09-01T12:15:00Z"]);
    sql(&other("round"), &[INTERVAL, "member bob", "67 Wh"]);
    sql(&other("inputs"), &[INTERVAL, "member a"]);
    sql(&other("trades_digest"), &[INTERVAL, "digest differs"]);
    sql("UPDATE interval SET trades_digest = NULL WHERE start = 1693569600", &[INTERVAL, "digest differs"]);
    sql(&other("round_digest"), &[INTERVAL, "not the one that was cleared"]);
    sql("UPDATE interval SET round = NULL WHERE start = 1693569600", &[INTERVAL, "no round"]);
    sql("UPDATE interval SET algorithm = NULL WHERE start = 1693569600", &[INTERVAL, "how it was cleared"]);
    sql("UPDATE interval SET basis = 'gross' WHERE start = 1693571400", &["2023-09-01T12:30:00Z/900s", "member a"]);
    sql("UPDATE interval SET basis = 'nett' WHERE start = 1693569600", &[INTERVAL, "\"nett\""]);
    sql("UPDATE interval SET round = x'00ff' WHERE start = 1693569600", &[INTERVAL, "damaged"]);
    sql("UPDATE interval SET round = x'' WHERE start = 1693569600", &[INTERVAL]);
    sql("UPDATE interval SET inputs = x'ffff' WHERE start = 1693569600", &[INTERVAL, "damaged"]);
    sql("UPDATE interval SET length = 1800 WHERE start = 1693569600", &["12:00:00Z/1800s"]);
    sql("UPDATE interval SET start = start + 1 WHERE start = 1693569600", &["2023-09-01T12:00:01Z"]);
}

/// Changes texts within a record, length by length.
fn within(column: &str, from: &str, to: &str) -> impl FnOnce(&Market) {
    assert_eq!(from.len(), to.len());
    let select = format!("SELECT {column} FROM interval WHERE start = ?1");
    let update = format!("UPDATE interval SET {column} = ?2 WHERE start = ?1");
    let (from, to) = (from.as_bytes().to_vec(), to.as_bytes().to_vec());
    move |market| {
        let connection = market.database();
        let mut record: Vec<u8> = connection.query_row(&select, [START], |row| row.get(0)).unwrap();
        let at = record.windows(from.len()).position(|window| window == from).unwrap();
        record[at..at + to.len()].copy_from_slice(&to);
        connection.execute(&update, (START, record)).unwrap();
    }
}

#[test]
fn the_audit_finds_a_round_of_another_community_or_other_members() {
    found(within("round", "aveiro", "lisboa"), &[INTERVAL, "round", "lisboa"]);
    found(within("round", "bob", "eve"), &[INTERVAL, "member bob"]);
    found(within("inputs", "bob", "eve"), &[INTERVAL, "member eve"]);
    found(within("inputs", "b2", "b3"), &["b3"]);
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
    sql("UPDATE meter SET import_wh = 81 WHERE meter = 'b1'", &["registers", "b1"]);
    sql("UPDATE meter SET boundary = boundary - 900 WHERE meter = 'b2'", &["registers", "b2"]);
    sql("DELETE FROM meter WHERE meter = 'a'", &["registers", " a"]);
    sql("INSERT INTO meter VALUES (1, 'c', 1693569600, 0, 0, NULL)", &["registers", " c"]);
}

#[test]
fn the_audit_finds_a_database_whose_parts_do_not_belong_together() {
    sql("UPDATE trade SET community = 7", &["trade", "community"]);
    found(|market| market.database().execute_batch("DROP TABLE event").unwrap(), &["event"]);
}
