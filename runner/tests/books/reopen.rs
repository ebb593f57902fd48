//! Trades that were reported wrongly are offered again: who, when and why is on record, for both stores.

use domain::trade::State;
use serde_json::Value;
use testkit::*;

const WHY: [&str; 2] = ["--why", "the ledger has no such payment"];

/// A market with four settled intervals, and the ids of its trades: between members, and with the grid.
fn settled(keys: &str) -> (Meters, Market, Vec<String>, Vec<String>) {
    let meters = Meters::selling(0..5);
    let market = Market::new(&format!("{keys}{}", community("aveiro", meters.address(), "")));
    market.settle().ends_with(0);
    let trades = market.json(&["trades", "--json"]);
    let ids = |is_with_grid: bool| -> Vec<String> {
        let chosen = trades.iter().filter(|trade| trade["state"].is_null() == is_with_grid);
        chosen.map(|trade| trade["id"].as_str().unwrap().to_owned()).collect()
    };
    let (members, grid) = (ids(false), ids(true));
    assert!(members.len() >= 3 && !grid.is_empty(), "{trades:?}");
    (meters, market, members, grid)
}

/// What became of a trade: its state and its message.
fn state_of(market: &Market, id: &str) -> (String, Value) {
    let trades = market.json(&["trades", "--json"]);
    let found = trades.iter().find(|trade| trade["id"] == id).unwrap();
    (found["state"].as_str().unwrap().to_owned(), found["message"].clone())
}

fn reopen(market: &Market, ids: &[&str], more: &[&str]) -> Ran {
    market.run_with(&[("USER", "ana")], &[&["trades", "reopen"], ids, more].concat())
}

#[test]
fn what_was_reported_wrongly_is_offered_again_and_recorded() {
    let (_meters, market, members, _) = settled("");
    let (one, other) = (members[0].as_str(), members[1].as_str());
    let all: Vec<&str> = members.iter().map(String::as_str).collect();
    market.report(&all, State::Paid, Some("0xinvented"));
    let listed = market.run(&["trades", "reopened"]).ends_with(0);
    assert_eq!(listed.out, "");

    // The same one twice is one.
    let ran = reopen(&market, &[one, other, one], &[&WHY[..], &["--yes"]].concat()).done();
    ran.shows(&[one, other, "by ana, was Paid by \"0xinvented\": the ledger has no such payment"]);
    let remark = "reopened by ana: the ledger has no such payment";
    for id in [one, other] {
        assert_eq!(state_of(&market, id), ("Created".to_owned(), remark.into()));
    }
    assert_eq!(state_of(&market, &members[2]).0, "Paid");
    let open: i64 = market.query("SELECT count(*) FROM trade WHERE state = 0 AND transaction_id IS NULL");
    assert_eq!(open, 2);

    let records = market.json(&["trades", "reopened", "--json"]);
    assert_eq!(records.len(), 2);
    let record = records.iter().find(|record| record["trade"] == one).unwrap();
    for (key, expected) in [("by", "ana"), ("why", WHY[1]), ("state", "Paid"), ("transaction", "0xinvented")] {
        assert_eq!(record[key], expected, "{record}");
    }
    assert!(record["at"].as_str().unwrap().ends_with('Z'), "{record}");
    assert_eq!(market.json(&["trades", "reopened", "--json", "--limit", "1"]).len(), 1);
    // The books are as right as before.
    market.run(&["audit"]).ends_with(0);
    market.run(&["replay"]).ends_with(0);
}

#[test]
fn nothing_is_reopened_that_nobody_could_mean() {
    let (_meters, market, members, grid) = settled("");
    let (paid, waiting) = (members[0].as_str(), members[1].as_str());
    market.report(&[paid], State::Paid, None);
    let before = market.trades_json();
    let why = [&WHY[..], &["--yes"]].concat();
    let unknown = "0123456789abcdef01234567";
    reopen(&market, &[paid, unknown], &why).refused(2, &["there is no trade 0123456789abcdef01234567"]);
    reopen(&market, &[paid, &grid[0]], &why).refused(2, &[&grid[0], "is with the grid and is never paid"]);
    reopen(&market, &[paid, waiting], &why).refused(1, &[waiting, "is Created and is offered for payment anyway"]);
    reopen(&market, &[paid], &["--yes", "--why", " "]).refused(2, &["--why is \"\", but a text of 1 to 500"]);
    reopen(&market, &[paid], &["--yes", "--why", "a\nb"]).refused(2, &["--why is \"a\\nb\""]);
    reopen(&market, &[paid], &[&why[..], &["--by", "\u{7}"]].concat()).refused(2, &["--by is"]);
    reopen(&market, &["seven"], &why).misused(&["seven"]);
    reopen(&market, &[paid], &["--yes"]).misused(&["--why"]);
    reopen(&market, &[], &why).misused(&["ID"]);
    // Nobody is asked for a name that the system does not tell.
    let anonymous = market.run(&[&["trades", "reopen", paid], &why[..]].concat());
    anonymous.refused(2, &["does not know who you are (say so: --by NAME)"]);
    // Who does not say yes says no.
    let asked = [&["trades", "reopen", paid, "--by", "ana"], &WHY[..]].concat();
    for answer in ["", "n\n", "perhaps\n"] {
        let ran = market.pipe(&asked, answer).ends_with(1).shows(&[paid, "Paid", "nothing was changed"]);
        ran.says("It is offered for payment again. Continue? [y/N]");
    }
    assert_eq!(market.trades_json(), before);
    assert_eq!(market.run(&["trades", "reopened"]).done().out, "");
    // Where there are no books, none are made.
    let empty = Market::new(&community("aveiro", "http://127.0.0.1:1", ""));
    empty
        .run(&[&["trades", "reopen", unknown, "--by", "ana"], &why[..]].concat())
        .ends_with(2)
        .says("there is no such file");
    assert!(!empty.path("market.db").exists());

    market.pipe(&asked, "y\n").ends_with(0).shows(&["by ana, was Paid"]);
    assert_eq!(state_of(&market, paid).0, "Created");
}

#[needs::mongodb]
#[test]
fn a_mongodb_database_reopens_as_a_file_does() {
    let (_meters, market, members, grid) = settled(&mongodb());
    let why = [&WHY[..], &["--yes"]].concat();
    reopen(&market, &[&members[0]], &why).refused(1, &["is Created and is offered for payment anyway"]);
    reopen(&market, &[&grid[0]], &why).refused(2, &["is with the grid"]);
    assert_eq!(market.run(&["trades", "reopened"]).done().out, "");
}
