//! Why this price: the page of one interval, of every rule of the program, as the real service shows it.

use demo::household::{self, Plan};
use demo::meters::Package;
use domain::Boundary;
use serde_json::{Value, json};
use testkit::*;

use crate::served::{OPEN, START, Served};

/// Languages, and how each calls the page.
const TITLES: [(&str, &str); 6] = [
    ("en", "Why this price"),
    ("pt", "Porquê este preço"),
    ("de", "Warum dieser Preis"),
    ("fr", "Pourquoi ce prix"),
    ("nl", "Waarom deze prijs"),
    ("es", "Por qué este precio"),
];

/// The start of an interval in which members traded with each other.
fn shared(served: &Served, community: &str) -> String {
    let trades = served.market.json(&["trades", "--json", "--community", community]);
    let is_shared = |trade: &&Value| trade["seller"] != "grid" && trade["buyer"] != "grid";
    let trade = trades.iter().find(is_shared).unwrap_or_else(|| panic!("nothing is shared in {community}"));
    trade["start"].as_str().unwrap().to_owned()
}

#[test]
fn a_price_is_explained_with_the_numbers_of_the_commands() {
    let served = Served::small();
    let start = shared(&served, "aveiro");
    let path = format!("/c/aveiro/i/{start}");
    let json = served.get(&format!("{path}.json")).is(200).json();
    assert_eq!((&json["agrees"], &json["start"], &json["community"]), (&json!(true), &json!(start), &json!("aveiro")));
    // The trades are those of `trades`, to the last digit.
    let trades = served.market.json(&["trades", "--json"]);
    let here: Vec<Value> = trades.into_iter().filter(|trade| trade["start"] == *start).collect();
    assert_eq!(json["trades"], Value::Array(here));
    // The digests are those of `replay`, whose command the page gives.
    let replayed = served.market.json(&["replay", "--json", "--interval", &start]);
    assert_eq!(replayed[0]["verdict"], "same", "{replayed:?}");
    for key in ["round_sha256", "trades_sha256"] {
        assert!(replayed[0].to_string().contains(json[key].as_str().unwrap()), "{key}: {replayed:?}");
    }
    let command = json["replay"].as_str().unwrap();
    assert!(command.starts_with("rec-market replay --config ") && command.ends_with(&format!("--interval {start}")), "{command}");
    let page = served.get(&path).is(200);
    let digest = json["round_sha256"].as_str().unwrap();
    for expected in [digest, command, "role=\"img\"", "<h2>Offers and bids", "<summary>The numbers"] {
        assert!(page.text().contains(expected), "{expected}: {}", page.text());
    }
}

#[test]
fn one_goes_to_the_interval_before_and_after_and_no_further_than_what_is_settled() {
    let served = Served::small();
    let start = shared(&served, "aveiro");
    let json = served.get(&format!("/c/aveiro/i/{start}.json")).is(200).json();
    for (there, back) in [("earlier", "later"), ("later", "earlier")] {
        let next = json[there].as_str().unwrap();
        let answer = served.get(&format!("/c/aveiro/i/{next}.json")).is(200).json();
        assert_eq!(answer[back], *start, "{there}");
        assert!(served.get(&format!("/c/aveiro/i/{start}")).text().contains(&format!("/c/aveiro/i/{next}")));
    }
    // The first interval has no round; nothing is before it.
    let first = Boundary::from_seconds(START).unwrap();
    let json = served.get(&format!("/c/aveiro/i/{first}.json")).is(200).json();
    assert_eq!(json["earlier"], Value::Null);
    for nowhere in ["2024-05-06T00:07:00Z", "2031-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-30T21:45:00Z"] {
        served.get(&format!("/c/aveiro/i/{nowhere}")).is(404);
    }
}

#[test]
fn every_rule_is_explained_in_every_language() {
    let start = Boundary::from_seconds(START).unwrap();
    let recorded = household::generate(Plan { seed: 1, members: 12, start, days: 1 }).unwrap().recorded;
    let meters = Meters::recorded(recorded, Package::Platform);
    let keys = base::BASE.each_ref().map(|base| (base.name, format!("algorithm = {:?}\n", base.name)));
    let communities = keys.each_ref().map(|(name, keys)| (*name, keys.as_str()));
    let served = Served::of_all(meters, OPEN, &communities);
    for (rule, _) in communities {
        let at = if rule == "public-grid" { "2024-05-06T12:00:00Z".to_owned() } else { shared(&served, rule) };
        let path = format!("/c/{rule}/i/{at}");
        let json = served.get(&format!("{path}.json")).is(200).json();
        assert_eq!((&json["agrees"], &json["algorithm"]), (&json!(true), &json!(rule)), "{rule}");
        for (language, title) in TITLES {
            let page = served.get(&format!("{path}?lang={language}")).is(200);
            assert!(page.text().contains(&format!("<h1>{title}</h1>")), "{rule} in {language}");
        }
    }
}
