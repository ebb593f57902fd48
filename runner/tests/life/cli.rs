//! The same life by hand: the commands, what they print, and how they end.

use rec_market_tests::guests;
use serde_json::Value;

use crate::caller::*;
use testkit::*;

/// Runs `rec-market algorithm …` against a service.
pub fn operate(market: &Market, service: &Service, token: &str, arguments: &[&str]) -> Ran {
    let url = format!("https://{}", service.tls);
    let server = ["--server", &url, "--ca", "ca_crt.pem", "--token-file", token];
    market.run(&[&["algorithm"], arguments, &server].concat())
}

fn listed_digest(listed: &Ran, name: &str) -> String {
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    let versions = listed["algorithms"].as_array().unwrap();
    let found = versions.iter().find(|version| version["algorithm"]["name"] == name).unwrap();
    found["algorithm"]["sha256"].as_str().unwrap().to_owned()
}

/// A service that has settled two intervals between `a` and `b`, and the component of an author beside it.
fn serve_settled() -> (Meters, Market, Service) {
    let rows = ["a 12:00 5 5", "b 12:00 5 5", "a 12:15 5 605", "b 12:15 505 5", "a 12:30 6 700", "b 12:30 900 5"];
    let meters = Meters::telling(&rows);
    let (market, service, _) = serve(&meters, "grace = \"0s\"");
    eventually("everything is settled", || market.intervals() == 3);
    market.file("evening.wasm", renamed("uniform", "evening"));
    (meters, market, service)
}

#[test]
fn what_passes_the_gate_is_uploaded_and_listed() {
    let (_meters, market, service) = serve_settled();
    let ada = |arguments: &[&str]| operate(&market, &service, "ada.token", arguments);
    // The gate says the same at home and there.
    let url = format!("https://{}", service.tls);
    let asked =
        ["algorithm", "check", "evening.wasm", "--server", &url, "--ca", "ca_crt.pem", "--token-file", "rea.token"];
    let at_home = market.run(&asked).ends_with(0);
    at_home.shows(&["✓ world", "✓ probe: ties", "evening.wasm: passed"]);
    let for_it = market.run(&[&asked[..], &["--community", "aveiro"]].concat()).ends_with(0);
    for_it.shows(&["evening.wasm: passed for aveiro", "when it activates the algorithm"]);
    let uploaded = ada(&["upload", "evening.wasm"]).ends_with(0);
    uploaded.shows(&["✓ world", "✓ probe: ties", "evening.wasm: uploaded as evening@0.1.0"]);
    ada(&["upload", "evening.wasm"]).ends_with(0).shows(&["already uploaded, as evening@0.1.0"]);
    let again = ada(&["upload", "evening.wasm", "--json"]).ends_with(0).json();
    assert_eq!((&again["accepted"], &again["was_there"]), (&true.into(), &true.into()));
    assert_eq!(again["report"]["passed"], true);

    let listed = ada(&["list"]).ends_with(0);
    listed.shows(&["evening@0.1.0", "part of the program", "aveiro", "mid-market-rate@", "configured"]);
    let shown = ada(&["show", "evening"]).ends_with(0);
    shown.shows(&["evening@0.1.0", "by ada", "report of the gate", "✓ probe: zeros"]);
    let shown = ada(&["show", "evening@0.1.0", "--json"]).ends_with(0).json();
    assert_eq!((&shown["uploaded_by"], &shown["report"]["passed"]), (&"ada".into(), &true.into()));
    ada(&["show", "morning"]).ends_with(2).says("no algorithm morning was uploaded here").says("evening@0.1.0");
}

#[test]
fn what_is_downloaded_is_what_was_uploaded() {
    let (_meters, market, service) = serve_settled();
    let ada = |arguments: &[&str]| operate(&market, &service, "ada.token", arguments);
    ada(&["upload", "evening.wasm"]).ends_with(0);
    // It replaces nothing else.
    ada(&["download", "evening"]).ends_with(0).shows(&["evening-0.1.0.wasm: evening@0.1.0"]);
    let bytes = |name: &str| std::fs::read(market.path(name)).unwrap();
    assert_eq!(bytes("evening-0.1.0.wasm"), bytes("evening.wasm"));
    ada(&["download", "uniform", "--output", "evening.wasm"]).ends_with(2).says("already exists with other contents");

    // By its digest it is that, or nothing.
    let digest = format!("sha256:{}", listed_digest(&ada(&["list", "--json"]), "evening"));
    ada(&["download", &digest, "--output", "again.wasm"]).ends_with(0).shows(&["again.wasm: evening@0.1.0"]);
}

