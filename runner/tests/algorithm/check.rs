//! `algorithm check`: the gate, with everything that it finds.

use std::os::unix::fs::DirEntryExt;

use rec_market_tests::guests;
use serde_json::{Value, json};
use testkit::Folder;

use crate::rounds::{base_component, base_names, three_members};

/// What the gate looks at, in its order.
const CHECKS: [&str; 28] = [
    "size",
    "component",
    "world",
    "imports",
    "memory",
    "tables",
    "instances",
    "compile",
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
    "probe: ordinary 1",
    "probe: ordinary 2",
    "probe: ordinary 3",
    "probe: ordinary 4",
    "probe: ordinary 5",
    "probe: ordinary 6",
];

/// The report on a component, and whether it is good.
fn report(folder: &Folder, component: &[u8]) -> Value {
    let file = folder.file("component.wasm", component);
    let answer = folder.run(&["algorithm", "check", file, "--json"]);
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

fn figures<'r>(report: &'r Value, name: &str) -> &'r Value {
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    &check.unwrap()["figures"]
}

#[test]
fn every_base_algorithm_passes_everything() {
    let folder = Folder::new();
    for name in base_names() {
        let report = report(&folder, base_component(name));
        assert_eq!((&report["passed"], names(&report, "passed")), (&json!(true), CHECKS.map(str::to_owned).to_vec()));
        assert_eq!(detail(&report, "imports"), "none", "{name}");
        assert!(detail(&report, "describe").starts_with(&format!("{name} 0.1.0: ")), "{name}");
        assert!(detail(&report, "probe: many members").contains("fuel"), "{name}");
        folder.run(&["algorithm", "check", name]).done();
    }
}

#[test]
fn a_report_is_an_object_of_checks() {
    let report = report(&Folder::new(), base_component("uniform"));
    let object = report.as_object().unwrap();
    let keys = ["algorithm", "checks", "community", "comparison", "component_bytes", "passed", "seed", "sha256"];
    assert_eq!(object.keys().collect::<Vec<_>>(), keys);
    for check in object["checks"].as_array().unwrap() {
        assert_eq!(check.as_object().unwrap().keys().collect::<Vec<_>>(), ["detail", "figures", "name", "verdict"]);
    }
}

#[test]
fn figures_are_numbers_with_their_limits() {
    let report = report(&Folder::new(), base_component("uniform"));
    let bytes = base_component("uniform").len();
    assert_eq!((&report["component_bytes"], &report["community"]), (&json!(bytes), &Value::Null));
    assert_eq!(figures(&report, "size"), &json!({"component_bytes": bytes, "component_bytes_max": 64 << 20}));
    let memory = figures(&report, "memory");
    assert_eq!(
        (&memory["memories"], &memory["memories_max"], &memory["declared_bytes_max"]),
        (&json!(1), &json!(50), &json!(128 << 20))
    );
    let probe = figures(&report, "probe: exact balance");
    assert_eq!((&probe["positions"], &probe["trades"]), (&json!(4), &json!(3)));
    for (used, most) in
        [("fuel", "fuel_limit"), ("peak_memory_bytes", "memory_limit_bytes"), ("output_bytes", "output_limit_bytes")]
    {
        let [used, most] = [used, most].map(|name| probe[name].as_u64().unwrap());
        assert!(0 < used && used < most, "{probe}");
    }
    assert!(memory["declared_bytes"].as_u64() <= probe["peak_memory_bytes"].as_u64(), "{report}");
}

#[test]
fn several_findings_are_told_at_once() {
    let folder = Folder::new();
    let found = report(&folder, guests::IMPORTS_AND_MEMORY);
    assert_eq!(names(&found, "failed"), ["imports", "memory"]);
    // What is refused anyway costs nobody the time to compile it.
    assert_eq!(names(&found, "noted"), ["compile", "probes"]);
    assert!(detail(&found, "imports").contains("wasi:filesystem/preopens@0.2.0"), "{found}");
    assert!(detail(&found, "imports").contains("avoid std::fs"), "{found}");
    let memory = detail(&found, "memory");
    for part in ["declares 1073872904 bytes", "at most 134217728", "raise the limit on memory"] {
        assert!(memory.contains(part), "{part}: {memory}");
    }
    assert_eq!(figures(&found, "memory")["declared_bytes"], 1_073_872_904);

    let found = report(&folder, guests::IMPORTS_MEMORY_AND_TABLES);
    assert_eq!(names(&found, "failed"), ["imports", "memory", "tables"]);
    assert_eq!(names(&found, "noted"), ["compile", "probes"]);
    for part in ["declares 61 tables, but at most 50", "declares 2000000 elements in one table, but at most 1048576"] {
        assert!(detail(&found, "tables").contains(part), "{part}: {found}");
    }

    let found = report(&folder, guests::WORLD_OF_NEXT_VERSION);
    assert_eq!(names(&found, "failed"), ["world"]);
}

