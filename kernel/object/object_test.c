// SPDX-License-Identifier: MIT
// Tests of the kernel's objects: memory, the derivation tree, threads, mappings, interrupts, ports and the log.
#include "test.h"
#include "aspace.h"
#include "sched.h"
#include "thread.h"

enum { A = 200, B = 201, C = 202, U = 210, SPACE = 220, THREAD = 230, MANY = 300 };

static uint64_t free_bytes(unsigned untyped)
{
    check_equal(invoke(untyped, UNTYPED_INFO, 0), OK);
    return result_word(1);
}

TEST(untyped_gives_out_memory_and_gets_it_back)
{
    unsigned big = biggest_untyped();
    check_equal(invoke(big, UNTYPED_RETYPE, CAP_UNTYPED, 16, 1, 0, U), OK);
    check_equal(free_bytes(U), 65536);
    check_equal(invoke(U, UNTYPED_RETYPE, CAP_ENDPOINT, 0, 3, 0, MANY), OK);
    check_equal(free_bytes(U), 65536 - 192);
    check_equal(invoke(U, UNTYPED_RETYPE, CAP_FRAMES, 14, 1, 0, A), OK);  // aligned to its size
    check_equal(free_bytes(U), 65536 - 2 * 16384);
    check_equal(invoke(U, UNTYPED_RETYPE, CAP_FRAMES, 15, 2, 0, MANY + 10), ERR_NO_MEMORY);
    check_equal(invoke(U, UNTYPED_RETYPE, CAP_ENDPOINT, 0, 2, 0, MANY + 2), ERR_SLOT_FULL);
    check_equal(invoke(U, UNTYPED_RETYPE, CAP_ENDPOINT, 3, 1, 0, MANY + 3), ERR_INVALID);
    check_equal(invoke(U, UNTYPED_RETYPE, CAP_LOG, 0, 1, 0, MANY + 3), ERR_INVALID);
    check_equal(invoke(U, UNTYPED_RETYPE, CAP_ENDPOINT, 0, 2, 0, 4095), ERR_INVALID);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_REVOKE, U), OK);
    check_equal(free_bytes(U), 65536);
    check_equal(first_slot(A)->type, CAP_EMPTY);
    check_equal(first_slot(MANY)->type, CAP_EMPTY);
}

TEST(untyped_derived_gives_all_of_it)
{
    check_equal(invoke(biggest_untyped(), UNTYPED_RETYPE, CAP_UNTYPED, 16, 1, 0, U), OK);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, A, 0, U, RIGHTS_ALL, 0), OK);
    check_equal(free_bytes(U), 0);
    check_equal(free_bytes(A), 65536);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, B, 0, U, RIGHTS_ALL, 0), ERR_BUSY);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, A, 1), OK);
    check_equal(free_bytes(U), 65536);
}

TEST(cspace_delete_hands_children_up)
{
    make(CAP_ENDPOINT, 0, A);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, B, 0, A, RIGHT_WRITE | RIGHT_READ, 0), OK);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, C, 0, B, RIGHTS_ALL, 0), OK);
    check_equal(first_slot(C)->rights, RIGHT_WRITE | RIGHT_READ);  // rights only shrink
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, B, 1), OK);
    check_equal(first_slot(C)->parent, ref_of(first_slot(A)));
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, A, 1), OK);
    check_equal(first_slot(C)->type, CAP_ENDPOINT);
    check_equal(endpoint_at(first_slot(C)->object)->refs, 1);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, C, 1), OK);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, C, 1), OK);  // empty already
}

TEST(cspace_badge_needs_mint_and_an_unbadged_source)
{
    make(CAP_ENDPOINT, 0, A);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, B, 0, A, RIGHTS_ALL & ~RIGHT_MINT, 0), OK);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, C, 0, B, RIGHTS_ALL, 5), ERR_NO_RIGHT);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, C, 0, A, RIGHTS_ALL, 5), OK);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, C + 1, 0, C, RIGHTS_ALL, 6), ERR_INVALID);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_IDENTIFY, C), OK);
    check_equal(result_word(0), CAP_ENDPOINT);
    check_equal(result_word(2), 5);
    check_equal(result_word(4), 0);
}

