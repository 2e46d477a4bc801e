// SPDX-License-Identifier: MIT
// A benchmark of Linux system calls: measures rows in batches by the TSC and prints them, one a line.
//
//   bench [ROW...]    rows whose names begin or end so at a dash; without any, all. -l before them: list them.
//   bench --mark N    execute a mark, and tell the time: for scripts that are measured as a whole
//   bench --lines N   write N MiB of lines in no order, always the same
//   bench --exit      end: the program that exec rows start
//
// Output: "row NUMBER NAME ROUNDS TSC..." with one figure a batch.
// A mark (see mark()) stands around each batch for a counting emulator; it is a NOP otherwise. Before the batches comes
// one that is not measured.
#include "bench.h"
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_BATCHES = 64, MAX_MARKS = 160, MARK_FINISH = 0xffff };

const char *self;
static const struct row *const families[] = {call_rows, file_rows, pipe_rows, thread_rows, memory_rows, process_rows};
static pid_t helper;

void must(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

pid_t helper_start(void (*serve)(void))
{
    (void)fflush(stdout);
    helper = fork();
    must(helper >= 0, "fork");
    if (!helper) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve();
        _exit(0);
    }
    return helper;
}

void helper_stop(void)
{
    (void)kill(helper, SIGKILL);
    must(waitpid(helper, NULL, 0) == helper, "waitpid");
}

// Marks, 8 bytes each: NOPL with 0x4248 and the mark's number as its displacement, then RET.
void marks(void);
void mark_finish(void);
__asm__(
    ".text\n .p2align 4\n .globl marks, mark_finish\n marks: .set number, 0\n .rept 160\n"
    " .byte 0x0f, 0x1f, 0x80\n .long 0x42480000 + number\n ret\n .set number, number + 1\n .endr\n"
    "mark_finish: .byte 0x0f, 0x1f, 0x80\n .long 0x4248ffff\n ret\n");

static void mark(unsigned number) { ((void (*)(void))((uintptr_t)marks + 8 * number))(); }

static uint64_t ticks(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

static void measure(const struct row *row, unsigned number)
{
    uint64_t taken[MAX_BATCHES];
    must(row->batches <= MAX_BATCHES && 2 * number + 1 < MAX_MARKS, "a row's size");
    if (row->prepare) row->prepare();
    row->run(row->rounds);
    for (unsigned i = 0; i < row->batches; i++) {
        mark(2 * number);
        uint64_t start = ticks();
        row->run(row->rounds);
        taken[i] = ticks() - start;
        mark(2 * number + 1);
    }
    if (row->clean) row->clean();
    printf("row %u %s %u", number, row->name, row->rounds);
    for (unsigned i = 0; i < row->batches; i++) printf(" %llu", (unsigned long long)taken[i]);
    printf("\n");
    (void)fflush(stdout);
}

// Whether a word names this row: the whole name, or its beginning or end at a dash.
static bool is_named(const char *name, const char *word)
{
    size_t n = strlen(word), length = strlen(name);
    if (n > length) return false;
    if (!strncmp(name, word, n) && (!name[n] || name[n] == '-')) return true;
    return !strcmp(name + length - n, word) && name[length - n - 1] == '-';
}

static bool is_wanted(const char *name, char **words)
{
    if (!*words) return true;
    for (; *words; words++)
        if (is_named(name, *words)) return true;
    return false;
}

static int tell_mark(const char *number)
{
    struct timespec now;
    unsigned n = (unsigned)atoi(number);
    must(!clock_gettime(CLOCK_MONOTONIC, &now), "clock_gettime");
    printf("mark %u %lld%09ld\n", n, (long long)now.tv_sec, now.tv_nsec);
    (void)fflush(stdout);
    if (n == MARK_FINISH)
        mark_finish();
    else if (n < MAX_MARKS)
        mark(n);
    return 0;
}

static int write_lines(const char *megabytes)
{
    uint64_t state = 88172645463325252ull;
    for (long left = atol(megabytes) << 20; left > 0; left -= 32) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        printf("%016llx %014llx\n", (unsigned long long)state, (unsigned long long)(state * 31 >> 8));
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--exit")) return 0;
    if (argc == 3 && !strcmp(argv[1], "--mark")) return tell_mark(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "--lines")) return write_lines(argv[2]);
    self = "/proc/self/exe";
    bool list = argc > 1 && !strcmp(argv[1], "-l");
    if (!list) must(!mkdir(HERE(""), 0755) || errno == EEXIST, "mkdir " HERE(""));
    unsigned number = 0;
    for (unsigned i = 0; i < sizeof(families) / sizeof(*families); i++)
        for (const struct row *row = families[i]; row->name; row++, number++) {
            if (!is_wanted(row->name, argv + 1 + list)) continue;
            if (list)
                puts(row->name);
            else
                measure(row, number);
        }
    mark_finish();
    return 0;
}
