// SPDX-License-Identifier: MIT
// The pool's pages, in blocks of 2^order pages aligned to their size.
//
// A bitmap an order says which blocks are free; summaries above it (a bit for each word that is not zero) find the
// first free block in a few steps. A page that is in use is in no bitmap, so any aligned part of what was allocated may
// be freed on its own. The bitmaps lie in the vault; the pages are not touched.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDDY_ORDERS 11  // 1 page .. 4 MiB
#define BUDDY_LEVELS 4   // 64^4 blocks

struct bitmap {
    uint64_t *levels[BUDDY_LEVELS];  // level 0: a bit each block; the last one is a single word
    uint32_t n_levels, zero;
};
struct buddy {
    struct bitmap free[BUDDY_ORDERS];
    uint32_t n_pages, zero;  // up to here nothing changes behind buddy_init()
    uint32_t n_free, none;
};

// How many bytes the bitmaps of so many pages take.
size_t buddy_bytes(uint32_t n_pages);
// All pages free; n_pages a power of two; `memory` holds buddy_bytes() cleared bytes.
void buddy_init(struct buddy *buddy, uint32_t n_pages, void *memory);
// A block of 2^order pages, the lowest one; false when there is none of this size.
bool buddy_take(struct buddy *buddy, unsigned order, uint32_t *page);
// Give a block back.
void buddy_give(struct buddy *buddy, uint32_t page, unsigned order);
// All over again: every page is free, then these are in use, then the rest is put together to the largest blocks that
// there are. In between nothing may be taken or given.
void buddy_reset(struct buddy *buddy);
void buddy_claim(struct buddy *buddy, uint32_t page, unsigned order);
void buddy_settle(struct buddy *buddy);
// Every free block is aligned, inside, not also free as part of another, and the count is right (tests).
bool buddy_check(const struct buddy *buddy);
