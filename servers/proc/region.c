// SPDX-License-Identifier: MIT
// Regions: the sorted list of what a space's addresses mean, and what lies in liblinux's own range.
//
// Rules:
//  - Splitting keeps both halves' holds on their source; `first`, `held` and `offset` move along with `start`.
//  - Joining happens only for anonymous memory with the same attributes (the heap grows a page at a time).
//  - region_remove() takes the pages of private memory along and queues the unmapping.
#include "servers/proc/proc.h"
#include <asm/mman.h>

static void hold(struct region *region)
{
    if (region->source) region->source->holders++;
    if (region->shared) region->shared->holders++;
}

void source_let_go(struct source *source)
{
    if (--source->holders > 0) return;
    slot_free(source->slot);
    table_free(&state->sources, source);
}

static void let_go(struct region *region)
{
    if (region->source) source_let_go(region->source);
    struct shared *shared = region->shared;
    if (shared && --shared->holders == 0) {
        page_set_drop(&shared->pages, 0, ~0ull);
        table_free(&state->shareds, shared);
    }
}

struct region *region_at_or_after(struct space *space, uint64_t address)
{
    struct region *region = space->hint && space->hint->start <= address ? space->hint : space->regions;
    while (region && region->end <= address) region = region->next;
    if (region) space->hint = region;
    return region;
}

struct region *region_find(struct space *space, uint64_t address)
{
    struct region *region = region_at_or_after(space, address);
    return region && region->start <= address ? region : NULL;
}

bool region_range_free(struct space *space, uint64_t start, uint64_t end)
{
    struct region *region = region_at_or_after(space, start);
    return !region || region->start >= end;
}

uint64_t region_find_gap(struct space *space, uint64_t bytes, uint64_t top)
{
    uint64_t best = 0, floor = USER_START;
    for (struct region *region = space->regions; region && floor < top; region = region->next) {
        uint64_t ceiling = region->start < top ? region->start : top;
        if (ceiling >= floor + bytes) best = ceiling - bytes;
        floor = region->end;
    }
    if (floor < top && top - floor >= bytes) best = top - bytes;
    return best;
}

static void count(struct space *space, const struct region *region, int64_t sign)
{
    uint64_t pages = (region->end - region->start) >> PAGE_BITS;
    bool is_data =
        region->kind == REGION_ANONYMOUS && !(region->flags & REGION_STACK) && region->protection & PROT_WRITE;
    space->n_virtual_pages += (uint64_t)sign * pages;
    space->n_data_pages += is_data ? (uint64_t)sign * pages : 0;
}

void space_count(struct space *space)
{
    space->n_regions = 0;
    space->n_virtual_pages = space->n_data_pages = 0;
    for (const struct region *region = space->regions; region; region = region->next) {
        space->n_regions++;
        count(space, region, 1);
    }
}

static bool joins(const struct region *a, const struct region *b)
{
    return a->kind == REGION_ANONYMOUS && b->kind == REGION_ANONYMOUS && a->end == b->start && a->flags == b->flags &&
           a->protection == b->protection && a->maximum == b->maximum;
}

// The link that points to the first region at or behind the address.
static struct region **link_at(struct space *space, uint64_t address)
{
    struct region **link = &space->regions;
    while (*link && (*link)->start < address) link = &(*link)->next;
    return link;
}

struct region *region_insert(struct space *space, const struct region *model)
{
    struct region *previous = NULL;
    struct region **link = &space->regions;
    while (*link && (*link)->start < model->start) {
        previous = *link;
        link = &previous->next;
    }
    count(space, model, 1);
    if (previous && joins(previous, model)) {
        previous->end = model->end;
        return previous;
    }
    struct region *region = table_new(&state->regions);
    if (!region) return NULL;
    *region = *model;
    region->next = *link;
    *link = region;
    space->n_regions++;
    hold(region);
    return region;
}

void region_extend(struct space *space, struct region *region, uint64_t end)
{
    count(space, region, -1);
    region->end = end;
    count(space, region, 1);
}

