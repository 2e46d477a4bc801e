// SPDX-License-Identifier: MIT
// Unit tests of the vault on the host: undo log, allocation, records. Links vault.c vault_check.c table.c slots.c.
//
// Stores are noted by hand, as the compiler does in a server. The memory functions of vault_log.c get other names, since the
// sanitizer that this program is built with has its own.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *plain_memset(void *to, int byte, size_t n) { return memset(to, byte, n); }

#define memcpy logged_memcpy
#define memmove logged_memmove
#define memset logged_memset
#include "lib/server/vault_log.c"
#undef memcpy
#undef memmove
#undef memset
#include "lib/server/table.h"

#define VAULT_BYTES (256u << 10)
#define VERSION 7

static _Alignas(16) uint8_t memory[VAULT_BYTES];
static unsigned n_tests, n_failed;

// --- what lib/rt would provide

void log_line(const char *format, ...) { (void)format; }

void *rt_memcpy(void *restrict to, const void *restrict from, size_t n) { return memcpy(to, from, n); }

void *rt_memmove(void *to, const void *from, size_t n) { return memmove(to, from, n); }

void *rt_memset(void *to, int byte, size_t n) { return plain_memset(to, byte, n); }

void panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    exit(2);
}

uint64_t now_ns(void) { return 1000000000; }

static unsigned n_deleted;  // slots that the kernel was asked to empty

err_t rt_syscall(unsigned number, uint64_t cap, uint64_t reply_slot, struct message *m, uint64_t deadline)
{
    (void)number, (void)cap, (void)reply_slot, (void)deadline;
    if (INFO_LABEL(m->info) == CSPACE_DELETE) n_deleted += (unsigned)m->words[1];
    return OK;
}

struct effect *outbox_add(enum effect_kind kind, uint32_t slot)
{
    struct effect *effect = &vault.outbox[vault.header->n_effects++];
    *effect = (struct effect){.kind = (uint16_t)kind, .slot = slot};
    return effect;
}

// ---

static void check(const char *name, int ok)
{
    n_failed += !ok;
    printf("%s %u - vault: %s\n", ok ? "ok" : "not ok", ++n_tests, name);
}

struct root {
    uint64_t a, b[8];
    struct table table;
    struct sessions sessions;
};
static struct root *root;

static void fresh(void)
{
    plain_memset(memory, 0xa5, sizeof memory);
    plain_memset(&vault, 0, sizeof vault);
    (void)vault_open(memory, VAULT_BYTES);
    vault_format(256, 1);
    root = vault.state->root = vault_alloc(sizeof *root);
    table_init(&root->table, 24, 10);
    sessions_init(&root->sessions, 16, 32);
    vault_finish(VERSION);
    vault_start_logging();
    step_prepare();
    step_record();
}

static void store(uint64_t *to, uint64_t value)
{
    vault_log(to, sizeof *to);
    *to = value;
}

static void test_kept(void)
{
    fresh();
    uint8_t *base = root->table.base;
    root->table.base = (uint8_t *)1;
    vault_put_right();
    check("a word that never changes is put right", root->table.base == base);
    root->table.n_used = 5;
    vault_put_right();
    check("others are left alone", root->table.n_used == 5);
    vault.state->kept[0].value ^= 4;
    root->table.base = (uint8_t *)1;
    vault_put_right();
    check("a list that was changed itself is not believed", root->table.base == (uint8_t *)1);
}

static void test_undo(void)
{
    fresh();
    store(&root->a, 1);
    step_commit();
    step_prepare();
    step_record();
    store(&root->a, 2);
    store(&root->b[0], 5);
    store(&root->a, 3);
    step_rollback();
    check("a rollback restores the oldest value", root->a == 1 && root->b[0] == 0);

    store(&root->a, 4);
    step_commit();
    step_rollback();
    check("a committed step stays", root->a == 4);

    fresh();
    uint8_t *bytes = (uint8_t *)root->b;
    logged_memset(bytes + 3, 0xff, 13);
    logged_memcpy(bytes + 30, "hello", 5);
    vault_log(bytes + 38, 4);
    rt_memset(bytes + 38, 0x77, 4);
    step_rollback();
    unsigned sum = 0;
    for (unsigned i = 0; i < sizeof root->b; i++) sum += bytes[i];
    check("unaligned and long stores are undone", sum == 0);

    store(&root->a, 7);
    store(&vault.log[0].address, (uint64_t)&root->b[1]);  // one that has lost its way
    step_rollback();
    check("a store into the log is undone before what it has spoilt is used", root->a == 0 && root->b[1] == 0);

    uint32_t before = log_entries();
    store(&vault.header->answer.words[0], 9);
    check("stores outside the state are not noted", vault.header->answer.words[0] == 9 && log_entries() == before);
}

