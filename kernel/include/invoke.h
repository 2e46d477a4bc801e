// SPDX-License-Identifier: MIT
// Invocations of kernel objects: arguments, results, and one handler for each type.
//
// A handler checks everything, then commits. It may return ERR_PREEMPTED after a bounded number of steps: the system
// call then runs again with the same registers, or those that the handler put in place by `inv_advance`.
#pragma once
#include "thread.h"

struct invocation {
    struct thread *self;
    struct slot *cap;
    uint32_t label;
    unsigned n_words;    // that came in
    unsigned n_results;  // that go out, in result[] and beyond the sixth in the invoker's UTCB
    uint64_t result[MSG_REGISTERS];
    bool no_result;  // the invoker's registers were set as they are to be
};

// Word i of the request.
static inline uint64_t inv_word(const struct invocation *inv, unsigned i)
{
    return i < MSG_REGISTERS ? context_word(&inv->self->context, i) : thread_utcb(inv->self)->words[i];
}
// Word i of the answer.
static inline void inv_result(struct invocation *inv, unsigned i, uint64_t word)
{
    if (i < MSG_REGISTERS)
        inv->result[i] = word;
    else
        thread_utcb(inv->self)->words[i] = word;
    if (inv->n_results <= i) inv->n_results = i + 1;
}
// Replace argument i, so that a restarted operation goes on where it stopped.
static inline void inv_advance(struct invocation *inv, unsigned i, uint64_t word)
{
    context_set_word(&inv->self->context, i, word);
}

err_t untyped_invoke(struct invocation *);
err_t cspace_invoke(struct invocation *);
err_t thread_invoke(struct invocation *);
err_t context_invoke(struct invocation *);
err_t aspace_invoke(struct invocation *);
err_t frames_invoke(struct invocation *);
err_t irq_control_invoke(struct invocation *);
err_t irq_invoke(struct invocation *);
err_t ioport_invoke(struct invocation *);
err_t log_invoke(struct invocation *);
err_t system_invoke(struct invocation *);

// Invoke the object in inv->cap; the answer is in inv.
err_t object_invoke(struct invocation *);
// The same for CSPACE_LIST: each entry of the list in the invoker's UTCB.
err_t list_invoke(struct invocation *);
