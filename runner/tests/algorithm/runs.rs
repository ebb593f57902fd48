//! What `algorithm run` prints, for people and for programs, and its exit codes.

use std::process::Stdio;

use rec_market_tests::guests;
use serde_json::{Value, json};
use testkit::Folder;

use crate::rounds::{base_component, base_names, guests_round, round, three_members, timeless};

#[test]
fn every_base_algorithm_runs_by_its_name_and_as_a_file_and_answers_the_same() {
    let folder = Folder::new();
    for name in base_names() {
        let by_name = folder.json_of(name, &three_members(), &[]);
        let file = format!("my-{name}.wasm");
        let by_file = folder.json_of(folder.file(&file, base_component(name)), &three_members(), &[]);
        assert_eq!(by_name["status"], "balanced", "{name}");
        assert_eq!(by_name["component_bytes"], base_component(name).len(), "{name}");
        assert_eq!(timeless(by_name), timeless(by_file), "{name}");
    }
}

#[test]
fn an_algorithm_is_also_named_by_its_digest() {
    let folder = Folder::new();
    let by_name = folder.json_of("uniform", &three_members(), &[]);
    let reference = format!("sha256:{}", by_name["sha256"].as_str().unwrap());
    assert_eq!(timeless(folder.json_of(&reference, &three_members(), &[])), timeless(by_name));
}

#[test]
fn a_name_means_the_base_algorithm_and_a_path_the_file() {
    let folder = Folder::new();
    folder.file("uniform", "rubbish");
    assert_eq!(folder.json_of("uniform", &three_members(), &[])["status"], "balanced");
    folder.try_on("./uniform", &three_members(), &[]).refused(2, &["./uniform: the file is no WebAssembly"]);
}

