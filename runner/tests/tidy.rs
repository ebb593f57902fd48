//! What the compiler does not hold: the arrows of ARCHITECTURE.md, and the size and manners of files.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test says what broke by failing")]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest source file, in lines: "a few hundred".
const LINES_MAX: usize = 620;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every file below a folder with one of these endings, as (path relative to the workspace, text).
fn files(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && name != ".git" {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let relative = path.strip_prefix(workspace()).unwrap().display().to_string();
                found.push((relative, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no files in {folder}");
    found
}

/// Lines of code that have one of these words, outside of comments.
fn lines_with(files: &[(String, String)], words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files {
        if allowed.iter().any(|prefix| path.starts_with(prefix)) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn the_domain_knows_no_async_clock_serde_proto_wit_or_database() {
    let forbidden = [
        "tokio",
        "async ",
        "serde",
        "prost",
        "tonic",
        "wasmtime",
        "bindgen",
        "rusqlite",
        "mongodb",
        "std::fs",
        "std::net",
        "SystemTime",
        "Instant",
        "std::env",
        "f32",
        "f64",
    ];
    assert_eq!(lines_with(&files("runner/domain", &[".rs", "Cargo.toml"]), &forbidden, &[]), [""; 0]);
}

#[test]
fn only_the_sandbox_names_wasmtime() {
    let files = files("runner", &[".rs", "Cargo.toml"]);
    let allowed = ["runner/sandbox/", "runner/tests/"];
    assert_eq!(lines_with(&files, &["wasmtime::", "wasmtime.workspace", "wasmtime ="], &allowed), [""; 0]);
}

#[test]
fn only_stores_speak_to_databases_and_only_edges_speak_grpc() {
    let files = files("runner/src", &[".rs"]);
    assert_eq!(lines_with(&files, &["rusqlite::"], &["runner/src/store/sqlite"]), [""; 0]);
    assert_eq!(lines_with(&files, &["mongodb::", "bson::"], &["runner/src/store/mongo"]), [""; 0]);
    let grpc =
        ["runner/src/meters/", "runner/src/api", "runner/src/transactions", "runner/src/operator", "runner/src/proto"];
    assert_eq!(lines_with(&files, &["tonic::"], &grpc), [""; 0]);
}

#[test]
fn files_are_short_and_none_is_called_utils() {
    let mut sources = files("runner", &[".rs"]);
    sources.extend(files("algorithms", &[".rs"]));
    sources.extend(files("tests", &[".rs"]));
    let long: Vec<String> = sources
        .iter()
        .filter(|(_, text)| text.lines().count() > LINES_MAX)
        .map(|(path, text)| format!("{path} has {} lines", text.lines().count()))
        .collect();
    assert_eq!(long, [""; 0]);
    let utils: Vec<_> = sources.iter().filter(|(path, _)| path.contains("util")).map(|(path, _)| path).collect();
    assert_eq!(utils, Vec::<&String>::new());
}

#[test]
fn what_is_shipped_depends_on_nothing_outside_the_project() {
    // Tests may read the shared vectors and readings; what is built and shipped may not.
    let mut sources = files("runner/src", &[".rs", ".sql"]);
    for folder in ["runner/domain", "runner/sandbox", "algorithms", "wit", "proto"] {
        sources.extend(files(folder, &[".rs", ".toml", ".wit", ".proto"]));
    }
    assert_eq!(lines_with(&sources, &["../shared"], &[]), [""; 0]);
}

#[test]
fn the_documentation_names_files_that_are_there() {
    for document in ["ARCHITECTURE.md", "DESIGN.md", "README.md"] {
        let text = fs::read_to_string(workspace().join(document)).unwrap();
        for word in text.split(['`', '(', ')', ' ', '\n', '|']) {
            let is_path = word.ends_with(".rs") || word.ends_with(".md") || word.ends_with(".wit");
            let roots = ["", "runner/", "runner/src/", "runner/domain/src/", "tests/"];
            let there = roots.iter().any(|root| workspace().join(root).join(word).exists());
            // A folder's wildcard stands for many files.
            assert!(!is_path || word.contains('*') || there, "{document} names {word}, which is not there");
        }
    }
}

#[test]
fn the_engine_of_records_tests_and_build_is_one() {
    let version = sandbox::Sandbox::engine_version().strip_prefix("wasmtime ").unwrap();
    for (file, line) in [
        ("Cargo.toml", format!("wasmtime = {{ version = \"={version}\"")),
        ("Cargo.lock", format!("name = \"wasmtime\"\nversion = \"{version}\"\n")),
        ("Makefile", format!("WASMTIME_VERSION := {version}\n")),
    ] {
        assert!(fs::read_to_string(workspace().join(file)).unwrap().contains(&line), "{file}: {line}");
    }
}

/// What was wrong in the Python original and is mended on purpose, by the subject under which the platform's documents list
/// it, with the tests that hold it.
const MENDED: [(&str, &str, &[&str]); 18] = [
    ("grid party", "api/fixed.rs", &["grid_party_shows_as_100_without_a_state_and_filters_find_it"]),
    ("grid party", "books/terms.rs", &["meters_with_reserved_names_need_a_member"]),
    (
        "trade states",
        "api/fixed.rs",
        &[
            "trade_states_change_only_along_real_transitions",
            "trade_states_come_in_lists_that_are_validated_whole_then_applied_whole",
        ],
    ),
    (
        "RetrieveMatches",
        "api/fixed.rs",
        &[
            "retrieve_matches_marks_sent_and_shows_the_states_before",
            "retrieve_matches_only_lists_whatever_is_not_exactly_a_claim",
            "retrieve_matches_never_gives_two_callers_the_same_trade",
            "retrieve_matches_returns_a_claim_that_nobody_reports_of",
        ],
    ),
    (
        "GetMatches",
        "api/fixed.rs",
        &["get_matches_is_sorted_by_timestamp_then_id_and_start_is_inclusive_end_exclusive"],
    ),
    ("createdAt/updatedAt", "api/fixed.rs", &["created_at_stays_and_updated_at_carries_the_last_change"]),
    (
        "UpdatePrices",
        "api/fixed.rs",
        &[
            "update_prices_works_and_the_later_call_wins",
            "update_prices_refuses_what_is_no_price_and_applies_the_list_whole",
        ],
    ),
    ("member prices", "service/terms.rs", &["member_prices_are_really_used_from_the_interval_they_are_valid_for"]),
    ("tariffs", "config/tariffs.rs", &["an_interval_has_the_tariff_of_its_start_and_a_gap_that_of_its_end"]),
    ("resume point", "books/runs.rs", &["a_run_continues_where_the_last_one_stopped", "a_second_run_changes_nothing"]),
    (
        "first run",
        "books/pages.rs",
        &[
            "many_pages_settle_the_same_as_one_and_as_many_runs",
            "one_page_of_everything_settles_the_same_as_pages_of_four",
        ],
    ),
    ("first run", "books/gaps.rs", &["a_day_without_any_reading_is_skipped"]),
    (
        "reading to boundary",
        "books/registers.rs",
        &[
            "two_seconds_early_and_ninety_late_belong_to_the_nearest_boundary",
            "beyond_the_tolerance_a_reading_is_of_no_boundary_and_no_energy_is_lost",
            "of_two_readings_in_a_slot_the_nearest_counts",
        ],
    ),
    (
        "gap of a meter",
        "books/gaps.rs",
        &[
            "a_gap_is_settled_with_the_grid_alone_when_the_meter_is_read_again",
            "several_meters_return_at_once_from_gaps_of_different_length",
        ],
    ),
    (
        "register falls",
        "books/registers.rs",
        &["a_register_that_falls_invents_no_trade", "values_that_are_no_whole_numbers_are_events_and_no_energy"],
    ),
    (
        "failures",
        "books/service.rs",
        &[
            "a_service_that_stays_away_ends_with_3_and_what_was_settled_stays",
            "an_address_where_nobody_listens_ends_with_3_and_is_named",
        ],
    ),
    (
        "two runs at once",
        "books/together.rs",
        &["two_at_once_make_the_books_of_one", "killed_at_any_instant_it_goes_on_to_the_same_books"],
    ),
    ("TLS", "api/certificates.rs", &["with_client_ca_only_callers_with_a_certificate_of_it_are_answered"]),
];

#[test]
fn each_fault_of_the_original_has_tests_that_hold_its_mending() {
    for (subject, file, tests) in MENDED {
        let text = fs::read_to_string(workspace().join("runner/tests").join(file)).unwrap();
        for test in tests {
            let function = format!("fn {test}()");
            let (before, _) = text.split_once(&function).unwrap_or_else(|| panic!("{subject}: no {test} in {file}"));
            let attributes = before.rsplit("\n\n").next().unwrap();
            let is_test = attributes.contains("#[test]") || attributes.contains("#[tokio::test");
            assert!(is_test, "{subject}: {test} is no test");
        }
    }
}
