//! The dashboard and the alerts ask for what there is, and the dashboard shows all of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::Boundary;
use rec_market::clock::FixedClock;
use rec_market::config::Config;
use rec_market::ports::Failure;
use rec_market::telemetry::metrics::{Forwarded, MetersOutcome, Metrics, PushOutcome, StoreOutcome};
use serde_json::Value;

use testkit::community;

const DASHBOARD: &str = "deploy/grafana/rec-market.json";
const ALERTS: &str = "deploy/prometheus/alerts.yml";

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Families and series of a service in which everything has happened once: a family without series is not told.
struct Told {
    families: BTreeSet<String>,
    series: BTreeSet<String>,
    /// `label="value"`, as far as labels have closed sets.
    labels: BTreeSet<String>,
}

fn told() -> Told {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("market.toml");
    std::fs::write(&file, community("aveiro", "http://127.0.0.1:1", "")).unwrap();
    let config = Config::load(&file).unwrap().communities.remove(0);
    let now = "2023-09-01T12:20:00Z".parse().unwrap();
    let metrics = Metrics::new(Arc::new(FixedClock(now)));
    let (of, took) = (metrics.community(&config.name, config.grace), Duration::from_millis(1));
    of.set_mark(Boundary::from_seconds(1_693_569_600).unwrap());
    MetersOutcome::ALL.iter().for_each(|outcome| of.meters_request(*outcome, took));
    StoreOutcome::ALL.iter().for_each(|outcome| metrics.store_operation("commit", *outcome, took));
    PushOutcome::ALL.iter().for_each(|outcome| metrics.push_request(*outcome, took));
    metrics.forwarded(Forwarded::Sent, 1);
    metrics.grpc_request("/proto.MarketService/GetMatches", 0, took);
    metrics.handshake_reasons(Failure::ALL.into_iter().map(Failure::as_str));
    let text = metrics.render();
    let word = |line: &str| line.split([' ', '{']).next().unwrap().to_owned();
    let labels = |line: &str| -> Vec<String> {
        let inside = line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(labels, _)| labels);
        inside.split(',').map(str::to_owned).collect()
    };
    Told {
        families: text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(word).collect(),
        series: text.lines().filter(|line| !line.starts_with('#')).map(word).collect(),
        labels: text.lines().filter(|line| !line.starts_with('#')).flat_map(labels).collect(),
    }
}

/// Every word of a text that looks like a series of ours or of the process.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = text.split(|character| !is_part(character));
    let ours = words.filter(|word| word.starts_with("rec_market_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

/// What a dashboard's panels ask for, with the titles of the panels.
fn questions(dashboard: &Value) -> Vec<(String, String)> {
    let panels = dashboard["panels"].as_array().unwrap();
    let asked = panels.iter().flat_map(|panel| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.into_iter().map(move |target| (title.clone(), target["expr"].as_str().unwrap().to_owned()))
    });
    asked.collect()
}

#[test]
fn dashboard_and_alerts_ask_for_series_that_there_are() {
    let told = told();
    for path in [DASHBOARD, ALERTS] {
        let named = named(&text(path));
        assert!(named.len() > 5, "{path} names {named:?}");
        let unknown: Vec<_> = named.difference(&told.series).collect();
        assert!(unknown.is_empty(), "{path} names {unknown:?}, but there are only {:#?}", told.series);
    }
}

#[test]
fn alerts_ask_for_values_of_labels_that_there_are() {
    let told = told();
    let alerts = text(ALERTS);
    let selectors = alerts.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(inside, _)| inside);
    let mut seen = 0;
    for selector in selectors.filter(|inside| inside.contains("=") && !inside.contains("job=")) {
        let (label, values) = selector.split_once(['=', '!']).unwrap();
        for value in values.trim_matches(['=', '~', '"']).split('|') {
            assert!(told.labels.contains(&format!("{label}=\"{value}\"")), "no series has {label}=\"{value}\"");
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} selectors in {alerts}");
}

#[test]
fn the_dashboard_shows_every_family() {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).unwrap();
    let asked: BTreeSet<String> = questions(&dashboard).iter().flat_map(|(_, question)| named(question)).collect();
    let missing: Vec<_> = told()
        .families
        .into_iter()
        .filter(|family| {
            let parts = ["", "_bucket", "_count", "_sum"];
            !parts.iter().any(|part| asked.contains(&format!("{family}{part}")))
        })
        .collect();
    assert!(missing.is_empty(), "no panel shows {missing:?}");
}

#[test]
fn the_dashboard_is_one_that_grafana_can_import() {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!(
        (&variables[0]["name"], &variables[0]["type"]),
        (&Value::from("datasource"), &Value::from("datasource"))
    );
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: an id twice");
        let place = &panel["gridPos"];
        let [x, y, width] = ["x", "y", "w"].map(|key| place[key].as_u64().unwrap());
        assert!(x + width <= 24 && places.insert((y, x)), "{title}: at {place}");
        if panel["type"] != "row" {
            // Whoever imports it has a datasource of another name.
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
    for (title, question) in questions(&dashboard) {
        let even = |open: char, close: char| question.matches(open).count() == question.matches(close).count();
        assert!(even('(', ')') && even('{', '}') && even('[', ']'), "{title}: {question}");
    }
}
