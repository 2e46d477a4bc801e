// SPDX-License-Identifier: MIT
// Unit tests of the buddy allocator, on the host. Links buddy.c.
#include "fs/tmpfs/buddy.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGES 4096
#define BLOCKS 600
#define ROUNDS 20000

static unsigned n_tests, n_failed;

static void ok(bool passed, const char *name)
{
    printf("%sok %u - buddy: %s\n", passed ? "" : "not ", ++n_tests, name);
    n_failed += !passed;
}

static unsigned random_below(unsigned n)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(state >> 33) % n;
}

static struct buddy *fresh(uint32_t n_pages)
{
    static struct buddy buddy;
    static void *memory;
    free(memory);
    memory = calloc(1, buddy_bytes(n_pages));
    buddy_init(&buddy, n_pages, memory);
    return &buddy;
}

// Find out anew what is free: the pages that nobody owns, in blocks as large as before.
static bool is_found_again(struct buddy *buddy, const uint8_t owned[PAGES])
{
    uint32_t n_free = buddy->n_free;
    buddy_reset(buddy);
    for (uint32_t page = 0; page < PAGES; page++)
        if (owned[page]) buddy_claim(buddy, page, 0);
    buddy_settle(buddy);
    return buddy->n_free == n_free && buddy_check(buddy);
}

static void test_ends(void)
{
    struct buddy *buddy = fresh(PAGES);
    uint32_t page, taken = 0;
    ok(buddy_check(buddy) && buddy->n_free == PAGES, "a fresh pool is free");
    while (buddy_take(buddy, 0, &page)) taken++;
    ok(taken == PAGES && buddy->n_free == 0, "every page can be taken");
    for (page = 0; page < PAGES; page++) buddy_give(buddy, page, 0);
    ok(buddy_check(buddy) && buddy_take(buddy, BUDDY_ORDERS - 1, &page), "pages given back join to the largest block");
    static const uint8_t nothing[PAGES];
    buddy_give(buddy, page, BUDDY_ORDERS - 1);
    ok(is_found_again(buddy, nothing) && buddy_take(buddy, BUDDY_ORDERS - 1, &page), "a free pool is found to be free");
    buddy = fresh(1);
    ok(buddy_take(buddy, 0, &page) && page == 0 && !buddy_take(buddy, 0, &page), "a pool of one page");
    buddy = fresh(1 << 20);
    ok(!buddy_take(buddy, BUDDY_ORDERS, &page) && buddy_take(buddy, 3, &page),
       "no block is larger than the largest order");
}

// Random blocks; no page may belong to two of them.
static void test_random(void)
{
    struct buddy *buddy = fresh(PAGES);
    static uint8_t owned[PAGES];
    static struct {
        uint32_t page;
        unsigned order;
        bool used;
    } blocks[BLOCKS];
    bool right = true, found = true;
    for (unsigned round = 0; round < ROUNDS && right; round++) {
        unsigned i = random_below(BLOCKS);
        if (blocks[i].used) {
            for (uint32_t p = 0; p < 1u << blocks[i].order; p++) owned[blocks[i].page + p] = 0;
            // Now and then in two halves: parts may be freed on their own.
            if (blocks[i].order && random_below(2)) {
                buddy_give(buddy, blocks[i].page + (1u << (blocks[i].order - 1)), blocks[i].order - 1);
                buddy_give(buddy, blocks[i].page, blocks[i].order - 1);
            } else {
                buddy_give(buddy, blocks[i].page, blocks[i].order);
            }
            blocks[i].used = false;
        } else {
            unsigned order = random_below(8);
            if (!buddy_take(buddy, order, &blocks[i].page)) continue;
            blocks[i].order = order;
            blocks[i].used = true;
            right &= blocks[i].page % (1u << order) == 0;
            for (uint32_t p = 0; p < 1u << order; p++) {
                right &= !owned[blocks[i].page + p];
                owned[blocks[i].page + p] = 1;
            }
        }
        if (round % 512 == 0) right &= buddy_check(buddy);
        if (round % 2048 == 0) found &= is_found_again(buddy, owned);
    }
    ok(right && buddy_check(buddy), "random blocks never overlap");
    ok(found && right, "what is free is found again from what is not");
}

int main(void)
{
    test_ends();
    test_random();
    printf("1..%u\n", n_tests);
    return n_failed != 0;
}
