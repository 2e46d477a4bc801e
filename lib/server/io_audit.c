// SPDX-License-Identifier: MIT
// The io helper's part of an audit (audit.h): sessions are its roots; handles, threads, buffers and descriptions what they
// reach.
//
// All threads are signalled and nobody waits any more: signals are hints, and who is woken asks again and waits again. So a
// wake-up that was lost is made good, and one that waits for what was not noted; and no queue keeps a link to what the
// audit frees.
#include "lib/server/audit.h"
#include "lib/server/io_state.h"

#define LEVELS_MOST 5  // of a vector: a million numbers

void io_wake_all(void)
{
    struct io *io = io_state;
    for (uint32_t i = 0; i < io->waiters.n_fresh; i++) {
        const struct io_waiter *w = table_at(&io->waiters, i);
        if (w && w->queue) w->queue->first = NULL;
    }
    for (uint32_t i = 0; i < io->threads.n_fresh; i++) {
        struct io_thread *thread = table_at(&io->threads, i);
        if (!thread) continue;
        thread->waiters = NULL;
        (void)sys_signal(thread->slot);
    }
    audit_sweep(&io->waiters);  // none was reached
}

static uint32_t smaller(uint32_t a, uint64_t b) { return a < b ? a : (uint32_t)b; }

// How many numbers a vector has room for.
static uint64_t room_of(const struct io_vector *v) { return v->levels ? 1ull << 4 * v->levels : 0; }

// All chunks of the tree are reached, each by the first link that leads to it: what does not lead to one more is cut. A vector
// that is being taken apart has chunks for more numbers than are in use.
static void reach_chunks(const struct io *io, struct io_vector *v)
{
    if (v->levels > LEVELS_MOST) v->levels = 0;
    if (v->levels == 0) v->root = NULL;
    for (uint64_t number = 0; number < room_of(v); number += IO_FANOUT) {
        struct io_chunk **link = &v->root;
        for (unsigned level = v->levels; level > 0 && *link; level--) {
            bool is_first = number % (1ull << 4 * level) == 0;  // of the numbers behind this link
            if (is_first && !audit_reach(&io->chunks, *link)) *link = NULL;
            if (*link) link = (struct io_chunk **)&(*link)->entries[number >> 4 * (level - 1) & 15];
        }
    }
}

// No more handles than all chunks have room for, which lie close; no more threads than have numbers.
static void limit_numbers(const struct io *io, struct io_session *session)
{
    session->n_handles = smaller(session->n_handles, room_of(&session->handles));
    session->n_handles = smaller(session->n_handles, (uint64_t)io->chunks.n_fresh * IO_FANOUT);
    session->n_threads = smaller(session->n_threads, room_of(&session->threads));
    session->n_threads = smaller(session->n_threads, IO_THREADS_MOST);
}

// The numbers that lead to no description are free.
static void reach_handles(const struct io *io, struct io_session *session)
{
    session->free_handle = 0;
    for (uint32_t number = session->n_handles; number-- > 0;) {
        uint64_t *entry = io_vector_entry(&session->handles, number);
        if (!entry) continue;
        struct io_description *d = (struct io_description *)*entry;
        if (d && table_holds(&io->descriptions, d)) {
            (void)audit_reach(&io->descriptions, d);
            d->handles++;
        } else {
            *entry = (uint64_t)session->free_handle << 1 | 1;
            session->free_handle = number + 1;
        }
    }
}

static void reach_threads(const struct io *io, struct io_session *session)
{
    for (uint32_t index = 0; index < session->n_threads; index++) {
        uint64_t *entry = io_vector_entry(&session->threads, index);
        if (!entry) continue;
        const struct io_thread *thread = (const struct io_thread *)*entry;
        if (!audit_reach(&io->threads, thread))
            *entry = 0;
        else
            audit_slots(thread->slot, 1);
    }
}

static void reach_buffer(struct io_session *session)
{
    if (session->buffer_bytes > IO_BUFFER_BYTES || (uintptr_t)session->buffer % PAGE_SIZE) session->buffer_slot = 0;
    if (!session->buffer_slot) session->buffer_bytes = 0;
    audit_slots(session->buffer_slot, 1);
}

// A description that no session has a handle of lives while somebody holds its capability. Another's is nobody's.
static void reach_descriptions(const struct io *io)
{
    for (uint32_t i = 0; i < io->descriptions.n_fresh; i++) {
        struct io_description *d = table_at(&io->descriptions, i);
        struct cap_identity cap = {0};
        if (!d) continue;
        if (d->slot) (void)cspace_identify(SLOT_CSPACE, d->slot, &cap);
        if (cap.badge != (BADGE_DESCRIPTION | table_handle(&io->descriptions, d))) d->slot = 0;
        if (d->slot && cap.children) (void)audit_reach(&io->descriptions, d);
        if (audit_reached(&io->descriptions, d)) audit_slots(d->slot, 1);
    }
}

uint64_t io_stale_session(void)
{
    const struct sessions *sessions = &io_state->sessions;
    for (uint32_t slot = 0; slot < sessions->n_slots; slot++) {
        const struct io_session *session = session_at(sessions, slot);
        uint64_t badge = session ? session_badge(sessions, session) : 0;
        if (session && io_process_ended(badge)) return badge;
    }
    return 0;
}

void io_audit(void)
{
    struct io *io = io_state;
    io_wake_all();
    for (uint32_t i = 0; i < io->descriptions.n_fresh; i++) {
        struct io_description *d = table_at(&io->descriptions, i);
        if (d) d->handles = 0;
    }
    for (uint32_t slot = 0; slot < io->sessions.n_slots; slot++) {
        struct io_session *session = session_at(&io->sessions, slot);
        if (!session) continue;
        reach_chunks(io, &session->handles);
        reach_chunks(io, &session->threads);
        limit_numbers(io, session);
        reach_handles(io, session);
        reach_threads(io, session);
        reach_buffer(session);
    }
    reach_descriptions(io);
    audit_slots(io->arena_slot, 1);
    audit_sweep(&io->descriptions);
    audit_sweep(&io->chunks);
    audit_sweep(&io->threads);
}
