// SPDX-License-Identifier: MIT
// Job control: whose terminal it is, who may use it now, and what happens when its session ends.
//
// The terminal knows the session it controls, the session's leader (by session badge) and the foreground group;
// processes are looked up in the table that proc publishes. Signals are proc's to deliver: we tell it the group and,
// for SIGTTIN and SIGTTOU, the culprit, since only proc knows whether he ignores the signal or is an orphan.
#include "servers/tty/tty.h"

#include <asm/errno.h>
#include <asm/signal.h>

#include "protocols/proc.h"

enum { CULPRIT_SIGNALLED = 0, CULPRIT_IGNORES = 1, CULPRIT_ORPHANED = 2 };  // PROC_TTY_SIGNAL's answer

static struct terminal *terminal_of_session(uint32_t sid)
{
    for (unsigned i = 0; i < TERMINALS; i++)
        if (sid != 0 && tty->terminals[i].session == sid) return &tty->terminals[i];
    return NULL;
}

bool job_controls(const struct call *call, const struct io_credentials *credentials)
{
    return call->terminal->session == credentials->sid && !call->session->detached;
}

struct terminal *job_terminal(uint64_t badge)
{
    struct io_credentials who;
    const struct session *session = session_find(&tty->io.sessions, badge);
    if (io_credentials(badge, &who) != OK || (session && session->detached)) return NULL;
    return terminal_of_session(who.sid);
}

err_t job_check(const struct call *call, int signal)
{
    struct terminal *t = call->terminal;
    struct io_credentials who;
    if (t->group == 0) return OK;
    if (io_credentials(call->request->badge, &who) != OK) return ERR_LINUX(ESRCH);
    if (!job_controls(call, &who) || who.pgid == t->group) return OK;
    struct message m = {.info = INFO(PROC_TTY_SIGNAL, 3, 0),
                        .words = {who.pgid, (uint64_t)signal, call->request->badge}};
    err_t err = server_call(cap_named("proc"), &m);
    if (err != OK) return err;
    if (m.words[0] == CULPRIT_IGNORES) return signal == SIGTTIN ? ERR_LINUX(EIO) : OK;
    if (m.words[0] == CULPRIT_ORPHANED) return ERR_LINUX(EIO);
    // He stops, and asks again when he goes on; a change of the foreground group wakes him too.
    io_arm(&call->session->io, call->flags, signal == SIGTTIN ? &t->readers : &t->writers);
    return ERR_AGAIN;
}

void job_signal(const struct terminal *t, int signal)
{
    uint64_t words[] = {t->group, (uint64_t)signal, 0};
    if (t->group != 0) server_send(cap_named("proc"), PROC_TTY_SIGNAL, 3, words);
}

// Tell proc whose it is now, for /proc.
static void tell_owner(const struct terminal *t, uint32_t device)
{
    uint64_t words[] = {t->session, device, t->group};
    if (t->session != 0) server_send(cap_named("proc"), PROC_TTY_OWNED, 3, words);
}

// --- getting and giving up

static void take(struct terminal *t, const struct io_credentials *leader, uint64_t badge)
{
    struct session *session = session_find(&tty->io.sessions, badge);
    t->session = leader->sid;
    t->group = leader->pgid;
    t->leader = badge;
    tell_owner(t, terminal_device(t));
    if (session && session->detached) session->detached = false;
}

void job_acquire(struct terminal *t, uint64_t badge)
{
    struct io_credentials who;
    if (t->session != 0 || io_credentials(badge, &who) != OK) return;
    if (who.pid == who.sid && !terminal_of_session(who.sid)) take(t, &who, badge);
}

err_t job_set_controlling(const struct call *call, bool steal)
{
    struct terminal *t = call->terminal;
    struct io_credentials who;
    if (io_credentials(call->request->badge, &who) != OK) return ERR_LINUX(ESRCH);
    if (who.pid == who.sid && t->session == who.sid) return OK;
    if (who.pid != who.sid || terminal_of_session(who.sid)) return ERR_LINUX(EPERM);
    if (t->session != 0 && !(steal && who.euid == 0)) return ERR_LINUX(EPERM);
    take(t, &who, call->request->badge);
    return OK;
}

