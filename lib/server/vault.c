// SPDX-License-Identifier: MIT
// The vault: its layout, its allocator, and the ends of a step (record, commit, rollback).
//
// The sizes of the step's areas follow from the vault's size alone, so every instance finds the same layout. Writing
// the log is vault_log.c's work, looking whether a found vault can be trusted vault_check.c's, taking over that of an
// earlier version attach.c's.
#include "lib/server/vault_layout.h"

struct vault vault;

#define KEEP_ALIGNED(n) (((n) + 15) & ~15ull)

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

// The next area of the vault, with a canary behind it.
static void *lay_out(uint8_t **at, uint64_t bytes, enum vault_area area)
{
    void *start = *at;
    *at += KEEP_ALIGNED(bytes);
    vault.canaries[area] = (uint64_t *)*at;
    *at += KEEP_ALIGNED(sizeof(uint64_t));
    return start;
}

_Bool vault_open(void *memory, uint64_t bytes)
{
    uint8_t *at = memory;
    vault.noted_limit = (uint32_t)clamp(bytes / 64 / sizeof *vault.noted, 64, 1024);
    vault.outbox_limit = (uint32_t)clamp(bytes / 32 / sizeof *vault.outbox, 32, 4096);
    vault.log_limit = (uint32_t)clamp(bytes / 12 / sizeof *vault.log, 256, 1 << 20);
    vault.header = lay_out(&at, sizeof *vault.header, AREA_HEADER);
    vault.noted = lay_out(&at, vault.noted_limit * sizeof *vault.noted, AREA_NOTED);
    vault.outbox = lay_out(&at, vault.outbox_limit * sizeof *vault.outbox, AREA_OUTBOX);
    uint64_t used =
        (uint64_t)(at - (uint8_t *)memory) + KEEP_ALIGNED(sizeof(uint64_t)) + vault.log_limit * sizeof *vault.log;
    if (used + sizeof *vault.state > bytes) panic("the vault of %lu bytes is too small", bytes);
    vault.state_limit = bytes - used;
    vault.state = lay_out(&at, vault.state_limit, AREA_STATE);
    vault.log = (struct undo_entry *)at;
    vault_log_end = &vault.header->log_end;
    return vault_stands();
}

void vault_clear(void)
{
    for (unsigned area = 0; area < VAULT_AREAS; area++) *vault.canaries[area] = 0;
    barrier();
    rt_memset(vault.header, 0, sizeof *vault.header);
    rt_memset(vault.state, 0, vault.state_limit);
    vault.header->bytes = (uint64_t)((uint8_t *)(vault.log + vault.log_limit) - (uint8_t *)vault.header);
    log_cut(0);
    vault.state->allocated = KEEP_ALIGNED(sizeof *vault.state);
    vault.allocating = 1;
}

void vault_format(uint32_t cspace_slots, uint64_t first_step)
{
    (void)cspace_delete(SLOT_CSPACE, SLOT_DYNAMIC, cspace_slots - SLOT_DYNAMIC);  // what an interrupted init left
    vault_clear();
    vault.header->step = first_step;
    vault.state->n_slots = cspace_slots;
    vault.state->slot_map = vault_alloc((cspace_slots + 63) / 64 * 8);
    vault.state->slots_reached = vault_alloc((cspace_slots + 63) / 64 * 8);
    for (uint32_t slot = 0; slot < SLOT_DYNAMIC && slot < cspace_slots; slot++)
        vault.state->slot_map[slot / 64] |= 1ull << slot % 64;
}

// --- words that never change

void vault_keep(const void *address, size_t bytes)
{
    struct vault_state *state = vault.state;
    if (!vault.allocating) panic("vault_keep outside init and migration");
    for (size_t i = 0; i < bytes / sizeof(uint64_t); i++) {
        if (state->n_kept == KEPT_WORDS) panic("more than %u words are to be kept", KEPT_WORDS);
        state->kept[state->n_kept++].at = (const uint64_t *)address + i;
    }
}

// What this comes to tells whether the list itself can be believed.
static uint64_t seal_of_kept(const struct vault_state *state)
{
    uint64_t hash = state->n_kept;
    for (uint64_t i = 0; i < state->n_kept && i < KEPT_WORDS; i++)
        hash = (hash ^ (uintptr_t)state->kept[i].at ^ state->kept[i].value << 1) * 0x100000001b3;
    return hash;
}

