//! Round files that are wrong: each is refused before anything runs, by its name, its place and the rule.

use serde_json::{Value, json};
use testkit::{Folder, Ran};

use crate::rounds::{round, three_members};

fn run_file(folder: &Folder, content: impl AsRef<[u8]>) -> Ran {
    let file = folder.file("round.json", content);
    folder.run(&["algorithm", "run", "static", "--round", file, "--json"])
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    let folder = Folder::new();
    for flag in ["--round", "--rounds"] {
        let missing = folder.run(&["algorithm", "run", "static", flag, "nowhere.json"]);
        missing.refused(2, &["cannot read nowhere.json (name a file", "): No such file"]);
        folder
            .run(&["algorithm", "run", "static", flag, "."])
            .refused(2, &["cannot read . (name a file", "): Is a directory"]);
        folder.file("utf16.json", b"\xff\xfe{\0}\0");
        folder.run(&["algorithm", "run", "static", flag, "utf16.json"]).refused(2, &["utf16.json is not UTF-8"]);
    }
}

#[test]
fn a_file_that_is_no_round_is_refused() {
    let folder = Folder::new();
    let with_mark = format!("\u{feff}{}", three_members());
    let two = format!("{}\n{}", three_members(), three_members());
    let cases: [(&str, &[&str]); 10] = [
        ("", &["it is empty", "algorithm run --help"]),
        (" \n\t\n", &["it is empty"]),
        ("anna sells to ben", &["it begins with \"anna sells to ben\"", "JSON object"]),
        ("[]", &["it begins with \"[]\""]),
        ("\"round\"", &["begins with"]),
        (&with_mark, &["byte order mark", "UTF-8 without"]),
        ("{", &["EOF", "line 1 column 1"]),
        ("{}", &["missing field `community`"]),
        (r#"{"community": "aveiro", "start": "2023-09-01T12:00:00Z"}"#, &["missing field `positions`"]),
        // Several belong into --rounds.
        (&two, &["trailing characters at line 2 column 1"]),
    ];
    for (content, says) in cases {
        run_file(&folder, content).refused(2, &[&["round.json: "], says].concat());
    }
}

/// A change to a good round, and what is said of it.
#[test]
fn a_value_that_no_round_has_is_refused() {
    let folder = Folder::new();
    let members = |names: [&str; 2]| round(&names.map(|name| (name, 1, 0)))["positions"].clone();
    let position = |key: &str, value: Value| {
        let mut positions = members(["anna", "ben"]);
        positions[1][key] = value;
        json!({"positions": positions})
    };
    const WHOLE: &str = "a whole number from 0 to 18446744073709551615";
    let cases: Vec<(Value, &[&str])> = vec![
        (position("surplus", json!(-1)), &["`-1`", WHOLE, r#""surplus":-1`"#]),
        (position("surplus", json!(1.5)), &["`1.5`", WHOLE]),
        (position("deficit", json!(1e30)), &["1e+30", WHOLE]),
        (position("deficit", json!("7")), &["string \"7\"", WHOLE]),
        (position("deficit", json!(null)), &["null", WHOLE]),
        (position("bid", json!(0.1624)), &["0.1624", "whole number from -9223372036854775808 to 9223372036854775807"]),
        (position("share", json!(4_294_967_296_u64)), &["from 0 to 4294967295"]),
        (position("rank", json!(-1)), &["from 0 to 4294967295"]),
        (position("colour", json!("green")), &["unknown field `colour`", "`member`, `surplus`"]),
        (position("member", json!(7)), &["`7`", "expected a string"]),
        (position("member", json!("")), &["position 1: a name is empty"]),
        (position("member", json!("grid")), &["position 1", "\"grid\"", "another name"]),
        (position("member", json!("operator")), &["\"operator\""]),
        (position("member", json!("100")), &["\"100\""]),
        (position("member", json!("a\u{7}")), &["U+0007"]),
        (position("member", json!("m".repeat(129))), &["129 bytes, at most 128"]),
        (json!({"positions": members(["anna", "anna"])}), &["member anna has two positions"]),
        (json!({"positions": [null]}), &["null", "a position"]),
        (json!({"positions": {}}), &["map", "expected a sequence"]),
        (json!({"colour": 1}), &["unknown field `colour`"]),
        (json!({"community": 5}), &["`5`", "expected a string"]),
        (json!({"start": 1_693_569_600}), &["expected a string", r#""start":1693569600`"#]),
        (json!({"start": "noon"}), &["\"noon\"", "2023-09-01T12:00:00Z"]),
        (json!({"start": "1969-12-31T23:45:00Z"}), &["1969", "from 1970"]),
        (json!({"duration": 0}), &["duration 0"]),
        (json!({"duration": -900}), &["`-900`", "from 0 to 4294967295"]),
        (json!({"seed": -1}), &["`-1`", WHOLE]),
        (json!({"retail": "162400"}), &["whole number"]),
        (json!({"price_floor": 2, "price_ceiling": 1}), &["price floor 2", "above price ceiling 1"]),
        (json!({"settings": {"price": 5}}), &["`5`", "expected a string"]),
        (json!({"settings": ["price"]}), &["expected settings"]),
    ];
    for (change, says) in cases {
        let mut round = three_members();
        for (key, value) in change.as_object().unwrap() {
            round[key] = value.clone();
        }
        run_file(&folder, round.to_string()).refused(2, &[&["round.json: "], says].concat());
    }
}

#[test]
fn a_number_larger_than_any_energy_is_refused() {
    let text = three_members().to_string().replace("1500", "18446744073709551616");
    run_file(&Folder::new(), text).refused(2, &["1.8446744073709552e+19", "to 18446744073709551615"]);
}

#[test]
fn what_is_given_twice_is_refused() {
    let folder = Folder::new();
    let settings = r#""settings":{"price":"1","price":"2"},"start""#;
    let text = three_members().to_string().replace("\"start\"", settings);
    run_file(&folder, text).refused(2, &["setting \"price\" is given twice"]);
    let text = three_members().to_string().replace("\"start\"", r#""seed":1,"seed":1,"start""#);
    run_file(&folder, text).refused(2, &["duplicate field `seed`"]);
}

#[test]
fn one_bad_line_is_named_and_nothing_runs() {
    let folder = Folder::new();
    let good = three_members().to_string();
    let file = folder.file("rounds.jsonl", format!("{good}\n\n{good}\n{{\"community\": 1}}\n{good}\n"));
    let answer = folder.run(&["algorithm", "run", "static", "--rounds", file, "--json"]);
    answer.refused(2, &["rounds.jsonl, round in line 4: ", "`1`", "line 1 column 15"]);
    let file = folder.file("none.jsonl", "\n \n");
    let answer = folder.run(&["algorithm", "run", "static", "--rounds", file]);
    answer.refused(2, &["none.jsonl contains no rounds", "one round per line"]);
}

#[test]
fn stdin_is_named_as_the_file() {
    let folder = Folder::new();
    folder.pipe(&["algorithm", "run", "static", "--round", "-"], "").refused(2, &["stdin: it is empty"]);
    let answer = folder.pipe(&["algorithm", "run", "static", "--rounds", "-"], "{}\n");
    answer.refused(2, &["stdin, round in line 1: missing field"]);
}

#[test]
fn one_of_round_and_rounds_is_needed() {
    let folder = Folder::new();
    let file = folder.file("round.json", three_members().to_string());
    folder.run(&["algorithm", "run", "static"]).misused(&["--round <R.json>|--rounds <R.jsonl>", "Usage:"]);
    let both = folder.run(&["algorithm", "run", "static", "--round", file, "--rounds", file]);
    both.misused(&["cannot be used with"]);
    folder.run(&["algorithm", "run", "--round", file]).misused(&["<FILE.wasm>"]);
}

#[test]
fn an_unusual_round_that_is_right_is_run() {
    let folder = Folder::new();
    let rounds = [
        round(&[]),
        round(&[("anna", 0, 0)]),
        round(&[("anna", u64::MAX, u64::MAX)]),
        round(&[("grid.", 1, 0), ("Grid", 0, 1), ("1", 0, 0), ("_", 2, 2), ("ä\u{301}😀", 0, 5)]),
        json!({"community": "", "start": "2023-09-01T14:00:00+02:00", "duration": 3600, "seed": u64::MAX,
               "settings": {"price": "-5"}, "price_floor": -7, "price_ceiling": null, "positions": []}),
    ];
    for round in rounds {
        assert_eq!(folder.json_of("static", &round, &[])["status"], "balanced", "{round}");
    }
}
