//! A series of tariffs that changes while the service runs.

use testkit::*;

const HEADER: &str = "start,retail,feed_in\n";

#[test]
fn the_next_interval_has_what_the_file_says_now_and_a_wrong_file_changes_nothing() {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:15 10 0"]);
    let market = Market::serving(&meters, "", "tariff = { series = \"t.csv\" }");
    let write = |rows: &str| market.file("t.csv", format!("{HEADER}{rows}")).to_owned();
    let noon = "2023-09-01T12:00:00Z,100000,10000\n";
    write(noon);
    let service = Service::start(&market);
    eventually("the first interval is settled", || market.intervals() == 2);
    assert_eq!(service.community()["tariff_series"], serde_json::json!([]));
    // A new row.
    write(&format!("{noon}2023-09-01T12:15:00Z,200000,20000\n"));
    meters.tell(&["a 12:30 20 0"]);
    eventually("the second interval is settled", || market.intervals() == 3);
    // Half written, with a comma for a point.
    write(&format!("{noon}2023-09-01T12:15:00Z,0,2,20000\n"));
    meters.tell(&["a 12:45 30 0"]);
    eventually("the third interval is settled", || market.intervals() == 4);
    let told = service.community()["tariff_series"].to_string();
    assert!(told.contains("t.csv:3: the row has 4 cells"), "{told}");
    let faulty = service.get("/metrics").1;
    assert!(faulty.contains("rec_market_tariff_series_faulty{community=\"aveiro\"} 1"), "{faulty}");
    write(&format!("{noon}2023-09-01T12:15:00Z,200000,20000\n2023-09-01T12:45:00Z,300000,30000\n"));
    meters.tell(&["a 13:00 40 0"]);
    eventually("the fourth interval is settled", || market.intervals() == 5);
    assert_eq!(
        market.trades(),
        [
            "12:00 grid > a 10 at 100000",
            "12:15 grid > a 10 at 200000",
            "12:30 grid > a 10 at 200000",
            "12:45 grid > a 10 at 300000",
        ]
    );
    // It is right again, but long over: its rows are half an hour apart at most.
    let told = service.community()["tariff_series"].to_string();
    assert!(told.contains("t.csv ends with the row of 2023-09-01T12:45:00Z"), "{told}");
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
    let events: Vec<String> = market.events().into_iter().filter(|event| event.contains("series")).collect();
    assert_eq!(events.len(), 1, "{events:#?}");
    assert!(events[0].starts_with("12:30 ") && events[0].contains("t.csv:3: the row has 4 cells"), "{events:#?}");
    let log = market.log();
    assert_eq!(
        log.lines().filter(|line| line.contains("code=\"series\"") && line.contains("4 cells")).count(),
        1,
        "{log}"
    );
}

#[test]
fn a_series_that_ended_is_told_once_in_the_books() {
    let meters = Meters::silent();
    let market = Market::with(&meters, "tariff = { series = \"t.csv\" }");
    market.file("t.csv", format!("{HEADER}2023-09-01T12:00:00Z,100000,10000\n2023-09-01T12:30:00Z,200000,20000\n"));
    for (number, time) in ["12:00", "12:30", "12:45", "13:00", "13:15", "13:30", "13:45"].iter().enumerate() {
        meters.tell(&[format!("a {time} {} 0", 10 * number)]);
        market.settle().ends_with(0).says("t.csv ends with the row of 2023-09-01T12:30:00Z");
    }
    let events: Vec<String> = market.events().into_iter().filter(|event| event.contains("series")).collect();
    assert_eq!(events.len(), 1, "{events:#?}");
    // An interval that starts later than the last row is old by then.
    assert!(events[0].starts_with("13:15 ") && events[0].contains("series-ended: ends with the row of"), "{events:#?}");
}
