//! What neither the compiler nor the code map checks: the size and the manners of files.

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
fn the_domain_knows_no_async_clock_file_network_or_float() {
    // Other crates are kept out by its row of the code map.
    let forbidden = ["async ", "std::fs", "std::net", "std::env", "SystemTime", "Instant", "f32", "f64"];
    assert_eq!(lines_with(&files("runner/domain", &[".rs", "Cargo.toml"]), &forbidden, &[]), [""; 0]);
}

/// A language is one file, so that a translator has all of it. Each of its lines stands for itself.
fn is_language(path: &str) -> bool {
    let name = path.strip_prefix("runner/words/src/").and_then(|path| path.strip_suffix(".rs"));
    name.is_some_and(|name| name.len() == 2)
}

#[test]
fn files_are_short_and_none_is_called_utils() {
    let mut sources = files("runner", &[".rs"]);
    sources.extend(files("algorithms", &[".rs"]));
    sources.extend(files("tests", &[".rs"]));
    let long: Vec<String> = sources
        .iter()
        .filter(|(path, text)| text.lines().count() > LINES_MAX && !is_language(path))
        .map(|(path, text)| format!("{path} has {} lines", text.lines().count()))
        .collect();
    assert_eq!(long, [""; 0]);
    let utils: Vec<_> = sources.iter().filter(|(path, _)| path.contains("util")).map(|(path, _)| path).collect();
    assert_eq!(utils, Vec::<&String>::new());
}

#[test]
fn what_is_shipped_depends_on_nothing_outside_the_project() {
    // Tests may read the shared vectors and readings; what is built and shipped may not.
    let mut sources = Vec::new();
    for folder in ["runner", "algorithms", "wit", "proto"] {
        sources.extend(files(folder, &[".rs", ".sql", ".toml", ".wit", ".proto"]));
    }
    assert_eq!(lines_with(&sources, &["../shared"], &["runner/tests/"]), [""; 0]);
}

#[test]
fn the_documentation_names_files_that_are_there() {
    let mut roots = ["", "runner/", "runner/src/", "tests/"].map(str::to_owned).to_vec();
    let crates = fs::read_dir(workspace().join("runner")).unwrap();
    roots.extend(crates.map(|folder| format!("runner/{}/src/", folder.unwrap().file_name().to_string_lossy())));
    for document in ["ARCHITECTURE.md", "DESIGN.md", "README.md"] {
        let text = fs::read_to_string(workspace().join(document)).unwrap();
        for word in text.split(['`', '(', ')', ' ', '\n', '|']) {
            let is_path = word.ends_with(".rs") || word.ends_with(".md") || word.ends_with(".wit");
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
