//! Guests that exhaust time, memory, stack or other limited resources.

use std::time::Duration;

use sandbox::Budget;
use sandbox::FailureKind::{Deadline, Fuel, Memory, Trap};

use super::{BUDGET, Expected, balances, fails, never_starts};

/// Practically unlimited fuel, and little time.
const SHORT: Budget = Budget { fuel: u64::MAX / 2, time: Duration::from_millis(50), ..BUDGET };

expected! {
    blocks_deep = balances();
    deep_recursion = fails(Trap, "call stack exhausted");
    endless_copy = fails(Fuel, "used all its fuel of 20000000");
    endless_declared_grow = fails(Fuel, "used all its fuel of 20000000");
    endless_failing_grow = fails(Fuel, "used all its fuel of 20000000");
    endless_fill = fails(Fuel, "used all its fuel of 20000000");
    endless_init = fails(Fuel, "used all its fuel of 20000000");
    endless_loop = fails(Fuel, "used all its fuel of 20000000");
    endless_table_fill = fails(Fuel, "used all its fuel of 20000000");
    endless_tail_calls = fails(Fuel, "used all its fuel of 20000000");
    exports_many = balances();
    frames_large = fails(Trap, "call stack exhausted");
    grow_probing = balances();
    instances_many = balances();
    jump_table = fails(Fuel, "used all its fuel of 20000000");
    lists_between_components = fails(Fuel, "used all its fuel of 20000000");
    memory_bomb = fails(Memory, "but only 33554432 are allowed");
    memory_bomb_in_parts = fails(Memory, "but only 33554432 are allowed");
    memory_declared = never_starts(Memory, "but only 33554432 are allowed");
    memory_touched_all = balances();
    numbers_between_components = balances();
    post_return_loops = fails(Fuel, "used all its fuel of 20000000");
    post_return_traps = fails(Trap, "wasm `unreachable` instruction executed");
    resource_flood = fails(Trap, "cannot allocate another handle: store handle limit exceeded");
    resource_twice_dropped = fails(Trap, "unknown handle index 1");
    slow_per_fuel = fails(Deadline, "did not finish within 50ms").within(SHORT);
    stack_unless_optimised = balances();
    start_grows = never_starts(Memory, "but only 33554432 are allowed");
    start_loops = never_starts(Fuel, "used all its fuel of 20000000");
    start_traps = never_starts(Trap, "wasm `unreachable` instruction executed");
    startup_copies = never_starts(Fuel, "used all its fuel of 20000000");
    startup_elements = never_starts(Fuel, "used all its fuel of 20000000");
    state_in_fresh_memory = balances();
    table_beyond_slot = balances();
    table_bomb = fails(Memory, "but only 33554432 are allowed");
    table_bomb_at_once = fails(Fuel, "used all its fuel of 20000000");
    types_many = balances();
    locals_many = balances();
    works_long_on_short_names = balances();
}
