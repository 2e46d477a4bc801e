// SPDX-License-Identifier: MIT
// Rows of threads: futexes, making and joining one.
#define _GNU_SOURCE
#include "bench.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_PRIVATE = 128 };  // Linux's; musl brings no header of them

static atomic_int turn, nobody;  // turn: 0 the first thread's, 1 the other's, 2 the end
static pthread_t other;

static long futex(atomic_int *word, int operation, int value)
{
    return syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

static void wait_while(int value)
{
    while (atomic_load(&turn) == value) (void)futex(&turn, FUTEX_WAIT | FUTEX_PRIVATE, value);
}

static void pass(int value)
{
    atomic_store(&turn, value);
    (void)futex(&turn, FUTEX_WAKE | FUTEX_PRIVATE, 1);
}

static void *answer(void *unused)
{
    for (;;) {
        wait_while(0);
        if (atomic_load(&turn) == 2) return unused;
        pass(0);
    }
}

static void prepare_turns(void)
{
    atomic_store(&turn, 0);
    must(!pthread_create(&other, NULL, answer, NULL), "pthread_create");
}

static void clean_turns(void)
{
    pass(2);
    (void)pthread_join(other, NULL);
}

static void run_turns(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        pass(1);
        wait_while(1);
    }
}

static void run_wake_private(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) (void)futex(&nobody, FUTEX_WAKE | FUTEX_PRIVATE, 1);
}

static void run_wake_shared(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) (void)futex(&nobody, FUTEX_WAKE, 1);
}

static void *do_nothing(void *unused) { return unused; }

static void run_create(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        pthread_t thread;
        must(!pthread_create(&thread, NULL, do_nothing, NULL) && !pthread_join(thread, NULL), "pthread_create");
    }
}

const struct row thread_rows[] = {
    {"futex-turns", 15, 100, run_turns, prepare_turns, clean_turns},
    {"futex-wake-private", 15, 200, run_wake_private, NULL, NULL},
    {"futex-wake-shared", 15, 200, run_wake_shared, NULL, NULL},
    {"thread-create-join", 15, 10, run_create, NULL, NULL},
    {0},
};
