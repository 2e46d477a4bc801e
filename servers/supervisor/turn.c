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
        vault.state->root = vault_alloc(2 * sizeof *the_system);
    } else {
        vault_put_right();
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

// FNV-1a over the n bytes of a plan; the seal stands behind them.
static uint64_t seal_of(const void *plan, size_t n)
{
    uint64_t hash = 0xcbf29ce484222325;
    const uint8_t *bytes = plan;
    for (size_t i = 0; i < n; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}

static _Bool is_sealed(const void *plan, size_t n)
{
    uint64_t seal;
    memcpy(&seal, (const uint8_t *)plan + n, sizeof seal);
    return seal == seal_of(plan, n);
}

static void *copy_of(unsigned i) { return the_system->plans + i * (PLAN_BYTES + sizeof(uint64_t)); }

static void keep_plan(void *plan, void *copy, size_t n)
{
    uint64_t seal = seal_of(plan, n);
    memcpy((uint8_t *)plan + n, &seal, sizeof seal);
    memcpy(copy, plan, n + sizeof seal);
}

// What does not change any more comes from its copy if it has.
static void check_plan(void *plan, const void *copy, size_t n, const char *what)
{
    if (is_sealed(plan, n)) return;
    if (!is_sealed(copy, n)) twin_reboot("what the supervisor knows of %s is damaged", what);
    log_line("the plan of %s was damaged", what);
    memcpy(plan, copy, n + sizeof(uint64_t));
}

void system_built(void)
{
    for (unsigned i = 0; i < the_system->n_components; i++)
        keep_plan(&the_system->components[i], copy_of(i), PLAN_BYTES);
    keep_plan(the_system, the_system + 1, SYSTEM_PLAN_BYTES);
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
    if (c->last_death >= COMPONENT_DEATHS) c->last_death = DEATH_DOUBT;
    if (c->n_restarts > RESTARTS_KEPT) c->n_restarts = 0;
    if (c->beat_at > now + c->spec->heartbeat_ns) c->beat_at = now;
    if (c->retry_at > now + BACKOFF_MAX_NS) c->retry_at = now;
    update_mend(c);
}

void system_check(void)
{
    check_plan(the_system, the_system + 1, SYSTEM_PLAN_BYTES, "the system");
    for (unsigned i = 0; i < the_system->n_components; i++) {
        struct component *c = &the_system->components[i];
        check_plan(c, copy_of(i), PLAN_BYTES, "a component");
        mend(c, now_ns());
    }
}
