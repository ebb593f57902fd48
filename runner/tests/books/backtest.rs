//! What other rules would have meant: on settled rounds, on readings of files, on those of a Meters service.

use std::fmt::Write;

use demo::meters::{Package, Recorded};
use domain::reading::Register;
use rec_market_tests::guests;
use serde_json::Value;

use testkit::*;

const INTERVALS: i64 = 150;

fn history() -> Recorded {
    recorded(6, INTERVALS + 1)
}

/// A market that has settled six meters, of which one has a tariff of its own.
fn settled() -> (Meters, Market) {
    let meters = Meters::recorded(history(), Package::Platform);
    let keys = "zone = \"Europe/Brussels\"\n[community.members.m001]\ntariff = { retail = 171000, feed_in = 42000 }";
    let market = Market::with(&meters, keys);
    market.settle().ends_with(0);
    (meters, market)
}

/// The program's own CSV.
fn csv(recorded: &Recorded) -> String {
    let mut text = "meter,timestamp,import_wh,export_wh\n".to_owned();
    for meter in recorded.meters() {
        for (number, at) in meter.times().iter().enumerate() {
            let wh = |register| meter.wh(register, number).unwrap();
            writeln!(text, "{},{at},{},{}", meter.id(), wh(Register::Import), wh(Register::Export)).unwrap();
        }
    }
    text
}

fn backtest(market: &Folder, arguments: &[&str]) -> Value {
    market.run(&[&["backtest", "--json"], arguments].concat()).done().json()
}

fn variant<'v>(backtest: &'v Value, name: &str) -> &'v Value {
    backtest["variants"].as_array().unwrap().iter().find(|variant| variant["name"] == name).unwrap()
}

fn number(object: &Value, key: &str) -> i128 {
    object[key].to_string().parse().unwrap()
}

/// Some numbers of each member.
fn members(variant: &Value, keys: &[&str]) -> Vec<(String, Vec<i128>)> {
    let members = variant["members"].as_array().unwrap();
    let numbers = |member: &Value| keys.iter().map(|key| number(member, key)).collect();
    members.iter().map(|member| (member["member"].as_str().unwrap().to_owned(), numbers(member))).collect()
}

const KEYS: [&str; 7] = ["sold_here_wh", "bought_here_wh", "to_grid_wh", "from_grid_wh", "paid", "grid_alone", "saved"];

#[test]
fn what_settled_is_what_the_statement_says_and_the_same_rule_comes_to_the_same() {
    let (_meters, market) = settled();
    let tested = backtest(&market, &["--with", "mid-market-rate", "uniform"]);
    assert_eq!(
        (&tested["community"], &tested["intervals"], &tested["skipped"]),
        (&"aveiro".into(), &INTERVALS.into(), &0.into())
    );
    assert_eq!(tested["from"], "2023-09-01T12:00:00Z");
    assert_eq!(tested["until"], end_of(INTERVALS + 1));
    assert_eq!(tested["estimated_ppm"], Value::Null);
    let names: Vec<&Value> = tested["variants"].as_array().unwrap().iter().map(|variant| &variant["name"]).collect();
    assert_eq!(names, ["grid-alone", "as-settled", "mid-market-rate", "uniform"]);

    let columns = [
        "sold_local_wh",
        "bought_local_wh",
        "sold_grid_wh",
        "bought_grid_wh",
        "paid_neur",
        "grid_alone_neur",
        "saved_neur",
    ];
    let statement: Vec<(String, Vec<i128>)> = market
        .json(&["statement", "--json"])
        .iter()
        .map(|row| (row["member"].as_str().unwrap().to_owned(), columns.iter().map(|key| number(row, key)).collect()))
        .collect();
    let as_settled = variant(&tested, "as-settled");
    assert_eq!(members(as_settled, &KEYS), statement);
    let again = variant(&tested, "mid-market-rate");
    for key in ["members", "months", "fuel", "shared_wh", "digest", "version", "fairness", "paid", "cover_ppm"] {
        assert_eq!(again[key], as_settled[key], "{key}");
    }
    assert!(number(as_settled, "fuel") > 0 && number(as_settled, "shared_wh") > 0);
}

