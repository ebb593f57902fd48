#include "testing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void market_forget_failure(void);

void *market_allocate(size_t count, size_t size) {
    void *block = calloc(count + 1, size);  // natively, too, nothing is freed: tests are short
    if (block == NULL) abort();
    return block;
}

void market_print(const char *text) { fprintf(stderr, "%s\n", text); }

// ---- Rounds

static market_text text_of(const char *text) { return (market_text){text, strlen(text)}; }

market_position *testing_position(const market_round *round, size_t index) {
    return (market_position *)&round->positions[index];
}

market_round testing_round(const testing_member *members, size_t count) {
    market_position *positions = market_allocate(count, sizeof *positions);
    for (size_t i = 0; i < count; i++) {
        positions[i] = (market_position){
            .member = text_of(members[i].member),
            .surplus = members[i].surplus,
            .deficit = members[i].deficit,
            .offer = 30000,
            .bid = 162400,
            .retail = 162400,
            .feed_in = 30000,
        };
    }
    return (market_round){
        .community = text_of("testing"),
        .start = 1693569600,
        .duration = 900,
        .retail = 162400,
        .feed_in = 30000,
        .positions = positions,
        .count = count,
    };
}

void testing_set(market_round *round, const char *key, const char *value) {
    market_given *settings = market_allocate(round->setting_count + 1, sizeof *settings);
    for (size_t i = 0; i < round->setting_count; i++) settings[i] = round->settings[i];
    settings[round->setting_count++] = (market_given){text_of(key), text_of(value)};
    round->settings = settings;
}

