//! Files of readings: what they are, and what they become.

use serde_json::json;
use testkit::*;

/// Two meters over an hour, of which one is missing for a quarter.
const TABLE: &str = "time,a:export,a:import,b:import\n\
    2023-09-01T12:00:00Z,0.1004,0,0.030\n\
    2023-09-01T12:15:00Z,0.1004,0,\n\
    2023-09-01T12:30:00Z,0.1004,0,0.050\n\
    2023-09-01T12:45:00Z,0.1004,0,0.020\n";

const COEFFICIENTS: &str = "ES0000000000000001AA0F;0,333333\nES0000000000000002AA0F;0,666667\n";

#[test]
fn a_check_says_what_files_are() {
    let folder = Folder::new();
    folder.file("one", TABLE);
    let checked = folder.run(&["readings", "check", "one", "--json"]).ends_with(0);
    let meter = |name: &str, intervals: u64, missing: u64, import: u64, export: u64| {
        json!({
            "meter": name, "from": date("12:00"), "until": date("13:00"), "intervals": intervals, "missing": missing,
            "estimated": 0, "import_wh": import, "export_wh": export,
        })
    };
    let expected = json!({
        "file": "one", "format": "generic-wide", "zone": null, "problems": [],
        "meters": [meter("a", 4, 0, 0, 402), meter("b", 3, 1, 100, 0)],
    });
    assert_eq!(checked.json(), expected);
    let parts = [
        "one: a generic table",
        "missing of b: 2023-09-01T12:15:00Z to 2023-09-01T12:30:00Z",
        "row 2: 2023-09-01T12:00:00Z;0.1004;0;0.030",
        "becomes a 2023-09-01T12:00:00Z to 2023-09-01T12:15:00Z import 0.000 kWh",
        "note: meter b has its import only; its export counts as 0",
    ];
    folder.run(&["readings", "check", "one"]).ends_with(0).shows(&parts);
}

#[test]
fn a_check_says_what_is_wrong_and_which_option_decides() {
    let folder = Folder::new();
    folder.file("strange", "a;b\n1;2\n");
    folder.file("local", "meter,start,import_kwh\na,2024-05-01 00:00,1\na,2024-05-01 00:15,1\n");
    folder.file("bad", "meter,start,end,import_kwh\na,2024-05-01T00:00:00Z,2024-05-01T00:15:00Z,x\n");
    let check = |file: &str| folder.run(&["readings", "check", file, "--json"]).ends_with(1).json();
    let strange = check("strange");
    assert_eq!((&strange["format"], &strange["meters"]), (&json!(null), &json!([])));
    assert!(strange["problems"][0].as_str().unwrap().contains("its first lines are \"a;b\""), "{strange}");
    let local = check("local");
    assert!(local["problems"][0].as_str().unwrap().contains("give --zone"), "{local}");
    let zoned = folder.run(&["readings", "check", "local", "--zone", "Europe/Lisbon", "--json"]).ends_with(0).json();
    assert_eq!(
        (&zoned["zone"], &zoned["meters"][0]["from"]),
        (&json!("Europe/Lisbon"), &json!("2024-04-30T23:00:00Z"))
    );
    let bad = check("bad");
    let row = "row 2 (a;2024-05-01T00:00:00Z;2024-05-01T00:15:00Z;x): its value \"x\": it is no number";
    assert_eq!(bad["problems"], json!([row]));
    // One that is wrong does not keep the others from being checked.
    folder.file("one", TABLE);
    let both = folder.run(&["readings", "check", "strange", "one", "--json"]).ends_with(1).objects();
    assert_eq!(both.iter().map(|file| file["problems"].as_array().unwrap().len()).collect::<Vec<_>>(), [1, 0]);
    folder.run(&["readings", "check", "nothing"]).refused(2, &["cannot read nothing"]);
}

#[test]
fn files_become_registers_whose_sums_are_exact() {
    let folder = Folder::new();
    folder.file("one", TABLE);
    let converted = folder.run(&["readings", "convert", "one"]).ends_with(0);
    let expected = "meter,timestamp,import_wh,export_wh\n\
        a,2023-09-01T12:00:00Z,0,0\na,2023-09-01T12:15:00Z,0,100\na,2023-09-01T12:30:00Z,0,201\n\
        a,2023-09-01T12:45:00Z,0,301\na,2023-09-01T13:00:00Z,0,402\n\
        b,2023-09-01T12:00:00Z,0,0\nb,2023-09-01T12:15:00Z,30,0\nb,2023-09-01T12:30:00Z,30,0\n\
        b,2023-09-01T12:45:00Z,80,0\nb,2023-09-01T13:00:00Z,100,0\n";
    assert_eq!(converted.out, expected);
    // What it becomes is one of the formats, and becomes the same.
    folder.file("registers", expected);
    assert_eq!(folder.run(&["readings", "convert", "registers"]).ends_with(0).out, expected);
    folder.file("bad", format!("{TABLE}2023-09-01T13:00:00Z,x,0,0\n"));
    folder.run(&["readings", "convert", "bad"]).refused(1, &["bad: row 6", "--skip-bad"]);
    assert_eq!(folder.run(&["readings", "convert", "bad", "--skip-bad"]).ends_with(0).out, expected);
}

#[test]
fn shares_become_members() {
    let folder = Folder::new();
    folder.file("shares.txt", COEFFICIENTS);
    let lines = folder.run(&["readings", "shares", "shares.txt"]).ends_with(0).out;
    let expected = "[community.members.ES0000000000000001AA0F]\nmeters = [\"ES0000000000000001AA0F\"]\nshare = 333333\n\n\
        [community.members.ES0000000000000002AA0F]\nmeters = [\"ES0000000000000002AA0F\"]\nshare = 666667\n";
    assert_eq!(lines, expected);
    folder.file("one", TABLE);
    folder.run(&["readings", "shares", "one"]).refused(1, &["it holds readings (a generic table)"]);
    folder.file("market.toml", format!("[[community]]\nname = \"a\"\n{lines}"));
    let pasted = folder.run(&["config", "show"]).ends_with(0).out;
    folder.file("market.toml", "[[community]]\nname = \"a\"\nshares = \"shares.txt\"\n");
    let read = folder.run(&["config", "show"]).ends_with(0).out;
    assert_eq!(read, pasted);
    let with_own = "[community.members.school]\nmeters = [\"ES0000000000000001AA0F\"]\nshare = 5\n";
    folder.file("market.toml", format!("[[community]]\nname = \"a\"\nshares = \"shares.txt\"\n{with_own}"));
    folder.run(&["config", "check"]).ends_with(2).says("community.shares: member school has a share of its own, too");
    folder.file(
        "market.toml",
        format!("[[community]]\nname = \"a\"\nshares = \"shares.txt\"\n{}", with_own.replace("share = 5\n", "")),
    );
    folder.run(&["config", "show"]).ends_with(0).shows(&["[community.members.school]", "share = 333333"]);
}
