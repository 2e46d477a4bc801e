// SPDX-License-Identifier: MIT
// Notifications: a word of bits that signals OR into and a wait takes.
//
// Rules:
//  - Bits are set only while nobody waits, for the notification or, bound to it, for an endpoint.
//  - A capability without a badge signals bit 0.
#include "thread.h"

// @path interrupt 3/5: the driver that waits gets the bits
// @path notify 3/6: give the bits to who waits for them, or keep them
void notification_signal(struct notification *n, uint64_t bits)
{
    n->bits |= bits ? bits : 1;
    struct thread *waiter = n->waiters.head ? thread_at(n->waiters.head) : NULL;
    if (waiter) {
        thread_leave(waiter);
        thread_set_result(waiter, OK, 0, INFO(0, 1, 0), 0);
        context_set_word(&waiter->context, 0, n->bits);
        n->bits = 0;
        sched_ready(waiter);
    } else if (n->bound && thread_at(n->bound)->state == THREAD_RECEIVING) {
        uint64_t taken = n->bits;
        n->bits = 0;
        ipc_kernel_message(thread_at(n->bound), 0, INFO_KERNEL | INFO(KMSG_NOTIFICATION, 1, 0), taken);
    }
}

bool notification_quiesce_step(struct notification *n)
{
    if (!n->waiters.head) return true;
    thread_abort(thread_at(n->waiters.head), ERR_GONE);
    return false;
}

bool notification_check(const struct notification *n)
{
    ref_t prev = NO_REF, ref = ref_of(n);
    if (n->bits && n->waiters.head) return false;
    if (n->bits && n->bound && thread_at(n->bound)->state == THREAD_RECEIVING) return false;
    if (n->bound && thread_at(n->bound)->slots[THREAD_SLOT_BOUND].object != ref) return false;
    for (ref_t r = n->waiters.head; r; r = thread_at(r)->queue_next) {
        const struct thread *t = thread_at(r);
        if (t->state != THREAD_WAITING || t->object != ref || t->queue_prev != prev) return false;
        prev = r;
    }
    return n->waiters.tail == prev;
}
