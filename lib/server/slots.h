// SPDX-License-Identifier: MIT
// The component's own capability slots: SLOT_DYNAMIC up to info->cspace_slots, a bitmap in the vault.
//
// A slot allocated in a step that does not commit is emptied by the rollback, whatever it holds. Freeing empties the
// slot after the commit; only then can it be allocated again.
#pragma once
#include <stdint.h>

// An empty slot, 0 when all are in use.
uint32_t slot_alloc(void);

#define SLOTS_IN_A_ROW 64  // at most
// The first of n empty slots in a row, 0 when there are none.
uint32_t slot_alloc_run(uint32_t n);

// Empty the slot after the commit and give it back. 0 is ignored.
void slot_free(uint32_t slot);

// The same for n slots in a row, in one operation.
void slot_free_run(uint32_t first, uint32_t n);

// Revoke what was derived from the slot after the commit, then empty it and give it back.
void slot_revoke_and_free(uint32_t slot);

// How many slots are free.
uint32_t slots_free(void);

// Give an empty slot back at once: in an audit, which has no commit.
void slot_release(uint32_t slot);
