// SPDX-License-Identifier: MIT
// Capability spaces: finding slots, and the operations that derive, move, delete and revoke what stands in them.
//
// A cspace of 2^k bytes is an array of slots; slot 0 holds no capability, its memory is the object's header.
// The tree itself is slot.c's work.
#include "invoke.h"

#define MOVE_CHILDREN 4096  // moving a capability with more children is refused, since it is one step

err_t cap_lookup(const struct thread *t, uint64_t index, unsigned type, unsigned rights, struct slot **slot)
{
    *slot = view_slot(thread_cspace(t), index);
    if (!*slot || (*slot)->type == CAP_EMPTY) return ERR_NO_CAP;
    if ((*slot)->type != type) return ERR_WRONG_TYPE;
    if (rights & ~(unsigned)(*slot)->rights) return ERR_NO_RIGHT;
    return OK;
}

err_t cap_lookup_optional(const struct thread *t, uint64_t index, unsigned type, unsigned rights, struct slot **slot)
{
    *slot = NULL;
    return index ? cap_lookup(t, index, type, rights, slot) : OK;
}

static struct cspace_view view_of(const struct slot *cap)
{
    return (struct cspace_view){cap->object, (1ull << (cap->size_bits - REF_BITS)) - 1};
}

err_t cspace_resolve(const struct thread *t, uint64_t index, struct cspace_view *view)
{
    struct slot *cap;
    *view = thread_cspace(t);
    if (index == 0) return OK;
    err_t err = cap_lookup(t, index, CAP_CSPACE, RIGHT_WRITE, &cap);
    if (!err) *view = view_of(cap);
    return err;
}

// The source capability named by two words, and the empty destination slot.
static err_t find_pair(struct invocation *inv, struct slot **from, struct slot **to)
{
    struct cspace_view view;
    *to = view_slot(view_of(inv->cap), inv_word(inv, 0));
    err_t err = cspace_resolve(inv->self, inv_word(inv, 1), &view);
    if (err) return err;
    *from = view_slot(view, inv_word(inv, 2));
    if (!*from || (*from)->type == CAP_EMPTY) return ERR_NO_CAP;
    if (!*to) return ERR_INVALID;
    return (*to)->type == CAP_EMPTY ? OK : ERR_SLOT_FULL;
}

// May a copy of `from` carry this badge? For ranges: does it lie within the one of `from`?
static err_t check_badge(const struct slot *from, uint64_t badge)
{
    if (badge == 0) return OK;
    switch (from->type) {
    case CAP_ENDPOINT:
    case CAP_NOTIFICATION:
        if (from->badge) return ERR_INVALID;
        return from->rights & RIGHT_MINT ? OK : ERR_NO_RIGHT;
    case CAP_LOG: return from->badge ? ERR_INVALID : OK;
    case CAP_IOPORT: {
        uint64_t first = badge & 0xffff, n = badge >> 16;
        uint64_t from_first = from->badge & 0xffff, from_n = from->badge >> 16;
        return n && first >= from_first && n <= 0x10000 && first + n <= from_first + from_n ? OK : ERR_INVALID;
    }
    case CAP_ASPACE: {
        uint64_t first = badge & 0xfffffffff, n = badge >> 36;
        uint64_t from_first = from->badge & 0xfffffffff, from_n = from->badge >> 36;
        if (!n) return ERR_INVALID;
        return !from->badge || (first >= from_first && first + n <= from_first + from_n) ? OK : ERR_INVALID;
    }
    default: return ERR_INVALID;
    }
}

static err_t derive(struct invocation *inv)
{
    struct slot *from, *to;
    uint64_t rights = inv_word(inv, 3), badge = inv_word(inv, 4);
    err_t err = find_pair(inv, &from, &to);
    if (!err) err = slot_check_derive(from);
    if (!err) err = check_badge(from, badge);
    if (err) return err;
    slot_derive(from, to, rights & RIGHTS_ALL, 0);
    view_note(view_of(inv->cap), inv_word(inv, 0));
    if (badge) {
        to->badge = badge;
        if (to->type == CAP_ENDPOINT) to->flags |= SLOT_FIRST;
    }
    return OK;
}

