//! Meters that are silent for a while.

use testkit::*;

#[test]
fn a_gap_is_settled_with_the_grid_alone_when_the_meter_is_read_again() {
    let meters = Meters::telling(&[
        "a 12:00 0 0",
        "a 12:15 0 100",
        "a 12:30 0 200",
        "a 12:45 0 300",
        "a 13:00 0 400",
        "b 12:00 500 0",
        "b 12:15 580 0",
        // Not at 12:30. At 12:45 it has no part in the round; from then on it has.
        "b 12:45 700 20",
        "b 13:00 730 20",
    ]);
    let market = Market::of(&meters);
    assert_eq!(
        market.books(),
        [
            "12:00 a > b 80 at 96200, Created",
            "12:00 a > grid 20 at 30000",
            "12:15 a > grid 100 at 30000",
            "12:30 a > grid 100 at 30000",
            "12:30 grid > b 100 at 162400 (Start timestamp: 2023-09-01T12:15:00Z)",
            "12:45 a > b 30 at 96200, Created",
            "12:45 a > grid 70 at 30000",
        ]
    );
    let gap = "12:30 b gap: not read since 2023-09-01T12:15:00Z; settled with the grid over the gap";
    assert_eq!(market.events(), [gap]);
    let summary = market.run(&["settle"]).ends_with(0);
    assert_eq!(summary.out, "aveiro: nothing is due\n");
}

#[test]
fn several_meters_return_at_once_from_gaps_of_different_length() {
    let meters = Meters::telling(&[
        "a 12:00 0 0",
        "a 12:15 0 10",
        "a 12:30 0 20",
        "a 12:45 0 30",
        "b 12:00 0 0",
        "b 12:45 900 0",
        "c 12:00 0 0",
        "c 12:15 7 0",
        "c 12:45 7 77",
        // Has not moved at all: nothing to trade.
        "d 12:00 5 5",
        "d 12:45 5 5",
    ]);
    let market = Market::of(&meters);
    assert_eq!(
        market.books(),
        [
            "12:00 a > c 7 at 96200, Created",
            "12:00 a > grid 3 at 30000",
            "12:15 a > grid 10 at 30000",
            "12:30 a > grid 10 at 30000",
            "12:30 c > grid 77 at 30000 (Start timestamp: 2023-09-01T12:15:00Z)",
            "12:30 grid > b 900 at 162400 (Start timestamp: 2023-09-01T12:00:00Z)",
        ]
    );
    assert_eq!(market.events().len(), 3);
}

#[test]
fn a_day_without_any_reading_is_skipped() {
    let meters = Meters::telling(&[
        "a 12:00 0 0",
        "a 12:15 0 10",
        "b 12:00 0 0",
        "b 12:15 5 0",
        "a 02T12:15 0 1010",
        "b 02T12:15 705 0",
        "a 02T12:30 0 1020",
        "b 02T12:30 711 0",
    ]);
    let market = Market::of(&meters);
    assert_eq!(
        market.books(),
        [
            "12:00 a > b 5 at 96200, Created",
            "12:00 a > grid 5 at 30000",
            "02T12:00 a > grid 1000 at 30000 (Start timestamp: 2023-09-01T12:15:00Z)",
            "02T12:00 grid > b 700 at 162400 (Start timestamp: 2023-09-01T12:15:00Z)",
            "02T12:15 a > b 6 at 96200, Created",
            "02T12:15 a > grid 4 at 30000",
        ]
    );
    // Two that open or close the stretch, two with trades; none of the 95 in between.
    assert_eq!(market.intervals(), 4);
}

#[test]
fn a_gap_that_lasts_over_several_runs_is_still_one() {
    let meters = Meters::telling(&["a 12:00 0 0", "b 12:00 0 0", "b 12:15 0 0"]);
    let market = Market::of(&meters);
    assert_eq!(market.books(), [""; 0]);
    meters.tell(&["b 12:30 4 0"]);
    market.books();
    meters.tell(&["a 12:45 9 0"]);
    assert_eq!(
        market.books(),
        ["12:15 grid > b 4 at 162400", "12:30 grid > a 9 at 162400 (Start timestamp: 2023-09-01T12:00:00Z)",]
    );
    // Silent at the same boundary, so that its energy since 12:30 is a gap as well.
    meters.tell(&["a 13:00 9 5", "b 13:00 4 1"]);
    assert_eq!(
        market.books()[2..],
        ["12:45 a > grid 5 at 30000", "12:45 b > grid 1 at 30000 (Start timestamp: 2023-09-01T12:30:00Z)"]
    );
}

#[test]
fn a_gap_is_netted_or_not_as_the_community_does() {
    let rows = ["a 12:00 0 0", "a 12:30 70 100", "b 12:00 0 0", "b 12:15 0 0", "b 12:30 0 0"];
    let meters = Meters::telling(&rows);
    assert_eq!(
        Market::with(&meters, "basis = \"net\"").books(),
        ["12:15 a > grid 30 at 30000 (Start timestamp: 2023-09-01T12:00:00Z)"]
    );
    assert_eq!(
        Market::with(&meters, "basis = \"gross\"").books(),
        [
            "12:15 a > grid 100 at 30000 (Start timestamp: 2023-09-01T12:00:00Z)",
            "12:15 grid > a 70 at 162400 (Start timestamp: 2023-09-01T12:00:00Z)",
        ]
    );
}

#[test]
fn a_meter_with_one_register_is_not_read_there() {
    let mut rows = readings(&["a 12:00 0 0", "a 12:30 90 0", "b 12:00 0 0", "b 12:15 1 0", "b 12:30 2 0"]);
    rows.push(row("a", "Active import", "40", &date("12:15")));
    let meters = Meters::telling_rows(rows);
    assert_eq!(
        Market::of(&meters).books(),
        [
            "12:00 grid > b 1 at 162400",
            "12:15 grid > a 90 at 162400 (Start timestamp: 2023-09-01T12:00:00Z)",
            "12:15 grid > b 1 at 162400",
        ]
    );
}

#[test]
fn a_reading_that_arrives_after_its_boundary_is_settled_changes_nothing() {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:15 1 0", "b 12:00 0 0"]);
    let market = Market::of(&meters);
    let before = market.books();
    meters.tell(&["b 12:15 50 0"]);
    assert_eq!(market.books(), before);
    meters.tell(&["a 12:30 3 0", "b 12:30 60 0"]);
    assert_eq!(
        market.books(),
        [
            "12:00 grid > a 1 at 162400",
            "12:15 grid > a 2 at 162400",
            "12:15 grid > b 60 at 162400 (Start timestamp: 2023-09-01T12:00:00Z)",
        ]
    );
}
