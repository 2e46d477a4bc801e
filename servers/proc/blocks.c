// SPDX-License-Identifier: MIT
// Blocks: the component's untyped memory, carved once into equal pieces.
//
// A block holds the kernel objects of one process, or page tables of one space. Revoking it destroys whatever was made
// of it, and it can be used anew. Chains and the free list are linked by block number, 0 at the end.
#include "servers/proc/proc.h"

#define KEEP_BYTES (1u << 20)  // for the reply objects and buffers that lib/server makes of SLOT_UNTYPED
#define SLOTS_FOR_REST 4       // of five slots behind SLOT_DYNAMIC, so many are not for blocks

void blocks_init(void)
{
    uint32_t limit = (uint32_t)(rt_info()->untyped_bytes >> BLOCK_BITS);
    uint32_t slots = slots_free() / (SLOTS_FOR_REST + 1);
    if (limit > slots) limit = slots;
    state->blocks = vault_alloc((limit + 1) * sizeof *state->blocks);
    vault_keep(&state->blocks, sizeof state->blocks + sizeof state->n_blocks);
    while (state->n_blocks < limit) {
        uint64_t size_bits, free_bytes;
        if (untyped_info(SLOT_UNTYPED, &size_bits, &free_bytes) != OK || free_bytes < KEEP_BYTES + (1u << BLOCK_BITS))
            break;
        uint32_t slot = slot_alloc();
        if (!slot || untyped_retype(SLOT_UNTYPED, CAP_UNTYPED, BLOCK_BITS, 1, 0, slot) != OK) break;
        uint32_t block = ++state->n_blocks;
        state->blocks[block].slot = slot;
        state->blocks[block].next = state->free_block;
        state->free_block = block;
        state->n_free_blocks++;
    }
    if (state->n_blocks < 8) panic("only %u blocks of untyped memory", state->n_blocks);
}

uint32_t block_take(uint32_t *chain)
{
    uint32_t block = state->free_block;
    if (!block) return 0;
    state->free_block = state->blocks[block].next;
    state->n_free_blocks--;
    state->blocks[block].next = *chain;
    *chain = block;
    return state->blocks[block].slot;
}

void blocks_release(uint32_t *chain)
{
    while (*chain) {
        uint32_t block = *chain;
        *chain = state->blocks[block].next;
        uint64_t slot = state->blocks[block].slot;
        server_invoke(SLOT_CSPACE, CSPACE_REVOKE, 1, &slot);
        state->blocks[block].next = state->free_block;
        state->free_block = block;
        state->n_free_blocks++;
    }
}
