// SPDX-License-Identifier: MIT
// What arrives at the supervisor's endpoint: requests of components (protocols/supervisor.h), their faults, and
// notices of badges that are gone.
//
// Who asks is known from the badge alone. A faulting thread is never answered: it goes with its instance.
#include "servers/supervisor/supervisor.h"

static const char *fault_kind(uint64_t kind)
{
    static const char *const names[] = {"?", "page fault", "exception", "timeout", "foreign system call"};
    return names[kind < sizeof names / sizeof names[0] ? kind : 0];
}

// @path crash-restart 1/6: the kernel hands over the fault of a component's thread
static void handle_fault(const struct message *m)
{
    twin_fault(TWIN_GUARDIAN, m);
    struct component *c = component_at((unsigned)(m->badge & 0xffff));
    const uint64_t *words = m->words;
    if (!c || m->badge != BADGE_FAULT_OF(c->index, c->info->starts)) return;  // of an instance that is gone already
    if (inject_hit(c, words)) return;
    log_line("%s: %s, address %lx, code %lx, at pc %lx sp %lx", c->spec->name, fault_kind(words[FAULT_WORD_KIND]),
             words[FAULT_WORD_ADDRESS], words[FAULT_WORD_CODE], words[FAULT_WORD_PC], words[FAULT_WORD_SP]);
    memcpy(c->fault, words, sizeof c->fault);
    component_died(c, words[FAULT_WORD_KIND] == FAULT_KIND_TIMEOUT ? DEATH_OVERRUN : DEATH_FAULT);
}

// The component's first capability of our endpoint has no copy any more.
static void handle_gone(uint64_t badge)
{
    struct component *c = component_at(BADGE_SLOT(badge));
    if (!c) return;
    enum part part = BADGE_KIND(badge) == BADGE_KIND(BADGE_CHANNEL) ? PART_SELF : PART_FAULT;
    (void)cspace_delete(BOOT_SLOT_CSPACE, part_slot(c, part), 1);
}

// A server says that a channel to it has gone: delete its first capability, which is ours.
static err_t channel_gone(const struct component *server, uint64_t badge)
{
    const struct component *client = component_at(BADGE_SLOT(badge));
    if (!client || BADGE_KIND(badge) != BADGE_KIND(BADGE_CHANNEL)) return ERR_INVALID;
    for (unsigned i = 0; i < client->spec->n_grants; i++) {
        const struct manifest_grant *grant = &client->spec->grants[i];
        if (grant->kind == COMPONENT_CAP_CALL && grant->peer == server->index)
            return cspace_delete(BOOT_SLOT_CSPACE, client->views[i], 1);
    }
    return ERR_NOT_FOUND;
}

static err_t doubt_peer(const struct component *by, uint64_t slot)
{
    struct component *peer = component_peer(by, slot);
    if (!peer) return ERR_INVALID;
    return component_doubt(peer, by) ? OK : ERR_AGAIN;
}

// The component of this index; null: there is none, but it may be a twin's.
static struct component *named(uint64_t index)
{
    return index < MANIFEST_COMPONENTS ? component_at((unsigned)index) : NULL;
}

static _Bool is_twin(uint64_t index) { return index - the_system->n_components < TWINS; }

static enum twin twin_at(uint64_t index) { return (enum twin)(index - the_system->n_components); }

static err_t power(const struct component *c, uint64_t action, uint64_t code)
{
    static const char *const verbs[] = {
        [POWER_OFF] = "switching off", [POWER_REBOOT] = "restarting", [POWER_EXIT] = "leaving"};
    if (!(c->spec->may & MAY_POWER)) return ERR_NO_RIGHT;
    if (action > POWER_EXIT) return ERR_INVALID;
    log_line("%s the machine, as %s asks", verbs[action], c->spec->name);
    return system_power(BOOT_SLOT_SYSTEM, (unsigned)action, code);
}

// The loop does it; the other of the twins, when it is one of them, which may be before the answer. When that is sent again,
// the instance that was meant is gone.
static err_t kill(const struct component *by, uint64_t index, uint64_t starts)
{
    if (!(by->spec->may & MAY_POWER)) return ERR_NO_RIGHT;
    struct component *c = named(index);
    if (!c && !is_twin(index)) return ERR_NOT_FOUND;
    if (starts != (c ? c->info->starts : twin_record(twin_at(index))->starts)) return OK;
    if (c && c->state != STATE_STARTING && c->state != STATE_READY) return ERR_NOT_FOUND;
    if (c)
        c->kills.at = now_ns();
    else
        twin_record(twin_at(index))->kill_ns = now_ns();
    return OK;
}

