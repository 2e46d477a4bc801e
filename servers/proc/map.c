// SPDX-License-Identifier: MIT
// mmap, munmap, mprotect, brk and madvise.
//
// Rules:
//  - Only the program's range is touched, but that liblinux may unmap the hand-over.
//  - Nothing is mapped here but with MAP_POPULATE (populate.c): faults do it, with their neighbours.
//  - A mapping of frames keeps the capability that came with the request; all regions that are split off it share it.
#include "servers/proc/proc.h"
#include <asm/mman.h>
#include <linux/mman.h>
#include <linux/resource.h>

#define PROTECTIONS (PROT_READ | PROT_WRITE | PROT_EXEC)
#define BRK_MAX (PROGRAM_MMAP_TOP)

bool range_is_valid(uint64_t start, uint64_t bytes)
{
    return start % PAGE_SIZE == 0 && bytes <= PROGRAM_END && start <= PROGRAM_END - bytes;
}

static uint64_t limit_pages(const struct process *process, unsigned resource)
{
    return process->limits[resource][0] >> PAGE_BITS;
}

bool space_has_room(const struct process *process, uint64_t bytes, bool is_data)
{
    const struct space *space = process->space;
    if (space->n_virtual_pages + PAGE_NUMBER(bytes) > limit_pages(process, RLIMIT_AS)) return false;
    return !is_data || space->n_data_pages + PAGE_NUMBER(bytes) <= limit_pages(process, RLIMIT_DATA);
}

// Where the mapping goes, by address and flags. 0: no room.
static uint64_t choose_place(struct space *space, uint64_t address, uint64_t bytes)
{
    uint64_t hint = address & ~(uint64_t)(PAGE_SIZE - 1);
    if (hint >= USER_START && range_is_valid(hint, bytes) && region_range_free(space, hint, hint + bytes)) return hint;
    return region_find_gap(space, bytes, PROGRAM_MMAP_TOP);
}

// A run of a file's pages that came with the request: `held` pages of `source` from `first` on, which stand in the file
// at `offset`. Without a source it lies wholly behind the file's end: there is nothing but SIGBUS.
struct run {
    struct source *source;
    uint64_t first, held, offset, inode, device;
};

// The run of the words (first, held, offset) and the identity in words 6 and 7. It holds its source until the end of the
// request, since one mapping may lie over another.
static err_t run_take(const struct request *request, const uint64_t words[3], struct run *run)
{
    *run = (struct run){.first = words[0], .held = words[1], .offset = words[2]};
    run->inode = request->n_words > 6 ? request->words[6] : 0;
    run->device = request->n_words > 7 ? request->words[7] : 0;
    if (request->n_caps == 0) return OK;
    struct source *source = table_new(&state->sources);
    if (!source || !(source->slot = request_keep_cap(request, 0))) return ERR_LINUX(ENOMEM);
    source->holders = 1;
    run->source = source;
    return OK;
}

// What stands in the file at `offset`, as far as the run holds it.
static void run_use(const struct run *run, uint64_t offset, struct region *region)
{
    uint64_t index = PAGE_NUMBER(offset - run->offset);
    region->offset = offset;
    region->inode = run->inode;
    region->device = run->device;
    region->source = run->source;
    region->first = run->first + index;
    region->held = run->source && run->held > index ? run->held - index : 0;
}

// What the flags make of the region.
static err_t choose_kind(unsigned flags, struct region *region)
{
    bool shared = flags & MAP_SHARED;
    if (!(flags & MAP_ANONYMOUS)) {
        region->kind = shared ? REGION_FILE_SHARED : REGION_FILE;
        return OK;
    }
    region->kind = shared ? REGION_SHARED : REGION_ANONYMOUS;
    if (shared && !(region->shared = table_new(&state->shareds))) return ERR_LINUX(ENOMEM);
    if (flags & MAP_GROWSDOWN) region->flags |= REGION_GROWS_DOWN;
    if (flags & MAP_STACK && flags & MAP_GROWSDOWN) region->flags |= REGION_STACK;
    return OK;
}

// What mprotect may later give: a shared mapping of frames that may not be written stays so.
static unsigned maximum_of(const struct region *region)
{
    struct cap_identity cap;
    if (region->kind != REGION_FILE_SHARED || !region->source) return PROTECTIONS;
    if (cspace_identify(SLOT_CSPACE, region->source->slot, &cap) != OK) return PROT_NONE;
    return cap.rights & RIGHT_WRITE ? PROTECTIONS : PROT_READ | PROT_EXEC;
}

