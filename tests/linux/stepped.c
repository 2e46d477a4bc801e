// SPDX-License-Identifier: MIT
// A program that single-steps itself through system calls, a forked child and a signal: where the trap handler was told
// that the program stands, as distances from the first place.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static unsigned long places[64];
static unsigned n_places, n_others;

static void trap(int signal, siginfo_t *info, void *context)
{
    const ucontext_t *user = context;
    (void)signal, (void)info;
    if (n_places < 64) places[n_places++] = (unsigned long)user->uc_mcontext.gregs[REG_RIP];
}

static void other(int signal) { n_others += signal == SIGUSR1; }

static void show(const char *what, long result)
{
    printf("%s: result %s, %u others, steps", what, result < 0 ? "negative" : result ? "positive" : "0", n_others);
    for (unsigned i = 0; i < n_places; i++) printf(" %lu", places[i] - places[0]);
    printf("\n");
    n_places = n_others = 0;
    fflush(stdout);
}

// The call's number and arguments in registers, one system call with the trap flag set, then a few instructions.
static long step(long number, long a, long b)
{
    __asm__ volatile(
        "pushf; orl $0x100, (%%rsp); popf; nop\n"
        "syscall\n"
        "nop; nop\n"
        "pushf; andl $~0x100, (%%rsp); popf; nop"
        : "+a"(number)
        : "D"(a), "S"(b)
        : "rcx", "r11", "memory", "cc");
    return number;
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &action, 0);
    signal(SIGUSR1, other);
    show("getpid", step(SYS_getpid, 0, 0));
    show("bad address", step(SYS_access, 8, 0));
    show("no such call", step(9999, 0, 0));
    show("kill", step(SYS_kill, getpid(), SIGUSR1));
    long child = step(SYS_fork, 0, 0);
    if (child == 0) {
        show("child", child);
        _exit(0);
    }
    siginfo_t info;
    waitid(P_ALL, 0, &info, WEXITED);
    printf("child ended: %d %d\n", info.si_code, info.si_status);
    show("parent", child);
    return 0;
}
