// SPDX-License-Identifier: MIT
// Watching: beats, deaths, how often a twin may fail, injected kills. Building an instance is twin_start.c.
//
// An interval after which we ourselves come late says nothing about the other: the machine stood still.
#include "lib/twin/twin_start.h"

#define MS 1000000ull
#define BEATS_MISSED_MAX 3
#define LATENESS_NS (TWIN_BEAT_NS / 4)
#define DOUBT_NS (1000 * MS)
#define BUILD_BEATS 1000  // while it builds the system, once at boot
#define WATCHDOG_NS (200 * MS)
#define FAILURES_KEPT (sizeof((struct twin_record *)0)->failures_ns / sizeof(uint64_t))
#define FAILURES_PERIOD_NS (1000 * MS)  // with more than the kept ones in it, the machine restarts

static uint64_t looked_ns;  // when we last looked: what we saw then was
static uint64_t seen_ns;    // the other's beat
static uint64_t seen_waited_ns, seen_progress;
static uint64_t look_ns;  // when to look again
static unsigned n_missed;
static uint64_t watchdog_due_ns;

const char *twin_name(enum twin twin)
{
    static const char *const names[TWINS] = {[TWIN_SUPERVISOR] = "supervisor", [TWIN_GUARDIAN] = "guardian"};
    return names[twin];
}

