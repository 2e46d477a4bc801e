// SPDX-License-Identifier: MIT
// What a step used from outside: the time and answers of other servers, kept so that its next run sees the same.
//
// Rules:
//  - An entry counts when it is complete; those before journal_next have been used in this run.
//  - The number of a call is the step's and the entry's. A run that has to ask again, because its predecessor died
//    before it kept the answer, so asks with the same number, and the callee answers with what it kept (channel.c).
//  - A capability that came with an answer survives a rollback in its slot, which belongs to the entry until a step that
//    has claimed it commits. One whose answer has not been kept is emptied by the rollback.
#include "lib/server/vault_layout.h"

static struct journal_entry *replay(void)
{
    struct vault_header *header = vault.header;
    return header->journal_next < header->n_journal ? &header->journal[header->journal_next++] : NULL;
}

STORES_OUTSIDE_VAULT static void keep(err_t err, uint32_t slot, const struct message *result)
{
    if (!RECOVERY) return;
    struct vault_header *header = vault.header;
    struct journal_entry *entry = &header->journal[header->n_journal];
    entry->err = err;
    entry->slot = slot;
    entry->info = result->info;
    for (unsigned i = 0; i < MSG_REGISTERS; i++) entry->words[i] = result->words[i];
    barrier();
    header->journal_next = ++header->n_journal;
    barrier();
    header->receiving = 0;
}

static err_t recall(const struct journal_entry *kept, struct message *m)
{
    m->info = kept->info;
    for (unsigned i = 0; i < MSG_REGISTERS; i++) m->words[i] = kept->words[i];
    return kept->err;
}

static uint64_t next_number(void)
{
    const struct vault_header *header = vault.header;
    if (header->n_journal == JOURNAL_ENTRIES) panic("a step asks for more than %u answers", JOURNAL_ENTRIES);
    return CALL_NUMBER(header->n_journal);
}

err_t call_numbered(uint32_t cap, struct message *m, uint64_t number)
{
    m->info = INFO(INFO_LABEL(m->info), CHANNEL_WORDS, 0);
    rt_utcb()->words[CHANNEL_NUMBER] = number;
    return ipc_call(cap, m);
}

// The same for a step, whose next run does not see an answer that nobody can have given: the capability was no server's.
static err_t ask(uint32_t cap, struct message *m, uint64_t number)
{
    err_t err = call_numbered(cap, m, number);
    if (err == ERR_STALE) {  // ours or the callee's count of steps has gone wrong; the next run has another number
        vault.header->step = step_of_now();
        server_doubt("a number of a step that is none");
        panic("%lx is no number of a step", number);
    }
    if (err == ERR_NO_CAP || err == ERR_WRONG_TYPE || err == ERR_NO_RIGHT) server_doubt("a server that is none");
    return err;
}

err_t server_call(uint32_t cap, struct message *m)
{
    const struct journal_entry *kept = replay();
    if (kept) return recall(kept, m);
    err_t err = ask(cap, m, next_number());
    keep(err, 0, m);
    return err;
}

// The receive slots are set for this one call; the event loop sets its own before each receive.
static err_t call_into(uint32_t slot, uint32_t cap, struct message *m)
{
    struct utcb *utcb = rt_utcb();
    utcb->recv_cspace = 0;
    utcb->recv_slot[0] = slot;
    for (unsigned i = 1; i < MSG_CAPS; i++) utcb->recv_slot[i] = 0;
    err_t err = ask(cap, m, next_number());
    utcb->recv_slot[0] = 0;
    return err;
}

err_t server_call_cap(uint32_t cap, struct message *m, uint32_t *slot)
{
    const struct journal_entry *kept = replay();
    if (kept) {
        *slot = kept->slot;
        if (*slot != 0) slot_claim(*slot);
        return recall(kept, m);
    }
    uint32_t empty = slot_find();
    if (empty == 0) return ERR_NO_MEMORY;
    vault.header->receiving = empty;
    barrier();
    err_t err = call_into(empty, cap, m);
    *slot = err == OK && INFO_CAPS(m->info) > 0 && rt_utcb()->recv_kind[0] == CAP_PLACED ? empty : 0;
    if (*slot != 0) slot_claim(*slot);
    keep(err, *slot, m);
    return err;
}

STORES_OUTSIDE_VAULT uint64_t server_now(void)
{
    struct vault_header *header = vault.header;
    if (header->now == 0) header->now = now_ns();
    return header->now;
}

void journal_drop_unclaimed(void)
{
    const struct vault_header *header = vault.header;
    for (uint32_t i = header->journal_next; i < header->n_journal; i++)
        if (header->journal[i].slot != 0) outbox_add(EFFECT_EMPTY, header->journal[i].slot);
}
