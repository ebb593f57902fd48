//! Databases that are not ours, not whole, not writable or not there.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;

use rusqlite::Connection;

use testkit::*;

fn settled() -> (Meters, Market) {
    let meters = Meters::recorded(recorded(4, 60), demo::meters::Package::Platform);
    let market = Market::of(&meters);
    market.settle().ends_with(0);
    (meters, market)
}

/// Settling and listing end with 2 and name the file and the way out; nothing is changed.
#[track_caller]
fn refused(market: &Market, says: &[&str]) {
    let before = fs::read(market.path("market.db")).ok();
    for arguments in [&["settle"][..], &["trades", "--json"], &["statement"]] {
        let mut ran = market.run(arguments).ends_with(2).says("market.db");
        for text in says {
            ran = ran.says(text);
        }
    }
    assert_eq!(fs::read(market.path("market.db")).ok(), before);
}

/// The audit ends with 1: books that cannot be read are bad books.
#[track_caller]
fn audit_finds(market: &Market, text: &str) {
    let ran = market.run(&["audit"]).ends_with(1);
    assert!(ran.out.contains(text) && ran.out.contains("NOT right"), "{ran:?}");
    let report = market.run(&["audit", "--json"]).ends_with(1).json();
    assert_eq!(report["ok"], false);
}

#[test]
fn a_text_file_is_no_database() {
    let (_meters, market) = settled();
    fs::write(market.path("market.db"), "these are not the books you are looking for\n".repeat(100)).unwrap();
    refused(&market, &["file is not a database"]);
    audit_finds(&market, "not a database");
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let (_meters, market) = settled();
    fs::remove_file(market.path("market.db")).unwrap();
    Connection::open(market.path("market.db")).unwrap().execute_batch("CREATE TABLE recipe (name TEXT)").unwrap();
    refused(&market, &["is a database of another program", "name another file"]);
    market.run(&["audit"]).ends_with(2).says("another program");
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let (_meters, market) = settled();
    market.database().pragma_update(None, "user_version", 7).unwrap();
    refused(&market, &["has schema version 7", "newer rec-market"]);
    market.run(&["audit"]).ends_with(2).says("version 7");
}

#[test]
fn a_database_cut_short_is_damaged() {
    let (_meters, market) = settled();
    let whole = fs::read(market.path("market.db")).unwrap();
    for length in [50, 4096, 3 * 4096 + 7, whole.len() / 2] {
        fs::write(market.path("market.db"), &whole[..length]).unwrap();
        market.run(&["audit"]).ends_with(1);
        let listed = market.run(&["trades"]);
        assert!(listed.code == 2 && listed.err.contains("is damaged"), "{length}: {listed:?}");
    }
}

#[test]
fn the_audit_finds_scribbled_pages() {
    let (_meters, market) = settled();
    let whole = fs::read(market.path("market.db")).unwrap();
    let mut found = 0;
    // Every page but the first, one at a time. A page that nothing uses may be scribbled on.
    for page in 1..whole.len() / 4096 {
        let mut scribbled = whole.clone();
        scribbled[page * 4096..page * 4096 + 64].fill(0xa5);
        fs::write(market.path("market.db"), &scribbled).unwrap();
        let audit = market.run(&["audit"]);
        assert!(matches!(audit.code, 0 | 1), "page {page}: {audit:?}");
        found += u32::from(audit.code == 1);
    }
    assert!(found > 5, "{found} of {} pages", whole.len() / 4096 - 1);
}

#[test]
fn a_missing_database_an_empty_one_and_a_missing_directory_are_told() {
    let meters = Meters::telling(&["a 12:00 0 0"]);
    let market = Market::of(&meters);
    market.run(&["audit"]).ends_with(2).says("market.db").says("settle first");
    fs::write(market.path("market.db"), "").unwrap();
    market.run(&["trades"]).ends_with(2).says("market.db").says("settle first");
    market.settle().ends_with(0);
    market.run(&["audit"]).ends_with(0);

    let at = |store: &str| {
        market.configure(&format!("store = \"sqlite:{store}\"\n{}", community("aveiro", meters.address(), "")));
    };
    at("missing/market.db");
    market.settle().ends_with(2).says("missing/market.db").says("there is no directory");
    fs::create_dir(market.path("folder")).unwrap();
    at("folder");
    market.settle().ends_with(2).says("folder").says("is a directory");
    market.run(&["trades"]).ends_with(2).says("is a directory");
}

/// Runs the program as somebody without rights, which root never is.
fn as_nobody(market: &Market, arguments: &[&str]) -> Ran {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return market.run(arguments);
    }
    let copy = market.path("rec-market");
    if !copy.exists() {
        fs::copy(program(), &copy).unwrap();
    }
    let mut command = market.command_of(&copy, arguments);
    command.uid(65_534).gid(65_534);
    Ran::of(command)
}

#[test]
fn a_database_that_may_only_be_read_is_read_and_not_settled() {
    let (_meters, market) = settled();
    let books = market.trades_json();
    let mode = |name: &str, mode: u32| fs::set_permissions(market.path(name), Permissions::from_mode(mode)).unwrap();
    mode("market.db", 0o444);
    for directory in [0o777, 0o555] {
        mode("", directory);
        as_nobody(&market, &["settle"]).ends_with(3).says("market.db").says("permission");
        assert_eq!(as_nobody(&market, &["trades", "--json"]).ends_with(0).out, books);
        as_nobody(&market, &["audit"]).ends_with(0);
    }
    mode("market.db", 0o000);
    as_nobody(&market, &["trades"]).ends_with(2).says("market.db").says("permission");
    mode("market.db", 0o666);
    mode("", 0o555);
    as_nobody(&market, &["settle"]).ends_with(3).says("market.db").says("permission");
    fs::remove_file(market.path("market.db")).unwrap();
    as_nobody(&market, &["settle"]).ends_with(3).says("market.db").says("permission");
    mode("", 0o777);
}
