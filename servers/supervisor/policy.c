// SPDX-License-Identifier: MIT
// What happens to components over time: starting when their turn comes, heartbeats, deaths, restarts, giving up.
//
// The words are OTP's: one_for_one restarts the component that died, rest_for_one those after it in start order as
// well; more than `restart_limit` failures within the period escalate: the component is declared degraded and its
// endpoint destroyed, so that callers get an error instead of waiting. After a first failure it restarts at once, after
// further ones in the period with a growing delay, so that a crash loop starves nobody. A kill from outside is no
// failure.
#include "servers/supervisor/supervisor.h"

#define US 1000ull
#define MS 1000000ull
#define BACKOFF_FIRST_NS (10 * MS)
#define BACKOFF_MAX_NS (1000 * MS)
#define START_LIMIT_NS (30000 * MS)   // from the first start to ready: there may be much to set up
#define RESTART_LIMIT_NS (1000 * MS)  // the same for a restart
#define BEATS_MAX 2                   // heartbeats in a row without an answer
#define BEAT_LATENESS 8               // part of an interval that we may come late

static const char *death_name(enum component_death death)
{
    static const char *const names[COMPONENT_DEATHS] = {
        "nothing", "a kill", "its own exit", "a fault", "a hang", "an overrun of its budget", "growth", "plan"};
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
    (void)cspace_delete(part_slot(c, PART_CSPACE), SLOT_DYNAMIC, c->info->cspace_slots - SLOT_DYNAMIC);
}

static _Bool runs(const struct component *c) { return c->state == STATE_STARTING || c->state == STATE_READY; }

// Nothing is taken down in this turn: once the death is committed it cannot be forgotten.
// @path crash-restart 2/6: the death is committed before anything is done about it
void component_died(struct component *c, enum component_death death)
{
    if (!runs(c)) return;
    c->state = STATE_DEAD;
    c->last_death = death;
    c->deaths[death]++;
    c->died_at = now_ns();
    c->beat_open = 0;
    c->beats_missed = 0;
}

static _Bool is_failure(enum component_death death) { return death != DEATH_KILLED && death != DEATH_PLANNED; }

// Those after it in start order begin anew with it.
static void restart_rest(const struct component *c)
{
    for (unsigned i = c->index + 1; i < the_system->n_components; i++)
        component_died(&the_system->components[i], DEATH_PLANNED);
}

// Take the dead instance down and decide what follows.
static void bury(struct component *c)
{
    uint64_t now = now_ns();
    enum component_death death = c->last_death;
    instance_destroy(c);
    if (death == DEATH_EXIT && c->exit_code == 0) {
        c->state = STATE_ENDED;
        return;
    }
    unsigned recent = 0;
    if (is_failure(death)) {
        recent = recent_restarts(c, now);
        note_restart(c, now);
    }
    if (c->spec->restart == RESTART_NEVER || recent >= c->spec->restart_limit) {
        degrade(c);
        return;
    }
    if (c->is_failed) durable_empty(c);
    c->is_failed = 0;
    c->state = STATE_BACKOFF;
    c->retry_at = now + backoff_ns(recent);
    log_line("%s ended by %s; %u of %u failures", c->spec->name, death_name(death), recent, c->spec->restart_limit);
    if (c->spec->restart == RESTART_REST_FOR_ONE && is_failure(death)) restart_rest(c);
}

void component_compare(struct component *c)
{
    uint64_t state = THREAD_STATE_STOPPED;
    if (!runs(c)) return;
    if (thread_info(part_slot(c, PART_THREAD), &state, NULL, NULL) != OK || state == THREAD_STATE_STOPPED)
        component_died(c, DEATH_KILLED);
}

void component_failed(struct component *c)
{
    log_line("%s: its vault is of no use", c->spec->name);
    c->exit_code = 1;
    c->is_failed = 1;
    component_died(c, DEATH_EXIT);
}

static void start(struct component *c, uint64_t now)
{
    c->state = STATE_STARTING;
    c->started_at = now;
    err_t err = instance_start(c);
    if (err == OK) caps_log(c);
    if (err != OK) {
        log_line("%s cannot be started: %s", c->spec->name, err_name(err));
        component_died(c, DEATH_FAULT);
    }
}

static _Bool may_start(const struct component *c)
{
    for (unsigned i = 0; i < the_system->n_components; i++)
        if ((c->spec->starts_after >> i & 1) && !the_system->components[i].was_ready) return 0;
    return 1;
}

// Does it call a component that does not answer either, or is starting? Then it may wait for that one, which is to blame.
static _Bool is_excused(const struct component *c)
{
    for (unsigned i = 0; i < c->spec->n_grants; i++) {
        if (c->spec->grants[i].kind != COMPONENT_CAP_CALL) continue;
        const struct component *peer = component_at(c->spec->grants[i].peer);
        if (peer->state == STATE_STARTING || peer->state == STATE_BACKOFF) return 1;
        if (peer->state == STATE_READY && peer->beat_open && peer->beats_missed > 0) return 1;
    }
    return 0;
}

