//! The numbers of pages are those of the commands, to the last digit.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::served::{OPEN, Served};

/// Figures that pages must have as the statement has them.
const FIGURES: [&str; 6] =
    ["bought_local_wh", "sold_local_wh", "bought_grid_wh", "sold_grid_wh", "paid_neur", "saved_neur"];

/// Every object in a page's JSON that is about a member, by member.
fn of_members<'v>(value: &'v Value, found: &mut Vec<(&'v str, &'v Map<String, Value>)>) {
    match value {
        Value::Array(all) => all.iter().for_each(|value| of_members(value, found)),
        Value::Object(object) => {
            if let Some(member) = object.get("member").and_then(Value::as_str) {
                found.push((member, object));
            }
            object.values().for_each(|value| of_members(value, found));
        }
        _ => {}
    }
}

/// Every value of a key, however deep.
fn values<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Array(all) => all.iter().for_each(|value| values(value, key, found)),
        Value::Object(object) => {
            found.extend(object.get(key));
            object.values().for_each(|value| values(value, key, found));
        }
        _ => {}
    }
}

/// What the statement says of each member in a period.
fn statement(served: &Served, kind: &str, period: &str) -> BTreeMap<String, Value> {
    let rows = served.market.json(&["statement", "--json", "--period", kind]);
    let rows = rows.into_iter().filter(|row| row["period"] == period);
    rows.map(|row| (row["member"].as_str().unwrap().to_owned(), row)).collect()
}

#[test]
fn pages_and_commands_have_the_same_numbers() {
    let served = Served::simulated(12, 3, OPEN, "zone = \"Europe/Lisbon\"\n");
    for (kind, period) in [("month", "2024-05"), ("day", "2024-05-07")] {
        let rows = statement(&served, kind, period);
        assert_eq!(rows.len(), 12, "{kind}");
        let page = served.get(&format!("/c/aveiro.json?period={period}")).is(200).json();
        let mut found = Vec::new();
        of_members(&page, &mut found);
        let mut seen = 0;
        for (member, object) in found {
            for (key, value) in object.iter().filter(|(key, _)| FIGURES.contains(&key.as_str())) {
                assert_eq!(value, &rows[member][key], "{key} of {member} in {period}");
                seen += 1;
            }
        }
        assert!(seen >= rows.len() * FIGURES.len(), "{seen} figures of {period} are on the page: {page}");
        for (member, row) in &rows {
            let page = served.get(&format!("/c/aveiro/m/{member}.json?period={period}")).is(200).json();
            for key in FIGURES {
                let mut found = Vec::new();
                values(&page, key, &mut found);
                assert!(found.contains(&&row[key]), "{key} of {member} in {period}: {found:?}, not {}", row[key]);
            }
        }
    }
}

#[test]
fn what_people_read_is_what_programs_read() {
    let served = Served::small();
    let rows = statement(&served, "month", "2024-05");
    for (member, row) in rows {
        let page = served.get_with(&format!("/c/aveiro/m/{member}?period=2024-05&lang=en"), &[]).is(200);
        for key in ["paid_neur", "saved_neur"] {
            let nano: i128 = row[key].to_string().parse().unwrap();
            let text = words::Language::En.eur(domain::Amount::from_nano_eur(nano));
            assert!(page.text().contains(&text), "{member} {key}: no {text:?}");
        }
    }
}

#[test]
fn events_and_trades_are_those_of_the_commands() {
    let served = Served::small();
    let page = served.get("/c/aveiro/events.json").is(200).json();
    let events = served.market.json(&["events", "--json"]);
    let mut messages = Vec::new();
    values(&page, "message", &mut messages);
    let expected: Vec<&Value> = events.iter().map(|event| &event["message"]).collect();
    assert!(expected.iter().all(|message| messages.contains(message)), "{page}");
    let start = "2024-05-06T12:00:00Z";
    let page = served.get(&format!("/c/aveiro/i/{start}.json")).is(200).json();
    let trades = served.market.json(&["trades", "--json", "--from", start, "--to", "2024-05-06T12:15:00Z"]);
    let total: u64 = trades.iter().map(|trade| trade["energy"].as_u64().unwrap()).sum();
    let shown = page["trades"].as_array().unwrap_or_else(|| panic!("{page}"));
    let energy = |trade: &Value| trade["energy_wh"].as_u64().or(trade["energy"].as_u64()).unwrap();
    assert_eq!((shown.len(), shown.iter().map(energy).sum::<u64>()), (trades.len(), total), "{page}");
}
