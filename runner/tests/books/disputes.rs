//! Registers that make no sense: glitches, jumps, restarts, exchanges, and what people decide about them, in both stores.

use serde_json::{Value, json};
use testkit::*;

/// `b` imports and `a` exports 500 Wh a quarter-hour; `b`'s readings are these import registers from 12:00 on.
fn rows(first: usize, imports: &[u64]) -> Vec<String> {
    let time = |number: usize| format!("{:02}:{:02}", 12 + (first + number) / 4, (first + number) % 4 * 15);
    let row = |(number, import): (usize, &u64)| {
        let time = time(number);
        [format!("a {time} 0 {}", 500 * (first + number)), format!("b {time} {import} 0")]
    };
    imports.iter().enumerate().flat_map(row).collect()
}

/// A market on this store, with further keys of its community.
fn market(meters: &Meters, store: &str, keys: &str) -> Market {
    Market::new(&format!("{store}{}", community("aveiro", meters.address(), keys)))
}

/// What `b` bought, in Wh, after the books were settled and found to be right and the same when they are replayed.
#[track_caller]
fn bought(market: &Market) -> u64 {
    market.settle().ends_with(0);
    right(market);
    sum(market)
}

/// What `b` bought so far, in Wh.
#[track_caller]
fn sum(market: &Market) -> u64 {
    let trades = market.json(&["trades", "--json"]);
    trades.iter().filter(|trade| trade["buyer"] == "b").map(|trade| trade["energy"].as_u64().unwrap()).sum()
}

#[track_caller]
fn right(market: &Market) {
    market.run(&["audit"]).ends_with(0);
    market.run(&["replay"]).ends_with(0);
}

/// Decides about `b`.
fn decide(market: &Market, decision: &[&str]) -> Ran {
    let more = ["--community", "aveiro", "--by", "ana", "--yes"];
    market.run(&[&["meter"], &decision[..1], &["b"], &more, &decision[1..]].concat())
}

const EXCHANGE: [&str; 11] = [
    "exchange",
    "--at",
    "2023-09-01T12:15:30Z",
    "--last-import",
    "90150",
    "--last-export",
    "0",
    "--first-import",
    "430",
    "--first-export",
    "0",
];

/// Codes of events, in order.
fn codes(market: &Market) -> Vec<String> {
    let code = |event: String| event.split(' ').nth(2).unwrap().trim_end_matches(':').to_owned();
    market.events().into_iter().map(code).collect()
}

/// Settles in one run, and one reading at a time; both must come to the same trades and events.
#[track_caller]
fn settled_both_ways(imports: &[u64], keys: &str) -> Market {
    let all = Meters::telling(&rows(0, imports));
    let at_once = market(&all, "", keys);
    at_once.settle().ends_with(0);
    let meters = Meters::silent();
    let live = market(&meters, "", keys);
    for (number, import) in imports.iter().enumerate() {
        meters.tell(&rows(number, &[*import]));
        live.settle().ends_with(0);
        live.run(&["audit"]).ends_with(0);
    }
    assert_eq!(live.trades(), at_once.trades());
    assert_eq!(live.events(), at_once.events());
    right(&at_once);
    right(&live);
    live
}

#[test]
fn a_counter_that_shows_0_once_loses_nothing() {
    let market = settled_both_ways(&[7_272_000, 7_272_100, 0, 7_272_300, 7_272_400], "");
    assert_eq!(
        market.trades(),
        [
            "12:00 a > b 100 at 96200, Created",
            "12:00 a > grid 400 at 30000",
            "12:15 a > grid 500 at 30000",
            "12:30 a > grid 500 at 30000",
            "12:30 grid > b 200 at 162400 (Start timestamp: 2023-09-01T12:15:00Z)",
            "12:45 a > b 100 at 96200, Created",
            "12:45 a > grid 400 at 30000",
        ]
    );
    assert_eq!(
        market.events(),
        [
            "12:15 b fell: Active import fell from 7272100 Wh to 0 Wh; nothing is settled until its next reading decides (if the meter \
             was exchanged: rec-market meter exchange)",
            "12:30 b glitch: what it showed at 2023-09-01T12:30:00Z was wrong (import 0 Wh, export 0 Wh); it counts on from import \
             7272100 Wh, export 0 Wh at 2023-09-01T12:15:00Z",
        ]
    );
}

#[test]
fn a_counter_that_shows_its_largest_number_once_loses_nothing() {
    let market = settled_both_ways(&[1000, 1100, 4_294_967_295, 1300, 1400], "");
    assert_eq!((sum(&market), codes(&market)), (400, vec!["jumped".to_owned(), "glitch".to_owned()]));
}

