// Everything a C author needs to write a matching algorithm for rec-market.
//
// An algorithm is a `market_algorithm` named `algorithm`: who it is, its settings, and a function `clear`. That gets a round,
// which has each member's surplus and deficit in one interval, and answers with trades: who sells how much to whom, at what
// price. Energy is in whole watt-hours (Wh), prices are in micro-euro per kilowatt-hour (µEUR/kWh): 0.1624 EUR/kWh is
// 162400. Energy × price is then a whole number of nano-euro, so money never needs rounding.
//
// Building blocks: the book keeps track of what is left of each position (sellers, buyers, pro rata, greedy, pair, rest);
// `market_split` and `market_cascade` divide energy to the last watt-hour; `market_mid`, `market_between` and the limits help
// with prices; settings are what the community may choose.
//
// A mistake is remembered, the first one counts, and its message comes back instead of trades: with file and line if it is
// the author's. So no function here has to be asked whether it failed. What cannot go on, such as a division by zero, stops
// with its message in the log. Memory is never freed: the program lives for one round.
#ifndef MARKET_H
#define MARKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A number for sums of energy and for products: 128 bits.
__extension__ typedef unsigned __int128 market_total;

// Text in UTF-8, without a zero at its end. Print it with `"%.*s", MARKET_TEXT(text)`.
typedef struct {
    const char *bytes;
    size_t length;
} market_text;
#define MARKET_TEXT(text) (int)(text).length, (text).bytes

// What one member has and wants in one interval.
typedef struct {
    market_text member;  // the member's name, unique within the round
    uint64_t surplus;    // energy to sell, in Wh: it must be sold to the last watt-hour
    uint64_t deficit;    // energy to buy, in Wh: it must be bought to the last watt-hour
    int64_t offer;       // the lowest price at which the member sells, in µEUR/kWh
    int64_t bid;         // the highest price at which the member buys, in µEUR/kWh
    int64_t retail;      // what the grid charges this member, in µEUR/kWh
    int64_t feed_in;     // what the grid pays this member, in µEUR/kWh
    uint32_t share;      // the member's sharing coefficient, in parts per million
    uint32_t rank;       // the member's priority; 0 comes first
} market_position;

// A limit on prices between members.
typedef struct {
    bool is_set;
    int64_t price;  // µEUR/kWh
} market_limit;

// A setting that the community has set.
typedef struct {
    market_text key, value;
} market_given;

// The input of one clearing.
typedef struct {
    market_text community;
    uint64_t start;     // start of the interval, in Unix seconds (UTC)
    uint32_t duration;  // length of the interval, in seconds
    int64_t retail;     // the community's reference tariff for energy from the grid, in µEUR/kWh
    int64_t feed_in;    // the community's reference tariff for energy to the grid, in µEUR/kWh
    market_limit price_floor, price_ceiling;
    uint64_t seed;  // derived from community and start, for algorithms that draw lots
    const market_given *settings;
    size_t setting_count;
    const market_position *positions;  // sorted by member, in byte order
    size_t count;                      // number of positions
} market_round;

// One side of a trade: `MARKET_GRID`, `MARKET_OPERATOR` (the community's own account) or `market_member(index)`.
typedef struct {
    uint8_t kind;     // 0 the grid, 1 the operator, 2 a member
    uint32_t member;  // index into the positions
} market_party;
#define MARKET_GRID ((market_party){.kind = 0})
#define MARKET_OPERATOR ((market_party){.kind = 1})
static inline market_party market_member(uint32_t member) { return (market_party){.kind = 2, .member = member}; }

// One exchange of energy for money.
typedef struct {
    market_party seller, buyer;
    uint64_t energy;  // Wh, never 0
    int64_t price;    // µEUR/kWh
} market_trade;

// All trades of a round, as `market_rest` returns them.
typedef struct {
    market_trade *items;
    size_t count;
} market_trades;

// One setting that an algorithm reads.
typedef struct {
    const char *key;            // the key in the community's configuration
    const char *summary;        // one sentence on its effect, with its unit
    const char *default_value;  // the value that applies if the community sets none
} market_setting;

// A matching algorithm. The author defines one, with the name `algorithm`.
typedef struct {
    const char *name;     // short, such as "mid-market-rate"
    const char *version;  // such as "1.0.0"
    const char *summary;  // one sentence on the matching rule
    const market_setting *settings;  // every setting that `clear` reads
    size_t setting_count;
    market_trades (*clear)(const market_round *round);
} market_algorithm;
extern const market_algorithm algorithm;

// ---- Mistakes -------------------------------------------------------------------------------------------------------

// Refuses the round: the message comes back instead of trades. Lower case, with the wrong value and the way out. Knows %s,
// %.*s, %d, %lld and %llu. The first message counts. `market_fail` adds file and line, for what only the author can cure.
#define market_refuse(...) market_fail_at(NULL, 0, __VA_ARGS__)
#define market_fail(...) market_fail_at(__FILE__, __LINE__, __VA_ARGS__)
__attribute__((format(printf, 3, 4))) void market_fail_at(const char *file, int line, const char *format, ...);

// The first message; NULL if there is none.
const char *market_failure(void);

// Writes a line to the log, which `rec-market algorithm run` shows.
void market_print(const char *text);

// Before a function in which unsigned numbers are meant to wrap around, as in a hash: elsewhere that is a mistake.
#ifdef __clang__
#define MARKET_WRAPS __attribute__((no_sanitize("unsigned-integer-overflow")))
#else
#define MARKET_WRAPS
#endif

// ---- Prices ---------------------------------------------------------------------------------------------------------

// The midpoint of two prices, rounded towards minus infinity.
int64_t market_mid(int64_t a, int64_t b);

