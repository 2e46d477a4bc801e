// SPDX-License-Identifier: MIT
// The audit (lib/server/audit.h): processes are the roots; their threads, kits, spaces, regions, pages,
// blocks and signals are what they reach. Holders are counted anew, and what has none is free. Threads are signalled: who waits
// asks again.
#include "servers/proc/proc.h"
#include "lib/server/audit.h"

static void reach_signals(struct signal_queue *queue)
{
    queue->last = NULL;
    for_reached (queued_signal, s, &state->signals, queue->first) queue->last = s;
}

static void reach_kit(const struct kit *kit)
{
    if (audit_reach(&state->kits, kit)) audit_slots(kit->thread, KIT_SLOTS);
}

static void reach_thread(struct process *process, struct thread *thread)
{
    thread->process = process;
    reach_signals(&thread->signals);
    if (!table_holds(&state->kits, thread->kit)) thread->kit = NULL;
    reach_kit(thread->kit);
    audit_reply(thread->stopped_call);
}

// A page that there is none of is none.
static void count_chunk(struct page_set *set, struct chunk *chunk)
{
    chunk->n_used = 0;
    for (unsigned i = 0; i < CHUNK_PAGES; i++) {
        if (chunk->pages[i] >= state->pages.n) chunk->pages[i] = 0;
        chunk->n_used += chunk->pages[i] != 0;
    }
    set->n_chunks++;
    set->n_pages += chunk->n_used;
}

static void reach_pages(struct page_set *set)
{
    struct chunk *previous = NULL;
    set->n_chunks = set->n_pages = 0;
    for_reached (chunk, chunk, &state->chunks, set->first) {
        chunk->set = set;
        chunk->previous = previous;
        previous = chunk;
        count_chunk(set, chunk);
    }
}

static bool is_reached_set(const struct page_set *set)
{
    for_each (space, space, &state->spaces)
        if (&space->pages == set) return audit_reached(&state->spaces, space);
    for_each (shared, shared, &state->shareds)
        if (&shared->pages == set) return audit_reached(&state->shareds, shared);
    return false;
}

// Chunks that only the hash table still leads to come back to their sets.
static void relink_chunks(void)
{
    for_each (chunk, chunk, &state->chunks) {
        if (audit_reached(&state->chunks, chunk) || !is_reached_set(chunk->set)) continue;
        if (!page_set_knows(chunk) || !audit_reach(&state->chunks, chunk)) continue;
        chunk->previous = NULL;
        chunk->next = chunk->set->first;
        if (chunk->next) chunk->next->previous = chunk;
        chunk->set->first = chunk;
        count_chunk(chunk->set, chunk);
    }
}

// Whose file or shared pages are lost can only be told so when it asks for them.
static void reach_region(struct region *region)
{
    if (!table_holds(&state->sources, region->source)) {
        region->source = NULL;
        region->held = 0;
    }
    if (!table_holds(&state->shareds, region->shared)) {
        region->shared = NULL;
        region->kind = REGION_OUTSIDE;
    }
    if (region->source) {
        if (audit_reach(&state->sources, region->source)) audit_slots(region->source->slot, 1);
        region->source->holders++;
    }
    if (region->shared) {
        if (audit_reach(&state->shareds, region->shared)) reach_pages(&region->shared->pages);
        region->shared->holders++;
    }
}

static void reach_parts(struct space *space)
{
    reach_pages(&space->pages);
    space->hint = NULL;
    for_reached (region, r, &state->regions, space->regions) reach_region(r);
    space_count(space);
}

// A first capability of another badge than the process has is nobody's: its server would be told of its end again and again.
static void reach_session(const struct process *process, uint32_t *slot)
{
    struct cap_identity cap = {0};
    if (*slot) (void)cspace_identify(SLOT_CSPACE, *slot, &cap);
    if (cap.type == CAP_ENDPOINT && cap.badge == BADGE_SESSION_OF(process->slot, process->generation))
        audit_slots(*slot, 1);
    else
        *slot = 0;
}

// Who it is for the servers, the kernel knows.
static void reach_identity(struct process *process)
{
    struct cap_identity cap = {0};
    process->slot = table_index(&state->processes, process);
    if (process->sessions[SERVER_PROC]) (void)cspace_identify(SLOT_CSPACE, process->sessions[SERVER_PROC], &cap);
    if (cap.type == CAP_ENDPOINT && (cap.badge & ~0xffffffff0000ull) == BADGE_SESSION_OF(process->slot, 0))
        process->generation = BADGE_GENERATION(cap.badge);
}

