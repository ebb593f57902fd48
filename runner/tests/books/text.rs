//! Text from outside that would hide, reorder or repeat what stands around it, and files that nobody else may read.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use domain::text::is_unprintable;
use tonic::Status;

use testkit::*;

/// Clears the screen, starts a line of its own, and turns what follows around.
const HOSTILE: &str = "no\n2023-09-01T12:00:00Z INFO all is well\u{1b}[2J\u{202e}\u{200b}";
/// The same as people see it.
const SEEN: &str = "no\\n2023-09-01T12:00:00Z INFO all is well\\u{1b}[2J\\u{202e}\\u{200b}";

const ROWS: [&str; 4] = ["a 12:00 0 0", "a 12:15 0 900", "b 12:00 0 0", "b 12:15 700 0"];

/// Whether all that was printed can be seen.
#[track_caller]
fn is_seen(text: &str) {
    let hidden: Vec<&str> = text.lines().filter(|line| line.contains(|c| c != '\t' && is_unprintable(c))).collect();
    assert_eq!(hidden, [""; 0]);
}

#[test]
fn a_peer_cannot_write_into_logs_and_errors() {
    let rows = readings(&ROWS);
    let meters = Meters::answering(move |query, number| match number {
        0 => Err(Status::unavailable(HOSTILE)),
        _ => answer(honest(&rows, query)),
    });
    let market = Market::of(&meters);
    let debug = [("REC_MARKET_LOG", "debug")];
    let ran = market.run_with(&debug, &["settle"]).ends_with(0).says("INFO all is well");
    is_seen(&ran.err);
    assert!(!ran.err.lines().any(|line| line.starts_with("2023-09-01T12:00:00Z INFO")), "{}", ran.err);

    let refusing = Meters::answering(|_, _| Err(Status::invalid_argument(HOSTILE)));
    let market = Market::of(&refusing);
    let ran = market.settle().ends_with(3).says(SEEN);
    is_seen(&ran.err);
    // In JSON it is data, behind the escapes of JSON.
    let ran = market.run(&["settle", "--json", "--log-format", "json"]).ends_with(3);
    is_seen(&ran.out);
    is_seen(&ran.err);
    assert!(ran.json()["error"].as_str().unwrap().contains(SEEN), "{}", ran.out);
}

#[test]
fn what_a_store_has_is_printed_so_that_it_can_be_seen() {
    let meters = Meters::telling(&ROWS);
    let market = Market::of(&meters);
    market.books();
    // As from when names could hold more, and from a Transactions service that wants to be computed.
    market
        .tamper("UPDATE trade SET buyer = 'b' || char(8238) || '1', message = '=1+1' || char(8203) WHERE buyer = 'b'");
    let trades = |more: &[&str]| market.run(&[&["trades"], more].concat()).done();
    let table = trades(&[]).shows(&["b\\u{202e}1", "=1+1\\u{200b}"]);
    let csv = trades(&["--csv"]).shows(&[",b\\u{202e}1,700,96200,67340000,Created,'=1+1\\u{200b}\n"]);
    let json = trades(&["--json"]).shows(&["b\\u202e1", "=1+1\\u200b"]);
    let found = json.objects().into_iter().find(|trade| trade["buyer"] == "b\u{202e}1").unwrap();
    assert_eq!(found["message"], "=1+1\u{200b}");
    [table, csv, json].iter().for_each(|ran| is_seen(&ran.out));
}

#[test]
fn members_that_look_alike_are_refused_where_they_are_named() {
    let meters = Meters::telling(&ROWS);
    let market = Market::of(&meters);
    market.file("market.toml", market.text("market.toml") + "[community.members.\"b\u{200b}\"]\nmeters = [\"b \"]\n");
    let ran = market.settle().ends_with(2).says("U+200B").says("\"b \" has space around it");
    is_seen(&ran.err);
    assert_eq!(ran.err.matches("line ").count(), 2, "{}", ran.err);
}

#[test]
fn the_books_are_for_their_owner_or_it_is_told() {
    let meters = Meters::telling(&ROWS);
    let market = Market::of(&meters);
    let ran = market.settle().ends_with(0);
    assert!(!ran.err.contains("chmod"), "{}", ran.err);
    let books = market.path("market.db");
    assert_eq!(fs::metadata(&books).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&books, Permissions::from_mode(0o644)).unwrap();
    let told = "others than its owner can read the books (chmod 600 market.db market.db-wal";
    let ran = market.settle().ends_with(0).says(told);
    assert_eq!(ran.err.matches("chmod").count(), 1, "{}", ran.err);
}
