// Pairing: which of the shared watt-hours goes from whom to whom, when nobody may trade with itself.
//
// A plain greedy strands energy where members both give and take: the last one may have only itself left. So a member whose
// two sides are all that is left (it is tight) trades at once, and no trade makes one exceed that.
#include "market.h"

// A member with both sides, and their sum. Entries whose sum is no longer right are dropped when they come up.
typedef struct {
    market_total sum;
    size_t member;
} entry;

typedef struct {
    uint64_t *gives, *takes;
    market_total left;  // what is left on each side
    entry *heap;        // greatest sum first, of equal ones the first member
    size_t heap_count, heap_room;
} pairing;

static bool comes_before(entry a, entry b) { return a.sum > b.sum || (a.sum == b.sum && a.member < b.member); }

static market_total sum_of(const pairing *pairing, size_t member) {
    uint64_t give = pairing->gives[member], take = pairing->takes[member];
    return give > 0 && take > 0 ? (market_total)give + take : 0;
}

static void push(pairing *pairing, entry added) {
    if (pairing->heap_count == pairing->heap_room) {
        pairing->heap_room = 2 * pairing->heap_room + 16;
        entry *more = market_allocate(pairing->heap_room, sizeof *more);
        for (size_t i = 0; i < pairing->heap_count; i++) more[i] = pairing->heap[i];
        pairing->heap = more;
    }
    size_t place = pairing->heap_count++;
    for (; place > 0 && comes_before(added, pairing->heap[(place - 1) / 2]); place = (place - 1) / 2) {
        pairing->heap[place] = pairing->heap[(place - 1) / 2];
    }
    pairing->heap[place] = added;
}

static void pop(pairing *pairing) {
    entry last = pairing->heap[--pairing->heap_count];
    size_t place = 0, child;
    while ((child = 2 * place + 1) < pairing->heap_count) {
        if (child + 1 < pairing->heap_count && comes_before(pairing->heap[child + 1], pairing->heap[child])) child++;
        if (!comes_before(pairing->heap[child], last)) break;
        pairing->heap[place] = pairing->heap[child];
        place = child;
    }
    pairing->heap[place] = last;
}

static void push_if_both(pairing *pairing, size_t member) {
    market_total sum = sum_of(pairing, member);
    if (sum > 0) push(pairing, (entry){sum, member});
}

// The greatest sum of both sides among all but these two, and whose it is; a sum of 0 if there is nobody.
static entry greatest_other(pairing *pairing, size_t seller, size_t buyer) {
    entry aside[2] = {{0, 0}, {0, 0}}, greatest = {0, seller};
    while (pairing->heap_count > 0) {
        entry top = pairing->heap[0];
        bool is_current = sum_of(pairing, top.member) == top.sum;
        if (is_current && top.member != seller && top.member != buyer) {
            greatest = top;
            break;
        }
        pop(pairing);
        if (is_current) aside[top.member == seller] = top;  // it may be there twice: once is enough
    }
    for (size_t i = 0; i < 2; i++) {
        if (aside[i].sum > 0) push(pairing, aside[i]);
    }
    return greatest;
}

// At most one member has more than all that is left: two sides each are half of everything. It gives the excess back.
static void give_excess_back(pairing *pairing, size_t count) {
    for (size_t i = 0; i < count; i++) {
        market_total sum = sum_of(pairing, i);
        if (sum <= pairing->left) continue;
        uint64_t excess = (uint64_t)(sum - pairing->left);
        pairing->gives[i] -= excess;
        pairing->takes[i] -= excess;
        pairing->left -= excess;
        return;
    }
}

void market_pair(market_book *book, uint64_t *gives, uint64_t *takes, int64_t price) {
    size_t count = book->round->count;
    pairing pairing = {.gives = gives, .takes = takes};
    market_total taken = 0;
    for (size_t i = 0; i < count; i++) {
        pairing.left += gives[i];
        taken += takes[i];
    }
    if (pairing.left != taken) {
        market_fail("pair: what members give and what they take have different sums");
        return;
    }
    give_excess_back(&pairing, count);
    for (size_t i = 0; i < count; i++) push_if_both(&pairing, i);
    for (size_t buyer = 0, first = 0, second = 0; pairing.left > 0;) {
        while (takes[buyer] == 0) buyer++;
        while (gives[first] == 0) first++;
        size_t seller = first;
        if (seller == buyer) {
            second = second > first ? second : first + 1;
            while (gives[second] == 0) second++;
            seller = second;
        }
        entry third = greatest_other(&pairing, seller, buyer);
        bool is_tight = sum_of(&pairing, buyer) == pairing.left || sum_of(&pairing, seller) == pairing.left;
        if (third.sum == pairing.left && !is_tight) {
            seller = third.member;
            third = greatest_other(&pairing, seller, buyer);
        }
        market_total room = pairing.left - third.sum;
        uint64_t energy = gives[seller] < takes[buyer] ? gives[seller] : takes[buyer];
        if (energy > room) energy = (uint64_t)room;
        gives[seller] -= energy;
        takes[buyer] -= energy;
        pairing.left -= energy;
        push_if_both(&pairing, seller);
        push_if_both(&pairing, buyer);
        market_make_trade(book, market_member((uint32_t)seller), market_member((uint32_t)buyer), energy, price);
    }
}
