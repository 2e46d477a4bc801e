// SPDX-License-Identifier: MIT
// Tests of the machine after boot: what the first task finds.
#include "test.h"
#include "thread.h"

TEST(boot_first_task_has_its_slots)
{
    static const unsigned types[] = {
        [BOOT_SLOT_CSPACE] = CAP_CSPACE,           [BOOT_SLOT_THREAD] = CAP_THREAD, [BOOT_SLOT_ASPACE] = CAP_ASPACE,
        [BOOT_SLOT_CONTEXT] = CAP_CONTEXT,         [BOOT_SLOT_LOG] = CAP_LOG,       [BOOT_SLOT_SYSTEM] = CAP_SYSTEM,
        [BOOT_SLOT_IRQ_CONTROL] = CAP_IRQ_CONTROL, [BOOT_SLOT_IOPORT] = CAP_IOPORT, [BOOT_SLOT_CLOCK] = CAP_FRAMES,
        [BOOT_SLOT_BUNDLE] = CAP_FRAMES,           [BOOT_SLOT_INFO] = CAP_FRAMES};
    for (unsigned i = 1; i <= BOOT_SLOT_INFO; i++) check_equal(first_slot(i)->type, types[i]);
    check_equal(first_slot(BOOT_SLOT_UNTYPED)->type, CAP_UNTYPED);
}

TEST(boot_first_task_has_its_memory)
{
    check_equal(host_access(0x400000), RIGHT_READ | RIGHT_EXEC);
    check_equal(host_access(0x402fff), RIGHT_READ | RIGHT_EXEC);
    check_equal(host_access(0x403000), 0);
    check_equal(host_access(BOOT_INFO_ADDRESS), RIGHT_READ);
    check_equal(host_access(BOOT_INFO_ADDRESS - 8), RIGHT_READ | RIGHT_WRITE);
    check_equal(host_access(BOOT_INFO_ADDRESS - 16 * PAGE_SIZE), RIGHT_READ | RIGHT_WRITE);
    check_equal(host_access(BOOT_INFO_ADDRESS - 17 * PAGE_SIZE), 0);
    check_equal(host_access(BOOT_UTCB_ADDRESS), RIGHT_READ | RIGHT_WRITE);
    check_equal(host_access(BOOT_BUNDLE_ADDRESS), RIGHT_READ);
    check_equal(host_access(BOOT_BUNDLE_ADDRESS + 4 * PAGE_SIZE), 0);
}

TEST(boot_untypeds_do_not_overlap)
{
    for (unsigned i = BOOT_SLOT_UNTYPED; first_slot(i)->type == CAP_UNTYPED; i++) {
        uint64_t start = ref_physical(first_slot(i)->object).raw, end = start + (1ull << first_slot(i)->size_bits);
        check(start >= HOST_MEMORY_START && end <= HOST_MEMORY_START + HOST_MEMORY_BYTES);
        for (unsigned j = BOOT_SLOT_UNTYPED; j < i; j++) {
            uint64_t other = ref_physical(first_slot(j)->object).raw;
            check(other >= end || other + (1ull << first_slot(j)->size_bits) <= start);
        }
    }
}
