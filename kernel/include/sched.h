// SPDX-License-Identifier: MIT
// Scheduling: who runs, on whose time, until when.
//
// Rules:
//  - A READY thread is the current one, or in its priority's queue, or parked for want of time; never two of these.
//  - t->on != 0 exactly if context_at(t->on)->user is t.
//  - Time is charged when the context in use changes and at timer ticks only, so lending a context along a call and
//    getting it back costs no look at the clock.
#pragma once
#include "core.h"

// --- sched/queue.c: threads in a row
void queue_push(struct queue *, struct thread *);
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
// Set the timer for the end of the slice or the next deadline.
void sched_set_timer(void);
// A tick comes at this time or earlier.
void sched_tick_by(uint64_t ns);

// --- object/context.c
// A blocked caller's context goes to the server, and back with the answer.
void context_lend(struct thread *from, struct thread *to);
void context_return(struct thread *from, struct thread *to);
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
