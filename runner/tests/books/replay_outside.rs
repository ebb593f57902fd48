//! An outsider recomputes a stored interval with nothing but the wasmtime CLI and what `replay --print-wasmtime` gives.

use std::fs;

use domain::Digest;

use crate::replay::{market, own_component, own_market};
use testkit::*;

/// Any time within the interval that the stories are about.
const INTERVAL: [&str; 4] = ["replay", "--print-wasmtime", "--interval", "2023-09-01T12:07:00Z"];

/// The stored trades of the interval, as the CLI prints values; its members are `a` and `b`.
fn as_the_cli_prints(market: &Market) -> String {
    let party = |name: String| match name.as_str() {
        "a" => "member(0)".to_owned(),
        "b" => "member(1)".to_owned(),
        _ => name,
    };
    let database = market.trade_table();
    let mut select = database
        .prepare("SELECT seller, buyer, energy, price FROM trade WHERE start = 1693569600 ORDER BY number")
        .unwrap();
    let trades = select.query_map((), |row| {
        let (seller, buyer) = (party(row.get(0)?), party(row.get(1)?));
        let (energy, price): (u64, i64) = (row.get(2)?, row.get(3)?);
        Ok(format!("{{seller: {seller}, buyer: {buyer}, energy: {energy}, price: {price}}}"))
    });
    let trades: Vec<String> = trades.unwrap().collect::<Result<_, _>>().unwrap();
    format!("ok([{}])\n", trades.join(", "))
}

/// Where the component of a base algorithm is written, if nobody says where.
fn usual_file(name: &str, component: &[u8]) -> String {
    format!("{name}-{}.wasm", &Digest::of(component).to_string()[..12])
}

#[needs::wasmtime]
#[test]
fn the_plain_cli_brings_the_trades_that_are_in_the_books() {
    for (market, name, component) in
        [(market(), "mid-market-rate", base::default_base().bytes.to_vec()), (own_market(), "uniform", own_component())]
    {
        let printed = market.run(&INTERVAL).ends_with(0);
        assert_eq!(printed.out.lines().count(), 1, "{printed:?}");
        let file = usual_file(name, &component);
        assert_eq!(fs::read(market.path(&file)).unwrap(), component);
        // Only what was printed and written is taken along.
        let elsewhere = tempfile::tempdir().unwrap();
        fs::rename(market.path(&file), elsewhere.path().join(&file)).unwrap();
        let theirs = run_in_shell(&printed.out, elsewhere.path()).ends_with(0);
        let stored = as_the_cli_prints(&market);
        assert!(stored.contains("member(0), buyer: member(1), energy: 67"), "{stored}");
        assert_eq!((theirs.out, theirs.err.as_str()), (stored, ""));
        printed.says(&file).says(&Digest::of(&component).to_string()).says("2023-09-01T12:00:00Z/900s");
    }
}

#[test]
fn a_component_is_written_where_it_is_wanted_and_over_nothing_else() {
    let market = market();
    let component = base::default_base().bytes;
    let to = |file: &str| market.run(&[&INTERVAL[..], &["--component", file]].concat());
    fs::create_dir(market.path("my folder")).unwrap();
    // Twice: the same is there already.
    for _ in 0..2 {
        let ran = to("my folder/it's.wasm").ends_with(0).says("my folder/it's.wasm");
        assert!(ran.out.ends_with(" 'my folder/it'\\''s.wasm'\n"), "{}", ran.out);
        assert_eq!(fs::read(market.path("my folder/it's.wasm")).unwrap(), component);
    }
    fs::write(market.path("mine.wasm"), "my own work").unwrap();
    let refused = to("mine.wasm").ends_with(2).says("mine.wasm already exists").says("--component");
    assert_eq!(refused.out, "");
    assert_eq!(fs::read(market.path("mine.wasm")).unwrap(), b"my own work");
    assert_eq!(to("missing/folder.wasm").ends_with(2).says("cannot write missing/folder.wasm").out, "");
    assert_eq!(to("my folder").ends_with(2).says("my folder").out, "");
    assert!(fs::read_dir(market.path("my folder")).unwrap().count() == 1, "nothing is left half written");
}

#[test]
fn a_name_in_the_books_chooses_no_place() {
    let market = market();
    market.tamper("UPDATE interval SET name = '../../evil $(touch owned)'");
    market.run(&INTERVAL).ends_with(0);
    let file = usual_file("_.._evil___touch_owned_", base::default_base().bytes);
    assert!(market.path(&file).exists());
}

#[test]
fn what_cannot_be_run_is_not_printed() {
    let market = market();
    for (arguments, says) in [
        (&["--print-wasmtime"][..], "--interval"),
        (&["--component", "x.wasm", "--interval", "2023-09-01T12:00:00Z"], "--print-wasmtime"),
        (&["--print-wasmtime", "--interval", "2023-09-01T11:50:00Z"], "no algorithm ran"),
        (&["--print-wasmtime", "--interval", "2023-09-01T10:50:00Z"], "no stored interval contains"),
    ] {
        let ran = market.run(&[&["replay"], arguments].concat()).ends_with(2).says(says);
        assert_eq!(ran.out, "");
    }
    market.tamper("UPDATE interval SET algorithm = zeroblob(32)");
    assert_eq!(market.run(&INTERVAL).ends_with(1).says("the bytes of algorithm 0000").out, "");
}

#[test]
fn of_two_communities_one_is_named() {
    let rows = ["a 12:00 0 0", "a 12:15 0 100", "b 12:00 0 0", "b 12:15 67 0"];
    let (one, two) = (Meters::telling(&rows), Meters::telling(&rows));
    let market = Market::new(&(community("one", one.address(), "") + &community("two", two.address(), "")));
    market.settle().ends_with(0);
    market.run(&INTERVAL).ends_with(2).says("--community").says("one, two");
    let ran = market.run(&[&INTERVAL[..], &["--community", "two"]].concat()).ends_with(0);
    assert!(ran.out.contains("community: \"two\""), "{}", ran.out);
}
