// SPDX-License-Identifier: MIT
// x86-64: a thread's user registers, seen by the core.
//
// Rules:
//  - What user mode may not choose is never taken from outside: segments are constants, the flags keep only the status
//    bits and TF, with interrupts on; an address that is not a user's becomes 0, where the thread then faults.
//  - After a system call RCX and R11 hold the program counter and the flags, as the instruction itself leaves them; the
//    context does not store them twice, so `settle` fills them in before anything else is done to it.
#include "x86.h"

static void settle(struct arch_context *c)
{
    if (c->vector != VECTOR_SYSCALL) return;
    c->rcx = c->rip;
    c->r11 = c->rflags;
    c->vector = 0;
}

static uint64_t user_address(uint64_t address) { return arch_user_address_ok(address) ? address : 0; }

// Those of the same name in both structures.
#define REGISTERS(X) X(rax) X(rbx) X(rcx) X(rsi) X(rdi) X(rbp) X(r11) X(r14) X(r15)

void arch_context_start(struct arch_context *c, uint64_t pc, uint64_t sp, uint64_t argument)
{
    struct thread_registers registers = {.pc = pc, .sp = sp, .rdi = argument};
    arch_context_set(c, &registers);
}

void arch_context_set(struct arch_context *c, const struct thread_registers *r)
{
    *c = (struct arch_context){
        .syscall_entry = c->syscall_entry,
        .fs_base = user_address(r->fs_base),
        .gs_base = user_address(r->gs_base),
        .words = {r->rdx, r->r10, r->r8, r->r9, r->r12, r->r13},
#define TAKE(name) .name = r->name,
        REGISTERS(TAKE).rip = user_address(r->pc),
        .cs = SELECTOR_USER_CODE,
        .rflags = (r->flags & (RFLAGS_STATUS | RFLAGS_TF)) | RFLAGS_IF | RFLAGS_ONE,
        .rsp = r->sp,
        .ss = SELECTOR_USER_DATA,
    };
}

void arch_context_get(const struct arch_context *context, struct thread_registers *r)
{
    struct arch_context copy = *context, *c = &copy;
    settle(c);
    *r = (struct thread_registers){
        .pc = c->rip,
        .sp = c->rsp,
        .flags = c->rflags,
#define GIVE(name) .name = c->name,
        REGISTERS(GIVE).rdx = c->words[0],
        .r8 = c->words[2],
        .r9 = c->words[3],
        .r10 = c->words[1],
        .r12 = c->words[4],
        .r13 = c->words[5],
        .fs_base = c->fs_base,
        .gs_base = c->gs_base,
    };
}

void arch_context_divert(struct arch_context *c, struct upcall_save *save, uint64_t entry)
{
    settle(c);
    *save = (struct upcall_save){c->rip, c->rsp, c->rflags, c->rax, c->rcx, c->r11};
    c->rip = user_address(entry);
    c->rflags &= ~(uint64_t)RFLAGS_TF;  // the program is stepped, not whoever serves it
}
