// SPDX-License-Identifier: MIT
// Making an instance's objects and loading its image. Every function may be interrupted for ever at any point: what
// was made goes with the untyped.
#include "lib/instance/instance.h"

#define TABLE_REACH (2ull << 20)

static uint64_t pages_of(uint64_t bytes) { return (bytes + PAGE_SIZE - 1) / PAGE_SIZE; }

unsigned size_bits_of(uint64_t bytes)
{
    unsigned bits = PAGE_BITS;
    while (1ull << bits < bytes) bits++;
    return bits;
}

uint64_t tables_for(uint64_t bytes) { return (bytes + TABLE_REACH - 1) / TABLE_REACH + (bytes >> 30); }

unsigned image_data_bits(const struct image_header *image)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < image->n_segments; i++)
        if (image->segments[i].rights & RIGHT_WRITE) pages += pages_of(image->segments[i].memory_bytes);
    return size_bits_of(pages * PAGE_SIZE);
}

unsigned instance_untyped_bits(const struct instance *instance)
{
    return size_bits_of((1ull << instance->aspace_bits) + (1ull << instance->stack_bits) +
                        (1ull << instance->data_bits) + SIZE_THREAD + SIZE_CONTEXT);
}

// Largest first: an untyped wastes nothing then.
err_t instance_make(const struct instance *instance)
{
    const struct {
        enum instance_part part;
        enum cap_type type;
        unsigned size_bits, order;
    } objects[INSTANCE_PARTS] = {
        {INSTANCE_ASPACE, CAP_ASPACE, instance->aspace_bits, instance->aspace_bits},
        {INSTANCE_STACK, CAP_FRAMES, instance->stack_bits, instance->stack_bits},
        {INSTANCE_DATA, CAP_FRAMES, instance->data_bits, instance->data_bits},
        {INSTANCE_THREAD, CAP_THREAD, 0, PAGE_BITS + 1},
        {INSTANCE_CONTEXT, CAP_CONTEXT, 0, 0},
    };
    err_t err = OK;
    for (unsigned order = 63; order < 64 && err == OK; order--)
        for (unsigned i = 0; i < INSTANCE_PARTS && err == OK; i++)
            if (objects[i].order == order)
                err = untyped_retype(instance->untyped, objects[i].type, objects[i].size_bits, 1, 0,
                                     instance_slot(instance, objects[i].part));
    return err;
}

// A writable segment: the file's pages copied, the rest zero. The last copied page's tail is zero in the image already.
static err_t load_data(const struct instance *instance, const struct image_place *place,
                       const struct image_segment *segment, uint64_t at)
{
    uint32_t data = instance_slot(instance, INSTANCE_DATA);
    uint64_t copied = pages_of(segment->file_bytes), pages = pages_of(segment->memory_bytes);
    err_t err = OK;
    if (copied > 0) err = frames_copy(data, at, place->source, place->first + segment->file_offset / PAGE_SIZE, copied);
    if (err == OK && pages > copied) err = frames_zero(data, at + copied, pages - copied);
    if (err != OK) return err;
    return frames_map(data, instance_slot(instance, INSTANCE_ASPACE), segment->address, at, pages,
                      RIGHT_READ | RIGHT_WRITE);
}

err_t instance_load(const struct instance *instance, const struct image_place *place)
{
    uint64_t data_at = 0;
    err_t err = OK;
    for (uint32_t i = 0; i < place->image->n_segments && err == OK; i++) {
        const struct image_segment *segment = &place->image->segments[i];
        uint64_t pages = pages_of(segment->memory_bytes);
        if (segment->memory_bytes == 0) continue;
        if (segment->rights & RIGHT_WRITE) {
            err = load_data(instance, place, segment, data_at);
            data_at += pages;
        } else {
            err = frames_map(place->text, instance_slot(instance, INSTANCE_ASPACE), segment->address,
                             place->first + segment->file_offset / PAGE_SIZE, pages, segment->rights);
        }
    }
    return err;
}

err_t instance_map_stack(const struct instance *instance, uint64_t top)
{
    uint32_t stack = instance_slot(instance, INSTANCE_STACK);
    uint64_t pages = 1ull << (instance->stack_bits - PAGE_BITS);
    err_t err = frames_zero(stack, 0, pages);
    if (err != OK) return err;
    return frames_map(stack, instance_slot(instance, INSTANCE_ASPACE), top - pages * PAGE_SIZE, 0, pages,
                      RIGHT_READ | RIGHT_WRITE);
}