bool region_split(struct space *space, uint64_t address)
{
    struct region *region = region_find(space, address);
    if (!region || region->start == address) return true;
    struct region *upper = table_new(&state->regions);
    if (!upper) return false;
    uint64_t pages = (address - region->start) >> PAGE_BITS;
    *upper = *region;
    upper->start = address;
    upper->first += pages;
    upper->held = region->held > pages ? region->held - pages : 0;
    upper->offset += address - region->start;
    upper->flags &= ~(uint32_t)REGION_GROWS_DOWN;
    region->end = address;
    region->held = region->held < pages ? region->held : pages;
    region->next = upper;
    space->n_regions++;
    hold(upper);
    return true;
}

bool region_remove(struct space *space, uint64_t start, uint64_t end)
{
    if (!region_split(space, start) || !region_split(space, end)) return false;
    bool any = false;
    for (struct region **link = link_at(space, start); *link && (*link)->start < end;) {
        struct region *region = *link;
        *link = region->next;
        count(space, region, -1);
        if (space->hint == region) space->hint = NULL;
        space->n_regions--;
        any = true;
        let_go(region);
        table_free(&state->regions, region);
    }
    if (any) {
        page_set_drop(&space->pages, PAGE_NUMBER(start), PAGE_NUMBER(end));
        space_unmap(space, start, end);
    }
    return true;
}

void regions_drop(struct space *space)
{
    while (space->regions) {
        struct region *region = space->regions;
        space->regions = region->next;
        let_go(region);
        table_free(&state->regions, region);
    }
    space->hint = NULL;
    space->n_regions = 0;
}

// A made-up region of liblinux's range around one address.
static VAULT_NOTES_ITSELF bool make_up(struct region *region, uint64_t start, uint64_t end, unsigned kind,
                                       unsigned protection)
{
    *region =
        (struct region){.start = start, .end = end, .kind = kind, .protection = protection, .maximum = protection};
    return true;
}

static bool in_thread_area(const struct space *space, uint64_t address, struct region *region)
{
    unsigned index = (unsigned)((address - THREAD_AREA(0)) / THREAD_AREA_BYTES);
    uint64_t base = THREAD_AREA(index), offset = address - base;
    if (!(space->thread_areas[index / 64] >> index % 64 & 1)) return false;
    if (offset >= THREAD_AREA_STUB && offset < THREAD_AREA_PAGE)
        return make_up(region, base + THREAD_AREA_STUB, base + THREAD_AREA_PAGE, REGION_OUTSIDE, PROT_READ | PROT_EXEC);
    if (offset >= THREAD_AREA_PAGE && offset < THREAD_AREA_PAGE + PAGE_SIZE)
        return make_up(region, base + THREAD_AREA_PAGE, base + THREAD_AREA_PAGE + PAGE_SIZE, REGION_ANONYMOUS,
                       PROT_READ | PROT_WRITE);
    if (offset >= THREAD_AREA_STACK_LOW && offset < THREAD_AREA_STACK_HIGH)
        return make_up(region, base + THREAD_AREA_STACK_LOW, base + THREAD_AREA_STACK_HIGH, REGION_ANONYMOUS,
                       PROT_READ | PROT_WRITE) &&
               (region->flags = REGION_GROWS_DOWN);
    return false;
}

bool liblinux_region(const struct space *space, uint64_t address, struct region *region)
{
    if (address >= PROCESS_AREA(0) && address < PROCESS_AREA(PROCESS_AREAS)) {
        unsigned index = (unsigned)((address - PROCESS_AREA(0)) / PROCESS_AREA_BYTES);
        return space->process_areas >> index & 1 &&
               make_up(region, PROCESS_AREA(index), PROCESS_AREA(index + 1), REGION_ANONYMOUS, PROT_READ | PROT_WRITE);
    }
    if (address >= THREAD_AREA(0) && address < THREAD_AREA(THREAD_AREAS)) return in_thread_area(space, address, region);
    if (address >= LIBLINUX_HANDOVER && address < LIBLINUX_HANDOVER + HANDOVER_MAX)
        return make_up(region, LIBLINUX_HANDOVER, LIBLINUX_HANDOVER + HANDOVER_MAX, REGION_ANONYMOUS,
                       PROT_READ | PROT_WRITE);
    return false;
}
