//! The demo shows the whole loop, whoever calls whom.

use serde_json::json;
use testkit::{Folder, Ran};

fn demo(arguments: &[&str]) -> Ran {
    let arguments = [&["demo", "--days", "1", "--members", "6"], arguments].concat();
    Folder::new().run_with(&[("REC_MARKET_LOG", "warn")], &arguments).done()
}

#[test]
fn every_trade_between_members_is_paid_pulled_or_pushed() {
    let mut amounts = Vec::new();
    for mode in ["pull", "push"] {
        let shown = demo(&["--json", "--forward", mode]).json();
        assert_eq!(shown["balanced"], true);
        let payments = &shown["payments"];
        let paid = payments["paid"].as_u64().unwrap();
        assert!(paid > 0, "{payments}");
        assert_eq!(payments["mode"], mode);
        assert_eq!(payments["forwarded"], paid);
        assert_eq!(payments["states"], json!({ "Paid": paid }));
        amounts.push((paid, payments["amount_neur"].clone()));
    }
    // The wire of one has floats, that of the other integers: the money is the same to the nano-euro.
    assert_eq!(amounts[0], amounts[1]);
}

#[test]
fn people_are_told_what_was_paid() {
    let told = demo(&[]).out;
    assert!(told.contains(" trades between members were fetched by Transactions over TLS in "), "{told}");
    assert!(told.contains(" Paid.\n"), "{told}");
    let told = demo(&["--forward", "push", "--algorithm", "public-grid"]).out;
    assert!(told.contains("0 trades between members were pushed to Transactions"), "{told}");
    assert!(told.contains("In the market's books they are: none."), "{told}");
}
