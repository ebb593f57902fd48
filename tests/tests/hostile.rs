//! Every hostile guest fails with the expected error and within its limits, without disturbing its neighbours.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "all of this file is a test")]

use std::sync::atomic::{AtomicBool, Ordering};

use rec_market_tests::corpus::{self, Guest};
use sandbox::{Budget, FailureKind, Options, Run, Sandbox};

/// Makes a sandbox for one guest and one neighbour, whatever the number of cores.
fn sandbox() -> Sandbox {
    Sandbox::new(Options { runs_max: 2, ..Options::default() }).unwrap()
}

macro_rules! each_guest {
    ($($name:ident $bytes:ident)*) => {
        mod guest {
            $(
                #[test]
                fn $name() {
                    super::beside_a_neighbour(&super::corpus::guest(stringify!($name)));
                }
            )*
        }
    };
}
rec_market_tests::for_each_guest!(each_guest);

/// Checks a guest while an honest one runs repeatedly in the same sandbox.
fn beside_a_neighbour(guest: &Guest) {
    let sandbox = sandbox();
    let alone = honest(&sandbox);
    let finished = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let neighbour = scope.spawn(|| {
            let algorithm = sandbox.load(corpus::guest("honest").bytes).unwrap();
            loop {
                assert_same(&algorithm.clear(&corpus::round(), corpus::BUDGET).unwrap(), &alone);
                if finished.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let checked = scope.spawn(|| guest.check(&sandbox)).join();
        finished.store(true, Ordering::Relaxed);
        neighbour.join().unwrap();
        checked.unwrap();
    });
}

fn honest(sandbox: &Sandbox) -> Run {
    let algorithm = sandbox.load(corpus::guest("honest").bytes).unwrap();
    algorithm.clear(&corpus::round(), corpus::BUDGET).unwrap()
}

/// Compares everything except the duration.
fn assert_same(run: &Run, other: &Run) {
    assert_eq!(run.result, other.result);
    assert_eq!((run.usage.fuel, run.usage.peak_memory_bytes), (other.usage.fuel, other.usage.peak_memory_bytes));
    assert_eq!(run.log, other.log);
}

#[test]
fn more_guests_than_slots_wait_for_each_other() {
    let sandbox = Sandbox::new(Options { runs_max: 1, ..Options::default() }).unwrap();
    let alone = honest(&sandbox);
    std::thread::scope(|scope| {
        for name in ["endless_loop", "memory_bomb", "unreachable", "instances_many", "memory_touched_all"] {
            scope.spawn(|| corpus::guest(name).check(&sandbox));
        }
    });
    assert_same(&honest(&sandbox), &alone);
}

#[test]
fn a_deadline_affects_only_its_own_run() {
    let sandbox = sandbox();
    let looping = sandbox.load(corpus::guest("endless_loop").bytes).unwrap();
    std::thread::scope(|scope| {
        // Has enough fuel to outlast the other's deadline many times.
        let patient = scope.spawn(|| {
            let budget = Budget { fuel: 20 * corpus::BUDGET.fuel, ..corpus::BUDGET };
            looping.clear(&corpus::round(), budget).unwrap().result.unwrap_err().kind
        });
        corpus::guest("slow_per_fuel").check(&sandbox);
        assert_eq!(patient.join().unwrap(), FailureKind::Fuel);
    });
}

#[test]
fn a_huge_error_message_within_the_limit_is_cut() {
    let algorithm = sandbox().load(corpus::guest("error_huge").bytes).unwrap();
    let budget = Budget { output_bytes: 128 << 20, ..corpus::BUDGET };
    let run = algorithm.clear(&corpus::round(), budget).unwrap();
    let failure = run.result.unwrap_err();
    assert_eq!((failure.kind, failure.message), (FailureKind::Algorithm, "x".repeat(1000) + "…"));
    assert_eq!(run.usage.output_bytes, 16 << 20);
}

#[test]
fn fuel_is_the_same_on_every_machine() {
    // A literal, because settled intervals are replayed on other machines with the same engine.
    assert_eq!(honest(&sandbox()).usage.fuel, 393);
}

#[test]
fn a_result_exactly_at_the_output_limit_is_accepted() {
    let algorithm = sandbox().load(corpus::guest("honest").bytes).unwrap();
    let within = |output_bytes| {
        let budget = Budget { output_bytes, ..corpus::BUDGET };
        algorithm.clear(&corpus::round(), budget).unwrap().result.map_err(|failure| failure.kind.code())
    };
    // Three trades of 32 bytes each.
    assert_eq!(within(96).map(|trades| trades.len()), Ok(3));
    assert_eq!(within(95), Err("output"));
}
