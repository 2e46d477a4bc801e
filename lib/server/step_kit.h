// SPDX-License-Identifier: MIT
// A small kernel and two peers for step_test.c: what the event loop sees of the world, and deaths at any point of it.
//
// The library's sources are part of this program. The compiler reports every store (trace-stores); one that goes to the
// vault is first a point where the instance may die, then noted in the undo log where a component's would be. Each
// system call is such a point before and after it has acted. A death is a longjmp to the loop that starts the next instance.
// The client asks one request after the other and sends again what was answered ERR_RESTARTED. The peer is a server of
// higher rank: it acts on a number once, and keeps the last answer.
#pragma once
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/rt/rt.h"
#include "protocols/evidence.h"
#include "protocols/supervisor.h"

#define VAULT_BYTES (64u << 10)
#define CSPACE_SLOTS 256
#define PEER_SLOT 20             // the peer's endpoint
#define PEER_BADGE (9ull << 56)  // of capabilities that the peer makes
#define CLIENT_BADGE BADGE_SESSION_OF(3, 1)

enum { PEER_ADD = 1, PEER_ACQUIRE = 2 };  // operations of the peer
#define NOTICE 0x80000000u                // labels of a script's events that nobody waits for
#define GONE 0x40000000u

static struct component_info the_info;
static struct utcb the_utcb;
static struct trace_ring the_trace;
#undef COMPONENT_TRACE_ADDRESS
#define COMPONENT_TRACE_ADDRESS ((uintptr_t)&the_trace)
#define rt_info() (&the_info)
#define rt_utcb() (&the_utcb)

// --- deaths

static jmp_buf next_instance, script_over;
static uint64_t points, die_at[2];  // points passed since the start of the run; the two deaths
static enum component_death death_kind;
static _Bool in_rollback;

static _Noreturn void die(enum component_death death)
{
    the_info.last_death = death;
    longjmp(next_instance, 1);
}

static void point(void)
{
    points++;
    if (points == die_at[0] || points == die_at[1]) die(DEATH_KILLED);
}

// --- the world

static struct sim_cap {
    _Bool used;
    uint64_t type, badge;
} caps[CSPACE_SLOTS];

struct sim_request {
    uint32_t label;
    uint64_t badge;
    uint64_t words[3];
};
struct sim_answer {
    err_t err;
    unsigned n_caps;
    uint64_t words[3];
};
#define SCRIPT 64
static struct world {
    struct sim_request script[SCRIPT];
    struct sim_answer answers[SCRIPT];
    unsigned n_answers[SCRIPT];  // how often the request was answered
    unsigned n_script, next;
    uint64_t armed[CSPACE_SLOTS];      // reply objects: arming count
    unsigned armed_for[CSPACE_SLOTS];  // and the request that waits, + 1
    uint64_t count;
    uint64_t peer_number, peer_sum, peer_acts;
    struct message peer_answer;
    uint64_t peer_cap;  // badge that went with the kept answer
    uint64_t effect;    // what the server's own effect has set
    unsigned signals, failed, confirmed, renewed, doubted, panics;
    unsigned n_lost;  // answers that were to carry a capability that is none: the server may panic
} world;

static err_t place(uint64_t slot, uint64_t type, uint64_t badge)
{
    if (slot == 0 || slot >= CSPACE_SLOTS) return ERR_INVALID;
    if (caps[slot].used) return ERR_SLOT_FULL;
    caps[slot] = (struct sim_cap){1, type, badge};
    return OK;
}

// The supervisor's side: a component whose vault has failed begins anew with an empty one.
static void supervisor(struct message *m)
{
    world.confirmed += INFO_LABEL(m->info) == SUPERVISOR_CONFIRM;
    world.doubted += INFO_LABEL(m->info) == SUPERVISOR_DOUBT;
    if (INFO_LABEL(m->info) == SUPERVISOR_RENEW) {
        world.renewed++;
        die(DEATH_DOUBT);
    }
    if (INFO_LABEL(m->info) == SUPERVISOR_FAILED) {
        world.failed++;
        memset((void *)COMPONENT_VAULT_ADDRESS, 0, VAULT_BYTES);
        memset(&caps[SLOT_DYNAMIC], 0, (CSPACE_SLOTS - SLOT_DYNAMIC) * sizeof caps[0]);
        die(DEATH_EXIT);
    }
    *m = (struct message){0};
}

static err_t act(unsigned number, uint64_t cap, uint64_t reply_slot, struct message *m);

// A list's entries are calls of their own; a death may come between two.
static void cspace_list(const struct message *m)
{
    for (unsigned at = MSG_REGISTERS; at < INFO_WORDS(m->info);) {
        uint64_t entry = the_utcb.words[at];
        struct message one = {.info = INFO(LIST_LABEL(entry), LIST_WORDS(entry), 0)};
        for (unsigned i = 0; i < LIST_WORDS(entry); i++) one.words[i] = the_utcb.words[at + 1 + i];
        (void)act(SYS_CALL, (uint32_t)entry, 0, &one);
        point();
        at += LIST_WORDS(entry) + 1;
    }
}

