// SPDX-License-Identifier: MIT
// mremap: shrink, grow in place, or move with all pages.
//
// A move puts a copy of the region at the new place, carries the pages over (only the numbers change), and removes the
// old one. Mappings follow by faults.
#include "servers/proc/proc.h"
#include <asm/mman.h>
#include <linux/mman.h>

static bool move_pages(struct space *space, uint64_t from, uint64_t end, uint64_t to)
{
    struct chunk_walk walk;
    chunk_walk_start(&walk, &space->pages, PAGE_NUMBER(from), PAGE_NUMBER(end));
    for (struct chunk *chunk; (chunk = chunk_walk_next(&walk));) {
        uint64_t base = chunk->key * CHUNK_PAGES;
        uint32_t left = chunk->n_used;
        for (unsigned i = 0; i < CHUNK_PAGES && left > 0; i++) {
            uint64_t number = base + i;
            uint32_t page = chunk->pages[i];
            left -= page != 0;
            if (!page || number < PAGE_NUMBER(from) || number >= PAGE_NUMBER(end)) continue;
            (void)page_set_take(&space->pages, number);
            if (!page_set_put(&space->pages, number - PAGE_NUMBER(from) + PAGE_NUMBER(to), page)) return false;
        }
    }
    return true;
}

static err_t move_region(struct process *process, struct region *region, uint64_t start, uint64_t old_bytes,
                         uint64_t to, uint64_t new_bytes)
{
    struct space *space = process->space;
    uint64_t pages = PAGE_NUMBER(start - region->start);
    struct region moved = *region;
    moved.start = to;
    moved.end = to + new_bytes;
    moved.first += pages;
    moved.held = region->held > pages ? region->held - pages : 0;
    moved.offset += start - region->start;
    uint64_t carried = old_bytes < new_bytes ? old_bytes : new_bytes;
    if (!region_insert(space, &moved) || !move_pages(space, start, start + carried, to) ||
        !region_remove(space, start, start + old_bytes))
        return server_abort(ERR_LINUX(ENOMEM));
    return OK;
}

// Where it moves to: the address asked for, emptied, or a gap. 0: nowhere.
static uint64_t find_target(struct space *space, const struct request *request, uint64_t new_bytes)
{
    if (!(request->words[3] & MREMAP_FIXED)) return region_find_gap(space, new_bytes, PROGRAM_MMAP_TOP);
    return region_remove(space, request->words[4], request->words[4] + new_bytes) ? request->words[4] : 0;
}

err_t proc_mremap(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    uint64_t start = request->words[0], old_bytes = PAGE_ROUND(request->words[1]),
             new_bytes = PAGE_ROUND(request->words[2]);
    uint64_t flags = request->words[3], to = request->words[4];
    if (!process || !range_is_valid(start, old_bytes) || new_bytes == 0 ||
        flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED))
        return ERR_LINUX(EINVAL);
    if (flags & MREMAP_FIXED && (!(flags & MREMAP_MAYMOVE) || !range_is_valid(to, new_bytes) || to < USER_START ||
                                 (to < start + old_bytes && start < to + new_bytes)))
        return ERR_LINUX(EINVAL);
    struct space *space = process->space;
    struct region *region = region_find(space, start);
    if (!region || region->end - start < old_bytes) return ERR_LINUX(EFAULT);
    if (old_bytes == 0)  // a second view of shared memory, which only old programs ask for
        return ERR_LINUX(EINVAL);
    answer->words[0] = start;
    answer->n_words = 1;
    if (!(flags & MREMAP_FIXED)) {
        if (new_bytes <= old_bytes)
            return new_bytes == old_bytes || region_remove(space, start + new_bytes, start + old_bytes)
                       ? OK
                       : server_abort(ERR_LINUX(ENOMEM));
        bool is_data = region->kind == REGION_ANONYMOUS && region->protection & PROT_WRITE;
        if (!space_has_room(process, new_bytes - old_bytes, is_data)) return ERR_LINUX(ENOMEM);
        if (region->end == start + old_bytes && range_is_valid(start, new_bytes) &&
            region_range_free(space, region->end, start + new_bytes)) {
            region_extend(space, region, start + new_bytes);
            return OK;
        }
        if (!(flags & MREMAP_MAYMOVE)) return ERR_LINUX(ENOMEM);
    }
    to = find_target(space, request, new_bytes);
    region = region_find(space, start);
    if (!to || !region) return server_abort(ERR_LINUX(ENOMEM));
    answer->words[0] = to;
    return move_region(process, region, start, old_bytes, to, new_bytes);
}
