//! Many pages a second, of all kinds, while the community is settled: pages are soon there, settlement does not wait, and memory
//! does not grow.
//!
//! `make web-load-test` runs the long form, a year of 100 members and a minute of 200 pages a second, and prints the figures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use demo::household::{self, Plan};
use demo::meters::Package;
use domain::Boundary;
use jiff::Timestamp;
use testkit::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::Answer;
use crate::served::{OPEN, START, Served};

/// What is asked of the service.
#[derive(Clone, Copy)]
struct Load {
    members: usize,
    days: u16,
    seconds: u32,
    pages_a_second: u32,
}

const SHORT: Load = Load { members: 100, days: 4, seconds: 16, pages_a_second: 50 };
/// Connections on which pages are asked for, one after the other on each.
const CONNECTIONS: u32 = 16;
/// How long a page may take at the 99th percentile in the short form. Far more than it takes, because machines are busy.
const PAGE_MAX: Duration = Duration::from_secs(5);
/// How often the service looks again for readings: an interval becomes due each time, while pages are asked for.
const LOOKS_AGAIN: u32 = 15;
const QUARTER: i64 = 900;
/// How long after a reading it is: the service asks for what comes after it, and may not ask for what is yet to come.
const SINCE_READING: i64 = 14 * 60;
/// How long an interval may take after its readings are there. Far more than it takes, because machines are busy.
const SETTLED_MAX: Duration = Duration::from_secs(LOOKS_AGAIN as u64 + 30);
/// By how much memory may grow from a third of the load to its end, in MiB.
const GROWTH_MAX: u64 = 40;

fn load() -> Load {
    #[allow(clippy::disallowed_methods, reason = "the environment asks for the long form")]
    let seconds = std::env::var("REC_MARKET_TEST_LOAD").ok().filter(|seconds| !seconds.is_empty());
    match seconds {
        Some(seconds) => Load { members: 100, days: 365, seconds: seconds.parse().unwrap(), pages_a_second: 200 },
        None => SHORT,
    }
}

/// Every kind of page, and most often those that most people open.
fn paths(served: &Served, load: Load) -> Vec<String> {
    let first = served.market.json(&["statement", "--json", "--to", "2024-05-07"]);
    let members: Vec<&str> = first.iter().map(|row| row["member"].as_str().unwrap()).collect();
    assert_eq!(members.len(), load.members);
    let mut paths: Vec<String> = members.iter().map(|member| format!("/c/aveiro/m/{member}?period=2024-05")).collect();
    for day in 6..=8 {
        paths.push(format!("/c/aveiro?period=2024-05-{day:02}"));
        for hour in 8..16 {
            paths.push(format!("/c/aveiro/i/2024-05-{day:02}T{hour:02}:00:00Z"));
        }
    }
    for often in [
        "/",
        "/c/aveiro",
        "/c/aveiro?period=2024-05",
        "/c/aveiro?period=2024-W19",
        "/c/aveiro?period=2024",
        "/c/aveiro.json?period=2024",
        "/c/aveiro/events",
        "/c/aveiro/compare",
        "/c/aveiro/algorithms",
    ] {
        (0..3).for_each(|_| paths.push(often.to_owned()));
    }
    paths
}

/// What came of it.
#[derive(Default)]
struct Heard {
    /// How long each page took, from when it should have been asked for.
    took: Vec<Duration>,
    /// Answers that are no page: the path and the status.
    refused: Vec<(String, u16)>,
}

async fn ask(stream: &mut TcpStream, path: &str) -> Option<Answer> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await.ok()?;
    let (mut read, mut part) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&part[..count]);
        let Some(answer) = Answer::parse(&read) else { continue };
        let length = answer.header("content-length").and_then(|length| length.parse().ok());
        if length.is_some_and(|length: usize| answer.body.len() >= length) {
            return Some(answer);
        }
    }
}

