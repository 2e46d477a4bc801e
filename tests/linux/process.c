// SPDX-License-Identifier: MIT
// Processes coming and going: each argument names a check, which prints what it found.
#define _GNU_SOURCE
#include "check.h"
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_wait(void)
{
    int s;
    CHECK(wait(&s) == -1 && errno == ECHILD);
    pid_t c = fork();
    if (!c) _exit(42);
    CHECK(waitpid(c, &s, 0) == c && WIFEXITED(s) && WEXITSTATUS(s) == 42);
    c = fork();
    if (!c) {
        pause();
        _exit(0);
    }
    CHECK(waitpid(c, &s, WNOHANG) == 0);
    CHECK(kill(c, 0) == 0);
    kill(c, SIGTERM);
    CHECK(waitpid(-1, &s, 0) == c && WIFSIGNALED(s) && WTERMSIG(s) == SIGTERM && !WCOREDUMP(s));
    CHECK(kill(c, 0) == -1 && errno == ESRCH);
    c = fork();
    if (!c) {
        setpgid(0, 0);
        pause();
        _exit(0);
    }
    nap(50);
    CHECK(waitpid(-c, &s, WNOHANG) == 0);
    CHECK(waitpid(0, &s, WNOHANG) == -1 && errno == ECHILD);
    kill(c, SIGSTOP);
    CHECK(waitpid(c, &s, WUNTRACED) == c && WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP);
    CHECK(waitpid(c, &s, WUNTRACED | WNOHANG) == 0);
    kill(c, SIGCONT);
    CHECK(waitpid(c, &s, WCONTINUED) == c && WIFCONTINUED(s));
    kill(-c, SIGKILL);
    siginfo_t i;
    CHECK(waitid(P_PID, c, &i, WEXITED | WNOWAIT) == 0 && i.si_pid == c && i.si_code == CLD_KILLED &&
          i.si_status == SIGKILL);
    CHECK(waitpid(c, &s, 0) == c && WTERMSIG(s) == SIGKILL);
    CHECK(waitpid(c, &s, 0) == -1 && errno == ECHILD);
}

static void check_vfork(void)
{
    volatile int x = 1;
    pid_t c = vfork();
    if (!c) {
        x = 2;
        _exit(6);
    }
    int s;
    CHECK(x == 2);
    waitpid(c, &s, 0);
    printf("status %x\n", s);
    c = vfork();
    if (!c) {
        execl("/bin/sh", "sh", "-c", "exit 8", (char *)0);
        _exit(1);
    }
    waitpid(c, &s, 0);
    printf("status %x\n", s);
    for (int i = 0; i < 20; i++) {
        c = vfork();
        if (!c) _exit(i);
        waitpid(c, &s, 0);
        if (s != i << 8) printf("bad %d %x\n", i, s);
    }
    printf("system %x\n", system("exit 3"));
    FILE *f = popen("echo popen works", "r");
    char b[50];
    fgets(b, 50, f);
    printf("%s", b);
    printf("pclose %d\n", pclose(f));
}

static void check_groups(void)
{
    CHECK(getpgrp() == getpgid(0));
    pid_t c = fork();
    if (!c) {
        CHECK(setsid() == getpid());
        CHECK(getsid(0) == getpid() && getpgrp() == getpid());
        CHECK(setsid() == -1 && errno == EPERM);
        CHECK(setpgid(0, 0) == -1 && errno == EPERM);
        fflush(stdout);
        _exit(0);
    }
    waitpid(c, 0, 0);
    c = fork();
    if (!c) {
        nap(200);
        _exit(0);
    }
    CHECK(setpgid(c, c) == 0 && getpgid(c) == c);
    CHECK(setpgid(c, 1 << 20) == -1 && errno == EPERM);
    CHECK(setpgid(1 << 20, 0) == -1 && errno == ESRCH);
    CHECK(setpgid(0, -1) == -1 && errno == EINVAL);
    waitpid(c, 0, 0);
    CHECK(getpgid(c) == -1 && errno == ESRCH);
}

