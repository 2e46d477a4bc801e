// SPDX-License-Identifier: MIT
// The vault: its layout, its allocator, and the ends of a step (record, commit, rollback).
//
// The sizes of the step's areas follow from the vault's size alone, so every instance finds the same layout. Writing
// the log is vault_log.c's work.
#include "lib/server/vault_layout.h"

struct vault vault;

#define KEEP_ALIGNED(n) (((n) + 15) & ~15ull)

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

_Bool vault_open(void *memory, uint64_t bytes, uint32_t version)
{
    uint8_t *at = memory;
    vault.header = memory;
    at += KEEP_ALIGNED(sizeof *vault.header);
    vault.noted_limit = (uint32_t)clamp(bytes / 64 / sizeof *vault.noted, 64, 1024);
    vault.noted = (struct noted_slots *)at;
    at += KEEP_ALIGNED(vault.noted_limit * sizeof *vault.noted);
    vault.outbox_limit = (uint32_t)clamp(bytes / 32 / sizeof *vault.outbox, 32, 4096);
    vault.outbox = (struct effect *)at;
    at += KEEP_ALIGNED(vault.outbox_limit * sizeof *vault.outbox);
    vault.log_limit = (uint32_t)clamp(bytes / 12 / sizeof *vault.log, 256, 1 << 20);
    vault.log = (struct undo_entry *)at;
    at += KEEP_ALIGNED(vault.log_limit * sizeof *vault.log);
    uint64_t used = (uint64_t)(at - (uint8_t *)memory);
    if (used + sizeof *vault.state > bytes) panic("the vault of %lu bytes is too small", bytes);
    vault.state = (struct vault_state *)at;
    vault.state_limit = bytes - used;
    if (vault.header->magic != VAULT_MAGIC) return 0;
    if (vault.header->version != version)
        panic("the vault is of version %u, this program of version %u", vault.header->version, version);
    return 1;
}

void vault_clear(void)
{
    rt_memset(vault.header, 0, sizeof *vault.header);
    rt_memset(vault.state, 0, vault.state_limit);
    vault.state->allocated = KEEP_ALIGNED(sizeof *vault.state);
    vault.allocating = 1;
}

void vault_format(uint32_t cspace_slots, uint32_t starts)
{
    (void)cspace_delete(SLOT_CSPACE, SLOT_DYNAMIC, cspace_slots - SLOT_DYNAMIC);  // what an interrupted init left
    vault_clear();
    vault.header->step = starts * STEPS_A_START;
    vault.state->n_slots = cspace_slots;
    vault.state->slot_map = vault_alloc((cspace_slots + 63) / 64 * 8);
    for (uint32_t slot = 0; slot < SLOT_DYNAMIC && slot < cspace_slots; slot++)
        vault.state->slot_map[slot / 64] |= 1ull << slot % 64;
}

void vault_finish(uint32_t version)
{
    vault.allocating = 0;
    vault.header->version = version;
    barrier();
    vault.header->magic = VAULT_MAGIC;
}

void vault_start_logging(void)
{
    vault.logged_start = (uintptr_t)vault.state;
    vault.logged_bytes = vault.state_limit;
}

void *vault_alloc(size_t bytes)
{
    struct vault_state *state = vault.state;
    if (!vault.allocating) panic("vault_alloc outside init");
    if (bytes > vault.state_limit || state->allocated + KEEP_ALIGNED(bytes) > vault.state_limit)
        panic("the vault is too small: %lu bytes of %lu used, %lu wanted", state->allocated, vault.state_limit,
              (unsigned long)bytes);
    void *memory = (uint8_t *)state + state->allocated;
    state->allocated += KEEP_ALIGNED(bytes);
    return memory;
}

size_t vault_available(void) { return vault.state_limit - vault.state->allocated; }

uint64_t vault_step(void) { return vault.header->step; }

// A capability that came and whose answer was not kept.
static void drop_received(struct vault_header *header)
{
    uint32_t slot = header->receiving, n = header->n_journal;
    if (slot == 0) return;
    if (n == 0 || header->journal[n - 1].slot != slot) (void)cspace_delete(SLOT_CSPACE, slot, 1);
    header->receiving = 0;
}

void step_rollback(void)
{
    struct vault_header *header = vault.header;
    while (header->n_undone > 0) {
        const struct undo_entry *entry = &vault.log[header->n_undone - 1];
        *(uint64_t *)entry->address = entry->old;
        barrier();
        header->n_undone--;
    }
    for (uint32_t i = 0; i < header->n_noted; i++) {
        const struct noted_slots *noted = &vault.noted[i];
        for (uint32_t slot = noted->first; slot < noted->first + noted->n; slot++)
            (void)cspace_revoke(SLOT_CSPACE, slot);  // an empty slot has nothing to revoke
        (void)cspace_delete(SLOT_CSPACE, noted->first, noted->n);
    }
    drop_received(header);
    step_restart();
}
