//! Histories of many pages, and answers larger than gRPC's usual limit.

use demo::meters::Package;
use wire::QueryMeters;

use testkit::*;

#[test]
fn many_pages_settle_the_same_as_one_and_as_many_runs() {
    // A hundred meters make pages of a hundred rows a series.
    let history = recorded(100, 230);
    let meters = Meters::recorded(history.clone(), Package::Platform);
    let market = Market::of(&meters);
    market.settle().ends_with(0);
    market.run(&["audit"]).ends_with(0);
    let books = market.trades_json();
    assert_eq!(market.intervals(), 230);
    assert!(books.lines().count() > 10_000);

    let in_steps = Market::of(&meters);
    for hour in [3, 9, 21, 47] {
        let until = jiff::Timestamp::from_second(1_693_569_600 + hour * 3600 + 7).unwrap().to_string();
        in_steps.run(&["settle", "--until", &until]).ends_with(0);
        assert_eq!(in_steps.intervals(), u64::try_from(hour * 4 + 1).unwrap());
    }
    in_steps.settle().ends_with(0);
    assert_eq!(in_steps.trades_json(), books);
}

#[test]
fn one_page_of_everything_settles_the_same_as_pages_of_four() {
    let rows: Vec<String> = (0..96 * 3)
        .flat_map(|quarter: u64| {
            let time = jiff::Timestamp::from_second(1_693_569_600 + 900 * i64::try_from(quarter).unwrap()).unwrap();
            [format!("a {time} {} {}", quarter * 7, quarter * quarter), format!("b {time} {} 4", quarter * 300)]
        })
        .collect();
    let rows = readings(&rows);
    let at_once = {
        let rows = rows.clone();
        Meters::answering(move |query, _| {
            answer(honest(&rows, &QueryMeters { limit: Some(1_000_000), ..query.clone() }))
        })
    };
    let four_at_a_time =
        Meters::answering(move |query, _| answer(honest(&rows, &QueryMeters { limit: Some(4), ..query.clone() })));
    let market = Market::of(&at_once);
    market.books();
    let other = Market::of(&four_at_a_time);
    other.books();
    assert_eq!(other.trades_json(), market.trades_json());
    assert!(four_at_a_time.asked().len() > 70);
}

#[test]
fn an_answer_of_more_than_four_mebibytes_is_taken() {
    // Eleven thousand meters with four rows a series: some 12 MB in the first page.
    let meters = Meters::recorded(recorded(11_000, 3), Package::Platform);
    let market = Market::with(&meters, "algorithm = \"public-grid\"");
    let summary = &market.json(&["settle", "--json"])[0];
    assert_eq!(summary["intervals"], 2);
    market.run(&["audit"]).ends_with(0);
}
