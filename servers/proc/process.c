// SPDX-License-Identifier: MIT
// Process records: making and freeing them, pids, parents, and sessions with servers.
//
// A process's kernel objects (cspace, descriptions, thread kits) lie in its chain of blocks, its memory in its space.
// The record's index is the slot in badges and in the published table; the generation counts its uses.
#include "servers/proc/proc.h"

#define CSPACE_BITS 14       // PSLOTS slots, and as many descriptions to begin with
#define PID_FIRST_AGAIN 300  // where pids go on after PID_MAX

_Static_assert(PSLOTS *SLOT_BYTES == 1 << CSPACE_BITS, "the cspace of a process");

// --- pids

static struct process **pid_bucket(uint64_t pid) { return &state->pid_buckets[pid % PID_BUCKETS]; }

struct process *process_by_pid(uint64_t pid)
{
    struct process *process = *pid_bucket(pid);
    while (process && process->pid != pid) process = process->pid_next;
    return process;
}

struct thread *thread_by_tid(uint64_t tid)
{
    struct thread *thread = state->tid_buckets[tid % PID_BUCKETS];
    while (thread && thread->tid != tid) thread = thread->tid_next;
    return thread;
}

struct process *process_at(uint32_t index) { return table_at(&state->processes, index); }

static bool names_a_group(uint32_t number)
{
    for_each_process(process) if (process->pgid == number || process->sid == number) return true;
    return false;
}

uint32_t pid_alloc(void)
{
    for (uint32_t tries = 0; tries < PID_MAX; tries++) {
        uint32_t pid = state->last_pid + 1 < PID_MAX ? state->last_pid + 1 : PID_FIRST_AGAIN;
        state->last_pid = pid;
        if (!process_by_pid(pid) && !thread_by_tid(pid) && !names_a_group(pid)) return pid;
    }
    return 0;
}

// --- the tree

// The oldest child stands first, as wait wants them.
void process_set_parent(struct process *process, struct process *parent)
{
    struct process *old = process->parent, *next = process->next_sibling, *previous = process->previous_sibling;
    if (old) {
        *(previous ? &previous->next_sibling : &old->first_child) = next;
        *(next ? &next->previous_sibling : &old->last_child) = previous;
    }
    process->parent = parent;
    process->next_sibling = NULL;
    process->previous_sibling = parent ? parent->last_child : NULL;
    if (!parent) return;
    *(parent->last_child ? &parent->last_child->next_sibling : &parent->first_child) = process;
    parent->last_child = process;
}

// --- sessions

static uint32_t mint(const struct process *process, uint32_t endpoint)
{
    uint32_t slot = slot_alloc();
    uint64_t badge = BADGE_SESSION_OF(process->slot, process->generation);
    if (!slot || cspace_derive(SLOT_CSPACE, slot, 0, endpoint, RIGHT_WRITE | RIGHT_GRANT, badge) != OK) return 0;
    return slot;
}

err_t process_session(struct process *process, unsigned server, uint32_t *slot)
{
    if (process->sessions[server] == 0) {
        const struct component_cap *cap = server == SERVER_PROC ? NULL : rt_cap_of_kind(COMPONENT_CAP_MINT, server - 1);
        if (server != SERVER_PROC && !cap) return ERR_NOT_FOUND;
        process->sessions[server] = mint(process, cap ? cap->slot : SLOT_ENDPOINT);
    }
    *slot = process->sessions[server];
    return *slot ? OK : ERR_NO_MEMORY;
}

// Servers are numbered by their place in the manifest's line `mints`, from SERVER_ROOT.
err_t proc_session(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    if (!process || request->words[0] >= SERVERS) return ERR_INVALID;
    uint32_t slot;
    err_t err = process_session(process, (unsigned)request->words[0], &slot);
    if (err != OK) return server_abort(err);
    answer->caps[0] = slot;
    answer->n_caps = 1;
    return OK;
}

// --- making and freeing

