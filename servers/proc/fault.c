// SPDX-License-Identifier: MIT
// Page faults: which page belongs at an address, and mapping it with its neighbours.
//
// Order: region, permission, page (present, copied, read from the file, or zeroed), page tables, mapping as an effect.
// Faults of the same memory come together, so a fault also maps what is already there within its 32-page chunk, and
// anonymous memory that is being written in order gets several pages at a time. A page that cannot be had is answered
// with a verdict; what the verdict means to the process is signal.c's matter.
//
// Writable and executable memory is mapped as one or the other, by what the last fault wanted.
#include "servers/proc/proc.h"
#include <asm/mman.h>
#include <linux/signal.h>
#include <linux/resource.h>

#define AHEAD_PAGES 8  // pages given at once to memory written in order
#define FILE_AHEAD_PAGES 64
#define FAULTS_THE_SAME 8
#define FAULTS_IN_VAIN 64
#define STACK_GUARD_BYTES (1ull << 20)
#define NO_VERDICT \
    (struct fault_verdict) { 0, 0 }
#define VERDICT(signal, code) \
    (struct fault_verdict) { (signal), (code) }
#define OUT_OF_MEMORY VERDICT(SIGKILL, SI_KERNEL)

// Why an address cannot be used: the signal's number and code, 0: it can.
struct fault_verdict {
    int signal, code;
};

// What a fault is about.
struct place {
    struct space *space;
    struct region *region;
    struct page_set *set;  // where its pages are
    uint64_t number;       // page number of the address
    int64_t delta;         // number in the set - page number of the address
    bool write, exec;
};

static unsigned rights_for(const struct place *place, bool writable)
{
    unsigned protection = place->region->protection;
    if (!writable) protection &= ~(unsigned)PROT_WRITE;
    if ((protection & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC))
        protection &= place->exec ? ~(unsigned)PROT_WRITE : ~(unsigned)PROT_EXEC;
    return rights_of(protection);
}

static bool may_write_page(const struct place *place, uint32_t page)
{
    return place->region->kind == REGION_SHARED || !page_is_shared(page);
}

// The page at this number, 0: none that should be mapped now. `chunk`: where it is in a private set.
static uint32_t page_to_map(const struct place *place, const struct chunk *chunk, uint64_t number)
{
    if (!chunk) return page_set_get(place->set, number + (uint64_t)place->delta);
    bool done = chunk->mapped >> number % CHUNK_PAGES & 1 && number != place->number;
    return done ? 0 : chunk->pages[number % CHUNK_PAGES];
}

// Map the pages present around the fault: neighbours in one chunk, in runs that are neighbours in the pool as well. The
// faulting page is among them; private ones that have been mapped before are left alone.
static void map_around(const struct place *place)
{
    const struct region *region = place->region;
    struct chunk *chunk = place->delta == 0 ? page_set_chunk(place->set, place->number) : NULL;
    uint64_t low = place->number & ~(uint64_t)(CHUNK_PAGES - 1), high = low + CHUNK_PAGES;
    uint32_t mapped = 0, writable_bits = 0;
    if (low < PAGE_NUMBER(region->start)) low = PAGE_NUMBER(region->start);
    if (high > PAGE_NUMBER(region->end)) high = PAGE_NUMBER(region->end);
    for (uint64_t at = low, n; at < high; at += n) {
        uint32_t first = page_to_map(place, chunk, at);
        n = 1;
        if (!first) continue;
        bool writable = may_write_page(place, first);
        for (uint32_t page; at + n < high && (page = page_to_map(place, chunk, at + n)); n++)
            if (page != first + n || may_write_page(place, page) != writable) break;
        space_map(place->space, place->space->pool, at << PAGE_BITS, first, n, rights_for(place, writable));
        mapped |= chunk_bits(at, n);
        if (writable) writable_bits |= chunk_bits(at, n);
    }
    if (!chunk) return;
    chunk->mapped |= mapped;
    chunk->writable |= writable_bits;
}

void space_map_chunk(struct space *space, struct region *region, uint64_t number)
{
    map_around(&(struct place){.space = space, .region = region, .set = &space->pages, .number = number});
}

// How many pages to give at once: several when the memory before is there and the memory behind is not.
static unsigned ahead(const struct place *place)
{
    uint64_t number = place->number + (uint64_t)place->delta;
    if (place->number == PAGE_NUMBER(place->region->start) || !page_set_get(place->set, number - 1)) return 1;
    unsigned n = 1;
    while (n < AHEAD_PAGES && (place->number + n) % CHUNK_PAGES &&
           place->number + n < PAGE_NUMBER(place->region->end) && !page_set_get(place->set, number + n))
        n++;
    return n;
}

