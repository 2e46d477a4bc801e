// SPDX-License-Identifier: MIT
// Queues of threads: doubly linked through the threads themselves. A thread stands in at most one.
#include "sched.h"

void queue_push_front(struct queue *q, struct thread *t)
{
    ref_t ref = ref_of(t);
    t->queue_prev = NO_REF;
    t->queue_next = q->head;
    if (q->head)
        thread_at(q->head)->queue_prev = ref;
    else
        q->tail = ref;
    q->head = ref;
}

void queue_remove(struct queue *q, struct thread *t)
{
    if (t->queue_prev)
        thread_at(t->queue_prev)->queue_next = t->queue_next;
    else
        q->head = t->queue_next;
    if (t->queue_next)
        thread_at(t->queue_next)->queue_prev = t->queue_prev;
    else
        q->tail = t->queue_prev;
    t->queue_next = t->queue_prev = NO_REF;
}
