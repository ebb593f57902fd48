//! `rec-market config show`.

use testkit::*;

#[test]
fn what_is_shown_can_be_used_anywhere_and_hides_passwords() {
    let market = Market::new("[tls]\nclient_ca = \"ca.pem\"\n[[community]]\nname = \"aveiro\"\n");
    std::fs::write(market.path("ca.pem"), "").unwrap();
    let store = [("REC_MARKET_STORE", "mongodb://us:hidden@host/market")];
    let show = |arguments: &[&str]| market.run_with(&store, arguments).ends_with(0);
    let shown = show(&["config", "show"]);
    assert!(
        shown.out.contains("store = \"mongodb://us:…@host/market\"") && !shown.out.contains("hidden"),
        "{}",
        shown.out
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("shown.toml");
    std::fs::write(&file, &shown.out).unwrap();
    market.run(&["config", "check", "--config", file.to_str().unwrap()]).ends_with(0);
    let again = market.run(&["config", "show", "--config", file.to_str().unwrap()]).ends_with(0);
    assert_eq!(again.out, shown.out);

    let json = show(&["config", "show", "--json"]).json();
    assert_eq!(json["store"], "mongodb://us:…@host/market");
    assert_eq!(json["tls"]["client_ca"], market.path("ca.pem").to_str().unwrap());
    assert_eq!(json["community"][0]["tariff"]["retail"], 162_400);
}

#[test]
fn what_is_wrong_is_not_shown() {
    let market = Market::new("");
    let ran = market.run(&["config", "show"]).ends_with(2).says("no community is configured");
    assert_eq!(ran.out, "");
}
