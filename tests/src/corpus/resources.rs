//! Guests that exhaust time, memory, stack or other limited resources.

use std::time::Duration;

use sandbox::{Budget, FailureKind};

use super::{BUDGET, Expected};

/// Practically unlimited fuel, and little time.
const SHORT: Budget = Budget { fuel: u64::MAX / 2, time: Duration::from_millis(50), ..BUDGET };

pub fn blocks_deep() -> Expected {
    Expected::balances()
}

pub fn deep_recursion() -> Expected {
    Expected::fails(FailureKind::Trap, "call stack exhausted")
}

pub fn endless_copy() -> Expected {
    Expected::fails(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn endless_declared_grow() -> Expected {
    Expected::fails(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn endless_failing_grow() -> Expected {
    Expected::fails(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn endless_fill() -> Expected {
    Expected::fails(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn endless_init() -> Expected {
    Expected::fails(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn endless_loop() -> Expected {
    Expected::fails(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn endless_table_fill() -> Expected {
    Expected::fails(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn endless_tail_calls() -> Expected {
    Expected::fails(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn exports_many() -> Expected {
    Expected::balances()
}

pub fn frames_large() -> Expected {
    Expected::fails(FailureKind::Trap, "call stack exhausted")
}

pub fn grow_probing() -> Expected {
    Expected::balances()
}

pub fn instances_many() -> Expected {
    Expected::balances()
}

pub fn jump_table() -> Expected {
    Expected::fails(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn memory_bomb() -> Expected {
    Expected::fails(FailureKind::Memory, "but only 33554432 are allowed")
}

pub fn memory_bomb_in_parts() -> Expected {
    Expected::fails(FailureKind::Memory, "but only 33554432 are allowed")
}

pub fn memory_declared() -> Expected {
    Expected::never_starts(FailureKind::Memory, "but only 33554432 are allowed")
}

pub fn memory_touched_all() -> Expected {
    Expected::balances()
}

pub fn post_return_loops() -> Expected {
    Expected::fails(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn post_return_traps() -> Expected {
    Expected::fails(FailureKind::Trap, "wasm `unreachable` instruction executed")
}

pub fn resource_flood() -> Expected {
    Expected::fails(FailureKind::Trap, "cannot allocate another handle: store handle limit exceeded")
}

pub fn resource_twice_dropped() -> Expected {
    Expected::fails(FailureKind::Trap, "unknown handle index 1")
}

pub fn slow_per_fuel() -> Expected {
    Expected::fails(FailureKind::Deadline, "did not finish within 50ms").within(SHORT)
}

pub fn stack_unless_optimised() -> Expected {
    Expected::balances()
}

pub fn start_grows() -> Expected {
    Expected::never_starts(FailureKind::Memory, "but only 33554432 are allowed")
}

pub fn start_loops() -> Expected {
    Expected::never_starts(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn start_traps() -> Expected {
    Expected::never_starts(FailureKind::Trap, "wasm `unreachable` instruction executed")
}

pub fn startup_copies() -> Expected {
    Expected::never_starts(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn startup_elements() -> Expected {
    Expected::never_starts(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn state_in_fresh_memory() -> Expected {
    Expected::balances()
}

pub fn strings_between_components() -> Expected {
    Expected::fails(FailureKind::Deadline, "did not finish within 50ms").within(SHORT)
}

pub fn table_beyond_slot() -> Expected {
    Expected::balances()
}

pub fn table_bomb() -> Expected {
    Expected::fails(FailureKind::Memory, "but only 33554432 are allowed")
}

pub fn table_bomb_at_once() -> Expected {
    Expected::fails(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn types_many() -> Expected {
    Expected::balances()
}

pub fn locals_many() -> Expected {
    Expected::balances()
}
