// SPDX-License-Identifier: MIT
// fork: a new space that shares the parent's pages until one of them writes.
//
// On paper: the child's objects, records and page holders are made in the step; its few pages of liblinux are copied at
// once, since both sides write them before anything else, and so are those that it has had to copy before; the parent's
// private pages lose their write permission and the child starts after the commit. Killed before: nothing has been made.
// Killed after: the next instance protects and starts again, which changes nothing.
#include "servers/proc/proc.h"
#include <asm/mman.h>
#include <linux/resource.h>

// The child's own capability of a file's frames.
static struct source *copy_source(struct source *source)
{
    if (source->copy_step == vault_step()) return source->copy;
    struct source *copy = table_new(&state->sources);
    if (!copy) return NULL;
    copy->slot = slot_alloc();
    if (!copy->slot) return NULL;
    batch_derive(SLOT_CSPACE, copy->slot, source->slot, RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC, 0);
    source->copy = copy;
    source->copy_step = vault_step();
    return copy;
}

static bool copy_regions(struct space *to, const struct space *from)
{
    struct region **link = &to->regions;
    for (const struct region *region = from->regions; region; region = region->next) {
        struct region *copy = table_new(&state->regions);
        if (!copy) return false;
        *copy = *region;
        copy->next = NULL;
        if (copy->source && !(copy->source = copy_source(region->source))) return false;
        if (copy->source) copy->source->holders++;
        if (copy->shared) copy->shared->holders++;
        *link = copy;
        link = &copy->next;
    }
    to->n_regions = from->n_regions;
    to->n_virtual_pages = from->n_virtual_pages;
    to->n_data_pages = from->n_data_pages;
    to->heap_start = from->heap_start;
    to->heap_end = from->heap_end;
    return true;
}

// What the parent shares and may have mapped for writing, of one chunk.
static uint32_t to_protect(const struct chunk *chunk)
{
    uint32_t present = 0;
    for (unsigned i = 0; i < CHUNK_PAGES; i++) present |= (uint32_t)(chunk->pages[i] != 0) << i;
    return present & chunk->writable & ~chunk->hot;
}

// Take the permission to write from pages of one chunk, by runs.
static void protect_chunk(struct space *space, struct chunk *chunk, uint32_t bits)
{
    uint64_t base = chunk->key * CHUNK_PAGES;
    chunk->writable &= ~bits;
    while (bits) {
        unsigned first = (unsigned)__builtin_ctz(bits), n = (unsigned)__builtin_ctzll(~((uint64_t)bits >> first));
        space_protect(space, (base + first) << PAGE_BITS, (base + first + n) << PAGE_BITS, RIGHT_READ | RIGHT_EXEC);
        bits &= ~chunk_bits(first, n);
    }
}

// From now on the parent faults when it writes to a page that it shares.
static void protect_shared(struct space *space)
{
    for (struct chunk *chunk = space->pages.first; chunk; chunk = chunk->next) {
        uint32_t bits = chunk->key * CHUNK_PAGES < PAGE_NUMBER(LIBLINUX_BASE) ? to_protect(chunk) : 0;
        if (bits) protect_chunk(space, chunk, bits);
    }
}

// The same for a space with more pages than can be looked at one by one.
static void protect_private(struct space *space)
{
    for (const struct region *region = space->regions; region; region = region->next)
        if ((region->kind == REGION_ANONYMOUS || region->kind == REGION_FILE) && region->protection & PROT_WRITE)
            space_protect(space, region->start, region->end, RIGHT_READ | RIGHT_EXEC);
}

// Sharing a page stores its holders' count; records and liblinux's own pages want some more.
#define WORDS_A_PAGE 3
#define WORDS_BESIDE 4096
// A space with no more chunks is small: what of it is hot is copied, and the child finds its memory mapped.
#define SMALL_CHUNKS 16

static bool is_small(const struct space *space) { return space->pages.n_chunks <= SMALL_CHUNKS; }

static bool has_private_pages(const struct space *space, const struct region *region)
{
    struct chunk_walk walk;
    chunk_walk_start(&walk, &space->pages, PAGE_NUMBER(region->start), PAGE_NUMBER(region->end));
    return chunk_walk_next(&walk) != NULL;
}

// Map what a small child will use at once: text, then the pages that it shares and has copies of. A hint: where page
// tables are lacking there will be faults.
static void map_small(struct space *space)
{
    for (const struct region *region = space->regions; region; region = region->next)
        if (region->kind == REGION_FILE && (region->protection & (PROT_READ | PROT_WRITE)) == PROT_READ &&
            !has_private_pages(space, region))
            space_map_file(space, region);
    for (struct chunk *chunk = space->pages.first; chunk; chunk = chunk->next) {
        uint64_t start = chunk->key * CHUNK_PAGES << PAGE_BITS, end = start + (CHUNK_PAGES << PAGE_BITS);
        struct region *region = start < LIBLINUX_BASE ? region_at_or_after(space, start) : NULL;
        for (; region && region->start < end; region = region->next)
            if (region->protection & PROT_READ && region->kind != REGION_SHARED)
                space_map_chunk(space, region, PAGE_NUMBER(region->start > start ? region->start : start));
    }
    space->tables_free = 0;  // what this takes is not counted: who needs tables next looks
}