/// Asks for every n-th page on one connection, each when its time has come, however long others took.
async fn ask_on_time(to: SocketAddr, started: Instant, load: Load, first: u32, paths: Arc<[String]>) -> Heard {
    let (mut stream, mut heard) = (TcpStream::connect(to).await.unwrap(), Heard::default());
    for number in (first..load.seconds * load.pages_a_second).step_by(CONNECTIONS as usize) {
        let at = started + Duration::from_secs(1) * number / load.pages_a_second;
        tokio::time::sleep_until(at.into()).await;
        // Another multiplier than the number of paths, so that kinds are mixed.
        let path = &paths[(number as usize).wrapping_mul(7919) % paths.len()];
        match ask(&mut stream, path).await {
            Some(answer) if answer.status == 200 => heard.took.push(at.elapsed()),
            answer => {
                heard.refused.push((path.clone(), answer.map_or(0, |answer| answer.status)));
                stream = TcpStream::connect(to).await.unwrap();
            }
        }
    }
    heard
}

/// Lets intervals become due one after the other, and waits for each; how long each took.
fn settles(served: &Served, now: &AtomicI64, load: Load) -> Vec<Duration> {
    let settle = |_| {
        let until = now.fetch_add(QUARTER, Ordering::Relaxed) + QUARTER;
        let told = Instant::now();
        let end = Timestamp::from_second(until - SINCE_READING).unwrap().to_string();
        eventually("the interval is settled", || served.service.mark().is_some_and(|mark| mark == end));
        told.elapsed()
    };
    (0..load.seconds / LOOKS_AGAIN).map(settle).collect()
}

#[test]
fn many_pages_a_second_delay_neither_each_other_nor_settlement() {
    let load = load();
    let start = Boundary::from_seconds(START).unwrap();
    let plan = Plan { seed: 1, members: load.members, start, days: load.days + 1 };
    let recorded = household::generate(plan).unwrap().recorded;
    let now = Arc::new(AtomicI64::new(i64::try_from(START).unwrap() + i64::from(load.days) * 86_400 + SINCE_READING));
    let told = Arc::clone(&now);
    let until = move || Timestamp::from_second(told.load(Ordering::Relaxed)).unwrap();
    let meters = Meters::recorded_until(recorded, Package::Platform, until);
    let prepared = Instant::now();
    let served = Served::of(meters, OPEN, "");
    println!("{} days of {} members settled in {:.1?}", load.days, load.members, prepared.elapsed());

    let paths: Arc<[String]> = paths(&served, load).into();
    let runtime = runtime();
    let begun = Instant::now();
    let askers: Vec<_> = (0..CONNECTIONS)
        .map(|first| runtime.spawn(ask_on_time(served.web, begun, load, first, Arc::clone(&paths))))
        .collect();
    let (settled, memory) = std::thread::scope(|scope| {
        let settling = scope.spawn(|| settles(&served, &now, load));
        let third = begun + Duration::from_secs(load.seconds.into()) / 3;
        eventually("a third of the time is over", || Instant::now() >= third);
        let before = served.service.memory();
        let heard: Vec<Heard> = askers.into_iter().map(|asker| runtime.block_on(asker).unwrap()).collect();
        let after = served.service.memory();
        let mut took: Vec<Duration> = heard.iter().flat_map(|heard| heard.took.iter().copied()).collect();
        let refused: Vec<_> = heard.into_iter().flat_map(|heard| heard.refused).collect();
        took.sort_unstable();
        let at = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
        println!(
            "{} pages in {:.1?}: half within {:.1?}, 99 % within {:.1?}, the last {:.1?}; {} refused; memory {before} to {after} MiB, at most {}",
            took.len(),
            begun.elapsed(),
            at(50),
            at(99),
            took.last().copied().unwrap_or_default(),
            refused.len(),
            served.service.peak_memory()
        );
        assert_eq!(refused, []);
        assert!(at(99) < PAGE_MAX, "{:?}", at(99));
        (settling.join().unwrap(), (before, after))
    });
    println!("intervals settled within {settled:.1?} of their readings");
    assert!(settled.iter().all(|took| *took < SETTLED_MAX), "{settled:?}");
    assert!(memory.1 <= memory.0 + GROWTH_MAX, "{memory:?}");
    served.market.run(&["audit"]).ends_with(0);
}
