// SPDX-License-Identifier: MIT
// All invariants of the whole system at once.
//
// Starts from the first task's cspace, walks every derivation tree, and compares what it finds with every count, queue
// and link: each capability stands in exactly one tree, each object has as many capabilities as it counts, each queued
// thread is in the state that its queue is for.
#include <stdlib.h>

#include "aspace.h"
#include "test.h"
#include "thread.h"

#define OBJECTS 8192
#define TREE_STEPS 100000

static struct {
    ref_t object;
    unsigned type, refs;
} objects[OBJECTS];
static unsigned n_objects;

static void count_object(unsigned type, ref_t object)
{
    unsigned i = 0;
    while (i < n_objects && (objects[i].object != object || objects[i].type != type)) i++;
    check(i < OBJECTS);
    if (i == n_objects) {
        objects[n_objects].object = object;
        objects[n_objects].type = type;
        objects[n_objects++].refs = 0;
    }
    objects[i].refs++;
}

static unsigned n_slots;

static struct extent {
    ref_t start;
    uint64_t end;
    unsigned type;
} extents[OBJECTS];
static unsigned n_extents;

// Memory that an untyped gave out: objects, frames and dying objects, each once. Smaller untypeds hold more of it.
static void note_extent(const struct slot *s)
{
    bool is_made = s->parent && slot_at(s->parent)->type == CAP_UNTYPED && s->type != CAP_UNTYPED;
    bool fixed = s->type != CAP_CSPACE && s->type != CAP_ASPACE && s->type != CAP_FRAMES;
    unsigned bits = is_made ? object_size_bits(s->type, fixed ? 0 : s->size_bits) : 0;
    if (bits == 0) return;
    check(n_extents < OBJECTS);
    extents[n_extents++] = (struct extent){s->object, s->object + (1ull << (bits - REF_BITS)), s->type};
}

