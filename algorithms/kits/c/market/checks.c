// What the compiler's checks report (-fsanitize, see the Makefile): mistakes that C itself passes over. Only for wasm32.
//
// The compiler calls these functions and tells them the place. After a number that does not fit, the algorithm goes on, and
// the message comes back instead of trades. Elsewhere it cannot go on: the message is in the log, where the market finds it, and it stops.
#include "market.h"

typedef struct {
    const char *file;
    uint32_t line, column;
} place;

// The compiler's name for a type: signed or not, how many bits, what people call it.
typedef struct {
    uint16_t kind, info;
    char name[];
} type;

typedef struct {
    place place;
    const type *type;
} arithmetic;

typedef struct {
    place place;
    const type *from, *to;
} conversion;

// A number as the compiler hands it over: in place, or if it is wider than a pointer, behind one.
typedef uintptr_t number;

static void does_not_fit(const place *place, const char *what, const type *of, number left, number right) {
    unsigned bits = 1u << (of->info >> 1);
    bool is_signed = of->info & 1;
    if (bits > 64) {
        market_fail_at(place->file, (int)place->line, "the result of %s does not fit into %s", what, of->name);
        return;
    }
    uint64_t a = bits > 32 ? *(const uint64_t *)left : left, b = bits > 32 ? *(const uint64_t *)right : right;
    if (is_signed) {
        market_fail_at(place->file, (int)place->line, "%lld %s %lld does not fit into %s",
                       bits > 32 ? (long long)a : (long long)(int32_t)a, what,
                       bits > 32 ? (long long)b : (long long)(int32_t)b, of->name);
    } else {
        market_fail_at(place->file, (int)place->line, "%llu %s %llu does not fit into %s", (unsigned long long)a, what,
                       (unsigned long long)b, of->name);
    }
}

void __ubsan_handle_add_overflow(const arithmetic *at, number left, number right) {
    does_not_fit(&at->place, "+", at->type, left, right);
}
void __ubsan_handle_sub_overflow(const arithmetic *at, number left, number right) {
    does_not_fit(&at->place, "-", at->type, left, right);
}
void __ubsan_handle_mul_overflow(const arithmetic *at, number left, number right) {
    does_not_fit(&at->place, "*", at->type, left, right);
}
void __ubsan_handle_negate_overflow(const arithmetic *at, number value) {
    (void)value;
    market_fail_at(at->place.file, (int)at->place.line, "the negative of the least %s does not fit", at->type->name);
}
void __ubsan_handle_implicit_conversion(const conversion *at, number from, number to) {
    (void)to;
    unsigned bits = 1u << (at->from->info >> 1);
    uint64_t value = bits > 32 && bits <= 64 ? *(const uint64_t *)from : from;
    long long shown = bits <= 32 ? (long long)(int32_t)value : (long long)value;
    if (at->from->info & 1) {
        market_fail_at(at->place.file, (int)at->place.line, "%lld does not fit into %s", shown, at->to->name);
    } else {
        market_fail_at(at->place.file, (int)at->place.line, "%llu does not fit into %s", (unsigned long long)value,
                       at->to->name);
    }
}

_Noreturn static void stop(const place *place, const char *what) {
    market_fail_at(place->file, (int)place->line, "%s", what);
    __builtin_trap();
}

void __ubsan_handle_divrem_overflow(const arithmetic *at, number left, number right) {
    (void)left, (void)right;
    stop(&at->place, "division by zero, or of the least number by -1");
}
void __ubsan_handle_shift_out_of_bounds(const conversion *at, number left, number right) {
    (void)left, (void)right;
    stop(&at->place, "a shift by more bits than there are");
}
void __ubsan_handle_out_of_bounds(const conversion *at, number index) {
    (void)index;
    stop(&at->place, "an index outside of its array");
}
void __ubsan_handle_type_mismatch_v1(const arithmetic *at, number pointer) {
    (void)pointer;
    stop(&at->place, "a null pointer is used");
}
void __ubsan_handle_builtin_unreachable(const place *at) { stop(at, "a place that was promised to be unreachable"); }
void __ubsan_handle_missing_return(const place *at) { stop(at, "the function ends without a return"); }
