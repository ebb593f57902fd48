//! After the whole corpus has run in one process, honest guests work as before and memory is released.
//!
//! This test needs its own process, because it measures that process.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "all of this file is a test")]

use rec_market_tests::corpus;
use sandbox::{Options, Sandbox};

/// Repetitions until every slot of the engine has been used, since slots deliberately keep some memory mapped.
const WARM_UP_ROUNDS: usize = 10;
/// Repetitions between the measurements.
const ROUNDS: usize = 5;
/// Tolerated growth of the process, for effects of the allocator. If a single guest leaked its memory in each
/// repetition, the growth would be larger.
const ALLOWANCE_BYTES: u64 = 4 << 20;

#[test]
fn the_whole_corpus_leaks_no_memory() {
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

/// Returns trades, fuel and peak memory of the honest guests.
fn honest(sandbox: &Sandbox) -> [(Vec<domain::Trade>, u64, u64); 3] {
    ["honest", "honest_big", "plain"].map(|name| {
        let algorithm = sandbox.load(corpus::guest(name).bytes).unwrap();
        let run = algorithm.clear(&corpus::round(), corpus::BUDGET).unwrap();
        (run.result.unwrap(), run.usage.fuel, run.usage.peak_memory_bytes)
    })
}

/// Returns the resident set size of this process.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kilobytes << 10
}
