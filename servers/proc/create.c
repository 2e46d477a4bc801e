// SPDX-License-Identifier: MIT
// New threads, and new processes in the address space of their parent (vfork, posix_spawn).
//
// Both get an area of their own in the space. Nothing runs before PROC_START, so that the parent's liblinux can write
// the newcomer's pages first.
#include "servers/proc/proc.h"
#include <linux/resource.h>

static bool area_take(uint64_t *bits, unsigned n, unsigned *index)
{
    for (unsigned i = 0; i < n; i++) {
        if (bits[i / 64] >> i % 64 & 1) continue;
        bits[i / 64] |= 1ull << i % 64;
        *index = i;
        return true;
    }
    return false;
}

VAULT_NOTES_ITSELF void process_page_fill(struct process *process)
{
    struct process_page *page = process->page;
    const struct identity *ids = &process->ids;
    page->pid = process->pid;
    page->ppid = process->parent ? process->parent->pid : 0;
    page->pgid = process->pgid;
    page->sid = process->sid;
    page->uid = ids->uid;
    page->euid = ids->euid;
    page->suid = ids->suid;
    page->gid = ids->gid;
    page->egid = ids->egid;
    page->sgid = ids->sgid;
    page->process_slot = process->slot;
    page->generation = process->generation;
    page->start_ns = process->start_ns;
    _Static_assert(sizeof page->rlimit == sizeof process->limits, "RLIMIT_* order");
    memcpy(page->rlimit, process->limits, sizeof page->rlimit);
}

bool process_give_page(struct process *process)
{
    uint32_t page = space_give(process->space, PROCESS_AREA(process->area), PROCESS_PAGES_GIVEN);
    if (!page) return false;
    process->page = page_address(page);
    process_page_fill(process);
    return true;
}

void process_give_aspace(struct process *process)
{
    uint64_t range = WINDOW_BASE >> PAGE_BITS | (WINDOW_END - WINDOW_BASE) >> PAGE_BITS << 36;
    batch_derive(process->cspace, PSLOT_ASPACE, process->space->aspace, RIGHT_WRITE, range);
}

void process_give_descriptions(struct process *child, const struct process *parent)
{
    batch_add(LIST_ENTRY(child->descriptions, CSPACE_COPY_ALL, 1), parent->descriptions, 0, 0, 0, 0);
}

void process_inherit(struct process *child, const struct process *parent)
{
    child->pgid = parent->pgid;
    child->sid = parent->sid;
    child->group_orphaned = parent->group_orphaned;
    child->ids = parent->ids;
    memcpy(child->limits, parent->limits, sizeof child->limits);
    child->nice = parent->nice;
    child->crowded = parent->crowded;
    child->root = parent->root;
    child->executable_inode = parent->executable_inode;
    memcpy(child->comm, parent->comm, sizeof child->comm);
    memcpy(child->command_line, parent->command_line, parent->command_line_bytes);
    child->command_line_bytes = parent->command_line_bytes;
}

// An area that is free in the space and whose notification slot is free in the process.
static bool thread_area_take(struct space *space, const struct process *process, unsigned *index)
{
    uint64_t used = 0;
    for (const struct thread *thread = process->threads; thread; thread = thread->next)
        used |= 1ull << thread->area % PROCESS_THREADS;
    uint64_t bits[THREAD_AREAS / 64];
    for (unsigned i = 0; i < THREAD_AREAS / 64; i++) bits[i] = space->thread_areas[i] | used;
    if (!area_take(bits, THREAD_AREAS, index)) return false;
    space->thread_areas[*index / 64] |= 1ull << *index % 64;
    return true;
}

static err_t make_thread(struct process *process, uint32_t tid, struct thread **thread)
{
    unsigned area;
    if (!thread_area_take(process->space, process, &area)) return ERR_LINUX(EAGAIN);
    *thread = tid ? thread_new(process, process->space, area, tid) : NULL;
    return *thread && thread_give_page(*thread, process->space) ? OK : ERR_LINUX(EAGAIN);
}

static err_t make_process(struct process *parent, struct thread **thread)
{
    struct process *child = process_new(parent);
    struct space *space = parent->space;
    unsigned area;
    if (!child || !area_take(&space->process_areas, PROCESS_AREAS, &area)) return ERR_LINUX(EAGAIN);
    child->space = space;
    space->n_processes++;
    child->area = area;
    child->made_by_vfork = 1;
    if (!process_give_page(child)) return ERR_LINUX(ENOMEM);
    process_give_aspace(child);
    process_give_descriptions(child, parent);
    process_changed(child);
    state->forks++;
    return make_thread(child, child->pid, thread);
}

err_t proc_create(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    if (!process) return ERR_INVALID;
    err_t err = space_tables_now(process->space, 2 * TABLES_A_MAPPING);
    if (err != OK) return err;
    bool new_process = request->words[1] & PROC_CREATE_PROCESS;
    if (process->sent_later) return ERR_RESTARTED;  // nothing that is made may miss it
    if (limit_of_processes_reached(process)) return ERR_LINUX(EAGAIN);
    struct thread *thread;
    err = new_process ? make_process(process, &thread) : make_thread(process, pid_alloc(), &thread);
    if (err == OK && batch_run() != OK) err = ERR_LINUX(ENOMEM);
    if (err != OK) return server_abort(err);
    answer->words[0] = thread->tid;
    answer->words[1] = thread->area;
    answer->words[2] = thread->process->area;
    answer->n_words = 3;
    return OK;
}

// The thread that the caller made: its own, or its child's in the same space.
static struct thread *created_thread(struct process *process, uint64_t area)
{
    struct thread *thread = thread_of(process, area);
    for (struct process *child = process->first_child; child && !thread; child = child->next_sibling)
        if (child->life == PROCESS_LIVE && child->space == process->space) thread = thread_of(child, area);
    return thread;
}

err_t proc_start(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    struct thread *thread = process ? created_thread(process, request->words[0]) : NULL;
    struct thread *waits = thread && request->words[4] ? thread_of(process, request->words[4] - 1) : NULL;
    if (!thread || thread->started || (request->words[4] && !waits)) return ERR_INVALID;
    if (waits && thread->process->made_by_vfork) waits->waits_for_vfork = thread->process->pid;
    return thread_start(thread, request->words[1], request->words[2], request->words[3]) ? OK : ERR_INVALID;
}

err_t proc_thread_exit(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    struct thread *thread = process ? thread_of(process, request->words[0]) : NULL;
    if (!thread) return ERR_INVALID;
    if (process->n_threads == 1) {
        process_exit(process, (uint32_t)request->words[1] & 0xffff);
        return OK;
    }
    thread_destroy(thread, true);
    return OK;
}
