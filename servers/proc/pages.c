// SPDX-License-Identifier: MIT
// The pool of pages: which are free, how many holders each of the others has, and looking into them.
//
// Rules:
//  - Page 0 stays unused, so that 0 can mean "none".
//  - Pages are searched from where the last one was found, so that pages taken one after the other are neighbours,
//    which makes one mapping operation out of many.
//  - A page that is freed in a step is not taken again in the same step: the handlers either free or take.
//  - The pool is mapped at COMPONENT_POOL_ADDRESS. Contents are not logged; a step writes only pages that it took.
#include "servers/proc/proc.h"

void pages_init(void)
{
    struct pages *pages = &state->pages;
    pages->n = (uint32_t)(rt_info()->pool_bytes >> PAGE_BITS);
    pages->counts = vault_alloc(pages->n * sizeof *pages->counts);
    pages->free = vault_alloc((pages->n + 63) / 64 * sizeof *pages->free);
    vault_keep(&pages->free, offsetof(struct pages, n_free));
    for (uint32_t page = 1; page < pages->n; page++) pages->free[page / 64] |= 1ull << page % 64;
    pages->n_free = pages->n - 1;
    pages->cursor = 1;
}

static bool is_free(const struct pages *pages, uint32_t page)
{
    return page < pages->n && pages->free[page / 64] >> page % 64 & 1;
}

// The first free page at or behind `from`, pages->n when there is none.
static uint32_t next_free(const struct pages *pages, uint32_t from)
{
    uint32_t n_words = (pages->n + 63) / 64;
    for (uint32_t word = from / 64; word < n_words; word++) {
        uint64_t bits = pages->free[word];
        if (word == from / 64) bits &= ~0ull << from % 64;
        if (bits) return word * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return pages->n;
}

// Note what the run's state is about to be changed from.
static void note_run(const struct pages *pages, uint32_t first, unsigned n)
{
    if ((uint64_t)first + n > pages->n) panic("pages %u+%u of %u", first, n, pages->n);
    vault_log(&pages->counts[first], n * sizeof *pages->counts);
    vault_log(&pages->free[first / 64], ((first + n - 1) / 64 - first / 64 + 1) * sizeof *pages->free);
}

static VAULT_NOTES_ITSELF void take_run(struct pages *pages, uint32_t first, unsigned n)
{
    note_run(pages, first, n);
    for (uint32_t page = first; page < first + n; page++) {
        pages->free[page / 64] &= ~(1ull << page % 64);
        pages->counts[page] = 1;
    }
}

unsigned page_alloc_run(unsigned want, uint32_t *first)
{
    struct pages *pages = &state->pages;
    if (pages->n_free == 0) return 0;
    uint32_t page = next_free(pages, pages->cursor);
    if (page == pages->n) page = next_free(pages, 1);
    unsigned n = 1;
    while (n < want && is_free(pages, page + n)) n++;
    take_run(pages, page, n);
    pages->n_free -= n;
    pages->cursor = page + n < pages->n ? page + n : 1;
    *first = page;
    return n;
}

uint32_t page_alloc(void)
{
    uint32_t page;
    return page_alloc_run(1, &page) ? page : 0;
}

uint32_t page_alloc_neighbours(unsigned n)
{
    struct pages *pages = &state->pages;
    unsigned run = 0;
    for (uint32_t page = next_free(pages, 1); page < pages->n; page++) {
        run = is_free(pages, page) ? run + 1 : 0;
        if (run < n) continue;
        uint32_t cursor = pages->cursor, first = page + 1 - n;
        pages->cursor = first;
        (void)page_alloc_run(n, &first);
        pages->cursor = cursor;
        return first;
    }
    return 0;
}

// A count that wraps is undone with the step.
VAULT_NOTES_ITSELF bool page_hold(uint32_t page)
{
    uint16_t *count = &state->pages.counts[page];
    vault_log(count, sizeof *count);
    return ++*count != 0;
}

// How many pages from numbers[i] on are neighbours in the pool.
static unsigned run_at(const uint32_t *numbers, unsigned i, unsigned n)
{
    unsigned run = 1;
    while (i + run < n && numbers[i + run] == numbers[i] + run) run++;
    return run;
}

// One holder less for each page of the run; how many have none left.
static VAULT_NOTES_ITSELF unsigned drop_run(struct pages *pages, uint32_t first, unsigned n)
{
    unsigned freed = 0;
    note_run(pages, first, n);
    for (uint32_t page = first; page < first + n; page++) {
        if (--pages->counts[page] > 0) continue;
        pages->free[page / 64] |= 1ull << page % 64;
        freed++;
    }
    return freed;
}

void pages_drop(const uint32_t *numbers, unsigned n)
{
    struct pages *pages = &state->pages;
    unsigned freed = 0;
    for (unsigned i = 0, run; i < n; i += run) {
        if (i + 1 < n && !(numbers[i] | numbers[i + 1])) {  // many are none
            run = 2;
            continue;
        }
        run = numbers[i] ? run_at(numbers, i, n) : 1;
        if (numbers[i]) freed += drop_run(pages, numbers[i], run);
    }
    pages->n_free += freed;
}

void page_drop(uint32_t page) { pages_drop(&page, 1); }

bool page_is_shared(uint32_t page) { return state->pages.counts[page] > 1; }

void *page_address(uint32_t page) { return (void *)(COMPONENT_POOL_ADDRESS + ((uint64_t)page << PAGE_BITS)); }

void page_zero(uint32_t page, unsigned n)
{
    void *to = page_address(page);
    uint64_t words = (uint64_t)n * (PAGE_SIZE / 8);
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0ull) : "memory");
}

void page_copy(uint32_t to, uint32_t from)
{
    void *target = page_address(to);
    const void *origin = page_address(from);
    uint64_t words = PAGE_SIZE / 8;
    __asm__ volatile("rep movsq" : "+D"(target), "+S"(origin), "+c"(words) : : "memory");
}
