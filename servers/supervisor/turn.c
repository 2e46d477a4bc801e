// SPDX-License-Identifier: MIT
// The supervisor's vault: what it knows of the system outlives it, and a turn of its loop counts as a whole or not at all.
//
// The undo log is lib/server's: the compiler notes the old value before each store to the vault. The loop is not, since
// our requests are not run again: the callers' stubs send them again, and everything else is found by looking at what
// is.
#include "lib/server/vault_layout.h"
#include "servers/supervisor/supervisor.h"

#define VERSION 1

struct system *the_system;

_Bool system_attach(void)
{
    _Bool found = vault_open((void *)COMPONENT_VAULT_ADDRESS, 1ull << TWIN_VAULT_BITS);
    if (!found) {
        vault_clear();
        vault.state->root = vault_alloc(sizeof *the_system);
    }
    the_system = vault.state->root;
    if (!found) return 0;
    const char *wrong = vault_check(1);  // it holds no slots
    if (wrong || vault.state->version != VERSION)
        twin_reboot("the supervisor's vault: %s", wrong ? wrong : "another's");
    vault_start_logging();
    if (vault.header->phase == STEP_RUNNING) step_rollback();
    return 1;
}

// FNV-1a over the plan.
static uint64_t seal_of(const void *plan)
{
    uint64_t hash = 0xcbf29ce484222325;
    const uint8_t *bytes = plan;
    for (size_t i = 0; i < PLAN_BYTES; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}

static uint8_t *copy_of(unsigned i) { return the_system->plans + i * PLAN_BYTES; }

void system_built(void)
{
    for (unsigned i = 0; i < the_system->n_components; i++) {
        the_system->components[i].seal = seal_of(&the_system->components[i]);
        memcpy(copy_of(i), &the_system->components[i], PLAN_BYTES);
    }
    vault_finish(VERSION);
    vault_start_logging();
    twins()->built = 1;
}

void turn_begin(void)
{
    step_prepare();
    step_record();
}

void turn_end(void) { step_commit(); }

// Numbers that lead somewhere come back into their bounds, and times that we would wait for in vain; figures for people may
// stay wrong.
static void mend(struct component *c, uint64_t now)
{
    if (c->n_restarts > RESTARTS_KEPT) c->n_restarts = 0;
    if (c->beat_at > now + c->spec->heartbeat_ns) c->beat_at = now;
    if (c->retry_at > now + BACKOFF_MAX_NS) c->retry_at = now;
}

void system_check(void)
{
    const struct system *s = the_system;
    if (s->n_components > MANIFEST_COMPONENTS) twin_reboot("the supervisor's vault is damaged");
    for (unsigned i = 0; i < s->n_components; i++) {
        struct component *c = &s->components[i];
        if (c->seal != seal_of(c) && c->seal == seal_of(copy_of(i))) {
            log_line("the plan of component %u was damaged", i);
            memcpy(c, copy_of(i), PLAN_BYTES);
        }
        if (c->state >= COMPONENT_STATES || c->last_death >= COMPONENT_DEATHS || c->seal != seal_of(c))
            twin_reboot("what the supervisor knows of component %u is damaged", i);
        mend(c, now_ns());
    }
}
