// SPDX-License-Identifier: MIT
// Scheduling: who runs, on whose time, until when.
//
// Rules:
//  - A READY thread is the current one, or in its priority's queue, or parked for want of time; never two of these.
//  - A thread is the user of the context that it runs on (t->on).
//  - Time is charged when the context in use changes and at timer ticks only, so lending a context along a call and
//    getting it back costs no look at the clock.
#pragma once
#include "core.h"

// --- sched/queue.c: threads in a row
ALWAYS_INLINE void queue_push(struct queue *q, struct thread *t)
{
    ref_t ref = ref_of(t);
    t->queue_next = NO_REF;
    t->queue_prev = q->tail;
    if (q->tail)
        thread_at(q->tail)->queue_next = ref;
    else
        q->head = ref;
    q->tail = ref;
}
void queue_push_front(struct queue *, struct thread *);
void queue_remove(struct queue *, struct thread *);

// --- sched/deadline.c: threads by time, a leftist heap; insertion and removal take O(log n) steps
void deadline_insert(struct thread *, uint64_t ns);
void deadline_remove(struct thread *);  // nothing to do if it is not in
uint64_t deadline_next_ns(void);        // NS_FOREVER: none

// --- sched/sched.c
// Make a thread run: it becomes READY and goes to its queue, or is at once the current one if nobody better is there.
void sched_ready(struct thread *);
// Take a READY thread off; the caller sets its new state.
void sched_block(struct thread *);
void sched_rotate(struct thread *);
void sched_set_priority(struct thread *, unsigned priority);
// Charge the elapsed time, then let `next` (NO_REF: nobody) pay. True: who paid so far had nothing left of its period.
bool sched_charge(ref_t next);
// The thread to return to, on a context with time left; NULL: idle.
struct thread *sched_choose(void);
// A tick comes at this time or earlier: sched_set_timer sees to it on the way out.
static inline void sched_tick_by(uint64_t ns)
{
    struct cpu_core *core = this_core();
    if (ns < core->wake_ns) core->wake_ns = ns;
}
void sched_set_timer(void);

// --- object/context.c
ALWAYS_INLINE void context_give(struct thread *t, ref_t context)
{
    t->on = context;
    context_at(context)->user = ref_of(t);
}
// A thread that ran on a lent context goes on with its own, whose user it still is.
ALWAYS_INLINE void context_resume_own(struct thread *t) { t->on = t->own; }
// A blocked caller's context goes to the server, and back with the answer.
ALWAYS_INLINE void context_lend(struct thread *from, struct thread *to)
{
    ref_t lent = from->on;
    if (!lent) return;
    if (to->on && to->on != to->own) context_at(to->on)->user = NO_REF;
    from->on = NO_REF;
    context_give(to, lent);
    to->lender = ref_of(from);
}
ALWAYS_INLINE void context_return(struct thread *from, struct thread *to)
{
    if (!from->on || from->on == from->own || from->lender != ref_of(to)) return;
    context_give(to, from->on);
    context_resume_own(from);
}
// A thread that stops working for others gives a lent context back to its home and goes on with its own.
void context_go_home(struct thread *);
// A thread without a context takes its own, if it has one, from whoever it was lent to.
void context_take_own(struct thread *);
// Begin new periods that have come.
void context_refill(struct context *, uint64_t now_ns);
// The context that `t` runs on was used up: take turns, go on with its own, fault, or wait for the next period.
void context_exhausted(struct thread *);
// Its own context's slot was filled or emptied.
void context_own_changed(struct thread *, ref_t own);
