// SPDX-License-Identifier: MIT
// Audits: what sound processes have stays as it is; what has gone astray comes back, or is cut and free again.
// Links mend.c page_set.c region.c
#include "lib/rt/rt.h"
static struct component_info the_info;
#define rt_info() (&the_info)
#include "servers/proc/proc.h"
#include "servers/proc/audit.c"
#include "lib/server/table.c"

#include <stdio.h>
#include <stdlib.h>

#define SLOTS 256
#define BLOCKS 16
#define PAGES 512
#define FIRST_BLOCK_SLOT 100  // of block 1

static unsigned n_tests, n_failed;

static void ok(bool passed, const char *name)
{
    printf("%sok %u - %s\n", passed ? "" : "not ", ++n_tests, name);
    n_failed += !passed;
}

// --- the library and the kernel

static struct state the_state;
struct state *state = &the_state;
static _Alignas(4096) uint8_t pool[PAGES * PAGE_SIZE];
static _Alignas(16) uint8_t vault_memory[1 << 20];
static size_t vault_used;
static uint32_t children[SLOTS];  // of the capability in this slot
static unsigned events[SLOTS], starts[SLOTS];
static uint64_t thread_state[SLOTS];

uint64_t vault_step(void) { return 1; }
void vault_keep(const void *address, size_t bytes) { (void)address, (void)bytes; }
void *vault_alloc(size_t bytes)
{
    void *memory = vault_memory + vault_used;
    vault_used += (bytes + 15) & ~(size_t)15;
    if (vault_used > sizeof vault_memory) panic("the test's vault is too small");
    return memory;
}
void vault_log(const void *address, size_t bytes) { (void)address, (void)bytes; }
void vault_set_unlogged(uint32_t *word, uint32_t value) { *word = value; }
void vault_clear_unlogged(void *address, size_t bytes) { memset(address, 0, bytes); }
void audit_slots(uint32_t first, uint32_t n) { (void)first, (void)n; }
void audit_reply(uint64_t handle) { (void)handle; }
void io_audit(void) {}
static unsigned given[SLOTS];
void thread_mend_notification(const struct thread *thread) { given[thread->kit->notification]++; }
void thread_set_going(const struct thread *thread) { starts[thread->kit->thread]++; }
void io_wake_all(void) {}
void table_publish_again(void) {}
void *page_address(uint32_t page) { return pool + (size_t)page * PAGE_SIZE; }
void *space_see(const struct space *space, uint64_t address)
{
    uint32_t page = page_set_get(&space->pages, address >> PAGE_BITS);
    return page ? page_address(page) : NULL;
}
bool page_hold(uint32_t page) { return ++state->pages.counts[page]; }
void page_drop(uint32_t page) { state->pages.counts[page]--; }
void pages_drop(const uint32_t *numbers, unsigned n)
{
    for (unsigned i = 0; i < n; i++) page_drop(numbers[i]);
}
bool page_is_shared(uint32_t page) { return state->pages.counts[page] > 1; }
uint32_t page_alloc(void) { panic("no test needs a page"); }
void page_copy(uint32_t to, uint32_t from) { (void)to, (void)from; }
void slot_free(uint32_t slot) { (void)slot; }
void space_unmap(struct space *space, uint64_t address, uint64_t end) { (void)space, (void)address, (void)end; }

err_t rt_syscall(unsigned number, uint64_t cap, uint64_t reply_slot, struct message *m, uint64_t deadline)
{
    (void)reply_slot, (void)deadline;
    if (number == SYS_SIGNAL) return OK;
    switch (INFO_LABEL(m->info)) {
    case CSPACE_IDENTIFY: {
        uint64_t slot = m->words[0];
        *m = (struct message){.words = {CAP_UNTYPED, 0, 0, 0, children[slot]}};
        return OK;
    }
    case THREAD_INFO: m->words[0] = thread_state[cap]; return OK;
    case THREAD_EVENT: events[cap]++; return OK;
    case THREAD_RUN: starts[cap]++; return OK;
    default: return OK;
    }
}

_Noreturn void panic(const char *format, ...)
{
    puts(format);
    abort();
}

void log_line(const char *format, ...) { (void)format; }

// --- processes

static struct process *first, *second;

static void take_blocks(uint32_t *chain, unsigned n)
{
    while (n-- > 0) {
        uint32_t block = state->free_block;
        state->free_block = state->blocks[block].next;
        state->n_free_blocks--;
        state->blocks[block].next = *chain;
        *chain = block;
        children[state->blocks[block].slot] = 1;
    }
}

