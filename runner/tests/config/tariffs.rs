//! Tariffs that change, as far as the trades.

use testkit::*;

/// One meter that takes 100 Wh in every quarter-hour from 12:00 on, and one that is silent from 12:15 to 13:00.
fn meters() -> Meters {
    Meters::telling(&[
        "a 12:00 0 0",
        "a 12:15 100 0",
        "a 12:30 200 0",
        "a 12:45 300 0",
        "a 13:00 400 0",
        "b 12:00 0 0",
        "b 12:15 10 0",
        "b 13:00 40 5",
    ])
}

#[test]
fn an_interval_has_the_tariff_of_its_start_and_a_gap_that_of_its_end() {
    // 2023-09-01 is a Friday, and 12:15Z is 13:15 in Lisbon. The gap ends in the interval of 12:45Z.
    let keys = "[community.members.a]\ntariff = { feed_in = 1 }\n[community.tariff]\nzone = \"Europe/Lisbon\"
retail = 100000
periods = [
    { days = \"thu\", from = \"00:00\", to = \"24:00\", retail = 999 },
    { days = \"fri\", from = \"13:15\", to = \"13:30\", retail = 200000 },
    { days = \"fri\", from = \"13:45\", to = \"02:00\", retail = 300000, feed_in = 40000 },
]";
    let meters = meters();
    let market = Market::with(&meters, keys);
    assert_eq!(
        market.books(),
        [
            "12:00 grid > a 100 at 100000",
            "12:00 grid > b 10 at 100000",
            "12:15 grid > a 100 at 200000",
            "12:30 grid > a 100 at 100000",
            "12:45 grid > a 100 at 300000",
            "12:45 grid > b 25 at 300000 (Start timestamp: 2023-09-01T12:15:00Z)",
        ]
    );
}

#[test]
fn a_series_changes_at_its_rows_and_a_member_may_have_another() {
    let meters = meters();
    let market = Market::with(
        &meters,
        "tariff = { series = \"community.csv\", retail = 1 }\n[community.members.b]\ntariff = { series = \"b.csv\" }",
    );
    let write = |name: &str, rows: &str| {
        std::fs::write(market.path(name), format!("start,retail,feed_in\n{rows}")).unwrap();
    };
    // A row within an interval holds from the next one on.
    write("community.csv", "2023-09-01T12:15:00Z,200000,2\n2023-09-01T12:31:00Z,300000,3\n");
    write("b.csv", "2023-09-01T12:45:00Z,50000,5\n");
    assert_eq!(
        market.books(),
        [
            "12:00 grid > a 100 at 1",
            "12:00 grid > b 10 at 1",
            "12:15 grid > a 100 at 200000",
            "12:30 grid > a 100 at 200000",
            "12:45 grid > a 100 at 300000",
            "12:45 grid > b 25 at 50000 (Start timestamp: 2023-09-01T12:15:00Z)",
        ]
    );
    // What is settled stays as it was, whatever the file says later.
    let books = market.trades_json();
    write("community.csv", "2023-09-01T12:00:00Z,7,7\n");
    market.run(&["audit"]).ends_with(0);
    assert_eq!(market.settle().ends_with(0).out, "aveiro: nothing is due\n");
    assert_eq!(market.trades_json(), books);
}

#[test]
fn a_series_that_is_wrong_starts_nothing() {
    let market = Market::with(&meters(), "tariff = { series = \"t.csv\" }");
    std::fs::write(market.path("t.csv"), "start,retail,feed_in\n2023-09-01T12:00:00Z,0.2,0.04\n").unwrap();
    market
        .settle()
        .ends_with(2)
        .says("line 5: community.tariff.series: t.csv:2: retail is \"0.2\", but a whole number");
    assert!(!market.path("market.db").exists());
}
