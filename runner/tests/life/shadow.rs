//! Candidates in the shadow: they run on what is settled, touch nothing, and their report says what would be different.

use std::time::{Duration, Instant};

use demo::meters::Package;
use rec_market_tests::guests;
use serde_json::Value;
use tonic::Code;
use wire::rec_market_v1::{MemberDifference, ShadowReport};

use crate::caller::*;
use testkit::*;

const ROWS: i64 = 250;

/// Waits until the candidate has seen all that is settled.
fn caught_up(caller: &Caller) -> ShadowReport {
    eventually("the candidate has caught up", || {
        let report = caller.report().unwrap();
        !report.until.is_empty() && report.until == report.settled_until
    });
    caller.report().unwrap()
}

/// What a member's own statement says: Wh within the community, and nEUR earned less paid.
fn statement(market: &Market, member: &str) -> (i128, i128) {
    let number = |value: &Value| i128::from(value.as_i64().unwrap());
    let mut sums = (0, 0);
    for trade in market.json(&["trades", "--json"]) {
        let local = trade["seller"] != "grid" && trade["buyer"] != "grid";
        for (party, sign) in [("seller", 1), ("buyer", -1)] {
            if trade[party] == member {
                sums.0 += if local { number(&trade["energy"]) } else { 0 };
                sums.1 += sign * number(&trade["amount"]);
            }
        }
    }
    sums
}

fn numbers(member: &MemberDifference) -> [i128; 4] {
    let MemberDifference { local_wh, candidate_local_wh, balance_nano_eur, candidate_balance_nano_eur, .. } = member;
    [local_wh, candidate_local_wh, balance_nano_eur, candidate_balance_nano_eur].map(|text| text.parse().unwrap())
}

#[test]
fn a_candidate_is_compared_with_what_settled_member_by_member() {
    let meters = Meters::recorded(recorded(6, ROWS), Package::Platform);
    let (market, service, caller) = serve(&meters, "");
    refused(caller.report(), Code::NotFound, &["no candidate ever ran beside aveiro"]);
    refused(caller.end_shadow(), Code::FailedPrecondition, &["no candidate runs beside community aveiro"]);
    eventually("everything is settled", || market.intervals() == u64::try_from(ROWS).unwrap());
    let before = market.trades_json();
    caller.accepted(&renamed("uniform", "evening"));
    refused(caller.start_shadow("evening@9.0.0", ""), Code::NotFound, &["evening@0.1.0"]);
    let early = caller.start_shadow("evening", "1969-12-31T23:00:00Z");
    refused(early, Code::InvalidArgument, &["since", "1969", "1970 to 9999"]);
    let started = caller.start_shadow("evening", "2023-09-01T00:00:00Z").unwrap();
    assert_eq!(started.action, "shadow-started");
    assert_eq!(caller.standing().shadow.unwrap().name, "evening");
    let report = caught_up(&caller);
    assert_eq!((report.intervals, report.failed, report.rejected), (u64::try_from(ROWS).unwrap() - 1, 0, 0));
    assert!(report.is_running && report.problems.is_empty());
    let cost = report.cost.unwrap();
    assert!(cost.fuel > 0 && cost.fuel_max <= cost.fuel && cost.settled_fuel > 0, "{cost:?}");
    assert!(cost.duration_us >= cost.duration_us_max && cost.peak_memory_bytes_max > 0, "{cost:?}");
    // Nothing is touched.
    assert_eq!(market.trades_json(), before);
    // The candidate's half is what a market that is settled with it comes to.
    let other = Market::with(&meters, "algorithm = \"uniform\"");
    other.settle().ends_with(0);
    assert_eq!(report.members.len(), 6);
    let mut total = [0; 4];
    for member in &report.members {
        let found = numbers(member);
        let ((local, balance), (candidate, candidate_balance)) =
            (statement(&market, &member.member), statement(&other, &member.member));
        assert_eq!(found, [local, candidate, balance, candidate_balance], "{}", member.member);
        total.iter_mut().zip(found).for_each(|(total, number)| *total += number);
    }
    assert_eq!(numbers(&report.total.unwrap()), total);
    assert!(total[2] != total[3] || report.members.iter().any(|member| numbers(member)[2] != numbers(member)[3]));
    assert!(
        service.get("/metrics").1.contains("rec_market_shadow_runs_total{community=\"aveiro\",outcome=\"usable\"} 249")
    );

    caller.end_shadow().unwrap();
    let ended = caller.report().unwrap();
    assert!(!ended.is_running);
    assert_eq!((ended.members, ended.intervals), (report.members, report.intervals));
    assert_eq!(caller.standing().shadow, None);
}