#[test]
fn a_candidate_in_the_shadow_is_reported_until_it_is_taken_away() {
    let (_meters, market, service) = serve_settled();
    let ada = |arguments: &[&str]| operate(&market, &service, "ada.token", arguments);
    ada(&["upload", "evening.wasm"]).ends_with(0);
    let report = ada(&["shadow", "aveiro", "evening", "--since", "2023-09-01"]).ends_with(0);
    let report = report.shows(&[
        // From the first interval that there is, at or after the time that was named.
        "evening@0.1.0 runs in the shadow of aveiro, from 2023-09-01T11:45:00Z to 2023-09-01T12:30:00Z",
        "2 intervals run, 0 failed, 0 rejected",
    ]);
    // Both members sum up to all, where the same rule under another name trades as much.
    let total = report.out.lines().map(str::trim_start).find(|line| line.starts_with("total ")).unwrap();
    assert_eq!(total.split_whitespace().collect::<Vec<_>>()[1..4], ["1.188", "1.188", "0.000"], "{}", report.out);
    let report = ada(&["shadow", "aveiro", "--json"]).ends_with(0).json();
    assert_eq!((&report["intervals"], &report["members"][0]["member"]), (&2.into(), &"a".into()));
    assert_eq!(report["total"]["local_wh"], report["total"]["candidate_local_wh"]);
    assert_ne!(report["total"]["local_wh"], 0);
    ada(&["shadow", "aveiro", "--off"]).ends_with(0).shows(&["evening@0.1.0 no longer runs in the shadow"]);
    ada(&["shadow", "aveiro"]).ends_with(0).shows(&["evening@0.1.0 ran in the shadow of aveiro"]);
    ada(&["changes"]).ends_with(0).shows(&["shadow-ended", "shadow-started", "uploaded", "ada"]);
}

#[test]
fn an_activation_settles_until_it_is_rolled_back() {
    let (meters, market, service) = serve_settled();
    let ada = |arguments: &[&str]| operate(&market, &service, "ada.token", arguments);
    ada(&["upload", "evening.wasm"]).ends_with(0);
    let twice = ["activate", "aveiro", "evening", "--set", "a=1", "--set", "a=2"];
    ada(&twice).ends_with(2).says("--set gives a twice, \"1\" and \"2\"");
    ada(&["activate", "aveiro", "evening", "--from", "2023-09-01T12:15:00Z"]).ends_with(1).says("is settled already");
    ada(&["activate", "averio", "evening"]).ends_with(2).says("there is no community \"averio\"");
    let activated = ada(&["activate", "aveiro", "evening", "--from", "2023-09-01T12:30:00Z"]).ends_with(0);
    activated.shows(&["aveiro: settled with evening@0.1.0 from 2023-09-01T12:30:00Z on"]);
    ada(&["list"]).shows(&["activated"]);
    meters.tell(&["a 12:45 7 900", "b 12:45 1200 5"]);
    eventually("the next is settled", || market.intervals() == 4);
    let back = ada(&["rollback", "aveiro", "--json"]).ends_with(0).json();
    assert_eq!((&back["action"], &back["before"]["name"]), (&"rolled-back".into(), &"evening".into()));
    ada(&["rollback", "aveiro"]).ends_with(1).says("nothing is activated");
    let changes = ada(&["changes"]).ends_with(0);
    changes.shows(&["rolled-back", "activated", "uploaded", "ada"]);
    let changes = ada(&["changes", "--json", "--limit", "2"]).ends_with(0).out;
    assert_eq!(changes.lines().count(), 2);
    // Whoever looks at the books later finds it there.
    market.run(&["replay"]).ends_with(0);
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn refusals_say_what_to_do() {
    let meters = Meters::silent();
    let (market, service, _) = serve(&meters, "");
    let ada = |arguments: &[&str]| operate(&market, &service, "ada.token", arguments);
    market.file("bad.wasm", guests::GRID_PRICE_WRONG);
    let refused = ada(&["upload", "bad.wasm"]).ends_with(1);
    refused.shows(&["✗ probe:", "grid-price", "bad.wasm: refused; the service keeps only a record of the upload"]);
    market.file("text.wasm", "(module)");
    ada(&["upload", "text.wasm"]).ends_with(1).shows(&["✗ component"]);
    ada(&["upload", "missing.wasm"]).ends_with(2).says("missing.wasm");
    operate(&market, &service, "rea.token", &["upload", "bad.wasm"]).ends_with(2).says("which rea does not have");
    operate(&market, &service, "rea.token", &["list"]).ends_with(0);
    market.file("wrong.token", "not a token of anybody");
    let wrong = operate(&market, &service, "wrong.token", &["list"]).ends_with(2);
    wrong.says("no caller has this token").says("--token-file");
    market.file("empty.token", "\n");
    operate(&market, &service, "empty.token", &["list"]).ends_with(2).says("is empty");
    let url = format!("https://{}", service.tls);
    market
        .run(&["algorithm", "list", "--server", &url, "--ca", "ca_crt.pem"])
        .ends_with(2)
        .says("does not know who asks");
    // A service that nobody vouches for, that is not there, that is no https://.
    market.run(&["algorithm", "list", "--server", &url]).ends_with(3).says("does not answer");
    market.run(&["algorithm", "list", "--server", "https://127.0.0.1:1"]).ends_with(3).says("does not answer");
    market.run(&["algorithm", "list", "--server", "http://127.0.0.1:1"]).ends_with(2).says("https://");
    market.run(&["algorithm", "list"]).ends_with(2).says("--server");
    let other = ["algorithm", "check", "bad.wasm", "--community", "aveiro"];
    market.run(&other).ends_with(2).says("--config").says("--server");
}
