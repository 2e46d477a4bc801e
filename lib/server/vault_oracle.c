// SPDX-License-Identifier: MIT
// Whether the compiler's notes are complete: part of components that are built with RECOVERY=checked only.
//
// There, every store of every function that belongs to a component, told by the compiler to be logged or not, comes here
// first (tools/notes: check-stores). While a step runs, each byte of the logged state that is to change must be in the
// undo log already, or in memory that was free before the step. The bytes of both are gathered in a hash table; a step with
// more than it holds is not looked at any further.
#include "lib/server/vault_layout.h"

#define WORD_BITS 15

static struct known_word {
    uintptr_t address;
    uint32_t epoch;  // others' are empty
    uint8_t bytes;   // bit i: address + i may be changed
} known_words[1 << WORD_BITS];
static uint32_t epoch = 1, n_known;
static uint64_t epoch_step;                   // the step that they belong to
static const struct undo_entry *gathered_to;  // the log's entries before it are in the table

static struct known_word *word_of(uintptr_t address)
{
    uint64_t hash = (address >> 3) * 0x9e3779b97f4a7c15ull >> (64 - WORD_BITS);
    while (known_words[hash].epoch == epoch && known_words[hash].address != address)
        hash = (hash + 1) % (1u << WORD_BITS);
    return &known_words[hash];
}

static void learn(uintptr_t start, uintptr_t end)
{
    for (uintptr_t at = start; at < end && n_known < (3u << WORD_BITS) / 4; at++) {
        struct known_word *word = word_of(at & ~7ul);
        if (word->epoch != epoch) {
            *word = (struct known_word){at & ~7ul, epoch, 0};
            n_known++;
        }
        word->bytes |= (uint8_t)(1u << at % 8);
    }
}

void vault_check_cut(void) { epoch_step = UINT64_MAX; }

// Take in what has been noted since; all anew in another step, and after a rollback.
static void gather(void)
{
    if (epoch_step != vault.header->step) {
        epoch++;
        epoch_step = vault.header->step;
        n_known = 0;
        gathered_to = vault.log;
    }
    for (; gathered_to < vault.header->log_end; gathered_to++)
        learn(gathered_to->address, gathered_to->address + sizeof gathered_to->old);
}

void vault_check_fresh(const void *address, size_t bytes)
{
    gather();
    learn((uintptr_t)address, (uintptr_t)address + bytes);
}

void vault_check_store(uintptr_t address, size_t bytes)
{
    if (address < vault_logged_from || address >= (uintptr_t)vault.log || vault.header->phase != STEP_RUNNING) return;
    gather();
    if (n_known >= (3u << WORD_BITS) / 4) return;
    for (uintptr_t at = address; at < address + bytes; at++) {
        const struct known_word *word = word_of(at & ~7ul);
        if (word->epoch != epoch || !(word->bytes >> at % 8 & 1))
            panic("a store to %lx without a note, before %p", address, __builtin_return_address(0));
    }
}
