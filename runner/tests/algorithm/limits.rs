//! Limits that an author sets.

use serde_json::{Value, json};
use testkit::Folder;

use crate::rounds::{base_names, three_members};

fn kind(object: &Value) -> (&Value, &Value) {
    (&object["status"], &object["error"]["kind"])
}

#[test]
fn too_little_of_anything_fails_by_its_kind() {
    let folder = Folder::new();
    for name in base_names() {
        for (limit, least, expected) in
            [("--fuel", "10", "fuel"), ("--memory", "64KiB", "memory"), ("--output", "16", "output")]
        {
            let answer = folder.try_on(name, &three_members(), &["--json", limit, least]);
            assert_eq!(answer.code, 1, "{name} {limit}");
            assert_eq!(kind(&answer.json()), (&json!("failed"), &json!(expected)), "{name} {limit}: {answer:?}");
        }
    }
}

#[test]
fn the_limits_are_those_that_are_reported() {
    let limits = ["--fuel", "123456789", "--memory", "2 MiB", "--time", "1min", "--output", "1GiB"];
    let object = Folder::new().json_of("uniform", &three_members(), &limits);
    assert_eq!(object["status"], "balanced");
    assert_eq!((&object["fuel_limit"], &object["memory_limit_bytes"]), (&json!(123_456_789), &json!(2 << 20)));
}

#[test]
fn just_enough_is_enough() {
    let folder = Folder::new();
    let free = folder.json_of("uniform", &three_members(), &[]);
    let [fuel, memory, output] =
        ["fuel", "peak_memory_bytes", "output_bytes"].map(|name| free[name].as_u64().unwrap().to_string());
    let enough = ["--fuel", &fuel, "--memory", &memory, "--output", &output];
    assert_eq!(folder.json_of("uniform", &three_members(), &enough)["trades"], free["trades"]);
    // Bytes are counted one by one; fuel is looked at where functions and loops begin.
    for (limit, amount, less) in [("memory", memory, 1), ("output", output, 1), ("fuel", fuel, 500)] {
        let amount = (amount.parse::<u64>().unwrap() - less).to_string();
        let object = folder.json_of("uniform", &three_members(), &[&format!("--{limit}"), &amount]);
        assert_eq!(kind(&object), (&json!("failed"), &json!(limit)));
    }
}

#[test]
fn nothing_is_no_limit_and_neither_is_nonsense() {
    let folder = Folder::new();
    for command in [["run", "--round=-"].as_slice(), ["check"].as_slice()] {
        for (flag, value, says) in [
            ("--fuel", "0", "--fuel <FUEL>"),
            ("--fuel", "-1", "-1"),
            ("--fuel", "much", "much"),
            ("--fuel", "18446744073709551616", "number too large"),
            ("--memory", "0", "such as 64MiB"),
            ("--memory", "64MB", "such as 64MiB"),
            ("--memory", "99999999999GiB", "such as 64MiB"),
            ("--output", "0KiB", "such as 64MiB"),
            ("--output", "some", "such as 64MiB"),
            ("--time", "0s", "such as 2s"),
            ("--time", "2", "such as 2s"),
            ("--time", "-2s", "-2"),
        ] {
            let arguments = [&["algorithm"], command, &["uniform", flag, value]].concat();
            folder.pipe(&arguments, three_members().to_string()).misused(&[says]);
        }
    }
}