TEST(cspace_destroyed_with_everything_in_it)
{
    make(CAP_UNTYPED, 20, U);
    check_equal(invoke(U, UNTYPED_RETYPE, CAP_CSPACE, 12, 1, 0, A), OK);
    check_equal(invoke(U, UNTYPED_RETYPE, CAP_CSPACE, 12, 1, A, 1), OK);  // a cspace in a cspace
    check_equal(invoke(U, UNTYPED_RETYPE, CAP_THREAD, 0, 1, A, 2), OK);
    check_equal(invoke(U, UNTYPED_RETYPE, CAP_ENDPOINT, 0, 40, A, 3), OK);
    check_equal(invoke(A, CSPACE_MOVE, 60, 0, U), OK);  // the untyped in a cspace made from it
    host.preempt_every = 1;
    invoke(A, CSPACE_REVOKE, 60);  // stops in the middle: the capability invoked goes with it
    check_equal(first_slot(A)->type, CAP_EMPTY);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, A, 1), OK);
    check_equal(this_core()->dying_head, 0);
}

TEST(cspace_revoke_and_delete_survive_preemption)
{
    host.preempt_every = 1;
    make(CAP_UNTYPED, 20, U);
    check_equal(invoke(U, UNTYPED_RETYPE, CAP_ENDPOINT, 0, 1, 0, A), OK);
    for (unsigned i = 0; i < 100; i++) {
        check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, MANY + i, 0, i % 10 ? MANY + i - 1 : A, RIGHTS_ALL, 0), OK);
    }
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, MANY, 50), OK);
    for (unsigned i = 0; i < 100; i++) check_equal(first_slot(MANY + i)->type, i < 50 ? CAP_EMPTY : CAP_ENDPOINT);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_REVOKE, U), OK);
    for (unsigned i = 0; i < 100; i++) check_equal(first_slot(MANY + i)->type, CAP_EMPTY);
    check(host.preempt_asked > 0);
}

TEST(cspace_half_deleted_untyped_gives_nothing_out)
{
    make(CAP_UNTYPED, 20, U);
    check_equal(invoke(U, UNTYPED_RETYPE, CAP_UNTYPED, 16, 1, 0, A), OK);
    check_equal(invoke(A, UNTYPED_RETYPE, CAP_ENDPOINT, 0, 2, 0, MANY), OK);
    check(!slot_delete_step(first_slot(A)));  // as if the deletion had stopped here
    check_equal(invoke(A, UNTYPED_RETYPE, CAP_ENDPOINT, 0, 1, 0, MANY + 2), ERR_NO_MEMORY);
    check_equal(free_bytes(A), 0);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, A, 1), OK);
    check_equal(first_slot(MANY)->parent, ref_of(first_slot(U)));
}

TEST(cspace_copy_all_derives_into_the_same_places)
{
    make(CAP_CSPACE, 12, A);
    make(CAP_CSPACE, 12, B);
    check_equal(invoke(A, CSPACE_DERIVE, 5, 0, A, RIGHT_READ | RIGHT_WRITE, 0), OK);
    check_equal(invoke(A, CSPACE_DERIVE, 7, 0, B, RIGHTS_ALL, 0), OK);
    check_equal(invoke(B, CSPACE_COPY_ALL, A), OK);
    struct slot *copy = slot_at(first_slot(B)->object + 5);
    check_equal(copy->type, CAP_CSPACE);
    check_equal(copy->rights, RIGHT_READ | RIGHT_WRITE);
    check_equal(copy->parent, first_slot(A)->object + 5);
}

TEST(thread_older_generation_is_stale)
{
    make_thread(THREAD, 50);
    check_equal(invoke(THREAD, THREAD_RUN, 5, 0), OK);
    check_equal(invoke(THREAD, THREAD_RUN, 4, 1), ERR_STALE);
    check_equal(invoke(THREAD, THREAD_RUN, 5, 1), OK);
    check_equal(thread_in(THREAD)->state, THREAD_READY);
    check_equal(invoke(THREAD, THREAD_RUN, 0, 0), OK);
    check_equal(invoke(THREAD, THREAD_INFO, 0), OK);
    check_equal(result_word(0), THREAD_STATE_STOPPED);
    check_equal(result_word(1), 50);
}

