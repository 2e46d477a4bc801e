// SPDX-License-Identifier: MIT
// Session buffers for servers without a mapped pool: all out of one frames capability made of SLOT_UNTYPED.
//
// Each buffer has the full IO_BUFFER_BYTES; a bit of `arena_used` says that it is lent. The memory of a buffer
// that was given back is lent again only in a later step, when the client's capability has been revoked.
#include "lib/server/io_state.h"
#include "lib/server/mapping.h"

err_t io_arena_make(uint32_t n_buffers)
{
    if (io_state->arena_slot || n_buffers == 0 || n_buffers > 64) return OK;
    unsigned bits = PAGE_BITS;
    while (1ull << bits < (uint64_t)n_buffers * IO_BUFFER_BYTES) bits++;
    uint32_t slot = slot_alloc();
    if (!slot) return ERR_LIMIT;
    err_t err = untyped_retype(SLOT_UNTYPED, CAP_FRAMES, bits, 1, SLOT_CSPACE, slot);
    if (err != OK) return err;
    io_state->arena = mapping_add(slot, 1ull << (bits - PAGE_BITS), RIGHT_READ | RIGHT_WRITE);
    if (!io_state->arena) return ERR_NO_MEMORY;
    io_state->arena_slot = slot;
    io_state->arena_buffers = n_buffers;
    return OK;
}

static void *arena_take(size_t bytes, uint32_t *frames, uint64_t *first_page)
{
    (void)bytes;
    for (uint32_t i = 0; i < io_state->arena_buffers; i++)
        if (!(io_state->arena_used >> i & 1)) {
            io_state->arena_used |= 1ull << i;
            *frames = io_state->arena_slot;
            *first_page = (uint64_t)i * (IO_BUFFER_BYTES / PAGE_SIZE);
            return io_state->arena + (size_t)i * IO_BUFFER_BYTES;
        }
    return NULL;
}

static void arena_give(void *address, size_t bytes)
{
    (void)bytes;
    io_state->arena_used &= ~(1ull << (size_t)((uint8_t *)address - io_state->arena) / IO_BUFFER_BYTES);
}

const struct io_buffers io_arena = {.take = arena_take, .give = arena_give};
