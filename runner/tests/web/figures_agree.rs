//! The numbers of the pages are those of the commands, to the last digit, whatever the clocks do.

use std::collections::BTreeMap;

use demo::household::{self, Plan};
use demo::meters::Package;
use domain::Boundary;
use serde_json::Value;
use testkit::*;

use crate::served::{OPEN, Served};

/// The community `aveiro` of six simulated members around an instant, with the days of a zone.
fn served(start: &str, days: u16, zone: &str) -> Served {
    let start: jiff::Timestamp = start.parse().unwrap();
    let start = Boundary::from_seconds(start.as_second().unsigned_abs()).unwrap();
    let community = household::generate(Plan { seed: 3, members: 6, start, days }).unwrap();
    let meters = Meters::recorded(community.recorded, Package::Platform);
    Served::of(meters, OPEN, &format!("zone = \"{zone}\""))
}

/// What the command says of each member between two instants.
fn statement(served: &Served, from: &str, until: &str) -> BTreeMap<String, Value> {
    let rows = served.market.json(&["statement", "--json", "--from", from, "--to", until]);
    rows.into_iter().map(|row| (row["member"].as_str().unwrap().to_owned(), row)).collect()
}

/// The names of the sums of a statement.
const SUMS: [&str; 11] = [
    "sold_local_wh",
    "sold_local_neur",
    "bought_local_wh",
    "bought_local_neur",
    "sold_grid_wh",
    "sold_grid_neur",
    "bought_grid_wh",
    "bought_grid_neur",
    "paid_neur",
    "grid_alone_neur",
    "saved_neur",
];

fn sum<'v>(rows: impl IntoIterator<Item = &'v Value>, key: &str) -> i64 {
    rows.into_iter().filter_map(|row| row[key].as_i64()).sum()
}

/// Compares a page with the command; answers the page's numbers.
#[track_caller]
fn agrees(served: &Served, period: &str) -> Value {
    let page = served.get(&format!("/c/aveiro.json?period={period}")).is(200).json();
    let expected = statement(served, page["from"].as_str().unwrap(), page["until"].as_str().unwrap());
    let members = page["members"].as_array().unwrap();
    assert_eq!(members.len(), expected.len(), "{period}");
    for member in members {
        let row = &expected[member["member"].as_str().unwrap()];
        SUMS.iter().for_each(|key| assert_eq!(member[key], row[key], "{period}: {key}"));
    }
    for key in SUMS {
        assert_eq!(page["figures"][key].as_i64().unwrap(), sum(expected.values(), key), "{period}: {key}");
    }
    let [figures, steps, hours] = [&page["figures"], &page["steps"], &page["hours"]];
    assert_eq!(figures["shared_wh"], figures["bought_local_wh"], "{period}");
    assert_eq!(page["days_without_details"], 0, "{period}");
    // Over time: there are no gaps, so nothing is missing there.
    for (step, whole) in [
        ("to_neighbours_wh", "sold_local_wh"),
        ("to_grid_wh", "sold_grid_wh"),
        ("from_neighbours_wh", "bought_local_wh"),
        ("from_grid_wh", "bought_grid_wh"),
    ] {
        assert_eq!(sum(steps.as_array().unwrap(), step), figures[whole].as_i64().unwrap(), "{period}: {step}");
    }
    assert_eq!(sum(hours.as_array().unwrap(), "shared_wh"), figures["shared_wh"].as_i64().unwrap(), "{period}");
    let flows = page["sales"]["flows"].as_array().unwrap();
    assert_eq!(sum(flows, "wh"), figures["shared_wh"].as_i64().unwrap(), "{period}");
    assert_eq!(sum(flows, "neur"), figures["bought_local_neur"].as_i64().unwrap(), "{period}");
    assert!(
        figures["shared_wh"].as_i64() > Some(0) && figures["potential_wh"].as_i64() >= figures["shared_wh"].as_i64()
    );
    page
}