static uint32_t next_page;

static void give_page(struct space *space, uint64_t address)
{
    uint32_t page = next_page++;
    state->pages.counts[page] = 1;
    (void)page_set_put(&space->pages, address >> PAGE_BITS, page);
}

static struct process *make_process(uint32_t pid, struct process *parent)
{
    struct process *process = table_new(&state->processes);
    struct space *space = process->space = table_new(&state->spaces);
    struct thread *thread = process->threads = table_new(&state->threads);
    thread->kit = table_new(&state->kits);
    *thread->kit = (struct kit){.thread = pid, .context = pid, .notification = pid, .signal = pid};
    thread_state[pid] = THREAD_STATE_BLOCKED;
    thread->process = process;
    thread->tid = pid;
    thread->started = 1;
    process->pid = pid;
    process->life = PROCESS_LIVE;
    process->parent = parent;
    process->n_threads = 1;
    process->pid_next = state->pid_buckets[pid % PID_BUCKETS];
    state->pid_buckets[pid % PID_BUCKETS] = process;
    thread->tid_next = state->tid_buckets[pid % PID_BUCKETS];
    state->tid_buckets[pid % PID_BUCKETS] = thread;
    if (parent) parent->first_child = parent->last_child = process;
    space->n_processes = 1;
    take_blocks(&process->block, 2);
    take_blocks(&space->block, 1);
    process->kit_block = state->blocks[process->block].slot;
    for (unsigned i = 0; i < 3; i++) {
        const struct region region = {.kind = REGION_ANONYMOUS,
                                      .start = 0x400000 + i * 0x200000ull,
                                      .end = 0x500000 + i * 0x200000ull,
                                      .protection = i == 1 ? 1 : 3};
        (void)region_insert(space, &region);
        give_page(space, region.start);
    }
    give_page(space, PROCESS_AREA(0));
    give_page(space, THREAD_AREA(0) + THREAD_AREA_PAGE);
    process->page = space_see(space, PROCESS_AREA(0));
    thread->page = space_see(space, THREAD_AREA(0) + THREAD_AREA_PAGE);
    return process;
}

static void start(void)
{
    *state = (struct state){0};
    memset(vault_memory, 0, vault_used);
    vault_used = 0;
    memset(pool, 0, sizeof pool);
    memset(children, 0, sizeof children);
    memset(events, 0, sizeof events);
    memset(starts, 0, sizeof starts);
    table_init(&state->processes, sizeof(struct process), 8);
    table_init(&state->threads, sizeof(struct thread), 8);
    table_init(&state->kits, sizeof(struct kit), 8);
    table_init(&state->spaces, sizeof(struct space), 8);
    table_init(&state->regions, sizeof(struct region), 32);
    table_init(&state->sources, sizeof(struct source), 4);
    table_init(&state->shareds, sizeof(struct shared), 4);
    table_init(&state->chunks, sizeof(struct chunk), 32);
    table_init(&state->signals, sizeof(struct queued_signal), 8);
    state->chunk_buckets = vault_alloc(sizeof *state->chunk_buckets << CHUNK_BUCKET_BITS);
    state->pages.n = PAGES;
    state->pages.counts = vault_alloc(PAGES * sizeof *state->pages.counts);
    state->pages.free = vault_alloc(PAGES / 64 * sizeof *state->pages.free);
    state->blocks = vault_alloc((BLOCKS + 1) * sizeof *state->blocks);
    state->n_blocks = BLOCKS;
    for (uint32_t block = 1; block <= BLOCKS; block++) {
        state->blocks[block].slot = FIRST_BLOCK_SLOT + block;
        state->blocks[block].next = state->free_block;
        state->free_block = block;
        state->n_free_blocks++;
    }
    next_page = 1;
    state->init = first = make_process(1, NULL);
    second = make_process(2, first);
    the_info.starts++;
}

static void run_audit(void)
{
    the_info.starts++;
    audit();
}

static unsigned length_of(uint32_t block)
{
    unsigned n = 0;
    for (; block; block = state->blocks[block].next) n++;
    return n;
}

static void test_sound(void)
{
    start();
    struct page_set pages = second->space->pages;
    uint64_t n_virtual = second->space->n_virtual_pages, n_data = second->space->n_data_pages;
    run_audit();
    ok(state->processes.n_used == 2 && state->threads.n_used == 2 && state->chunks.n_used == 10, "nothing is lost");
    ok(state->n_free_blocks == BLOCKS - 6 && length_of(second->block) == 2 && second->kit_block, "blocks stay");
    ok(state->pages.n_free == PAGES - 1 - 10, "pages are counted");
    ok(memcmp(&pages, &second->space->pages, sizeof pages) == 0 && n_virtual == 0x300 && n_data == 0x200 &&
           second->space->n_virtual_pages == n_virtual && second->space->n_data_pages == n_data,
       "so is what a space has");
    ok(first->first_child == second && second->parent == first && state->init == first, "the tree stands");
    ok(events[1] == 0 && starts[1] == 0, "nobody is disturbed");
}

