// The component: how the host calls an algorithm (the canonical ABI of wit/market.wit), its memory, its log, and what the
// compiler's checks report. Only for wasm32; an author never calls anything here.
#include "market.h"

#define EXPORT(name) __attribute__((export_name(name)))

// ---- Memory: from front to back, never freed

static char *next_free, *end_of_memory;

static void *take(size_t size, size_t align) {
    enum { PAGE = 65536 };
    char *block = (char *)(((uintptr_t)next_free + align - 1) / align * align);
    if (next_free == NULL || size > (size_t)(end_of_memory - block) || block > end_of_memory) {
        size_t in_use = __builtin_wasm_memory_size(0);
        size_t pages = size / PAGE + 2, growth = pages > in_use / 8 ? pages : in_use / 8;
        if (__builtin_wasm_memory_grow(0, growth) == SIZE_MAX && __builtin_wasm_memory_grow(0, growth = pages) == SIZE_MAX) {
            market_print("there is no memory left");
            __builtin_trap();
        }
        // A page stays aside, so that the end of the last one can be written as a number.
        block = (char *)(in_use * PAGE);
        end_of_memory = block + (growth - 1) * PAGE;
    }
    next_free = block + size;
    return block;
}

void *market_allocate(size_t count, size_t size) {
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        market_print("there is no memory left");
        __builtin_trap();
    }
    return take(bytes, 16);  // new memory is zero
}

EXPORT("cabi_realloc") void *market_realloc(char *old, size_t old_size, size_t align, size_t size) {
    if (size == 0) return (void *)align;
    char *block = take(size, align);
    for (size_t i = 0; i < old_size && i < size; i++) block[i] = old[i];
    return block;
}

// The compiler calls these by itself. A C library that is linked has better ones.
__attribute__((weak)) void *memcpy(void *to, const void *from, size_t size) {
    for (size_t i = 0; i < size; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}
__attribute__((weak)) void *memset(void *to, int value, size_t size) {
    for (size_t i = 0; i < size; i++) ((volatile char *)to)[i] = (char)value;
    return to;
}

// What Debian's runtime for clang calls, where its stack is overwritten.
__attribute__((weak)) uintptr_t __stack_chk_guard = 0x5afe;
__attribute__((weak)) _Noreturn void __stack_chk_fail(void) { __builtin_trap(); }

// ---- The log

typedef struct {
    const char *bytes;
    size_t length;
} io_vector;

__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_write"))) int32_t
wasi_fd_write(int32_t file, const io_vector *vectors, size_t count, size_t *written);

void market_print(const char *text) {
    size_t length = 0, written = 0;
    while (text[length] != 0) length++;
    io_vector vectors[] = {{text, length}, {"\n", 1}};
    wasi_fd_write(2, vectors, 2, &written);
}

// ---- The world's functions

static market_text text_of(const char *text) {
    size_t length = 0;
    while (text[length] != 0) length++;
    return (market_text){text, length};
}

typedef struct {
    market_text key, summary, default_value;
} described_setting;

typedef struct {
    market_text name, version, summary;
    described_setting *settings;
    size_t setting_count;
} description;

EXPORT("describe") description *market_export_describe(void) {
    description *result = market_allocate(1, sizeof *result);
    result->name = text_of(algorithm.name);
    result->version = text_of(algorithm.version);
    result->summary = text_of(algorithm.summary);
    result->setting_count = algorithm.setting_count;
    result->settings = market_allocate(algorithm.setting_count, sizeof *result->settings);
    for (size_t i = 0; i < algorithm.setting_count; i++) {
        const market_setting *setting = &algorithm.settings[i];
        result->settings[i] =
            (described_setting){text_of(setting->key), text_of(setting->summary), text_of(setting->default_value)};
    }
    return result;
}

typedef struct {
    int32_t is_error;
    const void *items;  // trades, or the bytes of the message
    size_t count;
} answer;

EXPORT("clear")
answer *market_export_clear(const char *community, size_t community_length, uint64_t start, uint32_t duration, int64_t retail,
                            int64_t feed_in, int32_t has_floor, int64_t floor, int32_t has_ceiling, int64_t ceiling,
                            uint64_t seed, const market_given *settings, size_t setting_count,
                            const market_position *positions, size_t count) {
    const market_round round = {
        .community = {community, community_length},
        .start = start,
        .duration = duration,
        .retail = retail,
        .feed_in = feed_in,
        .price_floor = {has_floor != 0, floor},
        .price_ceiling = {has_ceiling != 0, ceiling},
        .seed = seed,
        .settings = settings,
        .setting_count = setting_count,
        .positions = positions,
        .count = count,
    };
    market_trades trades = algorithm.clear(&round);
    answer *result = market_allocate(1, sizeof *result);
    const char *failure = market_failure();
    market_text reason = text_of(failure == NULL ? "" : failure);
    *result = failure == NULL ? (answer){0, trades.items, trades.count} : (answer){1, reason.bytes, reason.length};
    return result;
}

// The layout of these is the canonical ABI's.
_Static_assert(sizeof(market_position) == 64 && offsetof(market_position, rank) == 60, "a position in memory");
_Static_assert(sizeof(market_trade) == 32 && offsetof(market_trade, energy) == 16, "a trade in memory");
