// SPDX-License-Identifier: MIT
// What programs made of named checks share: a line for each thing found, pauses, a handler that notes a signal, and a
// main() that runs the check that its argument names (CHECKS). Status 1: there is no such check.
#pragma once
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")

struct named_check {
    const char *name;
    void (*run)(void);
};

// main() for these checks: CHECKS({"name", function}, ...)
#define CHECKS(...) \
    int main(int n, char **v) \
    { \
        static const struct named_check checks[] = {__VA_ARGS__}; \
        return n == 2 ? run_check(v[1], checks, sizeof checks / sizeof *checks) : 1; \
    }

static inline int run_check(const char *name, const struct named_check *checks, unsigned n)
{
    setvbuf(stdout, 0, _IOLBF, 0);
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(name, checks[i].name) != 0) continue;
        checks[i].run();
        return 0;
    }
    return 1;
}

static inline void nap(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&t, &t)) {}
}

// The signal that note() saw last, and what was said with it.
static volatile sig_atomic_t got;
static siginfo_t last;

static inline void note(int s, siginfo_t *i, void *c)
{
    (void)c;
    got = s;
    last = *i;
}

static inline void handle(int s, void (*f)(int, siginfo_t *, void *), int flags)
{
    struct sigaction a = {.sa_sigaction = f, .sa_flags = SA_SIGINFO | flags};
    sigaction(s, &a, 0);
}
