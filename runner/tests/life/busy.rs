//! A machine with little to give: a large algorithm, nothing in the cache, and nobody is blamed.

use rec_market_tests::guests;

use crate::caller::*;
use testkit::*;

/// So many functions make several megabytes, which take a processor some seconds to compile.
const FUNCTIONS: u32 = 4_000;

#[test]
fn a_cold_cache_on_a_quarter_of_a_processor_rolls_nothing_back() {
    let meters = Meters::silent();
    let (market, service, caller) = serve(&meters, "grace = \"0s\"\nrollback_after = 1\non_failure = \"hold\"");
    let large = guests::larger(&renamed("uniform", "massive"), FUNCTIONS);
    assert!(large.len() > 3 << 20, "{} bytes", large.len());
    caller.accepted(&large);
    caller.activate("massive", "").unwrap();
    service.terminate().ends_with(0);
    meters.tell_quarters(0..2);
    for (more, policy) in [(2..3, "\"hold\""), (3..4, "\"fallback\"")] {
        let cold = tempfile::tempdir().unwrap();
        market.reconfigure("\"hold\"", policy);
        let mut settle = market.command(&["settle"]);
        settle.env("REC_MARKET_CACHE", cold.path());
        let settled = run_with_little(settle, 25).ends_with(0);
        for word in ["rolled", "fallback", "another process", "failed"] {
            assert!(!settled.err.contains(word), "{word}: {}", settled.err);
        }
        meters.tell_quarters(more);
    }
    assert_eq!(market.settled_by(), ["12:00 massive", "12:15 massive"]);
    market.run(&["audit"]).ends_with(0);
}
