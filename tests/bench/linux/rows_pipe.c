// SPDX-License-Identifier: MIT
// Rows of two processes that wait for each other: pipes, and turns on the CPU.
#define _GNU_SOURCE
#include "bench.h"
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

static int there[2], back[2];
static atomic_int *turn;  // shared by both: 0 the first process's, 1 the helper's

// Put a byte through a pipe alone, so that both its ends have been used by this process.
static void use(int pipe_ends[2])
{
    char byte = 'x';
    must(write(pipe_ends[1], &byte, 1) == 1 && read(pipe_ends[0], &byte, 1) == 1, "a pipe by itself");
}

static void serve_pipe(void)
{
    char byte;
    while (read(there[0], &byte, 1) == 1) must(write(back[1], &byte, 1) == 1, "write back");
}

static void make_pipes(void) { must(!pipe(there) && !pipe(back), "pipe"); }

// Each end belongs to one process.
static void prepare_exclusive(void)
{
    make_pipes();
    (void)helper_start(serve_pipe);
    (void)close(there[0]);
    (void)close(back[1]);
}

static void clean_exclusive(void)
{
    helper_stop();
    (void)close(there[1]);
    (void)close(back[0]);
}

static void serve_shared(void)
{
    char byte = 'x';
    use(there);
    must(write(back[1], &byte, 1) == 1, "ready");
    serve_pipe();
}

// Both processes keep all four ends open and have used them.
static void prepare_shared(void)
{
    char byte;
    make_pipes();
    use(there);
    use(back);
    (void)helper_start(serve_shared);
    must(read(back[0], &byte, 1) == 1, "the helper");
}

static void clean_shared(void)
{
    helper_stop();
    for (int i = 0; i < 2; i++) {
        (void)close(there[i]);
        (void)close(back[i]);
    }
}

static void run_pipe(unsigned rounds)
{
    char byte = 'x';
    for (unsigned i = 0; i < rounds; i++)
        must(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1, "pipe round trip");
}

static void run_pipe_close(unsigned rounds)
{
    int ends[2];
    for (unsigned i = 0; i < rounds; i++) must(!pipe(ends) && !close(ends[0]) && !close(ends[1]), "pipe");
}

static void serve_yield(void)
{
    for (;;) {
        while (atomic_load(turn) == 0) (void)sched_yield();
        atomic_store(turn, 0);
    }
}

static void run_yield(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        atomic_store(turn, 1);
        while (atomic_load(turn) == 1) (void)sched_yield();
    }
}

// On Linux a new process starts with less right to the CPU than its parent: rounds enough for that to be over.
static void prepare_yield(void)
{
    turn = mmap(NULL, sizeof(*turn), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(turn != MAP_FAILED, "mmap");
    (void)helper_start(serve_yield);
    run_yield(5000);
}

static void clean_yield(void)
{
    helper_stop();
    must(!munmap(turn, sizeof(*turn)), "munmap");
}

const struct row pipe_rows[] = {
    {"pipe-exclusive", 15, 100, run_pipe, prepare_exclusive, clean_exclusive},
    {"pipe-shared", 15, 100, run_pipe, prepare_shared, clean_shared},
    {"pipe-close", 15, 100, run_pipe_close, NULL, NULL},
    {"sched_yield", 15, 100, run_yield, prepare_yield, clean_yield},
    {0},
};
