// SPDX-License-Identifier: MIT
// Who of supervisor and guardian counts as hung, and what follows from deaths. The guardian watches the supervisor here; the
// clock goes on as the test says. Links twin_test.c, which includes what it tests: the page of both lies elsewhere here.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "lib/rt/utcb.h"
#include "protocols/twins.h"
static struct utcb the_utcb;
#define rt_utcb() (&the_utcb)
static struct twins the_twins;
#undef TWIN_PAGE_ADDRESS
#define TWIN_PAGE_ADDRESS ((uintptr_t)&the_twins)
#include "lib/twin/twin.c"

static unsigned n_tests, n_failed;

static void ok(int passed, const char *name)
{
    printf("%sok %u - twin: %s\n", passed ? "" : "not ", ++n_tests, name);
    n_failed += !passed;
}

// --- the kernel, and the making of instances

static uint64_t now = 1000 * MS;
static unsigned n_starts;
static jmp_buf rebooted;

uint64_t now_ns(void) { return now; }
err_t rt_syscall(unsigned number, uint64_t cap, uint64_t reply_slot, struct message *m, uint64_t deadline)
{
    (void)number, (void)cap, (void)reply_slot, (void)deadline;
    *m = (struct message){0};
    return OK;
}
uint64_t twin_cpu_ns(enum twin twin) { return (uint64_t)twin; }
uint32_t twin_thread(enum twin twin) { return (uint32_t)twin; }
enum twin_strike twin_order_strike(enum twin twin, const uint64_t words[MSG_REGISTERS])
{
    return (void)twin, (void)words, STRIKE_NONE;
}
err_t twin_start(enum twin twin)
{
    twin_record(twin)->state = STATE_STARTING;
    n_starts++;
    return OK;
}
const char *err_name(err_t err) { return err == OK ? "OK" : "error"; }
uint64_t string_to_number(const char *s, const char **end) { return (void)s, (void)end, 0; }
void log_line(const char *format, ...) { (void)format; }
_Noreturn void panic(const char *format, ...)
{
    (void)format;
    longjmp(rebooted, 1);
}

// --- the supervisor, as the guardian sees it

static struct twin_record *const r = &the_twins.records[TWIN_SUPERVISOR];

// It goes round its loop once a millisecond for so long, and waits a part of each.
static void live(uint64_t duration_ns, uint64_t waits_ns, unsigned progress)
{
    for (uint64_t end = now + duration_ns; now < end;) {
        twin_beat(TWIN_SUPERVISOR);
        r->progress += progress;
        now += MS - waits_ns;
        twin_waits(TWIN_SUPERVISOR);
        now += waits_ns;
        (void)twin_watch(TWIN_SUPERVISOR);
        twin_goes_on(TWIN_SUPERVISOR);
    }
}

// Nothing is heard of it.
static void stand_still(uint64_t duration_ns)
{
    for (uint64_t end = now + duration_ns; now < end; now += MS) (void)twin_watch(TWIN_SUPERVISOR);
}

static unsigned deaths(enum component_death death)
{
    unsigned n = (unsigned)r->deaths[death];
    r->deaths[death] = 0;
    return n;
}

static void begin(void)
{
    *twins() = (struct twins){.magic = TWINS_MAGIC, .built = 1};
    for (unsigned i = 0; i < TWINS; i++) twins()->records[i].kill_ns = twins()->records[i].hang_ns = NS_FOREVER;
    r->state = STATE_STARTING;
    r->starts = 1;
    n_starts = 0;
}

static void test_hangs(void)
{
    begin();
    live(200 * MS, MS - 1000, 0);
    ok(deaths(DEATH_HANG) == 0, "who waits for something to do lives");
    twin_waits(TWIN_SUPERVISOR);
    for (unsigned i = 0; i < 20; i++) {
        now += 9 * MS;
        twin_record(TWIN_SUPERVISOR)->beat_ns = now;
        now += MS;
        (void)twin_watch(TWIN_SUPERVISOR);
    }
    twin_goes_on(TWIN_SUPERVISOR);
    ok(deaths(DEATH_HANG) == 0, "and whose wait is long");
    live(200 * MS, 1000, 1);
    ok(deaths(DEATH_HANG) == 0, "who is busy and brings something about lives");
    live(60 * MS, MS / 4, 0);
    ok(deaths(DEATH_HANG) == 1 && n_starts == 1, "who is busy and brings nothing about hangs");
    stand_still(45 * MS);
    ok(deaths(DEATH_HANG) == 1 && n_starts == 2, "and who stands still");
}

static void test_ends(void)
{
    begin();
    r->plan_due = DEATH_PLANNED;
    live(2 * MS, MS / 2, 0);
    ok(deaths(DEATH_PLANNED) == 1 && n_starts == 1 && r->plan_due == 0, "an end by plan comes once");
    r->kill_ns = now + 5 * MS;
    live(20 * MS, MS / 2, 0);
    ok(deaths(DEATH_KILLED) == 1 && n_starts == 2 && r->kill_ns == NS_FOREVER, "and a kill when it is due");
}

static void test_doubt(void)
{
    begin();
    ok(twin_doubt(TWIN_SUPERVISOR, "a test") && r->plan_due == DEATH_DOUBT, "a doubt ends the instance");
    r->plan_due = 0;
    ok(!twin_doubt(TWIN_SUPERVISOR, "a test") && r->plan_due == 0, "but not the next one's that comes to the same");
    now += 2000 * MS;
    ok(twin_doubt(TWIN_SUPERVISOR, "a test"), "later it does again");
}

static void test_again_and_again(void)
{
    volatile unsigned n = 0;
    begin();
    if (!setjmp(rebooted))
        for (; n < 20; n++) stand_still(45 * MS);
    ok(n >= 4 && n < 20, "when it hangs again and again the machine begins anew");
}

int main(void)
{
    test_hangs();
    test_ends();
    test_doubt();
    test_again_and_again();
    printf("1..%u\n", n_tests);
    return n_failed != 0;
}
