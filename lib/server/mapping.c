// SPDX-License-Identifier: MIT
// Mapped frames: a list in the vault, each entry with an address window of its own.
//
// Mapping again what is mapped already is harmless, so the list is all that must be kept right.
#include "lib/server/mapping.h"
#include "lib/server/vault_layout.h"

static uint64_t address_of(const struct mapping *mapping)
{
    return COMPONENT_DYNAMIC_ADDRESS + (uint64_t)(mapping - vault.state->mappings) * MAPPING_BYTES;
}

static err_t map(const struct mapping *mapping)
{
    return frames_map(mapping->frames, SLOT_ASPACE, address_of(mapping), 0, mapping->n_pages, mapping->rights);
}

void *mapping_add(uint32_t frames, uint64_t n_pages, unsigned rights)
{
    if (n_pages > MAPPING_BYTES / PAGE_SIZE) return NULL;
    for (unsigned i = 0; i < MAPPINGS; i++) {
        struct mapping *mapping = &vault.state->mappings[i];
        if (mapping->frames != 0) continue;
        *mapping = (struct mapping){.frames = frames, .rights = rights, .n_pages = n_pages};
        if (map(mapping) == OK) return (void *)address_of(mapping);
        mapping->frames = 0;
        return NULL;
    }
    return NULL;
}

void mapping_remove(void *address)
{
    uint64_t i = ((uint64_t)address - COMPONENT_DYNAMIC_ADDRESS) / MAPPING_BYTES;
    if (i >= MAPPINGS) return;
    struct mapping *mapping = &vault.state->mappings[i];
    struct effect *effect = outbox_add(EFFECT_UNMAP, 0);
    effect->words[0] = (uint64_t)address;
    effect->words[1] = mapping->n_pages;
    mapping->frames = 0;
}

void mapping_restore(void)
{
    for (unsigned i = 0; i < MAPPINGS; i++) {
        const struct mapping *mapping = &vault.state->mappings[i];
        if (mapping->frames != 0 && map(mapping) != OK)
            log_line("frames in slot %u cannot be mapped again", mapping->frames);
    }
}
