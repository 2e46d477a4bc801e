// SPDX-License-Identifier: MIT
// What goes on while a component of Bulkhead stands still or is given up:
//
//   meanwhile hang COMPONENT   timers, time-outs and the ends of processes come when they are due
//   meanwhile cold             who waits for the terminal server is told when that forgets everything
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000ll
#define PERIOD_MS 4
#define SPAN_MS 40  // a component that stands still is found after 60
#define LATE_NS (2 * MS)

static volatile int n_alarms;

static void alarmed(int signal)
{
    (void)signal;
    n_alarms++;
}

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 * MS + t.tv_nsec;
}

static void order(const char *component)
{
    char line[64];
    int n = snprintf(line, sizeof line, "%s hang\n", component), file = open("/proc/bulkhead/fault", O_WRONLY);
    if (write(file, line, (size_t)n) != n) exit(2);
    close(file);
}

// How often it has been started, when it serves; else 0.
static long starts_of(const char *component)
{
    char line[256], name[32];
    long state, starts, found = 0;
    FILE *file = fopen("/proc/bulkhead/components", "r");
    if (!file) exit(2);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "%*d %31s state %ld starts %ld", name, &state, &starts) == 3 && strcmp(name, component) == 0)
            found = state == 2 ? starts : 0;
    fclose(file);
    return found;
}

// Printed at the end: standard output may be in the hands of the component.
static char results[1024];
static void check(const char *what, int holds)
{
    snprintf(results + strlen(results), sizeof results - strlen(results), "%s: %s\n", what, holds ? "yes" : "no");
}

static int in_time(long long began, long long ms) { return now() - began < ms * MS + LATE_NS; }

// Waits for the component's answer.
static bool ask(const char *component, int master)
{
    struct winsize size;
    if (strcmp(component, "tty") == 0) return ioctl(master, TIOCGWINSZ, &size) == 0;
    return access("/etc/passwd", R_OK) == 0;
}

static void check_time_outs(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    struct timespec t;
    long long began = now();
    check("poll times out", poll(NULL, 0, 5) == 0 && in_time(began, 5));
    began = now();
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += 5 * MS;
    if (t.tv_nsec >= 1000 * MS) t = (struct timespec){t.tv_sec + 1, t.tv_nsec - 1000 * MS};
    pthread_mutex_lock(&mutex);
    check("a condition times out", pthread_cond_timedwait(&condition, &mutex, &t) == ETIMEDOUT && in_time(began, 5));
}

// proc is not for this: timers and signals are its own, and come when it is back.
static int hang(const char *component)
{
    const struct itimerval every = {{0, PERIOD_MS * 1000}, {0, PERIOD_MS * 1000}}, never = {0};
    int status = 0, master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    signal(SIGALRM, alarmed);
    sigset_t begin;
    int got;
    sigemptyset(&begin);
    sigaddset(&begin, SIGUSR1);
    sigprocmask(SIG_BLOCK, &begin, NULL);
    pid_t child = fork();
    if (child == 0) {
        sigwait(&begin, &got);
        _exit(ask(component, master));
    }
    setitimer(ITIMER_REAL, &every, NULL);
    order(component);
    kill(child, SIGUSR1);
    long long began = now();
    while (now() - began < SPAN_MS * MS) pause();
    setitimer(ITIMER_REAL, &never, NULL);
    check("alarms come", n_alarms >= SPAN_MS / PERIOD_MS - 1 && in_time(began, SPAN_MS + PERIOD_MS));
    check_time_outs();
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    check("who waits for it ends by a signal", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    began = now();
    check("then it serves again", ask(component, master) && in_time(began, 100));
    return 0;
}

static int cold(void)
{
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), status = 0;
    if (master < 0) return 2;
    pid_t child = fork();
    if (child == 0) {
        char byte;
        _exit(read(master, &byte, 1) < 0 ? 1 : 255);
    }
    for (int i = 0; i < 7; i++) {
        long before = starts_of("tty");
        order("tty");
        while (starts_of("tty") <= before) usleep(1000);
    }
    signal(SIGALRM, alarmed);
    alarm(2);
    check("who waited is told", waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) != 255);
    kill(child, SIGKILL);
    return 0;
}

int main(int argc, char **argv)
{
    int status = 2;
    if (argc == 3 && strcmp(argv[1], "hang") == 0) status = hang(argv[2]);
    if (argc == 2 && strcmp(argv[1], "cold") == 0) status = cold();
    printf("%s", results);
    return status;
}
