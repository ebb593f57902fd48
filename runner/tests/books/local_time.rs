//! Statements by the days and months in which people live.

use serde_json::Value;

use testkit::*;

/// Readings of a meter `bob` that imports so many Wh in each of so many quarter-hours from a time on, and of `ann`, who
/// exports enough for both.
fn quarters(from: &str, count: i64, wh: i64) -> Vec<String> {
    let first = from.parse::<jiff::Timestamp>().unwrap();
    let at = |number: i64| (first + jiff::SignedDuration::from_mins(15 * number)).to_string();
    (0..=count)
        .flat_map(|number| {
            let (time, register) = (at(number), 7000 + number * wh);
            [format!("bob {time} {register} 5"), format!("ann {time} 3 {register}")]
        })
        .collect()
}

fn market_of(readings: &[String], keys: &str) -> Market {
    let meters = Meters::telling(readings);
    let market = Market::with(&meters, keys);
    market.settle().ends_with(0);
    market.run(&["audit"]).ends_with(0);
    market
}

/// What a member bought of others, by period: `2024-04 400`.
#[track_caller]
fn bought(market: &Market, member: &str, arguments: &[&str]) -> Vec<String> {
    let rows = market.json(&[&["statement", "--json", "--member", member], arguments].concat());
    assert!(rows.iter().all(|row| row["member"] == member), "{rows:?}");
    rows.iter().map(|row| format!("{} {}", row["period"].as_str().unwrap(), row["bought_local_wh"])).collect()
}

#[test]
fn the_last_two_hours_of_march_in_brussels_belong_to_april() {
    // From 23:30 local time on the 31st of March, which is 21:30Z: two quarters in March, eight in April.
    let readings = quarters("2024-03-31T21:30:00Z", 10, 50);
    let market = market_of(&readings, "zone = \"Europe/Brussels\"");
    assert_eq!(bought(&market, "bob", &["--period", "month"]), ["2024-03 100", "2024-04 400"]);
    assert_eq!(bought(&market, "bob", &["--period", "day"]), ["2024-03-31 100", "2024-04-01 400"]);
    assert_eq!(bought(&market, "bob", &["--period", "month", "--zone", "UTC"]), ["2024-03 500"]);
    assert_eq!(bought(&market, "bob", &["--zone", "Asia/Kolkata", "--period", "day"]), ["2024-04-01 500"]);
    // Dates are those of the zone; a time with its offset is the same everywhere.
    for from in ["2024-04-01", "2024-03-31T22:00:00Z", "2024-04-01T00:00:00+02:00"] {
        assert_eq!(bought(&market, "bob", &["--from", from]), ["total 400"], "{from}");
        assert_eq!(bought(&market, "bob", &["--to", from]), ["total 100"], "{from}");
        assert_eq!(market.json(&["trades", "--json", "--from", from]).len(), 8, "{from}");
    }
    assert_eq!(bought(&market, "bob", &["--from", "2024-04-01", "--zone", "UTC"]), [""; 0]);
    let replayed = market.json(&["replay", "--json", "--from", "2024-04-01"]);
    assert_eq!(replayed.len(), 8);
}

#[test]
fn a_day_has_as_many_quarters_as_its_clock() {
    for (zone, day, from, quarters_of_it) in [
        ("Europe/Brussels", "2024-10-27", "2024-10-26T21:00:00Z", 100),
        ("Europe/Brussels", "2024-03-31", "2024-03-30T22:00:00Z", 92),
        ("Australia/Lord_Howe", "2024-04-07", "2024-04-06T12:00:00Z", 98),
        ("Asia/Kolkata", "2024-02-29", "2024-02-28T17:30:00Z", 96),
    ] {
        let market = market_of(&quarters(from, 120, 10), &format!("zone = {zone:?}"));
        let days = bought(&market, "bob", &["--period", "day"]);
        let of_day = format!("{day} {}", quarters_of_it * 10);
        assert!(days.contains(&of_day), "{zone}: no {of_day} in {days:?}");
    }
}

