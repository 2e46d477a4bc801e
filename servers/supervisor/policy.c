// SPDX-License-Identifier: MIT
// What happens to components over time: starting when their turn comes, heartbeats, growth. What follows a death is
// failure.c's matter.
//
// Heartbeats are counted, not timed: an interval after which we ourselves come late says nothing, since the machine stood
// still (an emulator on a busy host), and neither does one through which we were busy ourselves. The same count limits how
// long a start takes.
#include "servers/supervisor/supervisor.h"

#define MS 1000000ull
#define START_LIMIT_NS (5000 * MS)  // a first start: there may be much to set up
#define BEATS_MAX 2                 // heartbeats in a row without an answer, or, after a death, until it is ready
#define BEAT_LATENESS 8             // part of an interval that we may come late, and that we must leave to others
#define CEILING_WARNING(bytes) ((bytes) / 8 * 7)  // growth up to here is followed by a restart by plan

void component_compare(struct component *c)
{
    uint64_t state = THREAD_STATE_STOPPED;
    if (!component_runs(c)) return;
    if (c->beat_open) (void)sys_signal(part_slot(c, PART_BEAT));  // our predecessor may have died before that
    if (thread_info(part_slot(c, PART_THREAD), &state, NULL, NULL) != OK || state == THREAD_STATE_STOPPED)
        component_died(c, DEATH_KILLED);
}

void component_failed(struct component *c)
{
    log_line("%s: its vault is of no use", c->spec->name);
    c->exit_code = 1;
    c->cold = 1;
    component_died(c, DEATH_EXIT);
}

static void start(struct component *c, uint64_t now)
{
    c->state = STATE_STARTING;
    c->started_at = now;
    c->beat_at = now + c->spec->heartbeat_ns;
    c->beat_open = 1;
    c->beats_missed = 0;
    twin_record(TWIN_SUPERVISOR)->progress++;
    if (c->cold) durable_empty(c);
    err_t err = instance_start(c);
    if (err == OK) caps_log(c);
    if (err != OK) {
        char what[80];
        snprintf(what, sizeof what, "%s cannot be started: %s", c->spec->name, err_name(err));
        if (twin_doubt(TWIN_SUPERVISOR, what)) {
            c->state = STATE_BACKOFF;
            c->retry_at = now + TWIN_DOUBT_NS;
            return;
        }
        log_line("%s", what);
        component_died(c, DEATH_FAULT);
    }
}

static _Bool may_start(const struct component *c)
{
    for (unsigned i = 0; i < the_system->n_components; i++)
        if ((c->spec->starts_after >> i & 1) && !the_system->components[i].was_ready) return 0;
    return 1;
}

// Does it call a component that does not answer either, or did not serve a moment ago? Then it may have waited for that
// one, which is to blame.
static _Bool is_excused(const struct component *c, uint64_t now)
{
    for (unsigned i = 0; i < c->spec->n_grants; i++) {
        if (c->spec->grants[i].kind != COMPONENT_CAP_CALL) continue;
        const struct component *peer = component_at(c->spec->grants[i].peer);
        if (peer->state == STATE_STARTING || peer->state == STATE_BACKOFF || peer->state == STATE_DEAD) return 1;
        if (peer->state != STATE_READY) continue;
        if (peer->beat_open && peer->beats_missed > 0) return 1;
        if (now - peer->ready_at < c->spec->heartbeat_ns) return 1;
    }
    return 0;
}

struct component *component_peer(const struct component *c, uint64_t slot)
{
    uint64_t i = slot - SLOT_NAMED;
    return i < c->spec->n_grants && c->spec->grants[i].kind == COMPONENT_CAP_CALL
               ? component_at(c->spec->grants[i].peer)
               : NULL;
}

static uint64_t last_sign(const struct component *c)
{
    return c->answered_at > c->started_at ? c->answered_at : c->started_at;
}

// Has it called a component that answers us, but not it? That one is replaced first, once.
static _Bool waits_for_peer(const struct component *c)
{
    uint64_t state = THREAD_STATE_STOPPED;
    struct thread_registers registers;
    (void)thread_info(part_slot(c, PART_THREAD), &state, NULL, NULL);
    if (state != THREAD_STATE_BLOCKED || thread_get_registers(part_slot(c, PART_THREAD), &registers) != OK) return 0;
    struct component *peer = component_peer(c, registers.rdi);
    return peer && peer->died_at < last_sign(c) && component_doubt(peer, c);
}

// It could have begun and did not come to it: others, of higher priority, have taken all the time. That is no hang of its own.
// Once it serves, it runs on time that its clients lend, and its own says nothing.
static _Bool is_starved(const struct component *c)
{
    uint64_t state = THREAD_STATE_STOPPED;
    if (c->state != STATE_STARTING) return 0;
    (void)thread_info(part_slot(c, PART_THREAD), &state, NULL, NULL);
    return state == THREAD_STATE_READY && component_cpu_ns(c) == c->beat_cpu_ns;
}

// How many intervals in a row may pass without an answer, or without its getting ready.
static unsigned beats_allowed(const struct component *c)
{
    _Bool takes_over = c->was_ready && !c->cold;
    return c->state == STATE_READY || takes_over ? BEATS_MAX : (unsigned)(START_LIMIT_NS / c->spec->heartbeat_ns);
}

