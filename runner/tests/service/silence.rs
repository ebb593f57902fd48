//! Meters of which nothing usable comes, as the operator of a service sees them.

use serde_json::{Value, json};

use testkit::*;

const ROWS: [&str; 8] = [
    "ann 12:00 0 0",
    "ann 12:15 0 500",
    "ann 12:30 0 1000",
    "bob 12:00 0 0",
    "bob 12:15 100 0",
    "bob 12:30 200 0",
    "carl 12:00 0 0",
    "late 12:21 0 0",
];

fn gauge(service: &Service, name: &str) -> u64 {
    let metrics = service.get("/metrics").1;
    let series = format!("rec_market_meters_{name}{{community=\"aveiro\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
}

fn gauges(service: &Service) -> [u64; 4] {
    ["never_read", "half_read", "off_boundary", "silent"].map(|name| gauge(service, name))
}

#[test]
fn status_and_metrics_tell_how_meters_are_read_in_every_replica_and_after_a_restart() {
    let mut rows = readings(&ROWS);
    rows.push(row("half", "Active import", "5", &date("12:15")));
    let meters = Meters::telling_rows(rows);
    let market = Market::serving(&meters, "", "[community.members.ghost]");
    for _ in 0..2 {
        let services = [Service::start(&market), Service::start(&market)];
        for service in &services {
            eventually("it is told", || gauges(service) == [1, 1, 1, 1]);
            eventually("status has it as well", || service.community()["meters"]["silent"] == 1);
            let community = service.community();
            let list = community["meters"]["list"].as_array().unwrap();
            let codes: Vec<(&str, &str)> =
                list.iter().map(|one| (one["meter"].as_str().unwrap(), one["code"].as_str().unwrap())).collect();
            let expected =
                [("carl", "silent"), ("ghost", "never-read"), ("half", "half-read"), ("late", "off-boundary")];
            assert_eq!(codes, expected);
            assert!(list[3]["message"].as_str().unwrap().contains("the tolerance of 2m"), "{community}");
            assert!(community["lag_seconds"].as_u64().unwrap() > 0);
        }
        services.into_iter().for_each(|service| drop(service.terminate().ends_with(0)));
        assert_eq!(market.json(&["events", "--json"]).len(), 4);
    }
    // One of the services has told it, and counted.
    let told = market.log().lines().filter(|line| line.contains("code=\"silent\"")).count();
    assert_eq!(told, 1, "{}", market.log());
}

#[test]
fn a_community_of_which_nothing_is_near_a_boundary_lags_and_says_why() {
    let meters = Meters::telling(&["ann 12:06 0 0", "bob 12:06 0 0"]);
    let market = Market::serving(&meters, "", "");
    let service = Service::start(&market);
    eventually("it says why", || service.community()["last_warning"].is_string());
    let community = service.community();
    let warning = community["last_warning"].as_str().unwrap();
    assert!(warning.contains("6m off") && warning.contains("tolerance is 2m"), "{warning}");
    assert_eq!(community["mark"], Value::Null);
    // Since the first reading, years ago.
    assert!(community["lag_seconds"].as_u64().unwrap() > 90_000_000, "{community}");
    let metrics = service.get("/metrics").1;
    assert!(metrics.contains("rec_market_lag_seconds{community=\"aveiro\"} "), "{metrics}");
    eventually("its meters are told of", || gauges(&service) == [0, 0, 2, 0]);
    let events = market.json(&["events", "--json"]);
    assert_eq!(events.iter().map(|event| &event["start"]).collect::<Vec<_>>(), [&json!(null), &json!(null)]);
    service.terminate().ends_with(0);
}
