// SPDX-License-Identifier: MIT
// The vDSO: a small shared library that C libraries find by AT_SYSINFO_EHDR and ask for the time without a system call.
//
// It is the program's code in all but its place, behind liblinux's stub page (protocols/layout.h): it runs with events on,
// on the program's stack, and a bad pointer is the program's fault, as with Linux's own. Names, signatures and the version
// are those of vdso(7). Clocks that it does not know are the system call's.
#include <asm/unistd.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <stddef.h>
#include "linux/clock.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int __vdso_clock_gettime(int32_t clock, struct __kernel_timespec *time);
EXPORT int __vdso_clock_getres(int32_t clock, struct __kernel_timespec *resolution);
EXPORT int __vdso_gettimeofday(struct __kernel_old_timeval *time, void *zone);
EXPORT long __vdso_time(long *time);
EXPORT long __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused);

static long call(long number, uint64_t a, uint64_t b)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}

// Whether the clock page has this clock; *ns: its time.
static _Bool clock_read(int32_t clock, uint64_t *ns)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI: *ns = clock_now_ns() + clock_wall_offset_ns(); return 1;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME: *ns = clock_now_ns(); return 1;
    default: return 0;
    }
}

int __vdso_clock_gettime(int32_t clock, struct __kernel_timespec *time)
{
    uint64_t ns;
    if (!clock_read(clock, &ns)) return (int)call(__NR_clock_gettime, (uint64_t)clock, (uint64_t)time);
    time->tv_sec = (int64_t)(ns / SECOND);
    time->tv_nsec = (int64_t)(ns % SECOND);
    return 0;
}

int __vdso_clock_getres(int32_t clock, struct __kernel_timespec *resolution)
{
    return (int)call(__NR_clock_getres, (uint64_t)clock, (uint64_t)resolution);
}

int __vdso_gettimeofday(struct __kernel_old_timeval *time, void *zone)
{
    uint64_t ns = clock_now_ns() + clock_wall_offset_ns();
    if (time) {
        time->tv_sec = (int64_t)(ns / SECOND);
        time->tv_usec = (int64_t)(ns % SECOND / 1000);
    }
    if (zone) *(uint64_t *)zone = 0;  // struct timezone: minutes west, kind of daylight saving time
    return 0;
}

long __vdso_time(long *time)
{
    long seconds = (long)((clock_now_ns() + clock_wall_offset_ns()) / SECOND);
    if (time) *time = seconds;
    return seconds;
}

// One CPU is used.
long __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused)
{
    (void)unused;
    if (cpu) *cpu = 0;
    if (node) *node = 0;
    return 0;
}