/// Numbers of a row that are sums.
fn sums(row: &Value) -> Vec<i128> {
    let keys = row.as_object().unwrap().iter().filter(|(key, _)| key.ends_with("_wh") || key.ends_with("_neur"));
    keys.map(|(_, number)| number.to_string().parse().unwrap()).collect()
}

#[test]
fn days_add_up_to_months_and_months_to_the_total_in_every_zone() {
    // From winter to summer, every hour, across months of 31, 28 and 31 days.
    let readings = quarters("2023-01-30T21:00:00Z", 4 * 24 * 62, 7);
    let hourly: Vec<String> = readings.into_iter().filter(|reading| reading.contains(":00:00Z")).collect();
    let market = market_of(&hourly, "interval = \"1h\"");
    let total_of = |arguments: &[&str]| -> Vec<(String, Vec<i128>)> {
        let mut totals: Vec<(String, Vec<i128>)> = Vec::new();
        for row in market.json(&[&["statement", "--json"], arguments].concat()) {
            let (member, sums) = (row["member"].as_str().unwrap().to_owned(), sums(&row));
            match totals.iter_mut().find(|(other, _)| *other == member) {
                Some((_, total)) => total.iter_mut().zip(sums).for_each(|(total, part)| *total += part),
                None => totals.push((member, sums)),
            }
        }
        totals
    };
    let whole = total_of(&[]);
    assert_eq!(whole.len(), 2);
    for zone in ["UTC", "Europe/Brussels", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"] {
        for period in ["day", "month"] {
            assert_eq!(total_of(&["--zone", zone, "--period", period]), whole, "{zone} {period}");
        }
        let months = market.json(&["statement", "--json", "--zone", zone, "--period", "month", "--member", "ann"]);
        for month in months {
            let name = month["period"].as_str().unwrap();
            let days = market.json(&["statement", "--json", "--zone", zone, "--period", "day", "--member", "ann"]);
            let mut sum = vec![0; sums(&month).len()];
            let days = days.iter().filter(|day| day["period"].as_str().unwrap().starts_with(name));
            days.for_each(|day| sum.iter_mut().zip(sums(day)).for_each(|(sum, part)| *sum += part));
            assert_eq!(sum, sums(&month), "{zone} {name}");
            assert_eq!(month["zone"], zone);
        }
    }
}

#[test]
fn each_community_has_its_own_days() {
    let [north, west] = [(); 2].map(|()| Meters::telling(&quarters("2024-03-31T21:30:00Z", 10, 50)));
    let brussels = community("brussels", north.address(), "zone = \"Europe/Brussels\"");
    let lisbon = community("lisbon", west.address(), "zone = \"Europe/Lisbon\"");
    let market = Market::new(&format!("{brussels}{lisbon}"));
    market.settle().ends_with(0);
    let rows = market.json(&["statement", "--json", "--period", "month", "--member", "bob"]);
    let shown: Vec<String> =
        rows.iter().map(|row| format!("{} {} {}", row["community"], row["period"], row["zone"])).collect();
    assert_eq!(
        shown,
        [
            "\"brussels\" \"2024-03\" \"Europe/Brussels\"",
            "\"brussels\" \"2024-04\" \"Europe/Brussels\"",
            "\"lisbon\" \"2024-03\" \"Europe/Lisbon\"",
            "\"lisbon\" \"2024-04\" \"Europe/Lisbon\"",
        ]
    );
    let from_april = ["--from", "2024-04-01", "--member", "bob"];
    let wh = |rows: Vec<Value>| rows.iter().map(|row| row["bought_local_wh"].to_string()).collect::<Vec<_>>();
    assert_eq!(wh(market.json(&[&["statement", "--json"], &from_april[..]].concat())), ["400", "200"]);
    let only = [&["statement", "--json", "--community", "lisbon"], &from_april[..]].concat();
    assert_eq!(wh(market.json(&only)), ["200"]);
    market.run(&["statement", "--community", "porto"]).refused(2, &["there is no community \"porto\""]);
}

