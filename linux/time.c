// SPDX-License-Identifier: MIT
// Clocks, sleeping and interval timers. The clock page and the time stamp counter give the time without anybody's help.
#include <linux/time.h>
#include <linux/time_types.h>
#include "linux/clock.h"
#include "linux/linux.h"

uint64_t now_ns(void) { return clock_now_ns(); }

uint64_t wall_offset_ns(void) { return clock_wall_offset_ns(); }

long time_in(uint64_t user, uint64_t *ns)
{
    struct __kernel_timespec t;
    if (!copy_in(&t, user, sizeof t)) return -EFAULT;
    if (t.tv_sec < 0 || t.tv_nsec < 0 || t.tv_nsec >= (long long)SECOND) return -EINVAL;
    *ns = t.tv_sec > (long long)(NS_FOREVER / SECOND / 2) ? NS_FOREVER / 2
                                                          : (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
    return 0;
}

static long time_out(uint64_t user, uint64_t ns)
{
    return in_program(user, 16) && store_two(user, ns / SECOND, ns % SECOND) == 0 ? 0 : -EFAULT;
}

static __attribute__((noinline)) long cpu_time(uint32_t who, uint64_t *ns)
{
    struct message m = {.words = {who}};
    long result = ask_proc(PROC_RUSAGE, 0, &m);
    const uint64_t *usage = long_words();  // struct rusage begins with user and system time
    *ns = (usage[0] + usage[2]) * SECOND + (usage[1] + usage[3]) * 1000;
    return result;
}

#define BIT(clock) (1u << (clock))
#define WALL_CLOCKS (BIT(CLOCK_REALTIME) | BIT(CLOCK_REALTIME_COARSE) | BIT(CLOCK_TAI))
#define STEADY_CLOCKS \
    (BIT(CLOCK_MONOTONIC) | BIT(CLOCK_MONOTONIC_RAW) | BIT(CLOCK_MONOTONIC_COARSE) | BIT(CLOCK_BOOTTIME))

static bool is_one_of(uint32_t clock, uint32_t clocks) { return clock < 32 && clocks >> clock & 1; }

static long clock_read(uint32_t clock, uint64_t *ns)
{
    if (clock == CLOCK_PROCESS_CPUTIME_ID) return cpu_time(0, ns);  // RUSAGE_SELF
    if (clock == CLOCK_THREAD_CPUTIME_ID) return cpu_time(1, ns);   // RUSAGE_THREAD
    if (!is_one_of(clock, WALL_CLOCKS | STEADY_CLOCKS)) return -EINVAL;
    *ns = now_ns() + (is_one_of(clock, WALL_CLOCKS) ? wall_offset_ns() : 0);
    return 0;
}

static __attribute__((noinline)) long clock_other(uint32_t clock, uint64_t user)
{
    uint64_t ns;
    long result = clock_read(clock, &ns);
    return result < 0 ? result : time_out(user, ns);
}

// What is asked most needs no stack.
long call_clock_gettime(uint64_t clock, uint64_t user)
{
    if (is_one_of((uint32_t)clock, STEADY_CLOCKS)) return time_out(user, now_ns());
    if (is_one_of((uint32_t)clock, WALL_CLOCKS)) return time_out(user, now_ns() + wall_offset_ns());
    return clock_other((uint32_t)clock, user);
}

long call_clock_getres(uint64_t clock, uint64_t user)
{
    uint64_t ns;
    long result = clock_read((uint32_t)clock, &ns);
    return result < 0 || !user ? result : time_out(user, 1);
}

static long set_wall(uint64_t ns)
{
    struct message m = {.words = {ns - now_ns()}};
    return ask_proc(PROC_SETTIME, 0, &m);
}

long call_clock_settime(uint64_t clock, uint64_t user)
{
    uint64_t ns;
    long result = time_in(user, &ns);
    return result < 0 ? result : (uint32_t)clock == CLOCK_REALTIME ? set_wall(ns) : -EINVAL;
}

long call_settimeofday(uint64_t user, uint64_t zone)
{
    struct __kernel_old_timeval v;
    if (!user) return zone ? -ENOSYS : 0;  // time zones are the C library's
    if (!copy_in(&v, user, sizeof v)) return -EFAULT;
    if (v.tv_sec < 0 || v.tv_usec < 0 || v.tv_usec >= 1000000) return -EINVAL;
    return set_wall((uint64_t)v.tv_sec * SECOND + (uint64_t)v.tv_usec * 1000);
}

long call_gettimeofday(uint64_t user, uint64_t zone)
{
    static const uint8_t utc[8];
    uint64_t ns = now_ns() + wall_offset_ns();
    const uint64_t v[2] = {ns / SECOND, ns % SECOND / 1000};
    if (user && !copy_out(user, v, sizeof v)) return -EFAULT;
    return zone && !copy_out(zone, utc, sizeof utc) ? -EFAULT : 0;
}

long call_time(uint64_t user)
{
    uint64_t seconds = (now_ns() + wall_offset_ns()) / SECOND;
    return user && !store64(user, seconds) ? -EFAULT : (long)seconds;
}

// --- sleeping

// Until the deadline; -ERESTARTNOHAND when a signal may be there.
static long sleep_until(uint64_t deadline)
{
    for (;;) {
        err_t err = thread_wait(deadline);
        if (err == ERR_TIMEOUT || now_ns() >= deadline) return 0;
        if (err == ERR_EVENT) return -ERESTARTNOHAND;
        if (err != OK) return errno_of(err);
    }
}

// restart_args: deadline, where to tell the time left.
static long sleep_again(struct thread *t)
{
    long result = sleep_until(t->restart_args[0]);
    if (result != -ERESTARTNOHAND) return result;
    uint64_t now = now_ns(), left = t->restart_args[0] > now ? t->restart_args[0] - now : 0;
    if (t->restart_args[1] && time_out(t->restart_args[1], left) < 0) return -EFAULT;
    return -ERESTART_RESTARTBLOCK;
}

static long sleep_for(uint64_t ns, uint64_t left)
{
    struct thread *t = self();
    t->restart = sleep_again;
    t->restart_args[0] = ns > NS_FOREVER / 2 - 1 ? NS_FOREVER : now_ns() + ns;
    t->restart_args[1] = left;
    return sleep_again(t);
}

long call_nanosleep(uint64_t user, uint64_t left)
{
    uint64_t ns;
    long result = time_in(user, &ns);
    return result < 0 ? result : sleep_for(ns, left);
}

long call_clock_nanosleep(uint64_t clock, uint64_t flags, uint64_t user, uint64_t left)
{
    uint64_t ns, now;
    long result = clock_read((uint32_t)clock, &now);
    if (result == 0) result = time_in(user, &ns);
    if (result < 0) return result;
    if ((uint32_t)clock == CLOCK_THREAD_CPUTIME_ID || (uint32_t)clock == CLOCK_PROCESS_CPUTIME_ID) return -EOPNOTSUPP;
    if (!(flags & TIMER_ABSTIME)) return sleep_for(ns, left);
    bool wall = (uint32_t)clock == CLOCK_REALTIME || (uint32_t)clock == CLOCK_TAI;
    uint64_t offset = wall ? wall_offset_ns() : 0;
    return ns <= now ? 0 : sleep_until(ns - offset);
}

long call_restart_syscall(void)
{
    struct thread *t = self();
    return t->restart ? t->restart(t) : -EINTR;
}

// --- interval timers: proc's

static long timer(uint32_t which, uint64_t value, uint64_t interval, uint64_t old[2])
{
    struct message m = {.words = {which, value, interval}};
    long result = ask_proc(PROC_TIMER, 0, &m);
    old[0] = m.words[0];
    old[1] = m.words[1];
    return result;
}

static long timer_out(uint64_t user, const uint64_t old[2])
{
    const uint64_t v[4] = {old[1] / SECOND, old[1] % SECOND / 1000, old[0] / SECOND, old[0] % SECOND / 1000};
    return copy_out(user, v, sizeof v) ? 0 : -EFAULT;
}

long call_getitimer(uint64_t which, uint64_t user)
{
    uint64_t old[2];
    long result = timer((uint32_t)which, 0, ~0ull, old);
    return result < 0 ? result : timer_out(user, old);
}

long call_setitimer(uint64_t which, uint64_t user, uint64_t user_old)
{
    int64_t v[4] = {0};  // interval, value: seconds, microseconds
    uint64_t old[2];
    if (user && !copy_in(v, user, sizeof v)) return -EFAULT;
    if (v[0] < 0 || v[2] < 0 || v[1] < 0 || v[1] >= 1000000 || v[3] < 0 || v[3] >= 1000000) return -EINVAL;
    long result = timer((uint32_t)which, (uint64_t)v[2] * SECOND + (uint64_t)v[3] * 1000,
                        (uint64_t)v[0] * SECOND + (uint64_t)v[1] * 1000, old);
    return result < 0 || !user_old ? result : timer_out(user_old, old);
}

long call_alarm(uint64_t seconds)
{
    uint64_t old[2];
    long result = timer(0, (uint64_t)(uint32_t)seconds * SECOND, 0, old);
    return result < 0 ? result : (long)((old[0] + SECOND / 2) / SECOND) + (old[0] > 0 && old[0] < SECOND / 2);
}
