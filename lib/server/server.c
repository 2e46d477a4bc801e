// SPDX-License-Identifier: MIT
// The event loop: receive, record, run, commit, perform; and how a new instance finishes what the last one left.
//
// The ordinary answer leaves in the same system call that receives the next message. An answer with capabilities is
// sent by itself, because the loop must know whether it arrived. What is recorded and when it counts is vault.c's
// matter.
#include "lib/server/server.h"
#include "lib/server/batch.h"
#include "lib/server/trace.h"
#include "lib/server/vault_layout.h"
#include "protocols/proc.h"
#include "protocols/supervisor.h"

#define TOLD_MOST 4       // times in a row that proc is told of the same session's end
#define STALE_STEPS 4096  // for sessions that are ended behind an audit
#define POISON_DEATHS 2   // an event that has brought its server down as often is given up

static uint64_t wake_at = NS_FOREVER;
static _Bool hints_due;  // what the last instance was told and did not act on is looked at yet
static uint32_t proc_channel;

err_t server_abort(err_t err)
{
    batch_drop();
    step_rollback();
    return err;
}

void server_wake_at(uint64_t time_ns) { wake_at = time_ns; }

// --- descriptions and capabilities received

err_t description_make(uint64_t number, uint32_t *slot)
{
    vault_log(slot, sizeof *slot);
    *slot = slot_alloc();
    if (*slot == 0) return ERR_NO_MEMORY;
    err_t err =
        cspace_derive(SLOT_CSPACE, *slot, 0, SLOT_ENDPOINT, RIGHT_WRITE | RIGHT_GRANT, BADGE_DESCRIPTION | number);
    if (err != OK) slot_free(*slot);
    return err;
}

uint32_t request_keep_cap(const struct request *request, unsigned i)
{
    struct vault_state *state = vault.state;
    uint32_t fresh = slot_alloc();
    if (fresh == 0 || request->caps[i].kind != CAP_PLACED) return 0;
    vault_log(&state->recv_slot[i], sizeof state->recv_slot[i]);
    state->recv_slot[i] = fresh;
    return request->caps[i].slot;
}

// Queue the emptying of receive slots whose capability the handler did not keep.
static void drop_caps(const struct request *request)
{
    for (uint32_t i = 0; i < request->n_caps; i++)
        if (request->caps[i].kind == CAP_PLACED && vault.state->recv_slot[i] == request->caps[i].slot)
            outbox_add(EFFECT_EMPTY, request->caps[i].slot);
}

// --- one step

static void tell_supervisor(uint32_t operation)
{
    struct message m = {.info = INFO(operation, 0, 0)};
    (void)ipc_call(SLOT_SUPERVISOR, &m);
}

static server_handler find_handler(const struct server_operations ranges[SERVER_RANGES], uint32_t label)
{
    for (unsigned i = 0; i < SERVER_RANGES; i++)
        if (label - ranges[i].first < ranges[i].n) return ranges[i].handlers[label - ranges[i].first];
    return NULL;
}

// Another server's: a number that was answered already gets the same answer, and nothing runs.
static __attribute__((noinline)) err_t run_channel(const struct server *server, const struct request *request,
                                                   struct answer *answer)
{
    err_t err;
    if (channel_repeats(request, answer, &err)) return err;
    server_handler handler = find_handler(server->channel, request->label);
    err = handler ? handler(request, answer) : ERR_NO_SYSCALL;
    channel_keep(request, answer, err);
    return err;
}

static err_t run_request(const struct server *server, const struct request *request, struct answer *answer)
{
    server_handler handler = NULL;
    switch ((uint64_t)BADGE_KIND(request->badge) << 56) {
    case BADGE_CHANNEL: return run_channel(server, request, answer);
    case BADGE_SESSION: handler = find_handler(server->session, request->label); break;
    case BADGE_DESCRIPTION: handler = find_handler(server->description, request->label); break;
    }
    return handler ? handler(request, answer) : ERR_NO_SYSCALL;
}

