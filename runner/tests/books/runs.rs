//! Where a run starts, where it stops, and that running again changes nothing.

use rec_market::clock::{Clock, SystemClock};

use testkit::*;

const TWO_HOUSES: [&str; 6] =
    ["a 12:00 1000 0", "a 12:15 1000 900", "a 12:30 1100 900", "b 12:00 50 9", "b 12:15 750 9", "b 12:30 750 59"];
const THEIR_TRADES: [&str; 4] = [
    "12:00 a > b 700 at 96200, Created",
    "12:00 a > grid 200 at 30000",
    "12:15 b > a 50 at 96200, Created",
    "12:15 grid > a 50 at 162400",
];

#[test]
fn the_first_run_opens_at_the_oldest_reading() {
    let meters = Meters::telling(&TWO_HOUSES);
    let market = Market::of(&meters);
    assert_eq!(market.books(), THEIR_TRADES);
    assert_eq!(meters.asked()[0].start_interval.as_deref(), Some("1970-01-01T00:00:00Z"));
    // The boundary that only opens the accounts is kept too, without trades.
    assert_eq!(market.intervals(), 3);
}

#[test]
fn a_meter_that_joins_later_opens_its_own_account() {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:15 0 900", "a 12:30 0 1000", "b 12:15 70 0", "b 12:30 100 0"]);
    assert_eq!(
        Market::of(&meters).books(),
        ["12:00 a > grid 900 at 30000", "12:15 a > b 30 at 96200, Created", "12:15 a > grid 70 at 30000"]
    );
}

#[test]
fn a_second_run_changes_nothing() {
    let meters = Meters::telling(&TWO_HOUSES);
    let market = Market::of(&meters);
    market.settle().ends_with(0);
    let before = market.trades_json();
    let again = market.settle().ends_with(0);
    assert_eq!(again.out, "aveiro: nothing is due\n");
    assert_eq!((again.err.as_str(), market.trades_json()), ("", before));
}

#[test]
fn a_run_continues_where_the_last_one_stopped() {
    let meters = Meters::telling(&TWO_HOUSES[..2]);
    meters.tell(&TWO_HOUSES[3..5]);
    let market = Market::of(&meters);
    assert_eq!(market.books(), THEIR_TRADES[..2]);
    meters.tell(&[TWO_HOUSES[2], TWO_HOUSES[5]]);
    let requests = meters.asked().len();
    assert_eq!(market.books(), THEIR_TRADES);
    // Right after what counted for the mark, so that readings are seen that count nowhere.
    assert_eq!(meters.asked()[requests].start_interval.as_deref(), Some("2023-09-01T12:17:01Z"));
}

#[test]
fn until_settles_what_ends_at_or_before_it() {
    let meters = Meters::telling(&TWO_HOUSES);
    let market = Market::of(&meters);
    for (until, trades) in [
        ("2023-09-01T12:14:59Z", &THEIR_TRADES[..0]),
        ("2023-09-01T12:15:00Z", &THEIR_TRADES[..2]),
        ("2023-09-01T12:29:59Z", &THEIR_TRADES[..2]),
        ("2023-09-01T14:30:00+02:00", &THEIR_TRADES[..]),
    ] {
        market.run(&["settle", "--until", until]).ends_with(0);
        assert_eq!(market.trades(), trades, "until {until}");
    }
    market.run(&["audit"]).ends_with(0);
    market.run(&["settle", "--until", "soon"]).ends_with(2).says("RFC 3339");
}

#[test]
fn from_opens_the_books_there_and_not_at_the_oldest_reading() {
    let meters = Meters::telling(&TWO_HOUSES);
    let market = Market::with(&meters, "from = \"2023-09-01T12:15:00Z\"");
    assert_eq!(market.books(), THEIR_TRADES[2..]);
    assert_eq!(meters.asked()[0].start_interval.as_deref(), Some("2023-09-01T12:13:00Z"));
}

