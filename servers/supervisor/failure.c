// SPDX-License-Identifier: MIT
// Deaths and what follows them: restarts, backoff, the ladder of escalations, giving up.
//
// The words are OTP's: one_for_one restarts the component that died, rest_for_one those after it in start order as
// well. After a first failure it restarts at once, after further ones in the period with a growing delay, so that a
// crash loop starves nobody. More than `restart_limit` failures within the period lead to the next rung of the manifest's
// ladder, and behind the last the component is given up: its endpoint is destroyed, so that callers get an error
// instead of waiting. A kill from outside, an end by plan and a renewal are no failures. A quiet period leads down the ladder again.
#include "servers/supervisor/supervisor.h"

#define BACKOFF_FIRST_NS 10000000ull

static const char *death_name(enum component_death death)
{
    static const char *const names[COMPONENT_DEATHS] = {
        "nothing", "a kill", "its own exit", "a fault", "a hang", "an overrun of its budget",
        "growth",  "plan",   "doubt",        "renewal"};
    return names[death];
}

// How many of the latest restarts fell into the period that ends now.
static unsigned recent_restarts(const struct component *c, uint64_t now)
{
    unsigned n = 0;
    for (unsigned i = 0; i < c->n_restarts; i++) n += now - c->restarts[i] <= c->spec->restart_period_ns;
    return n;
}

static void note_restart(struct component *c, uint64_t now)
{
    if (c->n_restarts == RESTARTS_KEPT) {
        memmove(&c->restarts[0], &c->restarts[1], (RESTARTS_KEPT - 1) * sizeof c->restarts[0]);
        c->n_restarts--;
    }
    c->restarts[c->n_restarts++] = now;
}

static uint64_t backoff_ns(unsigned n_recent)
{
    uint64_t delay = 0;
    for (unsigned i = 0; i < n_recent && delay < BACKOFF_MAX_NS; i++) delay = delay == 0 ? BACKOFF_FIRST_NS : delay * 2;
    return delay < BACKOFF_MAX_NS ? delay : BACKOFF_MAX_NS;
}

// Nobody will answer at its endpoint any more: make every call on it fail, those under way included.
static void degrade(struct component *c)
{
    log_line("%s is out of service", c->spec->name);
    c->state = STATE_DEGRADED;
    (void)cspace_revoke(BOOT_SLOT_CSPACE, part_slot(c, PART_ENDPOINT));
    (void)cspace_delete(BOOT_SLOT_CSPACE, part_slot(c, PART_ENDPOINT), 1);
    (void)cspace_delete(part_slot(c, PART_CSPACE), SLOT_REPLY, 1);
    durable_forget(c);
}

// Nothing is taken down in this turn: once the death is committed it cannot be forgotten.
// @path crash-restart 2/6: the death is committed before anything is done about it
void component_died(struct component *c, enum component_death death)
{
    if (!component_runs(c)) return;
    c->state = STATE_DEAD;
    c->last_death = death;
    if (death < DEATH_DOUBT) c->last_cause = death;
    c->deaths[death]++;
    c->died_at = now_ns();
    c->is_examined = 0;
    c->beat_open = 0;
    c->beats_missed = 0;
}

// At most so often as components doubt themselves (lib/server/doubt.c): whoever has gone wrong itself does little harm by it.
_Bool component_doubt(struct component *peer, const struct component *by)
{
    if (!component_runs(peer) || (peer->last_death == DEATH_DOUBT && now_ns() - peer->died_at < COMPONENT_DOUBT_NS))
        return 0;
    log_line("%s does not believe %s: is it so?", by->spec->name, peer->spec->name);
    component_died(peer, DEATH_DOUBT);
    return 1;
}

// Those after it in start order begin anew with it.
static void restart_rest(const struct component *c)
{
    for (unsigned i = c->index + 1; i < the_system->n_components; i++)
        component_died(&the_system->components[i], DEATH_PLANNED);
}

// A component and all that start after it, directly or not, as bits.
static uint64_t subtree_of(const struct component *c)
{
    uint64_t members = 1ull << c->index;
    for (unsigned i = c->index + 1; i < the_system->n_components; i++)
        if (the_system->components[i].spec->starts_after & members) members |= 1ull << i;
    return members;
}

static void restart_subtree(const struct component *c)
{
    uint64_t members = subtree_of(c);
    for (unsigned i = c->index + 1; i < the_system->n_components; i++)
        if (members >> i & 1) component_died(&the_system->components[i], DEATH_PLANNED);
}

// Make the device quiet: nothing that it was told by the dead may go on.
static void quiesce(const struct component *c)
{
    for (uint32_t i = 0; i < c->spec->n_quiesce; i++)
        (void)ioport_out(BOOT_SLOT_IOPORT, c->spec->quiesce[i].port, 1, c->spec->quiesce[i].value);
}

// Restarting has not helped: the next rung of the ladder. False: there is none left.
static _Bool escalate(struct component *c)
{
    uint32_t rung = c->rung < MANIFEST_ESCALATIONS ? c->spec->escalate[c->rung] : ESCALATE_GIVE_UP;
    c->rung++;
    c->n_restarts = 0;
    switch ((enum manifest_escalation)rung) {
    case ESCALATE_COLD:
        log_line("%s begins with a fresh vault", c->spec->name);
        c->cold = 1;
        return 1;
    case ESCALATE_SUBTREE:
        log_line("%s restarts with all that start after it", c->spec->name);
        restart_subtree(c);
        return 1;
    case ESCALATE_REBOOT: twin_reboot("%s fails again and again", c->spec->name);
    case ESCALATE_GIVE_UP: return 0;
    }
    return 0;
}

// Decide what follows a failure; when to start again, 0: never.
static uint64_t after_failure(struct component *c, uint64_t now)
{
    unsigned recent = recent_restarts(c, now);
    log_line("%s ended by %s; %u of %u failures", c->spec->name, death_name(c->last_death), recent,
             c->spec->restart_limit);
    if (c->spec->restart == RESTART_NEVER) return 0;
    if (recent == 0) c->rung = 0;
    // It may be we who start it wrongly.
    if (recent >= c->spec->restart_limit && twin_doubt(TWIN_SUPERVISOR, "it fails again and again"))
        return now + TWIN_DOUBT_NS;
    if (recent >= c->spec->restart_limit && !escalate(c)) return 0;
    note_restart(c, now);
    if (c->spec->restart == RESTART_REST_FOR_ONE) restart_rest(c);
    return now + backoff_ns(recent);
}

static _Bool brought_it_about(const struct component *c)
{
    return death_is_own(c->last_death) || c->last_death == DEATH_EXIT || c->last_death == DEATH_CEILING;
}

void component_bury(struct component *c)
{
    if (brought_it_about(c) && !c->is_examined) {
        evidence_take(c);
        c->is_examined = 1;
        return;
    }
    uint64_t now = now_ns();
    update_failed(c);
    _Bool failed = death_is_failure(c->last_death);
    instance_destroy(c);
    quiesce(c);
    if (c->last_death == DEATH_EXIT && c->exit_code == 0) {
        c->state = STATE_ENDED;
        return;
    }
    if (!failed && c->last_death < DEATH_DOUBT) log_line("%s ended by %s", c->spec->name, death_name(c->last_death));
    c->retry_at = failed ? after_failure(c, now) : now;
    c->state = STATE_BACKOFF;
    if (c->retry_at == 0) degrade(c);
}