static void seal_kept(struct vault_state *state)
{
    vault_keep(&state->root, sizeof state->root);
    vault_keep(&state->slot_map, 2 * sizeof state->slot_map);  // and slots_reached
    for (uint64_t i = 0; i < state->n_kept; i++) state->kept[i].value = *state->kept[i].at;
    state->kept_seal = seal_of_kept(state);
}

void vault_put_right(void)
{
    const struct vault_state *state = vault.state;
    if (state->n_kept > KEPT_WORDS || state->kept_seal != seal_of_kept(state)) return;
    unsigned n = 0;
    for (uint64_t i = 0; i < state->n_kept; i++) {
        n += *state->kept[i].at != state->kept[i].value;
        *(uint64_t *)(uintptr_t)state->kept[i].at = state->kept[i].value;
    }
    if (n > 0) log_line("%u words that never change had changed", n);
}

void vault_finish(uint32_t version)
{
    seal_kept(vault.state);
    vault.allocating = 0;
    vault.state->version = version;
    barrier();
    for (unsigned area = 0; area < VAULT_AREAS; area++) *vault.canaries[area] = VAULT_CANARY + area;
    barrier();
    vault.header->magic = VAULT_MAGIC;
}

void vault_start_logging(void) { vault_logged_from = (uintptr_t)vault.state; }

void vault_stop_logging(void) { vault_logged_from = UINTPTR_MAX; }

void *vault_alloc(size_t bytes)
{
    struct vault_state *state = vault.state;
    if (!vault.allocating) panic("vault_alloc outside init and migration");
    if (bytes > vault.state_limit || state->allocated + KEEP_ALIGNED(bytes) > vault.state_limit)
        panic("the vault is too small: %lu bytes of %lu used, %lu wanted", state->allocated, vault.state_limit,
              (unsigned long)bytes);
    void *memory = (uint8_t *)state + state->allocated;
    vault_log(&state->allocated, sizeof state->allocated);
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

// State or log: a store that had lost its way into the log was noted too, and undoing it comes before undoing what it has
// overwritten.
static _Bool is_logged(uint64_t address, uint64_t bytes)
{
    uint64_t offset = address - (uint64_t)vault.state,
             end = (uint64_t)(vault.log + vault.log_limit) - (uint64_t)vault.state;
    return offset < end && end - offset >= bytes;
}

static void undo_down_to(uint32_t n)
{
    struct vault_header *header = vault.header;
    unsigned n_astray = 0;
    while (header->log_end > vault.log + n) {
        const struct undo_entry *entry = header->log_end - 1;
        if (is_logged(entry->address, sizeof entry->old))
            vault_copy_unlogged((void *)entry->address, &entry->old, sizeof entry->old);
        else
            n_astray++;
        barrier();
        header->log_end--;
    }
    if (n_astray > 0) log_line("%u notes name no word of the vault and undo nothing", n_astray);
}

void step_rollback(void)
{
    struct vault_header *header = vault.header;
    undo_down_to(header->n_migrated);
    for (uint32_t i = 0; i < header->n_noted; i++) {
        const struct noted_slots *noted = &vault.noted[i];
        for (uint32_t slot = noted->first; slot < noted->first + noted->n; slot++)
            (void)cspace_revoke(SLOT_CSPACE, slot);  // an empty slot has nothing to revoke
        (void)cspace_delete(SLOT_CSPACE, noted->first, noted->n);
    }
    drop_received(header);
    step_restart();
}

void vault_unwind(void)
{
    undo_down_to(0);
    barrier();
    vault.header->n_migrated = 0;
    step_rollback();
}

_Bool vault_migrate(uint32_t version, server_migration migrate)
{
    struct vault_header *header = vault.header;
    struct vault_state *state = vault.state;
    log_cut(0);
    vault_start_logging();
    vault_log(&state->version, sizeof state->version);
    header->n_migrated = log_entries();  // from here on a death undoes it
    barrier();
    vault_log(&state->root, sizeof state->root);
    vault_log(&state->n_kept, sizeof state->n_kept);
    vault_log(&state->kept_seal, sizeof state->kept_seal);
    state->n_kept = 0;  // what never changes may be elsewhere now
    state->kept_seal = 1;
    vault.allocating = 1;
    state->root = migrate(state->root, (uint32_t)state->version);
    vault.allocating = 0;
    if (!state->root) {
        vault_unwind();
        return 0;
    }
    state->version = version;
    barrier();
    header->n_migrated = log_entries();
    barrier();
    return 1;
}
