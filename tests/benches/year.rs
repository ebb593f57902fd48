//! What books cost: an interval by the number of members beside bare SQLite, and a year of 100 members with the commands that
//! read it. Another number of days can be given as an argument.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot start has no result")]
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

mod market;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use books::{Books, Commit};
use clap::Parser;
use market::Market;
use rec_market::cli::{self, Cli};
use rec_market_tests::settled::{boundary, settled};
use rusqlite::Connection;
use store::SqliteStore;
use tokio::runtime::Runtime;

const MEMBERS: usize = 100;

/// The median time of some runs, in ms.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}

/// The commit of an interval with this number of members: half of them sell to the others and to the grid.
fn commit(number: u64, members: u64) -> Arc<Commit> {
    let pair = |pair: u64| {
        let (seller, buyer, wh) = (2 * pair, 2 * pair + 1, 50 + (pair * 37 + number * 11) % 900);
        [
            format!("m{seller:05} > m{buyer:05} {wh} 96200"),
            format!("m{seller:05} > grid {} 30000", wh / 3 + 1),
            format!("grid > m{buyer:05} {} 162400", wh / 2 + 1),
        ]
    };
    let trades: Vec<String> = (0..members / 2).flat_map(pair).collect();
    let mut commit = settled(number, &trades);
    commit.after = (number > 0).then(|| boundary(number));
    Arc::new(commit)
}

/// Compares durable commits with one row of as many bytes in bare SQLite.
fn intervals(runtime: &Runtime) {
    println!("an interval, committed and durable, beside a row of as many bytes in bare SQLite, medians in ms:");
    println!("members   trades    commit      bare  bytes/trade");
    for (members, runs) in [(16, 60), (100, 60), (1000, 30), (10_000, 8)] {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("market.db");
        let store = SqliteStore::open(&file).expect("a store");
        let commits: Vec<_> = (0..runs).map(|number| commit(number, members)).collect();
        let trades: usize = commits.iter().map(|commit| commit.cleared.trades.len()).sum();
        let mut times = Vec::new();
        for commit in commits {
            let started = Instant::now();
            runtime.block_on(store.commit(commit)).expect("it commits");
            times.push(started.elapsed());
        }
        let bytes = rows(&file);
        let bare = bare(directory.path(), runs, bytes / usize::try_from(runs).expect("few"));
        let size = bytes / trades.max(1);
        println!("{members:7}  {:7}  {:8.2}  {bare:8.2}  {size:11}", trades as u64 / runs, median(times));
    }
}

/// The bytes of what is kept of intervals.
fn rows(file: &Path) -> usize {
    let connection = Connection::open(file).expect("it opens");
    let sum = "SELECT sum(length(block)) FROM interval";
    connection.query_row(sum, (), |row| row.get(0)).expect("it answers")
}

fn bare(directory: &Path, runs: u64, bytes: usize) -> f64 {
    let connection = Connection::open(directory.join("bare.db")).expect("it opens");
    let schema = "PRAGMA journal_mode = wal; PRAGMA synchronous = full; CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)";
    connection.execute_batch(schema).expect("it is made");
    let row = vec![7_u8; bytes];
    let mut times = Vec::new();
    for _ in 0..runs {
        let started = Instant::now();
        connection.execute("INSERT INTO t (b) VALUES (?1)", [&row]).expect("it inserts");
        times.push(started.elapsed());
    }
    median(times)
}

/// Settles days of quarter-hours: real gRPC on loopback, a real sandbox, every commit synced.
fn settle(runtime: &Runtime, days: u16) -> Market {
    let market = runtime.block_on(Market::new(MEMBERS, days));
    let intervals = 96 * u32::from(days);
    let took = runtime.block_on(market.settle(intervals));
    println!("{days} days of {MEMBERS} members, {intervals} intervals: settled in {took:.1?}");
    market
}

/// Runs the program's commands on the books, each in a process of its own, and forgets what they print.
fn commands(config: &Path) {
    for line in [
        "statement --csv --period month",
        "statement --csv --period day",
        "statement --csv --period day --zone Asia/Kolkata",
        "trades --csv",
        "trades --csv --member m001",
        "audit",
        "replay",
    ] {
        let mut command = Command::new(std::env::current_exe().expect("a program"));
        command.arg(PROGRAM).args(line.split(' ')).arg("--config").arg(config).stdout(Stdio::null());
        let started = Instant::now();
        let status = command.status().expect("it runs");
        println!("{:9.2?}  {line}", started.elapsed());
        assert!(status.success(), "{line}: {status}");
    }
}

/// The first argument of a process that is the program.
const PROGRAM: &str = "rec-market";

fn be_the_program(runtime: &Runtime) {
    let line = Cli::parse_from(std::env::args().skip(1));
    runtime.block_on(cli::run(line.command)).expect("it runs");
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if std::env::args().nth(1).is_some_and(|first| first == PROGRAM) {
        return be_the_program(&runtime);
    }
    let days = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(365);
    intervals(&runtime);
    let market = settle(&runtime, days);
    let file = market.config.with_file_name("market.db");
    let connection = Connection::open(&file).expect("it opens");
    connection.query_row("PRAGMA wal_checkpoint(truncate)", (), |_| Ok(())).expect("it is copied");
    let count = "SELECT sum(trades) FROM interval";
    let trades: u64 = connection.query_row(count, (), |row| row.get(0)).expect("it answers");
    let bytes = std::fs::metadata(&file).expect("a file").len();
    println!("{trades} trades in {:.1} MB: {:.1} bytes a trade", bytes as f64 / 1e6, bytes as f64 / trades as f64);
    commands(&market.config);
}
