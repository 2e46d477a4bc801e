// SPDX-License-Identifier: MIT
// The end of a process: threads, memory and capabilities go at once; that it ended is seen only when every server where
// it had a session has let go of it.
//
// On paper, killed anywhere: before the commit nothing has happened; after it the outbox revokes the blocks, which
// tells the servers, whose PROC_SESSION_CLOSED are steps of their own, the last of which makes the zombie. Pages and
// regions of a large space are let go in later steps (space_reap()), which nobody waits for.
#include "servers/proc/proc.h"
#include <linux/signal.h>
#include <linux/wait.h>

static bool reaps_by_itself(const struct process *parent)
{
    return parent->page->ignored & SIGNAL_BIT(SIGCHLD) || parent->page->child_flags & SA_NOCLDWAIT;
}

// The end can be seen: SIGCHLD, wait; or nobody wants to know.
static void tell_end(struct process *process)
{
    struct process *parent = process->parent;
    if (!parent) {
        process_free(process);
        return;
    }
    unsigned signal = process->status & 0x7f;
    signal_child(process, signal ? CLD_KILLED : CLD_EXITED, (int)(signal ? signal : process->status >> 8 & 0xff));
    wait_wake_parent(process);
    if (parent->life == PROCESS_LIVE && reaps_by_itself(parent)) process_free(process);
}

static void become_zombie(struct process *process)
{
    process->life = PROCESS_ZOMBIE;
    tell_end(process);
}

static bool has_sessions(const struct process *process)
{
    for (unsigned i = 0; i < SERVERS; i++)
        if (process->sessions[i]) return true;
    return false;
}

// Children go to the first process; groups that lost their last tie to the session may be hung up.
static void leave_children(struct process *process)
{
    while (process->first_child) {
        struct process *child = process->first_child;
        process_set_parent(child, state->init);
        if (child->life == PROCESS_LIVE) process_changed(child);
        group_update(child->pgid, true);
        if (child->life == PROCESS_ZOMBIE && state->init->life == PROCESS_LIVE) {
            signal_child(child, child->status & 0x7f ? CLD_KILLED : CLD_EXITED, (int)(child->status >> 8 & 0xff));
            wait_wake_parent(child);
            if (reaps_by_itself(state->init)) process_free(child);
        }
    }
}

static void leave_space(struct process *process)
{
    struct space *space = process->space;
    process->page = NULL;
    if (!space) return;
    if (process->own.max_pages < space->pages.n_pages) process->own.max_pages = space->pages.n_pages;
    space_release_area(space, process->area);
    space_leave(space);
    process->space = NULL;
}

// Capabilities go in the order in which servers should hear of them: descriptions, then sessions.
static void drop_capabilities(struct process *process)
{
    server_invoke(process->cspace, CSPACE_DELETE, 2, (uint64_t[]){PSLOT_DESCRIPTIONS, 1});
    slot_free(process->descriptions);
    blocks_release(&process->block);
    kits_drop(process);
    slot_free(process->cspace);
    if (io_session_gone(BADGE_SESSION_OF(process->slot, process->generation))) {
        slot_free(process->sessions[SERVER_PROC]);
        process->sessions[SERVER_PROC] = 0;
    }
}

void process_exit(struct process *process, uint32_t status)
{
    if (process->life != PROCESS_LIVE) return;
    process->life = PROCESS_EXITING;
    process->status = status;
    process->stopped = process->report_stop = process->report_continue = 0;
    timer_set(process, 0, 0);
    wait_vfork_done(process);
    bool space_lives = process->space && process->space->n_processes > 1;
    while (process->threads) thread_destroy(process->threads, space_lives);
    leave_space(process);
    drop_capabilities(process);
    signal_queue_drop(&process->signals, ~0ull);
    process->sent_later = 0;
    state->dead_ns += process->own.user_ns;
    if (process == state->init) {
        log_line("the first process has ended with status %u", status);
        power(POWER_EXIT, status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff);
        return;
    }
    leave_children(process);
    if (process->crowded) crowd_update(process->ids.uid);
    group_update(process->pgid, true);
    process_changed(process);
    if (process->pid == process->sid && cap_named("tty")) server_signal(cap_named("tty"));
    if (!has_sessions(process)) become_zombie(process);
}

void process_session_gone(struct process *process, unsigned server)
{
    if (process->sessions[server] == 0) return;
    slot_free(process->sessions[server]);
    process->sessions[server] = 0;
    if (process->life == PROCESS_EXITING && !has_sessions(process)) become_zombie(process);
}

// What an earlier instance has left undone without dying of it.
void exits_look_again(void)
{
    for_each_process(process)
    {
        if (process->life == PROCESS_LIVE && !process->space)
            process_exit(process, SIGKILL);  // lost: mend.c
        else if (process->life == PROCESS_EXITING && !has_sessions(process))
            become_zombie(process);
        else if (process->life == PROCESS_ZOMBIE && !process->end_told)
            tell_end(process);
    }
}

// Why liblinux ends its process: the program cannot go on, or a bug. A program's own exit gives no reason.
static void log_reason(const struct process *process, const struct request *request)
{
    char why[PROC_REASON_BYTES + 1] = "";
    uint64_t bytes = request->n_words > 1 ? request->words[1] : 0;
    if (bytes == 0 || bytes > PROC_REASON_BYTES || request->n_words < MSG_REGISTERS + (bytes + 7) / 8) return;
    memcpy(why, &request->words[MSG_REGISTERS], bytes);
    for (char *c = why; *c; c++)
        if (*c < ' ' || *c > '~') *c = '?';
    log_line("process %u (%s) ends by signal %u: %s", process->pid, process->comm, (unsigned)request->words[0] & 0x7f,
             why);
}

err_t proc_exit(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    if (!process) return ERR_INVALID;
    log_reason(process, request);
    process_exit(process, (uint32_t)request->words[0] & 0xffff);
    return OK;
}

// Which server this is: the place of its name among those that sessions are minted for.
static unsigned server_of_channel(uint64_t badge)
{
    for (unsigned i = 0; i + 1 < SERVERS; i++) {
        const struct component_cap *cap = rt_cap_of_kind(COMPONENT_CAP_MINT, i);
        if (cap && cap->detail == (badge & 0xffff)) return i + 1;
    }
    return SERVER_PROC;
}

err_t proc_session_closed(const struct request *request, struct answer *answer)
{
    (void)answer;
    uint64_t badge = request->words[0];
    struct process *process = process_at(BADGE_SLOT(badge));
    unsigned server = server_of_channel(request->badge);
    _Bool is_open = server != SERVER_PROC && process && process->generation == BADGE_GENERATION(badge) &&
                    process->sessions[server] != 0;
    // Its first capability may stand in a slot that we have lost: the server would be told of its end again and again.
    if (!is_open) server_doubt("a session is closed that is none");
    if (!is_open) return ERR_NOT_FOUND;
    process_session_gone(process, server);
    return OK;
}