// Whether a stack can be given the whole group of pages around this one.
static bool is_new_stack_group(const struct place *place, uint64_t group)
{
    const struct region *region = place->region;
    if (!(region->flags & REGION_GROWS_DOWN) || group < PAGE_NUMBER(region->start) ||
        group + STACK_GROUP_PAGES > PAGE_NUMBER(region->end))
        return false;
    for (unsigned i = 0; i < STACK_GROUP_PAGES; i++)
        if (page_set_get(place->set, group + i)) return false;
    return true;
}

static struct fault_verdict give_zeroed(const struct place *place)
{
    uint32_t first;
    uint64_t number = place->number + (uint64_t)place->delta, group = place->number & ~(STACK_GROUP_PAGES - 1ull);
    bool is_group = is_new_stack_group(place, group);
    unsigned want = is_group ? STACK_GROUP_PAGES : ahead(place), n = page_alloc_run(want, &first);
    if (n == 0) return OUT_OF_MEMORY;
    if (is_group) number = place->number - group < n ? group : place->number - (n - 1);  // fewer may have been there
    page_zero(first, n);
    return page_set_put_run(place->set, number, first, n, false) ? NO_VERDICT : OUT_OF_MEMORY;
}

// Replace a page that others hold too by a copy.
static struct fault_verdict give_copy(const struct place *place, uint32_t shared)
{
    uint32_t page = page_alloc();
    if (!page) return OUT_OF_MEMORY;
    page_copy(page, shared);
    page_set_replace(place->set, place->number, page);
    page_drop(shared);
    return NO_VERDICT;
}

// The permission to write that a fork took: to the page itself when nobody else holds it any more, else to a copy.
static struct fault_verdict give_back(const struct place *place, uint32_t page)
{
    page_set_chunk(place->set, place->number)->hot |= chunk_bits(place->number, 1);
    return page_is_shared(page) ? give_copy(place, page) : NO_VERDICT;
}

// Private copies of the file's page, and of those behind it when they are being written in order.
static struct fault_verdict give_from_file(const struct place *place, uint64_t index)
{
    const struct region *region = place->region;
    unsigned want = ahead(place);
    uint32_t first;
    if (want > region->held - index) want = (unsigned)(region->held - index);
    unsigned n = page_alloc_run(want, &first);
    if (n == 0) return OUT_OF_MEMORY;
    if (frames_copy(SLOT_POOL, first, region->source->slot, region->first + index, n) != OK)
        return VERDICT(SIGBUS, BUS_ADRERR);
    return page_set_put_run(place->set, place->number, first, n, false) ? NO_VERDICT : OUT_OF_MEMORY;
}

// Map the file's own pages around the fault, leaving out those of which the process has copies.
static void map_file(const struct place *place, uint64_t index)
{
    const struct region *region = place->region;
    uint64_t from = index - index % FILE_AHEAD_PAGES, to = from + FILE_AHEAD_PAGES;
    uint64_t base = PAGE_NUMBER(region->start), last = PAGE_NUMBER(region->end) - base;
    to = to < last ? to : last;
    to = to < region->held ? to : region->held;
    bool shared = region->kind == REGION_FILE_SHARED;
    for (uint64_t at = from; at < to;) {
        uint64_t n = 0;
        while (at + n < to && (shared || !page_set_get(place->set, base + at + n))) n++;
        if (n > 0)
            space_map(place->space, region->source->slot, (base + at) << PAGE_BITS, region->first + at, n,
                      rights_for(place, shared));
        at += n + 1;
    }
}

// The server takes its frames back when the file shrinks.
static bool is_withdrawn(const struct source *source)
{
    struct cap_identity cap;
    return cspace_identify(SLOT_CSPACE, source->slot, &cap) != OK || cap.type != CAP_FRAMES;
}

static struct fault_verdict fault_file(const struct place *place)
{
    const struct region *region = place->region;
    uint64_t index = place->number - PAGE_NUMBER(region->start);
    if (index >= region->held || is_withdrawn(region->source)) return VERDICT(SIGBUS, BUS_ADRERR);
    if (place->write && region->kind == REGION_FILE) {
        struct fault_verdict verdict = give_from_file(place, index);
        if (verdict.signal == 0) map_around(place);
        return verdict;
    }
    map_file(place, index);
    return NO_VERDICT;
}

