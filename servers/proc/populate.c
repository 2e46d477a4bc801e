// SPDX-License-Identifier: MIT
// Pages given before anybody asks: MAP_POPULATE, which is how liblinux maps a program's segments and stack.
//
// A fault costs far more than a page that is mapped with its neighbours. So a read-only run of a file is mapped as it is,
// and the first pages of private writable memory (the last ones of a stack) are copied from the file or zeroed.
// It is a hint with limits: what is left out, or has no page tables, comes with faults. Pages are taken here, so the step
// must not have freed any.
#include "servers/proc/proc.h"
#include <asm/mman.h>

#define MAPPED_PAGES 256  // of a file, at most
#define GIVEN_PAGES 16

static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

void space_map_file(struct space *space, const struct region *region)
{
    uint64_t n = smaller(smaller(region->held, PAGE_NUMBER(region->end - region->start)), MAPPED_PAGES);
    if (n > 0) space_map(space, region->source->slot, region->start, region->first, n, rights_of(region->protection));
}

// Copies of the file's pages, or zeros, for [number, number + n). False: the records are used up.
static bool give(struct space *space, const struct region *region, uint64_t number, unsigned n)
{
    while (n > 0) {
        uint32_t first;
        unsigned got = page_alloc_run(n, &first);
        if (got == 0) return true;
        uint64_t at = number - PAGE_NUMBER(region->start);
        if (region->kind == REGION_ANONYMOUS)
            page_zero(first, got);
        else if (frames_copy(SLOT_POOL, first, region->source->slot, region->first + at, got) != OK)
            return false;
        if (!page_set_put_run(&space->pages, number, first, got, true)) return false;
        space_map(space, space->pool, number << PAGE_BITS, first, got, rights_of(region->protection));
        number += got;
        n -= got;
    }
    return true;
}

bool space_populate(struct space *space, const struct region *region)
{
    unsigned protection = region->protection;
    bool is_file = region->kind == REGION_FILE || region->kind == REGION_FILE_SHARED;
    bool both = (protection & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC);
    if (!(protection & PROT_READ) || both || (is_file && !region->source)) return true;
    if (region->kind == REGION_FILE_SHARED || (is_file && !(protection & PROT_WRITE))) {
        space_map_file(space, region);
        return true;
    }
    if (region->kind == REGION_SHARED || !(protection & PROT_WRITE)) return true;
    uint64_t n = smaller(PAGE_NUMBER(region->end - region->start), GIVEN_PAGES);
    if (is_file) n = smaller(n, region->held);
    if (!(region->flags & REGION_GROWS_DOWN)) return give(space, region, PAGE_NUMBER(region->start), (unsigned)n);
    n = smaller(n, STACK_GROUP_PAGES);
    return give(space, region, PAGE_NUMBER(region->end) - n, (unsigned)n);
}

uint32_t space_give(struct space *space, uint64_t address, unsigned n)
{
    const struct region region = {.start = address, .kind = REGION_ANONYMOUS, .protection = PROT_READ | PROT_WRITE};
    uint32_t page = page_set_get(&space->pages, PAGE_NUMBER(address));
    if (page) return page;
    return give(space, &region, PAGE_NUMBER(address), n) ? page_set_get(&space->pages, PAGE_NUMBER(address)) : 0;
}