#[test]
fn figures_are_those_of_their_formulas() {
    let (_meters, market) = settled();
    let tested = backtest(&market, &["--with", "muda", "--with", "k-double-auction,k=250000"]);
    for variant in tested["variants"].as_array().unwrap() {
        let sum = |key: &str| -> i128 {
            variant["members"].as_array().unwrap().iter().map(|member| number(member, key)).sum()
        };
        let (fed_in, needed) = (sum("sold_here_wh") + sum("to_grid_wh"), sum("bought_here_wh") + sum("from_grid_wh"));
        let shared = sum("bought_here_wh");
        assert_eq!(number(variant, "shared_wh"), shared);
        assert_eq!(number(variant, "cover_ppm"), shared * 1_000_000 / needed);
        assert_eq!(number(variant, "use_ppm"), shared * 1_000_000 / fed_in);
        assert!(shared <= number(variant, "potential_wh"));
        assert_eq!((number(variant, "paid"), number(variant, "saved")), (sum("paid"), sum("saved")));
        assert_eq!(sum("saved"), sum("grid_alone") - sum("paid"));
        let months = variant["months"].as_array().unwrap();
        assert_eq!(months.iter().map(|month| number(month, "saved")).sum::<i128>(), sum("saved"));
        let worse = variant["members"].as_array().unwrap().iter().filter(|member| number(member, "saved") < 0).count();
        assert_eq!(variant["worse_than_grid"], worse);
    }
    let auction = variant(&tested, "k-double-auction");
    assert_eq!(auction["settings"], serde_json::json!({ "k": "250000" }));
    // Of those that traded: what they saved for each kWh, in nEUR/kWh.
    let mut each: Vec<i128> = members(auction, &["saved", "sold_here_wh", "bought_here_wh"])
        .into_iter()
        .map(|(_, it)| (it[0] * 1000).div_euclid(it[1] + it[2]))
        .collect();
    each.sort_unstable();
    let (count, sum) = (each.len() as i128, each.iter().sum::<i128>());
    let ranked: i128 = (1..).zip(&each).map(|(rank, x)| (2 * rank - count - 1) * x).sum();
    let fairness = &auction["fairness"];
    assert_eq!(number(fairness, "gini_ppm"), ranked * 1_000_000 / (count * sum));
    assert_eq!(
        number(fairness, "jain_ppm"),
        sum * sum * 1_000_000 / (count * each.iter().map(|x| x * x).sum::<i128>())
    );
    assert_eq!((number(fairness, "lowest"), number(fairness, "highest")), (each[0], *each.last().unwrap()));
    let alone = variant(&tested, "grid-alone");
    assert_eq!(
        (&alone["saved"], &alone["shared_wh"], &alone["fairness"]["gini_ppm"]),
        (&0.into(), &0.into(), &Value::Null)
    );
}

#[test]
fn files_and_a_meters_service_come_to_the_same_as_the_books() {
    let (_meters, market) = settled();
    market.file("readings.csv", csv(&history()));
    let rules = ["--with", "mid-market-rate", "--with", "supply-demand-ratio"];
    let books = backtest(&market, &rules);
    let of = |source: &[&str]| backtest(&market, &[source, &rules].concat());
    for other in [of(&["--readings", "readings.csv", "--config", "market.toml"]), of(&["--fetch"])] {
        for key in ["from", "until", "intervals", "skipped"] {
            assert_eq!(other[key], books[key], "{key}");
        }
        for rule in ["grid-alone", "mid-market-rate", "supply-demand-ratio"] {
            assert_eq!(variant(&other, rule), variant(&books, rule), "{rule}");
        }
    }
    // Without a configuration, every meter is a member with the platform's tariff.
    let plain = of(&["--readings", "readings.csv"]);
    assert_eq!(plain["estimated_ppm"], 0);
    let (plain, books) = (variant(&plain, "mid-market-rate"), variant(&books, "mid-market-rate"));
    assert_eq!(plain["shared_wh"], books["shared_wh"]);
    assert_ne!(plain["paid"], books["paid"]);
    let cheap = of(&["--readings", "readings.csv", "--retail", "100000", "--feed-in", "-5000"]);
    for (_, it) in members(variant(&cheap, "grid-alone"), &["from_grid_wh", "to_grid_wh", "paid"]) {
        assert_eq!(it[2], it[0] * 100_000 + it[1] * 5_000);
    }
}

