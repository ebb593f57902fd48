//! Rows that no honest service sends. The books are those of the honest ones, or nothing is settled.

use testkit::*;

const HONEST: [&str; 6] =
    ["a 12:00 0 0", "a 12:15 0 900", "a 12:30 0 1000", "b 12:00 0 0", "b 12:15 700 0", "b 12:30 800 0"];
const BOOKS: [&str; 3] =
    ["12:00 a > b 700 at 96200, Created", "12:00 a > grid 200 at 30000", "12:15 a > b 100 at 96200, Created"];

/// Settles these rows, told as they are whatever is asked.
#[track_caller]
fn books_of(rows: Vec<Row>) -> (Vec<String>, Vec<String>) {
    let meters = Meters::answering(move |_, number| answer(if number < 10 { rows.clone() } else { Vec::new() }));
    let market = Market::of(&meters);
    let books = market.books();
    (books, market.events())
}

#[test]
fn the_same_row_twice_is_one() {
    let rows = [readings(&HONEST), readings(&HONEST)].concat();
    // Six rows a series are more than the four that are asked for first: the page says that there may be more.
    let meters = Meters::telling_rows(rows);
    let market = Market::of(&meters);
    assert_eq!(market.books(), BOOKS);
    assert_eq!(market.events(), [""; 0]);
}

#[test]
fn rows_in_any_order_are_the_same_books() {
    let mut rows = readings(&HONEST);
    rows.sort_by(|a, b| a.value.cmp(&b.value).then(a.date.cmp(&b.date)));
    assert_eq!(books_of(rows.clone()).0, BOOKS);
    rows.reverse();
    assert_eq!(books_of(rows).0, BOOKS);
}

#[test]
fn rows_of_the_years_1_and_9999_take_no_part() {
    let mut rows = readings(&HONEST);
    for date in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "-009999-01-01T00:00:00Z"] {
        rows.push(row("b", "Active import", "5", date));
        rows.push(row("b", "Active export", "5", date));
    }
    assert_eq!(books_of(rows).0, BOOKS);
}

#[test]
fn times_in_any_zone_and_precision_are_the_same_instants() {
    let mut rows = readings(&HONEST[..4]);
    rows.push(row("b", "Active import", "700", "2023-09-01T14:15:00.25+02:00"));
    rows.push(row("b", "Active export", "0", "2023-09-01T12:15:00.000000001Z"));
    rows.extend(readings(&HONEST[5..]));
    assert_eq!(books_of(rows).0, BOOKS);
}

#[test]
fn fields_that_nobody_knows_take_no_part() {
    let mut rows = readings(&HONEST);
    let long = "x".repeat(300_000);
    for field in ["", "active import", "Active  import", "Active import\0", "Voltage", &long] {
        rows.push(row("b", field, "99999", &date("12:15")));
    }
    let (books, events) = books_of(rows);
    assert_eq!((books, events), (BOOKS.map(str::to_owned).to_vec(), Vec::new()));
}

#[test]
fn half_a_meter_is_no_meter() {
    let mut rows = readings(&HONEST);
    for time in ["12:00", "12:15", "12:30"] {
        rows.push(row("half", "Active import", "5", &date(time)));
    }
    assert_eq!(books_of(rows).0, BOOKS);
}

#[test]
fn rows_without_a_usable_meter_or_time_are_told_once_a_run() {
    let mut rows = readings(&HONEST);
    let long = "m".repeat(300_000);
    for meter in ["", "a\u{1b}[2J", &long] {
        for time in ["12:00", "12:15"] {
            rows.push(row(meter, "Active import", "5", &date(time)));
        }
    }
    for _ in 0..3 {
        rows.push(row("b", "Active export", "5", "yesterday"));
        rows.push(row("b", "Active export", "5", &long));
    }
    let (books, events) = books_of(rows);
    assert_eq!(books, BOOKS);
    assert_eq!(events.len(), 5, "{events:?}");
    for event in &events {
        assert!(event.contains(" unreadable: ") && event.len() < 300, "{event}");
        assert!(!event.contains('\u{1b}'), "{event:?}");
    }
}

#[test]
fn a_long_value_is_told_in_short() {
    let mut rows = readings(&HONEST);
    rows.push(row("b", "Active import", &"9".repeat(300_000), &date("12:15")));
    let (books, events) = books_of(rows);
    assert_eq!((books.len(), events.len()), (3, 1));
    assert!(events[0].starts_with("12:00 b unreadable: ") && events[0].len() < 200, "{events:?}");
}

#[test]
fn a_thousand_unreadable_rows_at_a_boundary_are_kept_and_the_rest_counted() {
    let mut rows = readings(&HONEST);
    for number in 0..1100 {
        rows.push(row(&format!("x{number}"), "Active import", "?", &date("12:15")));
    }
    let (books, events) = books_of(rows);
    assert_eq!((books.len(), events.len()), (3, 1001));
    assert_eq!(events[1000], "12:00 many unreadable: 100 more rows are no readings");
}

#[test]
fn of_two_values_for_one_instant_the_lower_counts() {
    let mut rows = readings(&HONEST);
    rows.extend(readings(&["b 12:15 9000 5"]));
    assert_eq!(books_of(rows).0, BOOKS);
}

#[test]
fn names_of_meters_are_kept_as_they_are() {
    let names = ["a'; DROP TABLE trade; --", "=cmd|' /C calc'!A0", "Zähler №2", "a,b\"c"];
    let mut rows = Vec::new();
    for (number, name) in names.into_iter().enumerate() {
        for (time, wh) in [("12:00", 0), ("12:15", 10 + number)] {
            rows.push(row(name, "Active import", &wh.to_string(), &date(time)));
            rows.push(row(name, "Active export", "0", &date(time)));
        }
    }
    let meters = Meters::telling_rows(rows);
    let market = Market::of(&meters);
    market.books();
    let mut buyers: Vec<String> =
        market.json(&["trades", "--json"]).iter().map(|trade| trade["buyer"].as_str().unwrap().to_owned()).collect();
    buyers.sort();
    let mut expected = names.map(str::to_owned);
    expected.sort();
    assert_eq!(buyers, expected);
    let csv = market.run(&["trades", "--csv"]).ends_with(0).out;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let mut cells: Vec<String> = reader.records().map(|record| record.unwrap()[4].to_owned()).collect();
    cells.sort();
    // A spreadsheet takes the apostrophe for its own and shows the rest.
    let mut expected = names.map(|name| name.replace("=cmd", "'=cmd"));
    expected.sort();
    assert_eq!(cells, expected);
}

#[test]
fn meters_that_look_like_others_are_told_and_take_no_part() {
    let mut rows = readings(&HONEST);
    let alike = ["a\u{200b}", "a\u{202e}", "a\u{feff}", "a\u{2028}", " a", "a\u{a0}"];
    for meter in alike {
        for time in ["12:00", "12:15"] {
            rows.push(row(meter, "Active import", "5", &date(time)));
            rows.push(row(meter, "Active export", "5", &date(time)));
        }
    }
    let (books, events) = books_of(rows);
    assert_eq!(books, BOOKS);
    assert_eq!(events.len(), alike.len(), "{events:?}");
    for says in ["U+200B", "U+202E", "U+FEFF", "U+2028", "\" a\" has space around it"] {
        assert!(events.iter().any(|event| event.contains(says)), "no {says} in {events:?}");
    }
    assert!(!events.concat().contains(domain::text::is_unprintable), "{events:?}");
}