// One mapping, of the file's run unless it is anonymous. After an error the step is to be aborted.
static err_t map(struct process *process, const struct proc_mapping *wanted, const struct run *run, uint64_t *place)
{
    uint64_t address = wanted->address, bytes = PAGE_ROUND(wanted->bytes);
    unsigned protection = (unsigned)wanted->how & PROTECTIONS, flags = (unsigned)(wanted->how >> 32);
    struct space *space = process->space;
    bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    if (wanted->bytes == 0 || (fixed && address % PAGE_SIZE)) return ERR_LINUX(EINVAL);
    if (bytes == 0 || bytes > PROGRAM_END || (fixed && !range_is_valid(address, bytes))) return ERR_LINUX(ENOMEM);
    if (fixed && address < USER_START) return ERR_LINUX(EPERM);
    if (flags & MAP_FIXED_NOREPLACE && !region_range_free(space, address, address + bytes)) return ERR_LINUX(EEXIST);
    uint64_t start = fixed ? address : choose_place(space, address, bytes);
    if (start == 0) return ERR_LINUX(ENOMEM);
    uint32_t free_before = state->pages.n_free;
    if (fixed && !region_remove(space, start, start + bytes)) return ERR_LINUX(ENOMEM);
    struct region region = {.start = start, .end = start + bytes, .protection = protection};
    err_t err = choose_kind(flags, &region);
    if (err != OK) return err;
    if (!(flags & MAP_ANONYMOUS)) run_use(run, wanted->offset, &region);
    region.maximum = maximum_of(&region);
    if (protection & ~region.maximum) return ERR_LINUX(EACCES);
    if (!space_has_room(process, bytes, region.kind == REGION_ANONYMOUS && protection & PROT_WRITE) ||
        !region_insert(space, &region))
        return ERR_LINUX(ENOMEM);
    bool can_give = state->pages.n_free == free_before && !pages_kept_for_root(process);
    if (flags & MAP_POPULATE && can_give && !space_populate(space, &region)) return ERR_LINUX(ENOMEM);
    *place = start;
    return OK;
}

err_t proc_mmap(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    if (!process) return ERR_INVALID;
    const uint64_t *words = request->words;
    struct proc_mapping wanted = {words[0], words[1], words[2], words[5]};
    struct run run = {0};
    if (request->n_caps > 0) wanted.how &= ~((uint64_t)MAP_ANONYMOUS << 32);
    bool is_file = !(wanted.how >> 32 & MAP_ANONYMOUS);
    err_t err = is_file ? run_take(request, &words[3], &run) : OK;
    if (err == OK) err = map(process, &wanted, &run, &answer->words[0]);
    if (err != OK) return server_abort(err);
    if (run.source) source_let_go(run.source);
    answer->n_words = 1;
    return OK;
}

err_t proc_load(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    const struct proc_load *load = (const struct proc_load *)&request->words[MSG_REGISTERS];
    uint64_t n = request->words[0], place;
    if (!process || n > PROC_LOAD_MAPPINGS || request->n_words < MSG_REGISTERS + PROC_LOAD_WORDS(n)) return ERR_INVALID;
    if (load->heap && !range_is_valid(PAGE_ROUND(load->heap), 0)) return ERR_LINUX(EINVAL);
    struct run run;
    err_t err = run_take(request, &request->words[1], &run);
    for (uint64_t i = 0; i < n && err == OK; i++) err = map(process, &load->mappings[i], &run, &place);
    if (err != OK) return server_abort(err);
    if (run.source) source_let_go(run.source);
    if (load->heap) process->space->heap_start = process->space->heap_end = load->heap;
    return OK;
}

void forget_pages(struct space *space, uint64_t start, uint64_t end)
{
    page_set_drop(&space->pages, PAGE_NUMBER(start), PAGE_NUMBER(end));
    space_unmap(space, start, end);
}

err_t proc_munmap(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    uint64_t start = request->words[0], bytes = PAGE_ROUND(request->words[1]);
    if (!process || start % PAGE_SIZE || bytes == 0) return ERR_LINUX(EINVAL);
    if (start >= LIBLINUX_HANDOVER && bytes <= HANDOVER_MAX && start + bytes <= LIBLINUX_HANDOVER + HANDOVER_MAX) {
        forget_pages(process->space, start, start + bytes);
        return OK;
    }
    if (!range_is_valid(start, bytes)) return ERR_LINUX(EINVAL);
    return region_remove(process->space, start, start + bytes) ? OK : server_abort(ERR_LINUX(ENOMEM));
}

// Whether regions cover the whole range, and all allow the protection.
static err_t check_range(struct space *space, uint64_t start, uint64_t end, unsigned protection)
{
    uint64_t at = start;
    for (struct region *region = region_at_or_after(space, start); region && at < end; region = region->next) {
        if (region->start > at) return ERR_LINUX(ENOMEM);
        if (protection & ~region->maximum) return ERR_LINUX(EACCES);
        at = region->end;
    }
    return at < end ? ERR_LINUX(ENOMEM) : OK;
}

