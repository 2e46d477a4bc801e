// SPDX-License-Identifier: MIT
// Offsets and constants for the assembler files: compiled to assembler text, from which arch.mk makes offsets.h.
#include "x86.h"

#define DEFINE(name, value) __asm__ volatile("\n.ascii \"@define " #name " %c0\"" ::"i"(value))
#define CONTEXT(name, field) DEFINE(CONTEXT_##name, offsetof(struct arch_context, field))
#define CPU(name, field) DEFINE(CPU_##name, offsetof(struct x86_cpu, field))

void offsets(void);
// clang-format off
void offsets(void)
{
    CONTEXT(FS_BASE, fs_base); CONTEXT(GS_BASE, gs_base);
    CONTEXT(RDX, words[0]); CONTEXT(R10, words[1]); CONTEXT(R8, words[2]);
    CONTEXT(R9, words[3]); CONTEXT(R12, words[4]); CONTEXT(R13, words[5]);
    CONTEXT(RAX, rax); CONTEXT(RBX, rbx); CONTEXT(RCX, rcx); CONTEXT(RSI, rsi); CONTEXT(RDI, rdi);
    CONTEXT(RBP, rbp); CONTEXT(R11, r11); CONTEXT(R14, r14); CONTEXT(R15, r15);
    CONTEXT(VECTOR, vector); CONTEXT(CS, cs);
    CONTEXT(RIP, rip); CONTEXT(RFLAGS, rflags); CONTEXT(RSP, rsp);
    DEFINE(CONTEXT_END, sizeof(struct arch_context));

    CPU(CONTEXT, cpu.context); CPU(KERNEL_STACK, cpu.kernel_stack); CPU(SCRATCH, cpu.scratch);
    CPU(SYSCALL_ENTRY, cpu.syscall_entry); CPU(UTCB, cpu.utcb); CPU(LIVE, live); CPU(TSS_RSP0, tss.rsp0);

    DEFINE(UTCB_SYSCALL_PC, offsetof(struct utcb, syscall.pc));
    DEFINE(UTCB_EVENTS_ENABLED, offsetof(struct utcb, events_enabled));

    DEFINE(VECTORS, VECTORS); DEFINE(VECTOR_SYSCALL, VECTOR_SYSCALL); DEFINE(VECTOR_EXCEPTIONS, VECTOR_EXCEPTIONS);
    DEFINE(KERNEL_BASE, KERNEL_BASE);
    DEFINE(RFLAGS_ONE, RFLAGS_ONE);
}
