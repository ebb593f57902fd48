//! `algorithm explain`: how a rule came to the trades of a round, for people and for programs.

use rec_market_tests::guests;
use serde_json::{Value, json};
use testkit::{Folder, Ran};

use crate::rounds::{base_component, base_names, guests_round, round, three_members};

fn explain(folder: &Folder, algorithm: &str, round: &Value, more: &[&str]) -> Ran {
    folder.pipe(&[&["algorithm", "explain", algorithm, "--round", "-"], more].concat(), round.to_string())
}

/// Two sell, three buy, each at its own price; shares and ranks differ.
fn market() -> Value {
    let mut round = round(&[("anna", 900, 0), ("ben", 0, 700), ("carla", 0, 400), ("dora", 600, 0), ("emil", 0, 300)]);
    let terms = [
        ("offer", [50_000, 0, 0, 70_000, 0]),
        ("bid", [0, 120_000, 90_000, 0, 60_000]),
        ("share", [0, 500_000, 250_000, 0, 250_000]),
        ("rank", [0, 1, 0, 0, 2]),
    ];
    for (key, values) in terms {
        for (index, value) in values.into_iter().enumerate().filter(|(_, value)| *value > 0) {
            round["positions"][index][key] = json!(value);
        }
    }
    round
}

/// The sentences of a step.
fn told(object: &Value, title: &str) -> String {
    let steps = object["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["title"] == title).unwrap_or_else(|| panic!("no {title:?} in {object}"));
    step["sentences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sentence| sentence.as_str().unwrap())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The rows of a step's table.
fn rows<'o>(object: &'o Value, title: &str) -> &'o Vec<Value> {
    let steps = object["steps"].as_array().unwrap();
    steps.iter().find(|step| step["title"] == title).unwrap()["table"]["rows"].as_array().unwrap()
}

#[test]
fn every_rule_of_the_program_is_explained_and_its_steps_lead_to_its_trades() {
    let folder = Folder::new();
    for name in base_names() {
        let object = explain(&folder, name, &market(), &["--json"]).done().json();
        assert_eq!((&object["agrees"], &object["algorithm"]), (&json!(true), &json!(name)), "{object}");
        let trades = folder.json_of(name, &market(), &[])["trades"].as_array().unwrap().len();
        assert_eq!(rows(&object, "the trades").len(), trades, "{name}");
        assert!(object["steps"].as_array().unwrap().len() >= 4, "{name}: {object}");
        explain(&folder, name, &market(), &[])
            .done()
            .shows(&["\nThese steps lead to exactly the trades of the component.\n"]);
    }
}

#[test]
fn a_person_reads_sentences_and_tables() {
    let answer = explain(&Folder::new(), "mid-market-rate", &three_members(), &[]).done();
    let kept: Vec<&str> = answer.out.lines().map(str::trim_end).collect();
    assert_eq!(
        kept[..18],
        [
            "mid-market-rate 0.1.0 on aveiro at 2023-09-01T12:00:00Z",
            "",
            "the round",
            "  1 member has a surplus, together 1500 Wh; 2 members have a deficit, together 1700 Wh.",
            "  The community's tariffs are 0.1624 EUR/kWh from the grid (retail) and 0.03 EUR/kWh to the grid (feed-in).",
            "",
            "the price",
            "  The price is half-way between the community's two tariffs: 0.0962 EUR/kWh.",
            "",
            "the split",
            "  The deficits are larger, so the surplus of 1500 Wh is split among the buyers in proportion to their deficits; the \
             single watt-hours that are left over go to the largest remainders.",
            "────────────────────────────────────────────────────────────",
            "  member   deficit Wh   from members Wh   from the grid Wh",
            "────────────────────────────────────────────────────────────",
            "  ben             700               618                 82",
            "  carla          1000               882                118",
            "────────────────────────────────────────────────────────────",
            "",
        ]
    );
    answer.shows(&["  The members save 0.1986 EUR together against the grid alone."]);
}

#[test]
fn the_clearing_price_is_told_with_the_last_pair_and_what_ended() {
    let object = explain(&Folder::new(), "uniform", &market(), &["--json"]).done().json();
    let price = told(&object, "the clearing price");
    assert!(
        price.contains("The last pair is dora with an offer of 0.07 EUR/kWh and carla with a bid of 0.09"),
        "{price}"
    );
    assert!(
        price.contains("carla has then bought everything and dora has more, so the price is that offer."),
        "{price}"
    );
    assert_eq!(
        rows(&object, "merit order of the buyers")[..],
        [json!(["ben", 120_000, 700, 700]), json!(["carla", 90_000, 400, 1100]), json!(["emil", 60_000, 300, 1400])]
    );
    assert!(told(&object, "who may trade").contains("2 sellers and 2 buyers"), "{object}");
}

#[test]
fn a_limit_that_changes_the_price_is_told() {
    let mut limited = three_members();
    limited["price_ceiling"] = json!(80_000);
    let object = explain(&Folder::new(), "mid-market-rate", &limited, &["--json"]).done().json();
    assert!(told(&object, "the round").contains("No price between members may be above 0.08 EUR/kWh."));
    assert!(told(&object, "the price").ends_with("The community's ceiling lowers it to 0.08 EUR/kWh."));
}

#[test]
fn what_a_key_allows_and_what_a_member_takes_are_side_by_side() {
    let object = explain(&Folder::new(), "fixed-shares", &market(), &["--json"]).done().json();
    let columns = &object["steps"][2]["table"]["columns"];
    assert_eq!(columns[1], json!({"name": "share", "unit": "ppm"}));
    assert_eq!(
        rows(&object, "the split")[..],
        [
            json!(["ben", 500_000, 750, 700, 700]),
            json!(["carla", 250_000, 375, 400, 375]),
            json!(["emil", 250_000, 375, 300, 300]),
        ]
    );
    let ranks = explain(&Folder::new(), "priority-shares", &market(), &["--json"]).done().json();
    assert!(told(&ranks, "the split").contains("Rank 2 wants 300 Wh of the 400 Wh that are left, and gets all of it."));
}

#[test]
fn who_would_trade_with_itself_is_told() {
    let alone = round(&[("anna", 900, 900), ("ben", 0, 100)]);
    let object = explain(&Folder::new(), "proportional-shares", &alone, &["--json"]).done().json();
    let told = told(&object, "who parts with how much");
    assert!(told.contains("anna would have to trade 810 Wh with itself"), "{told}");
}

#[test]
fn the_operators_spread_is_told() {
    let object = explain(&Folder::new(), "trade-reduction", &market(), &["--json"]).done().json();
    let prices = told(&object, "the prices");
    assert!(
        prices.contains("is dora and carla") && prices.contains("0.07 EUR/kWh; the buyers before it pay its bid, 0.09")
    );
    let truthful = explain(&Folder::new(), "muda", &market(), &["--json"]).done().json();
    assert_eq!(rows(&truthful, "the lots").len(), 5);
}

#[test]
fn a_round_in_which_nobody_can_trade_is_explained_too() {
    let folder = Folder::new();
    for name in base_names() {
        for round in [round(&[]), round(&[("anna", 5, 0)]), round(&[("anna", 0, 5)]), round(&[("anna", 5, 5)])] {
            let object = explain(&folder, name, &round, &["--json"]).done().json();
            assert_eq!(object["agrees"], true, "{object}");
        }
    }
}

#[test]
fn a_file_with_a_base_algorithm_is_explained_as_that_and_any_other_by_its_trades() {
    let folder = Folder::new();
    folder.file("mine.wasm", base_component("uniform"));
    assert_eq!(explain(&folder, "mine.wasm", &market(), &["--json"]).done().json()["agrees"], true);
    let guest = folder.file("honest.wasm", guests::HONEST);
    let object = explain(&folder, guest, &guests_round(), &["--json"]).done().json();
    assert_eq!((&object["agrees"], &object["differences"]), (&Value::Null, &json!([])));
    assert!(told(&object, "the trades").contains("2 trades inside the community, 1200 Wh, all at 0.10 EUR/kWh."));
    assert_eq!(rows(&object, "what it means for each member").len(), 3);
    explain(&folder, guest, &guests_round(), &[]).done().shows(&["not part of the program"]);
}

/// Sums that do not fit are not there; nothing panics.
#[test]
fn numbers_of_every_size_are_explained() {
    let folder = Folder::new();
    let (energy, member) = (u64::MAX, |name: &str| json!({"member": name, "surplus": u64::MAX, "deficit": u64::MAX}));
    let mut extreme = round(&[]);
    extreme["positions"] = json!([member("a"), member("b"), member("c")]);
    for (key, value) in [("retail", i64::MAX), ("feed_in", i64::MIN)] {
        extreme[key] = json!(value);
    }
    for name in ["public-grid", "mid-market-rate", "uniform", "cascading-shares", "fluvius-optimal", "muda"] {
        let object = explain(&folder, name, &extreme, &["--json"]).done().json();
        assert_eq!(object["agrees"], true, "{object}");
        assert!(told(&object, "the round").contains(&format!("{}", 3 * u128::from(energy))), "{object}");
    }
}

#[test]
fn what_does_not_balance_is_shown_as_it_is_by_run() {
    let folder = Folder::new();
    let guest = folder.file("energy_made.wasm", guests::ENERGY_MADE);
    let answer = explain(&folder, guest, &guests_round(), &["--json"]);
    assert_eq!((answer.code, &answer.json()["violations"][0]["code"]), (1, &json!("oversold")));
    let answer = explain(&folder, guest, &guests_round(), &[]);
    assert_eq!(answer.code, 1);
    answer.shows(&["rejected: 1 violation"]);
    let mut wrong = three_members();
    wrong["settings"] = json!({"price": "abc"});
    let answer = explain(&folder, "static", &wrong, &[]);
    assert_eq!(answer.code, 1);
    answer.shows(&["failed (algorithm): ", "\"abc\""]);
    wrong["settings"] = json!({"prize": "5"});
    explain(&folder, "static", &wrong, &[]).refused(2, &["\"prize\"", "it has: price"]);
    explain(&folder, "nowhere.wasm", &three_members(), &[]).refused(2, &["cannot read nowhere.wasm"]);
    folder.pipe(&["algorithm", "explain", "uniform", "--round", "-"], "{}").refused(2, &["stdin"]);
}
