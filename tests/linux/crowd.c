// SPDX-License-Identifier: MIT
// A signal to a group of several hundred processes: crowd N. Each is stopped, goes on, catches one, and is ended.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int pipe_ends[2];

static void caught(int signal)
{
    (void)signal;
    if (write(pipe_ends[1], "x", 1) != 1) _exit(1);
}

// A member of the group: says that it is there, then only signals move it.
static void member(pid_t group)
{
    setpgid(0, group);
    signal(SIGUSR1, caught);
    caught(0);
    for (;;) pause();
}

static pid_t make_crowd(int n)
{
    pid_t group = 0;
    for (int i = 0; i < n; i++) {
        pid_t child = fork();
        if (child == 0) member(group);
        if (child < 0) {
            perror("fork");
            exit(1);
        }
        if (group == 0) group = child;
        setpgid(child, group);
    }
    return group;
}

static int bytes(int n)
{
    int got = 0;
    char byte;
    while (got < n && read(pipe_ends[0], &byte, 1) == 1) got++;
    return got;
}

// How many of the group change in this way.
static int changes(pid_t group, int n, int options, int code)
{
    int found = 0;
    for (int i = 0; i < n; i++) {
        siginfo_t info;
        if (waitid(P_PGID, (id_t)group, &info, options) != 0) break;
        found += info.si_code == code;
    }
    return found;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 0;
    if (n < 1 || pipe(pipe_ends) != 0) return 2;
    pid_t group = make_crowd(n);
    printf("there %d\n", bytes(n) == n);
    for (int round = 0; round < 3; round++) {
        kill(-group, SIGSTOP);
        printf("stopped %d\n", changes(group, n, WSTOPPED, CLD_STOPPED) == n);
        kill(-group, SIGUSR1);
        kill(-group, SIGCONT);
        printf("continued %d\n", changes(group, n, WCONTINUED, CLD_CONTINUED) == n);
        printf("caught when it went on %d\n", bytes(n) == n);
        kill(-group, SIGUSR1);
        printf("caught %d\n", bytes(n) == n);
        kill(-group, SIGSTOP);
        kill(-group, SIGCONT);
    }
    kill(-group, SIGTERM);
    printf("ended %d\n", changes(group, n, WEXITED, CLD_KILLED) == n);
    printf("nobody left %d\n", kill(-group, 0) != 0 && errno == ESRCH);
    return 0;
}