#[test]
fn each_part_that_is_too_much_is_a_finding_of_its_own() {
    let folder = Folder::new();
    for (component, name, part) in [
        (guests::MEMORIES_TOO_MANY, "memory", "declares 61 memories, but at most 50"),
        (guests::TABLES_TOO_MANY, "tables", "declares 60 tables, but at most 50"),
        (guests::TABLE_DECLARED, "tables", "declares 10000000 elements in one table"),
        (guests::INSTANCES_TOO_MANY, "instances", "declares 202 instances of core modules, but at most 200"),
    ] {
        let report = report(&folder, component);
        assert_eq!(
            (names(&report, "failed"), names(&report, "noted")),
            (vec![name.to_owned()], vec!["compile".to_owned(), "probes".to_owned()])
        );
        assert!(detail(&report, name).contains(part), "{report}");
    }
    // What is declared fits in, if a run may have it.
    let file = folder.file("large.wasm", guests::MEMORY_DECLARED);
    let report = folder.run(&["algorithm", "check", file, "--json", "--memory", "2GiB"]).json();
    assert!(names(&report, "passed").contains(&"memory".to_owned()), "{report}");
}

#[test]
fn a_file_that_is_no_component_is_one_finding() {
    let folder = Folder::new();
    let nothing = report(&folder, b"");
    assert_eq!((names(&nothing, "failed"), nothing["checks"].as_array().unwrap().len()), (vec!["size".to_owned()], 1));
    for broken in [b"(component)".as_slice(), &guests::GRID_ONLY[..100], &guests::components_in_components(2_000)] {
        let report = report(&folder, broken);
        assert_eq!(names(&report, "failed"), ["component"], "{report}");
        assert_eq!(names(&report, "passed")[0], "size");
    }
    let world = report(&folder, guests::WORLD_WITHOUT_CLEAR);
    assert_eq!(
        (names(&world, "failed"), names(&world, "noted")),
        (vec!["world".to_owned()], vec!["probes".to_owned()])
    );
    let compile = report(&folder, guests::RELAXED_SIMD);
    assert_eq!(names(&compile, "failed"), ["component"]);
}

#[test]
fn what_differs_between_two_engines_is_refused_and_told() {
    let folder = Folder::new();
    let honest = report(&folder, guests::GRID_ONLY);
    assert_eq!(names(&honest, "passed"), CHECKS, "{honest}");
    let report = report(&folder, guests::STACK_UNLESS_OPTIMISED);
    assert_eq!(
        names(&report, "failed"),
        CHECKS.iter().filter(|name| name.starts_with("probe")).copied().collect::<Vec<_>>()
    );
    let ties = detail(&report, "probe: ties");
    for part in [
        "an engine that does not optimise on the same round differs: 12 trades and a failure (trap: ",
        "a second run on an engine that does not optimise on the same round differs",
        "call stack exhausted",
    ] {
        assert!(ties.contains(part), "{part}: {ties}");
    }
    assert!(!ties.starts_with("a second run on the same round"), "{ties}");
}

/// Compiling again would put another file in the place of each.
#[test]
fn a_second_check_compiles_for_neither_engine() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::with_cache(directory.path());
    let file = folder.file("grid-only.wasm", guests::GRID_ONLY);
    let check = || {
        folder.run(&["algorithm", "check", file]).done();
        let files = std::fs::read_dir(directory.path().join("rec-market")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap()).map(|file| (file.path(), file.ino())).collect();
        files.sort();
        files
    };
    let first = check();
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(check(), first);
    // Nor does a run after it.
    folder.try_on(file, &three_members(), &[]).done();
    assert_eq!(check(), first);
}