#[test]
fn neither_workers_nor_parts_of_files_make_a_difference() {
    let folder = Folder::new();
    let (all, mut first, mut second) = (csv(&history()), String::new(), String::new());
    let header = all.lines().next().unwrap();
    for part in [&mut first, &mut second] {
        writeln!(part, "{header}").unwrap();
    }
    for (number, line) in all.lines().skip(1).enumerate() {
        writeln!(if number % 3 == 0 { &mut first } else { &mut second }, "{line}").unwrap();
    }
    for (name, text) in [("all.csv", &all), ("1.csv", &first), ("2.csv", &second)] {
        folder.file(name, text);
    }
    let tested = |arguments: &[&str]| backtest(&folder, &[&["--with", "muda", "uniform"], arguments].concat());
    let one = tested(&["--readings", "all.csv", "--jobs", "1"]);
    assert_eq!(tested(&["--readings", "all.csv", "--jobs", "7"]), one);
    assert_eq!(tested(&["--readings", "2.csv", "1.csv", "--jobs", "3"]), one);
    folder.file("2.csv", second.replacen(",1000", ",2000", 1));
    folder
        .run(&["backtest", "--with", "muda", "--readings", "all.csv", "2.csv"])
        .refused(2, &["in one file and", "m000"]);
}

#[test]
fn spans_are_dates_of_the_zone_and_start_where_they_are_read() {
    let (_meters, market) = settled();
    let part = backtest(&market, &["--with", "uniform", "--from", "2023-09-02", "--to", "2023-09-02T06:00:00Z"]);
    assert_eq!((&part["from"], &part["until"]), (&"2023-09-01T22:00:00Z".into(), &"2023-09-02T06:00:00Z".into()));
    assert_eq!(part["intervals"], 32);
    market.file("readings.csv", csv(&history()));
    let files = ["--readings", "readings.csv", "--config", "market.toml"];
    let again = backtest(
        &market,
        &[&files[..], &["--with", "uniform", "--from", "2023-09-02", "--to", "2023-09-02T06:00:00Z"]].concat(),
    );
    assert_eq!(variant(&again, "uniform"), variant(&part, "uniform"));
    assert_eq!((&again["from"], &again["intervals"]), (&part["from"], &part["intervals"]));
    let none = market.run(&["backtest", "--with", "uniform", "--from", "2030-01-01"]).done().out;
    assert!(none.starts_with("aveiro: there are no intervals in this time"), "{none}");
}

