// SPDX-License-Identifier: MIT
// Slots: where capabilities stand, and the derivation tree that ties them together.
//
// Rules:
//  - A capability derived from another is its child; an object made from an untyped is a child of that untyped.
//  - Rights only shrink on the way down. Deleting a capability hands its children to its parent, revoking one deletes
//    all its descendants. Both advance in bounded steps and may stop at a preemption point between two of them.
//  - A slot inside an object (a thread's cspace, an interrupt's notification, ...) is an ordinary member of the tree;
//    a SLOT_IN_* flag says who is told when it is emptied. Such slots never have children.
//  - An object dies with its last capability. If it has slots inside, that capability moves into the object's slot 0,
//    marked SLOT_DYING: it keeps the memory in use until `slots_reap` has emptied the others. No recursion.
#pragma once
#include "ref.h"

enum {
    SLOT_FIRST = 1,  // the first capability of its badge: its last child's end is told to the endpoint
    SLOT_GONE = 2,   // in the endpoint's list of such ends
    SLOT_SPENT = 4,  // an untyped whose children were partly handed on: it gives out no more memory
    SLOT_DYING = 8,  // see above
    SLOT_IN_THREAD = 16,
    SLOT_IN_CONTEXT = 32,
    SLOT_IN_ASPACE = 64,
    SLOT_IN_IRQ = 128,
};

struct slot {
    uint8_t type;       // CAP_*
    uint8_t rights;     // RIGHT_*
    uint8_t size_bits;  // UNTYPED, CSPACE, ASPACE, FRAMES
    uint8_t flags;      // SLOT_*
    ref_t object;       // the object, or the first byte of an untyped's or a frames capability's memory
    uint64_t badge;     // ENDPOINT NOTIFICATION LOG: badge; IOPORT ASPACE: range; UNTYPED: bytes given out;
                        // FRAMES: pages, if fewer than 2^size_bits bytes; DYING: the next slot to empty
    ref_t parent, child, next, prev;        // the tree: `child` is the first one, `next` and `prev` are siblings
    ref_t list_next, list_prev;             // the endpoint's gone list, or the list of dying objects; FRAMES: the
                                            // ticket of a revoke_run, and how far it has come in units of 512 pages
    uint32_t aspace_id, aspace_generation;  // FRAMES: the address space mapped in
    uint64_t hull_first, hull_end;          // FRAMES: all pages of it that may hold an entry into this memory;
                                            // DYING cspace: the groups of slots that have been used
};
_Static_assert(sizeof(struct slot) == SLOT_BYTES, "ABI");

static inline struct slot *slot_at(ref_t ref) { return ref_direct(ref); }

// Make `child`, filled in but not linked yet, a child of `parent` (NULL: a root).
void slot_link(struct slot *child, struct slot *parent);

// Move the capability in `from` to the empty slot `to`; its place in the tree and lists is kept. `flags_in` are the
// SLOT_IN_* flags of the destination. Updates every child: the caller bounds their number (slot_children_up_to).
void slot_move(struct slot *from, struct slot *to, unsigned flags_in);
bool slot_children_up_to(const struct slot *, unsigned bound);

// May `from` be derived? ERR_BUSY: an untyped that has given out memory. ERR_NO_CAP: empty.
err_t slot_check_derive(const struct slot *from);

// Copy `from` into the empty slot `to` as its child, with at most `rights`. The caller has checked.
void slot_derive(struct slot *from, struct slot *to, unsigned rights, unsigned flags_in);

// One bounded step of emptying a slot; true when it is empty. Objects that die are left for slots_reap.
bool slot_delete_step(struct slot *);

// Empty a slot, or delete all descendants of one, then reap. ERR_PREEMPTED: stopped at a preemption point.
err_t slot_delete(struct slot *);
err_t slot_revoke(struct slot *);

// The first slot from `index` on, of n, that lies in a used group of a cspace; n: none.
uint64_t slot_next_used(uint64_t used_0, uint64_t used_1, uint64_t index, uint64_t n);

// Empty the slots inside dying objects, until none is left (OK) or at a preemption point (ERR_PREEMPTED).
err_t slots_reap(void);

// Invariants of a slot and its neighbours, for tests.
bool slot_check(const struct slot *);

// --- objects by their type; see object/object.c
// Bytes of an object as a power of two; 0 if the type cannot be made from an untyped or the size is not allowed.
unsigned object_size_bits(unsigned type, unsigned size_bits);
// Set up cleared memory as an object. ERR_LIMIT: a table of the kernel is full.
err_t object_check_init(unsigned type, unsigned n);
void object_init(unsigned type, ref_t object, unsigned size_bits);
// The object's count of capabilities, or NULL for types without an object of their own.
uint32_t *object_refs(unsigned type, ref_t object);
// Before the last capability goes: send the waiting threads away one by one; true when none is left.
bool object_quiesce_step(unsigned type, ref_t object);
// The last capability is gone: leave all lists. Bounded.
void object_destroy(unsigned type, ref_t object);
// The slots inside an object: *first is slot 0, which holds the dying capability; returns their number, 0: none.
unsigned object_slots(unsigned type, ref_t object, unsigned size_bits, ref_t *first);
// A slot inside an object is about to be emptied: its holder forgets what it held. False: call again.
bool object_slot_lost(struct slot *);