#[test]
fn a_person_sees_every_check_with_a_mark() {
    let answer = Folder::new().run(&["algorithm", "check", "mid-market-rate"]).done();
    let lines: Vec<&str> = answer.out.lines().collect();
    assert_eq!(lines.len(), CHECKS.len() + 2, "{}", answer.out);
    for (line, name) in lines.iter().zip(CHECKS) {
        assert!(line.starts_with(&format!("✓ {name} ")), "{line}");
    }
    let seed = lines[CHECKS.len()].strip_prefix("· seed").unwrap().split_whitespace().next().unwrap();
    assert_eq!(lines[CHECKS.len() + 1], "mid-market-rate: passed");
    // With this seed it is the same again, but for the time that it took.
    let again = Folder::new().run(&["algorithm", "check", "mid-market-rate", "--seed", seed]).done();
    let timeless = |out: &str| -> Vec<String> {
        out.lines().map(|line| line.split(" bytes, ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(timeless(&again.out), timeless(&answer.out));
    let other = Folder::new().run(&["algorithm", "check", "mid-market-rate"]).done();
    assert_ne!(timeless(&other.out), timeless(&answer.out));
}

#[test]
fn a_bad_one_is_refused_with_everything_that_was_found() {
    let folder = Folder::new();
    let report = report(&folder, guests::ENERGY_MADE);
    assert_eq!(report["passed"], false);
    assert_eq!(names(&report, "passed"), CHECKS[..8]);
    // It trades its three members whoever is there, and does not say what it is.
    let mut failed: Vec<&str> = CHECKS[8..].to_vec();
    failed.retain(|name| *name != "probe: price limits");
    assert_eq!(names(&report, "failed"), failed);
    assert_eq!(names(&report, "noted"), ["probe: price limits"]);
    for part in ["name \"\"", "version \"\"", "summary is empty"] {
        assert!(detail(&report, "describe").contains(part), "{report}");
    }
    assert!(detail(&report, "probe: all surplus").contains(" sells 1300 Wh but has a surplus of "), "{report}");

    let answer = folder.run(&["algorithm", "check", "component.wasm"]);
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
    let folder = Folder::new();
    for (component, kind) in [
        (guests::UNREACHABLE, "trap: "),
        (guests::MEMORY_BOMB, "memory: "),
        (guests::PARTY_DISCRIMINANT, "invalid: "),
        (guests::PANICS, "it wrote: panicked"),
    ] {
        let report = report(&folder, component);
        assert_eq!(names(&report, "failed").len(), 19, "{report}");
        assert!(detail(&report, "probe: empty").contains(kind), "{report}");
    }
    let report = report(&folder, guests::DESCRIBE_TRAPS);
    assert!(detail(&report, "describe").contains("trapped") && names(&report, "failed").len() > 1, "{report}");
}

#[test]
fn state_in_a_global_does_not_reach_the_second_run() {
    let report = report(&Folder::new(), guests::STATE_IN_GLOBALS);
    assert!(!report.to_string().contains("differs"), "every run has a fresh instance: {report}");
}

#[test]
fn limits_hold_for_probes_too() {
    let folder = Folder::new();
    let answer = folder.run(&["algorithm", "check", "uniform", "--json", "--fuel", "100"]);
    assert_eq!(answer.code, 1);
    let report = answer.json();
    assert!(detail(&report, "probe: many members").starts_with("fuel: used all its fuel of 100"), "{report}");
    assert!(detail(&report, "describe").contains("fuel of 100"), "{report}");
}

#[test]
fn a_loop_is_found_within_seconds() {
    let folder = Folder::new();
    let file = folder.file("loop.wasm", guests::ENDLESS_LOOP);
    let answer = folder.run(&["algorithm", "check", file, "--json", "--fuel", "100000000"]);
    assert_eq!((answer.code, names(&answer.json(), "failed").len()), (1, 19));
    // With the usual fuel a few are enough, and it is told that there are more.
    let report = folder.run(&["algorithm", "check", file, "--json"]).json();
    assert_eq!(names(&report, "noted"), ["other probes"], "{report}");
    assert!(detail(&report, "other probes").contains("15 more are not tried"), "{report}");
}

#[test]
fn rounds_of_probes_can_be_looked_at_and_run_again() {
    let folder = Folder::new();
    let file = folder.file("greed.wasm", guests::ABSURD_PRICE);
    let answer = folder.run(&["algorithm", "check", file, "--json", "--save-rounds", "rounds.jsonl"]);
    let report = answer.ends_with(1).json();
    let probes: Vec<&Value> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["name"].as_str().unwrap().starts_with("probe: "))
        .collect();
    // Each round, with the limits that it had, is judged as it was.
    let rerun = folder.run(&["algorithm", "run", file, "--rounds", "rounds.jsonl", "--json"]).ends_with(1).objects();
    assert_eq!(rerun.len(), probes.len());
    for (probe, run) in probes.into_iter().zip(rerun) {
        let is_good = probe["verdict"] == "passed";
        assert_eq!((run["status"] == "balanced", &run["fuel"]), (is_good, &probe["figures"]["fuel"]), "{probe} {run}");
    }
    folder.run(&["algorithm", "check", file, "--save-rounds", "rounds.jsonl"]).ends_with(2).says("already exists");
}
