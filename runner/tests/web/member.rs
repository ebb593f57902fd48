//! The page of a member: the numbers of its statement over any period, in any language, and its own intervals to keep.

use std::collections::BTreeMap;

use demo::household::{self, Plan};
use demo::meters::Package;
use domain::Boundary;
use serde_json::Value;
use testkit::*;

use crate::served::{OPEN, Served};

/// The community `aveiro` in Brussels, of so many simulated members over so many days from an instant on.
fn brussels(members: usize, from: &str, days: u16) -> Served {
    let from: jiff::Timestamp = from.parse().unwrap();
    let start = Boundary::from_seconds(u64::try_from(from.as_second()).unwrap()).unwrap();
    let community = household::generate(Plan { seed: 1, members, start, days }).unwrap();
    Served::of(Meters::recorded(community.recorded, Package::Platform), OPEN, "zone = \"Europe/Brussels\"")
}

/// Two days, and an hour around them, in which clocks are put back: on Sunday, the 29th of October 2023.
fn autumn() -> Served {
    brussels(8, "2023-10-27T21:00:00Z", 3)
}

fn members(served: &Served) -> Vec<String> {
    let rows = served.market.json(&["statement", "--json"]);
    rows.iter().map(|row| row["member"].as_str().unwrap().to_owned()).collect()
}

fn page(served: &Served, member: &str, query: &str) -> String {
    served.get(&format!("/c/aveiro/m/{member}?{query}")).is(200).text().to_owned()
}

fn json(served: &Served, member: &str, query: &str) -> Value {
    served.get(&format!("/c/aveiro/m/{member}.json?{query}")).is(200).json()
}

/// Every key of the row that `statement --json` prints.
fn assert_has(page: &Value, row: &Value) {
    for (key, value) in row.as_object().unwrap() {
        if key != "period" {
            assert_eq!(&page[key], value, "{key} of {page}");
        }
    }
}

/// The periods of the autumn, with their first day and the day after them.
const PERIODS: [(&str, &str, &str); 5] = [
    ("2023-10-28", "2023-10-28", "2023-10-29"),
    ("2023-10-29", "2023-10-29", "2023-10-30"),
    ("2023-W43", "2023-10-23", "2023-10-30"),
    ("2023-10", "2023-10-01", "2023-11-01"),
    ("2023", "2023-01-01", "2024-01-01"),
];

#[test]
fn the_numbers_are_those_of_the_statement_to_the_last_digit() {
    let served = autumn();
    for (period, from, to) in PERIODS {
        let rows = served.market.json(&["statement", "--json", "--from", from, "--to", to]);
        assert_eq!(rows.len(), 8);
        for row in &rows {
            let member = row["member"].as_str().unwrap();
            let shown = json(&served, member, &format!("period={period}"));
            assert_has(&shown, row);
            assert_eq!(shown["period"], period);
            // Each step is a part of the whole.
            for (of_step, of_row) in [("from_grid_wh", "bought_grid_wh"), ("paid_neur", "paid_neur")] {
                let sum: i64 =
                    shown["steps"].as_array().unwrap().iter().filter_map(|step| step[of_step].as_i64()).sum();
                assert_eq!(Some(sum), row[of_row].as_i64(), "{of_step} of {period}");
            }
            let text = page(&served, member, &format!("period={period}"));
            let amount = |key: &str| {
                let nano: i128 = row[key].to_string().parse().unwrap();
                words::Language::En.eur(domain::Amount::from_nano_eur(nano))
            };
            for key in ["paid_neur", "saved_neur"] {
                assert!(text.contains(&format!("<div class=\"value\">{}</div>", amount(key))), "{key} in {text}");
            }
            let kwh = words::Language::En.kwh(row["bought_local_wh"].as_i64().unwrap());
            assert!(text.contains(&format!("<td>{kwh}</td>")), "{kwh} in {text}");
        }
    }
}

