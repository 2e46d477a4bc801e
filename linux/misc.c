// SPDX-License-Identifier: MIT
// The rest: names of the system, limits and usage, thread attributes, the machine.
#include <asm/prctl.h>
#include <linux/prctl.h>
#include <linux/reboot.h>
#include <linux/resource.h>
#include <linux/utsname.h>
#include "linux/clock.h"
#include "linux/linux.h"

#define CLOCK_TICK_NS 10000000ull  // of times(): 100 a second
#define RUSAGE_BYTES 144
#define SYSINFO_BYTES 112
#define ONLY_READ (~1ull)

long call_uname(uint64_t user)
{
    struct new_utsname names = {.sysname = "Linux",
                                .release = "6.1.0-bulkhead",
                                .version = "#1 Bulkhead",
                                .machine = "x86_64",
                                .domainname = "(none)"};
    struct message m = {0};
    long result = ask_proc(PROC_HOSTNAME, 0, &m);
    if (result < 0) return result;
    if (m.words[0] < sizeof names.nodename) memcpy(names.nodename, long_words(), m.words[0]);
    return copy_out(user, &names, sizeof names) ? 0 : -EFAULT;
}

long call_sethostname(uint64_t user, uint64_t bytes)
{
    if ((int)bytes <= 0 || bytes > 64) return -EINVAL;
    if (!copy_in(long_words(), user, bytes)) return -EFAULT;
    struct message m = {.words = {bytes}};
    return ask_proc(PROC_HOSTNAME, bytes, &m);
}

long call_sysinfo(uint64_t user)
{
    struct message m = {0};
    long result = ask_proc(PROC_SYSINFO, 0, &m);
    if (result < 0) return result;
    return copy_out(user, long_words(), SYSINFO_BYTES) ? 0 : -EFAULT;
}

// --- limits and usage

static long limit(uint64_t pid, uint64_t resource, const uint64_t new[2], uint64_t old[2])
{
    if (!new &&is_own_pid(pid) && (uint32_t)resource < RLIM_NLIMITS) {
        old[0] = process_page()->rlimit[(uint32_t)resource][0];
        old[1] = process_page()->rlimit[(uint32_t)resource][1];
        return 0;
    }
    struct message m = {
        .words = {(uint32_t)pid, (uint32_t)resource, new ? new[0] : ONLY_READ, new ? new[1] : ONLY_READ}};
    long result = ask_proc(PROC_RLIMIT, 0, &m);
    old[0] = m.words[0];
    old[1] = m.words[1];
    return result;
}

long call_prlimit64(uint64_t pid, uint64_t resource, uint64_t user_new, uint64_t user_old)
{
    uint64_t new[2], old[2];
    if (user_new && !copy_in(new, user_new, sizeof new)) return -EFAULT;
    long result = limit(pid, resource, user_new ? new : NULL, old);
    if (result < 0) return result;
    return user_old && !copy_out(user_old, old, sizeof old) ? -EFAULT : 0;
}

long call_getrlimit(uint64_t resource, uint64_t user) { return user ? call_prlimit64(0, resource, 0, user) : -EFAULT; }
long call_setrlimit(uint64_t resource, uint64_t user) { return user ? call_prlimit64(0, resource, user, 0) : -EFAULT; }

long call_getrusage(uint64_t who, uint64_t user)
{
    struct message m = {.words = {(uint32_t)who}};
    long result = ask_proc(PROC_RUSAGE, 0, &m);
    if (result < 0) return result;
    return copy_out(user, long_words(), RUSAGE_BYTES) ? 0 : -EFAULT;
}

long call_times(uint64_t user)
{
    struct message m = {0};
    long result = ask_proc(PROC_RUSAGE, 0, &m);
    if (result < 0) return result;
    uint64_t ticks[4];
    for (int i = 0; i < 4; i++) ticks[i] = m.words[i] / CLOCK_TICK_NS;
    if (user && !copy_out(user, ticks, sizeof ticks)) return -EFAULT;
    return (long)(now_ns() / CLOCK_TICK_NS);
}

static long priority(uint64_t which, uint64_t who, uint64_t value)
{
    struct message m = {.words = {(uint32_t)which, (uint32_t)who, value}};
    long result = ask_proc(PROC_PRIORITY, 0, &m);
    return result < 0 ? result : (long)m.words[0];
}

