// Shares the energy in proportion, at a price between the community's two tariffs.
#include "market/market.h"

static const market_setting POSITION = {
    .key = "position",
    .summary = "where the price lies between feed-in (0) and retail (1000000)",
    .default_value = "500000",
};

static market_trades clear(const market_round *round) {
    int64_t position = market_integer(round, &POSITION, 0, 1000000);
    int64_t price = market_clamp(round, market_between(round->feed_in, round->retail, position));
    market_book book = market_open(round);
    market_members sellers = market_sellers(&book), buyers = market_buyers(&book);
    market_pro_rata(&book, sellers, buyers);
    market_greedy(&book, sellers, buyers, price);
    return market_rest(&book);
}

const market_algorithm algorithm = {
    .name = "my-algorithm",
    .version = "1.0.0",
    .summary = "Shares the energy in proportion, at a price between the community's two tariffs; the rest with the grid",
    .settings = &POSITION,
    .setting_count = 1,
    .clear = clear,
};
