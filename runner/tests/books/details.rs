//! Details of days: `statement rebuild` makes them, the audit proves them.

use demo::household::{self, Plan};
use demo::meters::Package;
use domain::Boundary;
use testkit::*;

#[test]
fn the_audit_finds_details_that_are_not_those_of_the_intervals_and_they_can_be_made_again() {
    let start = Boundary::from_seconds(1_714_953_600).unwrap();
    let community = household::generate(Plan { seed: 1, members: 4, start, days: 3 }).unwrap();
    let meters = Meters::recorded(community.recorded, Package::Platform);
    let market = Market::of(&meters);
    market.settle().ends_with(0);
    let kept = "SELECT count(*) FROM detail";
    assert_eq!(market.query::<u64>(kept), 0);
    let rebuild = || market.run(&["statement", "rebuild"]).ends_with(0).out;
    // The last day may go on. The first one has the registers from which the books begin.
    assert_eq!((rebuild().as_str(), market.query::<u64>(kept)), ("aveiro: 4 days, 3 of them with details\n", 3));
    market.run(&["audit"]).ends_with(0);
    let before = market.run(&["statement", "--json"]).ends_with(0).out;
    market.tamper("UPDATE detail SET content = (SELECT content FROM detail ORDER BY until DESC LIMIT 1)");
    let ran = market.run(&["audit"]).ends_with(1);
    let finding = "the details of the day from 2024-05-06T00:00:00Z on are not those of its intervals (rec-market \
                   statement rebuild makes them again)";
    assert!(ran.out.contains(finding), "{}", ran.out);
    rebuild();
    market.run(&["audit"]).ends_with(0);
    // Those of other intervals count as missing, and are no mistake.
    market.tamper("UPDATE detail SET trades = trades + 1");
    market.run(&["audit"]).ends_with(0);
    market.tamper("UPDATE detail SET trades = trades - 1, content = x'01'");
    market.run(&["audit"]).ends_with(1);
    assert_eq!(market.run(&["statement", "--json"]).ends_with(0).out, before);
}