TEST(thread_registers_are_set_and_told)
{
    make_thread(THREAD, 50);
    uint64_t words[22] = {0};
    for (unsigned i = 0; i < 20; i++) words[2 + i] = 0x1000 + i;
    check_equal(invoke_words(THREAD, THREAD_SET_REGISTERS, 22, words), OK);
    check_equal(thread_in(THREAD)->context.registers.r15, 0x1000 + 17);
    check_equal(invoke(THREAD, THREAD_GET_REGISTERS, 0), OK);
    for (unsigned i = 0; i < 20; i++) check_equal(result_word(i), 0x1000 + i);
    check_equal(invoke_words(THREAD, THREAD_SET_REGISTERS, 21, words), ERR_INVALID);
}

TEST(thread_stops_when_its_space_is_revoked)
{
    make(CAP_ASPACE, 16, SPACE);
    make_thread(THREAD, 50);
    check_equal(invoke(THREAD, THREAD_CONFIGURE, SPACE, BOOT_SLOT_CSPACE, 0, 0x200000), OK);
    start(THREAD);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_REVOKE, SPACE), OK);
    check_equal(thread_in(THREAD)->state, THREAD_STOPPED);
    check_equal(invoke(THREAD, THREAD_RUN, 0, 1), ERR_BUSY);
    check_equal(aspace_at(first_slot(SPACE)->object)->mapped, 0);
}

TEST(thread_may_delete_itself)
{
    make_thread(THREAD, 50);
    start(THREAD);
    switch_to(THREAD);
    invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, THREAD, 1);
    check(current_thread() == thread_at(first_thread));
}

TEST(aspace_map_says_how_many_tables_are_missing)
{
    make(CAP_ASPACE, 13, SPACE);
    make(CAP_FRAMES, 16, A);
    check_equal(invoke(A, FRAMES_MAP, SPACE, 0x400000, 0, 16, RIGHT_READ), ERR_NO_TABLES);
    check_equal(result_word(0), 3);
    make(CAP_UNTYPED, 14, U);
    check_equal(invoke(SPACE, ASPACE_GROW, U), OK);
    check_equal(free_bytes(U), 0);
    check_equal(invoke(A, FRAMES_MAP, SPACE, 0x400000, 0, 16, RIGHT_READ), OK);
    check_equal(invoke(SPACE, ASPACE_INFO, 0), OK);
    check_equal(result_word(0), 1);
    check_equal(result_word(1), 4);
    check_equal(result_word(2), 16);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_REVOKE, U), OK);  // the tables are taken back
    check_equal(invoke(SPACE, ASPACE_INFO, 0), OK);
    check_equal(result_word(1), 0);
    check_equal(result_word(2), 0);
    check_equal(invoke(A, FRAMES_UNMAP, 0), OK);
}

TEST(aspace_empty_tables_return_to_the_pool)
{
    make(CAP_FRAMES, 16, A);
    check_equal(invoke(BOOT_SLOT_ASPACE, ASPACE_INFO, 0), OK);
    uint64_t free = result_word(0);
    check_equal(invoke(A, FRAMES_MAP, BOOT_SLOT_ASPACE, 0x500000000000, 0, 16, RIGHT_READ), OK);
    check_equal(invoke(BOOT_SLOT_ASPACE, ASPACE_INFO, 0), OK);
    check_equal(result_word(0), free - 3);
    check_equal(invoke(BOOT_SLOT_ASPACE, ASPACE_UNMAP, 0x500000000000, 16), OK);
    check_equal(invoke(BOOT_SLOT_ASPACE, ASPACE_INFO, 0), OK);
    check_equal(result_word(0), free);
}