#[test]
fn what_cannot_be_a_time_a_zone_or_a_member_is_refused() {
    let market = market_of(&quarters("2024-03-31T21:30:00Z", 2, 50), "zone = \"Europe/Brussels\"");
    market.run(&["statement", "--zone", "Europe/Atlantis"]).misused(&["Europe/Atlantis", "expected a time zone"]);
    market.run(&["statement", "--from", "2024-03-31T23:00"]).misused(&["expected RFC 3339", "or a date"]);
    market.run(&["statement", "--from", "9999-12-31"]).refused(2, &["--from 9999-12-31 is beyond the last day"]);
    market
        .run(&["statement", "--from", "2024-04-02", "--to", "2024-04-01"])
        .refused(2, &["is after --to", "swap them"]);
    market.run(&["statement", "--member", "grid"]).refused(2, &["--member", "no member may be called \"grid\""]);
    let wrong = Market::with(&Meters::silent(), "zone = \"Europe/Atlantis\"");
    wrong.run(&["config", "check"]).ends_with(2).says("zone").says("a time zone (such as \"Europe/Lisbon\")");
}

#[test]
fn a_member_called_community_or_total_is_not_taken_for_the_total() {
    let rename = |reading: String| reading.replace("bob", "community").replace("ann", "total");
    let readings: Vec<String> = quarters("2024-03-31T22:00:00Z", 4, 50).into_iter().map(rename).collect();
    let market = market_of(&readings, "");
    let table = market.run(&["statement"]).ends_with(0).out;
    let lines: Vec<&str> = table.lines().map(str::trim).collect();
    let at = |start: &str| lines.iter().position(|line| line.starts_with(start)).unwrap();
    let is_border = |line: &str| line.chars().all(|c| c == '─') && !line.is_empty();
    for member in ["community ", "total "] {
        assert_eq!(lines.iter().filter(|line| line.starts_with(member)).count(), 1, "{table}");
        assert!(at(member) < at("all members"), "{table}");
    }
    assert!(is_border(lines[at("all members") - 1]) && is_border(lines[at("all members") + 1]), "{table}");
    // A program sees members and no totals.
    assert_eq!(market.json(&["statement", "--json"]).len(), 2);
    assert_eq!(bought(&market, "community", &[]), ["total 200"]);
}

#[test]
fn a_table_whose_numbers_are_rounded_says_so() {
    // 50 Wh at 96 200 µEUR/kWh are 0.00481 EUR; 50 kWh are 4.81 EUR exactly, and alone 8.12 and 1.50.
    let rounded = market_of(&quarters("2024-03-31T22:00:00Z", 1, 50), "").run(&["statement"]).ends_with(0).out;
    assert!(rounded.trim_end().ends_with("--json and --csv have every digit."), "{rounded}");
    assert!(rounded.contains("EUR are rounded to cents"), "{rounded}");
    let exact = market_of(&quarters("2024-03-31T22:00:00Z", 1, 50_000), "").run(&["statement"]).ends_with(0).out;
    assert!(exact.contains("4.81") && !exact.contains("rounded"), "{exact}");
}

#[test]
fn a_member_sees_all_periods_in_one_table() {
    let market = market_of(&quarters("2024-03-31T21:30:00Z", 10, 50), "zone = \"Europe/Brussels\"");
    let table = market.run(&["statement", "--member", "bob", "--period", "month"]).ends_with(0).out;
    for text in ["bob of aveiro (Europe/Brussels)", "2024-03", "2024-04", "all periods"] {
        assert_eq!(table.matches(text).count(), 1, "{text}: {table}");
    }
    assert!(!table.contains("ann"), "{table}");
    let nothing = market.run(&["statement", "--member", "eve"]).ends_with(0).out;
    assert_eq!(nothing, "aveiro: nothing of eve is settled in this time\n");
}