#[test]
fn json_has_the_fields_that_programs_rely_on() {
    let answer = Folder::new().try_on("mid-market-rate", &three_members(), &["--json"]).done();
    let object = answer.json();
    let names: Vec<&String> = object.as_object().unwrap().keys().collect();
    let mut expected = [
        "status",
        "trades",
        "violations",
        "error",
        "fuel",
        "fuel_limit",
        "peak_memory_bytes",
        "duration_us",
        "input_bytes",
        "output_bytes",
        "component_bytes",
        "sha256",
        // Beyond the contract.
        "memory_limit_bytes",
        "log",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(
        object["trades"],
        json!([
            {"seller": "grid", "buyer": "ben", "energy": 82, "price": 162_400},
            {"seller": "grid", "buyer": "carla", "energy": 118, "price": 162_400},
            {"seller": "anna", "buyer": "ben", "energy": 618, "price": 96_200},
            {"seller": "anna", "buyer": "carla", "energy": 882, "price": 96_200},
        ])
    );
    assert_eq!((&object["violations"], &object["error"], &object["log"]), (&json!([]), &Value::Null, &json!("")));
    let number = |name: &str| object[name].as_u64().unwrap_or_else(|| panic!("{name} is no number: {object}"));
    assert!(0 < number("fuel") && number("fuel") < number("fuel_limit"));
    assert!(0 < number("peak_memory_bytes") && number("peak_memory_bytes") < number("memory_limit_bytes"));
    // Four trades of 32 bytes in the interface's own layout.
    assert_eq!(number("output_bytes"), 128);
    assert!(number("input_bytes") > 3 * 64 && number("component_bytes") > 1000);
    assert_eq!(object["sha256"].as_str().unwrap().len(), 64);
    // A program that reads lines gets the object in one.
    assert!(answer.out.starts_with(r#"{"status":"balanced","trades":[{"seller":"#) && answer.out.ends_with("}\n"));
}

#[test]
fn a_person_gets_a_table_a_verdict_and_what_it_used() {
    let answer = Folder::new().try_on("mid-market-rate", &three_members(), &[]).done();
    let measured = |line: &&str| {
        !["  fuel", "  time", "  memory", "  component", "  sha256"].iter().any(|name| line.starts_with(name))
    };
    let kept: Vec<&str> = answer.out.lines().filter(measured).map(str::trim_end).collect();
    assert_eq!(
        kept,
        [
            "mid-market-rate 0.1.0 on aveiro at 2023-09-01T12:00:00Z, 3 positions",
            "──────────────────────────────────────────────",
            "  seller   buyer    Wh   µEUR/kWh       nEUR",
            "──────────────────────────────────────────────",
            "  grid     ben      82     162400   13316800",
            "  grid     carla   118     162400   19163200",
            "  anna     ben     618      96200   59451600",
            "  anna     carla   882      96200   84848400",
            "──────────────────────────────────────────────",
            "balanced: 4 trades, every watt-hour accounted for",
            "  in, out    306 bytes, 128 bytes",
        ]
    );
    assert_eq!(answer.out.lines().count(), kept.len() + 5);
}

#[test]
fn one_position_and_one_trade_are_not_called_many() {
    let answer = Folder::new().try_on("public-grid", &round(&[("anna", 1, 0)]), &[]).done();
    assert!(answer.out.contains(", 1 position\n") && answer.out.contains("balanced: 1 trade,"), "{}", answer.out);
}

#[test]
fn an_empty_round_balances_without_a_table() {
    let answer = Folder::new().try_on("uniform", &round(&[]), &[]).done();
    assert!(answer.out.contains("0 positions\nbalanced: 0 trades"), "{}", answer.out);
}

#[test]
fn a_long_answer_is_cut_short_for_people_only() {
    let folder = Folder::new();
    let names: Vec<String> = (0..50).map(|number| format!("m{number:02}")).collect();
    let members: Vec<(&str, u64, u64)> = names.iter().map(|name| (name.as_str(), 7, 0)).collect();
    let answer = folder.try_on("public-grid", &round(&members), &[]).done();
    assert!(answer.out.contains("m39") && !answer.out.contains("m40"), "{}", answer.out);
    assert!(answer.out.contains("… and 10 more (--json prints all)"), "{}", answer.out);
    assert_eq!(folder.json_of("public-grid", &round(&members), &[])["trades"].as_array().unwrap().len(), 50);
}

#[test]
fn a_rejected_result_is_shown_with_everything_that_is_wrong() {
    let folder = Folder::new();
    let guest = folder.file("energy_made.wasm", guests::ENERGY_MADE);
    let answer = folder.try_on(guest, &guests_round(), &["--json"]);
    assert_eq!((answer.code, answer.err.as_str()), (1, ""));
    let object = answer.json();
    assert_eq!((&object["status"], &object["error"]), (&json!("rejected"), &Value::Null));
    assert_eq!(
        object["violations"],
        json!([{"code": "oversold", "message": "member anna sells 1300 Wh but has a surplus of 1200 Wh"}])
    );
    assert_eq!(object["trades"][0], json!({"seller": "anna", "buyer": "bert", "energy": 900, "price": 100_000}));

    let answer = folder.try_on(guest, &guests_round(), &[]);
    assert_eq!(answer.code, 1);
    let verdict = "rejected: 1 violation\n  oversold: member anna sells 1300 Wh but has a surplus of 1200 Wh\n";
    assert!(answer.out.contains(verdict) && answer.out.contains("  bert "), "{}", answer.out);
}

#[test]
fn a_trade_with_nobody_is_shown_as_the_position_it_names() {
    let folder = Folder::new();
    let guest = folder.file("unknown_member.wasm", guests::UNKNOWN_MEMBER);
    let answer = folder.try_on(guest, &guests_round(), &["--json"]);
    assert_eq!(answer.code, 1);
    let object = answer.json();
    assert_eq!(object["violations"][0]["code"], "unknown-member");
    assert!(object["trades"].to_string().contains("\"position "), "{object}");
}

#[test]
fn a_flood_of_trades_is_rejected_and_not_printed_whole() {
    let folder = Folder::new();
    let guest = folder.file("trades_too_many.wasm", guests::TRADES_TOO_MANY);
    let object = folder.json_of(guest, &guests_round(), &[]);
    let codes: Vec<&Value> = object["violations"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert!(codes.contains(&&json!("too-many-trades")), "{codes:?}");
    // 4 × 3 positions + 1024.
    assert_eq!(object["trades"].as_array().unwrap().len(), 1036);
}

/// Every kind of failure, by the guest that fails so.
#[test]
fn a_failure_is_told_by_its_kind() {
    let folder = Folder::new();
    let forever = ["--fuel", "18446744073709551615", "--time", "20ms"];
    let cases: [(&str, &[u8], &[&str], &str); 6] = [
        ("trap", guests::UNREACHABLE, &[], "trapped in clear: wasm trap: wasm `unreachable`"),
        (
            "fuel",
            guests::ENDLESS_LOOP,
            &["--fuel", "1000000"],
            "used all its fuel of 1000000, 333333 for each of 3 positions, at last in clear (does it loop?",
        ),
        ("deadline", guests::ENDLESS_LOOP, &forever, "did not finish within 20ms"),
        ("memory", guests::MEMORY_BOMB, &[], "bytes of memory"),
        ("output", guests::LIST_HUGE, &["--output", "1MiB"], "more than 1048576 bytes"),
        ("invalid", guests::PARTY_DISCRIMINANT, &[], "broke the interface"),
    ];
    for (kind, component, limits, message) in cases {
        let file = format!("{kind}.wasm");
        let answer = folder.try_on(folder.file(&file, component), &guests_round(), &[&["--json"], limits].concat());
        assert_eq!((answer.code, answer.err.as_str()), (1, ""), "{kind}");
        let object = answer.json();
        assert_eq!((&object["status"], &object["error"]["kind"]), (&json!("failed"), &json!(kind)));
        assert!(object["error"]["message"].as_str().unwrap().contains(message), "{object}");
        assert_eq!((&object["trades"], &object["violations"]), (&json!([]), &json!([])), "{kind}");
        assert_eq!(object["error"].as_object().unwrap().len(), 2, "{object}");

        let answer = folder.try_on(&file, &guests_round(), limits);
        assert_eq!(answer.code, 1, "{kind}");
        assert!(answer.out.contains(&format!("\nfailed ({kind}): ")) && answer.out.contains(message), "{}", answer.out);
    }
}

#[test]
fn a_setting_that_the_algorithm_refuses_is_its_failure() {
    let mut round = three_members();
    round["settings"] = json!({"price": "abc"});
    let answer = Folder::new().try_on("static", &round, &["--json"]);
    assert_eq!((answer.code, answer.err.as_str()), (1, ""));
    let object = answer.json();
    assert_eq!((&object["status"], &object["error"]["kind"]), (&json!("failed"), &json!("algorithm")));
    let message = object["error"]["message"].as_str().unwrap();
    assert!(message.contains("price") && message.contains("\"abc\"") && message.contains("whole number"), "{message}");
}

#[test]
fn a_setting_that_nobody_knows_is_a_mistake_of_the_caller() {
    let folder = Folder::new();
    let mut round = three_members();
    round["settings"] = json!({"prize": "5"});
    folder.try_on("static", &round, &[]).refused(2, &["\"prize\"", "static", "it has: price"]);
    folder.try_on("uniform", &round, &["--json"]).refused(2, &["\"prize\"", "uniform", "it has none"]);
}

#[test]
fn what_an_algorithm_wrote_is_shown() {
    let folder = Folder::new();
    let guest = folder.file("prints.wasm", guests::PRINTS);
    let answer = folder.try_on(guest, &guests_round(), &[]).done();
    assert!(answer.out.ends_with("  log        one\n             two\n"), "{}", answer.out);
    assert_eq!(folder.json_of(guest, &guests_round(), &[])["log"], "one\ntwo");
}

#[test]
fn one_that_cannot_describe_itself_is_shown_clearing_but_is_bad() {
    let folder = Folder::new();
    let guest = folder.file("describe_traps.wasm", guests::DESCRIBE_TRAPS);
    let answer = folder.try_on(guest, &guests_round(), &["--json"]);
    assert_eq!((answer.code, &answer.json()["status"]), (1, &json!("balanced")));
    assert!(answer.err.contains("describe_traps.wasm: describe failed (trap): "), "{}", answer.err);
    let answer = folder.try_on(guest, &guests_round(), &[]);
    assert!(answer.out.starts_with("describe_traps.wasm on aveiro at "), "{}", answer.out);
}

#[test]
fn rounds_are_run_in_their_order() {
    let folder = Folder::new();
    let lines: Vec<String> = (1..=9).map(|energy| round(&[("anna", energy, 0)]).to_string()).collect();
    // An editor's line ends and empty lines make no difference.
    let file = folder.file("rounds.jsonl", lines.join("\r\n\n") + "\n");
    let answer = folder.run(&["algorithm", "run", "uniform", "--rounds", file, "--json"]).done();
    let energies: Vec<u64> =
        answer.objects().iter().map(|object| object["trades"][0]["energy"].as_u64().unwrap()).collect();
    assert_eq!(energies, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(
        folder.pipe(&["algorithm", "run", "uniform", "--rounds", "-", "--json"], lines.join("\n")).objects().len(),
        9
    );
    let answer = folder.run(&["algorithm", "run", "uniform", "--rounds", file]).done();
    assert_eq!(answer.out.matches("balanced: 1 trade,").count(), 9);
}

#[test]
fn one_bad_round_among_good_ones_is_told_and_the_others_are_run() {
    let mut refused = three_members();
    refused["settings"] = json!({"price": "x"});
    let lines = [three_members(), refused, three_members()].map(|round| round.to_string()).join("\n");
    let answer = Folder::new().pipe(&["algorithm", "run", "static", "--rounds", "-", "--json"], lines);
    let statuses: Vec<Value> = answer.objects().iter().map(|object| object["status"].clone()).collect();
    assert_eq!((answer.code, statuses), (1, vec![json!("balanced"), json!("failed"), json!("balanced")]));
}

#[test]
fn two_runs_are_identical_but_for_their_time() {
    let folder = Folder::new();
    let members: Vec<String> = (0..200).map(|number| format!("m{number}")).collect();
    let members: Vec<(&str, u64, u64)> = members
        .iter()
        .zip(0..)
        .map(|(name, n)| (name.as_str(), if n % 3 == 0 { n * 7 % 900 } else { 0 }, n * 11 % 700))
        .collect();
    for name in base_names() {
        let once = || timeless(folder.json_of(name, &round(&members), &[]));
        assert_eq!(once(), once(), "{name}");
    }
}

#[test]
fn a_round_of_a_hundred_thousand_members_is_run() {
    let folder = Folder::new();
    let members: Vec<String> = (0..100_000).map(|number| format!("member-{number:06}")).collect();
    let members: Vec<(&str, u64, u64)> = members
        .iter()
        .zip(0..)
        .map(|(name, n)| if n % 2 == 0 { (name.as_str(), 1000 + n % 7, 0) } else { (name.as_str(), 0, 900 + n % 11) })
        .collect();
    let file = folder.file("large.json", round(&members).to_string());
    for name in ["mid-market-rate", "uniform"] {
        let object = folder.run(&["algorithm", "run", name, "--round", file, "--json"]).done().json();
        assert_eq!(object["status"], "balanced", "{name}");
        let sold = object["trades"].as_array().unwrap().iter().filter(|trade| trade["seller"] != "grid");
        let sold: u64 = sold.map(|trade| trade["energy"].as_u64().unwrap()).sum();
        assert_eq!(sold, members.iter().map(|(_, surplus, _)| surplus).sum::<u64>(), "{name}");
    }
}

#[test]
fn the_largest_energies_and_the_lowest_prices_are_exact() {
    let mut round = round(&[("anna", u64::MAX, 0), ("ben", 0, u64::MAX), ("carla", u64::MAX, u64::MAX)]);
    round["positions"][2]["feed_in"] = json!(i64::MIN);
    round["positions"][2]["retail"] = json!(i64::MAX);
    let folder = Folder::new();
    for name in base_names() {
        let object = folder.json_of(name, &round, &[]);
        assert_eq!(object["status"], "balanced", "{name}: {object}");
    }
    let grid = folder.json_of("public-grid", &round, &[]);
    assert!(
        grid["trades"].to_string().contains(r#""energy":18446744073709551615,"price":-9223372036854775808"#),
        "{grid}"
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = Folder::new();
    let lines = vec![three_members().to_string(); 2_000].join("\n");
    let file = folder.file("rounds.jsonl", lines);
    let mut command = folder.command(&["algorithm", "run", "uniform", "--rounds", file, "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}
