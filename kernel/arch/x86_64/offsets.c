// SPDX-License-Identifier: MIT
// Offsets and constants for the assembler files: compiled to assembler text, from which arch.mk makes offsets.h.
#include "x86.h"

#define DEFINE(name, value) __asm__ volatile("\n.ascii \"@set " #name ", %c0\"" ::"i"(value))
#define CONTEXT(name, field) DEFINE(CONTEXT_##name, offsetof(struct arch_context, field))
#define REGISTER(name) CONTEXT(name, name)  // small letters: entry.S goes through lists of registers
#define CPU(name, field) DEFINE(CPU_##name, offsetof(struct x86_cpu, field))

void offsets(void);
// clang-format off
void offsets(void)
{
    CONTEXT(FS_BASE, fs_base); CONTEXT(GS_BASE, gs_base); CONTEXT(SYSCALL_ENTRY, syscall_entry);
    CONTEXT(rdx, words[0]); CONTEXT(r10, words[1]); CONTEXT(r8, words[2]);
    CONTEXT(r9, words[3]); CONTEXT(r12, words[4]); CONTEXT(r13, words[5]);
    REGISTER(rax); REGISTER(rbx); REGISTER(rcx); REGISTER(rsi); REGISTER(rdi);
    REGISTER(rbp); REGISTER(r11); REGISTER(r14); REGISTER(r15);
    CONTEXT(VECTOR, vector); CONTEXT(CS, cs);
    CONTEXT(RIP, rip); CONTEXT(RFLAGS, rflags); CONTEXT(RSP, rsp);
    DEFINE(CONTEXT_END, sizeof(struct arch_context));

    CPU(THREAD, cpu.thread); CPU(KERNEL_STACK, cpu.kernel_stack); CPU(SCRATCH, cpu.scratch);
    CPU(TSS_RSP0, tss.rsp0);

    DEFINE(CONTEXT_UTCB, PAGE_SIZE);
    DEFINE(UTCB_SYSCALL_PC, offsetof(struct utcb, syscall.pc));
    DEFINE(UTCB_EVENTS_ENABLED, offsetof(struct utcb, events_enabled));

    DEFINE(NATIVE_BIT, NATIVE_BIT); DEFINE(SYS_SIGNAL, SYS_SIGNAL); DEFINE(VECTORS, VECTORS);
    DEFINE(VECTOR_SYSCALL, VECTOR_SYSCALL); DEFINE(VECTOR_EXCEPTIONS, VECTOR_EXCEPTIONS);
    DEFINE(KERNEL_BASE, KERNEL_BASE);
    DEFINE(RFLAGS_ONE, RFLAGS_ONE);
}
