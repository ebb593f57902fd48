//! `algorithm check`: the gate, with everything that it finds.

use rec_market_tests::guests;
use serde_json::{Value, json};

use crate::bench::{Bench, base_component, base_names};

/// What the gate looks at, in its order.
const CHECKS: [&str; 18] = [
    "size",
    "component",
    "world",
    "imports",
    "describe",
    "probe: empty",
    "probe: one member",
    "probe: all surplus",
    "probe: all deficit",
    "probe: exact balance",
    "probe: ties",
    "probe: zeros",
    "probe: no prices cross",
    "probe: both at once",
    "probe: negative prices",
    "probe: extreme values",
    "probe: many members",
    "probe: price limits",
];

/// The report on a component, and whether it is good.
fn report(bench: &Bench, component: &[u8]) -> Value {
    let file = bench.file("component.wasm", component);
    let answer = bench.run(&["algorithm", "check", file, "--json"]);
    assert_eq!(answer.err, "");
    let report = answer.json();
    assert_eq!(answer.code, if report["passed"] == true { 0 } else { 1 }, "{report}");
    report
}

fn names(report: &Value, verdict: &str) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["verdict"] == verdict).map(|check| check["name"].as_str().unwrap().to_owned()).collect()
}

fn detail<'r>(report: &'r Value, name: &str) -> &'r str {
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    check.unwrap()["detail"].as_str().unwrap()
}

#[test]
fn every_base_algorithm_passes_everything() {
    let bench = Bench::new();
    for name in base_names() {
        let report = report(&bench, base_component(name));
        assert_eq!((&report["passed"], names(&report, "passed")), (&json!(true), CHECKS.map(str::to_owned).to_vec()));
        assert_eq!(detail(&report, "imports"), "none", "{name}");
        assert!(detail(&report, "describe").starts_with(&format!("{name} 0.1.0: ")), "{name}");
        assert!(detail(&report, "probe: many members").contains("fuel"), "{name}");
        bench.run(&["algorithm", "check", name]).done();
    }
}

#[test]
fn a_report_is_an_object_of_checks() {
    let report = report(&Bench::new(), base_component("uniform"));
    let object = report.as_object().unwrap();
    assert_eq!(object.keys().collect::<Vec<_>>(), ["checks", "passed"]);
    for check in object["checks"].as_array().unwrap() {
        assert_eq!(check.as_object().unwrap().keys().collect::<Vec<_>>(), ["detail", "name", "verdict"]);
    }
}

#[test]
fn a_person_sees_every_check_with_a_mark() {
    let answer = Bench::new().run(&["algorithm", "check", "mid-market-rate"]).done();
    let lines: Vec<&str> = answer.out.lines().collect();
    assert_eq!(lines.len(), CHECKS.len() + 1, "{}", answer.out);
    for (line, name) in lines.iter().zip(CHECKS) {
        assert!(line.starts_with(&format!("✓ {name} ")), "{line}");
    }
    assert_eq!(lines[CHECKS.len()], "mid-market-rate: passed");
}

#[test]
fn a_bad_one_is_refused_with_everything_that_was_found() {
    let bench = Bench::new();
    let report = report(&bench, guests::ENERGY_MADE);
    assert_eq!(report["passed"], false);
    assert_eq!(names(&report, "passed"), ["size", "component", "world", "imports"]);
    // It trades its three members whoever is there, and does not say what it is.
    let mut failed: Vec<&str> = CHECKS[4..].to_vec();
    failed.retain(|name| *name != "probe: price limits");
    assert_eq!(names(&report, "failed"), failed);
    assert_eq!(names(&report, "noted"), ["probe: price limits"]);
    for part in ["name \"\"", "version \"\"", "summary is empty"] {
        assert!(detail(&report, "describe").contains(part), "{report}");
    }
    assert!(detail(&report, "probe: all surplus").contains("oversold: member m0000 sells 1300 Wh"), "{report}");

    let answer = bench.run(&["algorithm", "check", "component.wasm"]);
    assert_eq!(answer.code, 1);
    assert!(
        answer.out.contains("\n✗ probe: ties ") && answer.out.contains("\n· probe: price limits "),
        "{}",
        answer.out
    );
    assert!(answer.out.ends_with("component.wasm: refused\n"), "{}", answer.out);
}

#[test]
fn failures_in_probes_are_told_by_kind_and_do_not_hide_others() {
    let bench = Bench::new();
    for (component, kind) in [
        (guests::UNREACHABLE, "trap: "),
        (guests::MEMORY_BOMB, "memory: "),
        (guests::PARTY_DISCRIMINANT, "invalid: "),
        (guests::PANICS, "it wrote: panicked"),
    ] {
        let report = report(&bench, component);
        assert_eq!(names(&report, "failed").len(), 13, "{report}");
        assert!(detail(&report, "probe: empty").contains(kind), "{report}");
    }
    let report = report(&bench, guests::DESCRIBE_TRAPS);
    assert!(detail(&report, "describe").contains("trapped") && names(&report, "failed").len() > 1, "{report}");
}

#[test]
fn state_in_a_global_does_not_reach_the_second_run() {
    let report = report(&Bench::new(), guests::STATE_IN_GLOBALS);
    assert!(!report.to_string().contains("two runs"), "every run has a fresh instance: {report}");
}

#[test]
fn limits_hold_for_probes_too() {
    let bench = Bench::new();
    let answer = bench.run(&["algorithm", "check", "uniform", "--json", "--fuel", "100"]);
    assert_eq!(answer.code, 1);
    let report = answer.json();
    assert!(detail(&report, "probe: many members").starts_with("fuel: used all its fuel of 100"), "{report}");
    assert!(detail(&report, "describe").contains("fuel of 100"), "{report}");
}

#[test]
fn a_loop_is_found_within_seconds() {
    let bench = Bench::new();
    let file = bench.file("loop.wasm", guests::ENDLESS_LOOP);
    let answer = bench.run(&["algorithm", "check", file, "--json", "--fuel", "100000000"]);
    assert_eq!((answer.code, names(&answer.json(), "failed").len()), (1, 13));
}
