//! Statements add up to the trades they are made of.

use std::collections::BTreeMap;

use demo::meters::Package;
use serde_json::Value;

use testkit::*;

fn market() -> Market {
    let meters = Meters::recorded(recorded(6, 150), Package::Platform);
    let keys =
        "from = \"2023-09-01T12:00:00Z\"\n[community.members.m001]\ntariff = { retail = 171000, feed_in = 42000 }";
    let market = Market::with(&meters, keys);
    market.settle().ends_with(0);
    market.run(&["audit"]).ends_with(0);
    market
}

fn number(object: &Value, key: &str) -> i128 {
    object[key].to_string().parse().unwrap()
}

/// ShadowTotals of trades by member: Wh and nEUR sold and bought, here and with the grid, in the order of the statement.
fn sums(trades: &[Value]) -> BTreeMap<String, [i128; 8]> {
    let mut sums: BTreeMap<String, [i128; 8]> = BTreeMap::new();
    for trade in trades {
        let (seller, buyer) = (trade["seller"].as_str().unwrap(), trade["buyer"].as_str().unwrap());
        let mut add = |member: &str, other: &str, column: usize| {
            if member != "grid" {
                let column = column + if other == "grid" { 4 } else { 0 };
                let sums = sums.entry(member.to_owned()).or_default();
                sums[column] += number(trade, "energy");
                sums[column + 1] += number(trade, "amount");
            }
        };
        add(seller, buyer, 0);
        add(buyer, seller, 2);
    }
    sums
}

const COLUMNS: [&str; 8] = [
    "sold_local_wh",
    "sold_local_neur",
    "bought_local_wh",
    "bought_local_neur",
    "sold_grid_wh",
    "sold_grid_neur",
    "bought_grid_wh",
    "bought_grid_neur",
];

fn columns(row: &Value) -> [i128; 8] {
    COLUMNS.map(|column| number(row, column))
}

#[test]
fn a_statement_is_the_sum_of_the_trades() {
    let market = market();
    for span in
        [&[][..], &["--from", "2023-09-01T20:00:00Z"], &["--from", "2023-09-02", "--to", "2023-09-02T07:30:00Z"]]
    {
        let with = |command: &'static str| [&[command, "--json"], span].concat();
        let expected = sums(&market.json(&with("trades")));
        let rows = market.json(&with("statement"));
        assert_eq!(rows.len(), 6);
        for row in &rows {
            assert_eq!(columns(row), expected[row["member"].as_str().unwrap()], "{row}");
        }
    }
}

#[test]
fn nobody_loses_and_what_is_saved_is_the_difference_to_the_grid_alone() {
    let market = market();
    let mut saved = 0;
    for row in market.json(&["statement", "--json"]) {
        let [sold_wh, _, bought_wh, ..] = columns(&row);
        let (sold_wh, bought_wh) = (sold_wh + columns(&row)[4], bought_wh + columns(&row)[6]);
        let (retail, feed_in) = if row["member"] == "m001" { (171_000, 42_000) } else { (162_400, 30_000) };
        assert_eq!(number(&row, "grid_alone_neur"), bought_wh * retail - sold_wh * feed_in, "{row}");
        assert_eq!(number(&row, "saved_neur"), number(&row, "grid_alone_neur") - number(&row, "paid_neur"));
        assert!(number(&row, "saved_neur") >= 0, "{row}");
        saved += number(&row, "saved_neur");
    }
    assert!(saved > 0);
}

#[test]
fn what_one_member_pays_another_gets() {
    let rows = market().json(&["statement", "--json"]);
    let sum = |column: &str| rows.iter().map(|row| number(row, column)).sum::<i128>();
    assert_eq!(sum("sold_local_neur"), sum("bought_local_neur"));
    assert_eq!(sum("sold_local_wh"), sum("bought_local_wh"));
    assert_eq!(sum("paid_neur"), sum("bought_grid_neur") - sum("sold_grid_neur"));
}

#[test]
fn periods_are_parts_of_the_whole() {
    let market = market();
    let total: BTreeMap<String, [i128; 8]> = market
        .json(&["statement", "--json"])
        .iter()
        .map(|row| (row["member"].as_str().unwrap().to_owned(), columns(row)))
        .collect();
    for (period, names) in [("day", &["2023-09-01", "2023-09-02", "2023-09-03"][..]), ("month", &["2023-09"])] {
        let mut parts: BTreeMap<String, [i128; 8]> = BTreeMap::new();
        let rows = market.json(&["statement", "--json", "--period", period]);
        let mut seen: Vec<&str> = rows.iter().map(|row| row["period"].as_str().unwrap()).collect();
        seen.dedup();
        assert_eq!(seen, names);
        for row in &rows {
            let sums = parts.entry(row["member"].as_str().unwrap().to_owned()).or_default();
            sums.iter_mut().zip(columns(row)).for_each(|(sum, part)| *sum += part);
        }
        assert_eq!(parts, total);
    }
}

#[test]
fn csv_and_json_say_the_same() {
    let market = market();
    let rows = market.json(&["statement", "--json", "--period", "day"]);
    let csv = market.run(&["statement", "--csv", "--period", "day"]).ends_with(0).out;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), rows.len());
    for (record, row) in records.iter().zip(&rows) {
        assert_eq!(headers.len(), row.as_object().unwrap().len());
        for (header, cell) in headers.iter().zip(record) {
            assert_eq!(row[header].to_string().trim_matches('"'), cell, "{header}");
        }
    }
}

#[test]
fn an_empty_statement_still_has_its_heading() {
    let market = market();
    let csv = market.run(&["statement", "--csv", "--from", "2024-01-01"]).ends_with(0).out;
    assert!(csv.starts_with("community,period,member,sold_local_wh,"), "{csv:?}");
    assert_eq!(market.json(&["statement", "--json", "--from", "2024-01-01"]), [Value::Null; 0]);
}

#[test]
fn the_table_for_people_has_a_line_for_the_whole_community() {
    let market = market();
    let table = market.run(&["statement"]).ends_with(0).out;
    for text in ["aveiro, total (UTC)", "m000", "m005", "all members", "grid alone"] {
        assert!(table.contains(text), "{text}: {table}");
    }
    let listed = market.run(&["trades", "--member", "m001"]).ends_with(0).out;
    assert!(listed.starts_with("aveiro\n") && listed.contains(" trades\n"), "{listed}");
}

#[test]
fn a_gap_is_in_the_statement_at_the_members_own_tariff() {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:30 0 100", "b 12:15 0 0", "b 12:30 0 0"]);
    let market = Market::with(&meters, "[community.members.a]\ntariff = { retail = 9, feed_in = 7 }");
    assert_eq!(market.books(), ["12:15 a > grid 100 at 7 (Start timestamp: 2023-09-01T12:00:00Z)"]);
    let rows = market.json(&["statement", "--json"]);
    let a = rows.iter().find(|row| row["member"] == "a").unwrap();
    assert_eq!((number(a, "paid_neur"), number(a, "grid_alone_neur"), number(a, "saved_neur")), (-700, -700, 0));
}
