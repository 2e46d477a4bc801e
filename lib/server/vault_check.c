// SPDX-License-Identifier: MIT
// Whether a vault that was found can be trusted: sizes, canaries, and every number that the recovery is going to use.
//
// A component that loses its way stores where it should not. Stores of its own code into the state and the log are undone
// with the step; what is left are stores that no compiler noted (the kernel's, assembler's,
// this library's own). They must not lead the next instance astray, so it looks first, with nothing but bounds: a
// vault that fails is declared failed, and its component starts with an empty one. The links of a server's own tables are
// the server's to check (struct server: check).
#include "lib/server/vault_layout.h"

static _Bool in_state(const void *pointer, uint64_t bytes)
{
    uint64_t offset = (uint64_t)((const uint8_t *)pointer - (const uint8_t *)vault.state);
    return offset < vault.state_limit && bytes <= vault.state_limit - offset && offset % sizeof(uint64_t) == 0;
}

// The canaries are the last words to be written when a vault is made, but for the magic.
static unsigned canaries_lost(void)
{
    unsigned n = 0;
    for (unsigned area = 0; area < VAULT_AREAS; area++) n += *vault.canaries[area] != VAULT_CANARY + area;
    return n;
}

// Two of them are proof enough of what it is.
static _Bool has_canaries(void) { return canaries_lost() + 2 <= VAULT_AREAS; }

_Bool vault_stands(void) { return vault.header->magic != 0 || has_canaries(); }

// Some of these five were written over, by what has lost its way or ran beyond an area's end. What else it has hit is not known;
// every number is looked at in any case, and to begin with an empty vault would be certain loss.
static _Bool mend_marks(struct vault_header *header, uint64_t bytes)
{
    if (canaries_lost() == 0 && header->magic == VAULT_MAGIC && header->bytes == bytes) return 1;
    if (!has_canaries()) return 0;
    log_line("a mark of the vault has been written over");
    header->magic = VAULT_MAGIC;
    header->bytes = bytes;
    for (unsigned area = 0; area < VAULT_AREAS; area++) *vault.canaries[area] = VAULT_CANARY + area;
    return 1;
}

static _Bool counts_fit(const struct vault_header *h)
{
    return h->phase <= STEP_COMMITTED && h->event <= EVENT_SETUP && h->n_migrated <= vault.log_limit &&
           h->n_noted <= vault.noted_limit && h->n_effects <= vault.outbox_limit && h->n_journal <= JOURNAL_ENTRIES &&
           h->n_undelivered <= MSG_CAPS && h->request.n_words <= MSG_WORDS && h->request.n_caps <= MSG_CAPS &&
           h->answer.n_words <= MSG_WORDS && h->answer.n_caps <= MSG_CAPS;
}

// Only where it ends: an entry that names no word of the state, as a note that went wrong leaves it, undoes nothing. When there
// is nothing to undo, nothing of it is used.
static _Bool log_fits(struct vault_header *h)
{
    if (h->phase != STEP_RUNNING && h->n_migrated == 0) h->log_end = vault.log;
    uint64_t bytes = (uint64_t)((uint8_t *)h->log_end - (uint8_t *)vault.log);
    return bytes % sizeof *vault.log == 0 && bytes / sizeof *vault.log <= vault.log_limit;
}

static _Bool slots_fit(const struct vault_header *h, uint32_t n_slots)
{
    for (uint32_t i = 0; i < h->n_noted; i++)
        if (vault.noted[i].first >= n_slots || vault.noted[i].n > n_slots - vault.noted[i].first) return 0;
    for (uint32_t i = 0; i < h->n_journal; i++)
        if (h->journal[i].slot >= n_slots) return 0;
    return h->receiving < n_slots && REPLY_SLOT(h->reply) < n_slots;
}

static _Bool outbox_fits(const struct vault_header *h, uint32_t n_slots)
{
    for (uint32_t i = 0; i < h->n_effects; i++) {
        const struct effect *effect = &vault.outbox[i];
        if (effect->kind > EFFECT_UNMAP || effect->n_words > MSG_REGISTERS || effect->slot >= n_slots) return 0;
        if (effect->kind == EFFECT_FREE && effect->words[0] > n_slots - effect->slot) return 0;
    }
    return 1;
}

static _Bool state_fits(const struct vault_state *state, uint32_t n_slots)
{
    for (unsigned i = 0; i < REPLIES; i++)
        if (state->replies_free[i] >= n_slots) return 0;
    return state->allocated <= vault.state_limit && state->n_slots == n_slots && in_state(state->root, 1) &&
           in_state(state->slot_map, (n_slots + 63) / 64 * 8) &&
           in_state(state->slots_reached, (n_slots + 63) / 64 * 8) && state->slot_hint <= n_slots / 64 &&
           state->reply_slot < n_slots && state->n_replies_free <= REPLIES;
}

// Its record cannot be believed. What the log says is undone; who has asked for it sends it again when he is not answered.
static void forget_step(struct vault_header *header)
{
    log_line("the record of a step was written over: it is undone and not run again");
    if (!log_fits(header)) header->log_end = vault.log;
    header->n_noted = header->n_effects = header->n_journal = header->n_undelivered = header->receiving = 0;
    header->reply = 0;
    header->request.n_caps = 0;
    vault_unwind();
    header->phase = STEP_IDLE;
    header->deaths = 0;
    header->audit = AUDIT_DUE;
}

const char *vault_check(uint32_t cspace_slots)
{
    struct vault_header *header = vault.header;
    uint64_t bytes = (uint64_t)((uint8_t *)(vault.log + vault.log_limit) - (uint8_t *)header);
    if (!mend_marks(header, bytes)) return "no vault of this layout";
    if (!counts_fit(header) || !log_fits(header) || !slots_fit(header, cspace_slots)) forget_step(header);
    if (header->step > step_of_now() + STEPS_AHEAD) header->step = step_of_now();
    // Else nothing of it will be performed, and the last may be half written.
    if (header->phase == STEP_COMMITTED && !outbox_fits(header, cspace_slots)) {
        log_line("effects that nobody has asked for are dropped");
        header->n_effects = 0;
    }
    return NULL;
}

const char *vault_check_state(uint32_t cspace_slots)
{
    return state_fits(vault.state, cspace_slots) ? NULL : "the library's own state is out of bounds";
}