// Send a heartbeat when it is due. A component has one whole interval for its answer, and one more of grace. An
// interval after which we ourselves come late says nothing: the machine stood still (an emulator on a busy host).
static uint64_t beat(struct component *c, uint64_t now)
{
    if (c->spec->heartbeat_ns == 0) return NS_FOREVER;
    if (now < c->beat_at) return c->beat_at;
    _Bool punctual = now - c->beat_at < c->spec->heartbeat_ns / BEAT_LATENESS;
    if (!c->beat_open)
        c->beats_missed = 0;
    else if (punctual)
        c->beats_missed++;
    if (c->beats_missed >= BEATS_MAX && is_excused(c)) c->beats_missed = 0;
    if (c->beats_missed >= BEATS_MAX) {
        component_died(c, DEATH_HANG);
        return now;
    }
    c->beat_open = 1;
    c->beat_at = now + c->spec->heartbeat_ns;
    (void)sys_signal(part_slot(c, PART_BEAT));
    return c->beat_at;
}

// A restart takes over what is there; when the step that is run again hangs, it shall not take long to be seen.
static uint64_t start_limit(const struct component *c) { return c->was_ready ? RESTART_LIMIT_NS : START_LIMIT_NS; }

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t watch(struct component *c, uint64_t now)
{
    if (now >= c->kill_at) {
        c->kill_at = c->kill_every ? c->kill_at + c->kill_every : NS_FOREVER;
        component_died(c, DEATH_KILLED);
        return now;
    }
    if (c->state == STATE_READY) return earlier(c->kill_at, beat(c, now));
    if (now - c->started_at > start_limit(c)) {
        component_died(c, DEATH_HANG);
        return now;
    }
    return earlier(c->kill_at, c->started_at + start_limit(c) + 1);
}

uint64_t component_converge(struct component *c, uint64_t now)
{
    switch (c->state) {
    case STATE_WAITING:
        if (may_start(c)) start(c, now);
        return NS_FOREVER;
    case STATE_BACKOFF:
        if (now < c->retry_at) return c->retry_at;
        start(c, now);  // @path crash-restart 4/6: the next instance gets the same vault
        return now;
    case STATE_DEAD: bury(c); return now;
    case STATE_STARTING:
    case STATE_READY: return watch(c, now);
    case STATE_DEGRADED:
    case STATE_ENDED:
    case COMPONENT_STATES: return NS_FOREVER;
    }
    return NS_FOREVER;
}

// All components serve for the first time.
static void announce(void)
{
    struct system *s = the_system;
    for (unsigned i = 0; i < s->n_components; i++)
        if (!s->components[i].was_ready) return;
    s->announced = 1;
    struct system_figures figures;
    (void)system_info(BOOT_SLOT_SYSTEM, &figures);
    uint64_t bundle = bundle_header()->size_bytes;
    uint64_t kernel = figures.kernel_text_bytes + figures.kernel_data_bytes;
    log_line(
        "system ready: %u components, %lu KiB used beside pools (kernel %lu, bundle %lu, components %lu), pools %lu "
        "KiB",
        s->n_components, (kernel + bundle + s->bytes_used) >> 10, kernel >> 10, bundle >> 10, s->bytes_used >> 10,
        s->bytes_in_pools >> 10);
}

void component_ready(struct component *c)
{
    uint64_t now = now_ns();
    if (c->state != STATE_STARTING) return;
    c->state = STATE_READY;
    c->was_ready = 1;
    c->ready_at = c->answered_at = now;
    c->beat_at = now + c->spec->heartbeat_ns;
    if (c->died_at) {
        c->recovery_ns = now - c->died_at;
        if (c->recovery_ns > c->recovery_max_ns) c->recovery_max_ns = c->recovery_ns;
        log_line("%s serves again, %lu us after its death, %lu us after its start", c->spec->name,
                 c->recovery_ns / 1000, (now - c->started_at) / 1000);
    }
    if (!the_system->announced) announce();
}

void component_answered(struct component *c, const uint64_t usage[USAGE_KINDS])
{
    memcpy(c->usage, usage, sizeof c->usage);
    c->beat_open = 0;
    c->answered_at = now_ns();
}

// --- injected faults: kill=NAME@US or kill=NAME@US+PERIOD_US in the boot command line, microseconds after boot

static struct component *component_named(const char *name, size_t n)
{
    for (unsigned i = 0; i < the_system->n_components; i++) {
        const char *candidate = the_system->components[i].spec->name;
        if (strlen(candidate) == n && strncmp(candidate, name, n) == 0) return &the_system->components[i];
    }
    return NULL;
}

void faults_parse(void)
{
    for (const char *p = the_system->command_line; *p != '\0'; p++) {
        if (strncmp(p, "kill=", 5) != 0) continue;
        const char *name = p + 5, *at = strchr(name, '@');
        struct component *c = at ? component_named(name, (size_t)(at - name)) : NULL;
        if (!c) continue;
        const char *end;
        c->kill_at = string_to_number(at + 1, &end) * US;
        c->kill_every = *end == '+' ? string_to_number(end + 1, NULL) * US : 0;
    }
}