// Send a heartbeat when it is due. A component has one whole interval for its answer, and one more of grace.
static uint64_t beat(struct component *c, uint64_t now)
{
    if (c->spec->heartbeat_ns == 0) return NS_FOREVER;
    if (now < c->beat_at) return c->beat_at;
    _Bool punctual = now - c->beat_at < c->spec->heartbeat_ns / BEAT_LATENESS;
    _Bool had_time =
        twin_record(TWIN_SUPERVISOR)->waited_ns - c->beat_waited_ns >= c->spec->heartbeat_ns / BEAT_LATENESS;
    if (!c->beat_open)
        c->beats_missed = 0;
    else if (punctual && had_time && !is_starved(c))
        c->beats_missed++;
    unsigned allowed = beats_allowed(c);
    if (c->beats_missed >= allowed && is_excused(c, now))
        c->beats_missed = allowed - 1;  // it is not believed to be well
    if (c->beats_missed >= allowed && waits_for_peer(c)) c->beats_missed = allowed - 1;
    if (c->beats_missed >= allowed) {
        log_line("%s has given no sign of life for %lu us", c->spec->name, (now - last_sign(c)) / 1000);
        component_died(c, DEATH_HANG);
        return now;
    }
    c->beat_open = 1;
    c->beat_at = now + c->spec->heartbeat_ns;
    c->beat_waited_ns = twin_record(TWIN_SUPERVISOR)->waited_ns;
    c->beat_cpu_ns = component_cpu_ns(c);
    (void)sys_signal(part_slot(c, PART_BEAT));
    return c->beat_at;
}

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

// A kill is due. It may be we who think so: somebody who is killed at each start serves nobody.
static uint64_t kill(struct component *c, uint64_t now)
{
    _Bool again = c->state == STATE_STARTING && c->last_death == DEATH_KILLED;
    if (again && twin_doubt(TWIN_SUPERVISOR, "a component is killed before it serves")) return now + TWIN_DOUBT_NS;
    kills_next(&c->kills);
    component_died(c, DEATH_KILLED);
    return now;
}

static uint64_t watch(struct component *c, uint64_t now)
{
    return now >= c->kills.at ? kill(c, now) : earlier(c->kills.at, beat(c, now));
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
    case STATE_DEAD: component_bury(c); return now;
    case STATE_STARTING:
    case STATE_READY: return watch(c, now);
    case STATE_DEGRADED:
    case STATE_ENDED: return NS_FOREVER;
    case COMPONENT_STATES: break;
    }
    log_line("%s is in no state that there is: it is replaced", c->spec->name);
    c->state = STATE_STARTING;
    component_died(c, DEATH_DOUBT);
    return now;
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
    c->cold = 0;
    c->beat_open = 0;
    c->beats_missed = 0;
    c->ready_at = c->answered_at = now;
    c->beat_at = now + c->spec->heartbeat_ns;
    if (c->died_at) {
        c->recovery_ns = now - c->died_at;
        if (c->recovery_ns > c->recovery_max_ns) c->recovery_max_ns = c->recovery_ns;
        if (c->last_death < DEATH_DOUBT)
            log_line("%s serves again, %lu us after its death, %lu us after its start", c->spec->name,
                     c->recovery_ns / 1000, (now - c->started_at) / 1000);
    }
    c->events_settled = c->last_death == DEATH_RENEWAL ? EVENTS_UNSETTLED : 0;
    if (!the_system->announced) announce();
    update_ready(c);
}

// A component stands between two steps when it answers, so ending it here disturbs nothing.
static void check_growth(struct component *c, uint64_t now)
{
    uint64_t ceiling = c->spec->ceiling_bytes, used = c->usage[USAGE_BYTES];
    if (ceiling == 0 || used <= CEILING_WARNING(ceiling)) return;
    _Bool planned_lately = c->rejuvenated_at != 0 && now - c->rejuvenated_at < c->spec->restart_period_ns;
    if (used <= ceiling && planned_lately) return;
    log_line("%s has %lu KiB in use of the %lu that it may", c->spec->name, used >> 10, ceiling >> 10);
    if (used <= ceiling) c->rejuvenated_at = now;
    component_died(c, used > ceiling ? DEATH_CEILING : DEATH_PLANNED);
}

// An instance that works is replaced now and then. What it has lost without showing it, a signal that was not sent, an order
// to a device, ends there, and so does what has changed in its text or its caches: the next one audits the vault and has
// everybody who waits look again. What these ask, up to its first heartbeat, is no work.
static void renew(struct component *c, uint64_t now)
{
    uint64_t events = c->trace->n;
    if (c->events_settled == EVENTS_UNSETTLED) c->events_settled = events;
    if (c->spec->renew_ns == 0 || events == c->events_settled) return;
    if (now - c->started_at < c->spec->renew_ns || c->image_next || c->is_on_trial) return;
    component_died(c, DEATH_RENEWAL);
}

void component_answered(struct component *c, const uint64_t usage[USAGE_KINDS])
{
    memcpy(c->usage, usage, sizeof c->usage);
    c->beat_open = 0;
    c->answered_at = now_ns();
    update_confirm(c);
    check_growth(c, c->answered_at);
    renew(c, c->answered_at);
}
