// SPDX-License-Identifier: MIT
// A component that misbehaves after BEATS heartbeats, as its argument `does` says:
//
//   hang    stops answering, once             exit     ends with an error, once
//   overrun uses its budget up, once          grow     has more in use with each heartbeat; leak: slowly
//   die     faults at each start, at once
//   crash   faults soon after each start      start    hangs before it is ready, in its second life; faults in the first
//   call    calls `crash`, which does not answer, and tells what comes of it; it has no heartbeat
//   silent  answers heartbeats and, in its first life, nobody else
//   ask     calls `silent` and tells what comes of it
//
// Its vault holds a count of its lives, so the log tells a cold start from another one. It has a loop of its own: what it
// does wrong lib/server would not do.
#include "lib/rt/rt.h"
#include "protocols/supervisor.h"

#define BEATS 3
#define GROWTH_BYTES 8192
#define LEAK_BYTES 512

struct notes {
    uint64_t lives;
};

static char does[16];
static struct notes *notes;

static _Bool am(const char *kind) { return strcmp(does, kind) == 0; }

static void tell(uint32_t operation, uint64_t used_bytes)
{
    struct message m = {.info = INFO(operation, MSG_REGISTERS, 0), .words = {[USAGE_BYTES] = used_bytes}};
    (void)ipc_call(SLOT_SUPERVISOR, &m);
}

static void loop_for_ever(void)
{
    for (;;) __asm__ volatile("");
}

static void call_it(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct message m = {.info = INFO(1, 0, 0)};
        err_t err = ipc_call(cap_named("crash"), &m);
        log_line("a call ends with %s", err_name(err));
    }
}

static void ask(void)
{
    struct message m = {.info = INFO(1, 0, 0)};
    log_line("silent answers %s", err_name(ipc_call(cap_named("silent"), &m)));
}

static _Noreturn void serve(void)
{
    struct message m = {.count = 0};
    for (;;) {
        err_t err = sys_reply_wait(SLOT_ENDPOINT, SLOT_REPLY, &m, NS_FOREVER);
        if (err != OK || m.info & INFO_KERNEL) m.count = 0;
        if (err == OK && m.info & INFO_KERNEL && m.words[0] & NOTIFY_HEARTBEAT) tell(SUPERVISOR_HEARTBEAT, 0);
        m.info = INFO(OK, 0, 0);
    }
}

static void misbehave(void)
{
    log_line("misbehaves now");
    if (am("hang") || am("overrun")) loop_for_ever();
    if (am("start") || am("crash") || am("die")) panic("as ordered");
}

static _Bool does_it_in_this_life(void) { return am("crash") || (notes->lives == 1 && !am("ask") && !am("silent")); }

int component_main(const struct component_info *info)
{
    notes = (struct notes *)COMPONENT_VAULT_ADDRESS;
    notes->lives++;
    rt_arg("does", 0, does, sizeof does);
    log_line("life %lu of this vault, the last one ended by %u", notes->lives, info->last_death);
    if (am("die")) misbehave();
    if (am("start") && notes->lives == 2) loop_for_ever();
    tell(SUPERVISOR_READY, 0);
    if (am("call")) call_it();
    if (am("ask")) ask();
    if (am("silent") && notes->lives > 1) serve();
    for (unsigned beats = 1;; beats++) {
        struct message m;
        while (sys_wait(SLOT_ENDPOINT, 0, &m, NS_FOREVER) != OK || !(m.words[0] & NOTIFY_HEARTBEAT)) continue;
        tell(SUPERVISOR_HEARTBEAT, beats * (am("grow") ? GROWTH_BYTES : am("leak") ? LEAK_BYTES : 0));
        if (beats != BEATS || !does_it_in_this_life()) continue;
        if (am("exit")) return 7;
        misbehave();
    }
}
