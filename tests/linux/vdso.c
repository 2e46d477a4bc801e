// SPDX-License-Identifier: MIT
// The vDSO as a C library uses it, and what a program may do with it: time that agrees with the system call's, bad
// pointers, signals that arrive inside.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include "check.h"

typedef int (*clock_function)(clockid_t, struct timespec *);

// A function of the vDSO, found as a C library finds it.
static void *look_up(const char *name)
{
    const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
    const Elf64_Ehdr *header = (const void *)base;
    const Elf64_Phdr *segments = (const void *)(base + header->e_phoff);
    const char *offset = base, *strings = 0;
    const Elf64_Dyn *dynamic = 0;
    const Elf64_Sym *symbols = 0;
    const uint32_t *hash = 0;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        if (segments[i].p_type == PT_LOAD) offset = base + segments[i].p_offset - segments[i].p_vaddr;
        if (segments[i].p_type == PT_DYNAMIC) dynamic = (const void *)(base + segments[i].p_offset);
    }
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        const void *at = offset + dynamic->d_un.d_ptr;
        if (dynamic->d_tag == DT_STRTAB) strings = at;
        if (dynamic->d_tag == DT_SYMTAB) symbols = at;
        if (dynamic->d_tag == DT_HASH) hash = at;
    }
    for (uint32_t i = 0; i < hash[1]; i++)
        if (symbols[i].st_shndx && !strcmp(strings + symbols[i].st_name, name))
            return (void *)(offset + symbols[i].st_value);
    return 0;
}

static void exports(void)
{
    static const char *const names[] = {"__vdso_clock_gettime", "__vdso_clock_getres", "__vdso_gettimeofday",
                                        "__vdso_time", "__vdso_getcpu"};
    const Elf64_Ehdr *header = (const void *)getauxval(AT_SYSINFO_EHDR);
    CHECK(header && !memcmp(header->e_ident, ELFMAG, SELFMAG) && header->e_type == ET_DYN);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        printf("%s: %s\n", names[i], look_up(names[i]) ? "there" : "-");
}

static int64_t ns(const struct timespec *t) { return t->tv_sec * 1000000000ll + t->tv_nsec; }

// Not before what the system call said first and not after what it says then; a coarse clock may lag.
static void agrees(void)
{
    static const clockid_t clocks[] = {
        CLOCK_REALTIME, CLOCK_MONOTONIC,       CLOCK_MONOTONIC_RAW,    CLOCK_BOOTTIME,
        CLOCK_TAI,      CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_PROCESS_CPUTIME_ID};
    clock_function get = (clock_function)look_up("__vdso_clock_gettime");
    for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        struct timespec a, b, c;
        syscall(SYS_clock_gettime, clocks[i], &a);
        int result = get(clocks[i], &b);
        syscall(SYS_clock_gettime, clocks[i], &c);
        printf("clock %d: %d, %s\n", clocks[i], result, ns(&a) <= ns(&b) && ns(&b) <= ns(&c) ? "between" : "apart");
    }
    struct timeval v;
    struct timespec before, after, resolution;
    clock_gettime(CLOCK_REALTIME, &before);
    gettimeofday(&v, 0);
    clock_gettime(CLOCK_REALTIME, &after);
    int64_t us = v.tv_sec * 1000000ll + v.tv_usec;
    CHECK(ns(&before) / 1000 <= us && us <= ns(&after) / 1000);
    CHECK(!clock_getres(CLOCK_MONOTONIC, &resolution) && ns(&resolution) == 1);
    CHECK(time(0) - after.tv_sec <= 1);
    CHECK(sched_getcpu() >= 0);
    CHECK(get(99, &before) == -EINVAL);
    CHECK(clock_gettime(99, &before) == -1 && errno == EINVAL);
}

static sigjmp_buf back;
static void jump_back(int signal, siginfo_t *info, void *context)
{
    (void)context;
    printf("signal %d code %d address %p\n", signal, info->si_code, info->si_addr);
    siglongjmp(back, 1);
}

static void bad_pointer(void)
{
    clock_function get = (clock_function)look_up("__vdso_clock_gettime");
    handle(SIGSEGV, jump_back, 0);
    if (!sigsetjmp(back, 1)) printf("%d\n", get(CLOCK_MONOTONIC, (void *)16));
}

static void bad_pointer_kills(void)
{
    clock_function get = (clock_function)look_up("__vdso_clock_gettime");
    printf("%d\n", get(CLOCK_MONOTONIC, (void *)16));
}

static volatile int ticks;
static void tick(int signal) { ticks += signal == SIGALRM; }

// Time never goes back, whatever arrives in between.
static void signals_inside(void)
{
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    struct timespec now;
    int64_t newest = 0;
    int backwards = 0;
    signal(SIGALRM, tick);
    setitimer(ITIMER_REAL, &often, 0);
    while (ticks < 50) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        backwards += ns(&now) < newest;
        newest = ns(&now);
    }
    setitimer(ITIMER_REAL, &never, 0);
    CHECK(backwards == 0);
}

CHECKS({"exports", exports}, {"agrees", agrees}, {"bad_pointer", bad_pointer}, {"bad_pointer_kills", bad_pointer_kills},
       {"signals_inside", signals_inside})
