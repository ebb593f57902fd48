//! What is remarked on, although it may be said.

use jiff::Timestamp;

use super::*;

fn remarks(keys: &str) -> Vec<String> {
    let config = read(&format!("[[community]]\nname = \"a\"\n{keys}\n")).unwrap();
    config.remarks("2024-06-01T00:00:00Z".parse::<Timestamp>().unwrap())
}

#[track_caller]
fn remarked(keys: &str, expected: &[&str]) {
    let found = remarks(keys);
    let matches = found.iter().zip(expected).all(|(found, says)| found.contains(says));
    assert!(found.len() == expected.len() && matches, "{keys}: {found:#?}");
}

#[test]
fn usual_tariffs_are_not_remarked_on() {
    remarked("", &[]);
    remarked("tariff = { retail = 250000, feed_in = 0 }", &[]);
    remarked(
        "tariff = { retail = 1200000, feed_in = -20000 }\n[community.members.m]\ntariff = { retail = 300000 }",
        &[],
    );
    let seasons =
        "[community.tariff]\nzone = \"UTC\"\nretail = 250000\nperiods = [{ months = \"jun-aug\", retail = 90000 }]";
    remarked(seasons, &[]);
}

#[test]
fn prices_in_other_units_are() {
    let says = "community a: tariff: retail is 25 µEUR/kWh, which is 0.000025 EUR/kWh: is it in another unit?";
    remarked("tariff = { retail = 25, feed_in = 0 }", &[says]);
    remarked("tariff = { retail = 250, feed_in = 60 }", &["retail is 250 ", "feed_in is 60 "]);
    // nEUR.
    remarked("tariff = { retail = 250000000, feed_in = 60000000 }", &["which is 250 EUR/kWh", "which is 60 EUR/kWh"]);
    remarked(
        "[community.members.m]\nbid = 12\ntariff = { retail = 25, feed_in = 0 }",
        &["member m: bid is 12 ", "member m: tariff: retail is 25 "],
    );
    remarked("limits = { price_ceiling = 20 }", &["limits.price_ceiling is 20 "]);
    let change = "[[community.change]]\nfrom = \"2025-01-01\"\ntariff = { retail = 25, feed_in = 0 }";
    remarked(change, &["tariff from 2025-01-01: retail is 25 "]);
}

#[test]
fn retail_below_feed_in_is() {
    remarked(
        "tariff = { retail = 30000, feed_in = 162400 }",
        &["tariff: retail 30000 is below feed_in 162400: are they swapped?"],
    );
    // A member's half beside the community's.
    remarked(
        "[community.members.m]\ntariff = { feed_in = 200000 }",
        &["member m: tariff: retail 162400 is below feed_in 200000"],
    );
    let night = "[community.tariff]\nzone = \"UTC\"\nretail = 200000\nfeed_in = 50000\nperiods = [{ to = \"06:00\", retail = 40000 }]";
    remarked(night, &["tariff: retail is below feed_in at times (40000 and 50000 at 2024-06-01T00:00:00Z)"]);
}

#[test]
fn what_has_ended_is() {
    let directory = tempfile::tempdir().unwrap();
    let with = |rows: &str| {
        std::fs::write(directory.path().join("t.csv"), format!("start,retail,feed_in\n{rows}")).unwrap();
        let text = "[[community]]\nname = \"a\"\ntariff = { series = \"t.csv\" }\n";
        parse(text, directory.path(), &[]).unwrap().remarks("2024-06-01T00:00:00Z".parse().unwrap())
    };
    assert_eq!(with("2024-05-31T22:00:00Z,200000,50000\n2024-05-31T23:00:00Z,200000,50000\n"), [""; 0]);
    let found = with("2024-05-31T20:00:00Z,200000,50000\n2024-05-31T21:00:00Z,20000,50000\n");
    assert!(
        found[0].contains("retail is below feed_in at times (20000 and 50000 at 2024-05-31T21:00:00Z)"),
        "{found:#?}"
    );
    assert!(found[1].contains("t.csv ends with the row of 2024-05-31T21:00:00Z"), "{found:#?}");
    let old = "holidays = [\"2022-12-25\"]\n[community.tariff]\nzone = \"UTC\"\nperiods = [{ days = \"holiday\", retail = 90000 }]";
    remarked(old, &["holidays end with 2022-12-25"]);
    remarked("unlisted = \"ignore\"", &["it takes no meter at all"]);
}
