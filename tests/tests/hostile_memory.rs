//! After the whole corpus in one process, the honest clear as before and the memory is back.
//!
//! A process of its own, because it measures itself.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this file is a test, and its names are sentences"
)]

use rec_market_tests::corpus;
use sandbox::{Options, Sandbox};

/// Rounds until every slot of the engine has been used: each keeps its first 256 KiB mapped, on purpose.
const WARM_UP_ROUNDS: usize = 10;
/// Rounds between the measurements.
const ROUNDS: usize = 5;
/// What the process may hold more afterwards, for whatever an allocator does. One guest whose memory stayed behind in
/// each round would be more.
const ALLOWANCE_BYTES: u64 = 4 << 20;

#[test]
fn the_whole_corpus_leaves_nothing_behind() {
    let sandbox = Sandbox::new(Options { runs_max: 1, ..Options::default() }).unwrap();
    let before = honest(&sandbox);
    let corpus = corpus::corpus();
    let algorithms: Vec<_> = corpus.iter().map(|guest| (guest, guest.load(&sandbox))).collect();
    let run_all = || {
        for (guest, algorithm) in &algorithms {
            algorithm.iter().for_each(|algorithm| guest.check_runs(algorithm));
        }
    };
    (0..WARM_UP_ROUNDS).for_each(|_| run_all());
    let warm = resident_bytes();
    (0..ROUNDS).for_each(|_| run_all());
    let after = resident_bytes();
    assert_eq!(honest(&sandbox), before);
    assert!(after <= warm + ALLOWANCE_BYTES, "{after} bytes resident after the corpus, {warm} bytes before");
}

/// What the honest guests answer and use.
fn honest(sandbox: &Sandbox) -> [(Vec<domain::Trade>, u64, u64); 3] {
    ["honest", "honest_big", "plain"].map(|name| {
        let algorithm = sandbox.load(corpus::guest(name).bytes).unwrap();
        let run = algorithm.clear(&corpus::round(), corpus::BUDGET).unwrap();
        (run.result.unwrap(), run.usage.fuel, run.usage.peak_memory_bytes)
    })
}

/// The resident set of this process.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kilobytes << 10
}
