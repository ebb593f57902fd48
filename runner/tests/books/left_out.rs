//! Meters whose readings cannot be received: the others are settled as if nothing were.

use serde_json::Value;

use testkit::*;

const OTHERS: [&str; 8] = [
    "a 12:00 0 0",
    "a 12:15 0 100",
    "a 12:30 0 200",
    "a 12:45 0 300",
    "b 12:00 0 0",
    "b 12:15 60 0",
    "b 12:30 120 0",
    "b 12:45 180 0",
];
/// What they trade in two quarter-hours in which a third meter takes no part.
const BOOKS: [&str; 4] = [
    "12:00 a > b 60 at 96200, Created",
    "12:00 a > grid 40 at 30000",
    "12:15 a > b 60 at 96200, Created",
    "12:15 a > grid 40 at 30000",
];
/// An algorithm by which nobody trades with the third meter, so that the books of the others stay the same.
const GRID_ALONE: &str = "algorithm = \"public-grid\"";
const BIG: [&str; 3] = ["big 12:00 5 0", "big 12:30 45 0", "big 12:45 65 0"];
const MANY: [&str; 3] = ["many 12:00 5 0", "many 12:30 45 0", "many 12:45 65 0"];

/// A row of 70 MB, which no client takes.
fn huge() -> Vec<Row> {
    vec![row("big", "Active import", &"9".repeat(70 << 20), &date("12:15"))]
}

/// More rows than can be asked for at once, from a time on, spread over so many seconds. The register rises with the time.
fn crowd(time: &str, seconds: usize) -> Vec<Row> {
    let start: jiff::Timestamp = date(time).parse().unwrap();
    let rows = (0..10_500).flat_map(|number| {
        let second = i64::try_from(number % seconds).unwrap();
        let at = (start + jiff::SignedDuration::from_secs(second)).to_string();
        let import = (5 + second / 3).to_string();
        [row("many", "Active import", &import, &at), row("many", "Active export", "0", &at)]
    });
    rows.collect()
}

fn meters_with(third: &[&str], more: Vec<Row>) -> Meters {
    Meters::telling_rows([readings(&OTHERS), readings(third), more].concat())
}

/// The trades of the two meters that tell what they should.
fn of_others(trades: &[String]) -> Vec<&String> {
    trades.iter().filter(|trade| !trade.contains("big") && !trade.contains("many")).collect()
}

#[test]
fn a_row_of_70_mb_costs_its_meter_one_boundary_and_nobody_else_anything() {
    let meters = meters_with(&BIG, huge());
    let market = Market::of(&meters);
    let ran = market.settle().ends_with(0);
    assert!(ran.out.contains("skipped: 1"), "{}", ran.out);
    let books = market.books();
    assert_eq!(of_others(&books)[..4], BOOKS);
    // Its own energy of the gap comes from the grid, and then it takes part again.
    for trade in
        ["12:15 grid > big 40 at 162400 (Start timestamp: 2023-09-01T12:00:00Z)", "12:30 a > big 20 at 96200, Created"]
    {
        assert!(books.iter().any(|found| found == trade), "no {trade} in {books:?}");
    }
    let events = market.events();
    let skipped: Vec<_> = events.iter().filter(|event| event.contains("skipped")).collect();
    let expected =
        "12:00 big skipped: meter big is left out at 2023-09-01T12:15:00Z: a row of it is larger than can be";
    assert!(skipped.len() == 1 && skipped[0].starts_with(expected), "{events:?}");
    assert!(meters.asked().len() < 60, "{} requests", meters.asked().len());
}

#[test]
fn more_rows_around_a_boundary_than_can_be_asked_for_are_all_read() {
    // The nearest to 12:15 is not among the first ten thousand.
    let meters = meters_with(&MANY, crowd("12:13:02", 119));
    let market = Market::with(&meters, GRID_ALONE);
    let books = market.books();
    for trade in ["12:00 grid > many 39 at 162400", "12:15 grid > many 1 at 162400"] {
        assert!(books.iter().any(|found| found == trade), "no {trade} in {books:?}");
    }
    let [event] = &market.events()[..] else { panic!("{:?}", market.events()) };
    assert!(
        event.starts_with("12:00 many crowded: meter many has more rows around 2023-09-01T12:15:00Z than"),
        "{event}"
    );
    let without = Market::with(&Meters::telling(&OTHERS), GRID_ALONE).books();
    assert_eq!(of_others(&books), without.iter().collect::<Vec<_>>());
}

#[test]
fn more_rows_within_a_second_than_can_be_asked_for_leave_their_meter_out() {
    let meters = meters_with(&MANY, crowd("12:15", 1));
    let market = Market::with(&meters, GRID_ALONE);
    let books = market.books();
    let gap = "12:15 grid > many 40 at 162400 (Start timestamp: 2023-09-01T12:00:00Z)";
    assert!(books.iter().any(|found| found == gap), "{books:?}");
    let without = Market::with(&Meters::telling(&OTHERS), GRID_ALONE).books();
    assert_eq!(of_others(&books), without.iter().collect::<Vec<_>>());
    let expected =
        "12:00 many skipped: meter many is left out at 2023-09-01T12:15:00Z: it has 10000 rows or more within";
    assert!(market.events()[0].starts_with(expected), "{:?}", market.events());
}

#[test]
fn the_service_goes_on_as_well() {
    let meters = meters_with(&BIG, [huge(), crowd("12:30", 1)].concat());
    let market = Market::serving(&meters, "", "");
    let service = Service::start(&market);
    eventually("everything is settled", || market.intervals() == 4);
    let metrics = service.get("/metrics").1;
    assert!(metrics.contains("rec_market_events_total{code=\"skipped\",community=\"aveiro\"} 2\n"), "{metrics}");
    assert_eq!(service.community()["last_error"], Value::Null);
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
    let settled = Market::of(&meters);
    settled.settle().ends_with(0);
    assert_eq!(market.trades_json(), settled.trades_json());
}