#[test]
fn the_summary_says_what_was_done() {
    let meters = Meters::telling(&TWO_HOUSES);
    let summary = &Market::of(&meters).json(&["settle", "--json"])[0];
    let expected = serde_json::json!({
        "community": "aveiro", "intervals": 2, "from": "2023-09-01T12:00:00Z", "until": "2023-09-01T12:30:00Z",
        "trades": 4, "local_wh": 750, "from_grid_wh": 50, "to_grid_wh": 200, "events": {}, "error": null,
    });
    assert_eq!(*summary, expected);
}

#[test]
fn from_is_the_first_interval_of_every_run() {
    let rows = ["a 12:00 0 0", "b 12:00 0 0", "a 12:15 0 9", "b 12:15 5 0", "a 12:30 0 9", "b 12:30 9 0"];
    let meters = Meters::telling(&rows[..4]);
    let market = Market::of(&meters);
    let run = || {
        let summary = market.json(&["settle", "--json"]).remove(0);
        ["from", "until"].map(|key| summary[key].as_str().map(short).unwrap_or_default())
    };
    assert_eq!(run(), ["12:00", "12:15"]);
    meters.tell(&rows[4..]);
    assert_eq!(run(), ["12:15", "12:30"]);
    assert_eq!(run(), ["", ""]);
    // Nobody was read from 12:30 to 13:00.
    meters.tell(&["a 13:00 0 9", "b 13:00 19 0"]);
    let text = market.settle().ends_with(0).out;
    assert!(text.contains("from 2023-09-01T12:45:00Z to 2023-09-01T13:00:00Z"), "{text}");
    // The first boundary opens the books, however much later the next one is.
    let meters = Meters::telling(&["a 12:00 0 0", "a 13:00 0 9", "a 13:15 0 19"]);
    let market = Market::of(&meters);
    let text = market.settle().ends_with(0).out;
    assert!(text.contains("1 intervals from 2023-09-01T12:45:00Z to 2023-09-01T13:15:00Z"), "{text}");
}

#[test]
fn what_is_not_due_yet_is_neither_asked_for_nor_settled() {
    let meters = Meters::telling(&TWO_HOUSES);
    // A million hours of grace: nothing since 1970 is due.
    let market = Market::with(&meters, "grace = \"1000000h\"");
    assert_eq!(market.books(), [""; 0]);
    assert_eq!(meters.asked(), []);
}

#[test]
fn nothing_is_ever_asked_of_the_future() {
    let now = SystemClock.now().as_second();
    let last = now - now % 900;
    let at = |second: i64| jiff::Timestamp::from_second(second).unwrap().to_string();
    let rows = [2, 1, 0].map(|quarters| format!("a {} {} 0", at(last - quarters * 900), 1000 - quarters));
    let meters = Meters::telling(&rows);
    let market = Market::with(&meters, "grace = \"1s\"");
    for _ in 0..3 {
        market.books();
    }
    assert!(!meters.asked().is_empty());
    for query in meters.asked() {
        let start: jiff::Timestamp = query.start_interval.unwrap().parse().unwrap();
        assert!(start <= SystemClock.now(), "asked for {start}");
    }
}

#[test]
fn no_grace_and_no_tolerance_are_possible() {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:15 5 0", "a 12:30:01 9 0", "a 12:45 11 0"]);
    assert_eq!(
        Market::with(&meters, "grace = \"0s\"\ntolerance = \"0s\"").books(),
        ["12:00 grid > a 5 at 162400", "12:30 grid > a 6 at 162400 (Start timestamp: 2023-09-01T12:15:00Z)"]
    );
}

#[test]
fn intervals_of_another_length_are_aligned_to_the_epoch() {
    let rows = ["a 12:00 0 0", "a 12:15 5 0", "a 12:30 9 0", "a 12:45 11 0", "a 13:00 20 0"];
    let meters = Meters::telling(&rows);
    let half_hours = ["12:00 grid > a 9 at 162400", "12:30 grid > a 11 at 162400"];
    assert_eq!(Market::with(&meters, "interval = \"30m\"").books(), half_hours);
    let meters = Meters::telling(&rows);
    assert_eq!(Market::with(&meters, "interval = \"1h\"").books(), ["12:00 grid > a 20 at 162400"]);
}

