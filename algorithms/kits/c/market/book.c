// The book: what is left of each position, and the trades so far.
#include "sort.h"

market_book market_open(const market_round *round) {
    market_book book = {.round = round};
    book.surplus = market_allocate(round->count, sizeof *book.surplus);
    book.deficit = market_allocate(round->count, sizeof *book.deficit);
    for (size_t i = 0; i < round->count; i++) {
        book.surplus[i] = round->positions[i].surplus;
        book.deficit[i] = round->positions[i].deficit;
    }
    return book;
}

static bool is_there(const char *file, int line, const market_book *book, size_t member) {
    if (member < book->round->count) return true;
    market_fail_at(file, line, "there is no position %llu: the round has %llu, counted from 0",
                   (unsigned long long)member, (unsigned long long)book->round->count);
    return false;
}

uint64_t market_surplus_at(const char *file, int line, const market_book *book, size_t member) {
    return is_there(file, line, book, member) ? book->surplus[member] : 0;
}

uint64_t market_deficit_at(const char *file, int line, const market_book *book, size_t member) {
    return is_there(file, line, book, member) ? book->deficit[member] : 0;
}

const market_position *market_position_at(const char *file, int line, const market_book *book, size_t member) {
    static const market_position nobody;
    return is_there(file, line, book, member) ? &book->round->positions[member] : &nobody;
}

// ---- Sellers and buyers

static market_members with_energy(const market_book *book, const uint64_t *energy) {
    market_members members = {market_allocate(book->round->count, sizeof(uint32_t)), 0};
    for (size_t i = 0; i < book->round->count; i++) {
        if (energy[i] > 0) members.items[members.count++] = (uint32_t)i;
    }
    return members;
}

static market_members in_order(const market_book *book, market_members members, market_key *key) {
    sort_item *ranked = market_allocate(members.count, sizeof *ranked);
    for (size_t i = 0; i < members.count; i++) {
        // With the sign turned, negative keys come first.
        uint64_t value = (uint64_t)key(&book->round->positions[members.items[i]]) ^ (uint64_t)1 << 63;
        ranked[i] = (sort_item){value, members.items[i]};
    }
    sort(ranked, members.count);
    for (size_t i = 0; i < members.count; i++) members.items[i] = ranked[i].index;
    return members;
}

market_members market_sellers(const market_book *book) { return with_energy(book, book->surplus); }
market_members market_buyers(const market_book *book) { return with_energy(book, book->deficit); }

market_members market_sellers_by(const market_book *book, market_key *key) {
    return in_order(book, market_sellers(book), key);
}
market_members market_buyers_by(const market_book *book, market_key *key) {
    return in_order(book, market_buyers(book), key);
}

int64_t market_offer_key(const market_position *position) { return position->offer; }
int64_t market_bid_key(const market_position *position) { return -1 - position->bid; }
int64_t market_rank_key(const market_position *position) { return position->rank; }

static market_total total_of(const uint64_t *energy, market_members members) {
    market_total total = 0;
    for (size_t i = 0; i < members.count; i++) total += energy[members.items[i]];
    return total;
}

market_total market_supply(const market_book *book, market_members sellers) { return total_of(book->surplus, sellers); }
market_total market_demand(const market_book *book, market_members buyers) { return total_of(book->deficit, buyers); }

// ---- Trades

