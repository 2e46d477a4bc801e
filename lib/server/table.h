// SPDX-License-Identifier: MIT
// Fixed-size records in the vault, and the table of sessions.
//
// A record is named inside the server by its address (which never changes) and outside by a handle: index and
// generation, 56 bits, never used again, so that handles can be description numbers. Freeing makes the handle stale.
// The structures live in the server's root state.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "lib/server/vault.h"

struct table {
    uint8_t *base;
    uint32_t stride, n_records;
    uint32_t free_head, n_used;  // free_head: index + 1 of the first free record
    uint32_t n_fresh, zero;      // records behind n_fresh were never used
};

// Memory for n records, from vault_alloc(): only during init.
void table_init(struct table *table, size_t record_bytes, uint32_t n_records);
// How many bytes of vault n records take.
size_t table_bytes(size_t record_bytes, uint32_t n_records);

// A cleared record, null when the table is full.
RETURNS_FRESH void *table_new(struct table *table);
// The record is free after this step; its handles are stale at once.
void table_free(struct table *table, void *record);
// The record of a handle, null when it is stale or no handle at all.
void *table_get(const struct table *table, uint64_t handle);
uint64_t table_handle(const struct table *table, const void *record);
// The record in use at this index (0..n_records-1), null when free: for walks.
void *table_at(const struct table *table, uint32_t index);
uint32_t table_index(const struct table *table, const void *record);
// Are the counts and the list of free records sound? A walk over all records that were ever used: for server.check.
_Bool table_check(const struct table *table);
// Null, or a record of this table that is in use: what a link may point to.
_Bool table_holds(const struct table *table, const void *record);

// Sessions: one record a process slot, found by the badge in constant time.
struct sessions {
    uint8_t *base;
    uint32_t stride, n_slots;
};

void sessions_init(struct sessions *sessions, size_t record_bytes, uint32_t n_slots);
// The session's record; null when this process has none (or its badge is of another generation than the record's).
void *session_find(const struct sessions *sessions, uint64_t badge);
// The same, made and cleared when there is none. When the slot holds the session of an earlier process, `gone` cleans
// it up first. Null when the slot is outside the table or the badge is older than the record.
void *session_open(struct sessions *sessions, uint64_t badge, void (*gone)(uint64_t badge));
// Forget it.
void session_close(struct sessions *sessions, uint64_t badge);
// The badge of a session's record.
uint64_t session_badge(const struct sessions *sessions, const void *record);
// The n-th slot's record if in use, else null: for walks.
void *session_at(const struct sessions *sessions, uint32_t slot);
