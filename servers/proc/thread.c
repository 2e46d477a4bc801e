// SPDX-License-Identifier: MIT
// Threads: the kernel objects they run with, their areas, and their beginning and end.
//
// A kit (thread, context, notification) is made of a process's block and serves one thread after the other. It is
// configured while nobody runs on it, so that a step that fails leaves nothing behind; only setting it going
// waits for the commit.
#include "servers/proc/proc.h"

#define LINUX_PRIORITY 10  // of every Linux thread with nice 0; each four steps of nice are one less
#define CROWD_BEHIND 5     // a crowd is as if it were quite nice
#define SLICE_NS 10000000ull
#define KIT_BYTES (2 * SIZE_THREAD)  // with what aligning the thread may cost; the rest is small
#define FIRST_FLAGS 0x202            // interrupts on

bool kit_add(struct process *process, uint32_t untyped)
{
    uint32_t first = slot_alloc_run(KIT_SLOTS);
    struct kit *kit = first ? table_new(&state->kits) : NULL;
    if (!kit) return false;
    *kit = (struct kit){.thread = first, .context = first + 1, .notification = first + 2, .signal = first + 3};
    kit_give_back(process, kit);
    batch_retype(untyped, CAP_THREAD, 0, kit->thread);
    batch_retype(untyped, CAP_CONTEXT, 0, kit->context);
    batch_retype(untyped, CAP_NOTIFICATION, 0, kit->notification);
    batch_derive(SLOT_CSPACE, kit->signal, kit->notification, RIGHT_WRITE, 1ull << SERVER_PROC);
    batch_add(LIST_ENTRY(kit->context, CONTEXT_CONFIGURE, 3), SLICE_NS, SLICE_NS, 0, 0, 0);
    batch_add(LIST_ENTRY(kit->thread, THREAD_SET_CONTEXT, 1), kit->context, 0, 0, 0, 0);
    return true;
}

void kit_give_back(struct process *process, struct kit *kit)
{
    kit->next = process->free_kits;
    process->free_kits = kit;
}

// A step that was undone may have used some of the block up, so the block itself is asked what fits.
static bool block_has_room(uint32_t untyped)
{
    uint64_t size_bits, free_bytes;
    return untyped_info(untyped, &size_bits, &free_bytes) == OK && free_bytes >= KIT_BYTES;
}

struct kit *kit_take(struct process *process)
{
    if (!process->free_kits) {
        if (!block_has_room(process->kit_block)) process->kit_block = block_take(&process->block);
        if (!process->kit_block || !kit_add(process, process->kit_block)) return NULL;
    }
    struct kit *kit = process->free_kits;
    process->free_kits = kit->next;
    return kit;
}

void kits_drop(struct process *process)
{
    while (process->free_kits) {
        struct kit *kit = process->free_kits;
        process->free_kits = kit->next;
        slot_free_run(kit->thread, KIT_SLOTS);
        table_free(&state->kits, kit);
    }
}

static unsigned priority_of(const struct process *process)
{
    unsigned nice = process->nice > 0 ? (unsigned)(process->nice + 3) / 4 : 0;
    return LINUX_PRIORITY - (process->crowded ? CROWD_BEHIND + nice / 2 : nice);
}

void apply_nice(struct process *process)
{
    for (struct thread *thread = process->threads; thread; thread = thread->next)
        server_invoke(thread->kit->thread, THREAD_SET_PRIORITY, 1, (uint64_t[]){priority_of(process)});
}

static uint64_t fault_badge(const struct thread *thread)
{
    const struct process *process = thread->process;
    return BADGE_FAULT | (uint64_t)(process->generation & 0xffffff) << 32 | process->slot << 16 | thread->area;
}

// The capability that the kernel sends this thread's faults over. The thread keeps a copy; ours goes after the step.
static uint32_t fault_endpoint(const struct thread *thread)
{
    uint32_t slot = slot_alloc();
    if (!slot) return 0;
    batch_derive(SLOT_CSPACE, slot, SLOT_ENDPOINT, RIGHT_WRITE | RIGHT_GRANT, fault_badge(thread));
    slot_free(slot);
    return slot;
}

uint32_t thread_area_give(struct space *space, uint32_t area)
{
    uint64_t base = THREAD_AREA(area), stack = base + THREAD_AREA_STACK_HIGH - STACK_GROUP_BYTES;
    return space_give(space, stack, STACK_GROUP_PAGES) ? space_give(space, base + THREAD_AREA_PAGE, 1) : 0;
}

bool thread_give_page(struct thread *thread, struct space *space)
{
    uint32_t page = thread_area_give(space, thread->area);
    if (!page) return false;
    thread->page = page_address(page);
    thread_page_fill(thread);
    return true;
}

VAULT_NOTES_ITSELF void thread_page_fill(struct thread *thread)
{
    thread->page->tid = thread->tid;
    thread->page->process_area = thread->process->area;
    thread->page->index = thread->area;
}

static bool configure(struct thread *thread, struct space *space)
{
    const struct kit *kit = thread->kit;
    uint64_t base = THREAD_AREA(thread->area), stub = base + THREAD_AREA_STUB;
    uint32_t fault = fault_endpoint(thread);
    if (!fault) return false;
    batch_add(LIST_ENTRY(kit->thread, THREAD_CONFIGURE, 4), space->aspace, thread->process->cspace, fault,
              base + THREAD_AREA_UTCB, 0);
    batch_add(LIST_ENTRY(space->image, FRAMES_MAP, 5), space->aspace, stub, image.stub_page, 1,
              RIGHT_READ | RIGHT_EXEC);
    batch_add(LIST_ENTRY(kit->thread, THREAD_SET_UPCALLS, 3), stub + image.stub_syscall, stub + image.stub_event,
              stub + image.stub_fault, 0, 0);
    batch_add(LIST_ENTRY(kit->thread, THREAD_SET_PRIORITY, 1), priority_of(thread->process), 0, 0, 0, 0);
    return true;
}

