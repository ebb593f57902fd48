//! What registers and clocks of meters do: early, late, twice, backwards, at their limits, no numbers at all.

use testkit::*;

#[test]
fn two_seconds_early_and_ninety_late_belong_to_the_nearest_boundary() {
    let meters = Meters::telling(&["a 11:59:58 100 0", "a 12:16:30 180 0", "a 12:28:00 200 0", "a 12:45:00.5 230 0"]);
    assert_eq!(
        Market::of(&meters).books(),
        ["12:00 grid > a 80 at 162400", "12:15 grid > a 20 at 162400", "12:30 grid > a 30 at 162400"]
    );
}

#[test]
fn beyond_the_tolerance_a_reading_is_of_no_boundary_and_no_energy_is_lost() {
    let meters = Meters::telling(&["a 12:00 100 0", "a 12:17:01 180 0", "a 12:22:30 190 0", "a 12:30 200 0"]);
    assert_eq!(Market::of(&meters).books(), ["12:15 grid > a 100 at 162400 (Start timestamp: 2023-09-01T12:00:00Z)"]);
}

#[test]
fn of_two_readings_in_a_slot_the_nearest_counts() {
    let meters = Meters::telling(&[
        "a 12:00 100 0",
        "a 12:14:30 150 0",
        "a 12:15:10 160 0",
        "a 12:15:20 170 0",
        "a 12:20 190 0",
        "a 12:30 200 0",
    ]);
    assert_eq!(Market::of(&meters).books(), ["12:00 grid > a 60 at 162400", "12:15 grid > a 40 at 162400"]);
}

#[test]
fn a_register_that_falls_invents_no_trade() {
    let meters = Meters::telling(&[
        // An exchange of the meter: import falls, export rises.
        "a 12:00 5000 100",
        "a 12:15 3 120",
        "a 12:30 13 120",
        // Export falls.
        "b 12:00 10 900",
        "b 12:15 10 0",
        "b 12:30 10 7",
        // Both, during a gap.
        "c 12:00 50 50",
        "c 12:30 1 1",
        "c 12:45 2 1",
        "a 12:45 13 120",
        "b 12:45 10 7",
    ]);
    let market = Market::of(&meters);
    assert_eq!(
        market.books(),
        ["12:15 b > a 7 at 96200, Created", "12:15 grid > a 3 at 162400", "12:30 grid > c 1 at 162400"]
    );
    let decides =
        "nothing is settled until its next reading decides (if the meter was exchanged: rec-market meter exchange)";
    let restarted = "nothing is settled between (if the meter was exchanged: rec-market meter exchange)";
    assert_eq!(
        market.events(),
        [
            format!("12:00 a fell: Active import fell from 5000 Wh to 3 Wh; {decides}"),
            format!("12:00 b fell: Active export fell from 900 Wh to 0 Wh; {decides}"),
            format!(
                "12:15 a restarted: it counts from import 3 Wh, export 120 Wh at 2023-09-01T12:15:00Z, after import 5000 Wh, \
                 export 100 Wh at 2023-09-01T12:00:00Z; {restarted}"
            ),
            format!(
                "12:15 b restarted: it counts from import 10 Wh, export 0 Wh at 2023-09-01T12:15:00Z, after import 10 Wh, export \
                 900 Wh at 2023-09-01T12:00:00Z; {restarted}"
            ),
            format!(
                "12:15 c fell: Active import fell from 50 Wh to 1 Wh and Active export fell from 50 Wh to 1 Wh; {decides}"
            ),
            format!(
                "12:30 c restarted: it counts from import 1 Wh, export 1 Wh at 2023-09-01T12:30:00Z, after import 50 Wh, export 50 \
                 Wh at 2023-09-01T12:00:00Z; {restarted}"
            ),
        ]
    );
}

#[test]
fn values_that_are_no_whole_numbers_are_events_and_no_energy() {
    for value in ["12.5", "-3", "", "abc", "18446744073709551616", "9223372036854775808", " 7", "1e3"] {
        let mut rows = readings(&["a 12:00 0 0", "a 12:15 0 5", "a 12:30 0 9", "b 12:00 10 0", "b 12:30 30 0"]);
        rows.push(row("b", "Active import", value, &date("12:15")));
        rows.push(row("b", "Active export", "0", &date("12:15")));
        let meters = Meters::telling_rows(rows);
        let market = Market::of(&meters);
        assert_eq!(
            market.books(),
            [
                "12:00 a > grid 5 at 30000",
                "12:15 a > grid 4 at 30000",
                "12:15 grid > b 20 at 162400 (Start timestamp: 2023-09-01T12:00:00Z)",
            ],
            "{value:?}"
        );
        assert_eq!(
            market.events(),
            [
                format!(
                    "12:00 b unreadable: meter b shows {value:?} as Active import at 2023-09-01T12:15:00Z, which is no whole number of Wh from 0 to 2^63-1"
                ),
                "12:15 b gap: not read since 2023-09-01T12:00:00Z; settled with the grid over the gap".to_owned(),
            ]
        );
    }
}

