// SPDX-License-Identifier: MIT
// Page sets: sparse tables from page number to page, in chunks of 32 found by a hash over all sets.
//
// A set costs nothing for what is not there, however large the mapping. Walks over a range go by key where the
// range is smaller than the set, else over the set's list.
#include "servers/proc/proc.h"

static struct chunk **bucket_of(const struct page_set *set, uint64_t key)
{
    uint64_t hash = ((uint64_t)(uintptr_t)set >> 4 ^ key * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;
    return &state->chunk_buckets[hash >> (64 - CHUNK_BUCKET_BITS)];
}

static struct chunk *find(const struct page_set *set, uint64_t key)
{
    struct chunk *chunk = *bucket_of(set, key);
    while (chunk && (chunk->set != set || chunk->key != key)) chunk = chunk->hash_next;
    return chunk;
}

static struct chunk *make(struct page_set *set, uint64_t key)
{
    struct chunk *chunk = table_new(&state->chunks);
    if (!chunk) return NULL;
    struct chunk **bucket = bucket_of(set, key);
    chunk->hash_next = *bucket;
    *bucket = chunk;
    chunk->set = set;
    chunk->key = key;
    chunk->next = set->first;
    if (set->first) set->first->previous = chunk;
    set->first = chunk;
    set->n_chunks++;
    return chunk;
}

static void destroy(struct chunk *chunk)
{
    struct chunk **link = bucket_of(chunk->set, chunk->key);
    while (*link != chunk) link = &(*link)->hash_next;
    *link = chunk->hash_next;
    if (chunk->next) chunk->next->previous = chunk->previous;
    if (chunk->previous)
        chunk->previous->next = chunk->next;
    else
        chunk->set->first = chunk->next;
    chunk->set->n_chunks--;
    table_free(&state->chunks, chunk);
}

bool page_set_knows(const struct chunk *chunk)
{
    const struct chunk *at = *bucket_of(chunk->set, chunk->key);
    for (uint32_t n = state->chunks.n_fresh; n-- > 0 && at && table_holds(&state->chunks, at); at = at->hash_next)
        if (at->set == chunk->set && at->key == chunk->key) return at == chunk;
    return false;
}

void chunks_rehash(void)
{
    memset(state->chunk_buckets, 0, sizeof *state->chunk_buckets << CHUNK_BUCKET_BITS);
    for (uint32_t i = 0; i < state->chunks.n_fresh; i++) {
        struct chunk *chunk = table_at(&state->chunks, i);
        if (!chunk) continue;
        struct chunk **bucket = bucket_of(chunk->set, chunk->key);
        chunk->hash_next = *bucket;
        *bucket = chunk;
    }
}

uint32_t page_set_get(const struct page_set *set, uint64_t number)
{
    struct chunk *chunk = find(set, number / CHUNK_PAGES);
    return chunk ? chunk->pages[number % CHUNK_PAGES] : 0;
}

struct chunk *page_set_chunk(const struct page_set *set, uint64_t number) { return find(set, number / CHUNK_PAGES); }

void page_set_replace(struct page_set *set, uint64_t number, uint32_t page)
{
    find(set, number / CHUNK_PAGES)->pages[number % CHUNK_PAGES] = page;
}

bool page_set_put(struct page_set *set, uint64_t number, uint32_t page)
{
    return page_set_put_run(set, number, page, 1, false);
}

static VAULT_NOTES_ITSELF void fill(uint32_t *pages, uint32_t first, unsigned n)
{
    vault_log(pages, n * sizeof *pages);
    for (unsigned i = 0; i < n; i++) pages[i] = first + i;
}

bool page_set_put_run(struct page_set *set, uint64_t number, uint32_t first, unsigned n, bool mapped)
{
    set->n_pages += n;
    while (n > 0) {
        unsigned at = number % CHUNK_PAGES, part = n < CHUNK_PAGES - at ? n : CHUNK_PAGES - at;
        uint32_t bits = chunk_bits(at, part);
        struct chunk *chunk = find(set, number / CHUNK_PAGES);
        if (!chunk) chunk = make(set, number / CHUNK_PAGES);
        if (!chunk) return false;
        fill(&chunk->pages[at], first, part);
        chunk->mapped = mapped ? chunk->mapped | bits : chunk->mapped & ~bits;
        chunk->writable |= bits;
        chunk->n_used += part;
        number += part;
        first += part;
        n -= part;
    }
    return true;
}

// What the sharer gets of a chunk's page: a copy of a hot one, which it alone may write, else a hold; where there is no
// memory for a copy the page is hot no longer. 0: too many holders.
static VAULT_NOTES_ITSELF uint32_t share(struct chunk *chunk, unsigned i, bool copies)
{
    uint32_t page = chunk->pages[i], bit = 1u << i, copy = copies && chunk->hot & bit ? page_alloc() : 0;
    if (copy) {
        page_copy(copy, page);
        return copy;
    }
    if (copies && chunk->hot & bit) {
        vault_log(&chunk->hot, sizeof chunk->hot);
        chunk->hot &= ~bit;
    }
    return page_hold(page) ? page : 0;
}

// Into a new record, whose stores need no notes. False: a page has too many holders.
static VAULT_NOTES_ITSELF bool fill_shared(struct chunk *copy, struct chunk *chunk, bool copies)
{
    for (unsigned i = 0; i < CHUNK_PAGES; i++)
        if (chunk->pages[i] && !(copy->pages[i] = share(chunk, i, copies))) return false;
    copy->n_used = chunk->n_used;
    copy->hot = chunk->hot;
    return true;
}

bool page_set_share(struct page_set *to, const struct page_set *from, uint64_t end, bool copies)
{
    for (struct chunk *chunk = from->first; chunk; chunk = chunk->next) {
        if (chunk->key * CHUNK_PAGES >= end) continue;
        struct chunk *copy = make(to, chunk->key);
        if (!copy || !fill_shared(copy, chunk, copies)) return false;
        to->n_pages += chunk->n_used;
    }
    return true;
}

uint32_t page_set_take(struct page_set *set, uint64_t number)
{
    struct chunk *chunk = find(set, number / CHUNK_PAGES);
    uint32_t page = chunk ? chunk->pages[number % CHUNK_PAGES] : 0;
    if (!page) return 0;
    chunk->pages[number % CHUNK_PAGES] = 0;
    set->n_pages--;
    if (--chunk->n_used == 0) destroy(chunk);
    return page;
}

// Drop a chunk with all its pages. Its record is free: nothing needs to be cleared.
static unsigned drop_chunk(struct page_set *set, struct chunk *chunk)
{
    unsigned dropped = chunk->n_used;
    pages_drop(chunk->pages, CHUNK_PAGES);
    set->n_pages -= dropped;
    destroy(chunk);
    return dropped;
}

// Drop a chunk's pages with numbers in [first, end).
static unsigned drop_in_chunk(struct page_set *set, struct chunk *chunk, uint64_t first, uint64_t end)
{
    uint64_t base = chunk->key * CHUNK_PAGES;
    if (base >= first && base + CHUNK_PAGES <= end) return drop_chunk(set, chunk);
    unsigned dropped = 0, from = first > base ? (unsigned)(first - base) : 0;
    unsigned to = end < base + CHUNK_PAGES ? (unsigned)(end - base) : CHUNK_PAGES;
    for (unsigned i = from; i < to; i++) dropped += chunk->pages[i] != 0;
    pages_drop(&chunk->pages[from], to - from);
    memset(&chunk->pages[from], 0, (to - from) * sizeof chunk->pages[0]);
    set->n_pages -= dropped;
    chunk->n_used -= dropped;
    if (chunk->n_used == 0) destroy(chunk);
    return dropped;
}

uint64_t page_set_drop(struct page_set *set, uint64_t first, uint64_t end)
{
    uint64_t dropped = 0;
    struct chunk_walk walk;
    chunk_walk_start(&walk, set, first, end);
    for (struct chunk *chunk; (chunk = chunk_walk_next(&walk));) dropped += drop_in_chunk(set, chunk, first, end);
    return dropped;
}

VAULT_NOTES_ITSELF void page_set_forget_mapped(struct page_set *set, uint64_t first, uint64_t end)
{
    struct chunk_walk walk;
    chunk_walk_start(&walk, set, first, end);
    for (struct chunk *chunk; (chunk = chunk_walk_next(&walk));) vault_set_unlogged(&chunk->mapped, 0);
}

bool page_set_drop_some(struct page_set *set, unsigned n)
{
    for (unsigned dropped = 0; set->first && dropped < n;) dropped += drop_chunk(set, set->first);
    return !set->first;
}

void chunk_walk_start(struct chunk_walk *walk, const struct page_set *set, uint64_t first, uint64_t end)
{
    walk->set = set;
    walk->key = first / CHUNK_PAGES;
    walk->key_end = end > first ? (end - 1) / CHUNK_PAGES + 1 : walk->key;
    walk->next = set->first;
    walk->by_key = walk->key_end - walk->key < set->n_chunks;
}

struct chunk *chunk_walk_next(struct chunk_walk *walk)
{
    if (walk->by_key) {
        while (walk->key < walk->key_end) {
            struct chunk *chunk = find(walk->set, walk->key++);
            if (chunk) return chunk;
        }
        return NULL;
    }
    while (walk->next) {
        struct chunk *chunk = walk->next;
        walk->next = chunk->next;
        if (chunk->key >= walk->key && chunk->key < walk->key_end) return chunk;
    }
    return NULL;
}
