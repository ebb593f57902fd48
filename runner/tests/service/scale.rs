//! Many communities of many members: how long an interval of all takes, and what memory and descriptors.
//!
//! `make scale-test` runs the long form, 10,000 communities of 100 members, and prints the figures; and how much faster three replicas
//! are than one where they wait for Meters services, and not for the cores and the file that they share here.

use std::io::Read;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rec_market::clock::{Clock, SystemClock};
use serde_json::Value;
use testkit::*;

/// Communities and members of each, of the short form.
const SHORT: (usize, usize) = (120, 3);

/// The size that is asked for, if any is.
fn asked_for() -> Option<(usize, usize)> {
    std::env::var("REC_MARKET_TEST_SCALE").ok().map(|text| {
        let (communities, members) = text.split_once('x').unwrap();
        (communities.parse().unwrap(), members.parse().unwrap())
    })
}

/// Communities each of which has a Meters service by its address, as far as a configuration can tell: all are one that listens on
/// all of this machine's own addresses, and tells everybody of the same meters.
pub(super) fn communities(meters: &Meters, count: usize, keys: &str) -> String {
    let port = meters.address().rsplit_once(':').unwrap().1;
    let one = |number: usize| {
        let address = format!("http://127.{}.{}.{}:{port}", 1 + number / 62_500, number / 250 % 250, 1 + number % 250);
        community(&format!("c{number:05}"), &address, keys)
    };
    (0..count).map(one).collect()
}

/// Registers of so many meters at a time, the row with this number.
pub(super) fn rows(members: usize, time: &str, row: usize) -> Vec<Row> {
    let of = |member: usize| {
        let (import, export) = if member.is_multiple_of(3) { (0, 400) } else { (150 + member % 7, 0) };
        reading(&format!("m{member:04} {time} {} {}", import * row, export * row))
    };
    (0..members).flat_map(of).collect()
}

/// A service with two readings of so many meters, made once: the test is of the market, not of the service.
fn meters(members: usize) -> Meters {
    let rows: Arc<[Row]> = [rows(members, "12:00", 0), rows(members, "12:15", 1)].concat().into();
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
    // An interval is counted a moment after it is committed.
    let mut shares = Vec::new();
    eventually("all are counted", || {
        shares = replicas.iter().map(Service::settled).collect();
        shares.iter().sum::<u64>() == count as u64
    });
    replicas.into_iter().for_each(|replica| drop(replica.terminate().ends_with(0)));
    (seconds, shares)
}

#[test]
fn an_interval_of_many_communities() {
    let (count, members) = asked_for().unwrap_or(SHORT);
    let meters = meters(members);
    let configuration = communities(&meters, count, "");
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
        market.run(&["audit"]).ends_with(0);
    }
}

/// How long nothing happens while it is looked at what that costs.
const IDLE: Duration = Duration::from_secs(30);

/// The share of a core that a service takes while nothing is due of so many communities that have settled what was.
fn idle(count: usize, members: usize) -> f64 {
    let hour = Timestamp::from_second(SystemClock.now().as_second() / 3600 * 3600).unwrap();
    let at = |hours: u64| (hour - Duration::from_secs(3600 * hours)).to_string();
    let all: Arc<[Row]> = [rows(members, &at(1), 0), rows(members, &at(0), 1)].concat().into();
    let meters = Meters::answering_everywhere(move |query, _| answer(honest(&all, query)));
    let market = Market::serving_all(&communities(&meters, count, "interval = \"1h\"\ngrace = \"0s\"\n"), "");
    let service = Service::start(&market);
    eventually("all are settled", || service.settled() == count as u64);
    // What is made behind everything else is made.
    let mut before = service.processor_time();
    eventually("it has nothing to do", || {
        std::thread::park_timeout(Duration::from_secs(2));
        let used = service.processor_time();
        let took = used - std::mem::replace(&mut before, used);
        took < Duration::from_millis(500)
    });
    std::thread::park_timeout(IDLE);
    let share = (service.processor_time() - before).as_secs_f64() / IDLE.as_secs_f64();
    drop(service.terminate().ends_with(0));
    share
}

#[test]
fn many_communities_cost_next_to_nothing_while_nothing_is_due() {
    let Some((count, members)) = asked_for() else { return };
    let share = idle(count, members);
    println!("  serve, nothing due    {:6.2} % of a core", 100.0 * share);
    assert!(share < 0.2);
}

/// What an answer takes of services far away. Shorter than a page waits before it lets others go first, so that a replica asks for as
/// many at once as it has turns, 16 for its one core, and no more.
const FAR: Duration = Duration::from_millis(200);

/// Services that tell of the minutes since a start up to now, each after the time that it takes.
fn minutes(start: Timestamp, members: usize) -> Meters {
    let rows: Vec<Row> =
        (0..60_usize).flat_map(|minute| rows(members, &after(start, minute).to_string(), minute)).collect();
    let meters = Meters::answering_everywhere(move |query, _| {
        // To the second, as they are written: with a fraction it would come before its own second.
        let now = Timestamp::from_second(SystemClock.now().as_second()).unwrap().to_string();
        let told: Vec<Row> = rows.iter().filter(|row| row.date <= now).cloned().collect();
        answer(honest(&told, query))
    });
    meters.take(FAR);
    meters
}

fn after(start: Timestamp, minutes: usize) -> Timestamp {
    start + Duration::from_secs(60 * minutes as u64)
}

/// Settles intervals of a minute while the service runs; how long after its end the first interval was settled of all that was due
/// when all replicas shared the work.
fn settle_minutes(replicas: usize, count: usize) -> f64 {
    let start = Timestamp::from_second(SystemClock.now().as_second() / 60 * 60 - 60).unwrap();
    let meters = minutes(start, 10);
    let keys = "interval = \"1m\"\ntolerance = \"10s\"\ngrace = \"0s\"\n";
    let market = Market::serving_all(&communities(&meters, count, keys), "");
    let cores = std::thread::available_parallelism().unwrap().get();
    let replicas: Vec<Service> = (0..replicas).map(|number| Service::start_on_core(&market, number % cores)).collect();
    let settled_at = |minute: usize| {
        let end = after(start, minute).as_second();
        let mut last = SystemClock.now();
        eventually("a minute is settled", || {
            std::thread::park_timeout(Duration::from_millis(100));
            last = SystemClock.now();
            let select = "SELECT count(*) FROM interval WHERE \"end\" = ?1";
            market.database().query_row(select, [end], |row| row.get::<_, usize>(0)).unwrap_or(0) == count
        });
        last
    };
    // What was due at the start, those shared that were there.
    settled_at(2);
    let minute = (2..).find(|minute| after(start, *minute) > SystemClock.now()).unwrap();
    let took = settled_at(minute).duration_since(after(start, minute));
    replicas.into_iter().for_each(|replica| drop(replica.terminate().ends_with(0)));
    took.as_secs_f64()
}

#[test]
fn three_replicas_are_faster_than_one_where_they_wait_for_meters() {
    // A matter of minutes and of time, so only for those who ask for figures.
    if asked_for().is_none() {
        return;
    }
    const COUNT: usize = 1800;
    let [one, three] = [1, 3].map(|replicas| settle_minutes(replicas, COUNT));
    println!(
        "{COUNT} communities of 10 members, whose Meters services take {FAR:?} for an answer; replicas of one core:"
    );
    println!("  serve, 1 replica(s)   {one:6.1} s after the interval's end");
    println!("  serve, 3 replica(s)   {three:6.1} s, {:.1} times as fast", one / three);
    assert!(three < one);
}