#[test]
fn a_day_has_as_many_quarter_hours_as_its_clock() {
    let autumn = autumn();
    let member = &members(&autumn)[0];
    let hours = |served: &Served, day: &str| {
        let shown = json(served, member, &format!("period={day}"));
        let steps = shown["steps"].as_array().unwrap();
        assert!(steps.iter().all(|step| step["from_grid_wh"].is_u64()), "{day}: {shown}");
        steps.len()
    };
    assert_eq!([hours(&autumn, "2023-10-28"), hours(&autumn, "2023-10-29")], [96, 100]);
    // The clock shows the hour from two to three twice, which their offsets tell apart.
    let text = page(&autumn, member, "period=2023-10-29");
    for (shown, start) in [("02:15 (UTC+02:00)", "2023-10-29T00:15:00Z"), ("02:15 (UTC+01:00)", "2023-10-29T01:15:00Z")]
    {
        assert!(text.contains(&format!("<a href=\"/c/aveiro/i/{start}\">{shown}</a>")), "{shown} in {text}");
    }
    let spring = brussels(3, "2024-03-30T22:00:00Z", 2);
    assert_eq!(hours(&spring, "2024-03-31"), 92);
    assert!(!page(&spring, member, "period=2024-03-31").contains("/i/2024-03-31T01:15:00Z\">02:15"));
}

/// The rows of a table as CSV, by their headings.
fn rows(csv: &str) -> Vec<BTreeMap<String, String>> {
    let mut lines = csv.lines().map(|line| line.split(','));
    let headings: Vec<&str> = lines.next().unwrap().collect();
    let row = |line: std::str::Split<'_, char>| {
        headings.iter().map(|it| (*it).to_owned()).zip(line.map(str::to_owned)).collect()
    };
    lines.map(row).collect()
}

#[test]
fn the_intervals_to_keep_add_up_to_the_statement() {
    let served = autumn();
    for member in &members(&served)[..3] {
        for (period, from, to) in PERIODS {
            let row = &served.market.json(&["statement", "--json", "--from", from, "--to", to, "--member", member])[0];
            let answer = served.get(&format!("/c/aveiro/m/{member}?period={period}&format=csv")).is(200);
            assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
            let name = format!("attachment; filename=\"aveiro-{member}-{period}.csv\"");
            assert_eq!(answer.header("content-disposition"), Some(&*name));
            let kept = rows(answer.text());
            for (column, of_row) in [
                ("from_neighbours_wh", "bought_local_wh"),
                ("from_neighbours_neur", "bought_local_neur"),
                ("from_grid_wh", "bought_grid_wh"),
                ("from_grid_neur", "bought_grid_neur"),
                ("to_neighbours_wh", "sold_local_wh"),
                ("to_neighbours_neur", "sold_local_neur"),
                ("to_grid_wh", "sold_grid_wh"),
                ("to_grid_neur", "sold_grid_neur"),
                ("paid_neur", "paid_neur"),
                ("grid_alone_neur", "grid_alone_neur"),
                ("saved_neur", "saved_neur"),
            ] {
                let sum: i128 = kept.iter().map(|row| row[column].parse::<i128>().unwrap()).sum();
                assert_eq!(sum.to_string(), row[of_row].to_string(), "{column} of {member} in {period}");
            }
            let again = served.get(&format!("/c/aveiro/m/{member}?period={period}&format=json")).is(200).json();
            assert_eq!(again["intervals"].as_array().unwrap().len(), kept.len());
            for (one, other) in again["intervals"].as_array().unwrap().iter().zip(&kept) {
                let cells = [&one["start"], &one["local_start"]].map(|cell| cell.as_str().unwrap());
                assert_eq!(cells, [&*other["start"], &*other["local_start"]]);
                assert_eq!(one["paid_neur"].to_string(), other["paid_neur"]);
            }
        }
    }
}

#[test]
fn what_was_settled_of_a_gap_is_a_row_of_its_own() {
    let mut told = Vec::new();
    for quarter in 0..12_usize {
        let (count, minutes) = (quarter * 100, quarter * 15);
        let at = format!("{:02}:{:02}", 12 + minutes / 60, minutes % 60);
        if !(4..7).contains(&quarter) {
            told.push(format!("a {at} {count} 0"));
        }
        told.push(format!("b {at} 0 {count}"));
    }
    let served = Served::of(Meters::telling(&told), OPEN, "");
    let kept = rows(served.get("/c/aveiro/m/a?period=2023-09-01&format=csv").is(200).text());
    let gaps: Vec<_> = kept.iter().filter(|row| row["gap"] == "gap").collect();
    assert_eq!(gaps.len(), 1);
    let [start, until, wh] = ["start", "until", "from_grid_wh"].map(|key| gaps[0][key].as_str());
    assert_eq!([start, until, wh], ["2023-09-01T12:45:00Z", "2023-09-01T13:45:00Z", "400"]);
    let text = page(&served, "a", "period=2023-09-01");
    assert!(text.contains("gap since 1 Sept 2023, 12:45"), "{text}");
    assert!(text.contains("1 gap with 0.400 kWh was settled with the grid"), "{text}");
    let shown = json(&served, "a", "period=2023-09-01");
    assert_eq!((&shown["data"]["gaps"], &shown["data"]["gap_wh"]), (&1.into(), &400.into()));
    assert_has(&shown, &served.market.json(&["statement", "--json", "--member", "a"])[0]);
}

