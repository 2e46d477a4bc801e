// SPDX-License-Identifier: MIT
// The derivation tree: linking, deriving, moving, deleting and revoking capabilities.
//
// Rules: see slot.h. Siblings are a doubly linked list; a new child comes first. Deleting and revoking never descend:
// they lift the children of a slot one by one to its parent, so each step is bounded and no stack is needed. A half
// emptied untyped is marked SPENT, since some of what it gave out is no longer below it.
// What the death of an object means is object.c's knowledge.
#include "aspace.h"
#include "thread.h"

#define LOOKS_A_STEP 8

static bool has_object_badge(const struct slot *s) { return s->type == CAP_ENDPOINT && s->flags & SLOT_FIRST; }

void slot_link(struct slot *child, struct slot *parent)
{
    if (!parent) return;
    ref_t ref = ref_of(child);
    if (parent->flags & SLOT_GONE) endpoint_gone_remove(parent);
    child->parent = ref_of(parent);
    child->next = parent->child;
    child->prev = NO_REF;
    if (parent->child) slot_at(parent->child)->prev = ref;
    parent->child = ref;
}

// Take a slot out of the tree; its children stay with it.
static void unlink(struct slot *s)
{
    if (s->next) slot_at(s->next)->prev = s->prev;
    if (s->prev) slot_at(s->prev)->next = s->next;
    if (s->parent) {
        struct slot *parent = slot_at(s->parent);
        if (!s->prev) parent->child = s->next;
        if (!parent->child && has_object_badge(parent)) endpoint_gone_add(parent);
    }
    s->parent = s->next = s->prev = NO_REF;
}

bool slot_children_up_to(const struct slot *s, unsigned bound)
{
    unsigned n = 0;
    for (ref_t c = s->child; c && n <= bound; c = slot_at(c)->next) n++;
    return n <= bound;
}

void slot_move(struct slot *from, struct slot *to, unsigned flags_in)
{
    ref_t ref = ref_of(to);
    *to = *from;
    to->flags = (uint8_t)((from->flags & (SLOT_FIRST | SLOT_GONE | SLOT_SPENT)) | flags_in);
    if (to->next) slot_at(to->next)->prev = ref;
    if (to->prev)
        slot_at(to->prev)->next = ref;
    else if (to->parent)
        slot_at(to->parent)->child = ref;
    for (ref_t c = to->child; c; c = slot_at(c)->next) slot_at(c)->parent = ref;
    if (to->flags & SLOT_GONE) endpoint_gone_moved(from, to);
    *from = (struct slot){0};
}

err_t slot_check_derive(const struct slot *from)
{
    if (from->type == CAP_EMPTY) return ERR_NO_CAP;
    if (from->type == CAP_UNTYPED && (from->child || from->flags & SLOT_SPENT)) return ERR_BUSY;
    return OK;
}

void slot_derive(struct slot *from, struct slot *to, unsigned rights, unsigned flags_in)
{
    *to = (struct slot){
        .type = from->type,
        .rights = from->rights & (uint8_t)rights,
        .size_bits = from->size_bits,
        .flags = (uint8_t)flags_in,
        .object = from->object,
        .badge = from->badge,
    };
    if (from->type == CAP_UNTYPED) {  // the whole memory goes to the child
        to->badge = 0;
        from->badge = 1ull << from->size_bits;
    }
    uint32_t *refs = object_refs(to->type, to->object);
    if (refs) ++*refs;
    slot_link(to, from);
}

// Give the first child to the parent.
static void lift_child(struct slot *s)
{
    struct slot *child = slot_at(s->child);
    if (s->type == CAP_UNTYPED) s->flags |= SLOT_SPENT;
    unlink(child);
    slot_link(child, s->parent ? slot_at(s->parent) : NULL);
}

// Keep the last capability of an object with slots inside until those are empty.
static void start_dying(struct slot *s, ref_t first)
{
    struct cpu_core *core = this_core();
    struct slot *keeper = slot_at(first);
    uint64_t used[CSPACE_GROUPS / 64] = {UINT64_MAX, UINT64_MAX};
    if (s->type == CAP_CSPACE) words_copy(used, cspace_at(s->object)->used, CSPACE_GROUPS / 64);
    slot_move(s, keeper, SLOT_DYING);
    keeper->hull_first = used[0];
    keeper->hull_end = used[1];
    keeper->badge = 1;
    keeper->list_next = NO_REF;
    if (core->dying_tail)
        slot_at(core->dying_tail)->list_next = first;
    else
        core->dying_head = first;
    core->dying_tail = first;
}

