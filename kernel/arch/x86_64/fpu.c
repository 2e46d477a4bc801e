// SPDX-License-Identifier: MIT
// x86-64: floating point and vector registers, switched lazily.
//
// Rules:
//  - `fpu_loaded` names the thread whose contents are in the registers; CR0.TS is set exactly when that is not the
//    current one, so its first use traps (#NM) and fpu_trap exchanges the contents.
//  - CR0 is written only when TS changes: a server that never computes in them costs its caller two writes, and nothing
//    if the caller does not either.
//  - XCR0 has x87, SSE and AVX and nothing more, which is what struct arch_fpu has room for. The kernel itself is
//    compiled without them.
#include "x86.h"

enum { XCR0_X87 = 1, XCR0_SSE = 2, XCR0_AVX = 4 };
enum { FPU_CONTROL_OFFSET = 0, FPU_CONTROL_DEFAULT = 0x37f, MXCSR_OFFSET = 24, MXCSR_DEFAULT = 0x1f80 };
enum { CR0_MP = 2, CR0_EM = 4, CR0_TS = 8, CR0_NE = 32 };

static void set_off(struct x86_cpu *cpu, bool off)
{
    if (off == cpu->fpu_off) return;
    cpu->fpu_off = off;
    if (off) {
        CR_WRITE(0, CR_READ(0) | CR0_TS);
    } else {
        __asm__ volatile("clts");
    }
}

static void save(struct thread *t) { __asm__ volatile("xsave64 %0" : "+m"(*kernel_fpu(t)) : "a"(-1), "d"(-1)); }
static void load(struct thread *t) { __asm__ volatile("xrstor64 %0" ::"m"(*kernel_fpu(t)), "a"(-1), "d"(-1)); }

void fpu_init(void)
{
    CR_WRITE(0, (CR_READ(0) & ~(uint64_t)CR0_EM) | CR0_MP | CR0_NE | CR0_TS);
    this_cpu()->fpu_off = true;
    __asm__ volatile("xsetbv" ::"c"(0), "a"(XCR0_X87 | XCR0_SSE | (features.avx ? XCR0_AVX : 0)), "d"(0));
}

void arch_fpu_init(struct thread *t)
{
    struct arch_fpu *fpu = kernel_fpu(t);
    arch_fpu_forget(t);
    *(uint16_t *)(fpu->area + FPU_CONTROL_OFFSET) = FPU_CONTROL_DEFAULT;
    *(uint32_t *)(fpu->area + MXCSR_OFFSET) = MXCSR_DEFAULT;
}

static OUT_OF_THE_WAY void turn(const struct thread *next) { set_off(this_cpu(), this_cpu()->fpu_loaded != next); }

__attribute__((always_inline)) void arch_fpu_switch(struct thread *next)
{
    const struct x86_cpu *cpu = this_cpu();
    if (!cpu->fpu_off || cpu->fpu_loaded == next) turn(next);
}

void fpu_trap(void)
{
    struct x86_cpu *cpu = this_cpu();
    set_off(cpu, false);
    if (cpu->fpu_loaded) save(cpu->fpu_loaded);
    cpu->fpu_loaded = cpu->cpu.thread;
    load(cpu->fpu_loaded);
}

void arch_fpu_copy(struct thread *to, struct thread *from)
{
    struct x86_cpu *cpu = this_cpu();
    if (cpu->fpu_loaded == from) {
        bool off = cpu->fpu_off;
        set_off(cpu, false);
        save(from);
        set_off(cpu, off);
    }
    arch_fpu_forget(to);
    *kernel_fpu(to) = *kernel_fpu(from);
}

void arch_fpu_forget(struct thread *t)
{
    struct x86_cpu *cpu = this_cpu();
    if (cpu->fpu_loaded != t) return;
    cpu->fpu_loaded = NULL;
    set_off(cpu, true);
}
