// SPDX-License-Identifier: MIT
// Signals: each argument names a check, which prints what it found.
#define _GNU_SOURCE
#include "check.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_sigchld(void)
{
    int s;
    handle(SIGCHLD, note, SA_RESTART);
    pid_t c = fork();
    if (!c) _exit(7);
    while (!got) nap(5);
    CHECK(last.si_pid == c && last.si_code == CLD_EXITED && last.si_status == 7);
    waitpid(c, &s, 0);
    c = fork();
    if (!c) {
        pause();
        _exit(0);
    }
    got = 0;
    kill(c, SIGSTOP);
    while (!got) nap(5);
    CHECK(last.si_code == CLD_STOPPED && last.si_status == SIGSTOP);
    got = 0;
    kill(c, SIGCONT);
    while (!got) nap(5);
    CHECK(last.si_code == CLD_CONTINUED);
    got = 0;
    kill(c, SIGKILL);
    while (!got) nap(5);
    CHECK(last.si_code == CLD_KILLED && last.si_status == SIGKILL);
    wait(&s);
    handle(SIGCHLD, note, SA_NOCLDSTOP);
    got = 0;
    c = fork();
    if (!c) {
        pause();
        _exit(0);
    }
    kill(c, SIGSTOP);
    waitpid(c, &s, WUNTRACED);
    CHECK(!got);
    kill(c, SIGKILL);
    while (!got) nap(5);
    wait(&s);
    signal(SIGCHLD, SIG_IGN);
    c = fork();
    if (!c) _exit(1);
    CHECK(waitpid(c, &s, 0) == -1 && errno == ECHILD);
}

static void check_signals(void)
{
    handle(SIGUSR1, note, 0);
    raise(SIGUSR1);
    CHECK(got == SIGUSR1 && last.si_code == SI_TKILL && last.si_pid == getpid());
    got = 0;
    kill(getpid(), SIGUSR1);
    CHECK(got == SIGUSR1 && last.si_code == SI_USER);
    sigset_t set, old, pend;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    got = 0;
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    CHECK(!got);
    sigpending(&pend);
    CHECK(sigismember(&pend, SIGUSR1) == 1);
    sigprocmask(SIG_SETMASK, &old, 0);
    CHECK(got == SIGUSR1);
    got = 0;
    nap(5);
    CHECK(!got);
    handle(SIGRTMIN, note, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, &old);
    union sigval v;
    for (int i = 1; i <= 3; i++) {
        v.sival_int = i;
        sigqueue(getpid(), SIGRTMIN, v);
    }
    siginfo_t info;
    struct timespec t = {0, 0};
    CHECK(sigwaitinfo(&set, &info) == SIGRTMIN && info.si_value.sival_int == 1 && info.si_code == SI_QUEUE);
    CHECK(sigtimedwait(&set, &info, &t) == SIGRTMIN && info.si_value.sival_int == 2);
    sigprocmask(SIG_SETMASK, &old, 0);
    CHECK(got == SIGRTMIN && last.si_value.sival_int == 3);
    sigprocmask(SIG_BLOCK, &set, &old);
    CHECK(sigtimedwait(&set, &info, &t) == -1 && errno == EAGAIN);
    signal(SIGUSR2, SIG_IGN);
    sigaddset(&set, SIGUSR2);
    kill(getpid(), SIGUSR2);
    sigpending(&pend);
    CHECK(!sigismember(&pend, SIGUSR2));
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, 0);
    kill(getpid(), SIGTERM);
    CHECK(sigwaitinfo(&set, &info) == SIGTERM);
    CHECK(kill(1 << 20, 0) == -1 && errno == ESRCH);
    CHECK(kill(getpid(), 65) == -1 && errno == EINVAL);
}

static void check_eintr(void)
{
    handle(SIGALRM, note, 0);
    struct itimerval v = {{0, 0}, {0, 30000}};
    int p[2];
    pipe(p);
    char c;
    setitimer(ITIMER_REAL, &v, 0);
    CHECK(read(p[0], &c, 1) == -1 && errno == EINTR && got == SIGALRM);
    handle(SIGALRM, note, SA_RESTART);
    got = 0;
    setitimer(ITIMER_REAL, &v, 0);
    pid_t k = fork();
    if (!k) {
        nap(100);
        write(p[1], "x", 1);
        _exit(0);
    }
    CHECK(read(p[0], &c, 1) == 1 && got == SIGALRM);
    wait(0);
    v.it_interval.tv_usec = 10000;
    v.it_value.tv_usec = 10000;
    setitimer(ITIMER_REAL, &v, 0);
    int n = 0;
    while (n < 5) {
        got = 0;
        pause();
        n += got == SIGALRM;
    }
    struct itimerval o;
    memset(&v, 0, sizeof v);
    setitimer(ITIMER_REAL, &v, &o);
    CHECK(o.it_interval.tv_usec == 10000);
    CHECK(alarm(10) == 0);
    CHECK(alarm(0) == 10);
}