#[test]
fn another_length_of_intervals_goes_on_after_what_is_settled() {
    let meters =
        Meters::telling(&["a 12:00 0 0", "a 12:15 5 0", "a 12:30 9 0", "a 13:00 20 0", "a 13:15 21 0", "a 13:30 29 0"]);
    let market = Market::of(&meters);
    market.run(&["settle", "--until", "2023-09-01T12:15:00Z"]).ends_with(0);
    // The half-hour from 12:00 is settled in part: the first whole one starts at 12:30.
    market.configure(&community("aveiro", meters.address(), "interval = \"30m\""));
    assert_eq!(
        market.books(),
        [
            "12:00 grid > a 5 at 162400",
            "12:30 grid > a 15 at 162400 (Start timestamp: 2023-09-01T12:15:00Z)",
            "13:00 grid > a 9 at 162400",
        ]
    );
}

#[test]
fn the_contracts_example_settles_where_nothing_is_mounted() {
    let meters = Meters::telling(&TWO_HOUSES);
    let market = Market::new("");
    let example = format!(
        r#"
store = "sqlite:market.db"            # embedded; or mongodb://host:27017/market
cache = "cache"                       # compiled components, private to the service
listen = "0.0.0.0:50050"
listen_tls = "0.0.0.0:50051"
listen_metrics = "127.0.0.1:9464"

[tls]
certificate = "/run/secrets/market_crt.pem"   # where the platform's Swarm stack mounts them;
key = "/run/secrets/market_key.pem"           # for development `make certs` writes them under secrets/

[forward]
mode = "pull"
lease = "15m"

[[community]]
name = "aveiro"
meters = "{}"
interval = "15m"
grace = "5m"
tolerance = "2m"
basis = "net"
algorithm = "mid-market-rate"
on_failure = "hold"
tariff = {{ retail = 162400, feed_in = 30000 }}
settings = {{ }}
limits = {{ }}

[community.members.school]
meters = ["es-sms-01", "es-sms-02"]
share = 250000
tariff = {{ retail = 171000, feed_in = 42000 }}
"#,
        meters.address()
    );
    std::fs::write(market.path("market.toml"), example).unwrap();
    assert_eq!(market.books(), THEIR_TRADES);
    assert!(market.path("cache").is_dir());
}

#[test]
fn paths_are_relative_to_the_configuration_and_variables_stand_above_it() {
    let meters = Meters::telling(&TWO_HOUSES);
    let market = Market::of(&meters);
    let elsewhere = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], variable: Option<&str>| {
        let configuration = market.path("market.toml");
        let mut command = market.command(arguments);
        command.arg("--config").arg(configuration).current_dir(elsewhere.path());
        if let Some(store) = variable {
            command.env("REC_MARKET_STORE", store);
        }
        Ran::of(command)
    };
    run(&["settle"], None).ends_with(0);
    assert!(market.path("market.db").is_file());
    run(&["settle"], Some("sqlite:other.db")).ends_with(0);
    assert!(market.path("other.db").is_file());
    let books = run(&["trades", "--json"], None).ends_with(0).out;
    assert_eq!((books.lines().count(), &run(&["trades", "--json"], Some("sqlite:other.db")).out), (4, &books));
    run(&["settle"], Some("mongodb://127.0.0.1:1/market")).ends_with(3).says("does not answer");
}

#[test]
fn a_wrong_configuration_settles_nothing() {
    let market = Market::new("[[community]]\nnam = \"aveiro\"\n");
    market
        .settle()
        .ends_with(2)
        .says("line 2: a community has no name")
        .says("line 3: community.nam is not a known key");
    assert!(!market.path("market.db").exists());
    market.run(&["settle", "--config", "no.toml"]).ends_with(2).says("no.toml").says("--config");
    market.run(&["trades", "--json"]).ends_with(2);
}
