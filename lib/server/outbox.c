// SPDX-License-Identifier: MIT
// Effects: what a step does to the world, queued in the vault and performed after the commit.
//
// Performing may be interrupted anywhere and is then done again from the first entry by the next instance. Each kind
// bears that: signals are hints, replies name an arming count, emptying a slot twice is emptying it once, and
// invocations and own effects are the server's promise. Errors are not looked at for the same reason. Invocations of
// kernel objects that follow each other are one system call.
#include "lib/server/batch.h"
#include "lib/server/vault_layout.h"

struct effect *outbox_add(enum effect_kind kind, uint32_t slot)
{
    struct vault_header *header = vault.header;
    if (header->n_effects == vault.outbox_limit) panic("a step has more than %u effects", vault.outbox_limit);
    struct effect *effect = &vault.outbox[header->n_effects++];
    effect->kind = (uint16_t)kind;
    effect->n_words = 0;
    effect->slot = slot;
    effect->cap = 0;
    return effect;
}

void server_signal(uint32_t notification) { outbox_add(EFFECT_SIGNAL, notification); }

void server_invoke(uint32_t cap, uint32_t operation, uint32_t n_words, const uint64_t *words)
{
    struct effect *effect = outbox_add(EFFECT_INVOKE, cap);
    effect->label = operation;
    effect->n_words = (uint16_t)n_words;
    for (uint32_t i = 0; i < n_words; i++) effect->words[i] = words[i];
}

void server_send(uint32_t cap, uint32_t operation, uint32_t n_words, const uint64_t *words)
{
    struct effect *effect = outbox_add(EFFECT_CALL, cap);
    effect->label = operation;
    effect->n_words = (uint16_t)n_words;
    for (uint32_t i = 0; i < n_words; i++) effect->words[i] = words[i];
}

void server_effect(uint32_t number, uint64_t a, uint64_t b, uint64_t c)
{
    struct effect *effect = outbox_add(EFFECT_OWN, 0);
    effect->label = number;
    effect->words[0] = a;
    effect->words[1] = b;
    effect->words[2] = c;
}

static void load_words(struct message *m, const struct effect *effect)
{
    for (uint32_t i = 0; i < MSG_REGISTERS; i++) m->words[i] = i < effect->n_words ? effect->words[i] : 0;
}

static void perform_reply(const struct effect *effect)
{
    struct message m;
    load_words(&m, effect);
    m.info = INFO(effect->label, effect->n_words, effect->cap != 0);
    struct utcb *utcb = rt_utcb();
    utcb->send_cspace = 0;
    utcb->send_slot[0] = effect->cap;
    (void)sys_reply(effect->slot, effect->count, &m);
    reply_release(effect->slot);
}

// What is no invocation of a kernel object.
static void perform(const struct server *server, const struct effect *effect, uint64_t number)
{
    struct message m;
    switch ((enum effect_kind)effect->kind) {
    case EFFECT_SIGNAL: (void)sys_signal(effect->slot); break;
    case EFFECT_CALL:
        load_words(&m, effect);
        m.info = INFO(effect->label, effect->n_words, 0);
        (void)call_numbered(effect->slot, &m, number);
        break;
    case EFFECT_OWN: server->effects[effect->label](effect->words[0], effect->words[1], effect->words[2]); break;
    case EFFECT_REPLY: perform_reply(effect); break;
    case EFFECT_FORGET: reply_release(effect->slot); break;
    default: break;
    }
}

static _Bool is_invocation(const struct effect *effect)
{
    switch ((enum effect_kind)effect->kind) {
    case EFFECT_INVOKE:
    case EFFECT_EMPTY:
    case EFFECT_FREE:
    case EFFECT_REVOKE:
    case EFFECT_UNMAP: return 1;
    default: return 0;
    }
}

