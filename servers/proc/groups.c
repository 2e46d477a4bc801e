// SPDX-License-Identifier: MIT
// Process groups and sessions, and when a group is orphaned.
//
// A group is orphaned when no member has a parent in another group of the same session: then nobody is left who could
// continue it. The answer is kept in every member's record, for the terminal and for stop signals.
#include "servers/proc/proc.h"
#include <linux/signal.h>

static bool ties_to_session(const struct process *process)
{
    const struct process *parent = process->parent;
    return parent && parent->life == PROCESS_LIVE && parent->pgid != process->pgid && parent->sid == process->sid;
}

static bool is_member(const struct process *process, uint32_t pgid)
{
    return process->pgid == pgid && process->life == PROCESS_LIVE;
}

void group_update(uint32_t pgid, bool hang_up)
{
    bool orphaned = true, becomes_orphaned = false, stopped = false;
    for_each_process(process)
    {
        if (!is_member(process, pgid)) continue;
        orphaned &= !ties_to_session(process);
        stopped |= process->stopped != 0;
    }
    for_each_process(process)
    {
        if (!is_member(process, pgid) || process->group_orphaned == orphaned) continue;
        becomes_orphaned |= orphaned;
        process->group_orphaned = orphaned;
        process_changed(process);
    }
    if (becomes_orphaned && hang_up && stopped) {
        signal_group(pgid, SIGHUP, SI_KERNEL);
        signal_group(pgid, SIGCONT, SI_KERNEL);
    }
}

// Whether somebody is in the group; in this session, if sid is not 0.
static bool group_exists(uint32_t pgid, uint32_t sid)
{
    for_each_process(process) if (is_member(process, pgid) && (sid == 0 || process->sid == sid)) return true;
    return false;
}

// A process has changed its group: look at the one it left, the one it is in now, and those of its children.
static void group_moved(struct process *process, uint32_t old)
{
    state->epoch++;
    process_changed(process);
    group_update(process->pgid, false);
    group_update(old, false);
    for (const struct process *child = process->first_child; child; child = child->next_sibling)
        group_update(child->pgid, false);
}

err_t proc_setpgid(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *self = caller(request);
    int32_t pid = (int32_t)request->words[0], pgid = (int32_t)request->words[1];
    if (!self || pgid < 0) return ERR_LINUX(EINVAL);
    struct process *process = pid ? process_by_pid((uint32_t)pid) : self;
    uint32_t group = pgid ? (uint32_t)pgid : process ? process->pid : 0;
    if (!process || process->life != PROCESS_LIVE || (process != self && process->parent != self))
        return ERR_LINUX(ESRCH);
    if (process != self && process->has_execed) return ERR_LINUX(EACCES);
    if (process->sid != self->sid || process->pid == process->sid) return ERR_LINUX(EPERM);
    if (group != process->pid && !group_exists(group, self->sid)) return ERR_LINUX(EPERM);
    uint32_t old = process->pgid;
    process->pgid = group;
    if (old != group) group_moved(process, old);
    return OK;
}

err_t proc_getpgid(const struct request *request, struct answer *answer)
{
    struct process *self = caller(request);
    struct process *process = self && request->words[0] ? process_by_pid(request->words[0]) : self;
    if (!process) return ERR_LINUX(ESRCH);
    answer->words[0] = process->pgid;
    answer->n_words = 1;
    return OK;
}

err_t proc_getsid(const struct request *request, struct answer *answer)
{
    struct process *self = caller(request);
    struct process *process = self && request->words[0] ? process_by_pid(request->words[0]) : self;
    if (!process) return ERR_LINUX(ESRCH);
    answer->words[0] = process->sid;
    answer->n_words = 1;
    return OK;
}

err_t proc_setsid(const struct request *request, struct answer *answer)
{
    struct process *process = caller(request);
    if (!process) return ERR_INVALID;
    if (process->pgid == process->pid || group_exists(process->pid, 0)) return ERR_LINUX(EPERM);
    uint32_t old = process->pgid;
    process->pgid = process->sid = process->pid;
    group_moved(process, old);
    answer->words[0] = process->sid;
    answer->n_words = 1;
    return OK;
}

err_t proc_tty_owned(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *leader = process_by_pid(request->words[0]);
    if (!leader || leader->sid != leader->pid) return OK;  // it has ended meanwhile
    leader->tty_device = (uint32_t)request->words[1];
    leader->tty_group = (uint32_t)request->words[2];
    return OK;
}