uint64_t market_make_trade_at(const char *file, int line, market_book *book, market_party seller, market_party buyer,
                              uint64_t energy, int64_t price) {
    bool sells = seller.kind == 2, buys = buyer.kind == 2;
    if (sells && !is_there(file, line, book, seller.member)) return 0;
    if (buys && !is_there(file, line, book, buyer.member)) return 0;
    if (sells && energy > book->surplus[seller.member]) energy = book->surplus[seller.member];
    if (buys && energy > book->deficit[buyer.member]) energy = book->deficit[buyer.member];
    bool is_itself = seller.kind == buyer.kind && (!sells || seller.member == buyer.member);
    if (energy == 0 || is_itself) return 0;
    if (sells) book->surplus[seller.member] -= energy;
    if (buys) book->deficit[buyer.member] -= energy;
    market_trades *trades = &book->trades;
    if (trades->count == book->room) {
        book->room = 2 * book->room + 16;
        market_trade *more = market_allocate(book->room, sizeof *more);
        for (size_t i = 0; i < trades->count; i++) more[i] = trades->items[i];
        trades->items = more;
    }
    trades->items[trades->count++] = (market_trade){seller, buyer, energy, price};
    return energy;
}

static void sell_to_grid(market_book *book, uint32_t seller, uint64_t energy) {
    market_make_trade(book, market_member(seller), MARKET_GRID, energy, book->round->positions[seller].feed_in);
}

static void buy_from_grid(market_book *book, uint32_t buyer, uint64_t energy) {
    market_make_trade(book, MARKET_GRID, market_member(buyer), energy, book->round->positions[buyer].retail);
}

market_trades market_rest(market_book *book) {
    for (uint32_t i = 0; i < book->round->count; i++) {
        sell_to_grid(book, i, UINT64_MAX);
        buy_from_grid(book, i, UINT64_MAX);
    }
    return book->trades;
}

// Leaves `total` Wh with these members, in proportion to what they have; returns what each has too much.
static uint64_t *excess(const uint64_t *energy, market_members members, market_total total) {
    uint64_t *weights = market_allocate(members.count, sizeof *weights);
    for (size_t i = 0; i < members.count; i++) weights[i] = energy[members.items[i]];
    uint64_t *parts = market_split(total, weights, members.count, 0);
    for (size_t i = 0; i < members.count; i++) parts[i] = weights[i] - parts[i];
    return parts;
}

void market_pro_rata(market_book *book, market_members sellers, market_members buyers) {
    if (sellers.count == 0 || buyers.count == 0) return;
    market_total supply = market_supply(book, sellers), demand = market_demand(book, buyers);
    if (supply > demand) {
        uint64_t *above = excess(book->surplus, sellers, demand);
        for (size_t i = 0; i < sellers.count; i++) sell_to_grid(book, sellers.items[i], above[i]);
    } else {
        uint64_t *above = excess(book->deficit, buyers, supply);
        for (size_t i = 0; i < buyers.count; i++) buy_from_grid(book, buyers.items[i], above[i]);
    }
}

// Serves the buyers in order, at one price or at that of each pair. A buyer that meets itself in the queue of sellers is passed
// over as a seller, and comes first for the next buyer; there is at most one such seller at any time.
static void serve(market_book *book, market_members sellers, market_members buyers, int64_t one, market_price *each) {
    size_t next = 0, passed_over = SIZE_MAX;
    for (size_t i = 0; i < buyers.count; i++) {
        uint32_t buyer = buyers.items[i];
        while (market_deficit(book, buyer) > 0) {
            bool is_back = passed_over != SIZE_MAX && sellers.items[passed_over] != buyer;
            if (!is_back && next < sellers.count && sellers.items[next] == buyer) passed_over = next++;
            if (!is_back && next == sellers.count) break;
            uint32_t seller = sellers.items[is_back ? passed_over : next];
            int64_t price = each == NULL ? one : each(market_position(book, seller), market_position(book, buyer));
            market_make_trade(book, market_member(seller), market_member(buyer), UINT64_MAX, price);
            if (market_surplus(book, seller) > 0) continue;
            if (is_back) passed_over = SIZE_MAX;
            else next++;
        }
    }
}

void market_greedy(market_book *book, market_members sellers, market_members buyers, int64_t price) {
    serve(book, sellers, buyers, price, NULL);
}

void market_greedy_by(market_book *book, market_members sellers, market_members buyers, market_price *price) {
    serve(book, sellers, buyers, 0, price);
}