void twin_reboot(const char *format, ...)
{
    char why[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    log_line("restarting the machine: %s", why);
    (void)system_power(BOOT_SLOT_SYSTEM, POWER_REBOOT, 0);
    panic("the machine does not restart");
}

void twin_waits(enum twin self) { twin_record(self)->waits_since = now_ns(); }

// Until when it has waited altogether, if it goes on then.
static uint64_t waited_ns(const struct twin_record *r, uint64_t then)
{
    return r->waited_ns + (r->waits_since && then > r->waits_since ? then - r->waits_since : 0);
}

static void wait_ended(struct twin_record *r, uint64_t then)
{
    r->waited_ns = waited_ns(r, then);
    r->waits_since = 0;
}

void twin_goes_on(enum twin self) { wait_ended(twin_record(self), now_ns()); }

// ERR_RESTARTED makes a caller's stub send again and a faulting thread run into its fault again.
void twin_attach(enum twin self)
{
    if (twins()->magic != TWINS_MAGIC) twin_reboot("what supervisor and guardian share is damaged");
    wait_ended(twin_record(self), twin_record(self)->died_ns);
    struct cap_identity reply;
    uint32_t slot = twin_slot(self, TWIN_REPLY);
    if (cspace_identify(BOOT_SLOT_CSPACE, slot, &reply) != OK) return;
    struct message m = {.info = INFO(ERR_RESTARTED, 0, 0)};
    (void)sys_reply(slot, reply.detail, &m);
}

static void serve(struct twin_record *r, enum twin self, uint64_t now)
{
    r->ready_ns = now;
    r->state = STATE_READY;
    if (r->starts < 2) return;
    r->recovery_ns = now - r->died_ns;
    if (r->recovery_ns > r->recovery_max_ns) r->recovery_max_ns = r->recovery_ns;
    log_line("%s serves again, %lu us after its death", twin_name(self), r->recovery_ns / 1000);
}

// An injected hang, as real as it can be.
static void hang_if_due(struct twin_record *r, uint64_t now)
{
    if (now < r->hang_ns) return;
    r->hang_ns = NS_FOREVER;
    for (;;) __asm__ volatile("");
}

void twin_beat(enum twin self)
{
    struct twin_record *r = twin_record(self);
    uint64_t now = now_ns();
    hang_if_due(r, now);
    r->beat_ns = now;
    if (r->state != STATE_READY) serve(r, self, now);
    if (!twins()->built || now < watchdog_due_ns) return;
    watchdog_due_ns = now + TWIN_BEAT_NS;
    (void)system_watchdog(BOOT_SLOT_SYSTEM, now + WATCHDOG_NS);
}

_Bool twin_doubt(enum twin self, const char *what)
{
    struct twin_record *r = twin_record(self);
    uint64_t now = now_ns();
    if (r->doubted_ns != 0 && now - r->doubted_ns < DOUBT_NS) return 0;
    r->doubted_ns = now;
    log_line("%s: is it so?", what);
    r->plan_due = DEATH_DOUBT;  // the other looks within a beat
    return 1;
}

static const char *death_name(enum component_death death)
{
    switch (death) {
    case DEATH_KILLED: return "a kill";
    case DEATH_HANG: return "a hang";
    case DEATH_PLANNED:
    case DEATH_DOUBT: return "plan";
    default: return "a fault";
    }
}

// What it was doing. The thread is blocked in its fault, or interrupted in its loop.
static void take_evidence(enum twin other, struct twin_record *r, const uint64_t *fault)
{
    for (unsigned i = 0; i < FAULT_WORDS; i++) r->fault[i] = fault ? fault[i] : 0;
    r->evidence_due = thread_get_registers(twin_thread(other), &r->registers) == OK;
    log_line("%s stood at pc %lx sp %lx", twin_name(other), r->registers.pc, r->registers.sp);
}

// The next twin_watch() restarts it.
static void died(enum twin other, enum component_death death, const uint64_t *fault)
{
    struct twin_record *r = twin_record(other);
    if (r->state == STATE_DEAD) return;
    if (death_is_own(death)) take_evidence(other, r, fault);
    r->last_death = death;
    r->deaths[death]++;
    r->died_ns = now_ns();
    r->state = STATE_DEAD;
    log_line("%s ended by %s", twin_name(other), death_name(death));
}

void twin_fault(enum twin other, const struct message *m)
{
    if (INFO_LABEL(m->info) != KMSG_FAULT) return;
    if (m->badge != BADGE_TWIN_FAULT(other, twin_record(other)->starts)) return;
    switch (twin_order_strike(other, m->words)) {
    case STRIKE_NONE: break;
    case STRIKE_KILL: died(other, DEATH_KILLED, NULL); return;
    case STRIKE_DONE: return;
    }
    log_line("%s: fault %lu, address %lx, code %lx", twin_name(other), m->words[FAULT_WORD_KIND],
             m->words[FAULT_WORD_ADDRESS], m->words[FAULT_WORD_CODE]);
    died(other, DEATH_FAULT, m->words);
}

// Its own deaths may not follow each other too fast; a kill from outside is none.
static void check_failures(enum twin other, struct twin_record *r)
{
    if (!death_is_own(r->last_death) || r->starts == 0) return;
    uint64_t *oldest = &r->failures_ns[r->n_failures % FAILURES_KEPT];
    if (r->n_failures >= FAILURES_KEPT && r->died_ns - *oldest < FAILURES_PERIOD_NS)
        twin_reboot("%s fails again and again", twin_name(other));
    *oldest = r->died_ns;
    r->n_failures++;
}

static void restart(enum twin other, struct twin_record *r)
{
    if (r->starts > 0 && !twins()->built) {
        log_line("the system could not be built");
        (void)system_power(BOOT_SLOT_SYSTEM, POWER_EXIT, TWIN_EXIT_UNBUILT);
    }
    check_failures(other, r);
    r->cpu_ns = twin_cpu_ns(other);
    r->starts++;
    err_t err = twin_start(other);
    if (err != OK) twin_reboot("%s cannot be started: %s", twin_name(other), err_name(err));
    n_missed = 0;
    looked_ns = now_ns();
    look_ns = looked_ns + TWIN_BEAT_NS;
}

// It was busy for most of the time and has brought nothing about. A loop that turns without end shows beats, too, and may keep
// others busy that answer it, on whose time it then runs.
static _Bool turns_idly(const struct twin_record *r, uint64_t now, uint64_t elapsed_ns)
{
    return r->progress == seen_progress && waited_ns(r, now) - seen_waited_ns < elapsed_ns / 2;
}

static void look(enum twin other, struct twin_record *r, uint64_t now)
{
    uint64_t elapsed_ns = now - looked_ns;
    _Bool punctual = elapsed_ns < TWIN_BEAT_NS + LATENESS_NS;
    look_ns = now + TWIN_BEAT_NS;
    if (elapsed_ns < TWIN_BEAT_NS) return;
    if (r->beat_ns != seen_ns && !turns_idly(r, now, elapsed_ns))
        n_missed = 0;
    else if (punctual)
        n_missed++;
    looked_ns = now;
    seen_ns = r->beat_ns;
    seen_waited_ns = waited_ns(r, now);
    seen_progress = r->progress;
    if (n_missed > (twins()->built ? BEATS_MISSED_MAX : BUILD_BEATS)) died(other, DEATH_HANG, NULL);
}

static void kill_if_due(enum twin other, struct twin_record *r, uint64_t now)
{
    if (r->state == STATE_DEAD) return;
    if (r->plan_due) {
        enum component_death why = r->plan_due == DEATH_PLANNED ? DEATH_PLANNED : DEATH_DOUBT;
        r->plan_due = DEATH_NONE;
        died(other, why, NULL);
    }
    if (now < r->kill_ns) return;
    died(other, DEATH_KILLED, NULL);
    r->kill_ns = r->kill_every_ns ? now + r->kill_every_ns : NS_FOREVER;
}

uint64_t twin_watch(enum twin other)
{
    struct twin_record *r = twin_record(other);
    uint64_t now = now_ns();
    if (look_ns == 0) {
        looked_ns = now;
        look_ns = now + TWIN_BEAT_NS;
    }
    kill_if_due(other, r, now);
    if (now >= look_ns && r->state != STATE_DEAD) look(other, r, now);
    if (r->state == STATE_DEAD) restart(other, r);
    return r->kill_ns < look_ns ? r->kill_ns : look_ns;
}

// `WORD=NAME@US...` of the command line, from the number on; null: there is none.
static const char *word_for(const char *command_line, const char *word, enum twin twin)
{
    char start[32];
    int n = snprintf(start, sizeof start, "%s=%s@", word, twin_name(twin));
    for (const char *p = command_line; *p != '\0'; p++)
        if (strncmp(p, start, (size_t)n) == 0) return p + n;
    return NULL;
}

void twin_faults_parse(enum twin twin, const char *command_line)
{
    struct twin_record *r = twin_record(twin);
    const char *kill = word_for(command_line, "kill", twin), *hang = word_for(command_line, "hang", twin), *end;
    r->kill_ns = kill ? string_to_number(kill, &end) * 1000 : NS_FOREVER;
    r->kill_every_ns = kill && *end == '+' ? string_to_number(end + 1, NULL) * 1000 : 0;
    r->hang_ns = hang ? string_to_number(hang, NULL) * 1000 : NS_FOREVER;
}