static bool copy_space(struct space *to, struct space *from)
{
    bool small = is_small(from);
    if ((uint64_t)from->pages.n_pages * WORDS_A_PAGE + WORDS_BESIDE > vault_log_room()) return false;
    if (!copy_regions(to, from) || !page_set_share(&to->pages, &from->pages, PAGE_NUMBER(LIBLINUX_BASE), small))
        return false;
    if (small) {
        protect_shared(from);
        map_small(to);
    } else {
        protect_private(from);
    }
    return true;
}

// How many pages in a row are present from this number on, at most `most`.
static unsigned present_run(const struct page_set *set, uint64_t number, uint64_t most)
{
    unsigned n = 0;
    while (n < most && page_set_get(set, number + n)) n++;
    return n;
}

// The pages present in [start, start + bytes) of liblinux's range, copied and mapped.
static bool copy_range(struct space *to, const struct space *from, uint64_t start, uint64_t bytes)
{
    uint64_t end = PAGE_NUMBER(start + bytes);
    for (uint64_t number = PAGE_NUMBER(start), n; number < end; number += n ? n : 1) {
        uint32_t first;
        n = present_run(&from->pages, number, end - number);
        if (n == 0) continue;
        n = page_alloc_run((unsigned)n, &first);
        if (n == 0) return false;
        for (uint64_t i = 0; i < n; i++) page_copy(first + (uint32_t)i, page_set_get(&from->pages, number + i));
        if (!page_set_put_run(&to->pages, number, first, (unsigned)n, true)) return false;
        space_map(to, to->pool, number << PAGE_BITS, first, n, RIGHT_READ | RIGHT_WRITE);
    }
    return true;
}

static bool fill_space(struct process *child, const struct process *parent, const struct thread *thread)
{
    struct space *space = child->space;
    child->area = parent->area;
    space->process_areas = 1ull << child->area;
    space->thread_areas[thread->area / 64] = 1ull << thread->area % 64;
    if (!copy_space(space, parent->space) ||
        !copy_range(space, parent->space, PROCESS_AREA(child->area), PROCESS_AREA_INHERITED) ||
        !copy_range(space, parent->space, THREAD_AREA(thread->area), THREAD_AREA_BYTES))
        return false;
    child->page = space_see(space, PROCESS_AREA(child->area));
    process_page_fill(child);
    return true;
}

// The child's only thread, which returns from the same call.
static bool fill_thread(struct process *child, const struct thread *parent_thread)
{
    struct thread *thread = thread_new(child, child->space, parent_thread->area, child->pid);
    if (!thread) return false;
    batch_add(LIST_ENTRY(thread->kit->thread, THREAD_CLONE_STATE, 1), parent_thread->kit->thread, 0, 0, 0, 0);
    thread->page = space_see(child->space, THREAD_AREA(thread->area) + THREAD_AREA_PAGE);
    thread_page_fill(thread);
    thread->page->robust_list = 0;
    thread_run_later(thread);
    return true;
}

// @path linux-fork 3/4: proc makes the child's blocks, shares the pages, and lets both return from this call
err_t proc_fork(const struct request *request, struct answer *answer)
{
    struct process *parent = caller(request);
    struct thread *thread = parent ? thread_of(parent, request->words[0]) : NULL;
    if (!thread) return ERR_INVALID;
    if (parent->sent_later) return ERR_RESTARTED;  // the child may not miss it
    if (limit_of_processes_reached(parent)) {
        server_doubt("too many processes");
        return ERR_LINUX(EAGAIN);
    }
    struct process *child = process_new(parent);
    if (!child || !(child->space = space_make())) {
        server_doubt("no room for a process");
        return server_abort(ERR_LINUX(EAGAIN));
    }
    if (!fill_space(child, parent, thread) || !fill_thread(child, thread)) return server_abort(ERR_LINUX(ENOMEM));
    process_give_aspace(child);
    process_give_descriptions(child, parent);
    if (batch_run() != OK) return server_abort(ERR_LINUX(ENOMEM));
    process_changed(child);
    if (child->ids.uid != 0 || child->crowded) crowd_update(child->ids.uid);
    state->forks++;
    answer->words[0] = child->pid;
    answer->n_words = 1;
    return OK;
}
