//! Settled intervals are recomputed, and whatever is changed in them is found and named.

use std::fs;
use std::sync::OnceLock;

use domain::{Digest, Round};
use serde_json::{Value, json};

use testkit::*;

const START: i64 = 1_693_569_600;
/// Of the base algorithms.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// A configuration that settles nothing; its limits are the usual ones.
const READING: &str = "[[community]]\nname = \"aveiro\"\n";

/// Settled books: an interval with nobody, three with a round, of which the last has a gap; made once.
fn database() -> &'static [u8] {
    static DATABASE: OnceLock<Vec<u8>> = OnceLock::new();
    DATABASE.get_or_init(|| {
        let meters = Meters::telling(&[
            "a 12:00 0 0",
            "a 12:15 0 100",
            "a 12:30 0 200",
            "a 12:45 5 300",
            "b 12:00 0 0",
            "b 12:15 67 0",
            "b 12:45 87 0",
            "c 12:15 0 0",
            "c 12:30 9 0",
            "c 12:45 9 0",
        ]);
        let market = Market::of(&meters);
        assert_eq!(
            market.books(),
            [
                "12:00 a > b 67 at 96200, Created",
                "12:00 a > grid 33 at 30000",
                "12:15 a > c 9 at 96200, Created",
                "12:15 a > grid 91 at 30000",
                "12:30 a > grid 95 at 30000",
                "12:30 grid > b 20 at 162400 (Start timestamp: 2023-09-01T12:15:00Z)",
            ]
        );
        fs::read(market.path("market.db")).unwrap()
    })
}

/// A base algorithm as it is called where there may be several.
fn called(name: &str) -> String {
    let digest = Digest::of(base::base(name).unwrap().bytes).to_string();
    format!("{name} {VERSION} {}", &digest[..12])
}

/// A market that has those books and no meters.
pub fn market() -> Market {
    let market = Market::new(READING);
    fs::write(market.path("market.db"), database()).unwrap();
    market
}

/// What `replay --json` says of a market whose books differ.
#[track_caller]
fn differing(market: &Market) -> Vec<Value> {
    market.run(&["replay", "--json"]).ends_with(1).objects()
}

