//! The same life with MongoDB behind it, and two replicas in front of it that are killed in turn.

use rec_market_tests::mongo_server;
use tonic::Code;

use crate::common::*;
use crate::desk::*;
use crate::running::*;

/// Quarter-hours from 12:00 on in which a sells to b what it can.
fn tell(meters: &Meters, numbers: std::ops::Range<u32>) {
    let row = |number: u32| {
        let time = format!("{:02}:{:02}", 12 + number / 4, number % 4 * 15);
        [format!("a {time} 1000 {}", 5000 + 300 * number), format!("b {time} {} 0", 2000 + 500 * number)]
    };
    let rows: Vec<String> = numbers.flat_map(row).collect();
    meters.tell(&rows.iter().map(String::as_str).collect::<Vec<_>>());
}

/// What settled each interval, from `replay`, which proves it.
fn settled_by(market: &Market) -> Vec<String> {
    let replayed = market.json(&["replay", "--json"]).into_iter();
    let replayed = replayed.filter(|interval| interval["status"] != "nothing");
    replayed
        .map(|interval| format!("{} {}", interval["interval"].as_str().unwrap(), interval["name"].as_str().unwrap()))
        .collect()
}

#[test]
fn uploads_decisions_and_shadows_are_kept_in_mongodb_over_kills_of_replicas() {
    let Some(database) = mongo_server::database() else { return };
    let meters = Meters::telling(&[]);
    tell(&meters, 0..3);
    let market = market_with_callers(&meters, "grace = \"0s\"");
    let file = market.path("market.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let store = format!("store = {:?}\nreplicas = {{ lease = \"2s\" }}\n", database.address());
    std::fs::write(&file, store + &text).unwrap();
    let start = || Running::start(&market);
    let [one, other] = [start(), start()];
    let until = |service: &Running, time: &str| {
        eventually(&format!("it is settled until {time}"), || mark(service).as_deref() == Some(time));
    };
    until(&one, "2023-09-01T12:30:00Z");
    until(&other, "2023-09-01T12:30:00Z");
    let (desk, twin) = (Desk::of(&market, &one), Desk::of(&market, &other));
    let evening = desk.accepted(&renamed("uniform", "evening"));
    assert_eq!(twin.download("evening").unwrap().0, evening);
    // One replica decides, the other knows; what is settled stays.
    refused(twin.activate("evening", "2023-09-01T12:15:00Z"), Code::FailedPrecondition, &["is settled already"]);
    desk.activate("evening", "2023-09-01T12:45:00Z").unwrap();
    assert_eq!(twin.standing().then.unwrap(), evening);
    twin.start_shadow("uniform", "2023-09-01T12:00:00Z").unwrap();
    tell(&meters, 3..5);
    until(&other, "2023-09-01T13:00:00Z");
    one.kill();
    tell(&meters, 5..7);
    until(&other, "2023-09-01T13:30:00Z");
    let back = twin.roll_back("aveiro").unwrap();
    assert_eq!((back.start.as_str(), back.before.unwrap()), ("2023-09-01T13:30:00Z", evening));
    other.kill();
    tell(&meters, 7..9);
    let last = start();
    until(&last, "2023-09-01T14:00:00Z");
    let desk = Desk::of(&market, &last);
    eventually("the candidate has seen all of it", || desk.report().unwrap().until == "2023-09-01T14:00:00Z");
    let report = desk.report().unwrap();
    assert_eq!((report.intervals, report.failed, report.rejected), (8, 0, 0));
    // The same rule under another name trades the same.
    let total = report.total.unwrap();
    assert_eq!(total.local_wh, total.candidate_local_wh);
    assert_eq!(
        desk.done(),
        [
            "ada rolled-back mid-market-rate",
            "ada shadow-started uniform",
            "ada activated evening",
            "ada uploaded evening"
        ]
    );
    last.terminate().ends_with(0);
    let by = settled_by(&market);
    let expected = ["12:00 M", "12:15 M", "12:30 M", "12:45 E", "13:00 E", "13:15 E", "13:30 M", "13:45 M"];
    let name = |short: &str| {
        let (time, name) = short.split_once(' ').unwrap();
        format!("{} {}", date(time), if name == "M" { "mid-market-rate" } else { "evening" })
    };
    assert_eq!(by, expected.map(name));
    market.run(&["audit"]).ends_with(0);
}
