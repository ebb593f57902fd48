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

/// The start of an interval in which members traded with each other; `None` if they never did.
fn shared(served: &Served, community: &str) -> Option<String> {
    let trades = served.market.json(&["trades", "--json", "--community", community]);
    let is_shared = |trade: &&Value| trade["seller"] != "grid" && trade["buyer"] != "grid";
    Some(trades.iter().find(is_shared)?["start"].as_str().unwrap().to_owned())
}

#[test]
fn a_price_is_explained_with_the_numbers_of_the_commands() {
    let served = Served::small();
    let start = shared(&served, "aveiro").unwrap();
    let path = format!("/c/aveiro/i/{start}");
    let json = served.get(&format!("{path}.json")).is(200).json();
    assert_eq!((&json["agrees"], &json["start"], &json["community"]), (&json!(true), &json!(start), &json!("aveiro")));
    // The trades are those of `trades`, to the last digit.
    let trades = served.market.json(&["trades", "--json"]);
    let here: Vec<Value> = trades.into_iter().filter(|trade| trade["start"] == *start).collect();
    let is_shared = |trade: &&Value| trade["seller"] != "grid" && trade["buyer"] != "grid";
    let energies = here.iter().filter(is_shared).map(|trade| trade["energy"].as_u64().unwrap());
    assert_eq!(json["shared"], energies.sum::<u64>());
    assert_eq!(json["trades"], Value::Array(here));
    // The digests are those of `replay`, whose command the page gives.
    let replayed = served.market.json(&["replay", "--json", "--interval", &start]);
    assert_eq!((&replayed[0]["status"], &replayed[0]["algorithm"]), (&json!("same"), &json["sha256"]));
    for key in ["round_digest", "trades_digest"] {
        assert_eq!(replayed[0][key]["recomputed"], json[key], "{key}");
    }
    let command = json["replay"].as_str().unwrap();
    assert!(
        command.starts_with("rec-market replay --config ") && command.ends_with(&format!("--interval {start}")),
        "{command}"
    );
    let page = served.get(&path).is(200);
    let digest = json["round_digest"].as_str().unwrap();
    for expected in [digest, command, "role=\"img\"", "<h2>Offers and bids", "<summary>The numbers"] {
        assert!(page.text().contains(expected), "{expected}: {}", page.text());
    }
}

#[test]
fn one_goes_to_the_interval_before_and_after_and_no_further_than_what_is_settled() {
    let served = Served::small();
    let start = shared(&served, "aveiro").unwrap();
    let json = served.get(&format!("/c/aveiro/i/{start}.json")).is(200).json();
    for (there, back) in [("earlier", "later"), ("later", "earlier")] {
        let next = json[there].as_str().unwrap();
        let answer = served.get(&format!("/c/aveiro/i/{next}.json")).is(200).json();
        assert_eq!(answer[back], *start, "{there}");
        assert!(served.get(&format!("/c/aveiro/i/{start}")).text().contains(&format!("/c/aveiro/i/{next}")));
    }
    // The first interval has no round; nothing is before it.
    let first = Boundary::from_seconds(START - 900).unwrap();
    let json = served.get(&format!("/c/aveiro/i/{first}.json")).is(200).json();
    assert_eq!((&json["earlier"], &json["algorithm"]), (&Value::Null, &Value::Null));
    assert!(served.get(&format!("/c/aveiro/i/{first}")).is(200).text().contains("so no rule ran"));
    for nowhere in ["2024-05-06T00:07:00Z", "2031-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-30T21:45:00Z"] {
        served.get(&format!("/c/aveiro/i/{nowhere}")).is(404);
    }
}

#[test]
fn every_rule_is_explained_in_every_language() {
    let start = Boundary::from_seconds(START).unwrap();
    let recorded = household::generate(Plan { seed: 1, members: 12, start, days: 1 }).unwrap().recorded;
    // Each community has a Meters service of its own, and so takes all of its meters.
    let rules = base::BASE.each_ref().map(|base| (base.name, Meters::recorded(recorded.clone(), Package::Platform)));
    let of_rule =
        |(rule, meters): &(&str, Meters)| community(rule, meters.address(), &format!("algorithm = {rule:?}\n"));
    let market = Market::serving_all(&rules.iter().map(of_rule).collect::<String>(), OPEN);
    let names = rules.each_ref().map(|(rule, _)| *rule);
    let served = Served::start(market, rules.into_iter().map(|(_, meters)| meters));
    for rule in names {
        // Nothing is shared where nobody has a share.
        let at = shared(&served, rule).unwrap_or_else(|| "2024-05-06T12:00:00Z".to_owned());
        let path = format!("/c/{rule}/i/{at}");
        let json = served.get(&format!("{path}.json")).is(200).json();
        assert_eq!((&json["agrees"], &json["algorithm"]), (&json!(true), &json!(rule)), "{rule}");
        for (language, title) in TITLES {
            let page = served.get(&format!("{path}?lang={language}")).is(200);
            assert!(page.text().contains(&format!("<h1>{title}</h1>")), "{rule} in {language}");
        }
    }
}

/// A viewer who is a member, by token, beside everybody on this machine.
fn member_of(member: &str) -> String {
    format!(
        "[[viewer]]\nname = \"neighbour\"\nrole = \"member\"\ncommunity = \"aveiro\"\nmember = \"{member}\"\n\
         token_file = \"neighbour.token\"\n"
    )
}

#[test]
fn a_member_sees_its_own_part_and_no_name_of_another() {
    const TOKEN: &str = "a-token-of-quite-many-characters";
    let start = Boundary::from_seconds(START).unwrap();
    let recorded = household::generate(Plan { seed: 1, members: 12, start, days: 1 }).unwrap().recorded;
    let meters = Meters::recorded(recorded, Package::Platform);
    let market = Market::serving(&meters, &member_of("maple-02"), "");
    market.file("neighbour.token", TOKEN);
    let served = Served::start(market, [meters]);
    let trades = served.market.json(&["trades", "--json"]);
    let names: std::collections::BTreeSet<&str> = trades
        .iter()
        .flat_map(|trade| [trade["seller"].as_str().unwrap(), trade["buyer"].as_str().unwrap()])
        .filter(|name| !["grid", "operator", "maple-02"].contains(name))
        .collect();
    assert!(names.len() > 5, "{names:?}");
    let bearer = format!("Bearer {TOKEN}");
    let (mut shared, mut hidden) = (0, 0);
    for hour in 0..24 {
        let path = format!("/c/aveiro/i/2024-05-06T{hour:02}:15:00Z");
        let page = served.get_with(&path, &[("authorization", &bearer)]).is(200);
        let answer = served.get_with(&format!("{path}.json"), &[("authorization", &bearer)]).is(200);
        for text in [page.text(), answer.text()] {
            let seen: Vec<_> = names.iter().filter(|name| text.contains(**name)).collect();
            assert!(seen.is_empty(), "{path}: {seen:?} in {text}");
        }
        // What it traded is what `trades` says.
        let json = answer.json();
        let start = json["start"].as_str().unwrap();
        let bought: u64 = trades
            .iter()
            .filter(|trade| trade["start"] == *start && trade["buyer"] == "maple-02" && trade["seller"] != "grid")
            .map(|trade| trade["energy"].as_u64().unwrap())
            .sum();
        assert_eq!(json["account"]["bought_local"]["wh"].as_u64().unwrap_or(0), bought, "{json}");
        shared += u64::from(bought > 0);
        hidden += u64::from(json["neighbours"].is_null());
    }
    assert!(shared > 0 && hidden > 0, "{shared} {hidden}");
}