/// Changes the first interval with a round; the replay must say exactly this of it, and that the others are the same.
#[track_caller]
fn found(change: impl FnOnce(&Market), says: &[&str]) {
    let market = market();
    change(&market);
    let intervals = differing(&market);
    let statuses: Vec<&str> = intervals.iter().map(|interval| interval["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["nothing", "differs", "same", "same"], "{intervals:#?}");
    assert_eq!(intervals[1]["interval"], "2023-09-01T12:00:00Z");
    let differences = intervals[1]["differences"].as_array().unwrap();
    assert_eq!(differences.len(), says.len(), "{differences:#?}");
    for (difference, says) in differences.iter().zip(says) {
        assert!(difference.as_str().unwrap().contains(says), "no {says:?} in {difference}");
    }
    // People are told the same.
    let told = market.run(&["replay"]).ends_with(1).out;
    assert!(told.starts_with("aveiro: interval 2023-09-01T12:00:00Z/900s differs\n"), "{told}");
    for difference in differences {
        assert!(told.contains(&format!("\n  {}\n", difference.as_str().unwrap())), "{told}");
    }
    assert!(told.contains(" without a round, 1 DIFFER ("), "{told}");
}

/// As [`found`], by a statement that changes rows.
#[track_caller]
fn sql(statement: &str, says: &[&str]) {
    found(|market| market.tamper(statement), says);
}

#[test]
fn untouched_books_come_out_the_same() {
    let market = market();
    let before = fs::read(market.path("market.db")).unwrap();
    let told = market.run(&["replay"]).ends_with(0);
    let called = called("mid-market-rate");
    let expected = format!("aveiro: 3 intervals recomputed, 1 without a round, all the same ({called})\n");
    assert_eq!((told.out, told.err.as_str()), (expected, ""));
    assert_eq!(fs::read(market.path("market.db")).unwrap(), before);
}

#[test]
fn json_has_every_interval_with_both_sides() {
    let market = market();
    let intervals = market.json(&["replay", "--json"]);
    assert_eq!(intervals.len(), 4);
    let digest = |column: &str| -> String {
        market.query(&format!("SELECT lower(hex({column})) FROM interval WHERE start = {START}"))
    };
    let fuel: u64 = market.query(&format!("SELECT fuel FROM interval WHERE start = {START}"));
    let engine = sandbox::Sandbox::engine_version();
    assert_eq!(
        intervals[1],
        json!({
            "community": "aveiro", "interval": "2023-09-01T12:00:00Z", "end": "2023-09-01T12:15:00Z", "status": "same",
            "algorithm": digest("algorithm"), "name": "mid-market-rate", "version": VERSION,
            "engine": {"stored": engine, "now": engine},
            "configuration": digest("configuration"),
            "round_digest": {"stored": digest("round_digest"), "recomputed": digest("round_digest")},
            "trades_digest": {"stored": digest("trades_digest"), "recomputed": digest("trades_digest")},
            "fuel": {"stored": fuel, "recomputed": fuel},
            "fallback_reason": null, "differences": [], "remarks": [],
        })
    );
    assert_eq!(
        [&intervals[0]["status"], &intervals[0]["algorithm"], &intervals[0]["fuel"]],
        [&json!("nothing"), &json!(null), &json!({"stored": null, "recomputed": null})]
    );
}

/// The starts of what is recomputed, as the stories write them.
#[track_caller]
fn recomputed(market: &Market, arguments: &[&str]) -> Vec<String> {
    let intervals = market.json(&[&["replay", "--json"], arguments].concat());
    intervals.iter().map(|interval| short(interval["interval"].as_str().unwrap())).collect()
}

#[test]
fn one_interval_is_named_by_any_time_in_it() {
    let market = market();
    for (time, start) in [
        ("2023-09-01T12:15:00Z", "12:15"),
        ("2023-09-01T12:22:07.5Z", "12:15"),
        ("2023-09-01T14:29:59+02:00", "12:15"),
        ("2023-09-01T12:44:59.999Z", "12:30"),
        ("2023-09-01T11:45:00Z", "11:45"),
    ] {
        assert_eq!(recomputed(&market, &["--interval", time]), [start], "{time}");
    }
    for time in ["2023-09-01T12:45:00Z", "2023-09-01T11:44:59Z", "1969-12-31T00:00:00Z", "9999-12-30T00:00:00Z"] {
        let ran = market.run(&["replay", "--interval", time]).ends_with(2);
        assert_eq!(ran.out, "");
        ran.says("no stored interval contains")
            .says("aveiro has intervals from 2023-09-01T11:45:00Z to 2023-09-01T12:45:00Z");
    }
}

#[test]
fn a_range_is_half_open() {
    let market = market();
    let range = ["--from", "2023-09-01T12:00:00Z", "--to", "2023-09-01T12:30:00Z"];
    assert_eq!(recomputed(&market, &range), ["12:00", "12:15"]);
    assert_eq!(recomputed(&market, &["--from", "2023-09-01T12:30:00Z"]), ["12:30"]);
    assert_eq!(recomputed(&market, &["--to", "2023-09-01"]), [""; 0]);
    let nothing = market.run(&["replay", "--to", "2023-09-01"]).ends_with(0).out;
    assert_eq!(nothing, "aveiro: 0 intervals recomputed, nothing to compare\n");
    market.run(&["replay", "--from", "2023-09-02", "--to", "2023-09-01"]).ends_with(2).says("(swap them)");
    market.run(&["replay", "--from", "2023-09-01", "--interval", "2023-09-01"]).ends_with(2).says("--interval");
}

#[test]
fn communities_are_named_or_all_are_recomputed() {
    let early = Meters::telling(&["a 12:00 0 0", "a 12:15 0 100"]);
    let late = Meters::telling(&["a 13:00 0 0", "a 13:15 0 100"]);
    let market = Market::new(
        &(community("early", early.address(), "") + &community("late", late.address(), "interval = \"5m\"")),
    );
    market.settle().ends_with(0);
    let told = market.run(&["replay"]).ends_with(0).out;
    assert_eq!(told.lines().filter(|line| line.contains(": 1 interval recomputed, ")).count(), 1, "{told}");
    assert!(told.contains("early: ") && told.contains("late: "), "{told}");
    assert_eq!(recomputed(&market, &["--community", "early"]), ["11:45", "12:00"]);
    market.run(&["replay", "--community", "porto"]).ends_with(2).says("\"porto\"").says("early, late");
    // The one that has it is recomputed, of the other one it is told.
    let ran =
        market.run(&["replay", "--interval", "2023-09-01T12:01:00Z"]).ends_with(0).says("late has intervals from");
    assert!(ran.out.starts_with("early: 1 interval recomputed, all the same"), "{}", ran.out);
    // One that is configured no more still has books.
    market.configure(&community("late", late.address(), ""));
    assert_eq!(recomputed(&market, &["--community", "early"]), ["11:45", "12:00"]);
}

#[test]
fn as_many_jobs_as_anybody_wants_say_the_same_in_the_same_order() {
    let meters = Meters::recorded(recorded(4, 250), demo::meters::Package::Platform);
    let market = Market::of(&meters);
    market.settle().ends_with(0);
    // Pages end within it.
    let changed = "UPDATE trade SET price = price + 1 WHERE (community, start, number) IN
        (SELECT community, start, 0 FROM interval ORDER BY start LIMIT 1 OFFSET 150)";
    market.tamper(changed);
    let one = market.run(&["replay", "--json", "--jobs", "1"]).ends_with(1).out;
    let lines: Vec<Value> = one.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 250);
    assert!(lines.is_sorted_by_key(|line| line["interval"].as_str().unwrap().to_owned()));
    let differs: Vec<usize> = (0..250).filter(|index| lines[*index]["status"] == "differs").collect();
    assert_eq!(differs, [150]);
    for jobs in ["2", "3", "100", "1000"] {
        assert_eq!(market.run(&["replay", "--json", "--jobs", jobs]).ends_with(1).out, one, "{jobs} jobs");
    }
    assert_eq!(market.run(&["replay", "--json"]).ends_with(1).out, one);
    market.run(&["replay", "--jobs", "0"]).ends_with(2);
}

#[test]
fn replay_finds_a_trade_that_was_changed() {
    sql(
        "UPDATE trade SET price = price + 1 WHERE start = 1693569600 AND number = 1",
        &["trade 1 is a > b, 67 Wh at 96201 µEUR/kWh in the books, but a > b, 67 Wh at 96200 µEUR/kWh"],
    );
    sql(
        "UPDATE trade SET energy = energy - 1 WHERE start = 1693569600 AND number = 0",
        &["trade 0 is a > grid, 32 Wh at 30000 µEUR/kWh in the books, but a > grid, 33 Wh at 30000 µEUR/kWh"],
    );
    sql(
        "UPDATE trade SET seller = 'eve' WHERE start = 1693569600",
        &[
            "trade 0 is eve > grid, 33 Wh at 30000 µEUR/kWh in the books, but a > grid, 33 Wh at 30000 µEUR/kWh (and 1 more)",
        ],
    );
}

#[test]
fn replay_finds_a_trade_that_is_gone_or_there_twice() {
    sql(
        "DELETE FROM trade WHERE start = 1693569600 AND number = 1",
        &["trade 1 is missing in the books: a > b, 67 Wh at 96200 µEUR/kWh"],
    );
    sql(
        "INSERT INTO trade SELECT community, start, 2, randomblob(12), seller, buyer, energy, price, state, message,
             \"end\", null, null, null, null
         FROM trade WHERE start = 1693569600 AND number = 1",
        &["trade 2 is only in the books: a > b, 67 Wh at 96200 µEUR/kWh"],
    );
}

#[test]
fn replay_finds_a_trade_of_a_gap_that_was_changed() {
    let market = market();
    market.tamper("UPDATE trade SET energy = 21 WHERE message IS NOT NULL");
    assert_eq!(
        differing(&market)[3]["differences"],
        json!(["trade 1 is grid > b, 21 Wh at 162400 µEUR/kWh in the books, but grid > b, 20 Wh at 162400 µEUR/kWh"])
    );
}

#[test]
fn replay_finds_fuel_or_digests_that_were_changed() {
    sql("UPDATE interval SET fuel = fuel + 1 WHERE start = 1693569600", &["its fuel is "]);
    let zero = "0".repeat(64);
    sql(
        "UPDATE interval SET trades_digest = zeroblob(32) WHERE start = 1693569600",
        &[&format!("the digest of its trades is {zero} in the books, but ")],
    );
    sql(
        "UPDATE interval SET round_digest = zeroblob(32) WHERE start = 1693569600",
        &[&format!("the digest of its round is {zero} in the books, but ")],
    );
    sql(
        "UPDATE interval SET round_digest = NULL WHERE start = 1693569600",
        &["the digest of its round is missing in the books, recomputed it is "],
    );
    sql(
        "UPDATE interval SET version = '9.9.9' WHERE start = 1693569600",
        &["its algorithm is \"mid-market-rate\" \"9.9.9\" in the books, but calls itself \"mid-market-rate\" \"0."],
    );
}

#[test]
fn another_engine_is_worth_a_remark_and_its_fuel_is_not_compared() {
    let market = market();
    let other = "UPDATE interval SET engine = 'wasmtime 12.3.4', fuel = 1 WHERE start = 1693569600";
    market.tamper(other);
    let interval = &market.json(&["replay", "--json", "--interval", "2023-09-01T12:00:00Z"])[0];
    assert_eq!([&interval["status"], &interval["differences"]], [&json!("same"), &json!([])]);
    let remark = interval["remarks"][0].as_str().unwrap();
    assert!(remark.contains("wasmtime 12.3.4") && remark.contains("with 1 of fuel"), "{remark}");
}

#[test]
fn a_name_in_the_books_writes_no_line_of_the_report() {
    let market = market();
    let name =
        "UPDATE interval SET name = 'x' || char(10) || 'aveiro: all the same' || char(27) WHERE start = 1693569600";
    market.tamper(name);
    let told = market.run(&["replay"]).ends_with(1).out;
    assert!(!told.contains("\naveiro: all") && !told.contains('\u{1b}') && told.contains("x\\naveiro"), "{told}");
}

#[test]
fn replay_finds_a_round_that_was_changed() {
    // Another member's name in it, of the same length: the same algorithm says something else.
    found(
        |market| {
            market.change_interval(START, |block| {
                let round = block.round.take().unwrap();
                let mut positions = round.positions().to_vec();
                positions[1].member = "x".parse().unwrap();
                block.round = Some(Round::new(round.terms().clone(), positions).unwrap());
            });
        },
        &[
            "the digest of its round is ",
            "trade 1 is a > b, 67 Wh at 96200 µEUR/kWh in the books, but a > x, 67 Wh at 96200 µEUR/kWh",
        ],
    );
    // The round of another interval, whole and with its digest.
    let other = market();
    let next = other.interval(START + 900).round;
    found(
        |market| {
            market.change_interval(START, |block| block.round = next);
            market.tamper(
                "UPDATE interval SET (round_digest, trades_digest, fuel) =
                     (SELECT round_digest, trades_digest, fuel FROM interval WHERE start = 1693570500)
                 WHERE start = 1693569600",
            );
        },
        &["its round is of \"aveiro\" at 2023-09-01T12:15:00Z/900s", "trade 0 is a > grid, 33 Wh"],
    );
    found(
        |market| market.change_interval(START, |block| block.round = None),
        &[
            "it says how it was cleared, but has no round",
            "a round, but no round",
            "trades, but no round",
            "trade 0 is",
        ],
    );
    sql(
        "UPDATE interval SET algorithm = NULL WHERE start = 1693569600",
        &["it has a round, but not how it was cleared"],
    );
}

#[test]
fn a_round_that_cannot_be_read_ends_it_there() {
    let market = market();
    market.tamper("UPDATE interval SET block = x'00ff' WHERE start = 1693570500");
    let intervals = differing(&market);
    let statuses: Vec<&Value> = intervals.iter().map(|interval| &interval["status"]).collect();
    assert_eq!(statuses, ["nothing", "same", "differs"]);
    assert_eq!(intervals[2]["interval"], Value::Null);
    let damage = intervals[2]["differences"][0].as_str().unwrap();
    assert!(damage.contains("2023-09-01T12:15:00Z/900s") && damage.contains("damaged"), "{damage}");
    let told = market.run(&["replay"]).ends_with(1).out;
    assert!(told.contains("1 interval recomputed, 1 without a round, the same up to the damage"), "{told}");
    // Those beside it are recomputed when they are named.
    market.run(&["replay", "--interval", "2023-09-01T12:00:00Z"]).ends_with(0);
    market.run(&["replay", "--interval", "2023-09-01T12:30:00Z"]).ends_with(0);
    market.run(&["replay", "--interval", "2023-09-01T12:15:00Z"]).ends_with(1).says("2023-09-01T12:15:00Z/900s");
}

#[test]
fn a_file_that_is_no_database_is_bad_books_and_none_is_a_mistake() {
    let market = market();
    fs::write(market.path("market.db"), "these are not the books you are looking for\n".repeat(100)).unwrap();
    market.run(&["replay"]).ends_with(1).says("not a database");
    fs::remove_file(market.path("market.db")).unwrap();
    market.run(&["replay"]).ends_with(2).says("settle first");
}

#[test]
fn the_stored_bytes_of_a_base_algorithm_are_checked_although_we_have_our_own() {
    for (change, says) in [
        ("UPDATE component SET bytes = x'00'", "the stored bytes of algorithm "),
        ("DELETE FROM component", "the bytes of algorithm "),
    ] {
        let market = market();
        market.tamper(change);
        let intervals = differing(&market);
        assert_eq!(intervals[0]["status"], "nothing");
        for interval in &intervals[1..] {
            let [difference] = interval["differences"].as_array().unwrap().as_slice() else { panic!("{interval}") };
            assert!(difference.as_str().unwrap().starts_with(says), "{difference}");
            // What it comes to is the same nevertheless.
            assert_eq!(interval["trades_digest"]["stored"], interval["trades_digest"]["recomputed"]);
        }
    }
}

/// Names bytes as the first interval's algorithm, under their own digest.
#[track_caller]
fn named_component(bytes: &[u8], says: &[&str]) {
    let digest = *Digest::of(bytes).as_bytes();
    let name = |market: &Market| {
        let database = market.database();
        database.execute("INSERT INTO component VALUES (?1, ?2)", (digest, bytes)).unwrap();
        database.execute("UPDATE interval SET algorithm = ?2 WHERE start = ?1", (START, digest)).unwrap();
    };
    found(name, says);
}

#[test]
fn replay_finds_another_algorithm_than_the_one_that_settled() {
    sql("UPDATE interval SET algorithm = zeroblob(32) WHERE start = 1693569600", &["the bytes of algorithm 00000000"]);
    named_component(
        base::base("public-grid").unwrap().bytes,
        &[
            "in the books, but calls itself \"public-grid\"",
            "its fuel is ",
            "trade 0 is a > grid, 33 Wh at 30000 µEUR/kWh in the books, but a > grid, 100 Wh at 30000 µEUR/kWh (and 1 more)",
            "the digest of its trades is ",
        ],
    );
}

/// A component of nobody but this test: `uniform` with a section that says nothing.
pub fn own_component() -> Vec<u8> {
    let mut bytes = base::base("uniform").unwrap().bytes.to_vec();
    bytes.extend([0, 5, 4, b't', b'e', b's', b't']);
    bytes
}

/// A market that settled with [`own_component`].
pub fn own_market() -> Market {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:15 0 100", "b 12:00 0 0", "b 12:15 67 0"]);
    let market = Market::new("");
    fs::write(market.path("own.wasm"), own_component()).unwrap();
    market.configure(&community("aveiro", meters.address(), "algorithm = \"own.wasm\""));
    market.settle().ends_with(0);
    fs::remove_file(market.path("own.wasm")).unwrap();
    market.configure(READING);
    market
}

#[test]
fn an_algorithm_that_is_nowhere_but_in_the_books_is_run_from_there() {
    let market = own_market();
    market.run(&["replay"]).ends_with(0);
    for (change, says) in [
        // No component any more, or one that answers the same under another digest.
        ("UPDATE component SET bytes = x'00'", "the stored bytes of algorithm "),
        ("UPDATE component SET bytes = CAST(bytes || x'0001ff' AS BLOB)", "the stored bytes of algorithm "),
        ("DELETE FROM component", "the bytes of algorithm "),
    ] {
        market.tamper(change);
        let intervals = differing(&market);
        let last = intervals.last().unwrap();
        let [difference] = last["differences"].as_array().unwrap().as_slice() else { panic!("{last}") };
        assert!(difference.as_str().unwrap().starts_with(says), "{difference}");
        assert_eq!(last["trades_digest"]["recomputed"], Value::Null, "what is not its algorithm is not run");
    }
}

#[test]
fn bytes_that_are_no_algorithm_are_told() {
    named_component(b"\0asm\x0d\0\x01\0 and then nothing", &["the component is broken"]);
    named_component(b"no component at all", &["the file is no WebAssembly"]);
    named_component(b"", &["the file is empty"]);
}

#[test]
fn what_a_fallback_settled_is_recomputed_with_it_under_the_usual_limits() {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:15 0 100", "b 12:00 0 0", "b 12:15 60 0"]);
    let market = Market::with(&meters, "limits = { fuel = 1 }\non_failure = \"fallback\"");
    market.settle().ends_with(0).says("settled with public-grid instead");
    let interval = &market.json(&["replay", "--json", "--interval", "2023-09-01T12:00:00Z"])[0];
    assert_eq!([&interval["status"], &interval["name"]], ["same", "public-grid"]);
    assert!(interval["fallback_reason"].as_str().unwrap().contains("used all its fuel of 1"), "{interval}");
}

#[test]
fn limits_that_were_tightened_since_do_not_matter() {
    let market = market();
    market.configure(&format!("{READING}limits = {{ fuel = 1 }}\n"));
    market.run(&["replay"]).ends_with(0);
}

#[test]
fn a_cache_that_cannot_be_used_is_done_without() {
    let market = market();
    fs::write(market.path("file"), "").unwrap();
    fs::write(market.path("market.toml"), format!("cache = \"file/cache\"\n{READING}")).unwrap();
    market.run(&["replay"]).ends_with(0).says("continuing without a cache");
}
