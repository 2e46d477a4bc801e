// SPDX-License-Identifier: MIT
// Capability slots: a bitmap in the vault, searched from a hint.
//
// A slot is noted before it is taken, so that a rollback empties it. A freed slot keeps its bit until the effect that
// empties it has been performed.
#include "lib/server/slots.h"
#include "lib/server/vault_layout.h"

void slot_note(uint32_t first, uint32_t n)
{
    if (!RECOVERY) return;
    struct vault_header *header = vault.header;
    struct noted_slots *last = header->n_noted > 0 ? &vault.noted[header->n_noted - 1] : NULL;
    if (last && last->first + last->n == first) {
        last->n += n;
        barrier();
        return;
    }
    if (header->n_noted == vault.noted_limit) panic("a step fills more than %u runs of slots", vault.noted_limit);
    vault.noted[header->n_noted] = (struct noted_slots){first, n};
    barrier();
    header->n_noted++;
    barrier();
}

uint32_t slot_find(void)
{
    const struct vault_state *state = vault.state;
    uint32_t n_words = (state->n_slots + 63) / 64;
    for (uint32_t i = 0; i < n_words; i++) {
        uint32_t word = state->slot_hint + i;
        if (word >= n_words) word -= n_words;
        uint64_t free = ~state->slot_map[word];
        if (free == 0) continue;
        uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(free);
        if (slot < state->n_slots) return slot;
    }
    return 0;
}

void slot_claim(uint32_t slot)
{
    struct vault_state *state = vault.state;
    state->slot_map[slot / 64] |= 1ull << slot % 64;
    if (state->slot_hint != slot / 64) state->slot_hint = slot / 64;
}

uint32_t slot_alloc(void)
{
    uint32_t slot = slot_find();
    if (slot == 0) return 0;
    slot_note(slot, 1);
    slot_claim(slot);
    return slot;
}

static _Bool is_free(const struct vault_state *state, uint32_t slot)
{
    return (state->slot_map[slot / 64] >> slot % 64 & 1) == 0;
}

// A run within one word of the map, from the hint on: the quick way.
static uint32_t find_run_in_word(struct vault_state *state, uint32_t n)
{
    uint32_t n_words = state->n_slots / 64;
    for (uint32_t word = state->slot_hint; word < n_words; word++) {
        uint64_t starts = ~state->slot_map[word];
        for (uint32_t i = 1; i < n && starts; i++) starts &= starts >> 1;
        if (n > 1) starts &= ~0ull >> (n - 1);  // what was shifted in is no free slot
        if (!starts) continue;
        state->slot_hint = word;
        return word * 64 + (uint32_t)__builtin_ctzll(starts);
    }
    return 0;
}

static uint32_t find_run(const struct vault_state *state, uint32_t n)
{
    uint32_t run = 0;
    for (uint32_t slot = SLOT_DYNAMIC; slot < state->n_slots; slot++) {
        run = is_free(state, slot) ? run + 1 : 0;
        if (run == n) return slot + 1 - n;
    }
    return 0;
}

uint32_t slot_alloc_run(uint32_t n)
{
    struct vault_state *state = vault.state;
    uint32_t first = find_run_in_word(state, n);
    if (!first) first = find_run(state, n);
    if (!first) return 0;
    slot_note(first, n);
    for (uint32_t i = first; i < first + n; i++) state->slot_map[i / 64] |= 1ull << i % 64;
    return first;
}

void slot_free(uint32_t slot) { slot_free_run(slot, 1); }

void slot_free_run(uint32_t first, uint32_t n)
{
    if (first != 0) outbox_add(EFFECT_FREE, first)->words[0] = n;
}

void slot_revoke_and_free(uint32_t slot)
{
    if (slot == 0) return;
    outbox_add(EFFECT_REVOKE, slot);
    slot_free(slot);
}

void slot_release(uint32_t slot) { vault.state->slot_map[slot / 64] &= ~(1ull << slot % 64); }

uint32_t slots_free(void)
{
    const struct vault_state *state = vault.state;
    uint32_t n = 0;
    for (uint32_t word = 0; word < state->n_slots / 64; word++)  // those below SLOT_DYNAMIC count as taken
        n += (uint32_t)__builtin_popcountll(~state->slot_map[word]);
    return n;
}
