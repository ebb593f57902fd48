//! `rec-market config check`.

use testkit::*;

const RIGHT: &str = "[[community]]\nname = \"aveiro\"\n[[community]]\nname = \"porto\"\nunlisted = \"ignore\"\nmembers = { a = {} }\nalgorithm = \"static\"\nsettings = { price = 5 }\n";

#[test]
fn a_configuration_that_is_right_says_so_and_starts_nothing() {
    let market = Market::new(RIGHT);
    let ran = market.run(&["config", "check"]).ends_with(0);
    assert_eq!(ran.out, "market.toml is valid: 2 communities (aveiro, porto)\n");
    assert!(!market.path("market.db").exists());
    std::fs::copy(market.path("market.toml"), market.path("other.toml")).unwrap();
    let ran = market.run(&["config", "check", "--config", "other.toml"]).ends_with(0);
    assert!(ran.out.starts_with("other.toml is valid"), "{}", ran.out);
}

#[test]
fn every_mistake_is_told_and_ends_with_2() {
    // The harness puts one line before.
    let market = Market::new("stor = 5\n[[community]]\nname = \"a\"\ntariff = { retail = 0.2 }\ninterval = \"1s\"\n");
    let ran = market.run(&["config", "check"]).ends_with(2);
    assert_eq!(ran.out, "");
    let lines: Vec<&str> = ran.err.lines().collect();
    let starts =
        ["error: market.toml has 3 mistakes:", "  line 2: stor", "  line 5: comm", "  line 6: community.interval"];
    assert!(lines.len() == 4 && lines.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{lines:#?}");
    market
        .run(&["config", "check", "--config", "no.toml"])
        .ends_with(2)
        .says("no.toml has 1 mistake:\n  cannot be read");
}

#[test]
fn an_algorithm_that_cannot_be_used_is_a_mistake() {
    let market = Market::new(
        "[[community]]\nname = \"a\"\nalgorithm = \"text.wasm\"\n[[community]]\nname = \"b\"\nunlisted = \"ignore\"\nsettings = { prise = 5 }\n",
    );
    std::fs::write(market.path("text.wasm"), "no component").unwrap();
    let ran = market.run(&["config", "check"]).ends_with(2);
    assert!(
        ran.err.contains("\n  community a: text.wasm: ") && ran.err.contains("\n  community b: setting \"prise\""),
        "{}",
        ran.err
    );
}

#[test]
fn the_environment_is_checked_as_well() {
    let market = Market::new(RIGHT);
    let run = |name: &str, value: &str| market.run_with(&[(name, value)], &["config", "check"]);
    run("REC_MARKET_STORE", "mongodb://u:hidden@host/market").ends_with(0);
    let ran =
        run("REC_MARKET_STORE", "mongodb://u:hidden@/market").ends_with(2).says("REC_MARKET_STORE is \"mongodb://…\"");
    assert!(!ran.err.contains("hidden"), "{}", ran.err);
    run("REC_MARKET_FORWARD_MODE", "push")
        .ends_with(2)
        .says("REC_MARKET_FORWARD_MODE is \"push\", but forward.to is missing");
    // Others may use the prefix: no mistake, but told.
    run("REC_MARKET_STOER", "x").ends_with(0).says("REC_MARKET_STOER overrides no key");
}