static void test_reopen(void)
{
    fresh();
    store(&root->a, 42);
    step_commit();
    step_prepare();
    step_record();
    store(&root->a, 43);
    plain_memset(&vault, 0, sizeof vault);  // the instance dies here
    int found = vault_open(memory, VAULT_BYTES);
    step_rollback();
    check("the next instance undoes what the last one began", found && ((struct root *)vault.state->root)->a == 42);
}

static void test_table(void)
{
    fresh();
    uint64_t *first = table_new(&root->table);
    uint64_t handle = table_handle(&root->table, first);
    check("a handle finds its record", table_get(&root->table, handle) == first && first[0] == 0);
    table_free(&root->table, first);
    uint64_t *second = table_new(&root->table);
    check("a handle is stale when its record is used again",
          second == first && !table_get(&root->table, handle) && table_handle(&root->table, second) != handle);
    unsigned n = 1;
    while (table_new(&root->table)) n++;
    check("a full table gives null", n == 10 && root->table.n_used == 10);
    check("a sound table passes its check", table_check(&root->table) && table_holds(&root->table, second));
    uint32_t good = root->table.n_used;
    root->table.n_used--;
    check("a wrong count does not", !table_check(&root->table));
    root->table.n_used = good;
    check("a link into the middle of a record is none", !table_holds(&root->table, (uint8_t *)second + 8));
    check("walks see records in use only", table_at(&root->table, 3) && !table_at(&root->table, 10));
}

static unsigned n_gone;
static void gone(uint64_t badge)
{
    n_gone++;
    session_close(&root->sessions, badge);
}

static void test_sessions(void)
{
    fresh();
    uint64_t badge = BADGE_SESSION_OF(5, 9);
    uint64_t *session = session_open(&root->sessions, badge, gone);
    session[0] = 77;
    check("a session is found by its badge",
          session_find(&root->sessions, badge) == session && session_badge(&root->sessions, session) == badge);
    check("another generation is not found", !session_find(&root->sessions, BADGE_SESSION_OF(5, 10)));
    uint64_t *newer = session_open(&root->sessions, BADGE_SESSION_OF(5, 10), gone);
    check("a newer process replaces it, cleaned up first", newer == session && newer[0] == 0 && n_gone == 1);
    check("an older badge is refused", !session_open(&root->sessions, badge, gone));
    check("a slot beyond the table is refused", !session_open(&root->sessions, BADGE_SESSION_OF(32, 1), gone));
}

static void test_slots(void)
{
    fresh();
    uint32_t a = slot_alloc(), b = slot_alloc(), run = slot_alloc_run(8);
    check("slots are distinct and dynamic", a >= SLOT_DYNAMIC && b != a && (run > b || run + 8 <= a));
    check("adjoining slots are noted as one run", vault.header->n_noted == 1 && vault.noted[0].n == 10);
    n_deleted = 0;
    uint32_t n = slots_free();
    slot_free(a);
    check("a freed slot is kept until it is empty", slots_free() == n && vault.outbox[0].slot == a);
    slot_release(a);
    check("then it can be had again", slots_free() == n + 1);
    while (slot_alloc() != 0) vault.header->n_noted = 0;
    check("when all are used there is none", slots_free() == 0);

    fresh();
    n_deleted = 0;
    (void)slot_alloc_run(8);
    (void)slot_alloc();
    step_rollback();
    check("a rollback empties the slots of its step", n_deleted == 9 && vault.header->n_noted == 0);
}

int main(void)
{
    test_kept();
    test_undo();
    test_reopen();
    test_table();
    test_sessions();
    test_slots();
    printf("1..%u\n", n_tests);
    return n_failed != 0;
}
