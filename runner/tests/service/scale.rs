//! Many communities of many members: how long an interval of all takes, and what memory and descriptors.
//!
//! `make scale-test` runs the long form, 10,000 communities of 100 members, and prints the figures.

use std::io::Read;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::*;

/// Communities and members of each, of the short form.
const SHORT: (usize, usize) = (120, 3);

fn size() -> (usize, usize) {
    let asked = std::env::var("REC_MARKET_TEST_SCALE").ok().map(|text| {
        let (communities, members) = text.split_once('x').unwrap();
        (communities.parse().unwrap(), members.parse().unwrap())
    });
    asked.unwrap_or(SHORT)
}

/// Communities each of which has a Meters service by its address, as far as a configuration can tell: all are one that listens on
/// all of this machine's own addresses, and tells everybody of the same meters.
fn communities(meters: &Meters, count: usize) -> String {
    let port = meters.address().rsplit_once(':').unwrap().1;
    let one = |number: usize| {
        let address = format!("http://127.{}.{}.{}:{port}", 1 + number / 62_500, number / 250 % 250, 1 + number % 250);
        community(&format!("c{number:05}"), &address, "")
    };
    (0..count).map(one).collect()
}

/// A service with two readings of so many meters, made once: the test is of the market, not of the service.
fn meters(members: usize) -> Meters {
    let at = |time: &str, row: usize| {
        let of = move |member: usize| {
            let (import, export) = if member.is_multiple_of(3) { (0, 400) } else { (150 + member % 7, 0) };
            (member, import * row, export * row)
        };
        (0..members)
            .map(of)
            .map(|(member, import, export)| format!("m{member:04} {time} {import} {export}"))
            .collect::<Vec<_>>()
    };
    let rows: Arc<[Row]> = readings(&[at("12:00", 0), at("12:15", 1)].concat()).into();
    // What a first start asks for is everything there is.
    let everything = honest(&rows, &wire::QueryMeters::default());
    let answers = move |query: &wire::QueryMeters, _| match query.start_interval.as_deref() {
        Some(from) if from > "2023-09-01T11:00:00Z" => answer(honest(&rows, query)),
        _ => answer(everything.clone()),
    };
    Meters::answering_everywhere(answers)
}

/// What a process used.
#[derive(Debug, Default)]
struct Used {
    seconds: f64,
    peak_mib: u64,
    descriptors: usize,
}

/// Runs `settle` with 1,024 descriptors; checks that it settled so many.
fn settle(market: &Market, count: usize) -> Used {
    let program = program().display().to_string();
    let script = "ulimit -n 1024 && exec \"$0\" settle --json";
    let mut command = market.command_of("/bin/sh".as_ref(), &["-c", script, &program]);
    let started = Instant::now();
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        text
    });
    let mut used = Used::default();
    let place = format!("/proc/{}", child.id());
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("{place}/status")).unwrap_or_default();
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<u64>().ok());
        let descriptors = std::fs::read_dir(format!("{place}/fd")).map_or(0, Iterator::count);
        used = Used {
            seconds: started.elapsed().as_secs_f64(),
            peak_mib: used.peak_mib.max(peak.unwrap_or(0) >> 10),
            descriptors: used.descriptors.max(descriptors),
        };
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let told = reading.join().unwrap();
    let settled = told.lines().filter(|line| serde_json::from_str::<Value>(line).unwrap()["intervals"] == 1).count();
    assert_eq!(settled, count, "{}", told.lines().next().unwrap_or_default());
    used
}

/// Runs so many replicas until everything is settled; how long that took, and the share of each.
fn serve(market: &Market, replicas: usize, count: usize) -> (f64, Vec<u64>) {
    let started = Instant::now();
    let replicas: Vec<Service> = (0..replicas).map(|_| Service::start_with_descriptors(market, 1024)).collect();
    eventually("all are settled", || market.intervals() == 2 * count as u64);
    let seconds = started.elapsed().as_secs_f64();
    let share = |replica: &Service| {
        let (_, text) = replica.get("/metrics");
        let counts = text.lines().filter(|line| line.starts_with("rec_market_intervals_settled_total"));
        counts.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    };
    let shares = replicas.iter().map(share).collect();
    replicas.into_iter().for_each(|replica| drop(replica.terminate().ends_with(0)));
    (seconds, shares)
}

#[test]
fn an_interval_of_many_communities() {
    let (count, members) = size();
    let meters = meters(members);
    let configuration = communities(&meters, count);
    let market = Market::new(&configuration);
    let started = Instant::now();
    market.run(&["config", "check"]).ends_with(0);
    println!("{count} communities of {members} members:");
    println!("  config check          {:6.1} s", started.elapsed().as_secs_f64());
    for what in ["settle, one interval  ", "settle, nothing due   "] {
        let expected = if what.contains("one") { count } else { 0 };
        let Used { seconds, peak_mib, descriptors } = settle(&market, expected);
        println!("  {what}{seconds:6.1} s, {peak_mib} MiB, {descriptors} descriptors");
        assert!(descriptors < 1024);
    }
    for replicas in [1, 3] {
        let market = Market::serving_all(&configuration, "");
        let (seconds, shares) = serve(&market, replicas, count);
        println!("  serve, {replicas} replica(s)   {seconds:6.1} s, settled {shares:?}");
        assert_eq!(shares.iter().sum::<u64>(), count as u64, "{shares:?}");
        market.run(&["audit"]).ends_with(0);
    }
}
