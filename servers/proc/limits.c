// SPDX-License-Identifier: MIT
// Resource limits, priorities and usage.
//
// proc enforces AS, DATA, STACK, NPROC and SIGPENDING; servers read FSIZE and NOFILE in the published table; liblinux
// finds all of them in the process page. CPU, RSS, MEMLOCK, CORE and the rest are kept and reported only.
#include "servers/proc/proc.h"
#include <linux/resource.h>
#include <linux/time.h>

#define ONLY_READ (~1ull)
#define NICE_MIN (-20)
#define NICE_MAX 19
#define NICE_BIAS 20  // getpriority answers 20 - nice, so that no answer looks like an error

#define SIGNALS_AT_MOST 4096
#define BLOCKS_A_PROCESS 2  // at least: one user's processes take half of them

void limits_init(struct process *process)
{
    for (unsigned i = 0; i < RLIMITS; i++) process->limits[i][0] = process->limits[i][1] = RLIM_INFINITY;
    process->limits[RLIMIT_STACK][0] = PROGRAM_STACK_MAX;
    process->limits[RLIMIT_CORE][0] = 0;
    process->limits[RLIMIT_NPROC][0] = process->limits[RLIMIT_NPROC][1] =
        state->n_blocks / (2 * BLOCKS_A_PROCESS) < PROCESS_SLOTS / 2 ? state->n_blocks / (2 * BLOCKS_A_PROCESS)
                                                                     : PROCESS_SLOTS / 2;
    process->limits[RLIMIT_NOFILE][0] = 1024;
    process->limits[RLIMIT_NOFILE][1] = FILES_AT_MOST;
    process->limits[RLIMIT_MEMLOCK][0] = process->limits[RLIMIT_MEMLOCK][1] = 8 << 20;
    process->limits[RLIMIT_SIGPENDING][0] = process->limits[RLIMIT_SIGPENDING][1] = SIGNALS_AT_MOST;
    process->limits[RLIMIT_MSGQUEUE][0] = process->limits[RLIMIT_MSGQUEUE][1] = 819200;
    process->limits[RLIMIT_NICE][0] = process->limits[RLIMIT_NICE][1] = 0;
    process->limits[RLIMIT_RTPRIO][0] = process->limits[RLIMIT_RTPRIO][1] = 0;
}

bool limit_of_processes_reached(const struct process *process)
{
    if (process->ids.uid == 0) return false;
    if (kept_for_root(process)) return true;
    uint64_t n = 0;  // as on Linux, threads count
    for_each_process(other) n += other->ids.uid == process->ids.uid ? other->n_threads : 0;
    return n >= process->limits[RLIMIT_NPROC][0];
}

static bool may_limit(const struct process *self, const struct process *other)
{
    const struct identity *a = &self->ids, *b = &other->ids;
    return self == other || a->euid == 0 ||
           (a->uid == b->uid && a->uid == b->euid && a->uid == b->suid && a->gid == b->gid && a->gid == b->egid &&
            a->gid == b->sgid);
}

err_t proc_rlimit(const struct request *request, struct answer *answer)
{
    struct process *self = caller(request);
    if (!self || request->words[1] >= RLIMITS) return ERR_LINUX(EINVAL);
    struct process *process = request->words[0] ? process_by_pid(request->words[0]) : self;
    if (process->life != PROCESS_LIVE) return ERR_LINUX(ESRCH);
    if (!may_limit(self, process)) return ERR_LINUX(EPERM);
    uint64_t *limit = process->limits[request->words[1]];
    uint64_t current = request->words[2], maximum = request->words[3];
    answer->words[0] = limit[0];
    answer->words[1] = limit[1];
    answer->n_words = 2;
    if (current == ONLY_READ) return OK;
    if (current > maximum) return ERR_LINUX(EINVAL);
    if (maximum > limit[1] && self->ids.euid != 0) return ERR_LINUX(EPERM);
    if (request->words[1] == RLIMIT_NOFILE && maximum > FILES_AT_MOST) return ERR_LINUX(EPERM);
    limit[0] = current;
    limit[1] = maximum;
    process_changed(process);
    return OK;
}

// --- priorities

static bool is_meant(const struct process *self, const struct process *process, uint64_t which, uint64_t who)
{
    switch (which) {
    case PRIO_PROCESS: return who ? process->pid == who : process == self;
    case PRIO_PGRP: return process->pgid == (who ? who : self->pgid);
    default: return process->ids.uid == (who ? who : self->ids.uid);
    }
}

static err_t set_nice(const struct process *self, struct process *process, int64_t nice)
{
    if (self->ids.euid != 0 && self->ids.euid != process->ids.uid && self->ids.euid != process->ids.euid)
        return ERR_LINUX(EPERM);
    if (self->ids.euid != 0 && nice < process->nice) return ERR_LINUX(EACCES);
    process->nice = (int32_t)nice;
    apply_nice(process);
    return OK;
}

err_t proc_priority(const struct request *request, struct answer *answer)
{
    struct process *self = caller(request);
    uint64_t which = request->words[0];
    if (!self || which > PRIO_USER) return ERR_LINUX(EINVAL);
    bool reading = request->words[2] == ~0ull;
    int64_t nice = (int32_t)request->words[2];
    nice = nice < NICE_MIN ? NICE_MIN : nice > NICE_MAX ? NICE_MAX : nice;
    err_t err = ERR_LINUX(ESRCH);
    int64_t best = 0;
    for_each_process(process)
    {
        if (process->life != PROCESS_LIVE || !is_meant(self, process, which, request->words[1])) continue;
        if (NICE_BIAS - process->nice > best) best = NICE_BIAS - process->nice;
        err_t one = reading ? OK : set_nice(self, process, nice);
        err = one != OK || err == ERR_LINUX(ESRCH) ? one : err;
    }
    answer->words[0] = reading ? (uint64_t)best : 0;
    answer->n_words = 1;
    return err;
}

// --- usage

static void put_time(uint64_t *to, uint64_t ns)
{
    to[0] = ns / 1000000000;
    to[1] = ns % 1000000000 / 1000;
}

void rusage_words(const struct times *times, struct answer *answer)
{
    uint64_t *usage = &answer->words[MSG_REGISTERS];
    memset(usage, 0, sizeof(struct rusage));
    put_time(usage, times->user_ns);
    put_time(usage + 2, times->system_ns);
    usage[offsetof(struct rusage, ru_maxrss) / 8] = times->max_pages * (PAGE_SIZE / 1024);
    usage[offsetof(struct rusage, ru_minflt) / 8] = times->minor_faults;
    usage[offsetof(struct rusage, ru_majflt) / 8] = times->major_faults;
    answer->n_words = MSG_REGISTERS + sizeof(struct rusage) / 8;
}

err_t proc_rusage(const struct request *request, struct answer *answer)
{
    const struct process *process = caller(request);
    if (!process) return ERR_INVALID;
    int who = (int)request->words[0];
    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD) return ERR_LINUX(EINVAL);
    struct times times;
    process_times(process, &times);
    if (times.max_pages < process->space->pages.n_pages) times.max_pages = process->space->pages.n_pages;
    rusage_words(who == RUSAGE_CHILDREN ? &process->children : &times, answer);
    answer->words[0] = times.user_ns;
    answer->words[1] = times.system_ns;
    answer->words[2] = process->children.user_ns;
    answer->words[3] = process->children.system_ns;
    return OK;
}