void thread_set_going(const struct thread *thread)
{
    uint32_t slot = slot_alloc();
    if (!slot) return;
    err_t err = cspace_derive(SLOT_CSPACE, slot, 0, SLOT_ENDPOINT, RIGHT_WRITE | RIGHT_GRANT, fault_badge(thread));
    if (err == OK)
        (void)thread_configure(thread->kit->thread, thread->process->space->aspace, thread->process->cspace, slot,
                               THREAD_AREA(thread->area) + THREAD_AREA_UTCB);
    (void)cspace_delete(SLOT_CSPACE, slot, 1);
    slot_release(slot);
    (void)thread_run(thread->kit->thread, 0, 1);
}

static uint32_t notification_slot(const struct thread *thread)
{
    return PSLOT_NOTIFICATION + thread->area % PROCESS_THREADS;
}

// Its notification takes the place of an earlier thread's in the process's cspace.
static void give_notification(const struct thread *thread)
{
    uint32_t cspace = thread->process->cspace, slot = notification_slot(thread);
    if (thread->process->has_execed || thread->process->n_threads > 1)
        server_invoke(cspace, CSPACE_DELETE, 2, (uint64_t[]){slot, 1});
    server_invoke(cspace, CSPACE_DERIVE, 5, (uint64_t[]){slot, 0, thread->kit->notification, RIGHTS_ALL, 0});
}

void thread_mend_notification(const struct thread *thread)
{
    uint32_t cspace = thread->process->cspace, slot = notification_slot(thread);
    struct cap_identity cap = {0};
    if (cspace_identify(cspace, slot, &cap) != OK || cap.type == CAP_NOTIFICATION) return;
    (void)cspace_delete(cspace, slot, 1);
    (void)cspace_derive(cspace, slot, 0, thread->kit->notification, RIGHTS_ALL, 0);
}

// Nothing but its own place is touched, so a step that is undone and run again comes to the same.
err_t proc_notification(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    const struct thread *thread = process ? thread_of(process, request->words[0]) : NULL;
    if (!thread) return ERR_INVALID;
    thread_mend_notification(thread);
    return OK;
}

struct thread *thread_new(struct process *process, struct space *space, uint32_t area, uint32_t tid)
{
    struct thread *thread = table_new(&state->threads);
    if (!thread) return NULL;
    thread->process = process;
    thread->area = area;
    thread->tid = tid;
    thread->tid_next = state->tid_buckets[tid % PID_BUCKETS];
    state->tid_buckets[tid % PID_BUCKETS] = thread;
    thread->next = process->threads;
    process->threads = thread;
    process->n_threads++;
    thread->kit = kit_take(process);
    if (!thread->kit || !configure(thread, space)) return NULL;
    thread->consumed_before_ns = thread->kit->consumed_ns;
    give_notification(thread);
    return thread;
}

uint64_t thread_consumed_ns(const struct thread *thread)
{
    uint64_t consumed = 0;
    (void)context_info(thread->kit->context, &consumed, NULL);
    return consumed - thread->consumed_before_ns;
}

bool thread_is_running(const struct thread *thread)
{
    uint64_t now = THREAD_STATE_STOPPED;
    (void)thread_info(thread->kit->thread, &now, NULL, NULL);
    return now == THREAD_STATE_READY;
}

static void unlink_thread(struct thread *thread)
{
    struct thread **link = &thread->process->threads;
    while (*link != thread) link = &(*link)->next;
    *link = thread->next;
    thread->process->n_threads--;
    link = &state->tid_buckets[thread->tid % PID_BUCKETS];
    while (*link != thread) link = &(*link)->tid_next;
    *link = thread->tid_next;
}

void thread_destroy(struct thread *thread, bool space_lives)
{
    struct process *process = thread->process;
    struct space *space = process->space;
    uint64_t consumed = thread_consumed_ns(thread);
    process->own.user_ns += consumed;
    thread->kit->consumed_ns += consumed;
    futex_thread_died(thread, space_lives);
    server_invoke(thread->kit->thread, THREAD_RUN, 2, (uint64_t[]){0, 0});
    if (thread->stopped_call) server_forget(thread->stopped_call);
    signal_queue_drop(&thread->signals, ~0ull);
    unlink_thread(thread);
    kit_give_back(process, thread->kit);
    if (space_lives) {
        uint64_t base = THREAD_AREA(thread->area);
        page_set_drop(&space->pages, PAGE_NUMBER(base), PAGE_NUMBER(base + THREAD_AREA_BYTES));
        space_unmap(space, base, base + THREAD_AREA_BYTES);
        space->thread_areas[thread->area / 64] &= ~(1ull << thread->area % 64);
    }
    table_free(&state->threads, thread);
}

bool thread_start(struct thread *thread, uint64_t pc, uint64_t sp, uint64_t argument)
{
    struct thread_registers registers = {.pc = pc, .sp = sp, .rdi = argument, .flags = FIRST_FLAGS};
    if (thread_set_registers(thread->kit->thread, 0, 0, &registers) != OK) return false;
    thread_run_later(thread);
    return true;
}

void thread_run_later(struct thread *thread)
{
    thread->started = 1;
    server_invoke(thread->kit->thread, THREAD_RUN, 2, (uint64_t[]){0, 1});
}

void thread_wake(struct thread *thread) { server_signal(thread->kit->signal); }

void thread_event_later(struct thread *thread)
{
    server_invoke(thread->kit->thread, THREAD_EVENT, 1, (uint64_t[]){EVENT_SIGNAL});
}