static int compare_extents(const void *a, const void *b)
{
    const struct extent *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

// Nothing that is in use lies over anything else in use. Frames may: parts of one whose capability is gone.
static void check_extents(void)
{
    struct extent last = {0};
    qsort(extents, n_extents, sizeof(extents[0]), compare_extents);
    for (unsigned i = 0; i < n_extents; i++) {
        bool same = last.type == extents[i].type && (last.type == CAP_FRAMES || last.start == extents[i].start);
        check(last.end <= extents[i].start || same);
        if (extents[i].end > last.end) last = extents[i];
    }
}

static void check_slot(struct slot *s)
{
    check(s->type != CAP_EMPTY);
    check(slot_check(s));
    n_slots++;
    note_extent(s);
    if (!(s->flags & SLOT_DYING) && object_refs(s->type, s->object)) count_object(s->type, s->object);
    if (s->type == CAP_UNTYPED) check(s->badge <= 1ull << s->size_bits);
    if (s->parent) {
        const struct slot *parent = slot_at(s->parent);
        if (parent->type == CAP_UNTYPED) {
            check(s->object >= parent->object && s->object - parent->object < 1ull << (parent->size_bits - REF_BITS));
        }
    }
}

static void check_tree(struct slot *top)
{
    struct slot *s = top;
    for (unsigned steps = 0;; steps++) {
        check(steps < TREE_STEPS);
        check_slot(s);
        if (s->child) {
            s = slot_at(s->child);
            continue;
        }
        while (s != top && !s->next) s = slot_at(s->parent);
        if (s == top) return;
        s = slot_at(s->next);
    }
}

static unsigned n_cspace_slots;

static void check_object(unsigned type, ref_t object, unsigned refs)
{
    check_equal(*object_refs(type, object), refs);
    switch (type) {
    case CAP_THREAD:
        check(thread_check(thread_at(object)));
        for (unsigned i = 1; i < THREAD_SLOTS; i++) n_cspace_slots += thread_at(object)->slots[i].type != CAP_EMPTY;
        break;
    case CAP_ENDPOINT: check(endpoint_check(endpoint_at(object))); break;
    case CAP_REPLY: check(reply_check(object)); break;
    case CAP_NOTIFICATION: check(notification_check(notification_at(object))); break;
    case CAP_CONTEXT:
        check(context_check(context_at(object)));
        n_cspace_slots += context_at(object)->timeout.type != CAP_EMPTY;
        break;
    case CAP_ASPACE:
        check(tables_check(aspace_at(object)));
        for (unsigned i = 1; i <= ASPACE_GROWS; i++) n_cspace_slots += aspace_at(object)->slots[i].type != CAP_EMPTY;
        break;
    case CAP_IRQ: n_cspace_slots += irq_at(object)->slots[1].type != CAP_EMPTY; break;
    default: break;
    }
}

static unsigned count_cspace(ref_t cspace, unsigned size_bits)
{
    const unsigned size = 1u << (size_bits - REF_BITS);
    const uint64_t *used = cspace_at(cspace)->used;
    unsigned n = 0;
    for (unsigned i = 1; i < size; i++) {
        if (slot_at(cspace + i)->type == CAP_EMPTY) continue;
        unsigned group = cspace_group(i, size);
        check(used[group / 64] >> group % 64 & 1 && slot_next_used(used[0], used[1], i, size) == i);
        n++;
    }
    return n;
}

static void check_queues(void)
{
    const struct cpu_core *core = this_core();
    int top = -1;
    for (unsigned p = 0; p < PRIORITIES; p++) {
        ref_t prev = NO_REF;
        check(!core->queues[p].head == !(core->ready[p / 64] >> p % 64 & 1));
        for (ref_t r = core->queues[p].head; r; prev = r, r = thread_at(r)->queue_next) {
            const struct thread *t = thread_at(r);
            check(t->queued && t->state == THREAD_READY && t->priority == p && t->queue_prev == prev);
        }
        check_equal(core->queues[p].tail, prev);
        if (prev) top = (int)p;
    }
    check_equal(core->top, top);
    uint64_t next = deadline_next_ns();
    check(core->timer_ns <= next && core->timer_ns <= core->slice_end_ns);
    if (core->deadlines) check(thread_at(core->deadlines)->heap_parent == NO_REF);
    if (core->charged) check(object_refs(CAP_CONTEXT, core->charged) != NULL);
}

static void check_heap_node(ref_t ref)
{
    const struct thread *t = thread_at(ref);
    unsigned left = t->heap_left ? thread_at(t->heap_left)->heap_rank : 0;
    unsigned right = t->heap_right ? thread_at(t->heap_right)->heap_rank : 0;
    check(left >= right && t->heap_rank == right + 1);
    check(!t->heap_left ||
          (thread_at(t->heap_left)->heap_key >= t->heap_key && thread_at(t->heap_left)->heap_parent == ref));
    check(!t->heap_right ||
          (thread_at(t->heap_right)->heap_key >= t->heap_key && thread_at(t->heap_right)->heap_parent == ref));
}

void world_check(void)
{
    ref_t root_cspace = thread_at(first_thread)->cspace;
    n_objects = n_slots = n_cspace_slots = n_extents = 0;
    for (unsigned i = 1; i < BOOT_SLOTS; i++) {
        struct slot *s = slot_at(root_cspace + i);
        if (s->type != CAP_EMPTY && !s->parent) check_tree(s);
    }
    for (unsigned i = 0; i < n_objects; i++) {
        check_object(objects[i].type, objects[i].object, objects[i].refs);
        if (objects[i].type == CAP_THREAD && thread_at(objects[i].object)->flags & THREAD_IN_HEAP)
            check_heap_node(objects[i].object);
    }
    // Every full slot of every cspace was met in some tree.
    for (unsigned i = 0; i < n_objects; i++) {
        if (objects[i].type != CAP_CSPACE) continue;
        unsigned bits = 0;
        for (unsigned j = 1; j < BOOT_SLOTS && !bits; j++) {
            const struct slot *s = slot_at(root_cspace + j);
            if (s->type == CAP_CSPACE && s->object == objects[i].object) bits = s->size_bits;
        }
        if (bits) n_cspace_slots += count_cspace(objects[i].object, bits);
    }
    check(n_slots >= n_cspace_slots);
    check_extents();
    check_queues();
    check(host_tlb_check());
}