static err_t derive_frames(struct invocation *inv)
{
    struct slot *from, *to;
    uint64_t rights = inv_word(inv, 3), first = inv_word(inv, 4), size_bits = inv_word(inv, 5);
    err_t err = find_pair(inv, &from, &to);
    if (err) return err;
    if (from->type != CAP_FRAMES) return ERR_WRONG_TYPE;
    if (size_bits < PAGE_BITS || size_bits > from->size_bits) return ERR_INVALID;
    uint64_t pages = from->badge ? from->badge : 1ull << (from->size_bits - PAGE_BITS);
    uint64_t n = 1ull << (size_bits - PAGE_BITS);
    if (first >= pages || (first + n > pages && !from->badge)) return ERR_INVALID;
    slot_derive(from, to, rights & RIGHTS_ALL, 0);
    view_note(view_of(inv->cap), inv_word(inv, 0));
    to->object = from->object + page_refs(first);
    to->size_bits = (uint8_t)size_bits;
    to->badge = first + n > pages ? pages - first : 0;
    return OK;
}

static err_t move(struct invocation *inv)
{
    struct slot *from, *to;
    err_t err = find_pair(inv, &from, &to);
    if (err) return err;
    if (!slot_children_up_to(from, MOVE_CHILDREN)) return ERR_LIMIT;
    view_note(view_of(inv->cap), inv_word(inv, 0));  // first: the capability invoked may be the one that moves
    slot_move(from, to, 0);
    return OK;
}

// Empty slots one after the other, passing by what was never used; a restart goes on where this run stopped.
static err_t delete_run(struct invocation *inv)
{
    struct cspace_view view = view_of(inv->cap);
    uint64_t index = inv_word(inv, 0), n = inv_word(inv, 1);
    if (index == 0 || n > view.last || index + n - 1 > view.last) return ERR_INVALID;
    const uint64_t *used = cspace_at(view.base)->used;
    for (uint64_t done = 1; n > 0; index += done, n -= done) {
        struct slot *s = slot_at(view.base + (ref_t)index);
        err_t err = OK;
        done = 1;
        if (s->type != CAP_EMPTY)
            err = slot_delete(s);
        else
            done = slot_next_used(used[0], used[1], index + 1, view.last + 1) - index;
        if (done > n) done = n;
        if (!err && n > 1 && preemption_point(STEP_SLOT)) err = ERR_PREEMPTED;
        if (err) {
            inv_advance(inv, 0, index);
            inv_advance(inv, 1, n);
            return err;
        }
    }
    return this_core()->dying_head ? slots_reap() : OK;  // also what an operation that vanished has left
}

// Slots already filled, by an earlier run of this operation or before it, are left alone. Untypeds are not copied: the
// first copy would take all of their memory.
static err_t copy_all(struct invocation *inv)
{
    struct cspace_view from, to = view_of(inv->cap);
    err_t err = cspace_resolve(inv->self, inv_word(inv, 0), &from);
    if (err) return err;
    uint64_t last = from.last < to.last ? from.last : to.last;
    const uint64_t *used = from.last ? cspace_at(from.base)->used : NULL;
    for (uint64_t i = 1; used && (i = slot_next_used(used[0], used[1], i, from.last + 1)) <= last; i++) {
        struct slot *src = view_slot(from, i), *dst = view_slot(to, i);
        if (dst->type != CAP_EMPTY || src->type == CAP_UNTYPED || slot_check_derive(src)) continue;
        slot_derive(src, dst, RIGHTS_ALL, 0);
        view_note(to, i);
        if (preemption_point(STEP_SLOT)) return ERR_PREEMPTED;
    }
    return OK;
}

static err_t identify(struct invocation *inv)
{
    struct slot *s = view_slot(view_of(inv->cap), inv_word(inv, 0));
    if (!s) return ERR_INVALID;
    bool has_badge = s->type == CAP_ENDPOINT || s->type == CAP_NOTIFICATION || s->type == CAP_LOG;
    bool has_range = s->type == CAP_IOPORT || s->type == CAP_ASPACE;
    inv_result(inv, 0, s->type);
    inv_result(inv, 1, s->rights);
    inv_result(inv, 2, has_badge ? s->badge : 0);
    inv_result(inv, 3, has_range ? s->badge : s->type == CAP_REPLY ? reply_at(s->object)->count : s->size_bits);
    inv_result(inv, 4, s->child != NO_REF);
    return OK;
}

// Operations of CAP_CSPACE.
err_t cspace_invoke(struct invocation *inv)
{
    switch (inv->label) {
    case CSPACE_DERIVE: return derive(inv);
    case CSPACE_DERIVE_FRAMES: return derive_frames(inv);
    case CSPACE_MOVE: return move(inv);
    case CSPACE_DELETE: return delete_run(inv);
    case CSPACE_REVOKE: {
        struct slot *s = view_slot(view_of(inv->cap), inv_word(inv, 0));
        return s ? slot_revoke(s) : ERR_INVALID;
    }
    case CSPACE_COPY_ALL: return copy_all(inv);
    case CSPACE_IDENTIFY: return identify(inv);
    default: return ERR_NO_SYSCALL;
    }
}
