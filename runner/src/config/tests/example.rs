//! market.example.toml has every key, and says truly what holds without it.

use super::*;

const EXAMPLE: &str = include_str!("../../../../market.example.toml");

/// What is wrong with a table in which there is one unknown key: all that are known, by the table's name.
const TABLES: [(&str, &str); 17] = [
    ("", "x = 1\n[[community]]\nname = \"a\""),
    ("mongodb", "[mongodb]\nx = 1\n[[community]]\nname = \"a\""),
    ("tls", "[tls]\nx = 1\n[[community]]\nname = \"a\""),
    ("web", "[web]\nx = 1\n[[community]]\nname = \"a\""),
    ("web.proxy", "[web]\nproxy = { from = [\"10.0.0.5\"], x = 1 }\n[[community]]\nname = \"a\""),
    ("viewer", "[[viewer]]\nname = \"a\"\nx = 1\n[[community]]\nname = \"a\""),
    ("forward", "[forward]\nx = 1\n[[community]]\nname = \"a\""),
    ("caller", "[[caller]]\nname = \"a\"\nroles = [\"read\"]\ntoken_file = \"x\"\nx = 1\n[[community]]\nname = \"a\""),
    ("metrics", "[metrics]\nx = 1\n[[community]]\nname = \"a\""),
    ("replicas", "[replicas]\nx = 1\n[[community]]\nname = \"a\""),
    ("community", "[[community]]\nname = \"a\"\nx = 1"),
    ("community.limits", "[[community]]\nname = \"a\"\nlimits = { x = 1 }"),
    ("community.tariff", "[[community]]\nname = \"a\"\ntariff = { x = 1 }"),
    ("periods", "[[community]]\nname = \"a\"\ntariff = { zone = \"UTC\", periods = [{ retail = 1, x = 1 }] }"),
    ("change", "[[community]]\nname = \"a\"\n[[community.change]]\nfrom = \"2024-07-01\"\nsettings = {}\nx = 1"),
    (
        "members.school.change",
        "[[community]]\nname = \"a\"\n[[community.members.m.change]]\nfrom = \"2024-07-01\"\nrank = 1\nx = 1",
    ),
    ("community.members", "[[community]]\nname = \"a\"\n[community.members.m]\nx = 1"),
];

fn known(text: &str) -> Vec<String> {
    let found = problems(text);
    let list = found.iter().find_map(|reported| Some(reported.split_once("known here: ")?.1)).unwrap();
    list.trim_end_matches(')').split(", ").map(str::to_owned).collect()
}

#[test]
fn every_known_key_stands_in_the_example() {
    let mut keys = 0;
    for (table, text) in TABLES {
        for key in known(text) {
            let headings = [
                format!("[{key}]"),
                format!("[[{key}]]"),
                format!("[community.{key}"),
                format!("[[community.tariff.{key}]]"),
                format!("[[community.{key}]]"),
            ];
            let given = EXAMPLE.lines().any(|line| {
                let line = line.trim_start_matches(['#', ' ']);
                let named = line.split_once(" = ").is_some_and(|(name, _)| name == key);
                let inline = line.contains(&format!("{{ {key} = ")) || line.contains(&format!(", {key} = "));
                named || inline || headings.iter().any(|heading| line.starts_with(heading))
            });
            assert!(given, "{key} of {table:?} is not in market.example.toml");
            keys += 1;
        }
    }
    assert!(keys > 50, "only {keys} keys were looked for");
}

#[test]
fn the_example_is_right_and_says_what_holds_without_it() {
    let example = read(EXAMPLE).unwrap();
    let without = read("[[community]]\nname = \"aveiro\"\n").unwrap();
    assert_eq!(example, without);
    // Keys behind a # without a space are commented-out defaults.
    let defaults: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_ne!(defaults, EXAMPLE);
    let read = read(&defaults).unwrap_or_else(|problems| panic!("{problems:#?}\n{defaults}"));
    assert_eq!(read, without);
}

#[test]
fn every_key_that_is_explained_is_known() {
    let known: Vec<String> = TABLES.iter().flat_map(|(_, text)| known(text)).collect();
    let named = EXAMPLE.lines().filter_map(|line| line.trim_start_matches(['#', ' ']).split_once(" = "));
    let keys: Vec<&str> = named.map(|(key, _)| key).filter(|key| !key.contains(' ')).collect();
    for key in &keys {
        assert!(known.iter().any(|known| known == key), "{key} is in market.example.toml, but is no key");
    }
    assert!(keys.len() > 40, "only {keys:?} were looked for");
}

#[test]
fn every_variable_stands_in_the_example() {
    for name in overrides::names().chain([format!("{PREFIX}LOG")]) {
        assert!(EXAMPLE.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name), "{name}");
    }
}
