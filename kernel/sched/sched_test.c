// SPDX-License-Identifier: MIT
// Tests of scheduling: priorities, slices, budgets, timeout faults, and the heap of deadlines.
#include "test.h"
#include "thread.h"

enum { A = 200, B = 210, C = 220, EP = 230, REPLY = 231 };
enum { MS = 1000000 };

static void stop_first(void) { check_equal(invoke(BOOT_SLOT_THREAD, THREAD_RUN, 0, 0), OK); }

TEST(sched_highest_priority_runs)
{
    make_thread(A, 10);
    make_thread(B, 20);
    start(A);
    start(B);
    check(current_thread() == thread_at(first_thread));
    stop_first();
    check(current_thread() == thread_in(B));
    check_equal(invoke(B, THREAD_SET_PRIORITY, 5), OK);
    check(current_thread() == thread_in(A));
    check_equal(invoke(B, THREAD_SET_PRIORITY, 11), OK);
    check(current_thread() == thread_in(B));
}

TEST(sched_equal_priorities_take_turns)
{
    make_thread(A, 10);
    make_thread(B, 10);
    start(A);
    start(B);
    stop_first();
    check(current_thread() == thread_in(A));
    host_tick(9 * MS);
    check(current_thread() == thread_in(A));
    host_tick(10 * MS);
    check(current_thread() == thread_in(B));
    host_tick(20 * MS);
    check(current_thread() == thread_in(A));
    sys(SYS_YIELD, (struct message){0});
    check(current_thread() == thread_in(B));
    world_check();
}

TEST(sched_equal_priorities_take_turns_though_often_interrupted)
{
    make(CAP_NOTIFICATION, 0, EP);
    make_thread(A, 10);
    make_thread(B, 10);
    make_thread(C, 20);
    start(A);
    start(B);
    start(C);
    stop_first();
    unsigned b_ran = 0, a_ran = 0;
    for (uint64_t now = 0; now < 100 * MS; now += 4 * MS) {
        sys(SYS_WAIT, (struct message){.cap = EP, .deadline = now + 3 * MS});
        a_ran += current_thread() == thread_in(A);
        b_ran += current_thread() == thread_in(B);
        host_tick(now + 3 * MS);
        check(current_thread() == thread_in(C));
        host_tick(now + 4 * MS);
    }
    check(a_ran >= 10 && b_ran >= 10);
    world_check();
}

TEST(sched_budget_holds_a_thread_back_until_the_next_period)
{
    make_thread(A, 10);
    make_thread(B, 5);
    check_equal(invoke(A + 1, CONTEXT_CONFIGURE, 2 * MS, 10 * MS, 0), OK);
    start(A);
    start(B);
    stop_first();
    check(current_thread() == thread_in(A));
    host_tick(2 * MS);
    world_check();
    check(current_thread() == thread_in(B));
    check(thread_in(A)->parked);
    host_tick(9 * MS);
    check(current_thread() == thread_in(B));
    host_tick(10 * MS);
    world_check();
    check(current_thread() == thread_in(A));
    host_tick(12 * MS);
    check(current_thread() == thread_in(B));
}

TEST(sched_exhausted_budget_is_told_to_whoever_was_named)
{
    make(CAP_ENDPOINT, 0, EP);
    make(CAP_REPLY, 0, REPLY);
    make_thread(A, 10);
    make_thread(B, 5);
    check_equal(invoke(A + 1, CONTEXT_CONFIGURE, 2 * MS, 10 * MS, EP), OK);
    start(A);
    start(B);
    switch_to(B);
    sys(SYS_WAIT, (struct message){.cap = EP, .reply = REPLY, .deadline = NS_FOREVER});
    switch_to(BOOT_SLOT_THREAD);
    stop_first();
    check(current_thread() == thread_in(A));
    host_tick(2 * MS);
    world_check();
    check(current_thread() == thread_in(B));
    check_equal(thread_in(B)->context.info, INFO_KERNEL | INFO(KMSG_FAULT, FAULT_WORDS, 0));
    check_equal(thread_in(B)->context.words[FAULT_WORD_KIND], FAULT_KIND_TIMEOUT);
    check_equal(thread_in(B)->context.words[FAULT_WORD_ADDRESS], 2 * MS);
    sys(SYS_SEND, (struct message){.cap = REPLY, .info = INFO(FAULT_RESUME, 0, 0), .reply = 1ull << 32});
    world_check();
}

TEST(sched_idles_when_nobody_can_run)
{
    struct message m = {.cap = BOOT_SLOT_THREAD, .info = INFO(THREAD_RUN, 2, 0)};
    check_equal(sys(SYS_CALL, m), HOST_IDLE);
    check(current_thread() == NULL);
    check_equal(this_core()->charged, 0);
}

TEST(sched_time_is_charged_to_the_context)
{
    make_thread(A, 10);
    start(A);
    host_tick(3 * MS);
    stop_first();
    host_tick(7 * MS);
    check_equal(invoke(BOOT_SLOT_CONTEXT, CONTEXT_INFO, 0), OK);
    check_equal(result_word(0), 3 * MS);
    check_equal(invoke(A + 1, CONTEXT_INFO, 0), OK);
    check_equal(result_word(0), 4 * MS);
    check_equal(invoke(A, THREAD_INFO, 0), OK);
    check_equal(result_word(2), 4 * MS);
}

TEST(sched_losing_the_context_parks_the_thread)
{
    make_thread(A, 10);
    start(A);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_REVOKE, A + 1), OK);
    check_equal(invoke(A, THREAD_INFO, 0), OK);
    stop_first();
    check(current_thread() == NULL);
    check(thread_in(A)->parked);
    world_check();
}

TEST(deadline_heap_keeps_order)
{
    enum { N = 40, FIRST = 300 };
    uint64_t random = 12345, last = 0;
    for (unsigned i = 0; i < N; i++) make(CAP_THREAD, 0, FIRST + i);
    for (unsigned round = 0; round < 20; round++) {
        unsigned in = 0;
        last = 0;
        for (unsigned i = 0; i < N; i++) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            deadline_insert(thread_in(FIRST + i), 1 + (random >> 33) % 50);
            in++;
        }
        for (unsigned i = 0; i < N; i += 3, in--) deadline_remove(thread_in(FIRST + i));
        for (; in > 0; in--) {
            check(deadline_next_ns() >= last && deadline_next_ns() != NS_FOREVER);
            last = deadline_next_ns();
            deadline_remove(thread_at(this_core()->deadlines));
        }
        check_equal(deadline_next_ns(), NS_FOREVER);
    }
}
