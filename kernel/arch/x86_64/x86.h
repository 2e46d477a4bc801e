// SPDX-License-Identifier: MIT
// x86-64: what the files of this directory share and nobody else sees.
//
// Instructions that C cannot say, selectors and control bits, the per-CPU block behind `struct cpu`, and one
// function or two of each file. References like "SDM 3A 6.14" are to Intel's Software Developer's Manual.
#pragma once
#include "abi/errors.h"
#include "arch.h"

// Selectors. SYSRET wants the order: (32-bit code, absent), data, 64-bit code (SDM 2B SYSRET).
#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_SYSRET 0x1b
#define SELECTOR_USER_DATA 0x23
#define SELECTOR_USER_CODE 0x2b
#define SELECTOR_TSS 0x30

enum { RFLAGS_ONE = 0x2, RFLAGS_TF = 0x100, RFLAGS_IF = 0x200 };
#define RFLAGS_STATUS 0xcd5ull  // CF PF AF ZF SF DF OF
enum {
    EXCEPTION_DEBUG = 1,
    EXCEPTION_NMI = 2,
    EXCEPTION_NO_FPU = 7,
    EXCEPTION_DOUBLE = 8,
    EXCEPTION_PAGE = 14,
    EXCEPTION_MACHINE = 18,
};

struct tss {  // SDM 3A 7.7
    uint32_t zero0;
    uint64_t rsp0, zero1[2], zero2;
    uint64_t ist[7];
    uint64_t zero3;
    uint16_t zero4, io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "hardware");

// One per CPU; GS points to it while the kernel runs.
struct x86_cpu {
    struct cpu cpu;
    struct thread *fpu_loaded;  // whose contents are in the registers, NULL: nobody's
    bool fpu_off;               // CR0.TS is set: the first use traps
    struct tss tss;
    uint64_t gdt[8];
};

static inline struct x86_cpu *this_cpu(void) { return (struct x86_cpu *)arch_cpu(); }

// What CPUID offers; only these bits are ever set in CR4, XCR0 and page tables.
struct x86_features {
    bool avx, smep, smap, umip, big_pages;
};
extern struct x86_features features;

// --- instructions
#define PORT_FUNCTIONS(suffix, type) \
    static inline void out##suffix(unsigned port, type v) \
    { \
        __asm__ volatile("out" #suffix " %0, %w1" ::"a"(v), "Nd"(port)); \
    } \
    static inline type in##suffix(unsigned port) \
    { \
        type v; \
        __asm__ volatile("in" #suffix " %w1, %0" : "=a"(v) : "Nd"(port)); \
        return v; \
    }
PORT_FUNCTIONS(b, uint8_t)
PORT_FUNCTIONS(w, uint16_t)
PORT_FUNCTIONS(l, uint32_t)
static inline void msr_write(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}
static inline uint64_t tsc_read(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}
#define CR_READ(n) \
    ({ \
        uint64_t cr_value; \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(cr_value)); \
        cr_value; \
    })
#define CR_WRITE(n, v) __asm__ volatile("mov %0, %%cr" #n ::"r"((uint64_t)(v)) : "memory")
static inline uint32_t mmio_read(uint64_t pa) { return *(volatile uint32_t *)arch_direct((paddr_t){pa}); }
static inline void mmio_write(uint64_t pa, uint32_t v) { *(volatile uint32_t *)arch_direct((paddr_t){pa}) = v; }

// --- debug.c
void debug_init(void);                         // find the emulator's debug port
void debug_options(const char *command_line);  // "log=com1" .. "log=com4": a serial port too
void debug_text(const char *text);
void debug_hex(uint64_t value);

// --- cpu.c
void cpu_init(void);  // features, control registers, descriptor tables, system call registers; stops if one is missing

// --- paging.c
uint64_t paging_init(uint64_t memory_end);           // the final kernel map; returns the end of the memory in it
bool paging_reaches(uint64_t pa, uint64_t n_bytes);  // the direct map covers it
void paging_uncached(uint64_t pa);  // make the 2 MiB of direct map around a device's registers uncached

// --- acpi.c
struct acpi_io_apic {
    uint64_t address;
    uint32_t first_line;
};
#define IO_APICS 4
struct acpi_info {
    unsigned n_io_apics;
    struct acpi_io_apic io_apics[IO_APICS];
    uint8_t line_flags[IRQ_LINES];  // LINE_*
    uint32_t pm_timer_port;         // 0: none
    bool pm_timer_32;
    uint32_t pm1a_port, pm1b_port;          // 0: none
    uint64_t sleep_address, reset_address;  // of one-byte registers, 0: none
    bool sleep_is_port, reset_is_port;
    uint8_t reset_value;
    uint8_t sleep_off_a, sleep_off_b;  // the \_S5 sleep types
};
enum { LINE_LEVEL = 1, LINE_LOW = 2 };
extern struct acpi_info acpi;
void acpi_init(uint64_t rsdp_pa);  // 0: look for it in the BIOS area

// --- irq.c
void irq_init(void);
void irq_dispatch(unsigned vector);      // acknowledge and hand to the core
void lapic_timer_start(uint32_t ticks);  // 0: stop
uint32_t lapic_timer_left(void);

// --- time.c
void time_init(void);

// --- fpu.c
void fpu_init(void);
void fpu_trap(void);  // the current thread touched the registers while they were off

// --- panic.c
_Noreturn void panic_trap(const struct arch_context *);  // only the part from `words` on is there
_Noreturn void panic_text(const char *);

// --- power.c
_Noreturn void power_stop(void);  // for good, with everything as it is

// --- entry.S
extern char entry_stubs[], entry_syscall[];
