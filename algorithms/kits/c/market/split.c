// Dividing energy to the last watt-hour.
#include "sort.h"

size_t market_turn(const market_round *round) { return round->count == 0 ? 0 : (size_t)(round->seed % round->count); }

typedef struct {
    uint64_t part;
    market_total remainder;
} division;

// ⌊total·weight/sum⌋ and the remainder, for `total` and `sum` below 2⁹⁶ and a weight that is part of the sum.
static division divide(market_total total, uint64_t weight, market_total sum) {
    // The product has up to 160 bits: long division in two digits of 32 bits, so that nothing exceeds 96 + 32 bits.
    market_total upper = total * (weight >> 32);
    market_total carried = upper % sum << 32;
    market_total lower = total * (weight & 0xffffffff);
    market_total part = (upper / sum << 32) + carried / sum + lower / sum;
    market_total remainder = carried % sum + lower % sum;
    if (remainder >= sum) {
        part++;
        remainder -= sum;
    }
    return (division){part > UINT64_MAX ? UINT64_MAX : (uint64_t)part, remainder};
}

uint64_t *market_split(market_total total, const uint64_t *weights, size_t count, size_t first) {
    uint64_t *parts = market_allocate(count, sizeof *parts);
    market_total sum = 0;
    uint64_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        sum += weights[i];
        if (weights[i] > largest) largest = weights[i];
    }
    if (sum == 0) return parts;
    if (total >> 96 > 0) {
        market_fail("a total of 2^96 or more cannot be split");
        return parts;
    }
    // 64 bits suffice for communities of ordinary size, and a division of 128 bits takes about ten times as long.
    bool is_small = sum <= UINT64_MAX && total <= UINT64_MAX / largest;
    sort_item *ranked = market_allocate(count, sizeof *ranked);
    market_total left_over = total;
    for (size_t place = 0; place < count; place++) {
        size_t i = place + first % count < count ? place + first % count : place + first % count - count;
        division divided;
        if (is_small) {
            uint64_t product = (uint64_t)total * weights[i];
            divided = (division){product / (uint64_t)sum, product % (uint64_t)sum};
        } else {
            divided = divide(total, weights[i], sum);
        }
        parts[i] = divided.part;
        left_over -= divided.part;
        ranked[place] = (sort_item){sum - divided.remainder, (uint32_t)i};
    }
    if (left_over == 0) return parts;
    sort(ranked, count);
    for (size_t place = 0; place < count && place < left_over; place++) {
        if (parts[ranked[place].index] < UINT64_MAX) parts[ranked[place].index]++;
    }
    return parts;
}

uint64_t *market_cascade(market_total total, const uint64_t *weights, const uint64_t *caps, size_t count, size_t first) {
    uint64_t *got = market_allocate(count, sizeof *got), *open = market_allocate(count, sizeof *open);
    while (total > 0) {
        for (size_t i = 0; i < count; i++) open[i] = got[i] < caps[i] ? weights[i] : 0;
        uint64_t *parts = market_split(total, open, count, first);
        market_total before = total;
        for (size_t i = 0; i < count; i++) {
            uint64_t taken = parts[i] < caps[i] - got[i] ? parts[i] : caps[i] - got[i];
            got[i] += taken;
            total -= taken;
        }
        if (total == before) break;
    }
    return got;
}

void sort(sort_item *items, size_t count) {
    sort_item *other = market_allocate(count, sizeof *other);
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t start = 0; start < count; start += 2 * run) {
            size_t middle = start + run < count ? start + run : count;
            size_t end = start + 2 * run < count ? start + 2 * run : count;
            size_t left = start, right = middle;
            for (size_t i = start; i < end; i++) {
                bool takes_left = left < middle && (right == end || items[left].key <= items[right].key);
                other[i] = items[takes_left ? left++ : right++];
            }
        }
        for (size_t i = 0; i < count; i++) items[i] = other[i];
    }
}
