//! Guests that trap or break the canonical ABI: invalid results, and invalid answers of `realloc`.

use sandbox::FailureKind::{Algorithm, Fuel, Invalid, Output, Trap};

use super::{Expected, balances, fails, never_describes, never_starts};

expected! {
    answer_discriminant = fails(Invalid, "invalid expected discriminant");
    answer_misaligned = fails(Invalid, "return pointer not aligned");
    answer_out_of_bounds = fails(Invalid, "pointer out of bounds of memory");
    calls_nothing = fails(Trap, "uninitialized element");
    calls_wrong_type = fails(Trap, "indirect call type mismatch");
    data_out_of_bounds = never_starts(Trap, "out of bounds memory access");
    describe_huge_list = never_describes(Output, "answered with more than 65536 bytes");
    describe_huge_name = never_describes(Output, "answered with more than 65536 bytes");
    describe_invalid_utf8 = never_describes(Invalid, "invalid utf-8 sequence of 1 bytes from index 0");
    describe_loops = never_describes(Fuel, "used all its fuel of 20000000");
    describe_out_of_bounds = never_describes(Invalid, "pointer out of bounds of memory");
    describe_traps = never_describes(Trap, "wasm `unreachable` instruction executed");
    divides_by_zero = fails(Trap, "integer divide by zero");
    elements_out_of_bounds = never_starts(Trap, "undefined element: out of bounds table access");
    error_control_characters = fails(Algorithm, r"\u{1b}[2J\u{1b}[H no\r\nINFO all is well");
    error_direction_override = fails(Algorithm, r"paid \u{202e} eno\u{2028}on");
    error_empty = fails(Algorithm, "gave up without a reason");
    error_huge = fails(Output, "answered with more than");
    error_invalid_utf8 = fails(Invalid, "invalid utf-8 sequence of 1 bytes from index 3");
    error_out_of_bounds = fails(Invalid, "string pointer/length out of bounds of memory");
    list_empty_wild = fails(Invalid, "list pointer/length out of bounds of memory");
    list_endless = fails(Invalid, "list pointer/length out of bounds of memory");
    list_huge = fails(Output, "answered with more than");
    list_misaligned = fails(Invalid, "list pointer is not aligned");
    list_out_of_bounds = fails(Invalid, "list pointer/length out of bounds of memory");
    list_pointer_wild = fails(Invalid, "list pointer/length out of bounds of memory");
    nested = balances();
    party_discriminant = fails(Invalid, "unexpected discriminant: 3");
    plain = balances();
    reads_out_of_bounds = fails(Trap, "out of bounds memory access");
    realloc_grows = balances();
    realloc_loops = fails(Fuel, "used all its fuel of 20000000");
    realloc_misaligned = fails(Invalid, "realloc return: result not aligned");
    realloc_out_of_bounds = fails(Invalid, "realloc return: beyond end of memory");
    realloc_over_answer = balances();
    realloc_overlaps = balances();
    realloc_recurses = fails(Trap, "call stack exhausted");
    realloc_traps = fails(Trap, "wasm `unreachable` instruction executed");
    realloc_wraps = fails(Invalid, "realloc return: beyond end of memory");
    unreachable = fails(Trap, "wasm `unreachable` instruction executed");
}
