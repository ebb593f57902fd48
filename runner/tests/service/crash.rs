//! The service is killed at random instants, during backfill and forwarding, again and again; in the end nothing is lost,
//! nothing is doubled, and every interval balances.
//!
//! `make crash-test` runs the long form: `REC_MARKET_TEST_KILLS` kills in all.

use std::collections::BTreeMap;
use std::time::Duration;

use demo::meters::Package;
use demo::transactions::worker::Source;
use serde_json::Value;

use crate::payments::Payments;
use testkit::*;

/// Kills of each run of a story. The short form is one run of each.
const KILLS: u32 = 8;
/// Stories among which the kills of the long form are shared out.
const STORIES: u32 = 4;

#[allow(clippy::disallowed_methods, reason = "the long form is asked for by the environment")]
fn runs() -> u32 {
    let asked = std::env::var("REC_MARKET_TEST_KILLS").ok().map(|text| text.parse::<u32>().unwrap());
    asked.map_or(1, |kills| kills.div_ceil(STORIES * KILLS))
}

/// How a story goes on between kills, and where trades come from.
struct Story {
    /// The store's line of a configuration.
    store: String,
    /// Whether trades are pushed.
    push: bool,
    meters: u64,
    /// How long a claim holds, and an unpaid trade waits: longer than it takes to report what was claimed, or it is claimed
    /// again and again.
    lease: &'static str,
    /// Quarter-hours that are settled between two kills at most, as things go here.
    rows_per_kill: i64,
    /// Milliseconds that it lives at most.
    lives: u64,
}

/// A trade as it must be whatever happened: without what became of it.
fn lasting(line: &str) -> (String, String) {
    let mut trade: BTreeMap<String, Value> = serde_json::from_str(line).unwrap();
    trade.remove("state");
    trade.remove("message");
    (trade["id"].as_str().unwrap().to_owned(), serde_json::to_string(&trade).unwrap())
}

#[allow(clippy::print_stdout, reason = "who looks for a failure needs the seed and the place")]
fn survive(story: Story) {
    let rows = 50 + i64::from(KILLS) * story.rows_per_kill;
    let meters = Meters::recorded(recorded(story.meters, rows), Package::Platform);
    let undisturbed = Market::of(&meters);
    undisturbed.settle().ends_with(0);
    let expected: Vec<_> = undisturbed.trades_json().lines().map(lasting).collect();

    let market = Market::serving(&meters, "", "");
    let mut payments = Payments::new(&market);
    let forward = if story.push { payments.pushed() } else { "[forward]\nmode = \"pull\"\n".to_owned() };
    let forward = format!("{forward}lease = {:?}\n", story.lease);
    let keys = format!("{}\n{SERVICE}{forward}", story.store);
    market.configure(&format!("{keys}{}", community("aveiro", meters.address(), "")));
    let source = || if story.push { Source::Pushed } else { Source::PulledForAll };

    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    println!("in {}", market.path("").display());
    println!("seed {seed}: {KILLS} kills over {rows} quarter-hours");
    for number in 0..KILLS {
        let after = Duration::from_millis(random.u64(0..story.lives));
        if number % 4 == 3 {
            // While it starts: nobody waits for its ports.
            let mut child = market.command(&["serve"]).stdout(std::process::Stdio::null()).spawn().unwrap();
            std::thread::park_timeout(after / 3);
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            let running = Service::start(&market);
            payments.work_with(&running, source());
            std::thread::park_timeout(after);
            running.kill();
        }
    }
    let running = Service::start(&market);
    payments.work_with(&running, source());
    let traded = expected.iter().filter(|(_, trade)| between_members(trade)).count();
    let all_paid = || {
        let ledger = payments.service.ledger();
        ledger.totals().paid == traded as u64 && ledger.unreported(None, 1).is_empty()
    };
    eventually("everything is settled", || running.mark() == Some(end_of(rows)));
    eventually(&format!("everything is paid (seed {seed})"), all_paid);
    payments.rest();
    running.terminate().ends_with(0);

    let found = market.trades_json();
    let kept: Vec<_> = found.lines().map(lasting).collect();
    assert!(kept == expected, "seed {seed}: {} trades, {} expected", kept.len(), expected.len());
    market.run(&["audit"]).ends_with(0);
    for line in found.lines() {
        let trade: Value = serde_json::from_str(line).unwrap();
        let state = if between_members(line) { Value::from("Paid") } else { Value::Null };
        assert_eq!(trade["state"], state, "seed {seed}: {line}");
    }
    // Each trade between members is in the ledger, and nothing else is.
    let ids: std::collections::BTreeSet<String> =
        expected.iter().filter(|(_, trade)| between_members(trade)).map(|(id, _)| id.clone()).collect();
    assert_eq!(payments.ids(), ids, "seed {seed}");
}

fn between_members(trade: &str) -> bool {
    !trade.contains("\"grid\"")
}

/// In a file, where an interval takes some milliseconds.
fn survive_in_a_file(push: bool) {
    for _ in 0..runs() {
        survive(Story {
            store: "store = \"sqlite:market.db\"\n".to_owned(),
            push,
            meters: 4,
            lease: "1s",
            rows_per_kill: 150,
            lives: 300,
        });
    }
}

/// In MongoDB. The server for tests looks at every trade for each that is reported: few of them, in a new database each time.
fn survive_in_mongodb(push: bool) {
    for _ in 0..runs() {
        survive(Story { store: mongodb(), push, meters: 2, lease: "5s", rows_per_kill: 15, lives: 300 });
    }
}

#[test]
fn killed_while_it_pushes_it_loses_and_doubles_nothing() {
    survive_in_a_file(true);
}

#[test]
fn killed_while_trades_are_pulled_it_loses_and_doubles_nothing() {
    survive_in_a_file(false);
}

#[needs::mongodb]
#[test]
fn killed_while_it_pushes_from_mongodb_it_loses_and_doubles_nothing() {
    survive_in_mongodb(true);
}

#[needs::mongodb]
#[test]
fn killed_while_trades_are_pulled_from_mongodb_it_loses_and_doubles_nothing() {
    survive_in_mongodb(false);
}