bool slot_delete_step(struct slot *s)
{
    if (s->type == CAP_EMPTY) return true;
    if (s->child) {
        lift_child(s);
        return false;
    }
    if (s->type == CAP_FRAMES && !frames_unmap_step(s)) return false;
    uint32_t *refs = object_refs(s->type, s->object);
    if (refs && *refs == 1) {
        s->rights = 0;  // nobody new gets in while those who wait are sent away
        if (!object_quiesce_step(s->type, s->object)) return false;
    }
    if (!object_slot_lost(s)) return false;
    if (s->flags & SLOT_GONE) endpoint_gone_remove(s);
    if (refs && --*refs == 0) {
        ref_t first;
        object_destroy(s->type, s->object);
        if (object_slots(s->type, s->object, s->size_bits, &first)) {
            start_dying(s, first);
            return true;
        }
    }
    unlink(s);
    *s = (struct slot){0};
    return true;
}

uint64_t slot_next_used(uint64_t used_0, uint64_t used_1, uint64_t index, uint64_t n)
{
    if (index >= n) return n;
    unsigned group = cspace_group(index, n);
    uint64_t ahead = group < 64 ? used_0 >> group : 0;
    if (!ahead) {
        if (group < 64) group = 64;
        ahead = used_1 >> group % 64;
    }
    if (!ahead) return n;
    uint64_t start = ((uint64_t)group + (unsigned)__builtin_ctzll(ahead)) * n / CSPACE_GROUPS;
    return start > index ? start : index;
}

// One step of emptying the first dying object: a slot is emptied, or some are seen to be empty.
static void reap_step(struct cpu_core *core)
{
    struct slot *keeper = slot_at(core->dying_head);
    ref_t first;
    unsigned n = object_slots(keeper->type, keeper->object, keeper->size_bits, &first);
    for (unsigned i = 0; i < LOOKS_A_STEP && keeper->badge < n; i++) {
        struct slot *s = slot_at(first + (ref_t)keeper->badge);
        bool was_empty = s->type == CAP_EMPTY;
        if (was_empty || slot_delete_step(s)) keeper->badge++;
        if (was_empty && keeper->type == CAP_CSPACE)
            keeper->badge = slot_next_used(keeper->hull_first, keeper->hull_end, keeper->badge, n);
        if (!was_empty) return;
    }
    if (keeper->badge < n) return;
    core->dying_head = keeper->list_next;
    if (!core->dying_head) core->dying_tail = NO_REF;
    unlink(keeper);
    *keeper = (struct slot){0};
}

err_t slots_reap(void)
{
    struct cpu_core *core = this_core();
    while (core->dying_head) {
        reap_step(core);
        if (preemption_point(STEP_SLOT)) return ERR_PREEMPTED;
    }
    return OK;
}

err_t slot_delete(struct slot *s)
{
    while (!slot_delete_step(s)) {
        if (preemption_point(STEP_SLOT)) return ERR_PREEMPTED;
    }
    return this_core()->dying_head ? slots_reap() : OK;
}

err_t slot_revoke(struct slot *s)
{
    for (;;) {
        err_t err = this_core()->dying_head ? slots_reap() : OK;
        if (err || !s->child) return err;
        slot_delete_step(slot_at(s->child));
        if (preemption_point(STEP_SLOT)) return ERR_PREEMPTED;
    }
}

bool slot_check(const struct slot *s)
{
    ref_t ref = ref_of(s);
    if (s->type == CAP_EMPTY) {
        return !s->parent && !s->child && !s->next && !s->prev && !s->object && !s->badge && !s->flags;
    }
    if (s->type >= CAP_TYPES) return false;
    if (s->next && slot_at(s->next)->prev != ref) return false;
    if (s->prev && slot_at(s->prev)->next != ref) return false;
    if (s->parent && !s->prev && slot_at(s->parent)->child != ref) return false;
    if (!s->parent && (s->next || s->prev)) return false;
    if (s->child && (slot_at(s->child)->parent != ref || slot_at(s->child)->prev)) return false;
    if (s->next && slot_at(s->next)->parent != s->parent) return false;
    if (s->flags & SLOT_GONE && (!(s->flags & SLOT_FIRST) || s->child)) return false;
    if (s->parent && !(s->flags & SLOT_DYING)) {
        const struct slot *parent = slot_at(s->parent);
        if (parent->type == s->type && s->rights & ~parent->rights && parent->rights) return false;
    }
    const uint32_t *refs = s->flags & SLOT_DYING ? NULL : object_refs(s->type, s->object);
    return !refs || *refs > 0;
}