/// Where the link with these words before its address leads.
fn link(text: &str, before: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{before} in {text}"));
    rest.split_once("href=\"").unwrap().1.split_once('"').unwrap().0.replace("&amp;", "&")
}

#[test]
fn the_period_before_and_after_is_one_link_away_also_where_clocks_change_and_data_ends() {
    let served = autumn();
    let member = &members(&served)[0];
    for (names, before) in [
        (["2023-10-27", "2023-10-28", "2023-10-29", "2023-10-30", "2023-10-31", "2023-11-01"], "2023-10-26"),
        (["2023-W42", "2023-W43", "2023-W44", "2023-W45", "2023-W46", "2023-W47"], "2023-W41"),
        (["2023-09", "2023-10", "2023-11", "2023-12", "2024-01", "2024-02"], "2023-08"),
        (["2021", "2022", "2023", "2024", "2025", "2026"], "2020"),
    ] {
        let mut address = format!("/c/aveiro/m/{member}?period={}&lang=nl", names[0]);
        for pair in names.windows(2) {
            let text = served.get(&address).is(200).text().to_owned();
            let next = link(&text, "rel=\"next\"");
            assert_eq!(next, format!("/c/aveiro/m/{member}?period={}&lang=nl", pair[1]));
            let back = served.get(&next).is(200).text().to_owned();
            assert_eq!(link(&back, "rel=\"prev\""), address);
            address = next;
        }
        let first = served.get(&format!("/c/aveiro/m/{member}?period={}", names[0])).is(200).text().to_owned();
        assert_eq!(link(&first, "rel=\"prev\""), format!("/c/aveiro/m/{member}?period={before}"));
    }
    // From where there is nothing, one link leads back.
    let text = page(&served, member, "period=2031-01-05");
    assert_eq!(link(&text, "rel=\"next\" href=\"/c/aveiro/m/"), format!("/c/aveiro/m/{member}?period=2023-10-30"));
    // Without a period, it is the month of the last interval.
    assert_eq!(json(&served, member, "")["period"], "2023-10");
}

#[test]
fn a_time_in_which_nothing_is_settled_says_so_and_shows_no_zero() {
    let served = autumn();
    let member = &members(&served)[0];
    for period in ["2023-09", "2031", "2023-10-20", "2023-W01", "9999-12", "1970"] {
        let text = page(&served, member, &format!("period={period}"));
        assert!(text.contains(&format!("Nothing is settled for {member} in this time.")), "{text}");
        assert!(!text.contains("0.000") && !text.contains("€0.00"), "{text}");
        let shown = json(&served, member, &format!("period={period}"));
        assert_eq!((&shown["steps"], &shown["data"]), (&Value::Array(Vec::new()), &Value::Null));
    }
}

#[test]
fn nobody_can_tell_a_member_that_is_not_there_from_a_page_that_is_not_there() {
    let served = autumn();
    let member = &members(&served)[0];
    let nowhere = served.get("/c/aveiro/m/nobody").is(404);
    for path in [
        "/c/nowhere/m/nobody".to_owned(),
        format!("/c/nowhere/m/{member}"),
        format!("/c/aveiro/m/{member}?period=2024-13"),
        format!("/c/aveiro/m/{member}?period=2023-10-29T00:00:00Z"),
        format!("/c/aveiro/m/{member}?period=-2023"),
        format!("/c/aveiro/m/{member}%00"),
        "/c/aveiro/m/nobody?period=2023-10".to_owned(),
        "/c/aveiro/m/nobody?format=csv".to_owned(),
        "/c/aveiro/m/grid".to_owned(),
        "/c/aveiro/m/operator".to_owned(),
    ] {
        let answer = served.get(&path).is(404);
        assert_eq!(answer.text(), nowhere.text(), "{path}");
    }
    assert_eq!(served.get("/c/aveiro/m/nobody.json").is(404).json(), served.get("/c/nowhere/m/a.json").is(404).json());
    let wrong = served.get(&format!("/c/aveiro/m/{member}?format=xls")).is(400);
    assert!(wrong.text().contains("xls"), "{}", wrong.text());
}

