// SPDX-License-Identifier: MIT
// Invocations: one row for each type, the number of words that each operation needs (from abi/objects.def), and lists.
//
// A list costs one system call for many operations. Each of its entries is an invocation like any other, with its words
// in the registers; so nothing is true of an entry that is not true of a call, and between two the list can stop.
#include "invoke.h"

static unsigned words_needed(uint32_t label)
{
    switch (label) {
#define OP(object, name, number, words) \
    case number: \
        return words;
#include "abi/objects.def"
#undef OP
    default: return 0;
    }
}

err_t object_invoke(struct invocation *inv)
{
    static const struct {
        err_t (*invoke)(struct invocation *);
        unsigned rights;  // that every operation needs
    } types[CAP_TYPES] = {
        [CAP_UNTYPED] = {untyped_invoke, RIGHT_WRITE},         [CAP_CSPACE] = {cspace_invoke, RIGHT_WRITE},
        [CAP_THREAD] = {thread_invoke, RIGHT_WRITE},           [CAP_CONTEXT] = {context_invoke, RIGHT_WRITE},
        [CAP_ASPACE] = {aspace_invoke, RIGHT_WRITE},           [CAP_FRAMES] = {frames_invoke, 0},
        [CAP_IRQ_CONTROL] = {irq_control_invoke, RIGHT_WRITE}, [CAP_IRQ] = {irq_invoke, RIGHT_WRITE},
        [CAP_IOPORT] = {ioport_invoke, RIGHT_WRITE},           [CAP_LOG] = {log_invoke, 0},
        [CAP_SYSTEM] = {system_invoke, RIGHT_WRITE},
    };
    const struct slot *cap = inv->cap;
    if (!types[cap->type].invoke) return ERR_WRONG_TYPE;
    if (types[cap->type].rights & ~(unsigned)cap->rights) return ERR_NO_RIGHT;
    if (inv->n_words < words_needed(inv->label)) return ERR_INVALID;
    return types[cap->type].invoke(inv);
}

// Put the entry's words into the registers and invoke what it names. The list stands in memory that others can write,
// so everything is looked at here, once.
static err_t run_entry(struct invocation *inv, const uint64_t *words)
{
    const uint64_t entry = words[0];
    struct thread *self = inv->self;
    inv->cap = view_slot(thread_cspace(self), (uint32_t)entry);
    inv->label = LIST_LABEL(entry);
    if (!inv->cap || inv->cap->type == CAP_EMPTY) return ERR_NO_CAP;
    if (inv->label == FRAMES_REVOKE_RUN) return ERR_INVALID;
    for (unsigned i = 0, n = inv->n_words; i < n; i++) context_set_word(&self->context, i, words[1 + i]);
    return object_invoke(inv);
}

// list(next, go_on). The registers serve the entries; a restart finds them as the list's own again.
err_t list_invoke(struct invocation *inv)
{
    struct thread *self = inv->self;
    uint64_t *words = thread_utcb(self)->words, at = inv_word(inv, 0), go_on = inv_word(inv, 1), end = inv->n_words;
    if (at == 0) at = MSG_REGISTERS;
    if (end < 2 || at < MSG_REGISTERS || go_on > 1) return ERR_INVALID;
    while (at < end) {
        inv->n_words = LIST_WORDS(words[at]);
        if (inv->n_words > MSG_REGISTERS || inv->n_words >= end - at) return ERR_INVALID;
        err_t err = run_entry(inv, &words[at]);
        if (err == ERR_PREEMPTED) {
            for (unsigned i = 0; i < inv->n_words; i++) words[at + 1 + i] = inv_word(inv, i);
        } else if (err && !go_on) {
            return err;
        } else {
            at += inv->n_words + 1;
        }
        bool goes_on = this_core()->current == ref_of(self);  // it may have stopped itself, or woken a better one
        if (err == ERR_PREEMPTED || !goes_on || preemption_point(STEP_SLOT)) break;
    }
    inv->n_results = 0;
    if (at == end) return OK;
    inv_advance(inv, 0, at);
    inv_advance(inv, 1, go_on);
    return ERR_PREEMPTED;
}