static struct fault_verdict fault_page(const struct place *place)
{
    const struct region *region = place->region;
    uint32_t page = page_set_get(place->set, place->number + (uint64_t)place->delta);
    struct fault_verdict verdict = NO_VERDICT;
    if (!page && (region->kind == REGION_FILE || region->kind == REGION_FILE_SHARED)) return fault_file(place);
    if (!page)
        verdict = give_zeroed(place);
    else if (place->write && region->kind != REGION_SHARED)
        verdict = give_back(place, page);
    if (verdict.signal == 0) map_around(place);
    return verdict;
}

// A stack grows down to the address when it lies within the limit and leaves a guard below.
static struct region *grow_stack(struct space *space, uint64_t address, uint64_t limit)
{
    struct region *region = region_at_or_after(space, address);
    if (!region || !(region->flags & REGION_GROWS_DOWN) || region->end - address > limit) return NULL;
    uint64_t start = address & ~(uint64_t)(PAGE_SIZE - 1);
    if (start < STACK_GUARD_BYTES || !region_range_free(space, start - STACK_GUARD_BYTES, start)) return NULL;
    space->n_virtual_pages += PAGE_NUMBER(region->start - start);
    region->start = start;
    return region;
}

static bool permitted(const struct region *region, const struct place *place)
{
    unsigned want = place->write ? PROT_WRITE : place->exec ? PROT_EXEC : PROT_READ | PROT_WRITE | PROT_EXEC;
    return region->protection & want;
}

// Make the page of this address present as `access` (FAULT_ACCESS_*) wants it, and map it with its neighbours.
static struct fault_verdict space_fault(struct space *space, uint64_t address, unsigned access, uint64_t stack_limit)
{
    struct region made_up;
    struct place place = {.space = space,
                          .set = &space->pages,
                          .number = PAGE_NUMBER(address),
                          .write = access & FAULT_ACCESS_WRITE,
                          .exec = access & FAULT_ACCESS_EXEC};
    if (address >= LIBLINUX_BASE)
        place.region = liblinux_region(space, address, &made_up) ? &made_up : NULL;
    else if (!(place.region = region_find(space, address)))
        place.region = grow_stack(space, address, stack_limit);
    if (!place.region || place.region->kind == REGION_OUTSIDE) return VERDICT(SIGSEGV, SEGV_MAPERR);
    if (!permitted(place.region, &place)) return VERDICT(SIGSEGV, SEGV_ACCERR);
    if (place.region->kind == REGION_SHARED) {
        place.set = &place.region->shared->pages;
        place.delta = (int64_t)(place.region->first - PAGE_NUMBER(place.region->start));
    }
    if (!space_tables(space, TABLES_A_MAPPING)) return OUT_OF_MEMORY;
    return fault_page(&place);
}

// The page of ours that is present at the address, 0: none.
static uint32_t present_page(struct space *space, uint64_t address)
{
    const struct region *region = address < LIBLINUX_BASE ? region_find(space, address) : NULL;
    if (region && region->kind == REGION_SHARED)
        return page_set_get(&region->shared->pages, PAGE_NUMBER(address - region->start) + region->first);
    return page_set_get(&space->pages, PAGE_NUMBER(address));
}

// The page at this address, made present and writable; 0: not possible. For proc's own stores.
static uint32_t space_page(struct space *space, uint64_t address)
{
    bool writable = space_fault(space, address, FAULT_ACCESS_WRITE, 0).signal == 0;
    return writable ? present_page(space, address) : 0;
}

bool space_look64(struct space *space, uint64_t address, uint64_t *value)
{
    uint32_t page = address % sizeof *value == 0 && address < USER_END ? present_page(space, address) : 0;
    if (page) *value = *(uint64_t *)((char *)page_address(page) + address % PAGE_SIZE);
    return page != 0;
}

bool space_store32(struct space *space, uint64_t address, uint32_t value)
{
    if (address % sizeof value || address >= USER_END) return false;
    uint32_t page = space_page(space, address);
    if (!page) return false;
    *(uint32_t *)((char *)page_address(page) + address % PAGE_SIZE) = value;
    return true;
}

bool space_load32(struct space *space, uint64_t address, uint32_t *value)
{
    if (address % sizeof *value || address >= USER_END) return false;
    uint32_t page = space_page(space, address);
    if (page) *value = *(uint32_t *)((char *)page_address(page) + address % PAGE_SIZE);
    return page != 0;
}