// What proc was told is to end the notice of that badge. When it comes again and again all the same, we have gone wrong, or proc.
static void tell_session_closed(uint64_t badge)
{
    static uint64_t told;
    static unsigned n_told;
    uint64_t slot = proc_channel;
    if (proc_channel == 0) return;
    server_send(proc_channel, PROC_SESSION_CLOSED, 1, &badge);
    n_told = badge == told ? n_told + 1 : 1;
    told = badge;
    if (n_told % (2 * TOLD_MOST) == TOLD_MOST) server_doubt("a session ends again and again");
    if (n_told % (2 * TOLD_MOST) == 0) server_send(SLOT_SUPERVISOR, SUPERVISOR_DOUBT, 1, &slot);
}

// The badge's last holder is gone. A kind without handler stays with whoever keeps its first capability.
static __attribute__((noinline)) void run_gone(const struct server *server, uint64_t badge)
{
    switch ((uint64_t)BADGE_KIND(badge) << 56) {
    case BADGE_DESCRIPTION:
        if (server->description_gone) server->description_gone(badge & 0xffffffffffffffull);
        break;
    case BADGE_SESSION:
        if (server->session_gone && !server->session_gone(badge)) break;
        tell_session_closed(badge);
        break;
    case BADGE_CHANNEL: server_send(SLOT_SUPERVISOR, SUPERVISOR_CHANNEL_GONE, 1, &badge); break;
    default:
        if (server->badge_gone) server->badge_gone(badge);
    }
}

// What nobody waits for.
static __attribute__((noinline)) void run_own(const struct server *server, enum event_kind event,
                                              const struct request *request)
{
    switch (event) {
    case EVENT_NOTIFIED:
        if (server->notified) server->notified(request->words[0]);
        break;
    case EVENT_GONE: run_gone(server, request->badge); break;
    case EVENT_TICK:
        if (server->tick) server->tick();
        break;
    case EVENT_SETUP: replies_set_up(server->n_deferred, server->recv_caps); break;
    default: break;
    }
}

// Run the recorded event and commit. Its effects have not been performed yet. Part of the loop for most events.
static inline __attribute__((always_inline)) void run_event(const struct server *server, enum event_kind event)
{
    struct vault_header *header = vault.header;
    const struct request *request = &header->request;
    struct trace_entry *trace = trace_begin(header);
    err_t err = OK;
    switch (event) {
    case EVENT_REQUEST:
        err = run_request(server, request, &header->answer);
        if (err < OK) doubt_error(request->label, err);
        break;
    case EVENT_FAULT: err = server->fault ? server->fault(request, &header->answer) : ERR_NO_SYSCALL; break;
    default: run_own(server, event, request);
    }
    header->answer_err = err;
    trace->err = err;
    if (header->answer.n_words > MSG_WORDS || header->answer.n_caps > MSG_CAPS) panic("an answer that cannot be");
    drop_caps(request);
    if (header->journal_next < header->n_journal) journal_drop_unclaimed();
    if (header->n_migrated > 0) tell_supervisor(SUPERVISOR_CONFIRM);
    step_commit();
}

static __attribute__((noinline)) void run_recorded(const struct server *server)
{
    run_event(server, (enum event_kind)vault.header->event);
}

// A step without a sender.
static void step(const struct server *server, enum event_kind event, uint64_t badge, uint64_t bits)
{
    struct vault_header *header = vault.header;
    step_prepare();
    header->event = event;
    header->request.n_caps = 0;
    header->request.badge = badge;
    header->request.words[0] = bits;
    step_record();
    run_recorded(server);
    outbox_perform(server);
}

// Descriptions that were handed to a caller who had died.
static void finish_undelivered(const struct server *server)
{
    struct vault_header *header = vault.header;
    while (header->n_undelivered > 0) {
        step(server, EVENT_GONE, header->undelivered[header->n_undelivered - 1], 0);
        header->n_undelivered--;
    }
}

// --- receiving