#[test]
fn a_false_reading_that_is_all_there_is_costs_nothing() {
    // What billed 697,502 EUR.
    let market = settled_both_ways(&[1000, 1100, 4_294_967_295], "");
    assert_eq!((sum(&market), codes(&market)), (100, vec!["jumped".to_owned()]));
}

const JUMP: [u64; 6] = [1000, 1100, 4_001_200, 4_001_300, 4_001_400, 4_001_500];
const KEYS: &str = "power_max = \"20kW\"";

/// Decides about a jump that stays after everything was read, and again a while later.
fn a_jump_is_decided(store: &dyn Fn() -> String, decision: &str, adds: u64) {
    for more in [false, true] {
        let meters = Meters::telling(&rows(0, &JUMP));
        let market = market(&meters, &store(), KEYS);
        assert_eq!(bought(&market), 100);
        assert_eq!(market.settle().ends_with(0).out, "aveiro: nothing is due\n");
        if more {
            meters.tell(&rows(6, &[4_001_600]));
            assert_eq!(bought(&market), 100);
        }
        decide(&market, &[decision, "--why", "a look at it"]).ends_with(0).shows(&["settled with the grid"]);
        // It is a record at once, and energy with the next pass.
        right(&market);
        let adds = if more { adds + 100 } else { adds };
        assert_eq!(bought(&market), 100 + adds);
        assert_eq!(bought(&market), 100 + adds);
        decide(&market, &[decision]).refused(1, &["meter b is not disputed: its last reading, import 4001"]);
        meters.tell(&rows(7, &[4_001_700, 4_001_800]));
        // What comes then counts as usual: first over the gap, if there is one.
        let rest = if more { 200 } else { 300 };
        assert_eq!(bought(&market), 100 + adds + rest);
        let decisions = market.json(&["meter", "decisions", "--json", "--meter", "b"]);
        assert_eq!(decisions.len(), 1);
        let [made, by, why] = ["decision", "by", "why"].map(|key| decisions[0][key].as_str().unwrap());
        assert_eq!(
            (made, by, why, &decisions[0]["first"]),
            (decision, "ana", "a look at it", &json!("2023-09-01T12:30:00Z"))
        );
    }
}

fn sqlite() -> String {
    String::new()
}

#[test]
fn a_jump_that_stays_is_restarted_by_a_person() {
    a_jump_is_decided(&sqlite, "restart", 300);
}

#[test]
fn a_jump_that_stays_is_accepted_by_a_person() {
    a_jump_is_decided(&sqlite, "accept", 4_000_400);
}

#[needs::mongodb]
#[test]
fn in_mongodb_too_a_jump_is_decided_by_a_person() {
    a_jump_is_decided(&mongodb, "restart", 300);
    a_jump_is_decided(&mongodb, "accept", 4_000_400);
}

#[test]
fn a_decision_is_an_event_and_a_gap_of_the_newest_interval() {
    let meters = Meters::telling(&rows(0, &JUMP));
    let market = market(&meters, "", KEYS);
    market.settle().ends_with(0);
    let before = market.trades();
    let asked = market.run(&["meter", "restart", "b", "--by", "ana"]).ends_with(1);
    assert!(
        asked.out.contains("import 300 Wh, export 0 Wh since 2023-09-01T12:30:00Z are settled with the grid"),
        "{asked:?}"
    );
    assert!(asked.out.ends_with("nothing was changed\n") && asked.err.contains("Continue? [y/N]"), "{asked:?}");
    assert_eq!(market.json(&["meter", "decisions", "--json"]), [Value::Null; 0]);
    decide(&market, &["restart"]).ends_with(0);
    market.settle().ends_with(0).shows(&["1 trades", "restarted: 1"]);
    let mut expected = before;
    expected.push("13:00 grid > b 300 at 162400 (Start timestamp: 2023-09-01T12:30:00Z)".to_owned());
    expected.sort();
    let mut trades = market.trades();
    trades.sort();
    assert_eq!(trades, expected);
    let event = "13:00 b restarted: ana decided: it counts from what it showed at 2023-09-01T12:30:00Z; import 300 Wh, export 0 Wh \
                 since 2023-09-01T12:30:00Z settled with the grid";
    assert_eq!(market.events().last().map(String::as_str), Some(event));
    right(&market);
}