long call_getpriority(uint64_t which, uint64_t who) { return priority(which, who, ~0ull); }
long call_setpriority(uint64_t which, uint64_t who, uint64_t value) { return priority(which, who, (uint32_t)value); }

// --- the thread

long call_set_tid_address(uint64_t address)
{
    thread_page()->clear_child_tid = address;
    return thread_page()->tid;
}

long call_set_robust_list(uint64_t head, uint64_t bytes)
{
    if (bytes != 24) return -EINVAL;
    thread_page()->robust_list = head;
    thread_page()->robust_list_bytes = bytes;
    return 0;
}

long call_get_robust_list(uint64_t tid, uint64_t user_head, uint64_t user_bytes)
{
    if ((uint32_t)tid != 0 && (uint32_t)tid != thread_page()->tid) return -EPERM;
    return store64(user_head, thread_page()->robust_list) && store64(user_bytes, 24) ? 0 : -EFAULT;
}

long call_arch_prctl(uint64_t code, uint64_t address)
{
    uint64_t base;
    bool valid = address < USER_END;
    switch ((uint32_t)code) {
    case ARCH_SET_FS:
        if (!valid) return -EPERM;
        __asm__ volatile("wrfsbase %0" : : "r"(address));
        return 0;
    case ARCH_SET_GS:
        if (!valid) return -EPERM;
        __asm__ volatile("wrgsbase %0" : : "r"(address));
        return 0;
    case ARCH_GET_FS: __asm__("rdfsbase %0" : "=r"(base)); return store64(address, base) ? 0 : -EFAULT;
    case ARCH_GET_GS: __asm__("rdgsbase %0" : "=r"(base)); return store64(address, base) ? 0 : -EFAULT;
    default: return -EINVAL;
    }
}

static long set_name(uint64_t user)
{
    struct process *p = process();
    char name[16] = {0};
    long n = copy_string(name, user, sizeof name);
    if (n == -EFAULT) return n;
    name[15] = 0;
    memcpy(p->name, name, sizeof name);
    memcpy(long_words(), name, sizeof name);
    struct message m = {0};
    return ask_proc(PROC_NAME, sizeof name, &m);
}

long call_prctl(uint64_t option, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct process *p = process();
    (void)b, (void)c, (void)d;
    switch ((uint32_t)option) {
    case PR_SET_NAME: return set_name(a);
    case PR_GET_NAME: return copy_out(a, p->name, sizeof p->name) ? 0 : -EFAULT;
    case PR_GET_DUMPABLE: return p->dumpable;
    case PR_SET_DUMPABLE:
        if (a > 1) return -EINVAL;
        p->dumpable = (uint32_t)a;
        return 0;
    default: return -EINVAL;
    }
}

long call_sched_yield(void)
{
    sys_yield();
    return 0;
}

// One CPU, which everybody may use.
long call_sched_getaffinity(uint64_t pid, uint64_t bytes, uint64_t user)
{
    (void)pid;
    if (bytes < 8 || bytes % 8) return -EINVAL;
    return store64(user, 1) ? 8 : -EFAULT;
}

long call_getcpu(uint64_t user_cpu, uint64_t user_node, uint64_t unused)
{
    (void)unused;
    return (!user_cpu || store32(user_cpu, 0)) && (!user_node || store32(user_node, 0)) ? 0 : -EFAULT;
}

long call_personality(uint64_t persona)
{
    return (uint32_t)persona == ~0u || (uint32_t)persona == 0 ? 0 : -EINVAL;  // PER_LINUX and no other
}

// --- the machine

long call_reboot(uint64_t magic1, uint64_t magic2, uint64_t command, uint64_t argument)
{
    (void)argument;
    uint32_t second = (uint32_t)magic2;
    if ((uint32_t)magic1 != LINUX_REBOOT_MAGIC1) return -EINVAL;
    if (second != LINUX_REBOOT_MAGIC2 && second != LINUX_REBOOT_MAGIC2A && second != LINUX_REBOOT_MAGIC2B &&
        second != LINUX_REBOOT_MAGIC2C)
        return -EINVAL;
    struct message m = {.words = {(uint32_t)command}};
    return ask_proc(PROC_REBOOT, 0, &m);
}
