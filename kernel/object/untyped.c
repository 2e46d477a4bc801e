// SPDX-License-Identifier: MIT
// Untyped memory: the only source of kernel objects, frames and smaller untypeds.
//
// An untyped gives out its memory from the bottom up (slot.badge counts the bytes) and starts anew when it has no
// children left. Objects are aligned to their size. Deriving an untyped gives the whole of it to the copy.
#include "invoke.h"

#define RETYPE_MAX 4096

static uint64_t bytes_used(const struct slot *u) { return u->child || u->flags & SLOT_SPENT ? u->badge : 0; }

// retype(type, size_bits, n, cspace, index). Stopping between two objects leaves the arguments for the rest.
static err_t retype(struct invocation *inv)
{
    struct slot *u = inv->cap;
    struct cspace_view view;
    uint64_t type = inv_word(inv, 0), size_bits = inv_word(inv, 1), n = inv_word(inv, 2), index = inv_word(inv, 4);
    if (type >= CAP_TYPES || size_bits > 63 || n == 0 || n > RETYPE_MAX) return ERR_INVALID;
    unsigned bits = object_size_bits((unsigned)type, (unsigned)size_bits);
    if (bits == 0) return ERR_INVALID;
    if (u->flags & SLOT_SPENT) return ERR_NO_MEMORY;
    err_t err = slots_reap();  // memory of what just died may be in the way
    if (!err) err = cspace_resolve(inv->self, inv_word(inv, 3), &view);
    if (!err) err = object_check_init((unsigned)type, (unsigned)n);
    if (err) return err;
    if (index == 0 || index > view.last || n > view.last - index + 1) return ERR_INVALID;
    for (uint64_t i = 0; i < n; i++) {
        if (view_slot(view, index + i)->type != CAP_EMPTY) return ERR_SLOT_FULL;
    }
    uint64_t size = 1ull << bits, at = (bytes_used(u) + size - 1) & ~(size - 1), end = 1ull << u->size_bits;
    if (at > end || n > (end - at) >> bits) return ERR_NO_MEMORY;

    for (uint64_t i = 0; i < n; i++, at += size) {
        if (i > 0 && preemption_point(STEP_PAGES)) {
            inv_advance(inv, 2, n - i);
            inv_advance(inv, 4, index + i);
            return ERR_PREEMPTED;
        }
        ref_t object = u->object + (ref_t)(at >> REF_BITS);
        struct slot *slot = view_slot(view, index + i);
        object_init((unsigned)type, object, (unsigned)size_bits);
        *slot = (struct slot){
            .type = (uint8_t)type, .rights = RIGHTS_ALL, .size_bits = (uint8_t)size_bits, .object = object};
        slot_link(slot, u);
        view_note(view, index + i);
        u->badge = at + size;
    }
    return OK;
}

// Operations of CAP_UNTYPED.
err_t untyped_invoke(struct invocation *inv)
{
    switch (inv->label) {
    case UNTYPED_RETYPE: return retype(inv);
    case UNTYPED_INFO:
        inv_result(inv, 0, inv->cap->size_bits);
        inv_result(inv, 1, inv->cap->flags & SLOT_SPENT ? 0 : (1ull << inv->cap->size_bits) - bytes_used(inv->cap));
        return OK;
    default: return ERR_NO_SYSCALL;
    }
}