static void invoke(const struct effect *effect)
{
    const uint64_t slot = effect->slot, *words = effect->words;
    switch ((enum effect_kind)effect->kind) {
    case EFFECT_INVOKE: effects_add(LIST_ENTRY(slot, effect->label, effect->n_words), words); break;
    case EFFECT_EMPTY: effects_add(LIST_ENTRY(SLOT_CSPACE, CSPACE_DELETE, 2), (uint64_t[BATCH_WORDS]){slot, 1}); break;
    case EFFECT_FREE:
        if (words[0] > SLOTS_IN_A_ROW) panic("%lu slots in a row are to be freed", words[0]);
        effects_add(LIST_ENTRY(SLOT_CSPACE, CSPACE_DELETE, 2), (uint64_t[BATCH_WORDS]){slot, words[0]});
        for (uint32_t i = 0; i < words[0]; i++) slot_release(effect->slot + i);
        break;
    case EFFECT_REVOKE: effects_add(LIST_ENTRY(SLOT_CSPACE, CSPACE_REVOKE, 1), (uint64_t[BATCH_WORDS]){slot}); break;
    case EFFECT_UNMAP: effects_add(LIST_ENTRY(SLOT_ASPACE, ASPACE_UNMAP, 2), words); break;
    default: break;
    }
}

// Most steps that have an effect have one.
static void invoke_alone(const struct effect *effect)
{
    struct message m;
    load_words(&m, effect);
    (void)rt_invoke(effect->slot, effect->label, effect->n_words, &m);
}

void outbox_perform(const struct server *server)
{
    if (vault.header->n_effects == 1 && vault.outbox[0].kind == EFFECT_INVOKE) {
        invoke_alone(&vault.outbox[0]);
        return;
    }
    for (uint32_t i = 0; i < vault.header->n_effects; i++) {
        const struct effect *effect = &vault.outbox[i];
        if (is_invocation(effect)) {
            invoke(effect);
        } else {
            effects_run();
            perform(server, effect, EFFECT_NUMBER(i));
        }
    }
    effects_run();
}

void answer_load(struct message *m)
{
    const struct vault_header *header = vault.header;
    const struct answer *answer = &header->answer;
    uint32_t n_caps = answer->n_caps;
    for (uint32_t i = 0; i < MSG_REGISTERS; i++) m->words[i] = answer->words[i];
    m->info = INFO(header->answer_err, answer->n_words, n_caps);
    struct utcb *utcb = rt_utcb();
    for (uint32_t i = MSG_REGISTERS; i < answer->n_words; i++) utcb->words[i] = answer->words[i];
    if (n_caps == 0) return;
    utcb->send_cspace = 0;
    for (uint32_t i = 0; i < n_caps; i++) utcb->send_slot[i] = answer->caps[i];
}

// A caller that died before its answer leaves a description that nobody ever held, so no notice of its end will come.
static void note_undelivered(struct vault_header *header)
{
    header->n_undelivered = 0;
    for (uint32_t i = 0; i < header->answer.n_caps; i++) {
        struct cap_identity cap;
        if (cspace_identify(SLOT_CSPACE, header->answer.caps[i], &cap) != OK || cap.type != CAP_ENDPOINT) continue;
        if (BADGE_KIND(cap.badge) == BADGE_KIND(BADGE_DESCRIPTION) && cap.children == 0)
            header->undelivered[header->n_undelivered++] = cap.badge;
    }
}

// A capability that is to go with the answer is none. The next instance looks after what else has been lost; then the caller asks
// again.
static err_t answer_failed(err_t err)
{
    const struct vault_header *header = vault.header;
    if (header->deaths == 0) panic("an answer cannot be sent: %s", err_name(err));
    struct message m = {.info = INFO(ERR_RESTARTED, 0, 0)};
    return sys_reply(REPLY_SLOT(header->reply), REPLY_COUNT(header->reply), &m);
}

void answer_send(void)
{
    struct vault_header *header = vault.header;
    if (header->reply == 0 || header->no_answer) return;
    struct message m;
    answer_load(&m);
    err_t err = sys_reply(REPLY_SLOT(header->reply), REPLY_COUNT(header->reply), &m);
    if (err != OK && err != ERR_STALE) err = answer_failed(err);
    if (err != OK && header->answer.n_caps > 0) note_undelivered(header);
    header->reply = 0;
}
