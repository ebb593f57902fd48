//! A disk that takes no more: nothing that was settled is lost, and it goes on where it stopped.

use std::path::Path;

use testkit::*;

/// Runs the program where no file may be larger than so many blocks of 512 bytes.
fn within_blocks(market: &Market, blocks: u32, arguments: &[&str]) -> Ran {
    let (program, blocks) = (program(), blocks.to_string());
    let script = "ulimit -f \"$0\"; exec \"$@\"";
    let first = ["-c", script, &blocks, program.to_str().unwrap()];
    Ran::of(market.command_of(Path::new("/bin/sh"), &[&first, arguments].concat()))
}

#[test]
fn where_nothing_more_can_be_written_settling_ends_with_3_and_goes_on_later() {
    let meters = Meters::recorded(recorded(20, 40), demo::meters::Package::Platform);
    let market = Market::of(&meters);
    market.run(&["settle", "--until", "2023-09-01T13:00:00Z"]).ends_with(0);
    let before = market.trades_json();
    for blocks in [0, 8, 40, 64] {
        let ran = within_blocks(&market, blocks, &["settle"]).ends_with(3).says("market.db cannot be written");
        assert!(ran.says("is the disk full").out.len() < 100);
        assert!(market.trades_json().starts_with(&before), "{blocks}");
        market.run(&["audit"]).ends_with(0);
    }
    market.settle().ends_with(0);
    let undisturbed = Market::of(&meters);
    undisturbed.settle().ends_with(0);
    assert_eq!(market.trades_json(), undisturbed.trades_json());
}

#[test]
fn a_store_for_which_there_is_no_room_cannot_be_made() {
    let meters = Meters::selling(0..2);
    let market = Market::of(&meters);
    within_blocks(&market, 4, &["settle"]).ends_with(3).says("market.db cannot be written").says("is the disk full");
    market.settle().ends_with(0);
    let trades = market.json(&["trades", "--json"]);
    let id = trades.iter().find(|trade| !trade["state"].is_null()).unwrap()["id"].as_str().unwrap();
    let reopen = ["trades", "reopen", id, "--why", "test", "--by", "somebody", "--yes"];
    within_blocks(&market, 0, &reopen).ends_with(3).says("market.db cannot be written");
}
