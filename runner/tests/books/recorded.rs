//! Four weeks of sixteen real households.

use std::path::PathBuf;

use demo::meters::Package;
use serde_json::Value;

use testkit::*;

/// The recorded readings: what `REC_MARKET_TEST_READINGS` names, or what is beside this repository.
pub fn file() -> PathBuf {
    #[allow(clippy::disallowed_methods, reason = "where the data lies is no configuration of the program")]
    let named = std::env::var("REC_MARKET_TEST_READINGS").ok();
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/community-16.csv");
    named.map_or_else(|| PathBuf::from(usual), PathBuf::from)
}

#[needs::readings]
#[test]
fn four_weeks_of_sixteen_households_settle_to_the_totals_of_their_meters() {
    let recorded = demo::recording::read(&file()).unwrap();
    let meters = Meters::recorded(recorded, Package::Platform);
    let market = Market::of(&meters);
    let summary = &market.json(&["settle", "--json"])[0];
    assert_eq!(summary["intervals"], 2688);
    assert_eq!((&summary["from"], &summary["until"]), (&"2021-02-14T23:00:00Z".into(), &"2021-03-14T23:00:00Z".into()));
    assert_eq!(summary["events"], serde_json::json!({}));

    let report = &market.json(&["audit", "--json"])[0];
    assert_eq!(report["ok"], true);
    let members = report["communities"][0]["members"].as_array().unwrap();
    assert_eq!(members.len(), 16);
    let sum = |key: &str| members.iter().map(|member| member[key].as_i64().unwrap()).sum::<i64>();
    // The totals of the data's own description.
    assert_eq!((sum("import_wh"), sum("export_wh")), (3_835_829, 3_106_329));
    let bought = summary["local_wh"].as_i64().unwrap() + summary["from_grid_wh"].as_i64().unwrap();
    let sold = summary["local_wh"].as_i64().unwrap() + summary["to_grid_wh"].as_i64().unwrap();
    assert_eq!((bought, sold), (sum("import_wh") - sum("netted_wh"), sum("export_wh") - sum("netted_wh")));

    // 1,063 intervals have a surplus and a deficit at once: in each of them somebody traded with a neighbour.
    let mut local: Vec<Value> = market.json(&["trades", "--json"]);
    local.retain(|trade| trade["seller"] != "grid" && trade["buyer"] != "grid");
    local.dedup_by(|a, b| a["start"] == b["start"]);
    assert_eq!(local.len(), 1063);
    assert_eq!(market.settle().ends_with(0).out, "aveiro: nothing is due\n");
}