static void record_message(const struct message *m, enum event_kind event)
{
    struct vault_header *header = vault.header;
    struct request *request = &header->request;
    const struct utcb *utcb = rt_utcb();
    step_prepare();
    header->event = event;
    header->reply = m->count != 0 ? REPLY_HANDLE(vault.state->reply_slot, m->count) : 0;
    request->label = INFO_LABEL(m->info);
    request->n_words = INFO_WORDS(m->info);
    request->n_caps = INFO_CAPS(m->info);
    request->badge = m->badge;
    for (uint32_t i = 0; i < MSG_REGISTERS; i++) request->words[i] = m->words[i];
    for (uint32_t i = MSG_REGISTERS; i < request->n_words; i++) request->words[i] = utcb->words[i];
    for (uint32_t i = 0; i < request->n_caps; i++)
        request->caps[i] = (struct request_cap){utcb->recv_kind[i], utcb->recv_slot[i], utcb->recv_badge[i]};
    step_record();
}

static uint64_t bytes_in_use(uint64_t n_slots)
{
    uint64_t free = rt_info()->untyped_bytes;
    if (free > 0) (void)untyped_info(SLOT_UNTYPED, NULL, &free);
    return rt_info()->untyped_bytes - free + n_slots * SLOT_BYTES;
}

static void answer_heartbeat(const struct server *server)
{
    struct message m = {.info = INFO(SUPERVISOR_HEARTBEAT, USAGE_KINDS, 0),
                        .words = {[USAGE_SLOTS] = rt_info()->cspace_slots - SLOT_DYNAMIC - slots_free()}};
    m.words[USAGE_BYTES] = bytes_in_use(m.words[USAGE_SLOTS]);
    if (server->usage) server->usage(m.words);
    (void)ipc_call(SLOT_SUPERVISOR, &m);
}

static void handle_notification(const struct server *server, uint64_t bits)
{
    if (bits & ~(NOTIFY_HEARTBEAT | NOTIFY_STOP))
        step(server, EVENT_NOTIFIED, 0, bits & ~(NOTIFY_HEARTBEAT | NOTIFY_STOP));
    if (bits & NOTIFY_HEARTBEAT) {
        answer_heartbeat(server);
        vault.header->n_migrated = 0;  // it has confirmed the migration
    }
    if (bits & NOTIFY_STOP) tell_supervisor(SUPERVISOR_STOPPED);
}

// A message of the kernel that wants no answer.
static __attribute__((noinline)) void handle_notice(const struct server *server, uint32_t label, uint64_t badge,
                                                    uint64_t bits)
{
    step_prepare();
    if (label == KMSG_NOTIFICATION)
        handle_notification(server, bits);
    else if (label == KMSG_GONE)
        step(server, EVENT_GONE, badge, 0);
}

// The answer of what is run here stays for the next receive.
static void handle_message(const struct server *server, const struct message *m)
{
    enum event_kind event = EVENT_REQUEST;
    if (m->info & INFO_KERNEL) {
        if (INFO_LABEL(m->info) != KMSG_FAULT) return handle_notice(server, INFO_LABEL(m->info), m->badge, m->words[0]);
        event = EVENT_FAULT;
    }
    record_message(m, event);
    run_event(server, event);
    if (vault.header->n_effects > 0) outbox_perform(server);
}

// The vault has been migrated and nothing has run yet. The first request or heartbeat shall be the trial; ticks wait.
static _Bool is_on_trial(void) { return vault.header->n_migrated > 0; }

// Answer and receive. False when there was nothing to receive before the next wake-up.
static _Bool receive(const struct server *server, struct message *m)
{
    const struct vault_header *header = vault.header;
    const struct vault_state *state = vault.state;
    if (server->recv_caps > 0) {
        struct utcb *utcb = rt_utcb();
        utcb->recv_cspace = 0;
        __builtin_memcpy(utcb->recv_slot, state->recv_slot, sizeof utcb->recv_slot);
    }
    m->count = 0;
    m->info = 0;
    if (header->reply != 0 && !header->no_answer) {
        answer_load(m);
        m->count = REPLY_COUNT(header->reply);
    }
    err_t err = sys_reply_wait(SLOT_ENDPOINT, state->reply_slot, m, is_on_trial() ? NS_FOREVER : wake_at);
    if (err != OK && err != ERR_TIMEOUT && err != ERR_EVENT)  // above all: the last answer has not gone out
        panic("nothing can be received: %s", err_name(err));
    return err == OK;
}

static void tick_if_due(const struct server *server)
{
    if (wake_at == NS_FOREVER || is_on_trial() || now_ns() < wake_at) return;
    wake_at = NS_FOREVER;
    answer_send();
    step(server, EVENT_TICK, 0, 0);
}