// SplitMix64 (Steele, Lea and Flood 2014): good enough for tests.
MARKET_WRAPS static uint64_t draw(uint64_t *state) {
    *state += 0x9e3779b97f4a7c15;
    uint64_t mixed = (*state ^ *state >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
}

static uint64_t below(uint64_t *state, uint64_t limit) { return draw(state) % limit; }

static uint64_t random_energy(uint64_t *state, uint64_t kind) {
    if (kind == 0) return below(state, 4);
    if (kind == 1) return below(state, 5000);
    if (kind == 2) return UINT64_MAX - below(state, 2);
    uint64_t drawn = draw(state);
    return drawn >> below(state, 64);
}

static int64_t random_price(uint64_t *state, uint64_t kind) {
    uint64_t few = below(state, 4);
    if (kind == 0) return (int64_t)(10000 * few);
    if (kind == 1) return (int64_t)below(state, 200000) - 20000;
    if (kind == 2 && few == 0) return INT64_MIN;
    if (kind == 2 && few == 1) return INT64_MAX;
    return (int64_t)draw(state);
}

market_round testing_random_round(uint64_t seed) {
    uint64_t state = seed;
    market_round round = testing_round(NULL, 0);
    round.seed = seed;
    // One kind of prices and one of energies per round: some are small, so that there are ties, some are extreme.
    uint64_t prices = below(&state, 4), energies = below(&state, 4);
    round.retail = random_price(&state, prices);
    round.feed_in = random_price(&state, prices);
    int64_t a = random_price(&state, prices), b = random_price(&state, prices);
    round.price_floor = (market_limit){below(&state, 3) == 0, a < b ? a : b};
    round.price_ceiling = (market_limit){below(&state, 3) == 0, a < b ? b : a};
    uint64_t sides = below(&state, 4);
    round.count = below(&state, 12);
    market_position *positions = market_allocate(round.count, sizeof *positions);
    for (size_t i = 0; i < round.count; i++) {
        char *name = market_allocate(8, 1);
        snprintf(name, 8, "m%02u", (unsigned)i);
        uint64_t side = sides == 3 ? below(&state, 4) : sides;
        positions[i].member = text_of(name);
        positions[i].surplus = side == 1 ? 0 : random_energy(&state, energies);
        positions[i].deficit = side == 2 || (sides == 3 && side == 0) ? 0 : random_energy(&state, energies);
        positions[i].offer = random_price(&state, prices);
        positions[i].bid = random_price(&state, prices);
        positions[i].retail = random_price(&state, prices);
        positions[i].feed_in = random_price(&state, prices);
    }
    uint64_t shares = below(&state, 3);
    for (size_t i = 0; i < round.count; i++) {
        positions[i].share = (uint32_t)(shares * below(&state, 80000) / 2);
        positions[i].rank = (uint32_t)below(&state, 3);
    }
    round.positions = positions;
    return round;
}

// ---- The balance check

static market_text name_of(const market_round *round, market_party party) {
    if (party.kind == 0) return text_of("grid");
    if (party.kind == 1) return text_of("operator");
    return party.member < round->count ? round->positions[party.member].member : text_of("nobody");
}

static const char *broken_by(const market_round *round, market_trade trade) {
    bool sells = trade.seller.kind == 2, buys = trade.buyer.kind == 2;
    if (trade.seller.kind > 2 || trade.buyer.kind > 2) return "no such party";
    if ((sells && trade.seller.member >= round->count) || (buys && trade.buyer.member >= round->count)) {
        return "unknown member";
    }
    if (trade.seller.kind == trade.buyer.kind && (!sells || trade.seller.member == trade.buyer.member)) {
        return "a party trades with itself";
    }
    if (trade.energy == 0) return "a trade has 0 Wh";
    if (!sells && !buys) return "the grid trades with the operator";
    bool from_grid = trade.seller.kind == 0, to_grid = trade.buyer.kind == 0;
    if (sells && !to_grid && market_raise(round, trade.price) != trade.price) return "the price is below the floor";
    if (buys && !from_grid && market_lower(round, trade.price) != trade.price) return "the price is above the ceiling";
    if (to_grid && trade.price != round->positions[trade.seller.member].feed_in) return "the grid pays its feed-in price";
    if (from_grid && trade.price != round->positions[trade.buyer.member].retail) return "the grid charges its retail price";
    return NULL;
}

static const char *unbalanced(const market_round *round, market_trades trades) {
    market_total *sold = market_allocate(round->count, sizeof *sold);
    market_total *bought = market_allocate(round->count, sizeof *bought);
    __extension__ typedef __int128 wide;
    wide operator_energy = 0, operator_money = 0;
    for (size_t i = 0; i < trades.count; i++) {
        market_trade trade = trades.items[i];
        const char *broken = broken_by(round, trade);
        if (broken != NULL) return broken;
        if (trade.seller.kind == 2) sold[trade.seller.member] += trade.energy;
        if (trade.buyer.kind == 2) bought[trade.buyer.member] += trade.energy;
        int sign = (trade.seller.kind == 1) - (trade.buyer.kind == 1);
        operator_energy -= sign * (wide)trade.energy;
        wide money = sign * (wide)trade.energy * trade.price;
        if (__builtin_add_overflow(operator_money, money, &operator_money)) return "the operator's money does not fit";
    }
    for (size_t i = 0; i < round->count; i++) {
        if (sold[i] != round->positions[i].surplus) return "a member sells more or less than its surplus";
        if (bought[i] != round->positions[i].deficit) return "a member buys more or less than its deficit";
    }
    if (operator_energy != 0) return "the operator keeps energy";
    return operator_money < 0 ? "the operator loses money" : NULL;
}

// ---- Comparing

static void print_round(const market_round *round) {
    fprintf(stderr, "in the round with seed %" PRIu64 ", retail %" PRId64 ", feed-in %" PRId64 ":\n", round->seed,
            round->retail, round->feed_in);
    for (size_t i = 0; i < round->count; i++) {
        market_position position = round->positions[i];
        fprintf(stderr, "  %.*s surplus %" PRIu64 " deficit %" PRIu64 " offer %" PRId64 " bid %" PRId64 "\n",
                MARKET_TEXT(position.member), position.surplus, position.deficit, position.offer, position.bid);
    }
}

void testing_expect_at(const char *file, int line, const market_round *round, const char *expected) {
    market_forget_failure();
    market_trades trades = algorithm.clear(round);
    const char *problem = market_failure() == NULL ? unbalanced(round, trades) : NULL;
    char text[4096] = "";
    size_t length = 0;
    if (market_failure() != NULL) snprintf(text, sizeof text, "%s", market_failure());
    for (size_t i = 0; market_failure() == NULL && i < trades.count && length < sizeof text; i++) {
        market_trade trade = trades.items[i];
        length += (size_t)snprintf(text + length, sizeof text - length, "%.*s > %.*s %" PRIu64 " Wh at %" PRId64 "\n",
                                   MARKET_TEXT(name_of(round, trade.seller)), MARKET_TEXT(name_of(round, trade.buyer)),
                                   trade.energy, trade.price);
    }
    if (problem == NULL && strcmp(text, expected) == 0) return;
    fprintf(stderr, "%s:%d: %s\nexpected:\n%s\nfound:\n%s\n", file, line, problem == NULL ? "differs" : problem, expected, text);
    exit(1);
}

void testing_random_rounds(unsigned count) {
    for (unsigned seed = 0; seed < count; seed++) {
        market_round round = testing_random_round(seed);
        market_forget_failure();
        market_trades trades = algorithm.clear(&round);
        const char *problem = market_failure() == NULL ? unbalanced(&round, trades) : market_failure();
        if (problem == NULL) continue;
        fprintf(stderr, "%s\n", problem);
        print_round(&round);
        exit(1);
    }
}
