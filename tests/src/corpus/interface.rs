//! Guests that trap or break the canonical ABI: invalid results, and invalid answers of `realloc`.

use sandbox::FailureKind;

use super::Expected;

pub fn answer_discriminant() -> Expected {
    Expected::fails(FailureKind::Invalid, "invalid expected discriminant")
}

pub fn answer_misaligned() -> Expected {
    Expected::fails(FailureKind::Invalid, "return pointer not aligned")
}

pub fn answer_out_of_bounds() -> Expected {
    Expected::fails(FailureKind::Invalid, "pointer out of bounds of memory")
}

pub fn calls_nothing() -> Expected {
    Expected::fails(FailureKind::Trap, "uninitialized element")
}

pub fn calls_wrong_type() -> Expected {
    Expected::fails(FailureKind::Trap, "indirect call type mismatch")
}

pub fn data_out_of_bounds() -> Expected {
    Expected::never_starts(FailureKind::Trap, "out of bounds memory access")
}

pub fn describe_huge_list() -> Expected {
    Expected::never_describes(FailureKind::Output, "answered with more than 65536 bytes")
}

pub fn describe_huge_name() -> Expected {
    Expected::never_describes(FailureKind::Output, "answered with more than 65536 bytes")
}

pub fn describe_invalid_utf8() -> Expected {
    Expected::never_describes(FailureKind::Invalid, "invalid utf-8 sequence of 1 bytes from index 0")
}

pub fn describe_loops() -> Expected {
    Expected::never_describes(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn describe_out_of_bounds() -> Expected {
    Expected::never_describes(FailureKind::Invalid, "pointer out of bounds of memory")
}

pub fn describe_traps() -> Expected {
    Expected::never_describes(FailureKind::Trap, "wasm `unreachable` instruction executed")
}

pub fn divides_by_zero() -> Expected {
    Expected::fails(FailureKind::Trap, "integer divide by zero")
}

pub fn elements_out_of_bounds() -> Expected {
    Expected::never_starts(FailureKind::Trap, "undefined element: out of bounds table access")
}

pub fn error_control_characters() -> Expected {
    Expected::fails(FailureKind::Algorithm, " [2J [H no  INFO all is well")
}

pub fn error_direction_override() -> Expected {
    Expected::fails(FailureKind::Algorithm, "paid   eno on")
}

pub fn error_empty() -> Expected {
    Expected::fails(FailureKind::Algorithm, "gave up without a reason")
}

pub fn error_huge() -> Expected {
    Expected::fails(FailureKind::Output, "answered with more than")
}

pub fn error_invalid_utf8() -> Expected {
    Expected::fails(FailureKind::Invalid, "invalid utf-8 sequence of 1 bytes from index 3")
}

pub fn error_out_of_bounds() -> Expected {
    Expected::fails(FailureKind::Invalid, "string pointer/length out of bounds of memory")
}

pub fn list_empty_wild() -> Expected {
    Expected::fails(FailureKind::Invalid, "list pointer/length out of bounds of memory")
}

pub fn list_endless() -> Expected {
    Expected::fails(FailureKind::Invalid, "list pointer/length out of bounds of memory")
}

pub fn list_huge() -> Expected {
    Expected::fails(FailureKind::Output, "answered with more than")
}

pub fn list_misaligned() -> Expected {
    Expected::fails(FailureKind::Invalid, "list pointer is not aligned")
}

pub fn list_out_of_bounds() -> Expected {
    Expected::fails(FailureKind::Invalid, "list pointer/length out of bounds of memory")
}

pub fn list_pointer_wild() -> Expected {
    Expected::fails(FailureKind::Invalid, "list pointer/length out of bounds of memory")
}

pub fn nested() -> Expected {
    Expected::balances()
}

pub fn party_discriminant() -> Expected {
    Expected::fails(FailureKind::Invalid, "unexpected discriminant: 3")
}

pub fn plain() -> Expected {
    Expected::balances()
}

pub fn reads_out_of_bounds() -> Expected {
    Expected::fails(FailureKind::Trap, "out of bounds memory access")
}

pub fn realloc_grows() -> Expected {
    Expected::balances()
}

pub fn realloc_loops() -> Expected {
    Expected::fails(FailureKind::Fuel, "used all its fuel of 20000000")
}

pub fn realloc_misaligned() -> Expected {
    Expected::fails(FailureKind::Invalid, "realloc return: result not aligned")
}

pub fn realloc_out_of_bounds() -> Expected {
    Expected::fails(FailureKind::Invalid, "realloc return: beyond end of memory")
}

pub fn realloc_over_answer() -> Expected {
    Expected::balances()
}

pub fn realloc_overlaps() -> Expected {
    Expected::balances()
}

pub fn realloc_recurses() -> Expected {
    Expected::fails(FailureKind::Trap, "call stack exhausted")
}

pub fn realloc_traps() -> Expected {
    Expected::fails(FailureKind::Trap, "wasm `unreachable` instruction executed")
}

pub fn realloc_wraps() -> Expected {
    Expected::fails(FailureKind::Invalid, "realloc return: beyond end of memory")
}

pub fn unreachable() -> Expected {
    Expected::fails(FailureKind::Trap, "wasm `unreachable` instruction executed")
}