#[test]
fn no_other_member_is_named() {
    let served = autumn();
    let members = members(&served);
    for own in &members {
        for (period, ..) in PERIODS {
            let texts = [
                page(&served, own, &format!("period={period}")),
                json(&served, own, &format!("period={period}")).to_string(),
                page(&served, own, &format!("period={period}&format=csv")),
                page(&served, own, &format!("period={period}&format=json")),
            ];
            for (other, text) in
                members.iter().filter(|other| *other != own).flat_map(|it| texts.iter().map(move |text| (it, text)))
            {
                assert!(!text.contains(other.as_str()), "{other} on the page of {own} in {period}: {text}");
            }
        }
    }
}

#[test]
fn the_language_is_the_browsers_or_that_of_the_address() {
    let served = autumn();
    let member = &members(&served)[0];
    let path = format!("/c/aveiro/m/{member}?period=2023-10-29");
    let by_header = |accept: &str| served.get_with(&path, &[("accept-language", accept)]).is(200).text().to_owned();
    for (code, accept, not_an_invoice, day) in [
        ("en", "ja", "Statement, not an invoice.", "Sun, 29 October 2023"),
        ("pt", "pt-PT,pt;q=0.9,en;q=0.8", "Extrato, não é uma fatura.", "dom., 29 de outubro de 2023"),
        ("de", "de-AT", "Aufstellung, keine Rechnung.", "So, 29. Oktober 2023"),
        ("fr", "en;q=0.2,fr", "Relevé, et non une facture.", "dim., 29 octobre 2023"),
        ("nl", "nl", "Overzicht, geen factuur.", "zo, 29 oktober 2023"),
        ("es", "es-419;q=0.5", "Extracto, no es una factura.", "dom, 29 de octubre de 2023"),
    ] {
        let by_address = served.get(&format!("{path}&lang={code}")).is(200).text().to_owned();
        for text in [&by_header(accept), &by_address] {
            assert!(text.contains(&format!("<html lang=\"{code}\">")), "{code}");
            assert!(text.contains(not_an_invoice) && text.contains(day), "{code}: {text}");
        }
        // Only what was asked for in the address is kept in links.
        assert!(by_address.contains(&format!("period=2023-10-28&amp;lang={code}")), "{by_address}");
        assert!(!by_header(accept).contains("period=2023-10-28&amp;lang="));
        // Numbers for programs are the same in all.
        assert_eq!(
            json(&served, member, &format!("period=2023-10&lang={code}")),
            json(&served, member, "period=2023-10")
        );
    }
    // The address is stronger, and what is no language counts for nothing.
    let both = served.get_with(&format!("{path}&lang=fr"), &[("accept-language", "de")]).is(200);
    assert!(both.text().contains("<html lang=\"fr\">"));
    let none = served.get_with(&format!("{path}&lang=%22%3E"), &[("accept-language", "de")]).is(200);
    assert!(none.text().contains("<html lang=\"de\">"));
}

#[test]
fn a_manager_sees_the_totals_of_any_time_and_how_to_make_the_numbers_again() {
    let served = autumn();
    let member = &members(&served)[0];
    for (period, from, to) in PERIODS {
        let shown = json(&served, member, &format!("period={period}"));
        let rows = served.market.json(&["statement", "--json", "--from", from, "--to", to]);
        let sum = |key: &str| rows.iter().map(|row| row[key].as_u64().unwrap()).sum::<u64>();
        let total = &shown["community_total"];
        assert_eq!(total["shared_wh"].as_u64(), Some(sum("bought_local_wh")), "{shown}");
        assert_eq!(total["bought_wh"].as_u64(), Some(sum("bought_local_wh") + sum("bought_grid_wh")));
        assert_eq!(total["sold_wh"].as_u64(), Some(sum("sold_local_wh") + sum("sold_grid_wh")));
        let text = page(&served, member, &format!("period={period}"));
        let command = text
            .split("<code>")
            .find_map(|code| code.starts_with("rec-market ").then(|| code.split_once('<').unwrap().0));
        let words: Vec<&str> = command.unwrap().split(' ').skip(1).collect();
        assert_has(&shown, &served.market.json(&words)[0]);
    }
}