#[test]
fn disputed_meters_are_listed() {
    let meters = Meters::telling(&rows(0, &JUMP));
    let market = market(&meters, "", KEYS);
    market.settle().ends_with(0);
    let read = |at: &str, import_wh: u64| json!({"at": format!("2023-09-01T{at}:00Z"), "import_wh": import_wh, "export_wh": 0});
    let disputed = json!({"how": "jumped", "first": read("12:30", 4_001_200), "latest": read("13:15", 4_001_500)});
    let expected = json!({
        "community": "aveiro", "meter": "b", "at": "2023-09-01T12:15:00Z", "import_wh": 1100, "export_wh": 0, "disputed": disputed,
    });
    assert_eq!(market.json(&["meter", "list", "--json"])[0], expected);
    assert_eq!(market.json(&["meter", "list", "--json", "--disputed"]), [expected]);
    market
        .run(&["meter", "list"])
        .ends_with(0)
        .shows(&["aveiro: 2 meters, 1 disputed", "2023-09-01T12:30:00Z (jumped)"]);
}

#[test]
fn an_exchange_that_is_told_before_it_is_settled_loses_nothing() {
    let reads = [90_000, 90_100, 500, 620];
    // Before there are any books, and before the meter is exchanged.
    for first in [0, 2] {
        let told = Meters::telling(&rows(0, &reads[..first]));
        let market = market(&told, "", "");
        market.settle().ends_with(0);
        decide(&market, &EXCHANGE)
            .ends_with(0)
            .shows(&["exchanged at 2023-09-01T12:15:30Z: the old meter ended at import 90150 Wh"]);
        told.tell(&rows(first, &reads[first..]));
        assert_eq!(bought(&market), 340);
        assert_eq!(codes(&market), ["exchanged"]);
        let trades = market.trades();
        assert!(trades.iter().all(|trade| !trade.contains("Start timestamp")), "{trades:?}");
        assert!(trades.contains(&"12:15 a > b 120 at 96200, Created".to_owned()), "{trades:?}");
        decide(&market, &EXCHANGE).refused(1, &["an exchange of meter b at 2023-09-01T12:15:30Z was told already"]);
    }
}

/// Tells an exchange after so many readings have been settled.
fn an_exchange_is_told_late(store: &dyn Fn() -> String) {
    let reads = [90_000, 90_100, 500, 620, 740, 860];
    for settled in [3, 4, 6] {
        let meters = Meters::telling(&rows(0, &reads[..settled]));
        let market = market(&meters, &store(), "");
        let before = bought(&market);
        decide(&market, &EXCHANGE)
            .ends_with(0)
            .shows(&["120 Wh, export 0 Wh since 2023-09-01T12:15:00Z"][..usize::from(settled > 3)]);
        assert_eq!(bought(&market), before + 120, "{settled}");
        meters.tell(&rows(settled, &reads[settled..]));
        assert_eq!(bought(&market), 100 + 120 + 360, "{settled}");
    }
}

#[test]
fn an_exchange_that_is_told_late_is_settled_as_a_gap() {
    an_exchange_is_told_late(&sqlite);
}

#[needs::mongodb]
#[test]
fn in_mongodb_too_an_exchange_is_told_late() {
    an_exchange_is_told_late(&mongodb);
}

#[test]
fn an_exchange_that_does_not_fit_the_readings_is_refused_with_both_numbers() {
    let meters = Meters::telling(&rows(0, &[90_000, 90_100, 500, 620]));
    let market = market(&meters, "", "");
    let with = |changes: &[(&str, &str)]| -> Vec<String> {
        let mut arguments = EXCHANGE.map(str::to_owned).to_vec();
        for (name, value) in changes {
            let at = arguments.iter().position(|argument| argument == name).unwrap();
            arguments[at + 1] = (*value).to_owned();
        }
        arguments
    };
    let refused = |changes: &[(&str, &str)], code: i32, says: &[&str]| {
        let arguments = with(changes);
        decide(&market, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).refused(code, says);
    };
    market.settle().ends_with(0);
    refused(&[("--last-import", "90050")], 1, &["fell from 90100 Wh to 90050 Wh", "the old meter's registers"]);
    refused(&[("--last-import", "9000000")], 1, &["jumped from 90100 Wh to 9000000 Wh"]);
    refused(&[("--first-import", "501")], 1, &["fell from 501 Wh to 500 Wh", "the new meter's registers"]);
    refused(&[("--at", "2023-09-01T11:00:00Z")], 1, &["has no reading before the exchange at 2023-09-01T11:00:00Z"]);
    // Between two readings of the new meter, more was settled than was told.
    let less = [("--at", "2023-09-01T12:40:00Z"), ("--last-import", "510"), ("--first-import", "600")];
    refused(&less, 1, &["comes to import 30 Wh", "but import 120 Wh", "were settled"]);
    refused(&[("--at", "2023-09-01T12:40:00.5Z")], 2, &["a whole second from 1970 on is expected"]);
    assert_eq!(market.json(&["meter", "decisions", "--json"]), [Value::Null; 0]);
    assert_eq!(bought(&market), 220);
}

