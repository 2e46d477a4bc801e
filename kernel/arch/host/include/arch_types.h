// SPDX-License-Identifier: MIT
// Host: the types and inline functions that kernel/include/arch.h asks for, on a machine that is an array.
//
// A context is the message registers plus a flag that tells the driver of a test that a system call is to run again.
// Page-table entries look like those of x86-64, so that the core's table code meets the same shapes.
// Everything here is included by arch.h only.
#pragma once

#define ARCH_LEVELS 4

struct arch_context {
    uint64_t number, cap, info, words[MSG_REGISTERS], reply, deadline;
    struct thread_registers registers;  // pc, sp, flags and what no message uses
    uint64_t restart;                   // the system call runs again
    uint64_t syscall_entry;
};

struct arch_fpu {
    uint64_t area[8];
};

static inline uint64_t context_number(const struct arch_context *c) { return c->number; }
static inline uint64_t context_cap(const struct arch_context *c) { return c->cap; }
static inline uint64_t context_info(const struct arch_context *c) { return c->info; }
static inline uint64_t context_reply(const struct arch_context *c) { return c->reply; }
static inline uint64_t context_deadline(const struct arch_context *c) { return c->deadline; }
static inline uint64_t context_word(const struct arch_context *c, unsigned i) { return c->words[i]; }
static inline void context_set_word(struct arch_context *c, unsigned i, uint64_t word) { c->words[i] = word; }
static inline void context_set_result(struct arch_context *c, err_t err, uint64_t badge, uint64_t info, uint64_t count)
{
    c->number = (uint64_t)(int64_t)err;
    c->cap = badge;
    c->info = info;
    c->reply = count;
}
static inline uint64_t context_pc(const struct arch_context *c) { return c->registers.pc; }
static inline uint64_t context_sp(const struct arch_context *c) { return c->registers.sp; }
static inline uint64_t context_flags(const struct arch_context *c) { return c->registers.flags; }
static inline void context_restart(struct arch_context *c) { c->restart = 1; }
static inline uint64_t context_syscall_entry(const struct arch_context *c) { return c->syscall_entry; }
static inline void context_set_syscall_entry(struct arch_context *c, uint64_t entry) { c->syscall_entry = entry; }

#define PTE_PRESENT 1ull
#define PTE_WRITE 2ull
#define PTE_ADDRESS 0x000ffffffffff000ull
#define PTE_COUNT_SHIFT 52
#define PTE_COUNT (0x3ffull << PTE_COUNT_SHIFT)
#define PTE_NX (1ull << 63)

static inline pte_t pte_leaf(paddr_t pa, unsigned rights)
{
    return (pte_t){pa.raw | PTE_PRESENT | (rights & RIGHT_WRITE ? PTE_WRITE : 0) | (rights & RIGHT_EXEC ? 0 : PTE_NX)};
}
static inline pte_t pte_table(paddr_t table, unsigned count)
{
    return (pte_t){table.raw | PTE_PRESENT | PTE_WRITE | (uint64_t)count << PTE_COUNT_SHIFT};
}
static inline bool pte_present(pte_t pte) { return pte.raw & PTE_PRESENT; }
static inline paddr_t pte_address(pte_t pte) { return (paddr_t){pte.raw & PTE_ADDRESS}; }
static inline unsigned pte_rights(pte_t pte)
{
    return (pte.raw & PTE_PRESENT ? RIGHT_READ : 0u) | (pte.raw & PTE_WRITE ? RIGHT_WRITE : 0u) |
           (pte.raw & PTE_NX ? 0u : RIGHT_EXEC);
}
static inline unsigned pte_count(pte_t pte) { return (unsigned)((pte.raw & PTE_COUNT) >> PTE_COUNT_SHIFT); }
static inline pte_t pte_set_count(pte_t pte, unsigned count)
{
    return (pte_t){(pte.raw & ~PTE_COUNT) | (uint64_t)count << PTE_COUNT_SHIFT};
}
