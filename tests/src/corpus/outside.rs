//! Guests that try to reach the outside through the inert part of WASI.

use sandbox::Budget;
use sandbox::FailureKind::{Fuel, Output, Trap};

use super::{BUDGET, Expected, balances, fails};

expected! {
    exits = fails(Trap, "the algorithm called exit (return an error instead)");
    // More fuel than 100,000 calls take, so that the limit on handles is reached first.
    handle_flood =
        fails(Trap, "cannot allocate another handle: store handle limit exceeded").within(Budget { fuel: 3 * BUDGET.fuel, ..BUDGET });
    handle_forged = fails(Trap, "unknown handle index 77");
    handle_of_other_kind = fails(Trap, "handle index 1 used with the wrong type");
    import_has_functions = fails(Trap, "unknown import: `rec:market/types@1.0.0#read-secret` has not been defined");
    panics =
        fails(Trap, "wasm `unreachable` instruction executed; it wrote: panicked at src/lib.rs:7:9: index out of bounds").logging("panicked at src/lib.rs");
    panics_at_length =
        fails(Trap, "wasm `unreachable` instruction executed; it wrote: xxxxxxxxxx").logging("xxxxxxxxxx");
    prints = balances().logging("one\ntwo");
    prints_forever = fails(Fuel, "used all its fuel of 20000000");
    prints_much_at_once = fails(Output, "answered with more than");
    prints_out_of_bounds = fails(Trap, "list pointer/length out of bounds of memory");
    prints_rubbish = fails(Trap, "wasm `unreachable` instruction executed; it wrote: \\u{1b}[2J�a b");
    reads_environment = balances();
    reads_stdin = balances();
    realloc_calls_out = fails(Trap, "cannot leave component instance");
    waits = balances();
}