static void check_orphan(void)
{
    int p[2], s;
    pipe(p);
    fflush(stdout);
    pid_t c = fork();
    if (!c) {
        setsid();
        pid_t g = fork();
        if (!g) {
            setpgid(0, 0);
            handle(SIGHUP, note, 0);
            write(p[1], "r", 1);
            raise(SIGSTOP);
            char b = got == SIGHUP ? 'H' : 'n';
            write(p[1], &b, 1);
            CHECK(getppid() == 1);
            raise(SIGTSTP);
            write(p[1], "t", 1);
            fflush(stdout);
            _exit(0);
        }
        waitpid(g, &s, WUNTRACED);
        _exit(0);
    }
    char b[4] = {0};
    close(p[1]);
    waitpid(c, &s, 0);
    int n = 0;
    while (n < 3 && read(p[0], b + n, 1) == 1) n++;
    printf("%s\n", b);
    nap(20);
}

static void check_limits(void)
{
    struct rlimit r;
    getrlimit(RLIMIT_NOFILE, &r);
    printf("nofile %ld\n", (long)r.rlim_cur);
    getrlimit(RLIMIT_STACK, &r);
    printf("stack %ld\n", (long)r.rlim_cur);
    getrlimit(RLIMIT_CORE, &r);
    printf("core %ld\n", (long)r.rlim_cur);
    r.rlim_cur = 64 << 20;
    r.rlim_max = RLIM_INFINITY;
    CHECK(setrlimit(RLIMIT_AS, &r) == 0);
    CHECK(malloc(100 << 20) == 0);
    r.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_AS, &r);
    r.rlim_cur = 10;
    r.rlim_max = 5;
    CHECK(setrlimit(RLIMIT_NOFILE, &r) == -1 && errno == EINVAL);
    CHECK(getpriority(PRIO_PROCESS, 0) == 0);
    CHECK(setpriority(PRIO_PROCESS, 0, 5) == 0 && getpriority(PRIO_PROCESS, 0) == 5);
    CHECK(nice(100) == 19 || errno);
}

static void check_ids(void)
{
    uid_t a, b, c;
    CHECK(setresuid(1000, 1001, 1002) == 0);
    getresuid(&a, &b, &c);
    printf("%d %d %d\n", a, b, c);
    CHECK(setuid(0) == -1 && errno == EPERM);
    CHECK(seteuid(1002) == 0);
    CHECK(setresuid(-1, 1000, -1) == 0);
    CHECK(setreuid(1002, -1) == 0);
    getresuid(&a, &b, &c);
    printf("%d %d %d\n", a, b, c);
    gid_t g = 5;
    CHECK(setgroups(1, &g) == -1 && errno == EPERM);
    CHECK(kill(1, 0) == -1 && errno == EPERM);
}

static void check_many(void)
{
    int ok = 1;
    for (int i = 0; i < 300; i++) {
        pid_t c = fork();
        if (!c) _exit(i & 63);
        int s;
        ok &= waitpid(c, &s, 0) == c && s == (i & 63) << 8;
    }
    CHECK(ok);
    pid_t k[50];
    for (int i = 0; i < 50; i++)
        if (!(k[i] = fork())) {
            nap(10);
            _exit(i);
        }
    int n = 0, s;
    while (wait(&s) > 0) n++;
    printf("%d children\n", n);
}

static void check_usage(void)
{
    struct rusage r;
    pid_t c = fork();
    if (!c) {
        clock_t e = clock() + CLOCKS_PER_SEC / 20;
        while (clock() < e)
            ;
        _exit(0);
    }
    int s;
    wait4(c, &s, 0, &r);
    long us = r.ru_utime.tv_sec * 1000000 + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
    CHECK(us > 30000 && us < 400000);
    getrusage(RUSAGE_CHILDREN, &r);
    CHECK(r.ru_utime.tv_usec + r.ru_stime.tv_usec >= 30000);
}

CHECKS({"wait", check_wait}, {"vfork", check_vfork}, {"groups", check_groups}, {"orphan", check_orphan},
       {"limits", check_limits}, {"ids", check_ids}, {"many", check_many}, {"usage", check_usage})
