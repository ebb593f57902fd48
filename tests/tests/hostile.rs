//! Every hostile guest comes to its own error within its limits, and its neighbours never notice.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this file is a test, and its names are sentences"
)]

use std::sync::atomic::{AtomicBool, Ordering};

use rec_market_tests::corpus::{self, Guest};
use sandbox::{Budget, FailureKind, Options, Run, Sandbox};

/// Room for one guest and one neighbour, whatever the machine has.
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

/// Checks a guest while an honest one runs in the same sandbox, again and again.
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

/// Everything but the time it took.
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
fn a_deadline_of_one_is_no_deadline_of_another() {
    let sandbox = sandbox();
    let looping = sandbox.load(corpus::guest("endless_loop").bytes).unwrap();
    std::thread::scope(|scope| {
        // Its fuel lasts for many deadlines of the other.
        let patient = scope.spawn(|| {
            let budget = Budget { fuel: 20 * corpus::BUDGET.fuel, ..corpus::BUDGET };
            looping.clear(&corpus::round(), budget).unwrap().result.unwrap_err().kind
        });
        corpus::guest("slow_per_fuel").check(&sandbox);
        assert_eq!(patient.join().unwrap(), FailureKind::Fuel);
    });
}

#[test]
fn a_huge_message_that_is_allowed_is_passed_on_in_part() {
    let algorithm = sandbox().load(corpus::guest("error_huge").bytes).unwrap();
    let budget = Budget { output_bytes: 128 << 20, ..corpus::BUDGET };
    let run = algorithm.clear(&corpus::round(), budget).unwrap();
    let failure = run.result.unwrap_err();
    assert_eq!((failure.kind, failure.message), (FailureKind::Algorithm, "x".repeat(1000) + "…"));
    assert_eq!(run.usage.output_bytes, 16 << 20);
}

#[test]
fn fuel_is_spent_the_same_on_every_machine() {
    // Written down: settled intervals are replayed on other machines with the same engine.
    assert_eq!(honest(&sandbox()).usage.fuel, 393);
}

#[test]
fn a_result_just_within_the_output_limit_is_taken() {
    let algorithm = sandbox().load(corpus::guest("honest").bytes).unwrap();
    let within = |output_bytes| {
        let budget = Budget { output_bytes, ..corpus::BUDGET };
        algorithm.clear(&corpus::round(), budget).unwrap().result.map_err(|failure| failure.kind.code())
    };
    // Three trades of 32 bytes.
    assert_eq!(within(96).map(|trades| trades.len()), Ok(3));
    assert_eq!(within(95), Err("output"));
}
