//! A machine that cannot reserve slots for runs has the same limits and the same results.
//!
//! This test needs its own process, because it takes away that process's address space.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "all of this file is a test")]

use rec_market_tests::corpus;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sandbox::{Budget, FailureKind, Options, Run, Sandbox};

/// Less than the slots of a single run take, and more than any guest needs at once.
const ADDRESS_SPACE_BYTES: u64 = 150 << 30;

fn sandbox() -> Sandbox {
    Sandbox::new(Options { runs_max: 1, ..Options::default() }).unwrap()
}

/// Leaves this process so much more address space than it has now.
fn limit_address_space(bytes: u64) {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = status.split(' ').next().unwrap().parse().unwrap();
    let current = Some(pages * rustix::param::page_size() as u64 + bytes);
    setrlimit(Resource::As, Rlimit { current, ..getrlimit(Resource::As) }).unwrap();
}

/// Everything about a run but its duration.
fn told(run: &Run) -> impl PartialEq + std::fmt::Debug {
    (run.result.clone(), run.usage.fuel, run.usage.peak_memory_bytes, run.usage.output_bytes, run.log.clone())
}

#[test]
fn the_whole_corpus_has_the_same_results_with_and_without_reserved_slots() {
    let reserved = sandbox();
    assert_eq!(reserved.unreserved(), None);
    limit_address_space(ADDRESS_SPACE_BYTES);
    let unreserved = sandbox();
    let reason = unreserved.unreserved().unwrap();
    assert!(reason.contains("memory pool"), "{reason}");

    let (mut ran, mut failed, mut refused) = (0, 0, 0);
    for guest in corpus::corpus() {
        let (first, second) = match (reserved.load(guest.bytes), unreserved.load(guest.bytes)) {
            (Ok(first), Ok(second)) => (first, second),
            (Err(first), Err(second)) => {
                assert_eq!(first.to_string(), second.to_string(), "{}", guest.name);
                refused += 1;
                continue;
            }
            (first, second) => panic!("{}: {first:?}, but without reserved slots {second:?}", guest.name),
        };
        let budget = Budget { fuel: 3_000_000, ..corpus::BUDGET };
        assert_eq!(first.describe(budget).unwrap(), second.describe(budget).unwrap(), "{}", guest.name);
        // Almost no memory, little, and enough.
        for memory_bytes in [1 << 10, 2 << 20, budget.memory_bytes, 1 << 31] {
            let budget = Budget { memory_bytes, ..budget };
            let [first, second] = [&first, &second].map(|algorithm| algorithm.clear(&corpus::round(), budget).unwrap());
            assert_eq!(told(&first), told(&second), "{} with {memory_bytes} bytes", guest.name);
            match first.result {
                Ok(_) => ran += 1,
                Err(failure) => {
                    assert!(failure.kind != FailureKind::Deadline, "{}: {failure}", guest.name);
                    failed += 1;
                }
            }
        }
    }
    assert!(ran > 100 && failed > 100 && refused > 30, "{ran} results, {failed} failures, {refused} refusals");
}