TEST(frames_map_protect_unmap)
{
    uint64_t at = 0x600000000000;
    make(CAP_FRAMES, 14, A);
    check_equal(invoke(A, FRAMES_MAP, BOOT_SLOT_ASPACE, at, 1, 3, RIGHT_READ | RIGHT_WRITE), OK);
    check_equal(host_access(at), RIGHT_READ | RIGHT_WRITE);
    check_equal(host_access(at + 3 * PAGE_SIZE), 0);
    check_equal(invoke(BOOT_SLOT_ASPACE, ASPACE_PROTECT, at, 1, RIGHT_READ), OK);
    check_equal(host_access(at), RIGHT_READ);
    check_equal(invoke(BOOT_SLOT_ASPACE, ASPACE_PROTECT, at, 1, RIGHT_READ | RIGHT_WRITE), OK);
    check_equal(host_access(at), RIGHT_READ);  // never added
    check_equal(invoke(A, FRAMES_MAP, BOOT_SLOT_ASPACE, at, 1, 4, RIGHT_READ), ERR_INVALID);
    check_equal(invoke(A, FRAMES_MAP, BOOT_SLOT_ASPACE, at, 1, 1, RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC), ERR_INVALID);
    check_equal(invoke(A, FRAMES_MAP, BOOT_SLOT_ASPACE, at + 1, 1, 1, RIGHT_READ), ERR_INVALID);
    check_equal(invoke(A, FRAMES_MAP, BOOT_SLOT_ASPACE, 0, 1, 1, RIGHT_READ), ERR_INVALID);
    check_equal(invoke(A, FRAMES_MAP, BOOT_SLOT_ASPACE, USER_END, 1, 1, RIGHT_READ), ERR_INVALID);
    check_equal(invoke(A, FRAMES_UNMAP, 0), OK);
    check_equal(host_access(at), 0);
    check_equal(host_access(at + PAGE_SIZE), 0);
}

TEST(frames_later_mapping_lies_over_an_earlier_one)
{
    uint64_t at = 0x600000000000;
    make(CAP_FRAMES, 14, A);
    make(CAP_FRAMES, 14, B);
    check_equal(invoke(A, FRAMES_MAP, BOOT_SLOT_ASPACE, at, 0, 4, RIGHT_READ), OK);
    check_equal(host_access(at + PAGE_SIZE), RIGHT_READ);
    check_equal(invoke(B, FRAMES_MAP, BOOT_SLOT_ASPACE, at + PAGE_SIZE, 0, 1, RIGHT_READ | RIGHT_WRITE), OK);
    check_equal(host_access(at + PAGE_SIZE), RIGHT_READ | RIGHT_WRITE);
    check_equal(invoke(A, FRAMES_UNMAP, 0), OK);  // takes its own entries only
    check_equal(host_access(at), 0);
    check_equal(host_access(at + PAGE_SIZE), RIGHT_READ | RIGHT_WRITE);
}

TEST(frames_are_mapped_in_one_space_at_a_time)
{
    make(CAP_ASPACE, 16, SPACE);
    make(CAP_FRAMES, 14, A);
    check_equal(invoke(A, FRAMES_MAP, BOOT_SLOT_ASPACE, 0x600000000000, 0, 4, RIGHT_READ), OK);
    check_equal(invoke(A, FRAMES_MAP, SPACE, 0x600000, 0, 4, RIGHT_READ), ERR_BUSY);
    check_equal(invoke(BOOT_SLOT_ASPACE, ASPACE_UNMAP, 0x600000000000, 4), OK);
    check_equal(invoke(A, FRAMES_MAP, SPACE, 0x600000, 0, 4, RIGHT_READ), OK);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, SPACE, 1), OK);  // scans nothing
    check_equal(invoke(A, FRAMES_MAP, BOOT_SLOT_ASPACE, 0x600000000000, 0, 4, RIGHT_READ), OK);
}

