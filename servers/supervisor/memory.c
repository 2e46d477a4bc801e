// SPDX-License-Identifier: MIT
// Memory: the kernel's untypeds are turned into the components' blocks, once, at boot. Nothing is ever given back.
//
// An untyped gives its memory out from the bottom up, objects aligned to their size: taking the largest blocks first
// wastes nothing. The smallest untyped that has room is used, so that large ones stay whole.
#include "servers/supervisor/supervisor.h"

static uint32_t untypeds[BOOT_INFO_UNTYPED];  // slots, smallest first
static unsigned n_untypeds;
static uint64_t free_at_boot;

void memory_attach(const struct boot_info *boot)
{
    n_untypeds = (unsigned)boot->n_untyped;
    for (unsigned i = 0; i < n_untypeds; i++) {
        unsigned at = i;
        while (at > 0 && boot->untyped[untypeds[at - 1] - BOOT_SLOT_UNTYPED].size_bits > boot->untyped[i].size_bits) {
            untypeds[at] = untypeds[at - 1];
            at--;
        }
        untypeds[at] = BOOT_SLOT_UNTYPED + i;
        free_at_boot += 1ull << boot->untyped[i].size_bits;
    }
}

// What the guardian has made of the boot memory before us.
uint64_t memory_taken_bytes(void)
{
    uint64_t taken = 0, size_bits = 0, free = 0;
    for (unsigned i = 0; i < n_untypeds; i++)
        if (untyped_info(untypeds[i], &size_bits, &free) == OK) taken += (1ull << size_bits) - free;
    return taken;
}

uint64_t memory_free_bytes(void) { return free_at_boot; }

static uint64_t bytes_of(enum cap_type type, unsigned size_bits)
{
    switch (type) {
    case CAP_THREAD: return SIZE_THREAD;
    case CAP_CONTEXT: return SIZE_CONTEXT;
    default: return size_bits ? 1ull << size_bits : SIZE_ENDPOINT;
    }
}

err_t memory_take(enum cap_type type, unsigned size_bits, uint32_t cspace, uint32_t index)
{
    err_t err = ERR_NO_MEMORY;
    for (unsigned i = 0; i < n_untypeds && err == ERR_NO_MEMORY; i++)
        err = untyped_retype(untypeds[i], type, size_bits, 1, cspace, index);
    if (err == OK) the_system->bytes_used += bytes_of(type, size_bits);
    return err;
}

// Take the component's blocks of this size. A share that does not fit waits for the next smaller size.
static void take_blocks_of(struct component *c, unsigned size_bits)
{
    for (enum part part = 0; part < N_BLOCKS; part++) {
        struct block *block = &c->blocks[part];
        if (block->size_bits != size_bits) continue;
        err_t err = memory_take(block->type, size_bits, 0, part_slot(c, part));
        if (err == ERR_NO_MEMORY && block->flexible) {
            block->size_bits--;
            continue;
        }
        if (err != OK) panic("%s wants 2^%u bytes: %s", c->spec->name, size_bits, err_name(err));
        if (part == PART_POOL || (part == PART_UNTYPED && block->flexible)) {
            the_system->bytes_used -= 1ull << size_bits;
            the_system->bytes_in_pools += 1ull << size_bits;
        }
    }
}

void memory_take_blocks(void)
{
    for (unsigned size_bits = size_bits_of(free_at_boot); size_bits >= PAGE_BITS; size_bits--)
        for (unsigned i = 0; i < the_system->n_components; i++) take_blocks_of(&the_system->components[i], size_bits);
}

uint32_t slot_take(void)
{
    if (the_system->next_slot == BOOT_SLOTS) panic("no slots left");
    return the_system->next_slot++;
}

void map_own(uint32_t frames, uint64_t address, uint64_t first, uint64_t n_pages, unsigned rights)
{
    err_t err = frames_map(frames, SLOT_OWN_ASPACE, address, first, n_pages, rights);
    if (err != OK) panic("cannot map at %lx: %s", address, err_name(err));
}