#[test]
fn pages_say_what_statements_say_also_where_clocks_change() {
    let served = served("2024-10-25T12:00:00Z", 4, "Europe/Brussels");
    let day = agrees(&served, "2024-10-27");
    let count = |page: &Value, what: &str| page[what].as_array().unwrap().len();
    assert_eq!((count(&day, "steps"), count(&day, "hours"), day["expected_intervals"].as_u64()), (100, 25, Some(100)));
    assert_eq!(day["figures"]["intervals"], 100);
    let twice =
        day["hours"].as_array().unwrap().iter().filter(|hour| hour["hour"].as_str().unwrap().contains(" 02:00"));
    let twice: Vec<&str> = twice.map(|hour| hour["hour"].as_str().unwrap()).collect();
    assert_eq!(twice, ["2024-10-27 02:00+02", "2024-10-27 02:00+01"]);
    for period in ["2024-10-25", "2024-10-26", "2024-W43", "2024-10", "2024"] {
        agrees(&served, period);
    }
    // The day before is what a day is compared with, and the page says what its numbers say.
    let before = &agrees(&served, "2024-10-26")["figures"]["saved_neur"];
    assert_eq!(day["before"]["period"], "2024-10-26");
    assert_eq!(day["before"]["figures"]["saved_neur"], *before);
    let page = served.get("/c/aveiro?period=2024-10-27&lang=en").is(200);
    let shared = day["figures"]["shared_wh"].as_u64().unwrap();
    let shared = format!("{}.{:03} kWh", shared / 1000, shared % 1000);
    assert!(page.text().contains(&shared), "{shared}");
    let row = &day["members"][0];
    assert!(page.text().contains(&format!(">{}</a></th>", row["member"].as_str().unwrap())));
    let period = |period: &str| served.get(&format!("/c/aveiro.json?period={period}"));
    let nothing = period("2023-01").is(200).json();
    let none =
        (&nothing["figures"]["cover_ppm"], nothing["members"].as_array().unwrap().len(), nothing["before"].is_null());
    assert_eq!(none, (&Value::Null, 0, true));
    assert!(
        served.get("/c/aveiro?period=2023-01&lang=en").is(200).text().contains("There is no data for this period.")
    );
    for wrong in ["2024-13", "2024-02-30", "soon", "%00", "2024-W54"] {
        period(wrong).is(404);
    }
    served.get("/c/aveiro.json?sort=up").is(400);
    served.get("/c/aveiro.json?part=-1").is(400);
    served.get("/c/nowhere.json").is(404);
    // What is kept of days that are over, and what is made on the way, is the same.
    let all = ["2024-10-27", "2024-10", "2024"].map(|name| period(name).json());
    let rebuilt = served.market.run(&["statement", "rebuild"]).ends_with(0);
    assert_eq!(rebuilt.out, "aveiro: 5 days, 4 of them with details\n");
    assert_eq!(["2024-10-27", "2024-10", "2024"].map(|name| period(name).json()), all);
    served.market.run(&["audit"]).ends_with(0);
}

#[test]
fn days_of_any_zone_are_those_of_a_statement() {
    let served = served("2024-04-05T00:00:00Z", 4, "Australia/Lord_Howe");
    let day = agrees(&served, "2024-04-07");
    // Half an hour more.
    assert_eq!((day["steps"].as_array().unwrap().len(), day["hours"].as_array().unwrap().len()), (98, 25));
    for period in ["2024-04-06", "2024-W14", "2024-04", "2024"] {
        agrees(&served, period);
    }
}

#[test]
fn home_says_how_each_community_is_and_what_it_came_to() {
    let served = served("2024-10-25T12:00:00Z", 4, "Europe/Brussels");
    let home = served.get("/.json").is(200).json();
    let [community] = &home["communities"].as_array().unwrap()[..] else { panic!("{home}") };
    assert_eq!(
        (&community["community"], &community["settled_until"]),
        (&"aveiro".into(), &"2024-10-29T12:00:00Z".into())
    );
    assert_eq!(
        (&community["period"], &community["next"], &community["held"]),
        (&"2024-10".into(), &Value::Null, &Value::Null)
    );
    let of_month = agrees(&served, "2024-10");
    for key in SUMS.into_iter().chain(["cover_ppm", "use_ppm", "operator_neur", "worse_than_grid", "intervals"]) {
        assert_eq!(community["figures"][key], of_month["figures"][key], "{key}");
    }
    // Nothing is paid in this market: all trades between members wait.
    let trades = served.market.json(&["trades", "--json"]);
    let waiting = trades.iter().filter(|trade| trade["state"] == "Created").count();
    assert_eq!(community["waiting_payments"].as_u64(), Some(waiting as u64));
    let page = served.get("/?lang=de").is(200);
    for text in ["aveiro", "Abgerechnet bis 29.10.2024, 13:00", "Autarkie", "Formel"] {
        assert!(page.text().contains(text), "{text}: {}", page.text());
    }
    let week = served.get("/.json?period=2024-W43").is(200).json();
    assert_eq!(week["communities"][0]["figures"]["saved_neur"], agrees(&served, "2024-W43")["figures"]["saved_neur"]);
    served.get("/?period=x").is(404);
}
