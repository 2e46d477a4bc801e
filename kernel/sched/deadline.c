// SPDX-License-Identifier: MIT
// Deadlines: a leftist heap of threads, ordered by time, linked through the threads themselves.
//
// Rules: a thread's key is not above those of its children; the rank (length of the path to the nearest missing child)
// of a left child is not below that of the right one. So the right spine has at most log2(n + 1) threads, and merging
// two heaps and taking any thread out walk right spines only. No allocation, no recursion.
#include "sched.h"

static unsigned rank_of(ref_t ref) { return ref ? thread_at(ref)->heap_rank : 0; }

// From t upwards: put the child of higher rank on the left and set the rank, until nothing changes any more.
static void restore(struct thread *t)
{
    for (;;) {
        if (rank_of(t->heap_left) < rank_of(t->heap_right)) {
            ref_t left = t->heap_left;
            t->heap_left = t->heap_right;
            t->heap_right = left;
        }
        unsigned rank = rank_of(t->heap_right) + 1;
        bool same = rank == t->heap_rank;
        t->heap_rank = (uint8_t)rank;
        if (same || !t->heap_parent) return;
        t = thread_at(t->heap_parent);
    }
}

// Merge the heaps a and b below `parent`, whose child link the caller sets; returns the new root.
static ref_t merge(ref_t a, ref_t b, ref_t parent)
{
    ref_t root = NO_REF;
    struct thread *last = NULL;  // the end of the merged right spine
    while (a && b) {
        if (thread_at(b)->heap_key < thread_at(a)->heap_key) {
            ref_t swap = a;
            a = b;
            b = swap;
        }
        struct thread *t = thread_at(a);
        t->heap_parent = last ? ref_of(last) : parent;
        if (last)
            last->heap_right = a;
        else
            root = a;
        last = t;
        a = t->heap_right;
    }
    ref_t rest = a ? a : b;
    if (rest) thread_at(rest)->heap_parent = last ? ref_of(last) : parent;
    if (!last) return rest;
    last->heap_right = rest;
    for (struct thread *t = last;; t = thread_at(t->heap_parent)) {  // ranks of the spine, from its end to the root
        if (rank_of(t->heap_left) < rank_of(t->heap_right)) {
            ref_t left = t->heap_left;
            t->heap_left = t->heap_right;
            t->heap_right = left;
        }
        t->heap_rank = (uint8_t)(rank_of(t->heap_right) + 1);
        if (ref_of(t) == root) return root;
    }
}

void deadline_insert(struct thread *t, uint64_t ns)
{
    struct cpu_core *core = this_core();
    invariant(!(t->flags & THREAD_IN_HEAP));
    t->flags |= THREAD_IN_HEAP;
    t->heap_key = ns;
    t->heap_left = t->heap_right = t->heap_parent = NO_REF;
    t->heap_rank = 1;
    sched_tick_by(ns);
    core->deadlines = merge(core->deadlines, ref_of(t), NO_REF);
}

void deadline_remove(struct thread *t)
{
    if (!(t->flags & THREAD_IN_HEAP)) return;
    ref_t rest = merge(t->heap_left, t->heap_right, t->heap_parent);
    if (t->heap_parent) {
        struct thread *parent = thread_at(t->heap_parent);
        if (parent->heap_left == ref_of(t))
            parent->heap_left = rest;
        else
            parent->heap_right = rest;
        restore(parent);
    } else {
        this_core()->deadlines = rest;
    }
    t->flags &= (uint8_t)~THREAD_IN_HEAP;
    t->heap_left = t->heap_right = t->heap_parent = NO_REF;
}

uint64_t deadline_next_ns(void)
{
    ref_t first = this_core()->deadlines;
    return first ? thread_at(first)->heap_key : NS_FOREVER;
}