// Supervisor and guardian know one image each, so all that can be done for them is to begin anew.
static err_t update(const struct component *by, uint64_t index, uint64_t what)
{
    if (!is_twin(index)) return update_begin(by, named(index), what);
    if (!(by->spec->may & MAY_POWER)) return ERR_NO_RIGHT;
    if (what != UPDATE_SAME && what != UPDATE_BUNDLE) return ERR_INVALID;
    twin_record(twin_at(index))->plan_due = DEATH_PLANNED;
    return OK;
}

static err_t ended(struct component *c, uint64_t code)
{
    log_line("%s exits with %ld", c->spec->name, (long)code);
    c->exit_code = code;
    component_died(c, DEATH_EXIT);
    return OK;
}

// The answer's label; results are left in the message.
static err_t handle_request(struct component *c, uint32_t operation, struct message *m)
{
    switch (operation) {
    case SUPERVISOR_READY: component_ready(c); return OK;
    case SUPERVISOR_HEARTBEAT: component_answered(c, m->words); return OK;
    case SUPERVISOR_EXIT: return ended(c, m->words[0]);
    case SUPERVISOR_STOPPED: update_stopped(c); return OK;
    case SUPERVISOR_FAILED: component_failed(c); return OK;
    case SUPERVISOR_RENEW: component_died(c, DEATH_DOUBT); return OK;
    case SUPERVISOR_DOUBT: return doubt_peer(c, m->words[0]);
    case SUPERVISOR_CONFIRM: update_confirm(c); return OK;
    case SUPERVISOR_STAGE: return update_stage(c, m->words[0], m->words[1]);
    case SUPERVISOR_UPDATE: return update(c, m->words[0], m->words[1]);
    case SUPERVISOR_POWER: return power(c, m->words[0], m->words[1]);
    case SUPERVISOR_LIST: return status_list(m);
    case SUPERVISOR_SHOW: return status_show(m->words[0]);
    case SUPERVISOR_GRANT: return status_grant(m);
    case SUPERVISOR_EVIDENCE: return evidence_show(m);
    case SUPERVISOR_KILL: return kill(c, m->words[0], m->words[1]);
    case SUPERVISOR_CHANNEL_GONE: return channel_gone(c, m->words[0]);
    case SUPERVISOR_FAULT: return inject_order(c, m->words);
    case SUPERVISOR_FAULTS: return inject_look(m->words[0], m->words);
    default: return ERR_NO_SYSCALL;
    }
}

static unsigned answer_words(uint32_t operation)
{
    switch (operation) {
    case SUPERVISOR_LIST: return SUPERVISOR_TEXT_WORD + COMPONENT_NAME / 8;
    case SUPERVISOR_SHOW: return SUPERVISOR_TEXT_WORD + sizeof(struct component_status) / 8;
    case SUPERVISOR_GRANT: return SUPERVISOR_TEXT_WORD + sizeof((struct manifest_grant *)0)->name / 8;
    case SUPERVISOR_EVIDENCE: return MSG_WORDS;
    default: return MSG_REGISTERS;
    }
}

void handle_message(struct message *m)
{
    uint64_t count = m->count;
    m->count = 0;
    if (m->info & INFO_KERNEL) {
        if (INFO_LABEL(m->info) == KMSG_FAULT)
            handle_fault(m);
        else if (INFO_LABEL(m->info) == KMSG_GONE)
            handle_gone(m->badge);
        return;
    }
    struct component *c = component_at(BADGE_SLOT(m->badge));
    uint32_t operation = INFO_LABEL(m->info);
    if (operation != SUPERVISOR_HEARTBEAT) twin_record(TWIN_SUPERVISOR)->progress++;
    err_t err = c ? handle_request(c, operation, m) : ERR_INVALID;
    m->info = INFO(err, answer_words(operation), 0);
    m->count = count;
    if (answer_words(operation) <= MSG_REGISTERS) return;
    (void)sys_reply(SLOT_OWN_REPLY, m->count, m);  // before a restart of somebody uses the message buffer
    m->count = 0;
}
