// SPDX-License-Identifier: MIT
// The undo log's writing side: the calls that the compiler puts before each store, and the memory functions.
//
// This is the hottest code of every server: a store outside the logged range costs a subtraction and a compare. Words
// are noted whole and aligned; restored newest first, the oldest note of a word wins. The note is complete
// before it counts. This file is not instrumented itself.
#include "lib/server/vault_layout.h"

static inline _Bool is_logged(uintptr_t address) { return address - vault.logged_start < vault.logged_bytes; }

static inline void note_word(uintptr_t word)
{
    struct vault_header *header = vault.header;
    uint32_t n = header->n_undone;
    struct undo_entry *entry = &vault.log[n];
    if (entry[-1].address == word) return;
    if (n == vault.log_limit) panic("a step stores more than the undo log of %u words holds", n);
    entry->address = word;
    entry->old = *(const uint64_t *)word;
    barrier();
    header->n_undone = n + 1;
    barrier();
}

// No code of a server has a reason to store into the log: this one has lost its way.
static void wild_store(uintptr_t address) { panic("a wild store into the undo log at %lx", address); }

static inline _Bool is_fresh(uintptr_t address) { return address - vault.fresh_start < vault.fresh_bytes; }

__attribute__((noinline)) static void note(uintptr_t address, size_t bytes)
{
    if (address < (uintptr_t)vault.state) wild_store(address);
    if (is_fresh(address)) return;
    for (uintptr_t word = address & ~7ul; word < address + bytes; word += 8) note_word(word);
}

// What nearly every store is: within one word, and the log has room. Without calls, so that it needs no frame. False:
// note() has to look at it.
static inline _Bool note_quickly(uintptr_t address, size_t bytes)
{
    if (is_fresh(address)) return 1;
    if (address < (uintptr_t)vault.state || address % 8 + bytes > 8) return 0;
    struct vault_header *header = vault.header;
    uint32_t n = header->n_undone;
    uintptr_t word = bytes == 8 ? address : address & ~7ul;
    struct undo_entry *entry = &vault.log[n];
    if (entry[-1].address == word) return 1;
    if (n == vault.log_limit) return 0;
    entry->address = word;
    entry->old = *(const uint64_t *)word;
    barrier();
    header->n_undone = n + 1;
    barrier();
    return 1;
}

void vault_log(const void *address, size_t bytes)
{
    if (RECOVERY && is_logged((uintptr_t)address)) note((uintptr_t)address, bytes);
}

uint32_t vault_log_room(void) { return vault.log_limit - vault.header->n_undone; }

void vault_fresh(const void *address, size_t bytes)
{
    vault.fresh_start = (uintptr_t)address;
    vault.fresh_bytes = bytes;
}

void vault_clear_unlogged(void *address, size_t bytes) { rt_memset(address, 0, bytes); }

// The compiler's calls; their names are its own.
#define STORE_CALL(n) \
    void __asan_store##n##_noabort(uintptr_t address); \
    void __asan_store##n##_noabort(uintptr_t address) \
    { \
        if (is_logged(address) && !note_quickly(address, n)) note(address, n); \
    }
STORE_CALL(1)
STORE_CALL(2)
STORE_CALL(4)
STORE_CALL(8)
STORE_CALL(16)

void __asan_storeN_noabort(uintptr_t address, size_t bytes);
void __asan_storeN_noabort(uintptr_t address, size_t bytes)
{
    if (is_logged(address)) note(address, bytes);
}

// Called before a function that does not return; nothing to do without a shadow of the stack.
void __asan_handle_no_return(void);
void __asan_handle_no_return(void) {}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    vault_log(to, n);
    return rt_memcpy(to, from, n);
}

void *memmove(void *to, const void *from, size_t n)
{
    vault_log(to, n);
    return rt_memmove(to, from, n);
}

void *memset(void *to, int byte, size_t n)
{
    vault_log(to, n);
    return rt_memset(to, byte, n);
}
