// SPDX-License-Identifier: MIT
// x86-64: the types and inline functions that kernel/include/arch.h asks for.
//
// Rules:
//  - `struct arch_context` ends in the frame that the CPU pushes at an interrupt: while a thread runs in user mode, the
//    TSS names the end of its context as the stack, so the hardware and the entry code save straight into it.
//  - FS and GS base of the thread that ran last on this CPU stay in the CPU until another one runs; the fields in its
//    context are stale until then. Nobody else can look: only a running thread asks, and then it ran last.
//  - `vector` tells how the thread came in. After a system call RCX and R11 are free, so it leaves by SYSRET.
// Everything here is included by arch.h only.
#pragma once

#define ARCH_LEVELS 4
#define DIRECT_BASE 0xffffffe000000000ull  // of the map of all physical memory: what REF_TOP says, shifted and extended
#define KERNEL_BASE 0xffffffff80000000ull  // virtual minus physical address of the kernel image

// Vectors of the interrupt descriptor table; VECTOR_SYSCALL, one beyond it, marks a context saved by SYSCALL.
enum {
    VECTOR_EXCEPTIONS = 32,
    VECTOR_LINE_0 = 0x30,
    VECTOR_TIMER = 0x70,
    VECTOR_SPURIOUS = 0x7f,
    VECTORS = 0x80,
    VECTOR_SYSCALL = VECTORS
};

struct arch_context {
    uint64_t syscall_entry;  // where foreign system calls go, 0: to the core
    uint64_t zero;           // the end is a stack of the CPU's, aligned to 16
    uint64_t fs_base, gs_base;
    uint64_t words[MSG_REGISTERS];  // RDX R10 R8 R9 R12 R13
    uint64_t rax, rbx, rcx, rsi, rdi, rbp, r11, r14, r15;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;  // as the CPU pushes them
} __attribute__((aligned(16)));

// Registers of x87, SSE and AVX in the standard format of XSAVE.
struct arch_fpu {
    uint8_t area[832];
} __attribute__((aligned(64)));

static inline struct cpu *arch_cpu(void)
{
    struct cpu *cpu;
    __asm__("mov %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

static inline void *arch_core(void)
{
    void *core;
    __asm__("mov %%gs:8, %0" : "=r"(core));
    return core;
}

static inline void *arch_direct(paddr_t pa) { return (void *)(pa.raw + DIRECT_BASE); }
static inline paddr_t arch_physical(const void *p) { return (paddr_t){(uint64_t)p - DIRECT_BASE}; }
static inline void *arch_direct_ref(ref_t ref) { return (void *)((uint64_t)(int32_t)ref << REF_BITS); }
static inline ref_t arch_ref(const void *p) { return (ref_t)((uint64_t)p >> REF_BITS); }
static inline void arch_page_clear(void *page)
{
    uint64_t n = PAGE_SIZE / 8;
    __asm__ volatile("rep stosq" : "+D"(page), "+c"(n) : "a"(0) : "memory");
}
static inline void arch_page_copy(void *to, const void *from)
{
    uint64_t n = PAGE_SIZE / 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n)::"memory");
}
static inline bool arch_user_address_ok(uint64_t address) { return address < USER_END; }

static inline void arch_tlb_page(uaddr_t address) { __asm__ volatile("invlpg (%0)" ::"r"(address.raw) : "memory"); }

// Page-table entries. Bits 52..61 of an entry that points to a table hold that table's count of used entries.
#define PTE_PRESENT 1ull
#define PTE_WRITE 2ull
#define PTE_USER 4ull
#define PTE_ADDRESS 0x000ffffffffff000ull
#define PTE_COUNT_SHIFT 52
#define PTE_COUNT (0x3ffull << PTE_COUNT_SHIFT)
#define PTE_NX (1ull << 63)

static inline pte_t pte_leaf(paddr_t pa, unsigned rights)
{
    return (pte_t){pa.raw | PTE_PRESENT | PTE_USER | (rights & RIGHT_WRITE ? PTE_WRITE : 0) |
                   (rights & RIGHT_EXEC ? 0 : PTE_NX)};
}
static inline pte_t pte_table(paddr_t table, unsigned count)
{
    return (pte_t){table.raw | PTE_PRESENT | PTE_USER | PTE_WRITE | (uint64_t)count << PTE_COUNT_SHIFT};
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

// Message registers (abi/ipc.h).
static inline uint64_t context_number(const struct arch_context *c) { return c->rax; }  // entry.S takes NATIVE off
static inline uint64_t context_cap(const struct arch_context *c) { return c->rdi; }
static inline uint64_t context_info(const struct arch_context *c) { return c->rsi; }
static inline uint64_t context_reply(const struct arch_context *c) { return c->r14; }
static inline uint64_t context_deadline(const struct arch_context *c) { return c->r15; }
static inline uint64_t context_word(const struct arch_context *c, unsigned i) { return c->words[i]; }
static inline void context_set_word(struct arch_context *c, unsigned i, uint64_t word) { c->words[i] = word; }
static inline void context_set_result(struct arch_context *c, err_t err, uint64_t badge, uint64_t info, uint64_t count)
{
    c->rax = (uint64_t)(int64_t)err;
    c->rdi = badge;
    c->rsi = info;
    c->r14 = count;
}
static inline uint64_t context_pc(const struct arch_context *c) { return c->rip; }
static inline uint64_t context_sp(const struct arch_context *c) { return c->rsp; }
static inline uint64_t context_flags(const struct arch_context *c) { return c->rflags; }
static inline void context_restart(struct arch_context *c)
{
    c->rip -= 2;  // the length of SYSCALL
    c->rax |= NATIVE;
}
static inline uint64_t context_syscall_entry(const struct arch_context *c) { return c->syscall_entry; }
static inline void context_set_syscall_entry(struct arch_context *c, uint64_t entry) { c->syscall_entry = entry; }