TEST(frames_revoke_run_reaches_descendants)
{
    uint64_t at = 0x600000000000;
    make(CAP_FRAMES, 16, A);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE_FRAMES, B, 0, A, RIGHTS_ALL, 4, 14), OK);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, C, 0, B, RIGHT_READ, 0), OK);
    check_equal(invoke(A, FRAMES_MAP, BOOT_SLOT_ASPACE, at, 0, 16, RIGHT_READ), OK);
    check_equal(invoke(B, FRAMES_MAP, BOOT_SLOT_ASPACE, at + 0x100000, 0, 4, RIGHT_READ), OK);
    check_equal(invoke(C, FRAMES_MAP, BOOT_SLOT_ASPACE, at + 0x200000, 0, 4, RIGHT_READ), OK);
    check_equal(invoke(C, FRAMES_MAP, BOOT_SLOT_ASPACE, at + 0x200000, 0, 4, RIGHT_READ | RIGHT_WRITE), ERR_NO_RIGHT);
    host.preempt_every = 1;
    check_equal(invoke(A, FRAMES_REVOKE_RUN, 5, 2), OK);
    for (unsigned i = 0; i < 16; i++) check_equal(host_access(at + i * PAGE_SIZE), i == 5 || i == 6 ? 0 : RIGHT_READ);
    for (unsigned i = 0; i < 4; i++) {
        check_equal(host_access(at + 0x100000 + i * PAGE_SIZE), i == 1 || i == 2 ? 0 : RIGHT_READ);
        check_equal(host_access(at + 0x200000 + i * PAGE_SIZE), i == 1 || i == 2 ? 0 : RIGHT_READ);
    }
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_REVOKE, A), OK);
    check_equal(host_access(at + 0x200000), 0);
    check_equal(host_access(at), RIGHT_READ);
}

TEST(frames_big_map_survives_preemption)
{
    uint64_t at = 0x600000000000;
    make(CAP_FRAMES, 22, A);
    host.preempt_every = 1;
    check_equal(invoke(A, FRAMES_MAP, BOOT_SLOT_ASPACE, at + 0x5000, 0, 1024, RIGHT_READ | RIGHT_EXEC), OK);
    for (unsigned i = 0; i < 1024; i++) {
        pte_t pte = tables_entry(aspace_at(first_slot(BOOT_SLOT_ASPACE)->object), (at + 0x5000) / PAGE_SIZE + i);
        check_equal(pte_address(pte).raw / PAGE_SIZE, ref_page(first_slot(A)->object) + i);
    }
    check_equal(invoke(A, FRAMES_ZERO, 0, 1024), OK);
    check_equal(invoke(BOOT_SLOT_ASPACE, ASPACE_UNMAP, at, 2000), OK);
    check_equal(host_access(at + 0x5000), 0);
}

TEST(frames_copy_and_zero_need_the_right)
{
    make(CAP_FRAMES, 13, A);
    make(CAP_FRAMES, 13, B);
    uint64_t *a = ref_direct(first_slot(A)->object), *b = ref_direct(first_slot(B)->object);
    check_equal(invoke(A, FRAMES_ZERO, 0, 2), OK);
    b[512] = 42;
    check_equal(invoke(A, FRAMES_COPY, 0, B, 1, 1), OK);
    check_equal(a[0], 42);
    check_equal(invoke(A, FRAMES_COPY, 0, B, 1, 2), ERR_INVALID);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, C, 0, A, RIGHT_READ, 0), OK);
    check_equal(invoke(C, FRAMES_ZERO, 0, 1), ERR_NO_RIGHT);
    check_equal(invoke(C, FRAMES_ADDRESS, 0), ERR_NO_RIGHT);
    check_equal(invoke(A, FRAMES_ADDRESS, 0), OK);
    check_equal(result_word(0), arch_physical(a).raw);
}

TEST(aspace_capability_limits_the_range)
{
    make(CAP_FRAMES, 13, A);
    check_equal(
        invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, B, 0, BOOT_SLOT_ASPACE, RIGHTS_ALL, 0x600000000ull | 4ull << 36), OK);
    check_equal(invoke(A, FRAMES_MAP, B, 0x600000003000, 0, 1, RIGHT_READ), OK);
    check_equal(invoke(A, FRAMES_MAP, B, 0x600000003000, 0, 2, RIGHT_READ), ERR_NO_RIGHT);
    check_equal(invoke(B, ASPACE_UNMAP, 0x400000, 1), ERR_NO_RIGHT);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, C, 0, B, RIGHTS_ALL, 0x600000000ull | 5ull << 36), ERR_INVALID);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, C, 0, B, RIGHTS_ALL, 0x600000001ull | 3ull << 36), OK);
}