static void release(struct terminal *t)
{
    t->group = 0;
    tell_owner(t, 0);
    t->session = 0;
    t->leader = 0;
    io_wake(&t->readers);
    io_wake(&t->writers);
}

err_t job_give_up(const struct call *call)
{
    struct io_credentials who;
    if (io_credentials(call->request->badge, &who) != OK) return ERR_LINUX(ESRCH);
    if (!job_controls(call, &who)) return ERR_LINUX(ENOTTY);
    if (who.pid == who.sid) {
        job_signal(call->terminal, SIGHUP);
        job_signal(call->terminal, SIGCONT);
        release(call->terminal);
    } else {
        call->session->detached = true;
    }
    return OK;
}

// A group exists in this session: OK; elsewhere: EPERM; nowhere: ESRCH.
static err_t find_group(uint32_t group, uint32_t sid)
{
    const struct process_table *table = io_processes();
    err_t err = ERR_LINUX(ESRCH);
    for (unsigned i = 0; table && i < PROCESS_SLOTS; i++) {
        const struct process_entry *e = &table->entries[i];
        if (!e->alive || e->pgid != group) continue;
        if (e->sid == sid) return OK;
        err = ERR_LINUX(EPERM);
    }
    return err;
}

err_t job_set_group(const struct call *call, uint32_t group)
{
    struct io_credentials who;
    err_t err = job_check(call, SIGTTOU);
    if (err != OK) return err == ERR_LINUX(EIO) ? ERR_LINUX(ENOTTY) : err;
    if (io_credentials(call->request->badge, &who) != OK) return ERR_LINUX(ESRCH);
    if (!job_controls(call, &who)) return ERR_LINUX(ENOTTY);
    if ((int32_t)group <= 0) return ERR_LINUX(EINVAL);
    err = find_group(group, who.sid);
    if (err != OK) return err;
    call->terminal->group = group;
    tell_owner(call->terminal, terminal_device(call->terminal));
    io_wake(&call->terminal->readers);
    io_wake(&call->terminal->writers);
    return OK;
}

// --- the end of a session

void job_hangup(struct terminal *t)
{
    const struct process_table *table = io_processes();
    t->hangups++;
    job_signal(t, SIGHUP);
    job_signal(t, SIGCONT);
    if (table && t->session != 0) {
        const struct process_entry *leader = &table->entries[BADGE_SLOT(t->leader)];
        uint64_t words[] = {leader->pgid, SIGHUP, 0};
        if (leader->alive && leader->generation == BADGE_GENERATION(t->leader) && leader->pgid != t->group)
            server_send(cap_named("proc"), PROC_TTY_SIGNAL, 3, words);
    }
    ldisc_flush_input(&t->ldisc);
    t->ldisc.stopped = t->ldisc.held = false;
    release(t);
    io_wake(&t->drainers);
    terminal_settle(t);
}

// A terminal whose session's leader has ended. Pseudo-terminals stay as they are: their master side decides.
static void leader_ended(struct terminal *t)
{
    if (t->line == NONE) {
        job_signal(t, SIGHUP);
        release(t);
    } else {
        job_hangup(t);
    }
}

void job_look(void)
{
    const struct process_table *table = io_processes();
    if (!table || table->epoch == tty->epoch) return;
    tty->epoch = table->epoch;
    for (unsigned i = 0; i < TERMINALS; i++) {
        struct terminal *t = &tty->terminals[i];
        if (t->session == 0) continue;
        const struct process_entry *e = &table->entries[BADGE_SLOT(t->leader)];
        if (e->generation != BADGE_GENERATION(t->leader) || !e->alive || e->sid != t->session) leader_ended(t);
    }
}

void job_session_ended(struct io_session *session)
{
    for (unsigned i = 0; i < TERMINALS; i++)
        if (tty->terminals[i].session != 0 && tty->terminals[i].leader == session->badge)
            leader_ended(&tty->terminals[i]);
}
