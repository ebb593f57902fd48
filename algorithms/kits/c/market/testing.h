// Helpers for native tests: concise rounds, trades as text, and the balance check.
//
// Start with `testing_round` and `testing_expect`; `testing_random_rounds` covers unusual rounds. The check is a simple second
// implementation of the host's.
#ifndef MARKET_TESTING_H
#define MARKET_TESTING_H

#include "market.h"

// A member of a test round, in Wh.
typedef struct {
    const char *member;
    uint64_t surplus, deficit;
} testing_member;

// A round in which the community's and every member's tariff is 162400 µEUR/kWh retail and 30000 feed-in. Every member offers
// at its feed-in price and bids at its retail price. The positions may be changed.
market_round testing_round(const testing_member *members, size_t count);
#define TESTING_ROUND(...) \
    testing_round((testing_member[]){__VA_ARGS__}, sizeof((testing_member[]){__VA_ARGS__}) / sizeof(testing_member))
market_position *testing_position(const market_round *round, size_t index);

// Sets a setting of a test round.
void testing_set(market_round *round, const char *key, const char *value);

// Clears a round with the algorithm and compares. `expected` has a line such as "anna > ben 700 Wh at 96200\n" for each trade
// (seller, buyer, Wh, µEUR/kWh), or is the message with which the round is refused. Ends the program if it differs, or if the
// trades do not balance.
#define testing_expect(round, expected) testing_expect_at(__FILE__, __LINE__, round, expected)
void testing_expect_at(const char *file, int line, const market_round *round, const char *expected);

// Clears `count` random rounds, the same ones in every call, and checks each result. They include empty rounds, members that both
// sell and buy, extreme energies and prices, ties, and price limits. Ends the program at the first broken rule.
void testing_random_rounds(unsigned count);
market_round testing_random_round(uint64_t seed);

#endif