// The list of a space's chunks has lost what the hash table still leads to.
static void test_list_of_chunks(void)
{
    start();
    uint32_t page = page_set_get(&second->space->pages, 0x600);
    second->space->pages.first->next = NULL;
    run_audit();
    ok(state->chunks.n_used == 10 && second->space->pages.n_chunks == 5 && second->space->pages.n_pages == 5,
       "chunks come back to their list");
    ok(page && page_set_get(&second->space->pages, 0x600) == page, "with their pages");
    second->space->pages.first->set = &first->space->pages;
    second->space->pages.first->pages[5] = PAGES + 7;
    run_audit();
    ok(second->space->pages.first->set == &second->space->pages && second->space->pages.n_pages == 5,
       "a page that there is none of is none");
}

static void test_counts(void)
{
    start();
    second->space->n_virtual_pages = 1ull << 60;
    second->space->n_data_pages = 7;
    second->space->pages.n_pages = 1000000;
    run_audit();
    ok(second->space->n_virtual_pages == 0x300 && second->space->n_data_pages == 0x200, "regions are counted anew");
    ok(second->space->pages.n_pages == 5, "and pages");
}

static void test_blocks(void)
{
    start();
    uint32_t last = state->blocks[second->block].next;
    state->blocks[last].next = state->free_block;  // the end was not written
    run_audit();
    ok(length_of(second->block) == 2 && state->n_free_blocks == BLOCKS - 6,
       "a chain that runs on into free blocks ends");
    state->blocks[last].next = 0;
    children[state->blocks[second->block].slot] = 0;
    run_audit();
    ok(length_of(second->block) == 2 && state->n_free_blocks == BLOCKS - 6, "one whose first block is new goes on");
    children[state->blocks[second->block].slot] = 1;
    children[state->blocks[last].slot] = 0;
    second->kit_block = state->blocks[last].slot;
    run_audit();
    ok(length_of(second->block) == 2 && second->kit_block, "the block of the kits stays though none is left");
    second->kit_block = state->blocks[second->block].slot;
    run_audit();
    ok(length_of(second->block) == 1 && state->n_free_blocks == BLOCKS - 5, "another that is empty at the end is free");
    start();
    last = state->blocks[second->block].next;
    state->blocks[last].next = first->block;
    run_audit();
    ok(length_of(first->block) == 2 && length_of(second->block) + length_of(first->block) == 4,
       "one that runs on into another's does, too");
    second->block = BLOCKS + 5;
    run_audit();
    ok(second->block == 0 && second->kit_block == 0 && state->n_free_blocks == BLOCKS - 4,
       "one that begins nowhere is empty, and what it had is free");
}

static void test_threads(void)
{
    start();
    second->signals.pending = 1 << 3;
    run_audit();
    ok(events[2] == 1 && events[1] == 0, "a signal that waits is told");
    second->threads->page->blocked = 1 << 3;
    thread_state[1] = THREAD_STATE_STOPPED;
    run_audit();
    ok(events[2] == 1, "one that is blocked is not");
    ok(given[1] > 0 && given[2] > 0, "notifications are looked after");
    ok(starts[1] == 1 && starts[2] == 0, "who has begun and stands still is set going");
    struct kit *kit = second->threads->kit;
    second->threads->kit = (struct kit *)(uintptr_t)12;
    run_audit();
    ok(second->threads->kit == kit && state->kits.n_used == 2, "the only thread without a kit gets the only one left");
}

static void test_tree(void)
{
    start();
    first->first_child = NULL;
    second->previous_sibling = first;
    memset(state->pid_buckets, 0, sizeof state->pid_buckets);
    run_audit();
    ok(first->first_child == second && first->last_child == second && !second->previous_sibling,
       "a damaged tree is made anew");
    ok(state->pid_buckets[2 % PID_BUCKETS] == second, "and pids lead to processes that have threads");
}

int main(void)
{
    test_sound();
    test_list_of_chunks();
    test_counts();
    test_blocks();
    test_threads();
    test_tree();
    printf("1..%u\n", n_tests);
    return n_failed != 0;
}
