// SPDX-License-Identifier: MIT
// Records in the vault: a head with the generation, then the payload. Free records form a list; those behind n_fresh
// were never used and are still clear.
//
// The contents of a free record mean nothing, so a new one is cleared, and first filled, without notes for the undo
// log; except when it was freed in this very step, since a rollback brings it back to life.
#include "lib/server/table.h"
#include "lib/server/audit.h"
#include "lib/server/vault.h"
#include "lib/rt/rt.h"

#define IN_USE 0x80000000u
#define INDEX_BITS 24

struct head {
    uint32_t generation;
    uint32_t next;        // IN_USE, or the index + 1 of the next free record
    uint32_t freed_step;  // not logged: after a rollback it says only that its record may have been freed in this step
    uint32_t reached;     // by the audit of the instance that was the so many-th (audit.h)
};

static struct head *head_at(const struct table *table, uint32_t index)
{
    return (struct head *)(table->base + (size_t)index * table->stride);
}

static struct head *head_of(const void *record) { return (struct head *)(uintptr_t)record - 1; }

static uint32_t stride_of(size_t record_bytes)
{
    return (uint32_t)(sizeof(struct head) + (record_bytes + 15) / 16 * 16);
}

size_t table_bytes(size_t record_bytes, uint32_t n_records) { return (size_t)stride_of(record_bytes) * n_records; }

void table_init(struct table *table, size_t record_bytes, uint32_t n_records)
{
    if (n_records >= 1u << INDEX_BITS) panic("a table of %u records", n_records);
    *table = (struct table){
        .base = vault_alloc(table_bytes(record_bytes, n_records)),
        .stride = stride_of(record_bytes),
        .n_records = n_records,
    };
    vault_keep(table, offsetof(struct table, free_head));
}

void *table_new(struct table *table)
{
    struct head *head;
    if (table->free_head != 0) {
        head = head_at(table, table->free_head - 1);
        table->free_head = head->next;
        table->n_used++;  // beside it: one note for both
    } else if (table->n_fresh < table->n_records) {
        head = head_at(table, table->n_fresh++);
        table->n_used++;
    } else {
        return NULL;
    }
    head->next = IN_USE;
    size_t bytes = table->stride - sizeof *head;
    if (head->freed_step == (uint32_t)vault_step() && head->generation != 0) vault_log(head + 1, bytes);
    vault_clear_unlogged(head + 1, bytes);
    return head + 1;
}

void table_free(struct table *table, void *record)
{
    struct head *head = head_of(record);
    head->generation++;
    vault_set_unlogged(&head->freed_step, (uint32_t)vault_step());
    head->next = table->free_head;
    table->free_head = table_index(table, record) + 1;
    table->n_used--;
}

uint32_t table_index(const struct table *table, const void *record)
{
    return (uint32_t)((size_t)((const uint8_t *)head_of(record) - table->base) / table->stride);
}

uint64_t table_handle(const struct table *table, const void *record)
{
    return (uint64_t)head_of(record)->generation << INDEX_BITS | table_index(table, record);
}

void *table_at(const struct table *table, uint32_t index)
{
    if (index >= table->n_fresh) return NULL;
    struct head *head = head_at(table, index);
    return head->next == IN_USE ? head + 1 : NULL;
}

void *table_get(const struct table *table, uint64_t handle)
{
    void *record = table_at(table, (uint32_t)(handle & ((1u << INDEX_BITS) - 1)));
    return record && head_of(record)->generation == handle >> INDEX_BITS ? record : NULL;
}

_Bool table_check(const struct table *table)
{
    uint32_t n_used = 0, n_free = 0;
    if (table->n_fresh > table->n_records || table->n_used > table->n_fresh) return 0;
    for (uint32_t i = 0; i < table->n_fresh; i++) n_used += head_at(table, i)->next == IN_USE;
    for (uint32_t next = table->free_head; next != 0; next = head_at(table, next - 1)->next)
        if (next > table->n_fresh || ++n_free > table->n_fresh) return 0;
    return n_used == table->n_used && n_used + n_free == table->n_fresh;
}

_Bool table_holds(const struct table *table, const void *record)
{
    if (!record) return 1;
    size_t offset = (uintptr_t)record - sizeof(struct head) - (uintptr_t)table->base;  // any number may come
    return offset % table->stride == 0 && offset / table->stride < table->n_fresh && head_of(record)->next == IN_USE;
}

// --- audits (audit.h): marks need no clearing, since each start has a number of its own

static uint32_t mark(void) { return rt_info()->starts; }

_Bool audit_reached(const struct table *table, const void *record)
{
    return record && table_holds(table, record) && head_of(record)->reached == mark();
}

void audit_forget(const void *record) { head_of(record)->reached = 0; }

_Bool audit_reach(const struct table *table, const void *record)
{
    if (!record || !table_holds(table, record) || head_of(record)->reached == mark()) return 0;
    head_of(record)->reached = mark();
    return 1;
}

void audit_sweep(struct table *table)
{
    uint32_t n_used = 0;
    table->free_head = 0;
    for (uint32_t i = table->n_fresh; i-- > 0;) {
        struct head *head = head_at(table, i);
        if (head->next == IN_USE && head->reached == mark()) {
            n_used++;
            continue;
        }
        if (head->next == IN_USE) head->generation++;
        head->next = table->free_head;
        table->free_head = i + 1;
    }
    table->n_used = n_used;
}

// --- sessions: the head's `next` holds IN_USE, its generation is the process's

void sessions_init(struct sessions *sessions, size_t record_bytes, uint32_t n_slots)
{
    *sessions = (struct sessions){
        .base = vault_alloc(table_bytes(record_bytes, n_slots)),
        .stride = stride_of(record_bytes),
        .n_slots = n_slots,
    };
    vault_keep(sessions, sizeof *sessions);
}

static struct head *session_head(const struct sessions *sessions, uint32_t slot)
{
    return slot < sessions->n_slots ? (struct head *)(sessions->base + (size_t)slot * sessions->stride) : NULL;
}

void *session_find(const struct sessions *sessions, uint64_t badge)
{
    struct head *head = session_head(sessions, BADGE_SLOT(badge));
    return head && head->next == IN_USE && head->generation == BADGE_GENERATION(badge) ? head + 1 : NULL;
}

void *session_open(struct sessions *sessions, uint64_t badge, void (*gone)(uint64_t badge))
{
    void *record = session_find(sessions, badge);
    struct head *head = session_head(sessions, BADGE_SLOT(badge));
    if (record || !head) return record;
    if (head->next == IN_USE) {
        if ((int32_t)(BADGE_GENERATION(badge) - head->generation) < 0) return NULL;
        gone(session_badge(sessions, head + 1));
    }
    head->generation = BADGE_GENERATION(badge);
    head->next = IN_USE;
    memset(head + 1, 0, sessions->stride - sizeof *head);
    return head + 1;
}

void session_close(struct sessions *sessions, uint64_t badge)
{
    void *record = session_find(sessions, badge);
    if (record) head_of(record)->next = 0;
}

uint64_t session_badge(const struct sessions *sessions, const void *record)
{
    const struct head *head = head_of(record);
    size_t slot = (size_t)((const uint8_t *)head - sessions->base) / sessions->stride;
    return BADGE_SESSION_OF(slot, head->generation);
}

void *session_at(const struct sessions *sessions, uint32_t slot)
{
    struct head *head = session_head(sessions, slot);
    return head && head->next == IN_USE ? head + 1 : NULL;
}
