// SPDX-License-Identifier: MIT
// Instances: the objects of which a component's running part consists, and the image that runs in them.
//
// All are made from one untyped, so that revoking it destroys the instance, however far its making had got: whoever makes one
// revokes first, and may be killed anywhere in between. Capabilities stand in consecutive slots of the maker's cspace.
#pragma once
#include "lib/rt/rt.h"

enum instance_part {
    INSTANCE_ASPACE,
    INSTANCE_THREAD,
    INSTANCE_CONTEXT,
    INSTANCE_STACK,
    INSTANCE_DATA,  // the image's writable segments
    INSTANCE_PARTS
};

struct instance {
    uint32_t untyped;      // slot; all is made from it
    uint32_t first;        // slot of INSTANCE_ASPACE; the other parts follow
    unsigned aspace_bits;  // sizes, as powers of two
    unsigned stack_bits, data_bits;
};

// Where an image lies: in frames, from page `first` on. Text is mapped from `text`, which no other address space may
// have mapped; data is copied from `source`.
struct image_place {
    const struct image_header *image;  // as we see it
    uint32_t text, source;             // slots of frames
    uint64_t first;
};

#define ASPACE_OWN_PAGES 2  // of an address space's memory, what is no page table

// The smallest power of two >= bytes, at least a page.
unsigned size_bits_of(uint64_t bytes);
// Page tables for a run of so many bytes, beside those of the levels above, which runs near to each other share.
uint64_t tables_for(uint64_t bytes);
unsigned image_data_bits(const struct image_header *image);

// What the untyped must have room for.
unsigned instance_untyped_bits(const struct instance *instance);
// Make the objects. The slots must be empty and the untyped without children.
err_t instance_make(const struct instance *instance);
// Map the image's segments; writable ones are copied afresh. The objects must have been made.
err_t instance_load(const struct instance *instance, const struct image_place *place);
// Map the stack, cleared, to end at `top`.
err_t instance_map_stack(const struct instance *instance, uint64_t top);

static inline uint32_t instance_slot(const struct instance *instance, enum instance_part part)
{
    return instance->first + (uint32_t)part;
}
