//! Guests that try to reach the outside through the inert part of WASI.

use sandbox::{Budget, FailureKind};

use super::{BUDGET, Expected};

pub fn exits() -> Expected {
    Expected::fails(FailureKind::Trap, "the algorithm called exit (return an error instead)")
}

pub fn handle_flood() -> Expected {
    // More fuel than 100,000 calls take, so that the limit on handles is reached first.
    let budget = Budget { fuel: 3 * BUDGET.fuel, ..BUDGET };
    Expected::fails(FailureKind::Trap, "cannot allocate another handle: store handle limit exceeded").within(budget)
}

pub fn handle_forged() -> Expected {
    Expected::fails(FailureKind::Trap, "unknown handle index 77")
}

pub fn handle_of_other_kind() -> Expected {
    Expected::fails(FailureKind::Trap, "handle index 1 used with the wrong type")
}

pub fn import_has_functions() -> Expected {
    Expected::fails(FailureKind::Trap, "unknown import: `rec:market/types@1.0.0#read-secret` has not been defined")
}

pub fn panics() -> Expected {
    Expected::fails(
        FailureKind::Trap,
        "wasm `unreachable` instruction executed; it wrote: panicked at src/lib.rs:7:9: index out of bounds",
    )
    .logging("panicked at src/lib.rs")
}

pub fn panics_at_length() -> Expected {
    Expected::fails(FailureKind::Trap, "wasm `unreachable` instruction executed; it wrote: xxxxxxxxxx")
        .logging("xxxxxxxxxx")
}

pub fn prints() -> Expected {
    Expected::balances().logging("one\ntwo")
}

pub fn prints_forever() -> Expected {
    Expected::fails(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn prints_much_at_once() -> Expected {
    Expected::fails(FailureKind::Output, "answered with more than")
}

pub fn prints_out_of_bounds() -> Expected {
    Expected::fails(FailureKind::Trap, "list pointer/length out of bounds of memory")
}

pub fn prints_rubbish() -> Expected {
    Expected::fails(FailureKind::Trap, "wasm `unreachable` instruction executed; it wrote:  [2J�a b")
}

pub fn reads_environment() -> Expected {
    Expected::balances()
}

pub fn reads_stdin() -> Expected {
    Expected::balances()
}

pub fn realloc_calls_out() -> Expected {
    Expected::fails(FailureKind::Trap, "cannot leave component instance")
}

pub fn waits() -> Expected {
    Expected::fails(
        FailureKind::Trap,
        "unknown import: `wasi:io/streams@0.2.0#[method]output-stream.subscribe` has not been defin",
    )
}
