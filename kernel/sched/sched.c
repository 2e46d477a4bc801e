// SPDX-License-Identifier: MIT
// Scheduling: fixed priorities, first in first out within one, each thread on a context with time left.
//
// Rules:
//  - The current thread stands in no queue. Waking a better one, or any while the current one has blocked, makes it the
//    current one directly; that is how a call switches to its server without touching the queues.
//  - Everything that costs a look at the clock happens in sched_charge, when the paying context changes, and at ticks.
// Who may run on which context is object/context.c's work.
#include "sched.h"
#include "thread.h"

#define WATCHDOG_LATENESS_NS 1000000u
#define WATCHDOG_CHANCE_NS 50000000u
#define EXPIRE_AT_ONCE 16  // deadlines handled by one tick; the rest follows in the next, which is due at once

static void enqueue(struct thread *t, bool front)
{
    struct cpu_core *core = this_core();
    struct queue *q = &core->queues[t->priority];
    if (front)
        queue_push_front(q, t);
    else
        queue_push(q, t);
    core->ready[t->priority / 64] |= 1ull << (t->priority % 64);
    if (core->top < t->priority) core->top = t->priority;
    t->queued = true;
}

// The highest priority with a queued thread, -1: none.
static int find_top(const struct cpu_core *core)
{
    for (unsigned i = PRIORITIES / 64; i-- > 0;) {
        if (core->ready[i]) return (int)(i * 64 + 63) - __builtin_clzll(core->ready[i]);
    }
    return -1;
}

static void dequeue(struct thread *t)
{
    struct cpu_core *core = this_core();
    struct queue *q = &core->queues[t->priority];
    queue_remove(q, t);
    t->queued = false;
    if (q->head) return;
    core->ready[t->priority / 64] &= ~(1ull << (t->priority % 64));
    if (core->top == t->priority) core->top = find_top(core);
}

// @path notify 4/6: a better thread than the current one becomes the current one
void sched_ready(struct thread *t)
{
    struct cpu_core *core = this_core();
    t->state = THREAD_READY;
    if (!t->on) context_take_own(t);
    if (!t->on) {
        t->parked = true;
        return;
    }
    if (!core->current) {
        if (t->priority >= core->top)
            core->current = ref_of(t);
        else
            enqueue(t, false);
        return;
    }
    struct thread *current = thread_at(core->current);
    if (t->priority <= current->priority) {
        enqueue(t, false);
        return;
    }
    enqueue(current, true);
    core->current = ref_of(t);
}

void sched_block(struct thread *t)
{
    struct cpu_core *core = this_core();
    if (core->current == ref_of(t))
        core->current = NO_REF;
    else if (t->queued)
        dequeue(t);
    else if (t->parked)
        deadline_remove(t);
    t->parked = false;
}

void sched_rotate(struct thread *t)
{
    sched_block(t);
    enqueue(t, false);
}

void sched_set_priority(struct thread *t, unsigned priority)
{
    bool running = this_core()->current == ref_of(t), queued = t->queued;
    if (running || queued) sched_block(t);
    t->priority = (uint8_t)priority;
    if (running || queued) sched_ready(t);
}

bool sched_charge(ref_t next)
{
    struct cpu_core *core = this_core();
    uint64_t now = arch_now_ns();
    bool used_up = false;
    if (core->charged) {
        struct context *c = context_at(core->charged);
        uint64_t used = now - core->charged_since_ns;
        c->consumed_ns += used;
        c->left_ns -= used < c->left_ns ? used : c->left_ns;
        used_up = c->left_ns == 0;
    }
    core->charged = next;
    core->charged_since_ns = now;
    if (next) {
        struct context *c = context_at(next);
        context_refill(c, now);
        core->slice_end_ns = now + c->left_ns;
        sched_tick_by(core->slice_end_ns);
    } else {
        core->slice_end_ns = NS_FOREVER;
    }
    return used_up;
}

struct thread *sched_choose(void)
{
    struct cpu_core *core = this_core();
    for (;;) {
        if (!core->current) {
            if (core->top < 0) {
                if (core->charged) sched_charge(NO_REF);
                return NULL;
            }
            struct thread *first = thread_at(core->queues[core->top].head);
            dequeue(first);
            core->current = ref_of(first);
        }
        struct thread *t = thread_at(core->current);
        if (!t->on) context_take_own(t);
        if (!t->on) {
            sched_block(t);
            t->parked = true;
            continue;
        }
        if (t->on == core->charged) return t;
        sched_charge(t->on);
        if (context_at(t->on)->left_ns > 0) return t;
        context_exhausted(t);
    }
}

void sched_set_timer(void)
{
    struct cpu_core *core = this_core();
    if (core->wake_ns >= core->timer_ns) return;
    core->timer_ns = core->wake_ns;
    arch_timer_set(core->wake_ns);
}

static void expire(struct thread *t)
{
    deadline_remove(t);
    if (t->parked) {
        t->parked = false;
        sched_ready(t);
    } else {
        thread_abort(t, ERR_TIMEOUT);
    }
}

// A tick that comes late, whoever wanted it, says that the machine itself stood still, as a virtual one does, and
// nothing about those who should have put the watchdog off: they have not run since. They get another chance.
static void watch(uint64_t due_ns)
{
    uint64_t now = arch_now_ns();
    if (now > due_ns && now - due_ns > WATCHDOG_LATENESS_NS && kernel.watchdog_ns < now + WATCHDOG_CHANCE_NS) {
        kernel.watchdog_ns = now + WATCHDOG_CHANCE_NS;
    }
    if (now < kernel.watchdog_ns) return;
    log_line("watchdog: nobody has put it off; restarting the machine");
    arch_power(POWER_REBOOT, 0);
}

void kernel_timer(void)
{
    struct cpu_core *core = this_core();
    watch(core->timer_ns);
    core->timer_ns = NS_FOREVER;
    if (core->charged && sched_charge(core->charged) && core->current) {
        struct thread *t = thread_at(core->current);
        if (t->on == core->charged) context_exhausted(t);
    }
    uint64_t now = core->charged ? core->charged_since_ns : arch_now_ns();
    for (unsigned i = 0; i < EXPIRE_AT_ONCE && deadline_next_ns() <= now; i++) {
        expire(thread_at(core->deadlines));
    }
    core->wake_ns = kernel.watchdog_ns;
    sched_tick_by(core->slice_end_ns);
    sched_tick_by(deadline_next_ns());
}