// The slots that every process finds in its cspace, but for those that depend on its space and threads.
static bool fill_cspace(struct process *process)
{
    uint32_t session;
    if (process_session(process, SERVER_PROC, &session) != OK) return false;
    batch_derive(process->cspace, PSLOT_CSPACE, process->cspace, RIGHTS_ALL, 0);
    batch_derive(process->cspace, PSLOT_DESCRIPTIONS, process->descriptions, RIGHTS_ALL, 0);
    batch_derive(process->cspace, PSLOT_PROC, session, RIGHT_WRITE | RIGHT_GRANT, 0);
    if (image.traced) batch_derive(process->cspace, PSLOT_LOG, SLOT_LOG, RIGHT_WRITE, 0);
    return true;
}

// The descriptions' cspace is as large as the parent's: a grown one fills a block of its own.
static bool make_descriptions(struct process *process, uint32_t untyped, uint32_t n)
{
    unsigned bits = n > PSLOTS ? BLOCK_BITS : CSPACE_BITS;
    if (bits == BLOCK_BITS) untyped = block_take(&process->block);
    process->descriptions = slot_alloc();
    process->n_descriptions = (1u << bits) / SLOT_BYTES;
    if (!untyped || !process->descriptions) return false;
    batch_retype(untyped, CAP_CSPACE, bits, process->descriptions);
    return true;
}

static bool make_objects(struct process *process, uint32_t n_descriptions)
{
    uint32_t untyped = block_take(&process->block);
    process->cspace = slot_alloc();
    process->kit_block = untyped;
    if (!untyped || !process->cspace) return false;
    batch_retype(untyped, CAP_CSPACE, CSPACE_BITS, process->cspace);
    return make_descriptions(process, untyped, n_descriptions) && fill_cspace(process) && kit_add(process, untyped);
}

struct process *process_new(struct process *parent)
{
    struct process *process = table_new(&state->processes);
    uint32_t pid = process ? pid_alloc() : 0;
    if (!pid) return NULL;
    process->slot = table_index(&state->processes, process);
    process->generation = ++state->generations[process->slot];
    process->life = PROCESS_LIVE;
    process->pid = pid;
    process->pid_next = *pid_bucket(pid);
    *pid_bucket(pid) = process;
    process->start_ns = server_now();
    process_set_parent(process, parent);
    if (parent) process_inherit(process, parent);  // while the record is fresh
    return make_objects(process, parent ? parent->n_descriptions : 0) ? process : NULL;
}

void process_free(struct process *process)
{
    process_set_parent(process, NULL);
    struct process **link = pid_bucket(process->pid);
    while (*link != process) link = &(*link)->pid_next;
    *link = process->pid_next;
    signal_queue_drop(&process->signals, ~0ull);
    table_free(&state->processes, process);
}

void process_changed(struct process *process) { server_effect(EFFECT_PUBLISH, process->slot, 0, 0); }

// More slots for descriptions: a larger cspace, to which the old one's capabilities are copied before it goes.
err_t proc_descriptions(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    if (!process) return ERR_INVALID;
    uint32_t most = (1u << BLOCK_BITS) / SLOT_BYTES;
    bool grows = request->words[0] > process->n_descriptions && process->n_descriptions < most;
    if (grows) {
        uint32_t untyped = block_take(&process->block), slot = slot_alloc(), old = process->descriptions;
        if (!untyped || !slot || untyped_retype(untyped, CAP_CSPACE, BLOCK_BITS, 1, 0, slot) != OK ||
            cspace_copy_all(slot, old) != OK)
            return server_abort(ERR_LINUX(ENFILE));
        process->descriptions = slot;
        process->n_descriptions = most;
        server_invoke(process->cspace, CSPACE_DELETE, 2, (uint64_t[]){PSLOT_DESCRIPTIONS, 1});
        server_invoke(process->cspace, CSPACE_DERIVE, 5, (uint64_t[]){PSLOT_DESCRIPTIONS, 0, slot, RIGHTS_ALL, 0});
        slot_free(old);
    }
    answer->words[0] = process->n_descriptions;
    answer->n_words = 1;
    return OK;
}
