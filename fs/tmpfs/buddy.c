// SPDX-License-Identifier: MIT
// Buddy allocation on summarised bitmaps (buddy.h).
#include "fs/tmpfs/buddy.h"

static uint32_t words_for(uint32_t n_bits) { return (n_bits + 63) / 64; }

static size_t bitmap_bytes(uint32_t n_bits)
{
    size_t bytes = 0;
    uint32_t n = n_bits;
    do {
        n = words_for(n);
        bytes += n * sizeof(uint64_t);
    } while (n > 1);
    return bytes;
}

static void *bitmap_init(struct bitmap *map, uint32_t n_bits, void *memory)
{
    uint64_t *at = memory;
    uint32_t n = n_bits;
    map->n_levels = 0;
    do {
        n = words_for(n);
        map->levels[map->n_levels++] = at;
        at += n;
    } while (n > 1);
    return at;
}

static bool bitmap_has(const struct bitmap *map, uint32_t bit) { return map->levels[0][bit / 64] >> bit % 64 & 1; }

// Set a bit, and those above it that were clear.
static void bitmap_set(struct bitmap *map, uint32_t bit)
{
    for (uint32_t level = 0; level < map->n_levels; level++, bit /= 64) {
        uint64_t *word = &map->levels[level][bit / 64], old = *word;
        *word = old | 1ull << bit % 64;
        if (old) return;
    }
}

// Clear a bit, and those above it whose word became zero.
static void bitmap_clear(struct bitmap *map, uint32_t bit)
{
    for (uint32_t level = 0; level < map->n_levels; level++, bit /= 64) {
        uint64_t *word = &map->levels[level][bit / 64];
        *word &= ~(1ull << bit % 64);
        if (*word) return;
    }
}

static bool bitmap_first(const struct bitmap *map, uint32_t *bit)
{
    uint32_t at = 0;
    for (uint32_t level = map->n_levels; level-- > 0;) {
        uint64_t word = map->levels[level][at];
        if (!word) return false;
        at = at * 64 + (uint32_t)__builtin_ctzll(word);
    }
    *bit = at;
    return true;
}

size_t buddy_bytes(uint32_t n_pages)
{
    size_t bytes = 0;
    for (unsigned order = 0; order < BUDDY_ORDERS && n_pages >> order; order++) bytes += bitmap_bytes(n_pages >> order);
    return bytes;
}

// The largest order that this pool has.
static unsigned top_order(const struct buddy *buddy)
{
    unsigned order = 0;
    while (order + 1 < BUDDY_ORDERS && buddy->n_pages >> (order + 1)) order++;
    return order;
}

void buddy_init(struct buddy *buddy, uint32_t n_pages, void *memory)
{
    buddy->n_pages = buddy->n_free = n_pages;
    for (unsigned order = 0; order < BUDDY_ORDERS && n_pages >> order; order++)
        memory = bitmap_init(&buddy->free[order], n_pages >> order, memory);
    unsigned top = top_order(buddy);
    for (uint32_t block = 0; block < n_pages >> top; block++) bitmap_set(&buddy->free[top], block);
}

bool buddy_take(struct buddy *buddy, unsigned order, uint32_t *page)
{
    unsigned top = top_order(buddy), from = order;
    uint32_t block = 0;
    while (from <= top && !bitmap_first(&buddy->free[from], &block)) from++;
    if (from > top) return false;
    bitmap_clear(&buddy->free[from], block);
    while (from > order) {
        from--;
        block *= 2;
        bitmap_set(&buddy->free[from], block + 1);
    }
    buddy->n_free -= 1u << order;
    *page = block << order;
    return true;
}

void buddy_give(struct buddy *buddy, uint32_t page, unsigned order)
{
    unsigned top = top_order(buddy);
    uint32_t block = page >> order;
    buddy->n_free += 1u << order;
    while (order < top && bitmap_has(&buddy->free[order], block ^ 1)) {
        bitmap_clear(&buddy->free[order], block ^ 1);
        block /= 2;
        order++;
    }
    bitmap_set(&buddy->free[order], block);
}

// Until it is settled, the bitmap of single pages alone counts.
void buddy_reset(struct buddy *buddy)
{
    for (uint32_t i = 0; i < words_for(buddy->n_pages); i++) buddy->free[0].levels[0][i] = ~0ull;
    if (buddy->n_pages % 64) buddy->free[0].levels[0][0] = (1ull << buddy->n_pages) - 1;  // a power of two below 64
}

void buddy_claim(struct buddy *buddy, uint32_t page, unsigned order)
{
    for (uint32_t i = page; i < page + (1u << order) && i < buddy->n_pages; i++)
        buddy->free[0].levels[0][i / 64] &= ~(1ull << i % 64);
}

// The even bits, put together in the lower half.
static uint64_t compress(uint64_t bits)
{
    bits = (bits | bits >> 1) & 0x3333333333333333ull;
    bits = (bits | bits >> 2) & 0x0f0f0f0f0f0f0f0full;
    bits = (bits | bits >> 4) & 0x00ff00ff00ff00ffull;
    bits = (bits | bits >> 8) & 0x0000ffff0000ffffull;
    return (bits | bits >> 16) & 0xffffffff;
}

// Take pairs of free blocks out of this order; they are the blocks of the next.
static void merge_pairs(struct buddy *buddy, unsigned order, unsigned top)
{
    uint64_t *from = buddy->free[order].levels[0];
    uint64_t *to = order < top ? buddy->free[order + 1].levels[0] : NULL;
    for (uint32_t i = 0; i < words_for(buddy->n_pages >> order); i++) {
        buddy->n_free += (uint32_t)__builtin_popcountll(from[i]) << order;
        if (!to) continue;
        uint64_t pairs = from[i] & from[i] >> 1 & 0x5555555555555555ull;
        from[i] &= ~(pairs | pairs << 1);
        buddy->n_free -= (uint32_t)__builtin_popcountll(pairs) << (order + 1);
        uint64_t half = compress(pairs);
        to[i / 2] = i % 2 ? to[i / 2] | half << 32 : half;
    }
}

static void summarise(struct bitmap *map, uint32_t n_bits)
{
    for (uint32_t level = 1; level < map->n_levels; level++) {
        n_bits = words_for(n_bits);
        for (uint32_t i = 0; i < words_for(n_bits); i++) map->levels[level][i] = 0;
        for (uint32_t i = 0; i < n_bits; i++)
            if (map->levels[level - 1][i]) map->levels[level][i / 64] |= 1ull << i % 64;
    }
}

void buddy_settle(struct buddy *buddy)
{
    unsigned top = top_order(buddy);
    buddy->n_free = 0;
    for (unsigned order = 0; order <= top; order++) {
        merge_pairs(buddy, order, top);
        summarise(&buddy->free[order], buddy->n_pages >> order);
    }
}

bool buddy_check(const struct buddy *buddy)
{
    uint64_t n_free = 0;
    unsigned top = top_order(buddy);
    for (unsigned order = 0; order <= top; order++)
        for (uint32_t block = 0; block < buddy->n_pages >> order; block++) {
            if (!bitmap_has(&buddy->free[order], block)) continue;
            n_free += 1ull << order;
            if (order < top && bitmap_has(&buddy->free[order], block ^ 1)) return false;
            for (unsigned above = order + 1; above <= top; above++)
                if (bitmap_has(&buddy->free[above], block >> (above - order))) return false;
        }
    return n_free == buddy->n_free;
}
