// SPDX-License-Identifier: MIT
// Shared futexes: threads that wait for a word in memory that several spaces may see, or that proc itself stores to.
//
// A waiter is keyed by what the word belongs to (a shared object, a file, or the private memory of one space) and where
// it stands there. It stays in the list until it is woken or gives up (time-out, signal), which it says; one whose
// deadline has passed is not woken. Waking is a signal: the waiter asks again and is told.
//
// A thread's death clears its clear_child_tid word and marks the locks of its robust list, which is hostile: bounded,
// and nothing is believed.
#include "servers/proc/proc.h"
#include <linux/futex.h>

static struct futex_key key_of(struct space *space, uint64_t address)
{
    struct region *region = address < PROGRAM_END ? region_find(space, address) : NULL;
    if (region && region->kind == REGION_SHARED)
        return (struct futex_key){(uint64_t)(uintptr_t)region->shared,
                                  (region->first << PAGE_BITS) + address - region->start};
    if (region && region->kind == REGION_FILE_SHARED)
        return (struct futex_key){region->inode << 16 | region->device, region->offset + address - region->start};
    return (struct futex_key){(uint64_t)(uintptr_t)space, address};
}

static void futex_forget(struct thread *thread)
{
    if (!thread->futex_bitset) return;
    struct thread **link = &state->futex_waiters;
    while (*link && *link != thread) link = &(*link)->futex_next;
    if (*link) *link = thread->futex_next;
    thread->futex_bitset = 0;
}

static bool same(const struct futex_key *a, const struct futex_key *b)
{
    return a->object == b->object && a->offset == b->offset;
}

// Wake up to n waiters, in the order in which they came, and let up to n_move others wait for `to`.
static uint32_t wake(struct futex_key key, uint32_t n, uint32_t bitset, struct futex_key to, uint32_t n_move)
{
    uint32_t woken = 0, moved = 0;
    uint64_t now = state->futex_waiters ? server_now() : 0;
    for (struct thread **link = &state->futex_waiters; *link && (woken < n || moved < n_move);) {
        struct thread *thread = *link;
        if (!same(&thread->futex, &key) || !(thread->futex_bitset & bitset) || thread->futex_deadline_ns <= now) {
            link = &thread->futex_next;
        } else if (woken < n) {
            *link = thread->futex_next;
            thread->futex_bitset = 0;
            thread->futex_woken = 1;
            thread_wake(thread);
            woken++;
        } else {
            thread->futex = to;
            moved++;
            link = &thread->futex_next;
        }
    }
    return woken + moved;
}

// A thread that was woken is told so, whatever the word holds now.
err_t proc_futex_wait(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    struct thread *thread = process ? thread_of(process, request->words[0]) : NULL;
    uint32_t value, bitset = (uint32_t)request->words[3];
    if (!thread) return ERR_LINUX(EINVAL);
    answer->words[0] = thread->futex_woken;
    answer->n_words = 1;
    if (bitset == 0) futex_forget(thread);
    if (bitset == 0 || thread->futex_woken) {
        thread->futex_woken = 0;
        return OK;
    }
    struct futex_key key = key_of(process->space, request->words[1]);
    if (thread->futex_bitset && same(&thread->futex, &key)) return ERR_AGAIN;
    futex_forget(thread);
    if (!space_load32(process->space, request->words[1], &value)) return ERR_LINUX(EFAULT);
    if (value != (uint32_t)request->words[2]) return ERR_LINUX(EAGAIN);
    thread->futex = key;
    thread->futex_bitset = bitset;
    thread->futex_deadline_ns = request->words[4];
    thread->futex_next = NULL;
    struct thread **link = &state->futex_waiters;
    while (*link) link = &(*link)->futex_next;
    *link = thread;
    return ERR_AGAIN;
}

err_t proc_futex_wake(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    if (!process) return ERR_INVALID;
    struct futex_key key = key_of(process->space, request->words[0]);
    struct futex_key to = request->words[4] ? key_of(process->space, request->words[3]) : key;
    answer->words[0] =
        wake(key, (uint32_t)request->words[1], (uint32_t)request->words[2], to, (uint32_t)request->words[4]);
    answer->n_words = 1;
    return OK;
}

// --- the death of a thread

#define ROBUST_ENTRIES 2048  // as many as Linux follows

// The program's memory is not undone with a step: one that runs again finds its own mark and still has to wake.
static void lock_died(struct space *space, uint64_t address, uint32_t tid)
{
    uint32_t value;
    if (!space_load32(space, address, &value)) return;
    bool marked = value & FUTEX_OWNER_DIED && (value & FUTEX_TID_MASK) == 0;
    if (!marked && (value & FUTEX_TID_MASK) != tid) return;
    if (!marked && !space_store32(space, address, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED)) return;
    if (!(value & FUTEX_WAITERS)) return;
    struct futex_key key = key_of(space, address);
    wake(key, 1, ~0u, key, 0);
}

static void walk_robust_list(struct space *space, uint64_t head, uint32_t tid)
{
    uint64_t entry, offset, pending;
    if (!space_look64(space, head, &entry) || !space_look64(space, head + 8, &offset) ||
        !space_look64(space, head + 16, &pending))
        return;
    for (unsigned n = 0; n < ROBUST_ENTRIES && entry && (entry & ~1ull) != head; n++) {
        if (entry != pending) lock_died(space, (entry & ~1ull) + offset, tid);
        if (!space_look64(space, entry & ~1ull, &entry)) break;
    }
    if (pending) lock_died(space, (pending & ~1ull) + offset, tid);
}

void futex_thread_died(struct thread *thread, bool space_lives)
{
    struct space *space = thread->process->space;
    futex_forget(thread);
    if (!space || !thread->page) return;  // lost: mend.c
    if (thread->page->robust_list) walk_robust_list(space, thread->page->robust_list, thread->tid);
    uint64_t address = thread->page->clear_child_tid;
    if (!space_lives || !address || !space_store32(space, address, 0)) return;
    struct futex_key key = key_of(space, address);
    wake(key, 1, ~0u, key, 0);
}
