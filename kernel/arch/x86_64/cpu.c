// SPDX-License-Identifier: MIT
// x86-64: the CPU itself: features, control registers, descriptor tables, and the per-CPU block.
//
// Rules:
//  - A control bit is set only if CPUID offers it: some emulators hang on others, hardware faults.
//  - Required: long mode with SYSCALL, NX, FSGSBASE and XSAVE. All else is used where it is there.
//  - User mode has one code and one data segment, no I/O bitmap, and no gate but that of int3.
#include "x86.h"

enum { MSR_EFER = 0xc0000080, MSR_STAR = 0xc0000081, MSR_LSTAR = 0xc0000082, MSR_FMASK = 0xc0000084 };
enum { MSR_GS_BASE = 0xc0000101, MSR_KERNEL_GS_BASE = 0xc0000102 };
enum { EFER_SCE = 1, EFER_NXE = 1 << 11 };
enum { CR4_PAE = 1 << 5, CR4_PGE = 1 << 7, CR4_OSFXSR = 1 << 9, CR4_OSXMMEXCPT = 1 << 10, CR4_UMIP = 1 << 11 };
enum { CR4_FSGSBASE = 1 << 16, CR4_OSXSAVE = 1 << 18, CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21 };
#define SYSCALL_CLEARED_FLAGS 0x47700u  // AC NT IOPL DF IF TF

#define GATE_INTERRUPT 0x8e00u
#define GATE_USER 0x6000u  // privilege level 3

// SDM 3A 6.14.1
struct gate {
    uint16_t offset_0, selector, flags, offset_16;
    uint32_t offset_32, zero;
};
_Static_assert(sizeof(struct gate) == 16, "hardware");

enum { IST_NMI = 1, IST_DOUBLE, IST_MACHINE, IST_STACKS = 3, IST_BYTES = 4096 };

struct x86_features features;
extern char kernel_stack_top[];

static struct x86_cpu boot_cpu;
static struct arch_context boot_context;  // takes the segment bases of before the first thread
static struct gate idt[VECTORS] __attribute__((aligned(16)));
static uint8_t ist_stacks[IST_STACKS][IST_BYTES] __attribute__((aligned(16)));

struct cpuid {
    uint32_t a, b, c, d;
};
static struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}

static void control_init(void)
{
    struct cpuid basic = cpuid(1, 0), extended = cpuid(0x80000001, 0);
    struct cpuid structured = cpuid(0, 0).a >= 7 ? cpuid(7, 0) : (struct cpuid){0};
    if (!(extended.d >> 20 & 1)) panic_text("this CPU lacks NX (no-execute pages), which Bulkhead needs");
    if (!(extended.d >> 11 & 1)) panic_text("this CPU lacks SYSCALL, which Bulkhead needs");
    if (!(structured.b & 1)) panic_text("this CPU lacks FSGSBASE, which Bulkhead needs (QEMU: -cpu max)");
    if (!(basic.c >> 26 & 1)) panic_text("this CPU lacks XSAVE, which Bulkhead needs");
    features = (struct x86_features){
        .avx = basic.c >> 28 & 1,
        .smep = structured.b >> 7 & 1,
        .smap = structured.b >> 20 & 1,
        .umip = structured.c >> 2 & 1,
        .big_pages = extended.d >> 26 & 1,
    };
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE | EFER_NXE);
    CR_WRITE(4, CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_OSXSAVE |
                    (features.umip ? CR4_UMIP : 0) | (features.smep ? CR4_SMEP : 0) | (features.smap ? CR4_SMAP : 0));
}

static void gate_set(unsigned vector, unsigned ist, unsigned flags)
{
    uint64_t offset = (uint64_t)entry_stubs + 16 * vector;
    idt[vector] = (struct gate){
        .offset_0 = (uint16_t)offset,
        .selector = SELECTOR_KERNEL_CODE,
        .flags = (uint16_t)(GATE_INTERRUPT | flags | ist),
        .offset_16 = (uint16_t)(offset >> 16),
        .offset_32 = (uint32_t)(offset >> 32),
    };
}

static void load_tables(struct x86_cpu *cpu)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) gdtr = {sizeof(cpu->gdt) - 1, (uint64_t)cpu->gdt},
                              idtr = {sizeof(idt) - 1, (uint64_t)idt};
    __asm__ volatile("lgdt %0\n lidt %1\n ltr %w2\n mov %w3, %%ss" ::"m"(gdtr), "m"(idtr), "r"(SELECTOR_TSS),
                     "r"(SELECTOR_KERNEL_DATA));
    __asm__ volatile("push %0\n lea 1f(%%rip), %%rax\n push %%rax\n lretq\n 1:" ::"i"(SELECTOR_KERNEL_CODE) : "rax");
}

static void descriptors_init(struct x86_cpu *cpu)
{
    uint64_t tss = (uint64_t)&cpu->tss;
    cpu->gdt[SELECTOR_KERNEL_CODE / 8] = 0x00209b0000000000;
    cpu->gdt[SELECTOR_KERNEL_DATA / 8] = 0x0000930000000000;
    cpu->gdt[SELECTOR_USER_DATA / 8] = 0x0000f30000000000;
    cpu->gdt[SELECTOR_USER_CODE / 8] = 0x0020fb0000000000;
    cpu->gdt[SELECTOR_TSS / 8] =
        (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
    cpu->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
    cpu->tss.io_map = sizeof(struct tss);  // beyond the limit: no ports
    for (unsigned i = 0; i < IST_STACKS; i++) cpu->tss.ist[i] = (uint64_t)ist_stacks[i] + IST_BYTES;

    for (unsigned vector = 0; vector < VECTORS; vector++) gate_set(vector, 0, 0);
    gate_set(3, 0, GATE_USER);
    gate_set(EXCEPTION_NMI, IST_NMI, 0);
    gate_set(EXCEPTION_DOUBLE, IST_DOUBLE, 0);
    gate_set(EXCEPTION_MACHINE, IST_MACHINE, 0);
    load_tables(cpu);
}

void cpu_init(void)
{
    struct x86_cpu *cpu = &boot_cpu;
    cpu->cpu.self = &cpu->cpu;
    cpu->cpu.kernel_stack = (uint64_t)kernel_stack_top;
    cpu->cpu.thread = (struct thread *)&boot_context;
    cpu->tss.rsp0 = (uint64_t)kernel_stack_top;
    descriptors_init(cpu);
    msr_write(MSR_GS_BASE, (uint64_t)cpu);
    msr_write(MSR_KERNEL_GS_BASE, 0);
    control_init();
    msr_write(MSR_STAR, (uint64_t)SELECTOR_SYSRET << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
    msr_write(MSR_LSTAR, (uint64_t)entry_syscall);
    msr_write(MSR_FMASK, SYSCALL_CLEARED_FLAGS);
    fpu_init();
}