#[test]
fn a_candidate_goes_on_where_it_was_with_every_interval_and_over_kills() {
    let meters = Meters::selling(0..4);
    let (market, service, caller) = serve(&meters, "grace = \"0s\"");
    eventually("what there is is settled", || market.intervals() == 4);
    // Without a time it runs on what comes.
    caller.start_shadow("uniform", "").unwrap();
    meters.tell_quarters(4..6);
    eventually("two more are settled", || market.intervals() == 6);
    assert_eq!(caught_up(&caller).intervals, 2);
    service.kill();
    meters.tell_quarters(6..12);
    let service = Service::start(&market);
    eventually("all are settled", || market.intervals() == 12);
    let caller = Caller::of(&market, &service);
    let report = caught_up(&caller);
    assert_eq!((report.intervals, report.since.as_str()), (8, "2023-09-01T12:45:00Z"));
}

#[test]
fn a_candidate_that_trades_with_the_grid_alone_saves_nothing() {
    let meters = Meters::recorded(recorded(4, 30), Package::Platform);
    let (market, _service, caller) = serve(&meters, "");
    eventually("everything is settled", || market.intervals() == 30);
    caller.accepted(guests::GRID_ONLY);
    caller.start_shadow("guest", "2023-09-01T00:00:00Z").unwrap();
    let report = caught_up(&caller);
    assert_eq!((report.intervals, report.failed, report.rejected), (29, 0, 0));
    // It trades nothing within the community.
    assert!(report.members.iter().all(|member| member.candidate_local_wh == "0"));
    assert!(report.total.unwrap().local_wh != "0");
}

#[test]
fn a_candidate_that_fails_is_counted_with_its_reasons() {
    let meters = Meters::telling(&[
        "a 12:00 5 5",
        "b 12:00 5 5",
        "a 12:15 5 605",
        "b 12:15 505 5",
        "a 12:30 6 700",
        "b 12:30 900 5",
    ]);
    let (market, _service, caller) = serve(&meters, "");
    eventually("everything is settled", || market.intervals() == 3);
    let before = market.trades_json();
    caller.accepted(guests::TRAPS_ON_SHORT_NAMES);
    caller.start_shadow("guest", "2023-09-01T00:00:00Z").unwrap();
    let report = caught_up(&caller);
    assert_eq!((report.intervals, report.failed, report.rejected), (2, 2, 0));
    let intervals: Vec<_> = report.problems.iter().map(|problem| problem.interval.as_str()).collect();
    assert_eq!(intervals, ["2023-09-01T12:00:00Z", "2023-09-01T12:15:00Z"]);
    assert!(report.problems.iter().all(|problem| problem.reason.contains("unreachable")), "{:?}", report.problems);
    assert!(report.members.is_empty());
    assert_eq!(market.trades_json(), before);
}

/// A run that would take a minute, and a backlog of many such: neither keeps the service from ending, and nothing is lost.
#[test]
fn a_busy_candidate_does_not_delay_the_end_of_the_service() {
    let meters = Meters::selling(0..40);
    // Fuel for a minute, and time enough for it.
    let limits = "grace = \"0s\"\nlimits = { fuel = 60000000000, time = \"10min\" }";
    let (market, service, caller) = serve(&meters, limits);
    eventually("what there is is settled", || market.intervals() == 40);
    caller.accepted(guests::WORKS_LONG_ON_SHORT_NAMES);
    caller.start_shadow("guest", "2023-09-01T00:00:00Z").unwrap();
    let before = service.processor_time();
    eventually("the candidate runs", || service.processor_time() > before + Duration::from_secs(1));
    let asked = Instant::now();
    service.terminate().ends_with(0);
    let took = asked.elapsed();
    println!("with a busy candidate the service ended in {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let log = market.log();
    assert!(log.contains("INFO the service has stopped") && !log.contains("the candidate does not run"), "{log}");
}