static err_t cspace_operation(struct message *m)
{
    const uint64_t slot = m->words[0];
    switch (INFO_LABEL(m->info)) {
    case CSPACE_LIST: cspace_list(m); return OK;
    case CSPACE_DERIVE: return place(slot, CAP_ENDPOINT, m->words[4]);
    case CSPACE_DELETE:
        for (uint64_t i = slot; i < slot + m->words[1]; i++) caps[i].used = 0;
        return OK;
    case CSPACE_IDENTIFY:
        *m = (struct message){
            .words = {caps[slot].used ? caps[slot].type : CAP_EMPTY, 0, caps[slot].badge, world.armed[slot], 1}};
        return OK;
    }
    return OK;
}

// The peer's side: as channel.c does it.
static void peer(struct message *m)
{
    uint64_t number = the_utcb.words[MSG_REGISTERS];
    if (number < world.peer_number) {  // an effect performed again, with others after it
        *m = (struct message){.info = INFO(ERR_STALE, 0, 0)};
        return;
    }
    if (number != world.peer_number) {
        _Bool acquire = INFO_LABEL(m->info) == PEER_ACQUIRE;
        world.peer_number = number;
        world.peer_acts++;
        world.peer_sum = world.peer_sum * 31 + m->words[0];
        world.peer_cap = acquire ? PEER_BADGE | world.peer_acts : 0;
        world.peer_answer = (struct message){.info = INFO(OK, 1, acquire), .words = {world.peer_sum}};
    }
    *m = world.peer_answer;
    the_utcb.recv_kind[0] = CAP_NONE;
    if (world.peer_cap && place(the_utcb.recv_slot[0], CAP_ENDPOINT, world.peer_cap) == OK)
        the_utcb.recv_kind[0] = CAP_PLACED;
}

static err_t answer(uint64_t slot, const struct message *m)
{
    unsigned i = world.armed_for[slot];
    if (i == 0 || world.armed[slot] != m->count) return ERR_STALE;
    for (unsigned c = 0; c < INFO_CAPS(m->info); c++)
        if (!caps[the_utcb.send_slot[c]].used) return ERR_NO_CAP;
    world.armed_for[slot] = 0;
    i--;
    if (INFO_ERR(m->info) == ERR_RESTARTED) {
        if (world.next == i + 1) world.next = i;
        return OK;
    }
    world.n_answers[i]++;
    world.answers[i] =
        (struct sim_answer){INFO_ERR(m->info), INFO_CAPS(m->info), {m->words[0], m->words[1], m->words[2]}};
    return OK;
}

static err_t next_request(uint64_t slot, struct message *m)
{
    if (world.next == world.n_script) longjmp(script_over, 1);
    const struct sim_request *r = &world.script[world.next];
    *m = (struct message){.info = INFO(r->label, 3, 0), .badge = r->badge};
    for (unsigned i = 0; i < 3; i++) m->words[i] = r->words[i];
    if (r->label & (NOTICE | GONE)) {
        m->info = INFO_KERNEL | INFO(r->label & GONE ? KMSG_GONE : KMSG_NOTIFICATION, 1, 0);
        world.next++;
        return OK;
    }
    caps[slot] = (struct sim_cap){1, CAP_REPLY, 0};
    world.armed_for[slot] = ++world.next;
    m->count = world.armed[slot] = ++world.count;
    return OK;
}

static err_t act(unsigned number, uint64_t cap, uint64_t reply_slot, struct message *m)
{
    switch (number) {
    case SYS_CALL:
        if (cap == SLOT_CSPACE) return cspace_operation(m);
        if (cap == SLOT_UNTYPED) return place(m->words[4], m->words[0], 0);
        if (cap == PEER_SLOT)
            peer(m);
        else
            supervisor(m);
        return OK;
    case SYS_REPLY_WAIT:
        if (m->count && answer(reply_slot, m) == ERR_NO_CAP) return ERR_NO_CAP;
        point();
        return next_request(reply_slot, m);
    case SYS_SEND: return answer(cap, m);
    case SYS_SIGNAL: world.signals++; return OK;
    }
    return ERR_NO_SYSCALL;
}

err_t rt_syscall(unsigned number, uint64_t cap, uint64_t reply_slot, struct message *m, uint64_t deadline)
{
    (void)deadline;
    point();
    err_t err = act(number, cap, reply_slot, m);
    point();
    return err;
}

// --- what lib/rt would provide

void *rt_memcpy(void *restrict to, const void *restrict from, size_t n) { return memcpy(to, from, n); }
void *rt_memmove(void *to, const void *from, size_t n) { return memmove(to, from, n); }
void *rt_memset(void *to, int byte, size_t n) { return memset(to, byte, n); }
uint64_t now_ns(void) { return points; }  // never the same twice
const char *err_name(err_t err) { return err == OK ? "OK" : "error"; }
const struct component_cap *rt_cap(const char *name)
{
    static const struct component_cap proc = {.kind = COMPONENT_CAP_CALL, .slot = PEER_SLOT};
    return strcmp(name, "proc") == 0 ? &proc : NULL;
}

void panic(const char *format, ...)
{
    if (world.n_lost > 0) {
        world.panics++;
        die(DEATH_FAULT);
    }
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    exit(1);
}

void log_line(const char *format, ...) { (void)format; }