static void reach_space(struct process *process)
{
    if (audit_reach(&state->spaces, process->space)) reach_parts(process->space);
    audit_slots(process->space->aspace, SPACE_SLOTS);
    process->space->n_processes++;
}

static void reach_process(struct process *process)
{
    reach_identity(process);
    reach_signals(&process->signals);
    for (unsigned i = 0; i < SERVERS; i++) reach_session(process, &process->sessions[i]);
    if (process->life != PROCESS_LIVE) return;
    audit_slots(process->cspace, 1);
    audit_slots(process->descriptions, 1);
    for_reached (kit, kit, &state->kits, process->free_kits) audit_slots(kit->thread, KIT_SLOTS);
    for_reached (thread, t, &state->threads, process->threads) reach_thread(process, t);
    if (!table_holds(&state->spaces, process->space)) process->space = NULL;
    if (process->space) reach_space(process);
}

static bool known[PROCESS_SLOTS];  // pids lead to it

static void note_known(void)
{
    memset(known, 0, sizeof known);
    for (unsigned bucket = 0; bucket < PID_BUCKETS; bucket++) {
        const struct process *process = state->pid_buckets[bucket];
        for (; process && table_holds(&state->processes, process); process = process->pid_next) {
            bool *seen = &known[table_index(&state->processes, process)];
            if (*seen) break;
            *seen = true;
        }
    }
}

// One that lives has a thread, whatever has become of its pid; the others' pids are all that is left of them.
static bool is_process(const struct process *process)
{
    if (process->life == PROCESS_LIVE) return process->threads && table_holds(&state->threads, process->threads);
    return known[table_index(&state->processes, process)];
}

// The only process without space gets the only space without process.
static void join_homeless(void)
{
    struct process *homeless = NULL;
    struct space *empty = NULL;
    unsigned n_homeless = 0, n_empty = 0;
    for_each (process, process, &state->processes)
        if (audit_reached(&state->processes, process) && process->life == PROCESS_LIVE && !process->space)
            homeless = process, n_homeless++;
    for_each (space, space, &state->spaces)
        if (!audit_reached(&state->spaces, space)) empty = space, n_empty++;
    if (n_homeless != 1 || n_empty != 1) return;
    homeless->space = empty;
    reach_space(homeless);
}

// The only thread without kit gets the only kit that nobody has.
static void join_kits(void)
{
    struct thread *lacking = NULL;
    struct kit *spare = NULL;
    unsigned n_lacking = 0, n_spare = 0;
    for_each (thread, thread, &state->threads)
        if (audit_reached(&state->threads, thread) && !thread->kit) lacking = thread, n_lacking++;
    for_each (kit, kit, &state->kits)
        if (!audit_reached(&state->kits, kit)) spare = kit, n_spare++;
    if (n_lacking != 1 || n_spare != 1) return;
    lacking->kit = spare;
    reach_kit(spare);
}

static void reach_processes(void)
{
    for_each (space, space, &state->spaces) space->n_processes = 0;
    for_each (source, source, &state->sources) source->holders = 0;
    for_each (shared, shared, &state->shareds) shared->holders = 0;
    note_known();
    for_each (process, process, &state->processes)
        if (is_process(process) && audit_reach(&state->processes, process)) reach_process(process);
    for_reached_by (next_dead, space, space, &state->spaces, state->dead_spaces) reach_parts(space);
    join_homeless();
    join_kits();
    relink_chunks();
}

// --- blocks: those in no chain are free, and nothing that was made of them is left

static bool block_reach(uint32_t block)
{
    if (!block || block > state->n_blocks || state->blocks[block].reached == rt_info()->starts) return false;
    state->blocks[block].reached = rt_info()->starts;
    return true;
}

// Something was made of it.
static bool block_is_used(uint32_t block)
{
    struct cap_identity cap = {0};
    if (block && block <= state->n_blocks) (void)cspace_identify(SLOT_CSPACE, state->blocks[block].slot, &cap);
    return cap.children;
}