TEST(irq_is_masked_until_all_sharers_acknowledge)
{
    make(CAP_NOTIFICATION, 0, A);
    make(CAP_NOTIFICATION, 0, B);
    check_equal(invoke(BOOT_SLOT_IRQ_CONTROL, IRQ_CONTROL_GET, 4, C), OK);
    check_equal(invoke(BOOT_SLOT_IRQ_CONTROL, IRQ_CONTROL_GET, 4, C + 1), OK);
    check(host.masked_lines >> 4 & 1);
    check_equal(invoke(C, IRQ_BIND, A), OK);
    check_equal(invoke(C + 1, IRQ_BIND, B), OK);
    check(!(host.masked_lines >> 4 & 1));
    host_interrupt(4);
    world_check();
    check(host.masked_lines >> 4 & 1);
    check_equal(notification_at(first_slot(A)->object)->bits, 1);
    check_equal(notification_at(first_slot(B)->object)->bits, 1);
    check_equal(invoke(C, IRQ_ACK, 0), OK);
    check(host.masked_lines >> 4 & 1);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_REVOKE, B), OK);  // the other driver dies
    check(!(host.masked_lines >> 4 & 1));
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_REVOKE, BOOT_SLOT_IRQ_CONTROL), OK);
    check(host.masked_lines >> 4 & 1);
    for (unsigned i = 0; i < IRQ_SHARERS; i++) {
        check_equal(invoke(BOOT_SLOT_IRQ_CONTROL, IRQ_CONTROL_GET, 4, MANY + i), OK);
    }
    check_equal(invoke(BOOT_SLOT_IRQ_CONTROL, IRQ_CONTROL_GET, 4, MANY + 10), ERR_LIMIT);
    check_equal(invoke(BOOT_SLOT_IRQ_CONTROL, IRQ_CONTROL_GET, 64, MANY + 10), ERR_INVALID);
}

TEST(ioport_stays_in_its_range)
{
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, A, 0, BOOT_SLOT_IOPORT, RIGHTS_ALL, 0x3f8 | 8 << 16), OK);
    check_equal(invoke(A, IOPORT_OUT, 0x3f8, 1, 'x'), OK);
    check_equal(invoke(A, IOPORT_IN, 0x3f8, 1), OK);
    check_equal(result_word(0), 'x');
    check_equal(invoke(A, IOPORT_IN, 0x3f7, 1), ERR_INVALID);
    check_equal(invoke(A, IOPORT_IN, 0x3ff, 2), ERR_INVALID);
    check_equal(invoke(A, IOPORT_IN, 0x3f8, 3), ERR_INVALID);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, B, 0, A, RIGHTS_ALL, 0x3f8 | 9 << 16), ERR_INVALID);
    check_equal(invoke(A, IOPORT_IN_RUN, 0x3f8, 9), OK);
    check_equal(result_word(0), 0x0101010101010101 * 'x');
    check_equal(result_word(1), 'x');
    check_equal(invoke(A, IOPORT_OUT_RUN, 0x3f8, 9, 0, 0), OK);
    check_equal(invoke(A, IOPORT_OUT_RUN, 0x3f8, 17, 0, 0), ERR_INVALID);
}

TEST(log_line_begins_with_its_writer)
{
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, A, 0, BOOT_SLOT_LOG, RIGHT_WRITE, 0x2a), OK);
    check_equal(invoke(A, LOG_WRITE, 3, 'h' | 'i' << 8 | '\n' << 16), OK);
    check(__builtin_strstr(host.last_log, "\n[2a] hi\n") != NULL);
    check_equal(invoke(A, LOG_READ, 0, 10), ERR_NO_RIGHT);
    check_equal(invoke(BOOT_SLOT_LOG, LOG_READ, 0, 10), OK);
    check_equal(result_word(0), 10);
    check_equal(result_word(1), 10);
    uint64_t text = result_word(2);
    check(__builtin_memcmp(&text, "kernel: ", 8) == 0);
}

TEST(system_watchdog_restarts_the_machine_when_it_is_not_put_off)
{
    check_equal(invoke(BOOT_SLOT_SYSTEM, SYSTEM_WATCHDOG, 1000), OK);
    check_equal(host_tick(999), HOST_USER);
    check_equal(invoke(BOOT_SLOT_SYSTEM, SYSTEM_WATCHDOG, 5000), OK);
    check_equal(host_tick(4999), HOST_USER);
    check_equal(invoke(BOOT_SLOT_SYSTEM, SYSTEM_WATCHDOG, NS_FOREVER), OK);
    check_equal(host_tick(5000), HOST_USER);
    check_equal(invoke(BOOT_SLOT_SYSTEM, SYSTEM_WATCHDOG, 5000), ERR_INVALID);
    check_equal(invoke(BOOT_SLOT_SYSTEM, SYSTEM_WATCHDOG, 7000), OK);
    check_equal(host_tick(7000), HOST_POWERED_OFF);
    check_equal(host.power_code, (uint64_t)POWER_REBOOT << 32);
}

