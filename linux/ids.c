// SPDX-License-Identifier: MIT
// Who the process is: pids, groups, sessions, user and group ids. Read from the pages that proc fills in; changed by
// proc.
#include "linux/linux.h"

#define SAME(id) ((uint32_t)(id) == ~0u ? ~0ull : (uint32_t)(id))  // -1: leave it

long call_getpid(void) { return process_page()->pid; }
long call_gettid(void) { return thread_page()->tid; }
long call_getppid(void) { return process_page()->ppid; }
long call_getuid(void) { return process_page()->uid; }
long call_geteuid(void) { return process_page()->euid; }
long call_getgid(void) { return process_page()->gid; }
long call_getegid(void) { return process_page()->egid; }
long call_getpgrp(void) { return process_page()->pgid; }

static long number_of(uint32_t operation, uint64_t a, uint64_t b)
{
    struct message m = {.words = {a, b}};
    long result = ask_proc(operation, 0, &m);
    return result < 0 ? result : (long)m.words[0];
}

bool is_own_pid(uint64_t pid) { return (uint32_t)pid == 0 || (uint32_t)pid == process_page()->pid; }

long call_getpgid(uint64_t pid)
{
    return is_own_pid(pid) ? process_page()->pgid : number_of(PROC_GETPGID, (uint32_t)pid, 0);
}

long call_getsid(uint64_t pid)
{
    return is_own_pid(pid) ? process_page()->sid : number_of(PROC_GETSID, (uint32_t)pid, 0);
}

long call_setsid(void) { return number_of(PROC_SETSID, 0, 0); }

long call_setpgid(uint64_t pid, uint64_t pgid)
{
    struct message m = {.words = {(uint32_t)pid, (uint32_t)pgid}};
    return (int)pgid < 0 ? -EINVAL : ask_proc(PROC_SETPGID, 0, &m);
}

static long set_ids(uint32_t kind, uint64_t real, uint64_t effective, uint64_t saved, uint64_t fs)
{
    struct message m = {.words = {kind, real, effective, saved, fs}};
    long result = ask_proc(PROC_SETIDS, 0, &m);
    cache_forget();
    return result;
}

static long set_like(uint32_t kind, uint64_t id)
{
    struct message m = {.words = {kind, (uint32_t)id}};
    long result = (uint32_t)id == ~0u ? -EINVAL : ask_proc(PROC_SETUID_LIKE, 0, &m);
    cache_forget();
    return result;
}

long call_setuid(uint64_t id) { return set_like(PROC_IDS_UID, id); }
long call_setgid(uint64_t id) { return set_like(PROC_IDS_GID, id); }

// setreuid: the saved id follows the effective one when the real one is set, or the effective becomes another than the
// real.
static long set_real_and_effective(uint32_t kind, uint64_t real, uint64_t effective, uint32_t old_real,
                                   uint32_t old_effective)
{
    uint32_t new_effective = (uint32_t)effective == ~0u ? old_effective : (uint32_t)effective;
    if (process_page()->euid != 0 && (uint32_t)real != ~0u && (uint32_t)real != old_real &&
        (uint32_t)real != old_effective)
        return -EPERM;
    bool save = (uint32_t)real != ~0u || ((uint32_t)effective != ~0u && new_effective != old_real);
    return set_ids(kind, SAME(real), SAME(effective), save ? new_effective : ~0ull, ~0ull);
}

long call_setreuid(uint64_t real, uint64_t effective)
{
    return set_real_and_effective(PROC_IDS_UID, real, effective, process_page()->uid, process_page()->euid);
}

long call_setregid(uint64_t real, uint64_t effective)
{
    return set_real_and_effective(PROC_IDS_GID, real, effective, process_page()->gid, process_page()->egid);
}

long call_setresuid(uint64_t real, uint64_t effective, uint64_t saved)
{
    return set_ids(PROC_IDS_UID, SAME(real), SAME(effective), SAME(saved), ~0ull);
}

long call_setresgid(uint64_t real, uint64_t effective, uint64_t saved)
{
    return set_ids(PROC_IDS_GID, SAME(real), SAME(effective), SAME(saved), ~0ull);
}

static long tell_three(const uint32_t ids[3], uint64_t a, uint64_t b, uint64_t c)
{
    return store32(a, ids[0]) && store32(b, ids[1]) && store32(c, ids[2]) ? 0 : -EFAULT;
}

long call_getresuid(uint64_t a, uint64_t b, uint64_t c)
{
    const struct process_page *page = process_page();
    return tell_three((const uint32_t[]){page->uid, page->euid, page->suid}, a, b, c);
}

long call_getresgid(uint64_t a, uint64_t b, uint64_t c)
{
    const struct process_page *page = process_page();
    return tell_three((const uint32_t[]){page->gid, page->egid, page->sgid}, a, b, c);
}

// The old file system id comes back, and nothing says whether the new one was allowed.
long call_setfsuid(uint64_t id)
{
    (void)set_ids(PROC_IDS_UID, ~0ull, ~0ull, ~0ull, SAME(id));
    return process_page()->euid;
}

long call_setfsgid(uint64_t id)
{
    (void)set_ids(PROC_IDS_GID, ~0ull, ~0ull, ~0ull, SAME(id));
    return process_page()->egid;
}

long call_getgroups(uint64_t room, uint64_t user)
{
    struct message m = {0};
    long result = ask_proc(PROC_GETGROUPS, 0, &m);
    if (result < 0) return result;
    uint64_t n = m.words[0];
    if ((int)room == 0) return (long)n;
    if ((int)room < 0 || (uint32_t)room < n) return -EINVAL;
    return n == 0 || copy_out(user, long_words(), n * 4) ? (long)n : -EFAULT;
}

long call_setgroups(uint64_t n, uint64_t user)
{
    if ((uint32_t)n > IO_INLINE / 4) return -EINVAL;
    if (!copy_in(long_words(), user, (uint32_t)n * 4)) return -EFAULT;
    struct message m = {.words = {(uint32_t)n}};
    long result = ask_proc(PROC_SETGROUPS, (uint32_t)n * 4, &m);
    cache_forget();
    return result;
}