// The chain ends behind the last block that something was made of: one that has gone astray, to another's or to free blocks,
// has nothing of its own there. The first may be new, one between others may have nothing left, and that of this slot is in use
// even when it is empty: they stay. Whether the last one is in the chain.
static bool reach_chain(uint32_t *first, uint32_t slot)
{
    uint32_t *end = first;
    unsigned n = 0;  // behind the end
    bool holds = false;
    for (uint32_t *link = first; block_reach(*link); link = &state->blocks[*link].next) {
        bool is_it = state->blocks[*link].slot == slot;
        holds |= is_it;
        n++;
        if (link != first && !is_it && !block_is_used(*link)) continue;
        end = &state->blocks[*link].next;
        n = 0;
    }
    for (uint32_t block = *end; n > 0; n--, block = state->blocks[block].next) state->blocks[block].reached = 0;
    *end = 0;
    return holds;
}

static void audit_blocks(void)
{
    for_each (process, process, &state->processes)
        if (process->life == PROCESS_LIVE && !reach_chain(&process->block, process->kit_block)) process->kit_block = 0;
    for_each (space, space, &state->spaces)
        if (space->n_processes) (void)reach_chain(&space->block, 0);
    state->free_block = state->n_free_blocks = 0;
    for (uint32_t block = 1; block <= state->n_blocks; block++) {
        audit_slots(state->blocks[block].slot, 1);
        if (!block_reach(block)) continue;
        (void)cspace_revoke(SLOT_CSPACE, state->blocks[block].slot);
        state->blocks[block].next = state->free_block;
        state->free_block = block;
        state->n_free_blocks++;
    }
}

// --- pages

static void count_pages(void)
{
    struct pages *pages = &state->pages;
    memset(pages->counts, 0, pages->n * sizeof *pages->counts);
    for_each (chunk, chunk, &state->chunks)
        for (unsigned i = 0; i < CHUNK_PAGES; i++)
            if (chunk->pages[i] < pages->n) pages->counts[chunk->pages[i]]++;
    for (uint32_t slot = 0; slot < state->io.sessions.n_slots; slot++) {
        const struct io_session *session = session_at(&state->io.sessions, slot);
        uint64_t first = session ? ((uint64_t)session->buffer - COMPONENT_POOL_ADDRESS) >> PAGE_BITS : 0;
        for (uint64_t i = 0; session && session->buffer_slot && i < session->buffer_bytes >> PAGE_BITS; i++)
            if (first + i < pages->n) pages->counts[first + i]++;
    }
    pages->counts[0] = 0;
    pages->n_free = 0;
    for (uint32_t page = 1; page < pages->n; page++) {
        uint64_t bit = 1ull << page % 64, *word = &pages->free[page / 64];
        *word = pages->counts[page] ? *word & ~bit : *word | bit;
        pages->n_free += !pages->counts[page];
    }
}

// Does a signal wait for this thread that it could take?
static bool has_signal(const struct thread *thread)
{
    const struct process *process = thread->process;
    return thread->page && (thread->signals.pending | process->signals.pending) & ~thread->page->blocked;
}

// Nothing that has begun stands still: who waits is blocked in a call. So it was never set going, or its fault came to nobody.
// Nor do signals wait that were not told.
static void wake_threads(void)
{
    for_each (thread, thread, &state->threads) {
        uint64_t now = THREAD_STATE_READY;
        if (!thread->kit || !table_holds(&state->kits, thread->kit)) continue;
        if (thread->process->life == PROCESS_LIVE) thread_mend_notification(thread);
        (void)sys_signal(thread->kit->signal);
        if (has_signal(thread)) (void)thread_event(thread->kit->thread, EVENT_SIGNAL);
        (void)thread_info(thread->kit->thread, &now, NULL, NULL);
        if (thread->started && now == THREAD_STATE_STOPPED && thread->process->space) thread_set_going(thread);
    }
}

void wake_all(void)
{
    io_wake_all();
    wake_threads();
}

void audit(void)
{
    uint32_t pages = state->pages.n_free, processes = state->processes.n_used, blocks = state->n_free_blocks;
    io_audit();
    reach_processes();
    struct table *const tables[] = {&state->processes, &state->threads, &state->kits,   &state->spaces, &state->regions,
                                    &state->sources,   &state->shareds, &state->chunks, &state->signals};
    for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++) audit_sweep(tables[i]);
    chunks_rehash();
    mend_links();
    wake_threads();
    audit_blocks();
    count_pages();
    table_publish_again();
    if (pages != state->pages.n_free || processes != state->processes.n_used || blocks != state->n_free_blocks)
        log_line("the audit has found %d pages, %d blocks and %d processes that were lost",
                 (int)(state->pages.n_free - pages), (int)(state->n_free_blocks - blocks),
                 (int)(processes - state->processes.n_used));
}
