//! What an interval of a community costs, measured: the simulation of very many reckons with it.
//!
//! `make scale-costs` measures a thousand communities of 100 members and writes docs/scale-costs.json. Here, a few must come to what
//! of it does not depend on the machine.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prost::Message;
use serde::{Deserialize, Serialize};
use testkit::*;

use super::scale::{communities, rows};

/// What was measured last, in full.
const KEPT: &str = include_str!("../../../docs/scale-costs.json");
/// Where to write what is measured.
const WRITE_TO: &str = "REC_MARKET_TEST_COSTS";

/// What one interval of one community costs, on average of all that were settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Costs {
    pub communities: usize,
    pub members: usize,
    /// Processor time of the program with the embedded store, in microseconds.
    pub node_us: u64,
    /// Processor time of the Meters service, in microseconds, and the bytes of its answer.
    pub meters_us: u64,
    pub meters_bytes: u64,
    /// Bytes that the embedded store writes to the disk.
    pub sqlite_written_bytes: u64,
    /// Commands that the MongoDB server gets, of a thousand intervals.
    pub mongodb_commands_of_1000: u64,
    /// Bytes of those, and of its answers.
    pub mongodb_sent_bytes: u64,
    pub mongodb_received_bytes: u64,
}

impl Costs {
    pub(super) fn kept() -> Costs {
        serde_json::from_str(KEPT).unwrap()
    }
}

/// A service that tells each community of the same meters, and counts the bytes of its answers.
struct Counted {
    meters: Meters,
    rows: Arc<Mutex<Vec<Row>>>,
    bytes: Arc<AtomicU64>,
}

impl Counted {
    fn telling(rows: Vec<Row>) -> Counted {
        let (rows, bytes) = (Arc::new(Mutex::new(rows)), Arc::new(AtomicU64::new(0)));
        let (told, counted) = (Arc::clone(&rows), Arc::clone(&bytes));
        let meters = Meters::answering_everywhere(move |query, _| {
            let answer = answer(honest(&told.lock().unwrap(), query));
            answer.inspect(|answer| {
                counted.fetch_add(answer.encoded_len() as u64, Ordering::Relaxed);
            })
        });
        Counted { meters, rows, bytes }
    }
}

/// Opens the books of all communities and settles an interval; the same process settles the next one from `begin` on.
fn settle_one_more(
    store: &str,
    meters: &Counted,
    (count, members): (usize, usize),
    mut begin: impl FnMut(&Service),
) -> (Market, Service) {
    *meters.rows.lock().unwrap() = [rows(members, "12:00", 0), rows(members, "12:15", 1)].concat();
    let market = Market::serving_all(&communities(&meters.meters, count, ""), store);
    let service = Service::start(&market);
    // Looked at seldom: that costs, too.
    let settle = |intervals: u64| {
        eventually("all are settled", || {
            std::thread::park_timeout(Duration::from_millis(200));
            service.settled() == intervals * count as u64
        });
    };
    settle(1);
    begin(&service);
    meters.rows.lock().unwrap().extend(rows(members, "12:30", 2));
    settle(2);
    (market, service)
}

/// How many communities settle an interval in MongoDB: what more of them take is theirs.
const FEW: [usize; 2] = [5, 25];

/// What goes to a MongoDB server and back while an interval of so many communities is settled.
fn traffic_of(meters: &Counted, size: (usize, usize)) -> Traffic {
    let mongo = Mongo::start();
    let (tally, mut before) = (Tally::before(mongo.address()), Traffic::default());
    // With the driver's own times: a busy server shall not be asked again.
    let store = format!("store = \"mongodb://{}/market\"\n", tally.address());
    let (_market, service) = settle_one_more(&store, meters, size, |_| before = tally.traffic());
    let all = tally.traffic();
    service.terminate().ends_with(0);
    Traffic {
        commands: all.commands - before.commands,
        to_server: all.to_server - before.to_server,
        from_server: all.from_server - before.from_server,
    }
}

/// What the program with the embedded store and its Meters service have used so far.
#[derive(Default)]
struct Used {
    node: Duration,
    meters: Duration,
    written: u64,
    sent: u64,
}

fn micros(time: Duration, count: usize) -> u64 {
    u64::try_from(time.as_micros()).unwrap() / count as u64
}

#[needs::ferretdb]
#[test]
fn an_interval_costs_what_the_documentation_says() {
    let write_to = std::env::var(WRITE_TO).ok();
    let count = if write_to.is_some() { 1000 } else { 20 };
    let (members, of) = (Costs::kept().members, |sum: u64| sum / count as u64);
    let meters = Counted::telling(Vec::new());

    let used = |service: &Service| Used {
        node: service.processor_time(),
        meters: processor_time(std::process::id()),
        written: service.written(),
        sent: meters.bytes.load(Ordering::Relaxed),
    };
    let mut before = Used::default();
    let (market, service) = settle_one_more("", &meters, (count, members), |service| before = used(service));
    let after = used(&service);
    let (node_us, meters_us) = (micros(after.node - before.node, count), micros(after.meters - before.meters, count));
    let (sqlite_written_bytes, meters_bytes) = (of(after.written - before.written), of(after.sent - before.sent));
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);

    // What a process does all the time is in both. The tests' server reads everything for most questions, so there are few.
    let [fewer, more] = FEW.map(|count| traffic_of(&meters, (count, members)));
    let of = |more: u64, fewer: u64| more.saturating_sub(fewer) / (FEW[1] - FEW[0]) as u64;
    let costs = Costs {
        communities: count,
        members,
        node_us,
        meters_us,
        meters_bytes,
        sqlite_written_bytes,
        mongodb_commands_of_1000: of(1000 * more.commands, 1000 * fewer.commands),
        mongodb_sent_bytes: of(more.to_server, fewer.to_server),
        mongodb_received_bytes: of(more.from_server, fewer.from_server),
    };

    let json = serde_json::to_string_pretty(&costs).unwrap();
    println!("{json}");
    match write_to {
        Some(file) => std::fs::write(file, json + "\n").unwrap(),
        None => {
            let kept = Costs::kept();
            assert!(costs.meters_bytes.abs_diff(kept.meters_bytes) * 20 <= kept.meters_bytes, "{costs:?} {kept:?}");
            assert!(costs.mongodb_commands_of_1000 >= 1000 && costs.mongodb_sent_bytes > 0, "{costs:?}");
        }
    }
}
