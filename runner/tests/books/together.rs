//! Several processes at one database, and processes that are killed at any instant.

use demo::meters::Package;
use tonic::Status;
use wire::QueryMeters;

use testkit::*;

/// Intervals of the history, the first of which only opens the accounts.
const ROWS: i64 = 300;

fn undisturbed() -> String {
    let meters = Meters::recorded(recorded(5, ROWS), Package::Platform);
    let market = Market::of(&meters);
    market.settle().ends_with(0);
    market.trades_json()
}

#[test]
fn two_at_once_make_the_books_of_one() {
    let expected = undisturbed();
    for _ in 0..3 {
        let meters = Meters::recorded(recorded(5, ROWS), Package::Platform);
        let market = Market::of(&meters);
        // Both find no database at all.
        let both = [0, 1].map(|_| market.command(&["settle", "--json"]).spawn().unwrap());
        let settled: u64 =
            both.map(|child| Ran::end_of(child).ends_with(0).json()["intervals"].as_u64().unwrap()).iter().sum();
        // Each interval by exactly one of them.
        assert_eq!(settled, u64::try_from(ROWS - 1).unwrap());
        assert_eq!(market.trades_json(), expected);
        market.run(&["audit"]).ends_with(0);
    }
}

#[test]
fn the_books_can_be_read_while_they_are_written() {
    let meters = Meters::recorded(recorded(5, ROWS), Package::Platform);
    let market = Market::of(&meters);
    market.run(&["settle", "--until", "2023-09-01T13:00:00Z"]).ends_with(0);
    let mut settling = market.command(&["settle"]).spawn().unwrap();
    let mut seen = Vec::new();
    while settling.try_wait().unwrap().is_none() {
        seen.push(market.trades_json().lines().count());
    }
    Ran::end_of(settling).ends_with(0);
    seen.push(market.trades_json().lines().count());
    assert!(seen.is_sorted(), "{seen:?}");
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn killed_at_any_instant_it_goes_on_to_the_same_books() {
    let expected = undisturbed();
    // Withholds the last rows while it is to be killed, so that every kill finds it alive.
    let (first, rows) = (1_693_569_600_i64, recorded_rows());
    let last = jiff::Timestamp::from_second(first + 900 * (ROWS - 3)).unwrap().to_string();
    let withholding = Meters::answering({
        let rows = rows.clone();
        move |query, _| {
            let page = honest(&rows, &QueryMeters { limit: Some(20), ..query.clone() });
            let end = page.iter().any(|row| row.date >= last);
            if end { Err(Status::unavailable("not yet")) } else { answer(page) }
        }
    });
    let market = Market::of(&withholding);
    let mut killed_after = Vec::new();
    for target in [1, 2, 23, 60, 61, 110, 170, 220] {
        let mut settling = market.command(&["settle"]).spawn().unwrap();
        while market.intervals() < target {
            assert!(settling.try_wait().unwrap().is_none(), "ended before {target}: {:?}", Ran::end_of(settling));
            std::thread::yield_now();
        }
        settling.kill().unwrap();
        let ran = Ran::end_of(settling);
        assert_eq!(ran.code, -1, "{ran:?}");
        killed_after.push(market.intervals());
        market.run(&["audit"]).ends_with(0);
    }
    assert!(killed_after.is_sorted() && killed_after[0] < 220, "{killed_after:?}");
    let meters = Meters::telling_rows(rows);
    market.configure(&community("aveiro", meters.address(), ""));
    market.settle().ends_with(0);
    assert_eq!(market.trades_json(), expected);
    market.run(&["audit"]).ends_with(0);
}

/// The same history as rows.
fn recorded_rows() -> Vec<Row> {
    use domain::reading::Register;
    let mut rows = Vec::new();
    for meter in recorded(5, ROWS).meters() {
        for (number, time) in meter.times().iter().enumerate() {
            for register in [Register::Import, Register::Export] {
                let wh = meter.wh(register, number).unwrap().to_string();
                rows.push(row(meter.id().as_str(), register.field(), &wh, &time.to_string()));
            }
        }
    }
    rows
}