/// Eight members, half of whom sell to the other half, as `seller` and each one of them as themselves, over three days: in
/// September all are alike; on the first of October one sells much more, and on the second all are alike again.
fn shared() -> Served {
    let names = ["a-sun", "b-sun", "c-sun", "d-sun", "e-home", "f-home", "g-home", "h-home"];
    let mut told = Vec::new();
    let mut counts = [0_u64; 8];
    for (day, much) in [("2023-09-01", 100), ("2023-10-01", 700), ("2023-10-02", 100)] {
        for quarter in 0..3 {
            for (place, name) in names.iter().enumerate() {
                if quarter > 0 {
                    counts[place] += if place == 1 { much } else { 100 };
                }
                let registers = if place < 4 { format!("0 {}", counts[place]) } else { format!("{} 0", counts[place]) };
                told.push(format!("{name} {day}T12:{:02}:00Z {registers}", quarter * 15));
            }
        }
    }
    let viewer =
        |name: &str, keys: &str| format!("[[viewer]]\nname = \"{name}\"\ntoken_file = \"{name}.token\"\n{keys}\n");
    let viewers = [
        viewer("manager", "role = \"manager\""),
        viewer("seller", "role = \"member\"\ncommunity = \"aveiro\"\nmember = \"a-sun\""),
    ];
    let meters = Meters::telling(&told);
    let market = Market::serving(&meters, &viewers.concat(), "");
    for name in ["manager", "seller"] {
        market.file(&format!("{name}.token"), token(name));
    }
    Served::start(market, [meters])
}

fn token(name: &str) -> String {
    format!("{name}-has-a-token-of-many-characters")
}

fn seen_by(served: &Served, name: &str, path: &str) -> crate::http::Answer {
    served.get_with(path, &[("authorization", &format!("Bearer {}", token(name)))])
}

#[test]
fn a_member_sees_totals_of_months_and_of_days_in_which_nobody_stands_out() {
    let served = shared();
    for (period, shared_wh, withheld) in [
        ("2023-09-01", Some(800), None),
        ("2023-W35", Some(800), None),
        ("2023-09", Some(800), None),
        ("2023-10-01", None, Some("dominated")),
        ("2023-10-02", None, Some("gives-away")),
        ("2023-W40", None, Some("gives-away")),
        ("2023-W39", None, Some("dominated")),
        ("2023-10", Some(1600), None),
        ("2023", Some(2400), None),
    ] {
        let shown =
            |name: &str| seen_by(&served, name, &format!("/c/aveiro/m/a-sun.json?period={period}")).is(200).json();
        let own = shown("seller");
        assert_eq!(own["community_total"]["shared_wh"].as_u64(), shared_wh, "{period}: {own}");
        assert_eq!(own["withheld"].as_str(), withheld, "{period}: {own}");
        let managers = shown("manager");
        assert!(managers["community_total"]["shared_wh"].is_u64() && managers["withheld"].is_null(), "{managers}");
        // What is its own, a member sees as anybody else who may.
        for key in ["sold_local_wh", "paid_neur", "neighbours", "steps", "data"] {
            assert_eq!(own[key], managers[key], "{key}");
        }
        let text = seen_by(&served, "seller", &format!("/c/aveiro/m/a-sun?period={period}")).is(200).text().to_owned();
        assert_eq!(text.contains("The totals of the community are not shown"), withheld.is_some(), "{text}");
        assert!(!text.contains("rec-market statement"), "a member has no command line: {text}");
    }
    let text =
        |period: &str| seen_by(&served, "seller", &format!("/c/aveiro/m/a-sun?period={period}")).text().to_owned();
    assert!(text("2023-10-01").contains("Another member has more than half"));
    assert!(text("2023-10-02").contains("Beside the total of the month"));
}

#[test]
fn a_members_page_and_files_name_nobody_else_and_are_nobody_elses() {
    let served = shared();
    for period in ["2023-09-01", "2023-W35", "2023-10", "2023"] {
        for path in [
            format!("/c/aveiro/m/a-sun?period={period}"),
            format!("/c/aveiro/m/a-sun.json?period={period}"),
            format!("/c/aveiro/m/a-sun?period={period}&format=csv"),
            format!("/c/aveiro/m/a-sun?period={period}&format=json"),
        ] {
            let own = seen_by(&served, "seller", &path).is(200);
            assert!(own.text().contains("sun") || path.contains("csv"), "{path}");
            for other in ["b-sun", "c-sun", "d-sun", "e-home", "f-home", "g-home", "h-home", "-home"] {
                assert!(!own.text().contains(other), "{other} in {path}: {}", own.text());
            }
            // Another member's is not there, like one that nobody has.
            let [others, nobodys] =
                ["b-sun", "nobody"].map(|name| seen_by(&served, "seller", &path.replace("a-sun", name)).is(404));
            assert_eq!(others.text(), nobodys.text(), "{path}");
        }
    }
}
