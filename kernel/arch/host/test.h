// SPDX-License-Identifier: MIT
// Unit tests: registration, checks, and a small language to drive the kernel with.
//
// TEST(name) { ... } registers itself. Each test runs in a process of its own with a time limit, on a machine that
// has just booted: the first task is the current thread and holds the slots of abi/boot.h. A failed `check` ends the
// test.
#pragma once
#include <stdio.h>

#include "host.h"
#include "object.h"

struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
};
void test_register(struct test *);
_Noreturn void test_fail(const char *file, int line, const char *what);

#define TEST(test_name) \
    static void test_name(void); \
    __attribute__((constructor)) static void register_##test_name(void) \
    { \
        static struct test test = {.name = #test_name, .run = test_name}; \
        test_register(&test); \
    } \
    static void test_name(void)
#define check(condition) ((condition) ? (void)0 : test_fail(__FILE__, __LINE__, #condition))
#define check_equal(a, b) test_equal((int64_t)(a), (int64_t)(b), #a " == " #b, __FILE__, __LINE__)
void test_equal(int64_t a, int64_t b, const char *what, const char *file, int line);

extern ref_t first_thread;

// --- slots used by the tests, of the first task's cspace
enum { SLOT_FREE = 100 };        // tests use slots from here on
unsigned biggest_untyped(void);  // slot of it

// --- system calls by the current thread. Restarts are driven to the end; every call is followed by world_check().
struct message {
    uint64_t cap, info, words[MSG_REGISTERS], reply, deadline;
};
enum host_exit sys(unsigned number, struct message);
// The outcome in a thread's registers.
struct thread *current_thread(void);      // NULL: idle
struct slot *first_slot(unsigned index);  // of the first task's cspace
struct thread *thread_in(unsigned slot);
err_t error_of(const struct thread *);

// Invoke an object as the current thread with up to six words; returns its error.
err_t invoke_words(unsigned cap, uint32_t label, unsigned n, const uint64_t *words);
#define invoke(cap, label, ...) \
    invoke_words(cap, label, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (uint64_t[]){__VA_ARGS__})
uint64_t result_word(unsigned i);  // of the last invocation

// Make objects from the biggest untyped: slot <- object. Fails the test on an error.
void make(unsigned type, unsigned size_bits, unsigned slot);
// A thread in `slot` with a context in slot + 1 (10 ms of 10 ms), sharing the first task's spaces, ready to run.
void make_thread(unsigned slot, unsigned priority);
void start(unsigned slot);
// Let the given thread be the current one: others are suspended until it is, so use it for threads that can run.
void switch_to(unsigned slot);

// All invariants of the whole system, found from the first task's cspace.
void world_check(void);
