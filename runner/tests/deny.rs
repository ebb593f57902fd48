//! What `make deny` checks and says where the advisory database can be fetched, and where not. The script is the real one;
//! cargo-deny is played by another, so that the test needs no network.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test says what broke by failing")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// How the one who plays cargo-deny answers: whether each of its commands succeeds.
#[derive(Clone, Copy)]
struct Deny {
    fetches: bool,
    licences: bool,
    advisories: bool,
}

const GOOD: Deny = Deny { fetches: true, licences: true, advisories: true };

/// What became of a run.
struct Checked {
    passed: bool,
    said: String,
    /// The commands that cargo-deny got, one a line.
    commands: String,
}

impl Deny {
    fn run(self, has_copy: bool) -> Checked {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        if has_copy {
            fs::create_dir_all(path("advisory-dbs/advisory-db-3157b0e258782691/crates")).unwrap();
        }
        let code = |good: bool| u8::from(!good);
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> '{}'\ncase \"$*\" in\n'fetch db') exit {};;\n*advisories) exit {};;\n*) exit {};;\nesac\n",
            path("commands").display(),
            code(self.fetches),
            code(self.advisories),
            code(self.licences),
        );
        fs::write(path("cargo-deny"), script).unwrap();
        fs::set_permissions(path("cargo-deny"), Permissions::from_mode(0o755)).unwrap();
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let ran = Command::new(workspace.join(".ci/deny"))
            .arg(path("cargo-deny"))
            .env("CARGO_HOME", folder.path())
            .output()
            .unwrap();
        Checked {
            passed: ran.status.success(),
            said: String::from_utf8(ran.stderr).unwrap(),
            commands: fs::read_to_string(path("commands")).unwrap(),
        }
    }
}

const ALL: &str =
    "--all-features check licenses bans sources\nfetch db\n--all-features check --disable-fetch advisories\n";
const WITHOUT_ADVISORIES: &str = "--all-features check licenses bans sources\nfetch db\n";

#[test]
fn what_was_just_fetched_is_checked_in_silence() {
    for has_copy in [false, true] {
        let checked = GOOD.run(has_copy);
        assert_eq!((checked.passed, checked.said.as_str(), checked.commands.as_str()), (true, "", ALL));
    }
}

#[test]
fn a_finding_fails_whatever_the_others_are() {
    for bad in [Deny { licences: false, ..GOOD }, Deny { advisories: false, ..GOOD }] {
        let checked = bad.run(false);
        assert_eq!((checked.passed, checked.commands.as_str()), (false, ALL));
        let checked = Deny { fetches: false, ..bad }.run(true);
        assert_eq!((checked.passed, checked.commands.as_str()), (false, ALL));
    }
}

#[test]
fn without_network_the_local_copy_counts_and_is_told() {
    let checked = Deny { fetches: false, ..GOOD }.run(true);
    assert_eq!((checked.passed, checked.commands.as_str()), (true, ALL));
    let said = "deny: the advisory database cannot be fetched: checking against the local copy of 20";
    assert!(checked.said.starts_with(said), "{}", checked.said);
}

#[test]
fn without_network_and_copy_the_rest_is_checked_and_what_was_not_is_told() {
    let checked = Deny { fetches: false, advisories: false, ..GOOD }.run(false);
    assert_eq!((checked.passed, checked.commands.as_str()), (true, WITHOUT_ADVISORIES));
    assert!(checked.said.starts_with("deny: ADVISORIES WERE NOT CHECKED: "), "{}", checked.said);
    let checked = Deny { fetches: false, licences: false, ..GOOD }.run(false);
    assert!(!checked.passed);
}

#[test]
fn make_deny_runs_the_script_and_advisories_are_on() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let makefile = fs::read_to_string(workspace.join("Makefile")).unwrap();
    assert!(
        makefile.contains("\n\t.ci/deny $(CARGO_DENY)\n") && makefile.contains("\ncheck: test deny "),
        "{makefile}"
    );
    let policy: toml::Table = fs::read_to_string(workspace.join("deny.toml")).unwrap().parse().unwrap();
    let advisories = policy["advisories"].as_table().unwrap();
    assert_eq!(advisories["yanked"].as_str(), Some("deny"));
    // Whoever ignores one says why and when to look again.
    for ignored in advisories["ignore"].as_array().unwrap() {
        assert!(!ignored["reason"].as_str().unwrap().is_empty(), "{ignored}");
    }
}
