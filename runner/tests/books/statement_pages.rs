//! A page for each member, to print.

use std::collections::BTreeSet;

use demo::meters::Package;
use testkit::*;
use words::Language;

fn market(keys: &str) -> Market {
    let meters = Meters::recorded(recorded(7, 300), Package::Platform);
    let market = Market::with(&meters, keys);
    market.settle().ends_with(0);
    market
}

fn files(market: &Market, directory: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(market.path(directory)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_member_has_a_page_with_the_numbers_of_its_statement() {
    let market = market("");
    let told = market.run(&["statement", "--html", "pages"]).done().out;
    assert_eq!(told, "7 pages are in pages\n");
    let rows = market.json(&["statement", "--json"]);
    let expected: BTreeSet<String> =
        rows.iter().map(|row| format!("aveiro-{}.html", row["member"].as_str().unwrap())).collect();
    assert_eq!(files(&market, "pages"), expected);
    for row in &rows {
        let page = market.text(&format!("pages/aveiro-{}.html", row["member"].as_str().unwrap()));
        let amount = |key: &str| {
            let nano: i128 = row[key].to_string().parse().unwrap();
            domain::Amount::from_nano_eur(nano)
        };
        let eur = |key: &str| Language::En.eur(amount(key));
        let column = |key: &str| Language::En.eur_in_column(amount(key));
        let kwh = |key: &str| Language::En.kwh(row[key].as_i64().unwrap());
        for text in [
            format!("<div class=\"value\">{}</div>", eur("paid_neur")),
            format!("<div class=\"value\">{}</div>", eur("saved_neur")),
            format!("<td>{}</td><td>{}</td>", kwh("bought_local_wh"), column("bought_local_neur")),
            format!("<td>{}</td><td>{}</td>", kwh("sold_grid_wh"), column("sold_grid_neur")),
            "Statement, not an invoice.".to_owned(),
            "Medians of 6 neighbours".to_owned(),
            "299 of 299 intervals".to_owned(),
            "Digest of the books".to_owned(),
            format!("--member {}", row["member"].as_str().unwrap()),
        ] {
            assert!(page.contains(&text), "{text} in {row}");
        }
        for foreign in ["<script", "http:", "https:", "style="] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        let plots = page.matches("<svg class=\"plot\"").count();
        assert!(plots >= 2 && page.matches("role=\"img\"><title>").count() == plots);
    }
}

#[test]
fn a_month_or_a_member_has_a_page_of_its_own() {
    let market = market("zone = \"Pacific/Kiritimati\"");
    market.run(&["statement", "--html", "p", "--period", "month", "--member", "m003"]).done();
    assert_eq!(files(&market, "p"), BTreeSet::from(["aveiro-m003-2023-09.html".to_owned()]));
    market.run(&["statement", "--html", "p", "--period", "day"]).refused(2, &["--html has no pages of days"]);
    market.run(&["statement", "--html", "p", "--json"]).misused(&["--json"]);
    let told = market.run(&["statement", "--html", "p", "--from", "2030-01-01"]).done().out;
    assert_eq!(told, "nothing is settled in this time, so there is no page\n");
    market.file("taken", "");
    market.run(&["statement", "--html", "taken/here"]).refused(2, &["cannot create taken/here"]);
}

#[test]
fn few_neighbours_are_not_told_apart_and_a_day_without_data_has_no_bar() {
    let day = |day: u32| format!("{day:02}T12:");
    let mut rows = Vec::new();
    for (place, at) in [day(1), day(3)].iter().enumerate() {
        for quarter in 0..3_usize {
            let count = place * 1000 + quarter * 100;
            rows.push(format!("a {at}{:02} {count} 0", quarter * 15));
            rows.push(format!("b {at}{:02} 0 {count}", quarter * 15));
        }
    }
    let meters = Meters::telling(&rows);
    let market = Market::of(&meters);
    market.settle().ends_with(0);
    market.run(&["statement", "--html", "p"]).done();
    let page = market.text("p/aveiro-a.html");
    assert!(page.contains("Medians of neighbours are shown from 5 active neighbours on; here: 1."), "{page}");
    assert!(page.contains("Days with data: 2. Days without data, which have no bar: 1."), "{page}");
    assert!(page.contains("1 gap with 0.800 kWh was settled with the grid"), "{page}");
    assert!(page.contains("<th scope=\"row\">2 Sept 2023</th><td>–</td><td>–</td>"), "{page}");
}

#[test]
fn the_pages_speak_every_language_with_the_same_numbers() {
    let market = market("");
    let row = &market.json(&["statement", "--json", "--member", "m003"])[0];
    let paid = domain::Amount::from_nano_eur(row["paid_neur"].to_string().parse().unwrap());
    for language in Language::ALL {
        let code = language.code();
        market.run(&["statement", "--html", code, "--lang", code, "--member", "m003"]).done();
        let page = market.text(&format!("{code}/aveiro-m003.html"));
        let texts = &language.texts().statement;
        let value = format!("<div class=\"value\">{}</div>", language.eur(paid));
        for text in [&format!("<html lang=\"{code}\">"), texts.not_an_invoice, texts.effective_prices, &value] {
            assert!(page.contains(text), "{text} in {page}");
        }
    }
    market.run(&["statement", "--html", "p", "--lang", "xx"]).misused(&["--lang", "expected en, pt, de, fr, nl or es"]);
    market.run(&["statement", "--lang", "de"]).misused(&["--html"]);
}
