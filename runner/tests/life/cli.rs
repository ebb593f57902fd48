//! The same life by hand: the commands, what they print, and how they end.

use rec_market_tests::guests;
use serde_json::Value;

use crate::common::*;
use crate::desk::*;
use crate::running::*;

/// Runs `rec-market algorithm …` against a service.
fn operate(market: &Market, service: &Running, token: &str, arguments: &[&str]) -> Ran {
    let url = format!("https://{}", service.tls);
    let server = ["--server", &url, "--ca", "ca_crt.pem", "--token-file", token];
    market.run(&[&["algorithm"], arguments, &server].concat())
}

fn json(ran: Ran) -> Value {
    serde_json::from_str(&ran.ends_with(0).out).unwrap()
}

#[track_caller]
fn shows(ran: &Ran, parts: &[&str]) {
    for part in parts {
        assert!(ran.out.contains(part), "no {part:?} in:\n{}\n{}", ran.out, ran.err);
    }
}

fn listed_digest(listed: &Ran, name: &str) -> String {
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    let versions = listed["algorithms"].as_array().unwrap();
    let found = versions.iter().find(|version| version["algorithm"]["name"] == name).unwrap();
    found["algorithm"]["sha256"].as_str().unwrap().to_owned()
}

#[test]
fn an_algorithm_lives_from_its_upload_to_its_roll_back() {
    let rows = ["a 12:00 5 5", "b 12:00 5 5", "a 12:15 5 605", "b 12:15 505 5", "a 12:30 6 700", "b 12:30 900 5"];
    let meters = Meters::telling(&rows);
    let market = market_with_callers(&meters, "grace = \"0s\"");
    let service = Running::start(&market);
    eventually("everything is settled", || intervals(&market) == 3);
    let ada = |arguments: &[&str]| operate(&market, &service, "ada.token", arguments);
    std::fs::write(market.path("evening.wasm"), renamed("uniform", "evening")).unwrap();

    // The gate says the same at home and there.
    let url = format!("https://{}", service.tls);
    let asked =
        ["algorithm", "check", "evening.wasm", "--server", &url, "--ca", "ca_crt.pem", "--token-file", "rea.token"];
    let at_home = market.run(&asked).ends_with(0);
    shows(&at_home, &["✓ world", "✓ probe: ties", "evening.wasm: passed"]);
    let for_it = market.run(&[&asked[..], &["--community", "aveiro"]].concat()).ends_with(0);
    shows(&for_it, &["evening.wasm: passed for aveiro", "when it activates the algorithm"]);
    let uploaded = ada(&["upload", "evening.wasm"]).ends_with(0);
    shows(&uploaded, &["✓ world", "✓ probe: ties", "evening.wasm: uploaded as evening@0.1.0"]);
    shows(&ada(&["upload", "evening.wasm"]).ends_with(0), &["already uploaded, as evening@0.1.0"]);
    let again = json(ada(&["upload", "evening.wasm", "--json"]));
    assert_eq!((&again["accepted"], &again["was_there"]), (&true.into(), &true.into()));
    assert_eq!(again["report"]["passed"], true);

    let listed = ada(&["list"]).ends_with(0);
    shows(&listed, &["evening@0.1.0", "part of the program", "aveiro", "mid-market-rate@", "configured"]);
    shows(
        &ada(&["show", "evening"]).ends_with(0),
        &["evening@0.1.0", "by ada", "report of the gate", "✓ probe: zeros"],
    );
    let shown = json(ada(&["show", "evening@0.1.0", "--json"]));
    assert_eq!((&shown["uploaded_by"], &shown["report"]["passed"]), (&"ada".into(), &true.into()));
    ada(&["show", "morning"]).ends_with(2).says("no algorithm morning was uploaded here").says("evening@0.1.0");

    // What comes back is what went in, and replaces nothing else.
    shows(&ada(&["download", "evening"]).ends_with(0), &["evening-0.1.0.wasm: evening@0.1.0"]);
    let bytes = |name: &str| std::fs::read(market.path(name)).unwrap();
    assert_eq!(bytes("evening-0.1.0.wasm"), bytes("evening.wasm"));
    ada(&["download", "uniform", "--output", "evening.wasm"]).ends_with(2).says("already exists with other contents");

    // By its digest it is that, or nothing.
    let digest = format!("sha256:{}", listed_digest(&ada(&["list", "--json"]), "evening"));
    shows(&ada(&["download", &digest, "--output", "again.wasm"]).ends_with(0), &["again.wasm: evening@0.1.0"]);
    let twice = ["activate", "aveiro", "evening", "--set", "a=1", "--set", "a=2"];
    ada(&twice).ends_with(2).says("--set gives a twice, \"1\" and \"2\"");

    // In the shadow, over what is settled.
    let report = ada(&["shadow", "aveiro", "evening", "--since", "2023-09-01"]).ends_with(0);
    shows(
        &report,
        &[
            // From the first interval that there is, at or after the time that was named.
            "evening@0.1.0 runs in the shadow of aveiro, from 2023-09-01T11:45:00Z to 2023-09-01T12:30:00Z",
            "2 intervals run, 0 failed, 0 rejected",
            "total",
            "EUR",
        ],
    );
    let report = json(ada(&["shadow", "aveiro", "--json"]));
    assert_eq!((&report["intervals"], &report["members"][0]["member"]), (&2.into(), &"a".into()));
    assert_eq!(report["total"]["local_wh"], report["total"]["candidate_local_wh"]);
    assert_ne!(report["total"]["local_wh"], 0);
    shows(&ada(&["shadow", "aveiro", "--off"]).ends_with(0), &["evening@0.1.0 no longer runs in the shadow"]);
    shows(&ada(&["shadow", "aveiro"]).ends_with(0), &["evening@0.1.0 ran in the shadow of aveiro"]);

    ada(&["activate", "aveiro", "evening", "--from", "2023-09-01T12:15:00Z"]).ends_with(1).says("is settled already");
    ada(&["activate", "averio", "evening"]).ends_with(2).says("there is no community \"averio\"");
    let activated = ada(&["activate", "aveiro", "evening", "--from", "2023-09-01T12:30:00Z"]).ends_with(0);
    shows(&activated, &["aveiro: settled with evening@0.1.0 from 2023-09-01T12:30:00Z on"]);
    shows(&ada(&["list"]), &["activated"]);
    meters.tell(&["a 12:45 7 900", "b 12:45 1200 5"]);
    eventually("the next is settled", || intervals(&market) == 4);
    let back = json(ada(&["rollback", "aveiro", "--json"]));
    assert_eq!((&back["action"], &back["before"]["name"]), (&"rolled-back".into(), &"evening".into()));
    ada(&["rollback", "aveiro"]).ends_with(1).says("nothing is activated");
    let changes = ada(&["changes"]).ends_with(0);
    shows(&changes, &["rolled-back", "activated", "shadow-ended", "shadow-started", "uploaded", "ada"]);
    let changes = ada(&["changes", "--json", "--limit", "2"]).ends_with(0).out;
    assert_eq!(changes.lines().count(), 2);
    // Whoever looks at the books later finds it there.
    market.run(&["replay"]).ends_with(0);
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn refusals_say_what_to_do() {
    let meters = Meters::telling(&[]);
    let market = market_with_callers(&meters, "");
    let service = Running::start(&market);
    let ada = |arguments: &[&str]| operate(&market, &service, "ada.token", arguments);
    std::fs::write(market.path("bad.wasm"), guests::GRID_PRICE_WRONG).unwrap();
    let refused = ada(&["upload", "bad.wasm"]).ends_with(1);
    shows(&refused, &["✗ probe:", "grid-price", "bad.wasm: refused; the service keeps only a record of the upload"]);
    std::fs::write(market.path("text.wasm"), "(module)").unwrap();
    shows(&ada(&["upload", "text.wasm"]).ends_with(1), &["✗ component"]);
    ada(&["upload", "missing.wasm"]).ends_with(2).says("missing.wasm");
    operate(&market, &service, "rea.token", &["upload", "bad.wasm"]).ends_with(2).says("rea may only read");
    operate(&market, &service, "rea.token", &["list"]).ends_with(0);
    std::fs::write(market.path("wrong.token"), "not a token of anybody").unwrap();
    let wrong = operate(&market, &service, "wrong.token", &["list"]).ends_with(2);
    wrong.says("no caller has this token").says("--token-file");
    std::fs::write(market.path("empty.token"), "\n").unwrap();
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
