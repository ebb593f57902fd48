//! The dashboard and the alerts name nothing that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use rec_market::metrics::{MetersOutcome, StoreOutcome};
use serde_json::Value;

use crate::common::*;
use crate::scene::Scene;

/// Words of the query language and of Grafana in places where a label can be.
const NO_LABELS: [&str; 1] = ["le"];

fn deployed(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name)).unwrap()
}

/// Every family by name, with every value of every label that is closed or was seen.
fn families() -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:15 0 100"]);
    let scene = Scene::new(&meters, "12:25", "");
    scene.pass(scene.base("mid-market-rate"), None).unwrap();
    scene.metrics.grpc_request("/proto.MarketService/GetMatches", 0, Duration::from_millis(1));
    let text = scene.metrics.render();
    let mut families: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').unwrap().0;
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let found = families.entry(name.to_owned()).or_default();
        for label in labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once('=').unwrap();
            found.entry(label.to_owned()).or_default().insert(value.trim_matches('"').to_owned());
        }
    }
    for labels in families.values_mut().filter(|labels| labels.contains_key("outcome")) {
        let outcomes = MetersOutcome::ALL.iter().map(|outcome| outcome.as_str());
        let outcomes = outcomes.chain(StoreOutcome::ALL.iter().map(|outcome| outcome.as_str()));
        labels.entry("outcome".to_owned()).or_default().extend(outcomes.map(str::to_owned));
    }
    families
}

/// Every family that a query names, with its matchers as (label, value).
fn named(query: &str) -> Vec<(String, Vec<(String, String)>)> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut found = Vec::new();
    for (at, _) in query.match_indices("rec_market_").chain(query.match_indices("process_")) {
        if query[..at].chars().next_back().is_some_and(is_name) {
            continue;
        }
        let rest = &query[at..];
        let end = rest.find(|character| !is_name(character)).unwrap_or(rest.len());
        let matchers = rest[end..].strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inside, _)| inside);
        let matchers = matchers.split("\",").filter(|matcher| !matcher.is_empty()).map(|matcher| {
            let (label, value) = matcher.split_once(['=', '!']).unwrap();
            (label.to_owned(), value.trim_start_matches(['=', '~', '"']).trim_end_matches('"').to_owned())
        });
        found.push((rest[..end].to_owned(), matchers.collect()));
    }
    found
}

/// Asserts that families, labels and values of a query are there; answers the families.
#[track_caller]
fn check(query: &str, families: &BTreeMap<String, BTreeMap<String, BTreeSet<String>>>) -> BTreeSet<String> {
    assert_eq!(query.matches('(').count(), query.matches(')').count(), "{query}");
    let named = named(query);
    assert!(!named.is_empty(), "{query} names nothing");
    let mut labels: BTreeSet<&str> = ["job", "instance"].into();
    for (family, matchers) in &named {
        let known = families.get(family).unwrap_or_else(|| panic!("{query}: there is no {family}"));
        labels.extend(known.keys().map(String::as_str));
        for (label, value) in matchers.iter().filter(|(label, _)| !["job", "instance"].contains(&&label[..])) {
            let values = known.get(label).unwrap_or_else(|| panic!("{query}: {family} has no label {label}"));
            // A variable of Grafana stands for whatever there is.
            let unknown = value.split('|').find(|value| !value.starts_with('$') && !values.contains(*value));
            assert_eq!(unknown, None, "{query}: {family} has no such {label}, but {values:?}");
        }
    }
    for grouped in query.split(" by (").skip(1).map(|rest| rest.split_once(')').unwrap().0) {
        for label in grouped.split(", ").filter(|label| !NO_LABELS.contains(label)) {
            assert!(labels.contains(label), "{query}: nothing has the label {label}");
        }
    }
    named.into_iter().map(|(family, _)| family).collect()
}

/// Every value of a key, at any depth.
fn values<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v str>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| self::values(value, key, found)),
        Value::Object(entries) => {
            for (name, value) in entries {
                match value.as_str() {
                    Some(text) if name == key => found.push(text),
                    _ => values(value, key, found),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn the_dashboard_shows_every_family_and_names_no_other() {
    let dashboard: Value = serde_json::from_str(&deployed("grafana/rec-market.json")).unwrap();
    let families = families();
    let (mut queries, mut lists) = (Vec::new(), Vec::new());
    values(&dashboard["panels"], "expr", &mut queries);
    values(&dashboard["templating"], "definition", &mut lists);
    assert!(queries.len() > 20 && lists.len() == 3, "{} queries, {} variables", queries.len(), lists.len());
    let shown: BTreeSet<String> =
        queries.iter().chain(&lists).flat_map(|query| check(query, &families)).collect();
    // Of a histogram one series is enough; when a process started is of use in queries alone.
    let stem = |name: &str| ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned();
    let shown: BTreeSet<String> = shown.iter().map(|name| stem(name)).collect();
    let missing: Vec<_> = families.keys().filter(|name| !shown.contains(&stem(name))).collect();
    assert_eq!(missing, ["process_start_time_seconds"]);
    // Whoever imports it chooses the data source, and no panel stands in another's place.
    let mut sources = Vec::new();
    values(&dashboard["panels"], "uid", &mut sources);
    assert!(sources.iter().all(|uid| *uid == "${datasource}"), "{sources:?}");
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
}

#[test]
fn the_alerts_ask_for_what_is_there() {
    let alerts = deployed("prometheus/alerts.yml");
    let families = families();
    let mut rules = 0;
    for rule in alerts.split("- alert: ").skip(1) {
        let query = rule.split_once("expr:").unwrap().1;
        let query = query.split_once("\n        labels:").unwrap().0;
        let query = query.split("\n        for:").next().unwrap().trim_start_matches([' ', '|', '-', '\n']);
        check(query, &families);
        for part in ["severity: ", "summary: ", "description: "] {
            assert!(rule.contains(part), "{rule} has no {part}");
        }
        rules += 1;
    }
    assert_eq!(rules, alerts.matches("expr:").count());
    for needed in ["community_held", "lag_seconds", "outbox_oldest_age_seconds", "violations_total"] {
        assert!(alerts.contains(&format!("rec_market_{needed}")), "no alert on {needed}");
    }
}

#[test]
fn a_query_that_names_something_else_is_found() {
    let families = families();
    let refused = |query: &str| std::panic::catch_unwind(|| check(query, &families)).is_err();
    assert!(!refused("sum by (community) (rec_market_trades_total{kind=\"local\"})"));
    assert!(refused("rec_market_trade_total"));
    assert!(refused("rec_market_trades_total{kind=\"lokal\"}"));
    assert!(refused("rec_market_trades_total{sort=\"local\"}"));
    assert!(refused("sum by (kinds) (rec_market_trades_total)"));
}