// --- the handler

// Where a fatal fault happened, for whoever has to find out why.
static void log_fault(const struct thread *thread, const struct request *fault, struct fault_verdict verdict)
{
    log_line("process %u (%s) ends by signal %d, code %d: %s %lx at pc %lx, sp %lx", thread->process->pid,
             thread->process->comm, verdict.signal, verdict.code,
             fault->words[FAULT_WORD_KIND] == FAULT_KIND_PAGE ? "address" : "vector", fault->words[FAULT_WORD_ADDRESS],
             fault->words[FAULT_WORD_PC], fault->words[FAULT_WORD_SP]);
}

static struct fault_verdict verdict_of_exception(uint64_t vector)
{
    switch (vector) {
    case 0: return VERDICT(SIGFPE, FPE_INTDIV);
    case 1: return VERDICT(SIGTRAP, TRAP_TRACE);
    case 3: return VERDICT(SIGTRAP, SI_KERNEL);
    case 6: return VERDICT(SIGILL, ILL_ILLOPN);
    case 12: return VERDICT(SIGBUS, SI_KERNEL);
    case 16:
    case 19: return VERDICT(SIGFPE, FPE_FLTINV);
    case 17: return VERDICT(SIGBUS, BUS_ADRALN);
    default: return VERDICT(SIGSEGV, SI_KERNEL);
    }
}

// A fault inside liblinux is always liblinux's to fix up: it copies from and to the program's addresses.
static err_t deliver(struct thread *thread, const struct request *fault, struct fault_verdict verdict)
{
    if (is_liblinux(fault->words[FAULT_WORD_PC]) || !signal_is_fatal_for(thread, verdict.signal)) {
        thread->page->fault_signal = (uint32_t)verdict.signal;
        thread->page->fault_code = verdict.code;
        return FAULT_REFLECT;
    }
    server_doubt("a process ends for its fault");
    log_fault(thread, fault, verdict);
    process_exit(thread->process, (uint32_t)verdict.signal);
    return ERR_GONE;
}

// The same fault of one thread again and again, nobody asking for anything in between: what we do for it does not help, nor
// did what other instances did. True: it never will.
static bool is_in_vain(const struct request *fault)
{
    static uint64_t last, step, times;
    uint64_t this = fault->words[FAULT_WORD_ADDRESS] ^ fault->badge;
    times = this == last && vault_step() == step + 1 ? times + 1 : 0;
    last = this;
    step = vault_step();
    if (times > 0 && times % FAULTS_THE_SAME == 0) server_doubt("a fault comes again and again");
    return times >= FAULTS_IN_VAIN;
}

// @path page-fault 4/7: find the thread, make the page present, map it after the commit, and let it run again
err_t proc_fault(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = process_at((uint32_t)(request->badge >> 16 & 0xffff));
    bool live = process && (process->generation & 0xffffff) == (request->badge >> 32 & 0xffffff) &&
                process->life == PROCESS_LIVE;
    struct thread *thread = live ? thread_of(process, request->badge & 0xffff) : NULL;
    if (!thread) {  // of one that has ended meanwhile; nobody else would ever run on
        server_doubt("a thread that is none faults");
        return ERR_GONE;
    }
    if (request->words[FAULT_WORD_KIND] == FAULT_KIND_EXCEPTION)
        return deliver(thread, request, verdict_of_exception(request->words[FAULT_WORD_ADDRESS]));
    if (request->words[FAULT_WORD_KIND] != FAULT_KIND_PAGE)
        return deliver(thread, request, VERDICT(SIGSYS, SYS_SECCOMP));
    process->own.minor_faults++;
    struct fault_verdict verdict = OUT_OF_MEMORY;
    if (!pages_kept_for_root(process))
        verdict = space_fault(process->space, request->words[FAULT_WORD_ADDRESS],
                              (unsigned)request->words[FAULT_WORD_CODE], process->limits[RLIMIT_STACK][0]);
    if (verdict.signal == 0)
        return is_in_vain(request) ? deliver(thread, request, VERDICT(SIGBUS, BUS_ADRERR)) : FAULT_RESUME;
    if (verdict.signal == SIGKILL) {
        server_doubt("no memory for a page");
        (void)server_abort(OK);
        return memory_make_room(process) ? FAULT_RESUME : ERR_GONE;
    }
    server_doubt("a page that is none");
    return deliver(thread, request, verdict);
}
