// SPDX-License-Identifier: MIT
// Rows of calls that move no data: identity, time, signals, waiting for nothing.
#define _GNU_SOURCE
#include "bench.h"
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int ready[2];  // a pipe with a byte in it
static volatile unsigned handled;

static void run_empty(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) __asm__ volatile("" ::: "memory");
}

static void run_getpid(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) (void)syscall(SYS_getpid);
}

static void run_clock_gettime(unsigned rounds)
{
    struct timespec now;
    for (unsigned i = 0; i < rounds; i++) must(!syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now), "clock_gettime");
}

static void run_clock_libc(unsigned rounds)
{
    struct timespec now;
    for (unsigned i = 0; i < rounds; i++) must(!clock_gettime(CLOCK_MONOTONIC, &now), "clock_gettime");
}

static void count(int number)
{
    (void)number;
    handled++;
}

static void prepare_signal(void)
{
    struct sigaction action = {.sa_handler = count};
    must(!sigaction(SIGUSR1, &action, NULL), "sigaction");
}

static void run_signal(unsigned rounds)
{
    unsigned before = handled;
    pid_t pid = getpid();
    for (unsigned i = 0; i < rounds; i++) (void)kill(pid, SIGUSR1);
    must(handled - before == rounds, "signals handled");
}

static void prepare_ready(void) { must(!pipe(ready) && write(ready[1], "x", 1) == 1, "pipe"); }

static void clean_ready(void)
{
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void run_poll(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        struct pollfd wanted = {ready[0], POLLIN, 0};
        must(poll(&wanted, 1, -1) == 1, "poll");
    }
}

static void run_select(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        fd_set wanted;
        FD_ZERO(&wanted);
        FD_SET(ready[0], &wanted);
        must(select(ready[0] + 1, &wanted, NULL, NULL, NULL) == 1, "select");
    }
}

const struct row call_rows[] = {
    {"empty", 15, 1000, run_empty, NULL, NULL},
    {"getpid", 15, 1000, run_getpid, NULL, NULL},
    {"clock_gettime", 15, 1000, run_clock_gettime, NULL, NULL},
    {"clock-libc", 15, 1000, run_clock_libc, NULL, NULL},
    {"signal-self", 15, 200, run_signal, prepare_signal, NULL},
    {"poll-ready", 15, 200, run_poll, prepare_ready, clean_ready},
    {"select-ready", 15, 200, run_select, prepare_ready, clean_ready},
    {0},
};
