// A rule of the library from the kit's blocks, and every mistake that an author can make: the setting `do` says which.
#include "market/market.h"

static const market_setting DO = {"do", "what to do", "cascade"};

static market_trades cascade(const market_round *round) {
    size_t count = round->count, first = market_turn(round);
    market_book book = market_open(round);
    uint64_t *weights = market_allocate(count, sizeof *weights), shares = 0;
    for (size_t i = 0; i < count; i++) shares += weights[i] = round->positions[i].share;
    for (size_t i = 0; i < count && shares == 0; i++) weights[i] = 1;
    market_total supply = market_supply(&book, market_sellers(&book)), taken = 0;
    uint64_t *takes = market_cascade(supply, weights, book.deficit, count, first);
    for (size_t i = 0; i < count; i++) taken += takes[i];
    uint64_t *gives = market_split(taken, book.surplus, count, first);
    market_pair(&book, gives, takes, market_clamp(round, market_mid(round->retail, round->feed_in)));
    return market_rest(&book);
}

static market_trades clear(const market_round *round) {
    market_book book = market_open(round);
    market_text what = market_string(round, &DO);
    uint64_t zero = book.trades.count, one = zero + 1;
    uint64_t three[3] = {one, one, one};
    if (market_is(what, "divide")) {
        three[0] = one / zero;  // HERE divide
    } else if (market_is(what, "index")) {
        market_make_trade(&book, market_member(7), MARKET_GRID, 1, 0);  // HERE index
    } else if (market_is(what, "array")) {
        three[round->count] = 1;  // HERE array
    } else if (market_is(what, "negative")) {
        three[0] = zero - one;  // HERE negative
    } else if (market_is(what, "large")) {
        three[0] = UINT64_MAX * (one + one);  // HERE large
    } else if (market_is(what, "narrow")) {
        int64_t price = -5;
        three[0] = price;  // HERE narrow
    } else if (market_is(what, "null")) {
        const market_position *nobody = round->settings[0].key.bytes == NULL ? round->positions : NULL;
        three[0] = nobody->surplus;  // HERE null
    } else if (market_is(what, "refuse")) {
        market_refuse("retail is %lld, which is too much", (long long)round->retail);
    } else if (market_is(what, "print")) {
        market_print("a remark");
        market_fail("it went wrong");  // HERE print
    } else {
        return cascade(round);
    }
    if (three[0] == 12345) market_print("never");
    return market_rest(&book);
}

const market_algorithm algorithm = {
    .name = "workshop", .version = "1.0.0", .summary = "mistakes", .settings = &DO, .setting_count = 1, .clear = clear,
};
