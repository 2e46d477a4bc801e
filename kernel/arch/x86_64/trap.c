// SPDX-License-Identifier: MIT
// x86-64: interrupts and exceptions, from the entry code to the core.
//
// A user's exception is a fault of its thread: a page fault with the address and what was tried, any other with its
// vector and error code. The first use of the floating point registers is answered here. Exceptions of the kernel
// itself go to panic.c without passing here.
#include "x86.h"

_Noreturn void trap_user(void);
_Noreturn void trap_idle(uint64_t vector);

// From user mode; the current thread's context is complete.
void trap_user(void)
{
    const struct arch_context *c = this_cpu()->live;
    if (c->vector >= VECTOR_EXCEPTIONS) {
        irq_dispatch((unsigned)c->vector);
    } else if (c->vector == EXCEPTION_NO_FPU) {
        fpu_trap();
    } else if (c->vector == EXCEPTION_PAGE) {
        kernel_fault(FAULT_KIND_PAGE, CR_READ(2),
                     c->error & (FAULT_ACCESS_PRESENT | FAULT_ACCESS_WRITE | FAULT_ACCESS_EXEC));
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
