//! The same life with MongoDB behind it, and two replicas in front of it that are killed in turn.

use tonic::Code;

use crate::caller::*;
use testkit::*;

/// What settled each interval, from `replay`, which proves it.
fn settled_by(market: &Market) -> Vec<String> {
    let replayed = market.json(&["replay", "--json"]).into_iter();
    let replayed = replayed.filter(|interval| interval["status"] != "nothing");
    replayed
        .map(|interval| format!("{} {}", interval["interval"].as_str().unwrap(), interval["name"].as_str().unwrap()))
        .collect()
}

#[needs::mongodb]
#[test]
fn uploads_decisions_and_shadows_are_kept_in_mongodb_over_kills_of_replicas() {
    let meters = Meters::selling(0..3);
    let market = market_with_callers(&meters, "grace = \"0s\"");
    let store = format!("{}replicas = {{ lease = \"2s\" }}\n", mongodb());
    market.file("market.toml", store + &market.text("market.toml"));
    let start = || Service::start(&market);
    let [one, other] = [start(), start()];
    let until = |service: &Service, time: &str| {
        eventually(&format!("it is settled until {time}"), || service.mark().as_deref() == Some(time));
    };
    until(&one, "2023-09-01T12:30:00Z");
    until(&other, "2023-09-01T12:30:00Z");
    let (caller, twin) = (Caller::of(&market, &one), Caller::of(&market, &other));
    let evening = caller.accepted(&renamed("uniform", "evening"));
    assert_eq!(twin.download("evening").unwrap().0, evening);
    // One replica decides, the other knows; what is settled stays.
    refused(twin.activate("evening", "2023-09-01T12:15:00Z"), Code::FailedPrecondition, &["is settled already"]);
    caller.activate("evening", "2023-09-01T12:45:00Z").unwrap();
    assert_eq!(twin.standing().then.unwrap(), evening);
    twin.start_shadow("uniform", "2023-09-01T12:00:00Z").unwrap();
    meters.tell_quarters(3..5);
    until(&other, "2023-09-01T13:00:00Z");
    one.kill();
    meters.tell_quarters(5..7);
    until(&other, "2023-09-01T13:30:00Z");
    let back = twin.roll_back("aveiro").unwrap();
    assert_eq!((back.start.as_str(), back.before.unwrap()), ("2023-09-01T13:30:00Z", evening));
    other.kill();
    meters.tell_quarters(7..9);
    let last = start();
    until(&last, "2023-09-01T14:00:00Z");
    let caller = Caller::of(&market, &last);
    eventually("the candidate has seen all of it", || caller.report().unwrap().until == "2023-09-01T14:00:00Z");
    let report = caller.report().unwrap();
    assert_eq!((report.intervals, report.failed, report.rejected), (8, 0, 0));
    // The same rule under another name trades the same.
    let total = report.total.unwrap();
    assert_eq!(total.local_wh, total.candidate_local_wh);
    assert_eq!(
        caller.done(),
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