// Ticks as they are wanted, none late, until the machine restarts: when that is.
static uint64_t restarts_at(void)
{
    while (host_tick(host.timer_ns) == HOST_USER) {}
    check_equal(host.power_code, (uint64_t)POWER_REBOOT << 32);
    return host.now_ns;
}

TEST(system_watchdog_gives_another_chance_when_the_machine_itself_stood_still)
{
    const uint64_t ms = 1000000;
    check_equal(invoke(BOOT_SLOT_SYSTEM, SYSTEM_WATCHDOG, 200 * ms), OK);
    check_equal(host_tick(900 * ms), HOST_USER);
    check_equal(restarts_at(), 950 * ms);
}

TEST(system_watchdog_counts_no_time_in_which_a_tick_for_somebody_else_was_late)
{
    const uint64_t ms = 1000000;
    check_equal(invoke(BOOT_SLOT_SYSTEM, SYSTEM_WATCHDOG, 200 * ms), OK);
    sched_tick_by(10 * ms);  // for those who put it off
    check_equal(host_nothing(), HOST_USER);
    check_equal(host.timer_ns, 10 * ms);
    check_equal(host_tick(200 * ms), HOST_USER);
    check_equal(restarts_at(), 250 * ms);
}

TEST(system_power_leaves_with_the_code)
{
    struct message m = {.cap = BOOT_SLOT_SYSTEM, .info = INFO(SYSTEM_POWER, 2, 0), .words = {POWER_EXIT, 7}};
    check_equal(sys(SYS_CALL, m), HOST_POWERED_OFF);
    check_equal(host.power_code, (uint64_t)POWER_EXIT << 32 | 7);
}

// --- lists of invocations

static unsigned list_end;

static void list_begin(void) { list_end = MSG_REGISTERS; }

static void list_add(unsigned slot, uint32_t operation, unsigned n, const uint64_t *words)
{
    uint64_t *to = &thread_utcb(current_thread())->words[list_end];
    to[0] = LIST_ENTRY(slot, operation, n);
    for (unsigned i = 0; i < n; i++) to[1 + i] = words[i];
    list_end += n + 1;
}
#define LIST(slot, operation, ...) \
    list_add(slot, operation, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (uint64_t[]){__VA_ARGS__})

static err_t list_run(uint64_t next, uint64_t go_on)
{
    struct thread *self = current_thread();
    sys(SYS_CALL, (struct message){.cap = BOOT_SLOT_CSPACE,
                                   .info = INFO(CSPACE_LIST, list_end, 0),
                                   .words = {next, go_on},
                                   .deadline = NS_FOREVER});
    return error_of(self);
}

TEST(list_does_what_its_entries_would)
{
    make(CAP_UNTYPED, 20, U);
    list_begin();
    LIST(U, UNTYPED_RETYPE, CAP_CSPACE, 12, 1, 0, A);
    LIST(U, UNTYPED_RETYPE, CAP_ENDPOINT, 0, 1, 0, B);
    LIST(A, CSPACE_DERIVE, 5, 0, B, RIGHT_WRITE, 0);  // into what the list has made
    LIST(BOOT_SLOT_CSPACE, CSPACE_DELETE, B, 1);
    check_equal(list_run(0, 0), OK);
    check_equal(first_slot(B)->type, CAP_EMPTY);
    check_equal(slot_at(first_slot(A)->object + 5)->type, CAP_ENDPOINT);
    check_equal(slot_at(first_slot(A)->object + 5)->rights, RIGHT_WRITE);
}

