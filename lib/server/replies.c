// SPDX-License-Identifier: MIT
// Reply objects: the loop's own, and a stock that takes its place when a caller is put off.
//
// A handle names the object and its arming count, so a late answer can only reach the caller that it is meant for.
#include "lib/server/vault_layout.h"

void replies_set_up(uint32_t n_deferred, uint32_t recv_caps)
{
    struct vault_state *state = vault.state;
    if (n_deferred > REPLIES || recv_caps > MSG_CAPS)
        panic("at most %u callers can wait and %u capabilities come", REPLIES, MSG_CAPS);
    state->reply_slot = SLOT_REPLY;
    for (uint32_t i = 0; i < recv_caps; i++) state->recv_slot[i] = slot_alloc();
    for (uint32_t i = 0; i < n_deferred; i++) {
        uint32_t slot = slot_alloc();
        err_t err = untyped_retype(SLOT_UNTYPED, CAP_REPLY, 0, 1, 0, slot);
        if (slot == 0 || err != OK) panic("no reply objects for %u callers that wait: %s", n_deferred, err_name(err));
        state->replies_free[state->n_replies_free++] = slot;
    }
    state->is_set_up = 1;
}

err_t server_defer(uint64_t *handle)
{
    struct vault_state *state = vault.state;
    struct vault_header *header = vault.header;
    if (BADGE_KIND(header->request.badge) == BADGE_KIND(BADGE_CHANNEL)) return ERR_INVALID;
    if (state->n_replies_free == 0) return ERR_LIMIT;
    *handle = header->reply;
    state->reply_slot = state->replies_free[--state->n_replies_free];
    header->no_answer = 1;
    return OK;
}

void server_no_answer(void) { vault.header->no_answer = 1; }

void server_reply_later(uint64_t handle, err_t err, uint32_t n_words, const uint64_t *words, uint32_t cap)
{
    struct effect *effect = outbox_add(EFFECT_REPLY, REPLY_SLOT(handle));
    effect->count = REPLY_COUNT(handle);
    effect->label = (uint32_t)err;
    effect->cap = cap;
    effect->n_words = (uint16_t)n_words;
    for (uint32_t i = 0; i < n_words; i++) effect->words[i] = words[i];
}

void server_forget(uint64_t handle) { outbox_add(EFFECT_FORGET, REPLY_SLOT(handle)); }

void reply_release(uint32_t slot)
{
    struct vault_state *state = vault.state;
    for (uint32_t i = 0; i < state->n_replies_free; i++)
        if (state->replies_free[i] == slot) return;
    state->replies_free[state->n_replies_free++] = slot;
}
