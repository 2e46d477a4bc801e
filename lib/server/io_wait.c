// SPDX-License-Identifier: MIT
// Waiters: threads that asked to be signalled when an object changes (io.h).
//
// Rules:
//  - A waiter stands in exactly one queue and in its thread's list; a thread stands at most once in a queue.
//  - Waking takes everybody out. Signals are hints: who was woken asks again, and arms again.
// Lists hold pointers into the vault, whose addresses never change.
#include "lib/server/io_state.h"

static void unlink_waiter(struct io_waiter *w)
{
    if (w->next) w->next->previous = w->previous;
    if (w->previous)
        w->previous->next = w->next;
    else
        w->queue->first = w->next;
    if (w->thread_next) w->thread_next->thread_previous = w->thread_previous;
    if (w->thread_previous)
        w->thread_previous->thread_next = w->thread_next;
    else
        w->thread->waiters = w->thread_next;
    table_free(&io_state->waiters, w);
}

void io_arm(struct io_session *session, uint64_t flags, struct io_queue *queue)
{
    struct io_thread *thread = flags & IO_ARM ? io_thread(session, IO_THREAD_OF(flags)) : NULL;
    if (!thread) return;
    for (const struct io_waiter *w = queue->first; w; w = w->next)
        if (w->thread == thread) return;
    struct io_waiter *w = table_new(&io_state->waiters);
    if (!w) {
        server_signal(thread->slot);
        return;
    }
    *w = (struct io_waiter){.next = queue->first, .queue = queue, .thread = thread, .thread_next = thread->waiters};
    if (w->next) w->next->previous = w;
    queue->first = w;
    if (w->thread_next) w->thread_next->thread_previous = w;
    thread->waiters = w;
}

uint32_t io_notification(const struct io_session *session, uint32_t index)
{
    const struct io_thread *thread = io_thread(session, index);
    return thread ? thread->slot : 0;
}

void io_wake(struct io_queue *queue)
{
    while (queue->first) {
        server_signal(queue->first->thread->slot);
        unlink_waiter(queue->first);
    }
}

void io_disarm(struct io_thread *thread)
{
    while (thread->waiters) unlink_waiter(thread->waiters);
}

bool io_check(void)
{
    const struct io *io = io_state;
    const struct table *waiters = &io->waiters;
    bool sound =
        table_check(&io->descriptions) && table_check(&io->chunks) && table_check(&io->threads) && table_check(waiters);
    for (uint32_t i = 0; sound && i < waiters->n_fresh; i++) {
        const struct io_waiter *w = table_at(waiters, i);
        if (!w) continue;
        sound = w->queue && w->thread && table_holds(&io->threads, w->thread) && table_holds(waiters, w->next) &&
                table_holds(waiters, w->previous) && table_holds(waiters, w->thread_next) &&
                table_holds(waiters, w->thread_previous);
    }
    return sound;
}