err_t proc_mprotect(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    uint64_t start = request->words[0], bytes = PAGE_ROUND(request->words[1]), end = start + bytes;
    unsigned protection = (unsigned)request->words[2] & PROTECTIONS;
    if (!process || start % PAGE_SIZE) return ERR_LINUX(EINVAL);
    if (bytes == 0) return OK;
    if (!range_is_valid(start, bytes)) return ERR_LINUX(ENOMEM);
    struct space *space = process->space;
    err_t err = check_range(space, start, end, protection);
    if (err != OK) return err;
    if (!region_split(space, start) || !region_split(space, end)) return server_abort(ERR_LINUX(ENOMEM));
    bool loses = false, gains = false;
    for (struct region *region = region_find(space, start); region && region->start < end; region = region->next) {
        loses |= region->protection & ~protection;
        gains |= protection & ~region->protection;
        bool was_data =
            region->kind == REGION_ANONYMOUS && !(region->flags & REGION_STACK) && region->protection & PROT_WRITE;
        bool is_data = region->kind == REGION_ANONYMOUS && !(region->flags & REGION_STACK) && protection & PROT_WRITE;
        uint64_t pages = PAGE_NUMBER(region->end - region->start);
        space->n_data_pages += (is_data ? pages : 0) - (was_data ? pages : 0);
        region->protection = protection;
    }
    if (gains) page_set_forget_mapped(&space->pages, PAGE_NUMBER(start), PAGE_NUMBER(end));
    if (loses && rights_of(protection))
        space_protect(space, start, end, rights_of(protection));
    else if (loses)
        space_unmap(space, start, end);
    return OK;
}

// --- the heap

// Move the end of the heap to `to`. False: it cannot go there.
static bool move_break(struct process *process, uint64_t to)
{
    struct space *space = process->space;
    uint64_t old = PAGE_ROUND(space->heap_end), new = PAGE_ROUND(to);
    if (to < space->heap_start || to > BRK_MAX || to - space->heap_start > process->limits[RLIMIT_DATA][0])
        return false;
    if (new < old) return region_remove(space, new, old);
    if (new == old) return true;
    struct region heap = {.start = old,
                          .end = new,
                          .kind = REGION_ANONYMOUS,
                          .flags = REGION_HEAP,
                          .protection = PROT_READ | PROT_WRITE,
                          .maximum = PROTECTIONS};
    return region_range_free(space, old, new + PAGE_SIZE) && space_has_room(process, new - old, true) &&
           region_insert(space, &heap);
}

err_t proc_brk(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    if (!process) return ERR_INVALID;
    if (request->words[0] && move_break(process, request->words[0])) process->space->heap_end = request->words[0];
    answer->words[0] = process->space->heap_end;
    answer->n_words = 1;
    return OK;
}

// --- advice

err_t proc_madvise(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    uint64_t start = request->words[0], bytes = PAGE_ROUND(request->words[1]);
    if (!process || start % PAGE_SIZE || !range_is_valid(start, bytes)) return ERR_LINUX(EINVAL);
    switch (request->words[2]) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_COLD:
    case MADV_PAGEOUT: return check_range(process->space, start, start + bytes, PROT_NONE);
    case MADV_DONTNEED:
    case MADV_FREE:
        forget_pages(process->space, start, start + bytes);
        return check_range(process->space, start, start + bytes, PROT_NONE);
    }
    return ERR_LINUX(EINVAL);
}

err_t proc_mincore(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    uint64_t start = request->words[0], pages = PAGE_NUMBER(PAGE_ROUND(request->words[1]));
    uint64_t most = (MSG_WORDS - MSG_REGISTERS) * 8;
    if (!process || start % PAGE_SIZE || !range_is_valid(start, pages << PAGE_BITS)) return ERR_LINUX(EINVAL);
    if (pages > most) pages = most;
    char *vector = (char *)&answer->words[MSG_REGISTERS];
    for (uint64_t i = 0; i < pages; i++) {
        struct region *region = region_find(process->space, start + (i << PAGE_BITS));
        if (!region) return ERR_LINUX(ENOMEM);
        uint64_t index = PAGE_NUMBER(start - region->start) + i;
        if (region->kind == REGION_SHARED)
            vector[i] = page_set_get(&region->shared->pages, region->first + index) != 0;
        else
            vector[i] = page_set_get(&process->space->pages, PAGE_NUMBER(start) + i) ||
                        (region->source && index < region->held);
    }
    answer->words[0] = pages;
    answer->n_words = MSG_REGISTERS + (unsigned)(pages + 7) / 8;
    return OK;
}
