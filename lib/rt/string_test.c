// SPDX-License-Identifier: MIT
// Unit tests of the memory functions, on the host, under other names than the C library's. Links string_test.c.
#define memcpy own_memcpy
#define memmove own_memmove
#define memset own_memset
#define memcmp own_memcmp
#define memchr own_memchr
#define strlen own_strlen
#define strnlen own_strnlen
#define strcmp own_strcmp
#define strncmp own_strncmp
#define strchr own_strchr
#include "lib/rt/string.c"

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#define BYTES 160
#define ROOM 32  // around what is worked on

static unsigned n_tests, n_failed;

static void ok(bool passed, const char *name)
{
    printf("%sok %u - string: %s\n", passed ? "" : "not ", ++n_tests, name);
    n_failed += !passed;
}

static void number(uint8_t *bytes)
{
    for (unsigned i = 0; i < BYTES; i++) bytes[i] = (uint8_t)(i + 1);
}

// n bytes from `from` to `to` in one array, against a loop over a copy of it.
static bool moves(void *(*move)(void *, const void *, size_t), unsigned to, unsigned from, unsigned n)
{
    uint8_t bytes[BYTES], old[BYTES];
    number(bytes);
    number(old);
    if (move(bytes + to, bytes + from, n) != bytes + to) return false;
    for (unsigned i = 0; i < BYTES; i++)
        if (bytes[i] != old[i - to < n ? i - to + from : i]) return false;
    return true;
}

static bool fills(unsigned at, unsigned n)
{
    uint8_t bytes[BYTES];
    number(bytes);
    rt_memset(bytes + at, 0xee, n);
    for (unsigned i = 0; i < BYTES; i++)
        if (bytes[i] != (i - at < n ? 0xee : (uint8_t)(i + 1))) return false;
    return true;
}

static void *copy(void *to, const void *from, size_t n) { return rt_memcpy(to, from, n); }

static jmp_buf trapped;
static void trap(int signal) { longjmp(trapped, signal); }

// A size below zero, as from a count that went wrong: not a byte is written.
static bool refuses(void (*work)(uint8_t *bytes, size_t n))
{
    uint8_t bytes[BYTES];
    number(bytes);
    (void)signal(SIGILL, trap);
    if (!setjmp(trapped)) {
        work(bytes + ROOM, (size_t)-16);
        return false;
    }
    for (unsigned i = 0; i < BYTES; i++)
        if (bytes[i] != (uint8_t)(i + 1)) return false;
    return true;
}

static void fill_all(uint8_t *bytes, size_t n) { (void)rt_memset(bytes, 0, n); }
static void copy_all(uint8_t *bytes, size_t n) { (void)rt_memcpy(bytes, bytes + ROOM, n); }

int main(void)
{
    bool copies = true, moves_up = true, moves_down = true, sets = true;
    for (unsigned n = 0; n <= BYTES / 2 - ROOM / 2; n++) {
        copies &= moves(copy, BYTES / 2, 1, n) && moves(copy, 1, BYTES / 2, n);
        for (unsigned distance = 0; distance < ROOM; distance++) {
            moves_up &= moves(rt_memmove, distance, 0, n);
            moves_down &= moves(rt_memmove, 0, distance, n);
        }
        for (unsigned at = 0; at < 8; at++) sets &= fills(at, n);
    }
    ok(copies, "memcpy copies so many bytes and no others");
    ok(moves_up, "memmove upwards over its own source keeps every byte");
    ok(moves_down, "memmove downwards over its own source keeps every byte");
    ok(sets, "memset fills so many bytes and no others");
    ok(refuses(fill_all) && refuses(copy_all), "a size below zero ends who asks before a byte is written");
    printf("1..%u\n", n_tests);
    return n_failed != 0;
}