#[test]
fn who_decides_about_what_is_checked() {
    let meters = Meters::telling(&rows(0, &[7000, 3]));
    let market = market(&meters, "", "");
    decide(&market, &["restart"]).refused(2, &["market.db", "settle first"]);
    assert!(!market.path("market.db").exists());
    market.settle().ends_with(0);
    decide(&market, &["accept"]).refused(1, &["what falls is no energy: meter b showed import 3 Wh"]);
    market.run(&["meter", "accept", "x", "--yes"]).refused(2, &["no meter x was ever read in community aveiro"]);
    market.run(&["meter", "restart", "a", "--yes"]).refused(1, &["meter a is not disputed"]);
    let elsewhere = ["meter", "restart", "b", "--yes", "--community", "porto"];
    market.run(&elsewhere).refused(2, &["there is no community \"porto\" (there are: aveiro)"]);
    // The environment names nobody, but the system has a number for everybody.
    let made = market.run(&["meter", "restart", "b", "--yes", "--json"]).ends_with(0).json();
    assert!(made["by"].as_str().unwrap().starts_with("uid "), "{made}");
    assert_eq!(bought(&market), 0);
    meters.tell(&rows(2, &[13]));
    assert_eq!(bought(&market), 10);
}

#[test]
fn a_meter_restarts_after_a_fall_that_stays() {
    // Its counter of 32 bits goes over; and a meter that is not read while it is disputed.
    let market = settled_both_ways(&[4_294_967_200, 4, 104, 204], "");
    assert_eq!((sum(&market), codes(&market)), (200, vec!["fell".to_owned(), "restarted".to_owned()]));
    let mut silent = rows(0, &[7000, 7100, 3]);
    silent.extend(["a 12:45 0 1500".to_owned(), "a 13:00 0 2000".to_owned(), "b 13:00 43 0".to_owned()]);
    let meters = Meters::telling(&silent);
    let market = self::market(&meters, "", "");
    assert_eq!(bought(&market), 140);
    assert!(
        market.trades().contains(&"12:45 grid > b 40 at 162400 (Start timestamp: 2023-09-01T12:30:00Z)".to_owned())
    );
    assert_eq!(codes(&market), ["fell", "restarted", "gap"]);
}

#[test]
fn a_counter_that_goes_over_can_be_told_as_an_exchange() {
    let meters = Meters::telling(&rows(0, &[4_294_967_200, 4, 104]));
    let market = market(&meters, "", "");
    let zeros = ["--last-export", "0", "--first-import", "0", "--first-export", "0"];
    let over = ["exchange", "--at", "2023-09-01T12:10:00Z", "--last-import", "4294967296"];
    decide(&market, &[&over[..], &zeros].concat()).ends_with(0);
    assert_eq!((bought(&market), codes(&market)), (200, vec!["exchanged".to_owned()]));
}

#[test]
fn members_have_a_power_of_their_own() {
    let keys = "power_max = \"2kW\"\n[community.members.bob]\nmeters = [\"b\"]\npower_max = \"20kW\"";
    let mut rows = rows(0, &[0, 5000, 10_001]);
    rows.push("c 12:00 0 0".to_owned());
    rows.push("c 12:15 501 0".to_owned());
    let meters = Meters::telling(&rows);
    let market = market(&meters, "", keys);
    market.books();
    let events = market.events();
    assert_eq!(codes(&market), ["jumped", "jumped"]);
    assert!(
        events[0].contains("c jumped: Active import jumped from 0 Wh to 501 Wh, at most 500 Wh more are possible"),
        "{events:?}"
    );
    assert!(
        events[1].contains("b jumped: Active import jumped from 5000 Wh to 10001 Wh, at most 5000 Wh more"),
        "{events:?}"
    );
    market.reconfigure("\"20kW\"", "\"1.2345kW\"");
    market.run(&["config", "check"]).ends_with(2).says("power_max is \"1.2345kW\", but a power in whole watts above 0");
}
