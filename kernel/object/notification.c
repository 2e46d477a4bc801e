// SPDX-License-Identifier: MIT
// Notifications: a word of bits that signals OR into and a wait takes.
//
// Rules:
//  - Bits are set only while nobody waits, for the notification or, bound to it, for an endpoint.
//  - A capability without a badge signals bit 0.
#include "thread.h"

bool notification_keep(struct notification *n, uint64_t bits)
{
    if (n->waiters.head || (n->bound && thread_at(n->bound)->state == THREAD_RECEIVING)) return false;
    n->bits |= bits ? bits : 1;
    return true;
}

// @path interrupt 3/5: the driver that waits gets the bits
// @path notify 3/6: give the bits to who waits for them
void notification_wake(struct notification *n, uint64_t bits)
{
    if (!bits) bits = 1;
    if (n->waiters.head) {
        struct thread *waiter = thread_at(n->waiters.head);
        queue_remove(&n->waiters, waiter);
        waiter->object = NO_REF;
        if (waiter->flags & THREAD_IN_HEAP) deadline_remove(waiter);
        thread_set_result(waiter, OK, 0, INFO(0, 1, 0), 0);
        context_set_word(&waiter->context, 0, bits);
        sched_ready(waiter);
    } else {
        ipc_kernel_message(thread_at(n->bound), 0, INFO_KERNEL | INFO(KMSG_NOTIFICATION, 1, 0), bits);
    }
}

void notification_signal(struct notification *n, uint64_t bits)
{
    if (!notification_keep(n, bits)) notification_wake(n, bits);
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
