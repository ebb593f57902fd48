// Sorting, which several parts of the kit need.
#ifndef MARKET_SORT_H
#define MARKET_SORT_H

#include "market.h"

typedef struct {
    market_total key;
    uint32_t index;
} sort_item;

// Sorts by ascending key; items with equal keys stay in their order. Takes time of order n log n.
void sort(sort_item *items, size_t count);

#endif