TEST(list_ends_at_the_first_error_or_goes_on)
{
    make(CAP_ENDPOINT, 0, A);
    list_begin();
    LIST(BOOT_SLOT_CSPACE, CSPACE_DERIVE, B, 0, A, RIGHTS_ALL, 0);
    LIST(BOOT_SLOT_CSPACE, CSPACE_DERIVE, B, 0, A, RIGHTS_ALL, 0);
    LIST(BOOT_SLOT_CSPACE, CSPACE_DERIVE, C, 0, A, RIGHTS_ALL, 0);
    check_equal(list_run(0, 0), ERR_SLOT_FULL);
    check_equal(first_slot(B)->type, CAP_ENDPOINT);
    check_equal(first_slot(C)->type, CAP_EMPTY);
    check_equal(list_run(0, 1), OK);
    check_equal(first_slot(C)->type, CAP_ENDPOINT);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, C, 1), OK);
    check_equal(list_run(MSG_REGISTERS + 12, 0), OK);  // the third alone
    check_equal(first_slot(C)->type, CAP_ENDPOINT);
}

TEST(list_refuses_what_is_no_entry)
{
    make(CAP_ENDPOINT, 0, A);
    make(CAP_FRAMES, 12, B);
    list_begin();
    LIST(BOOT_SLOT_CSPACE, CSPACE_LIST, 0, 0);
    check_equal(list_run(0, 0), ERR_NO_SYSCALL);  // not in a list
    list_begin();
    LIST(B, FRAMES_REVOKE_RUN, 0, 1);
    check_equal(list_run(0, 0), ERR_INVALID);
    list_begin();
    LIST(A, 1, 0);
    check_equal(list_run(0, 0), ERR_WRONG_TYPE);  // a server is no kernel object
    list_begin();
    LIST(C, CSPACE_DELETE, A, 1);
    check_equal(list_run(0, 0), ERR_NO_CAP);
    list_begin();
    LIST(1u << 31, CSPACE_DELETE, A, 1);
    check_equal(list_run(0, 0), ERR_NO_CAP);  // beyond the cspace
    list_begin();
    LIST(BOOT_SLOT_CSPACE, CSPACE_DELETE, A, 1);
    list_end--;  // its last word is missing
    check_equal(list_run(0, 0), ERR_INVALID);
    list_end++;
    check_equal(list_run(5, 0), ERR_INVALID);
    check_equal(list_run(0, 2), ERR_INVALID);
    thread_utcb(current_thread())->words[MSG_REGISTERS] =
        LIST_ENTRY(BOOT_SLOT_CSPACE, CSPACE_DELETE, MSG_REGISTERS + 1);
    check_equal(list_run(0, 0), ERR_INVALID);
    check_equal(first_slot(A)->type, CAP_ENDPOINT);
}

TEST(list_survives_preemption)
{
    make(CAP_UNTYPED, 22, U);
    make(CAP_ENDPOINT, 0, A);
    host.preempt_every = 1;
    list_begin();
    LIST(U, UNTYPED_RETYPE, CAP_ENDPOINT, 0, 100, 0, MANY);  // stops in the middle of an entry
    for (unsigned i = 0; i < 7; i++) LIST(BOOT_SLOT_CSPACE, CSPACE_DERIVE, MANY + 200 + i, 0, A, RIGHTS_ALL, 0);
    LIST(BOOT_SLOT_CSPACE, CSPACE_DELETE, MANY, 50);
    check_equal(list_run(0, 0), OK);
    check(host.preempt_asked > 0);
    host.preempt_every = 0;
    check_equal(first_slot(MANY + 49)->type, CAP_EMPTY);
    check_equal(first_slot(MANY + 99)->type, CAP_ENDPOINT);
    check_equal(first_slot(MANY + 206)->type, CAP_ENDPOINT);
}

TEST(list_of_a_thread_that_stops_itself_goes_on_when_it_is_resumed)
{
    make(CAP_ENDPOINT, 0, A);
    struct thread *self = current_thread();
    list_begin();
    LIST(BOOT_SLOT_THREAD, THREAD_RUN, 0, 0);
    LIST(BOOT_SLOT_CSPACE, CSPACE_DERIVE, B, 0, A, RIGHTS_ALL, 0);
    (void)list_run(0, 0);
    check_equal(self->state, THREAD_STOPPED);
    check_equal(first_slot(B)->type, CAP_EMPTY);
    check(self->context.restart);
    check_equal(self->context.words[0], MSG_REGISTERS + 3);
}
