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

VAULT_NOTES_ITSELF unsigned page_alloc_run(unsigned want, uint32_t *first)
{
    struct pages *pages = &state->pages;
    vault_log(&pages->n_free, sizeof pages->n_free + sizeof pages->cursor);
    if (pages->n_free == 0) return 0;
    uint32_t page = next_free(pages, pages->cursor);
    if (page == pages->n) page = next_free(pages, 1);
    *first = page;
    unsigned n = 0;
    while (n < want && is_free(pages, page)) {
        if (n == 0 || page % 64 == 0) vault_log(&pages->free[page / 64], sizeof *pages->free);
        pages->free[page / 64] &= ~(1ull << page % 64);
        if (n == 0 || page % 4 == 0) vault_log(&pages->counts[page / 4 * 4], 4 * sizeof *pages->counts);
        pages->counts[page] = 1;
        page++;
        n++;
    }
    pages->n_free -= n;
    pages->cursor = page < pages->n ? page : 1;
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

VAULT_NOTES_ITSELF bool page_hold(uint32_t page)
{
    uint16_t *count = &state->pages.counts[page];
    if (*count == PAGE_HOLDERS_MAX) return false;
    vault_log(count, sizeof *count);
    ++*count;
    return true;
}

VAULT_NOTES_ITSELF void page_drop(uint32_t page)
{
    struct pages *pages = &state->pages;
    vault_log(&pages->counts[page], sizeof *pages->counts);
    if (--pages->counts[page] > 0) return;
    vault_log(&pages->free[page / 64], sizeof *pages->free);
    vault_log(&pages->n_free, sizeof pages->n_free);
    pages->free[page / 64] |= 1ull << page % 64;
    pages->n_free++;
}

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
