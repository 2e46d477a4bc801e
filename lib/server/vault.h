// SPDX-License-Identifier: MIT
// The vault: memory that outlives the instance, with an undo log that makes each step of the loop all or nothing.
//
// Layout: struct vault_header (record of the current step, answer, outbox, undo log: not logged themselves), then the
// logged range: the library's own durable state, the server's root structure and what vault_alloc() gave out.
// Before each store of a component's code the compiler puts a note of the old value, made when the address lies in the
// logged range (tools/notes; mk/tools.mk has the few files that it leaves alone).
// Addresses in the vault never change, so pointers may be stored there.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Durable memory for tables, cleared, 16-byte aligned, never given back. Only during server_attach()'s init; panics
// when the manifest's `vault` is too small.
void *vault_alloc(size_t bytes);
// Bytes that vault_alloc() can still give, for tables that take what there is.
size_t vault_available(void);

// Words that never change after init, in whole words: what is found in them later and is not theirs has strayed there, and each
// start puts it right. Only during init. The tables' own are among them.
void vault_keep(const void *address, size_t bytes);

// How many more words this step can note. A step that stores more panics, so work that grows with its input asks first.
uint32_t vault_log_room(void);

// Note the old contents of a range before changing it behind the compiler's back (assembler, kernel writes).
void vault_log(const void *address, size_t bytes);
// A function whose stores the compiler leaves alone: it notes them itself, as ranges, or stores to no vault.
#define VAULT_NOTES_ITSELF __attribute__((no_profile_instrument_function))

// For functions whose stores never reach the vault's logged part (an answer's words, statics, buffers of clients): not even
// the address is looked at. What they call is logged as ever.
#define STORES_OUTSIDE_VAULT VAULT_NOTES_ITSELF

// A function that returns memory which was free before the step, or which it has noted as a whole: what its caller stores
// there needs no note.
#define RETURNS_FRESH __attribute__((assume("vault_fresh"), noinline))

// Store without a note: only for words that never go back (published generations, sequence locks) and for fresh memory.
void vault_clear_unlogged(void *address, size_t bytes);
void vault_set_unlogged(uint32_t *word, uint32_t value);
void vault_copy_unlogged(void *to, const void *from, size_t bytes);

// A number that is different in each step.
uint64_t vault_step(void);
