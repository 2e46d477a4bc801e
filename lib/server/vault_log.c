// SPDX-License-Identifier: MIT
// The undo log's writing side: what the compiler's notes work with, ranges, and the memory functions.
//
// The compiler notes the words of a store in line (tools/notes); a range that is long, or that it does not see, comes
// here. Eight bytes are noted at a time; restored newest first, the oldest note of a byte wins. The note is complete before it
// counts. This file is not instrumented itself.
#include "lib/server/vault_layout.h"

uintptr_t vault_logged_from __attribute__((used)) = UINTPTR_MAX;
struct undo_entry **vault_log_end __attribute__((used));

__attribute__((used)) void vault_log(const void *address, size_t bytes)
{
    uintptr_t start = (uintptr_t)address;
    if (!RECOVERY || start < vault_logged_from) return;
    for (uintptr_t at = start; at < start + bytes; at += sizeof(uint64_t)) {
        struct undo_entry *entry = vault.header->log_end;
        if (entry == vault.log + vault.log_limit)
            panic("a step stores more than the undo log of %u words holds", vault.log_limit);
        entry->address = at;
        __builtin_memcpy(&entry->old, (const void *)at, sizeof entry->old);  // not aligned
        barrier();
        vault.header->log_end = entry + 1;
        barrier();
    }
}

__attribute__((noinline)) void vault_log_emptied(void) { barrier(); }

uint32_t vault_log_room(void) { return vault.log_limit - log_entries(); }

void vault_clear_unlogged(void *address, size_t bytes)
{
    if (CHECKED) vault_check_fresh(address, bytes);
    rt_memset(address, 0, bytes);
}

void vault_set_unlogged(uint32_t *word, uint32_t value)
{
    if (CHECKED) vault_check_fresh(word, sizeof *word);
    *word = value;
}

void vault_copy_unlogged(void *to, const void *from, size_t bytes) { rt_memcpy(to, from, bytes); }

// For what is long, and for those who are not compiled with notes. The compiler knows them by their names.
__attribute__((noinline)) void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    vault_log(to, n);
    return rt_memcpy(to, from, n);
}

__attribute__((noinline)) void *memmove(void *to, const void *from, size_t n)
{
    vault_log(to, n);
    return rt_memmove(to, from, n);
}

__attribute__((noinline)) void *memset(void *to, int byte, size_t n)
{
    vault_log(to, n);
    return rt_memset(to, byte, n);
}
