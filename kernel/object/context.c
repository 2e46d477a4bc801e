// SPDX-License-Identifier: MIT
// Scheduling contexts: the right to run for a budget in every period, lent along calls.
//
// Rules:
//  - c->home is the thread whose own it is; c->user the one that may run on it: home, or whoever it was lent to. A
//    thread runs on t->on, of which it is the user; its own one waits for it, and has it as its user, while it runs on a
//    lent one. Who waits for a message or an answer is on its own or on none.
//  - A caller's context goes to the server with the message and comes back with the answer. A server that waits, stops
//    or dies gives a lent one back to its home; a thread that wakes takes its own back from whoever has it.
//  - A period's budget is there in full when the period begins; what was not used is lost.
//  - budget == period: a slice of round robin, which ends by being used, not by time: whoever is interrupted often
//    would never come to the end of one that time refills.
#include "invoke.h"

#define CONTEXT_MIN_NS 20000  // shorter budgets would only run the kernel
#define CONTEXT_MAX_NS 3600000000000ull

void context_init(struct context *c) { *c = (struct context){0}; }

static void take_from_user(struct context *c)
{
    if (c->user && thread_at(c->user)->on == ref_of(c)) thread_at(c->user)->on = NO_REF;
    c->user = NO_REF;
}

void context_take_own(struct thread *t)
{
    if (!t->own) return;
    struct context *c = context_at(t->own);
    if (c->user && c->user != ref_of(t)) {
        struct thread *borrower = thread_at(c->user);
        take_from_user(c);
        context_resume_own(borrower);
    }
    context_give(t, t->own);
}

void context_go_home(struct thread *t)
{
    if (!t->on || t->on == t->own) return;
    ref_t lent = t->on, home = context_at(lent)->home;
    context_at(lent)->user = home;
    if (home && !thread_at(home)->on) thread_at(home)->on = lent;
    context_resume_own(t);
}

void context_refill(struct context *c, uint64_t now_ns)
{
    uint64_t elapsed = now_ns - c->period_start_ns;
    if (c->budget_ns == c->period_ns || elapsed < c->period_ns) return;
    c->period_start_ns = elapsed < 2 * c->period_ns ? c->period_start_ns + c->period_ns : now_ns;
    c->left_ns = c->budget_ns;
}

// Out of the queues until the next period begins.
static void park(struct thread *t, const struct context *c)
{
    sched_block(t);
    t->parked = true;
    if (c->budget_ns) deadline_insert(t, c->period_start_ns + c->period_ns);
}

void context_exhausted(struct thread *t)
{
    struct context *c = context_at(t->on);
    if (c->budget_ns && c->budget_ns == c->period_ns) {
        c->left_ns = c->budget_ns;
        c->period_start_ns = this_core()->charged_since_ns;
        if (this_core()->charged == t->on) {
            this_core()->slice_end_ns = this_core()->charged_since_ns + c->left_ns;
            sched_tick_by(this_core()->slice_end_ns);
        }
        sched_rotate(t);
    } else if (c->left_ns > 0) {
        return;  // the next period has just begun
    } else if (t->on != t->own) {
        context_go_home(t);
    } else if (c->timeout.type != CAP_EMPTY && c->budget_ns) {
        fault_deliver(t, FAULT_KIND_TIMEOUT, c->consumed_ns, 0, &c->timeout);
    } else {
        park(t, c);
    }
}

// The context changed under its user: let that thread try again.
static void unpark_user(struct context *c)
{
    if (!c->user) return;
    struct thread *t = thread_at(c->user);
    if (!t->parked) return;
    sched_block(t);
    sched_ready(t);
}

void context_own_changed(struct thread *t, ref_t own)
{
    if (t->own) {
        struct context *old = context_at(t->own);
        if (old->user == ref_of(t) && t->parked) deadline_remove(t);
        take_from_user(old);
        old->home = NO_REF;
    }
    t->own = own;
    if (own) context_at(own)->home = context_at(own)->user = ref_of(t);
    if (own && t->state == THREAD_READY && t->parked) {
        sched_block(t);
        sched_ready(t);
    }
}

// The thread that runs on it goes on with its own.
void context_destroy(ref_t ref)
{
    struct cpu_core *core = this_core();
    struct context *c = context_at(ref);
    if (core->charged == ref) {
        core->charged = NO_REF;
        core->slice_end_ns = NS_FOREVER;
    }
    take_from_user(c);
}

// configure(budget_ns, period_ns, timeout_endpoint)
static err_t configure(struct invocation *inv)
{
    struct context *c = context_at(inv->cap->object);
    struct slot *timeout;
    uint64_t budget = inv_word(inv, 0), period = inv_word(inv, 1);
    err_t err = cap_lookup_optional(inv->self, inv_word(inv, 2), CAP_ENDPOINT, RIGHT_WRITE, &timeout);
    if (err) return err;
    if (budget < CONTEXT_MIN_NS || budget > period || period > CONTEXT_MAX_NS) return ERR_INVALID;
    err = slot_delete(&c->timeout);
    if (err) return err;
    if (timeout && timeout->type == CAP_ENDPOINT) slot_derive(timeout, &c->timeout, RIGHTS_ALL, SLOT_IN_CONTEXT);
    if (this_core()->charged == inv->cap->object) sched_charge(NO_REF);  // what was used counts for the old budget
    c->budget_ns = c->left_ns = budget;
    c->period_ns = period;
    c->period_start_ns = arch_now_ns();
    unpark_user(c);
    return OK;
}

// Operations of CAP_CONTEXT.
err_t context_invoke(struct invocation *inv)
{
    struct context *c = context_at(inv->cap->object);
    switch (inv->label) {
    case CONTEXT_CONFIGURE: return configure(inv);
    case CONTEXT_INFO:
        if (this_core()->charged == inv->cap->object) sched_charge(inv->cap->object);
        inv_result(inv, 0, c->consumed_ns);
        inv_result(inv, 1, c->left_ns);
        return OK;
    default: return ERR_NO_SYSCALL;
    }
}

bool context_check(const struct context *c)
{
    ref_t ref = ref_of(c);
    if (c->user && thread_at(c->user)->on != ref && c->user != c->home) return false;
    if (c->home && thread_at(c->home)->own != ref) return false;
    return c->left_ns <= c->budget_ns && slot_check(&c->timeout);
}