static void check_stopped(void)
{
    int *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int s;
    pid_t c = fork();
    if (!c)
        for (;;) ++*(volatile int *)p;
    nap(30);
    kill(c, SIGSTOP);
    waitpid(c, &s, WUNTRACED);
    nap(20);
    int a = *p;
    nap(50);
    CHECK(a == *p && a > 0);
    kill(c, SIGCONT);
    nap(50);
    CHECK(*p != a);
    kill(c, SIGSTOP);
    nap(10);
    kill(c, SIGTERM);
    nap(10);
    CHECK(waitpid(c, &s, WNOHANG) == 0);
    kill(c, SIGCONT);
    CHECK(waitpid(c, &s, 0) == c && WTERMSIG(s) == SIGTERM);
    c = fork();
    if (!c)
        for (;;) ++*(volatile int *)p;
    kill(c, SIGSTOP);
    nap(20);
    kill(c, SIGKILL);
    CHECK(waitpid(c, &s, 0) == c && WTERMSIG(s) == SIGKILL);
}

// --- a thread's signals to itself

static int order[8], n_order;
static siginfo_t first;

// Notes which signal it handles; the first time, sends more of them.
static void nest(int s, siginfo_t *i, void *c)
{
    (void)c;
    order[n_order++] = s;
    if (n_order > 1) return;
    first = *i;
    kill(getpid(), SIGUSR1);  // blocked while its own handler runs
    kill(getpid(), SIGUSR2);  // handled at once
    order[n_order++] = -s;
}

static void check_self(void)
{
    sigset_t set, old, pend;
    handle(SIGUSR1, nest, 0);
    handle(SIGUSR2, nest, 0);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    CHECK(n_order == 4 && order[0] == SIGUSR1 && order[1] == SIGUSR2 && order[2] == -SIGUSR1 && order[3] == SIGUSR1);
    CHECK(first.si_code == SI_USER && first.si_pid == getpid() && first.si_uid == getuid());
    handle(SIGUSR1, note, SA_RESETHAND);
    kill(getpid(), SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, 0, &now);
    CHECK(got == SIGUSR1 && now.sa_handler == SIG_DFL);
    int s;
    pid_t c = fork();
    if (!c) {
        kill(getpid(), SIGUSR1);
        _exit(0);
    }
    waitpid(c, &s, 0);
    CHECK(WIFSIGNALED(s) && WTERMSIG(s) == SIGUSR1);
    // Of another process, while this one blocks it; unblocked by a handler's return.
    handle(SIGUSR1, note, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    c = fork();
    if (!c) _exit(kill(getppid(), SIGUSR1));
    waitpid(c, &s, 0);
    got = 0;
    sigprocmask(SIG_BLOCK, &set, 0);
    sigpending(&pend);
    CHECK(!got && sigismember(&pend, SIGUSR1));
    sigprocmask(SIG_SETMASK, &old, 0);
    CHECK(got == SIGUSR1 && last.si_pid == c);
    handle(SIGCONT, note, 0);
    kill(getpid(), SIGCONT);
    CHECK(got == SIGCONT);
}

// Calls that change the mask for their time change it back, whether they were interrupted or not.
static void check_mask(void)
{
    sigset_t set, now;
    struct timespec t = {0, 1000000};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(ppoll(0, 0, &t, &set) == 0);
    sigprocmask(SIG_BLOCK, 0, &now);
    CHECK(!sigismember(&now, SIGUSR1));
    CHECK(pselect(0, 0, 0, 0, &t, &set) == 0);
    sigprocmask(SIG_BLOCK, 0, &now);
    CHECK(!sigismember(&now, SIGUSR1));
    handle(SIGUSR1, note, 0);
    sigprocmask(SIG_BLOCK, &set, 0);
    kill(getpid(), SIGUSR1);
    sigemptyset(&set);
    CHECK(!got && ppoll(0, 0, 0, &set) == -1 && errno == EINTR && got == SIGUSR1);
    sigprocmask(SIG_BLOCK, 0, &now);
    CHECK(sigismember(&now, SIGUSR1));
}

CHECKS({"sigchld", check_sigchld}, {"signals", check_signals}, {"eintr", check_eintr}, {"stopped", check_stopped},
       {"self", check_self}, {"mask", check_mask})