#[test]
fn gaps_are_left_out_and_counted() {
    let folder = Folder::new();
    let rows = "meter,timestamp,import_wh,export_wh
a,2023-09-01T12:00:00Z,0,0\na,2023-09-01T12:14:00Z,0,500\na,2023-09-01T12:30:00Z,0,1000\na,2023-09-01T13:30:00Z,0,1500
b,2023-09-01T12:00:00Z,0,0\nb,2023-09-01T12:15:00Z,100,0\nb,2023-09-01T12:30:00Z,300,0\nb,2023-09-01T12:45:00Z,400,0
b,2023-09-01T13:30:00Z,900,0\nb,2023-09-01T13:37:00Z,950,0\nb,2023-09-01T13:45:00Z,1000,0";
    folder.file("r.csv", rows);
    let arguments = ["--with", "uniform", "--readings", "r.csv"];
    let tested = backtest(&folder, &arguments);
    // 12:00, 12:15, 12:30 without a, and 13:30 without a; in between nobody was read at both ends.
    assert_eq!((&tested["from"], &tested["until"]), (&"2023-09-01T12:00:00Z".into(), &"2023-09-01T13:45:00Z".into()));
    assert_eq!((&tested["intervals"], &tested["skipped"]), (&4.into(), &3.into()));
    let uniform = variant(&tested, "uniform");
    assert_eq!(uniform["shared_wh"], 300);
    let keys = ["sold_here_wh", "bought_here_wh", "to_grid_wh", "from_grid_wh"];
    assert_eq!(
        members(uniform, &keys),
        [("a".to_owned(), vec![300, 0, 700, 0]), ("b".to_owned(), vec![0, 300, 0, 200])]
    );
    let told = folder.run(&[&["backtest"], &arguments[..]].concat()).done().out;
    assert!(
        told.contains("4 of 7 intervals count; 3 have no readings at both ends; 2 gaps of single meters"),
        "{told}"
    );
}

#[test]
fn other_tariffs_and_shares_are_tried_beside_what_is() {
    let (_meters, market) = settled();
    market.file("shares.csv", "m001;0,25\nm002;0,75\n");
    let tested = backtest(
        &market,
        &[
            "--with",
            "fixed-shares",
            "--with",
            "fixed-shares,shares=shares.csv",
            "--with",
            "uniform,tariff.retail=300000,tariff.feed_in=1",
        ],
    );
    let variants = tested["variants"].as_array().unwrap();
    let (without, with) = (&variants[2], &variants[3]);
    assert_eq!(without["shared_wh"], 0);
    assert!(number(with, "shared_wh") > 0);
    assert_eq!(with["settings"], serde_json::json!({ "shares": "shares.csv" }));
    let bought = members(with, &["bought_here_wh"]);
    assert!(bought.iter().all(|(member, it)| it[0] == 0 || member == "m001" || member == "m002"), "{bought:?}");
    let dear = &variants[4];
    for (_, it) in members(dear, &["bought_here_wh", "from_grid_wh", "sold_here_wh", "to_grid_wh", "grid_alone"]) {
        assert_eq!(it[4], (it[0] + it[1]) * 300_000 - (it[2] + it[3]));
    }
    let alone = |variant: &Value| members(variant, &["grid_alone"]);
    assert_eq!(alone(with), alone(&variants[0]));
}

#[test]
fn what_one_rule_cannot_clear_counts_for_none_and_is_told() {
    let (_meters, market) = settled();
    market.file("steals.wasm", guests::ENERGY_MADE);
    let ran = market.run(&["backtest", "--json", "--with", "uniform", "steals.wasm"]).ends_with(1);
    assert!(ran.err.contains("steals.wasm: interval 2023-09-01T12:00:00Z: "), "{}", ran.err);
    assert!(ran.err.contains("oversold: member "), "{}", ran.err);
    let tested = ran.json();
    assert_eq!((&tested["intervals"], &tested["skipped"]), (&0.into(), &INTERVALS.into()));
    let steals = &tested["variants"][3];
    assert_eq!((&steals["failed"], &steals["rejected"]), (&0.into(), &INTERVALS.into()));
    assert_eq!((&tested["variants"][2]["rejected"], &steals["cover_ppm"]), (&0.into(), &Value::Null));
    assert!(ran.err.contains(&format!("steals.wasm: and {} more intervals", INTERVALS - 20)), "{}", ran.err);
    let told = market.run(&["backtest", "--with", "steals.wasm"]).ends_with(1).out;
    assert!(told.contains("0 of 150 intervals count; 150 were not cleared by every rule"), "{told}");
}

