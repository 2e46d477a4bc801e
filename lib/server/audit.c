// SPDX-License-Identifier: MIT
// When an audit is due, and the library's part of it: slots and reply objects (audit.h).
//
// It runs when the step before has been rolled back or its effects have been performed, and before anything else does.
// Notes are off meanwhile: what it stores stands, whatever becomes of the step behind it.
#include "lib/server/audit.h"
#include "lib/server/vault_layout.h"

#define AUDIT_SHORT_NS 2000000ull

static uint64_t *reached(uint32_t slot) { return &vault.state->slots_reached[slot / 64]; }

void audit_slots(uint32_t first, uint32_t n)
{
    if (first == 0) return;
    for (uint32_t slot = first; slot < first + n && slot < vault.state->n_slots; slot++)
        *reached(slot) |= 1ull << slot % 64;
}

static _Bool is_reached(uint32_t slot) { return *reached(slot) >> slot % 64 & 1; }

// Whoever waits at this reply object asks again. False: it is none.
static _Bool send_away(uint32_t slot)
{
    struct cap_identity cap;
    if (cspace_identify(SLOT_CSPACE, slot, &cap) != OK || cap.type != CAP_REPLY) return 0;
    struct message m = {.info = INFO(ERR_RESTARTED, 0, 0)};
    (void)sys_reply(slot, cap.detail, &m);
    return 1;
}

void audit_reply(uint64_t handle) { audit_slots(REPLY_SLOT(handle), 1); }

// The stock of reply objects: each once, and nobody waits at one.
static void reach_replies(struct vault_state *state)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < state->n_replies_free; i++) {
        uint32_t slot = state->replies_free[i];
        if (is_reached(slot) || slot == state->reply_slot || !send_away(slot)) continue;
        audit_slots(slot, 1);
        state->replies_free[n++] = slot;
    }
    state->n_replies_free = n;
}

// What the library itself holds.
static void reach_own_slots(void)
{
    struct vault_state *state = vault.state;
    const struct vault_header *header = vault.header;
    reach_replies(state);
    for (unsigned i = 0; i < MSG_CAPS; i++) audit_slots(state->recv_slot[i], 1);
    for (unsigned i = 0; i < MAPPINGS; i++) audit_slots(state->mappings[i].frames, 1);
    for (uint32_t i = 0; i < header->n_journal; i++) audit_slots(header->journal[i].slot, 1);
    audit_slots(state->reply_slot, 1);
    audit_slots(REPLY_SLOT(header->reply), 1);
}

// A reply object that nobody knows of comes back to the stock.
static _Bool is_reply(uint32_t slot)
{
    if (!send_away(slot)) return 0;
    if (vault.state->n_replies_free < REPLIES) reply_release(slot);
    return 1;
}

static _Bool is_in_use(uint32_t slot) { return vault.state->slot_map[slot / 64] >> slot % 64 & 1; }

// A slot that is free is empty. One that is not would be filled again in vain, and when it holds the first capability of what
// does not exist any more, its notice came again and again.
static void empty_free_slots(void)
{
    uint32_t run = 0;
    for (uint32_t slot = SLOT_DYNAMIC; slot <= vault.state->n_slots; slot++) {
        if (slot < vault.state->n_slots && !is_in_use(slot) && !is_reached(slot)) {
            run++;
        } else if (run > 0) {
            (void)cspace_delete(SLOT_CSPACE, slot - run, run);
            run = 0;
        }
    }
}

// What was derived from it goes with it: memory that is lent must not be used any more. Copies of an endpoint's
// capability do no harm, since badges are never used again, and may be what a thread's faults go over.
static void give_back(uint32_t slot)
{
    struct cap_identity cap;
    if (cspace_identify(SLOT_CSPACE, slot, &cap) == OK && cap.type != CAP_ENDPOINT)
        (void)cspace_revoke(SLOT_CSPACE, slot);
    (void)cspace_delete(SLOT_CSPACE, slot, 1);
    slot_release(slot);
}

// Those in use that nobody has named. Those that somebody has named are in use.
static unsigned give_back_slots(void)
{
    const struct vault_state *state = vault.state;
    unsigned n = 0;
    for (uint32_t slot = SLOT_DYNAMIC; slot < state->n_slots; slot++) {
        if (is_reached(slot)) vault.state->slot_map[slot / 64] |= 1ull << slot % 64;
        if (!is_in_use(slot) || is_reached(slot) || is_reply(slot)) continue;
        give_back(slot);
        n++;
    }
    return n;
}

static void wake(const struct server *server)
{
    vault_stop_logging();
    if (server->wake) server->wake();
    vault_start_logging();
    barrier();
    vault.header->audit = AUDIT_NONE;
}

_Bool audit_run(const struct server *server)
{
    struct vault_header *header = vault.header;
    enum component_death death = rt_info()->last_death;
    _Bool only_wake = header->audit == AUDIT_NONE && death == DEATH_RENEWAL && header->audit_ns > AUDIT_SHORT_NS;
    if (header->audit == AUDIT_BEGUN && death_is_own(death)) {
        log_line("the audit has brought its own instance down");
        header->audit = AUDIT_NONE;
    } else if (header->audit != AUDIT_NONE || (server_restarted() && death != DEATH_KILLED)) {
        header->audit = AUDIT_DUE;
    }
    if (header->audit == AUDIT_NONE || !server->audit || !vault.state->is_set_up) return 0;
    header->audit = AUDIT_BEGUN;
    barrier();
    if (only_wake) {
        wake(server);
        return 0;
    }
    uint64_t began = now_ns();
    vault_stop_logging();
    memset(vault.state->slots_reached, 0, (vault.state->n_slots + 63) / 64 * 8);
    reach_own_slots();
    server->audit();
    empty_free_slots();
    unsigned n = give_back_slots();
    vault_start_logging();
    header->audit_ns = now_ns() - began;
    if (n > 0) log_line("%u capabilities were lost and are free again", n);
    barrier();
    header->audit = AUDIT_NONE;
    return 1;
}
