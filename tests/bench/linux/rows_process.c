// SPDX-License-Identifier: MIT
// Rows of processes. What is executed is this program, which ends at once when called with --exit.
#define _GNU_SOURCE
#include "bench.h"
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char *exit_arguments[] = {"bench", "--exit", NULL};

static void wait_for(pid_t pid)
{
    int status;
    must(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "a child");
}

static void run_fork(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        pid_t pid = fork();
        if (!pid) _exit(0);
        wait_for(pid);
    }
}

static void run_exec(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        pid_t pid = fork();
        if (!pid) {
            execve(self, exit_arguments, environ);
            _exit(127);
        }
        wait_for(pid);
    }
}

static void run_spawn(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        pid_t pid;
        must(!posix_spawn(&pid, self, NULL, NULL, exit_arguments, environ), "posix_spawn");
        wait_for(pid);
    }
}

const struct row process_rows[] = {
    {"fork-exit-wait", 15, 10, run_fork, NULL, NULL},
    {"fork-exec-exit-wait", 15, 10, run_exec, NULL, NULL},
    {"posix_spawn-exit-wait", 15, 10, run_spawn, NULL, NULL},
    {0},
};
