// SPDX-License-Identifier: MIT
// Threads and shared futexes: each argument names a check, which prints what it found.
#define _GNU_SOURCE
#include "check.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cv = PTHREAD_COND_INITIALIZER;
static int turn, total;

static void *th(void *a)
{
    *(int *)a += 1;
    return (void *)5;
}

static void *ping(void *a)
{
    long me = (long)a;
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&m);
        while (turn != me) pthread_cond_wait(&cv, &m);
        total++;
        turn = !me;
        pthread_cond_broadcast(&cv);
        pthread_mutex_unlock(&m);
    }
    return 0;
}

static void check_threads(void)
{
    pthread_t t[20];
    int x[20] = {0};
    void *r;
    int ok = 1;
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 20; i++) pthread_create(&t[i], 0, th, &x[i]);
        for (int i = 0; i < 20; i++) {
            pthread_join(t[i], &r);
            ok &= r == (void *)5;
        }
    }
    for (int i = 0; i < 20; i++) ok &= x[i] == 3;
    CHECK(ok);
    pthread_create(&t[0], 0, ping, (void *)0);
    pthread_create(&t[1], 0, ping, (void *)1);
    pthread_join(t[0], 0);
    pthread_join(t[1], 0);
    CHECK(total == 400);
}

static void *spin(void *a)
{
    (void)a;
    for (;;) pause();
}

static void *do_exec(void *a)
{
    (void)a;
    nap(20);
    execl("/proc/self/exe", "process", "exec-child", (char *)0);
    return 0;
}

static void check_exec_thread(void)
{
    pthread_t t;
    fflush(stdout);
    pid_t c = fork();
    if (!c) {
        for (int i = 0; i < 5; i++) pthread_create(&t, 0, spin, 0);
        pthread_create(&t, 0, do_exec, 0);
        for (;;) pause();
    }
    int s;
    waitpid(c, &s, 0);
    printf("status %x\n", s);
}

static void check_exec_child(void)
{
    printf("exec child: pid is tid %d\n", getpid() == syscall(SYS_gettid));
    fflush(stdout);
    _exit(9);
}

static void check_exit_thread(void)
{
    pthread_t t;
    pid_t c = fork();
    if (!c) {
        for (int i = 0; i < 5; i++) pthread_create(&t, 0, spin, 0);
        nap(10);
        exit(4);
    }
    int s;
    waitpid(c, &s, 0);
    printf("status %x\n", s);
    c = fork();
    if (!c) {
        pthread_create(&t, 0, spin, 0);
        nap(10);
        kill(getpid(), SIGKILL);
    }
    waitpid(c, &s, 0);
    printf("status %x\n", s);
}

static void check_robust(void)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&a, 1);
    pthread_mutex_t *mu = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutex_init(mu, &a);
    pid_t c = fork();
    if (!c) {
        pthread_mutex_lock(mu);
        nap(60);
        _exit(0);
    }
    nap(20);
    CHECK(pthread_mutex_lock(mu) == EOWNERDEAD);
    CHECK(pthread_mutex_consistent(mu) == 0);
    pthread_mutex_unlock(mu);
    wait(0);
    uint32_t *w = (uint32_t *)(mu + 1);
    c = fork();
    if (!c) {
        nap(30);
        *w = 1;
        syscall(SYS_futex, w, FUTEX_WAKE, 1, 0, 0, 0);
        _exit(0);
    }
    while (!*(volatile uint32_t *)w) syscall(SYS_futex, w, FUTEX_WAIT, 0, 0, 0, 0);
    CHECK(*w == 1);
    wait(0);
    struct timespec t = {0, 20000000};
    CHECK(syscall(SYS_futex, w, FUTEX_WAIT, 1, &t, 0, 0) == -1 && errno == ETIMEDOUT);
    CHECK(syscall(SYS_futex, w, FUTEX_WAIT, 5, 0, 0, 0) == -1 && errno == EAGAIN);
}

static void check_sigthread(void)
{
    handle(SIGUSR1, note, 0);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_t t;
    pthread_create(&t, 0, spin, 0);
    pthread_sigmask(SIG_BLOCK, &set, 0);
    kill(getpid(), SIGUSR1);
    while (!got) nap(5);
    CHECK(got == SIGUSR1);
    got = 0;
    pthread_kill(t, SIGUSR1);
    while (!got) nap(5);
    CHECK(last.si_code == SI_TKILL);
    CHECK(syscall(SYS_tgkill, getpid(), 1 << 20, 0) == -1 && errno == ESRCH);
    got = 0;
    pthread_kill(pthread_self(), SIGUSR1);
    CHECK(!got);
    pthread_sigmask(SIG_UNBLOCK, &set, 0);
    CHECK(got);
}

CHECKS({"threads", check_threads}, {"exec-thread", check_exec_thread}, {"exec-child", check_exec_child},
       {"exit-thread", check_exit_thread}, {"robust", check_robust}, {"sigthread", check_sigthread})
