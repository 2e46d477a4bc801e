// SPDX-License-Identifier: MIT
// Invocations: one row for each type, and the number of words that each operation needs (from abi/objects.def).
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