#[test]
fn an_unreadable_value_is_told_even_if_nothing_else_is_read_there() {
    let mut rows = readings(&["a 12:00 0 0", "a 12:45 9 0"]);
    for time in ["12:15", "12:30"] {
        rows.push(row("a", "Active import", "seven", &date(time)));
        rows.push(row("a", "Active export", "0", &date(time)));
    }
    let meters = Meters::telling_rows(rows);
    let market = Market::of(&meters);
    assert_eq!(market.books(), ["12:30 grid > a 9 at 162400 (Start timestamp: 2023-09-01T12:00:00Z)"]);
    let unreadable = |time| {
        format!(
            "12:30 a unreadable: meter a shows \"seven\" as Active import at 2023-09-01T{time}:00Z, which is no whole number of Wh from 0 to 2^63-1"
        )
    };
    let gap = "12:30 a gap: not read since 2023-09-01T12:00:00Z; settled with the grid over the gap";
    assert_eq!(market.events(), [unreadable("12:15"), unreadable("12:30"), gap.to_owned()]);
}

#[test]
fn unreadable_values_at_the_end_are_told_in_every_run_and_kept_once() {
    let mut rows = readings(&["a 12:00 0 0"]);
    rows.push(row("a", "Active import", "seven", &date("12:15")));
    rows.push(row("a", "Active export", "0", &date("12:15")));
    let meters = Meters::telling_rows(rows);
    let market = Market::of(&meters);
    for _ in 0..2 {
        market.settle().ends_with(0).says("meter a shows \"seven\"");
        assert_eq!(market.events(), [""; 0]);
    }
    meters.tell(&["a 12:30 5 0"]);
    market.books();
    assert_eq!(market.events().len(), 2);
}

/// Hours, and a power that allows everything in one.
const ANY_POWER: &str = "interval = \"1h\"\npower_max = \"18446744073709551615W\"";

#[test]
fn registers_at_their_limits_settle_exactly() {
    let most = i64::MAX;
    let meters = Meters::telling(&[
        "a 12:00 0 0",
        &format!("a 13:00 {most} 0"),
        "b 12:00 0 0",
        &format!("b 13:00 0 {most}"),
        "c 12:00 0 0",
        &format!("c 13:00 {most} 0"),
    ]);
    let market = Market::with(&meters, ANY_POWER);
    let (half, rest) = (most / 2, most / 2 + 1);
    assert_eq!(
        market.books(),
        [
            format!("12:00 b > a {rest} at 96200, Created"),
            format!("12:00 b > c {half} at 96200, Created"),
            format!("12:00 grid > a {half} at 162400"),
            format!("12:00 grid > c {rest} at 162400"),
        ]
    );
    let amount: i128 = i128::from(rest) * 96_200;
    assert!(market.trades_json().contains(&format!("\"amount\":{amount},")));
    let csv = market.run(&["trades", "--csv"]).ends_with(0).out;
    assert!(csv.contains(&format!(",{amount},Created,")), "{csv}");
    market.run(&["trades"]).ends_with(0);
    for format in ["--json", "--csv"] {
        let statement = market.run(&["statement", format]).ends_with(0).out;
        assert!(statement.contains(&amount.to_string()), "{statement}");
    }
    market.run(&["statement"]).ends_with(0);
}

#[test]
fn more_than_a_store_can_keep_settles_nothing_and_the_books_are_still_right() {
    let most = i64::MAX;
    let meters = Meters::telling(&[
        "a 12:00 0 0",
        &format!("a 13:00 {most} 0"),
        &format!("a 14:00 {most} 0"),
        "b 12:00 0 0",
        "b 13:00 1 0",
        "b 14:00 3 0",
    ]);
    let market = Market::with(&meters, &format!("{ANY_POWER}\n[community.members.firm]\nmeters = [\"a\", \"b\"]"));
    assert_eq!(market.books(), ["13:00 grid > firm 2 at 162400"]);
    assert_eq!(market.events().len(), 2);
}
