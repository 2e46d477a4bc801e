// SPDX-License-Identifier: MIT
// What an operator asks about components: SUPERVISOR_LIST, _SHOW and _GRANT. Nothing here changes anything.
#include "servers/supervisor/supervisor.h"

static uint64_t memory_of(const struct component *c)
{
    uint64_t bytes = 0;
    for (enum part part = 0; part < N_BLOCKS; part++)
        if (c->blocks[part].size_bits) bytes += 1ull << c->blocks[part].size_bits;
    return bytes;
}

// What its context has used, and what those of earlier instances had.
uint64_t component_cpu_ns(const struct component *c)
{
    uint64_t consumed = 0;
    (void)context_info(part_slot(c, PART_CONTEXT), &consumed, NULL);  // 0 between two instances
    return c->cpu_ns + consumed;
}

static void fill(struct component_status *status, const struct component *c)
{
    *status = (struct component_status){
        .state = c->state,
        .last_death = c->last_cause,
        .starts = c->info->starts,
        .started_ns = c->started_at,
        .ready_ns = c->state == STATE_READY ? c->ready_at : 0,
        .recovery_ns = c->recovery_ns,
        .recovery_max_ns = c->recovery_max_ns,
        .memory_bytes = memory_of(c),
        .cpu_ns = component_cpu_ns(c),
        .evidence = c->evidence,
        .beat_age_ns = c->answered_at ? now_ns() - c->answered_at : 0,
    };
    memcpy(status->name, c->spec->name, COMPONENT_NAME);
    memcpy(status->deaths, c->deaths, sizeof status->deaths);
    memcpy(status->usage, c->usage, sizeof status->usage);
}

static void fill_twin(struct component_status *status, enum twin twin)
{
    const struct twin_record *r = twin_record(twin);
    *status = (struct component_status){
        .state = r->state,
        .last_death = r->last_death,
        .starts = r->starts,
        .started_ns = r->started_ns,
        .ready_ns = r->state == STATE_READY ? r->ready_ns : 0,
        .recovery_ns = r->recovery_ns,
        .recovery_max_ns = r->recovery_max_ns,
        .memory_bytes = 1ull << twin_untyped_bits(twin),
        .cpu_ns = twin_cpu_ns(twin),
        .beat_age_ns = now_ns() - r->beat_ns,
    };
    if (twin == TWIN_SUPERVISOR) status->memory_bytes += 1ull << TWIN_VAULT_BITS;
    string_copy(status->name, sizeof status->name, twin_name(twin));
    memcpy(status->deaths, r->deaths, sizeof status->deaths);
}

static err_t look_up(uint64_t index, struct component_status *status)
{
    const struct system *s = the_system;
    if (index >= s->n_components + TWINS) return ERR_NOT_FOUND;
    if (index < s->n_components)
        fill(status, &s->components[index]);
    else
        fill_twin(status, (enum twin)(index - s->n_components));
    status->now_ns = now_ns();
    return OK;
}

err_t status_list(struct message *m)
{
    struct component_status status;
    err_t err = look_up(m->words[0], &status);
    if (err != OK) return err;
    m->words[0] = status.state;
    m->words[1] = status.starts;
    m->words[2] = status.memory_bytes;
    m->words[3] = status.deaths[DEATH_DOUBT] + status.deaths[DEATH_RENEWAL];
    memcpy(&rt_utcb()->words[SUPERVISOR_TEXT_WORD], status.name, COMPONENT_NAME);
    return OK;
}

err_t status_show(uint64_t index)
{
    struct component_status status;
    err_t err = look_up(index, &status);
    if (err == OK) memcpy(&rt_utcb()->words[SUPERVISOR_TEXT_WORD], &status, sizeof status);
    return err;
}

err_t status_grant(struct message *m)
{
    const struct component *c = m->words[0] < MANIFEST_COMPONENTS ? component_at((unsigned)m->words[0]) : NULL;
    if (!c || m->words[1] >= c->spec->n_grants) return ERR_NOT_FOUND;
    const struct manifest_grant *given = &c->spec->grants[m->words[1]];
    m->words[0] = given->kind;
    m->words[1] = given->peer;
    m->words[2] = given->detail;
    memcpy(&rt_utcb()->words[SUPERVISOR_TEXT_WORD], given->name, sizeof given->name);
    return OK;
}
