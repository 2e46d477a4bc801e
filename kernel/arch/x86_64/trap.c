// SPDX-License-Identifier: MIT
// x86-64: interrupts and exceptions, from the entry code to the core.
//
// A user's exception is a fault of its thread: a page fault with the address and what was tried, any other with its
// vector and error code. The first use of the floating point registers is answered here. Exceptions of the kernel
// itself go to panic.c without passing here.
#include "x86.h"

_Noreturn void trap_user(void);
_Noreturn void trap_idle(uint64_t vector);

// The upcall stub is not stepped (abi/utcb.h): TF is not its own, but the stepped program's.
static bool is_in_stub(const struct arch_context *c)
{
    return c->syscall_entry && c->rip / PAGE_SIZE == c->syscall_entry / PAGE_SIZE;
}

// At the entry, SYSRET has taken the program's flags along. Elsewhere the stub has just restored them and is about to
// jump back: that jump is made here, so that the trap comes behind the program's next instruction.
static void unstep_stub(struct arch_context *c)
{
    const struct utcb *utcb = (const void *)((uint64_t)c + PAGE_SIZE);
    uint64_t pc = utcb->syscall.pc;
    bool at_entry = c->rip == c->syscall_entry;
    if (at_entry) c->rflags &= ~(uint64_t)RFLAGS_TF;
    if (!at_entry) c->rip = arch_user_address_ok(pc) ? pc : 0;
}

// From user mode; the current thread's context is complete.
void trap_user(void)
{
    struct arch_context *c = (struct arch_context *)arch_cpu()->thread;
    if (c->vector >= VECTOR_EXCEPTIONS) {
        irq_dispatch((unsigned)c->vector);
    } else if (c->vector == EXCEPTION_NO_FPU) {
        fpu_trap();
    } else if (c->vector == EXCEPTION_PAGE) {
        kernel_fault(FAULT_KIND_PAGE, CR_READ(2),
                     c->error & (FAULT_ACCESS_PRESENT | FAULT_ACCESS_WRITE | FAULT_ACCESS_EXEC));
    } else if (c->vector == EXCEPTION_DEBUG && is_in_stub(c)) {
        unstep_stub(c);
    } else {
        kernel_fault(FAULT_KIND_EXCEPTION, c->vector, c->error);
    }
    kernel_exit();
}

// From arch_idle, whose state is of no interest.
void trap_idle(uint64_t vector)
{
    irq_dispatch((unsigned)vector);
    kernel_exit();
}
