// SPDX-License-Identifier: MIT
// The vault: memory that outlives the instance, with an undo log that makes each step of the loop all or nothing.
//
// Layout: struct vault_header (record of the current step, answer, outbox, undo log: not logged themselves), then the
// logged range: the library's own durable state, the server's root structure and what vault_alloc() gave out.
// The compiler calls __asan_store*_noabort before each store of instrumented code (mk: every component's folder
// and the files of lib/server beside vault.c); vault.c notes the old value when the address lies in the logged range.
// Addresses in the vault never change, so pointers may be stored there.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Durable memory for tables, cleared, 16-byte aligned, never given back. Only during server_attach()'s init; panics
// when the manifest's `vault` is too small.
void *vault_alloc(size_t bytes);
// Bytes that vault_alloc() can still give, for tables that take what there is.
size_t vault_available(void);

// How many more words this step can note. A step that stores more panics, so work that grows with its input asks first.
uint32_t vault_log_room(void);

// Note the old contents of a range before changing it behind the compiler's back (assembler, kernel writes).
void vault_log(const void *address, size_t bytes);
// A function whose stores the compiler leaves alone: it notes them itself, as ranges, or stores to no vault.
#define VAULT_NOTES_ITSELF __attribute__((no_sanitize("kernel-address")))

// This range was allocated in this step and free before it: stores need no note until the step ends. One
// range is remembered, the newest.
void vault_fresh(const void *address, size_t bytes);

// For functions whose stores never reach the vault's logged part (an answer's words, statics, buffers of clients): no
// call before each. What they call is logged as ever.
#define STORES_OUTSIDE_VAULT __attribute__((no_sanitize("kernel-address")))

// Store without a note: only for words that never go back (published generations, sequence locks) and for fresh memory.
void vault_clear_unlogged(void *address, size_t bytes);

// A number that is different in each step.
uint64_t vault_step(void);