// --- starting

// Poison: the event has no effect but the error to its sender.
static void give_up(void)
{
    struct vault_header *header = vault.header;
    log_line("event %u, label %u given up: it has brought this server down %u times", header->event,
             header->request.label, header->deaths);
    header->answer_err = ERR_FAILED;
    drop_caps(&header->request);
    journal_drop_unclaimed();
    step_commit();
}

static void finish_effects(const struct server *server)
{
    if (vault.header->phase != STEP_COMMITTED) return;
    if (vault.header->deaths >= POISON_DEATHS) {
        log_line("the effects of label %u are given up: they have brought this server down twice",
                 vault.header->request.label);
        vault.header->n_effects = 0;
    }
    outbox_perform(server);
    answer_send();
}

// Bring the step that the last instance was in to its end, whatever it was.
// @path crash-restart 5/6: the recorded step is rolled back and run again, or its effects are performed again
static void finish_step(const struct server *server)
{
    struct vault_header *header = vault.header;
    if (header->phase == STEP_RUNNING) {
        step_restart();
        if (header->deaths < POISON_DEATHS)
            run_recorded(server);
        else
            give_up();
        header->deaths = 0;  // from here on they are its effects'
        finish_effects(server);
    }
    step_prepare();
    finish_undelivered(server);
}

// @path crash-restart 6/6: a message received and not recorded: nothing has run, its sender may send it again. Before an
// empty vault it is the one that the last vault failed with.
static void refuse_unrecorded(const struct server *server)
{
    struct vault_state *state = vault.state;
    for (uint32_t i = 0; i < server->recv_caps; i++) (void)cspace_delete(SLOT_CSPACE, state->recv_slot[i], 1);
    struct cap_identity reply;
    if (cspace_identify(SLOT_CSPACE, state->reply_slot, &reply) != OK) return;
    struct message m = {.info = INFO(server_restarted() ? ERR_RESTARTED : ERR_FAILED, 0, 0)};
    (void)sys_reply(state->reply_slot, reply.detail, &m);
}

// Signals that the last instance had taken and not acted on: as if all had fired.
static void take_hints(const struct server *server)
{
    if (!hints_due) return;
    hints_due = 0;
    answer_send();
    step(server, EVENT_NOTIFIED, 0, ~(NOTIFY_HEARTBEAT | NOTIFY_STOP));
    step(server, EVENT_TICK, 0, 0);
}

// Sessions that the audit has found and nobody will end.
static void end_stale_sessions(const struct server *server)
{
    uint64_t badge;
    for (unsigned n = 0; n < STALE_STEPS && server->stale_session && (badge = server->stale_session()) != 0; n++)
        step(server, EVENT_GONE, badge, 0);
}

// The next instance begins here as the first one does.
static void start(const struct server *server)
{
    const struct component_cap *proc = rt_cap("proc");
    proc_channel = proc && proc->kind == COMPONENT_CAP_CALL ? proc->slot : 0;
    if (vault.header->phase != STEP_IDLE) vault.header->deaths += death_is_own(rt_info()->last_death);
    finish_effects(server);
    _Bool audited = audit_run(server);
    if (server_restarted() && server->check && !server->check()) server_fail("the links of its state are broken");
    finish_step(server);
    if (!vault.state->is_set_up) step(server, EVENT_SETUP, 0, 0);
    if (audited && !is_on_trial()) end_stale_sessions(server);
    refuse_unrecorded(server);
    hints_due = server_restarted();
    if (!is_on_trial()) take_hints(server);
    tell_supervisor(SUPERVISOR_READY);
}

// @path driver-start 5/5: what was left is finished, the supervisor hears that the component serves, the loop begins
void server_run(const struct server *server)
{
    struct message m;
    start(server);
    for (;;) {
        tick_if_due(server);
        if (hints_due && !is_on_trial()) take_hints(server);
        if (vault.header->answer.n_caps > 0) answer_send();
        if (vault.header->n_undelivered > 0) finish_undelivered(server);
        if (receive(server, &m))
            handle_message(server, &m);
        else
            step_prepare();
    }
}