// The price that lies `millionths` (0 to 1000000) of the way from one price to another, rounded towards minus infinity.
#define market_between(from, to, millionths) market_between_at(__FILE__, __LINE__, from, to, millionths)
int64_t market_between_at(const char *file, int line, int64_t from, int64_t to, int64_t millionths);

// `price` within the round's limits. The host rejects a result with a price between members outside them, so every such
// price goes through here. `market_raise` looks at the floor only, `market_lower` at the ceiling only.
int64_t market_clamp(const market_round *round, int64_t price);
int64_t market_raise(const market_round *round, int64_t price);
int64_t market_lower(const market_round *round, int64_t price);

// ---- Settings -------------------------------------------------------------------------------------------------------

// The value of a setting: the community's, or else the default. The first as a whole number from `least` to `most`.
int64_t market_integer(const market_round *round, const market_setting *setting, int64_t least, int64_t most);
market_text market_string(const market_round *round, const market_setting *setting);

// Whether a text is this word.
bool market_is(market_text text, const char *word);

// ---- Dividing -------------------------------------------------------------------------------------------------------

// Where the circle of positions begins in this round: the seed modulo the number of positions. Whoever hands out single
// watt-hours from there on favours nobody by its name over a month.
size_t market_turn(const market_round *round);

// Splits `total` in proportion to `count` weights, by the largest remainder: part i is ⌊total·wᵢ/Σw⌋, and the units left over
// go one each to the largest remainders, of equal ones first to the one at or after `first` around the circle. The parts
// add up to `total`; if all weights are 0, all parts are. A part that does not fit 64 bits is the largest number that does.
uint64_t *market_split(market_total total, const uint64_t *weights, size_t count, size_t first);

// Splits `total` by weight, but gives each at most its cap: what somebody cannot take is split again among the others, until
// nothing is left or nobody who can take more has a weight.
uint64_t *market_cascade(market_total total, const uint64_t *weights, const uint64_t *caps, size_t count, size_t first);

// ---- The book -------------------------------------------------------------------------------------------------------

// What is left of each position while a round is cleared, and the trades so far. A book never sells or buys more than a
// member has, and makes no trade of 0 Wh nor of anybody with itself. A member with both a surplus and a deficit is a seller and a
// buyer at once. Finish with `market_rest`.
typedef struct {
    const market_round *round;
    uint64_t *surplus;  // unsold, in Wh, one for each position
    uint64_t *deficit;  // uncovered, in Wh, one for each position
    market_trades trades;
    size_t room;  // for so many trades
} market_book;

// Some members, in an order: indexes of positions.
typedef struct {
    uint32_t *items;
    size_t count;
} market_members;

// Opens a book in which nothing is traded yet.
market_book market_open(const market_round *round);

// The unsold surplus and the uncovered deficit of a member, in Wh, and its position, which trades do not change.
#define market_surplus(book, member) market_surplus_at(__FILE__, __LINE__, book, member)
#define market_deficit(book, member) market_deficit_at(__FILE__, __LINE__, book, member)
#define market_position(book, member) market_position_at(__FILE__, __LINE__, book, member)
uint64_t market_surplus_at(const char *file, int line, const market_book *book, size_t member);
uint64_t market_deficit_at(const char *file, int line, const market_book *book, size_t member);
const market_position *market_position_at(const char *file, int line, const market_book *book, size_t member);

// The members with unsold surplus, and those with an uncovered deficit, in the round's order.
market_members market_sellers(const market_book *book);
market_members market_buyers(const market_book *book);

// The same in merit order: least key first, of equal ones in the round's order. Any function of a position is a key.
typedef int64_t market_key(const market_position *position);
market_members market_sellers_by(const market_book *book, market_key *key);
market_members market_buyers_by(const market_book *book, market_key *key);
int64_t market_offer_key(const market_position *position);  // cheapest offer first
int64_t market_bid_key(const market_position *position);    // dearest bid first
int64_t market_rank_key(const market_position *position);   // first rank first

// What these members have left together, in Wh.
market_total market_supply(const market_book *book, market_members sellers);
market_total market_demand(const market_book *book, market_members buyers);

// Makes supply and demand equal: splits the smaller total among the members of the larger side in proportion to their energy;
// each trades what it has above its part with the grid. Does nothing without sellers or without buyers.
void market_pro_rata(market_book *book, market_members sellers, market_members buyers);

// Serves the buyers in order, each from the sellers in order, until its deficit is covered or no surplus is left, all at
// `price`, or at the price of each pair.
typedef int64_t market_price(const market_position *seller, const market_position *buyer);
void market_greedy(market_book *book, market_members sellers, market_members buyers, int64_t price);
void market_greedy_by(market_book *book, market_members sellers, market_members buyers, market_price *price);

// Trades gives[i] Wh of every position's surplus against takes[i] Wh of every position's deficit, so that nobody trades with
// itself and all that can be shared is shared. Both have one number for each position, and the same sum. Uses up both.
void market_pair(market_book *book, uint64_t *gives, uint64_t *takes, int64_t price);

// Makes a trade of at most `energy` Wh, as far as the seller's surplus and the buyer's deficit allow; returns its energy.
#define market_make_trade(book, seller, buyer, energy, price) market_make_trade_at(\
    __FILE__, __LINE__, book, seller, buyer, energy, price)
uint64_t market_make_trade_at(const char *file, int line, market_book *book, market_party seller, market_party buyer,
                              uint64_t energy, int64_t price);

// Trades all that is left with the grid, each member at its own prices, and returns all trades.
market_trades market_rest(market_book *book);

// Memory for `count` things of `size` bytes, all zero. It is never freed.
void *market_allocate(size_t count, size_t size);

#endif