#[test]
fn what_cannot_be_used_says_why() {
    let (_meters, market) = settled();
    market.file("bad.csv", "m001;0,7\nm002;0,7\n");
    market.file("empty.csv", "meter,timestamp,import_wh,export_wh\n");
    for (arguments, says) in [
        (&["--with", "unifrom"][..], "unifrom"),
        (&["--with", "uniform,colour=red"], "setting \"colour\" is not known to uniform"),
        (&["--with", "uniform,colour"], "is no KEY=VALUE"),
        (&["--with", "uniform,tariff.retail=0.3"], "a whole number of µEUR/kWh"),
        (&["--with", "uniform,shares=none.csv"], "cannot read none.csv"),
        (&["--with", "uniform,shares=bad.csv"], "1400000 parts per million together"),
        (&["--with", "uniform", "--community", "braga"], "there is no community \"braga\""),
        (&["--with", "uniform", "--config", "none.toml"], "none.toml"),
        (&["--with", "uniform", "--readings", "none.csv"], "none.csv"),
        (&["--with", "uniform", "--readings", "empty.csv"], "empty.csv has no readings"),
        (&["--with", "uniform", "--basis", "gross"], "--basis needs --readings or --fetch"),
        (&["--with", "uniform", "--report", "no/such/folder/r.html"], "cannot write no/such/folder/r.html"),
    ] {
        let ran = market.run(&[&["backtest"], arguments].concat()).ends_with(2).says(says);
        assert_eq!(ran.out, "", "{arguments:?}");
    }
    market.run(&["backtest"]).misused(&["--with"]);
    market.run(&["backtest", "--with", "uniform", "--retail", "1"]).misused(&["--readings"]);
}

#[test]
fn tables_and_csv_say_the_same_as_json() {
    let (_meters, market) = settled();
    let rules = ["--with", "uniform", "muda"];
    let tested = backtest(&market, &rules);
    let csv = market.run(&[&["backtest", "--csv"], &rules[..]].concat()).done().out;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let columns =
        ["sold_here_wh", "bought_here_wh", "to_grid_wh", "from_grid_wh", "paid_neur", "grid_alone_neur", "saved_neur"];
    let headers = reader.headers().unwrap().clone();
    let place = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let expected: Vec<(String, Vec<i128>)> =
        tested["variants"].as_array().unwrap().iter().flat_map(|variant| members(variant, &KEYS)).collect();
    let found: Vec<(String, Vec<i128>)> = rows
        .iter()
        .map(|row| {
            (row[place("member")].to_owned(), columns.iter().map(|name| row[place(name)].parse().unwrap()).collect())
        })
        .collect();
    assert_eq!(found, expected);
    let told = market.run(&[&["backtest"], &rules[..]].concat()).done();
    told.shows(&[
        "as-settled (baseline)",
        "150 of 150 intervals count",
        "all members",
        "worse off than",
        "nobody reacts to prices",
    ]);
}

#[needs::readings]
#[test]
fn four_weeks_of_sixteen_households_come_to_what_their_meters_say() {
    let file = crate::recorded::file();
    let tested = backtest(&Folder::new(), &["--readings", file.to_str().unwrap(), "--with", "mid-market-rate"]);
    assert_eq!(
        (&tested["intervals"], &tested["skipped"], &tested["estimated_ppm"]),
        (&2688.into(), &0.into(), &0.into())
    );
    let recorded = demo::recording::read(&file).unwrap();
    // What each would have paid alone, from its registers: netted quarter-hour by quarter-hour.
    for (member, it) in members(variant(&tested, "grid-alone"), &["paid", "to_grid_wh", "from_grid_wh"]) {
        let meter = recorded.meter(&member).unwrap();
        let wh = |register, row| i128::from(meter.wh(register, row).unwrap());
        let net = |row: usize| {
            let moved = |register| wh(register, row) - wh(register, row - 1);
            moved(Register::Import) - moved(Register::Export)
        };
        let nets: Vec<i128> = (1..meter.times().len()).map(net).collect();
        let (needed, fed_in): (i128, i128) =
            (nets.iter().filter(|net| **net > 0).sum(), -nets.iter().filter(|net| **net < 0).sum::<i128>());
        assert_eq!(it, [needed * 162_400 - fed_in * 30_000, fed_in, needed], "{member}");
    }
}
