// SPDX-License-Identifier: MIT
// x86-64: the ways into the kernel and back to user mode.
//
// Rules:
//  - Interrupts are masked from here on; the kernel takes one only in arch_idle. NMI, double fault and machine check
//    have stacks of their own and never return.
//  - In the kernel GS points to the CPU's block (struct x86_cpu); every change of side does one SWAPGS.
//  - A thread's registers are saved in its arch_context; the kernel stack is empty at every entry.
//  - No user memory is touched: the UTCB is written through the kernel's own map.
#include "offsets.h"

// Save the registers after SYSCALL in the current thread's context; out: the kernel stack, all registers free.
.macro SAVE_SYSCALL
    mov %rsp, %gs:CPU_SCRATCH
    mov %gs:CPU_CONTEXT, %rsp
    mov %rax, CONTEXT_RAX(%rsp)
    mov %gs:CPU_SCRATCH, %rax
    mov %rax, CONTEXT_RSP(%rsp)
    mov %rcx, CONTEXT_RIP(%rsp)
    mov %r11, CONTEXT_RFLAGS(%rsp)
    movq $VECTOR_SYSCALL, CONTEXT_VECTOR(%rsp)
    mov %rdi, CONTEXT_RDI(%rsp)
    mov %rsi, CONTEXT_RSI(%rsp)
    mov %rdx, CONTEXT_RDX(%rsp)
    mov %r10, CONTEXT_R10(%rsp)
    mov %r8, CONTEXT_R8(%rsp)
    mov %r9, CONTEXT_R9(%rsp)
    mov %r12, CONTEXT_R12(%rsp)
    mov %r13, CONTEXT_R13(%rsp)
    mov %r14, CONTEXT_R14(%rsp)
    mov %r15, CONTEXT_R15(%rsp)
    mov %rbx, CONTEXT_RBX(%rsp)
    mov %rbp, CONTEXT_RBP(%rsp)
    mov %gs:CPU_KERNEL_STACK, %rsp
.endm

// Load what both ways out load: every general register but RCX, R11, RSP and RDI, from the context at RDI.
.macro LOAD_COMMON
    mov CONTEXT_RAX(%rdi), %rax
    mov CONTEXT_RSI(%rdi), %rsi
    mov CONTEXT_RDX(%rdi), %rdx
    mov CONTEXT_R10(%rdi), %r10
    mov CONTEXT_R8(%rdi), %r8
    mov CONTEXT_R9(%rdi), %r9
    mov CONTEXT_R12(%rdi), %r12
    mov CONTEXT_R13(%rdi), %r13
    mov CONTEXT_R14(%rdi), %r14
    mov CONTEXT_R15(%rdi), %r15
    mov CONTEXT_RBX(%rdi), %rbx
    mov CONTEXT_RBP(%rdi), %rbp
.endm

// Complete the frame of an interrupt or exception to a context (from `words` up).
.macro PUSH_REGISTERS
    push %r15
    push %r14
    push %r11
    push %rbp
    push %rdi
    push %rsi
    push %rcx
    push %rbx
    push %rax
    push %r13
    push %r12
    push %r9
    push %r8
    push %r10
    push %rdx
.endm

    .text

// SYSCALL. In: RCX = return address, R11 = flags; interrupts masked, all else the user's.
// @path ipc-call 1/9: a native call: save the user's registers in its context
// @path notify 1/6: a native call: save the user's registers in its context
    .balign 64
    .globl entry_syscall
entry_syscall:
    swapgs
    rol $1, %rax  // overflow: bits 62 and 63 differ; so -1, which programs do try, is foreign
    jno reflect
    ror $1, %rax
    SAVE_SYSCALL
    call kernel_syscall
    call kernel_exit

// A foreign call. SYSRET loads RIP from RCX and leaves it there: the stub at the entry finds its UTCB by that.
// @path linux-read 1/9: the kernel reflects a foreign call to the thread's own entry, in 14 instructions
reflect:
    ror $1, %rax
    cmpq $0, %gs:CPU_SYSCALL_ENTRY
    je foreign
    mov %rsp, %gs:CPU_SCRATCH
    mov %gs:CPU_UTCB, %rsp
    mov %rcx, UTCB_SYSCALL_PC(%rsp)
    movl $0, UTCB_EVENTS_ENABLED(%rsp)
    mov %gs:CPU_SYSCALL_ENTRY, %rcx
    mov %gs:CPU_SCRATCH, %rsp
    swapgs
    sysretq

foreign:
    SAVE_SYSCALL
    call kernel_foreign
    call kernel_exit

// _Noreturn void arch_return_user(struct arch_context *) in RDI.
// SYSRET is for contexts that SYSCALL saved: their RIP lies below USER_END, since nothing is mapped behind it.
    .globl arch_return_user
    .balign 64
arch_return_user:
    mov %gs:CPU_LIVE, %rax
    cmp %rax, %rdi
    jne switch
    swapgs
switched:
    cmpl $VECTOR_SYSCALL, CONTEXT_VECTOR(%rdi)
    jne return_iret
    // @path ipc-call 9/9: to the server, with the message in its registers
    // @path notify 6/6: to whoever runs now; a woken thread finds the bits in its registers
    LOAD_COMMON
    mov CONTEXT_RIP(%rdi), %rcx
    mov CONTEXT_RFLAGS(%rdi), %r11
    mov CONTEXT_RSP(%rdi), %rsp
    mov CONTEXT_RDI(%rdi), %rdi
    sysretq

// Another thread than before: exchange the segment bases and the stack of the next interrupt.
switch:
    mov %rdi, %gs:CPU_LIVE
    lea CONTEXT_END(%rdi), %rcx
    mov %rcx, %gs:CPU_TSS_RSP0
    swapgs
    rdfsbase %rcx
    mov %rcx, CONTEXT_FS_BASE(%rax)
    rdgsbase %rcx
    mov %rcx, CONTEXT_GS_BASE(%rax)
    mov CONTEXT_FS_BASE(%rdi), %rcx
    wrfsbase %rcx
    mov CONTEXT_GS_BASE(%rdi), %rcx
    wrgsbase %rcx
    jmp switched

// IRET would fault in the kernel on a program counter that is not canonical: such a thread faults at 0 instead.
// @path page-fault 7/7: the instruction runs again
return_iret:
    mov CONTEXT_RIP(%rdi), %rax
    shr $47, %rax
    jz 1f
    movq $0, CONTEXT_RIP(%rdi)
1:  LOAD_COMMON
    mov CONTEXT_RCX(%rdi), %rcx
    mov CONTEXT_R11(%rdi), %r11
    lea CONTEXT_RIP(%rdi), %rsp
    mov CONTEXT_RDI(%rdi), %rdi
    iretq

// _Noreturn void arch_idle(void). STI takes effect after the next instruction, so no interrupt slips in before HLT.
    .globl arch_idle
arch_idle:
    mov %gs:CPU_KERNEL_STACK, %rsp
1:  sti
    hlt
    cli
    jmp 1b

// Interrupts and exceptions. The CPU has pushed SS RSP RFLAGS CS RIP, the stub an error code if there was none and
// the vector: from user mode to the end of the thread's context, else to the kernel stack.
// @path interrupt 1/5: the registers are saved in the running thread's context, by the CPU and here
// @path page-fault 1/7: the registers are saved in the running thread's context, by the CPU and here
trap:
    testb $3, CONTEXT_CS - CONTEXT_VECTOR(%rsp)
    jz trap_kernel
    swapgs
    PUSH_REGISTERS
    mov %gs:CPU_KERNEL_STACK, %rsp
    pushq $RFLAGS_ONE
    popfq  // AC would lift SMAP
    call trap_user

// In the kernel an interrupt comes from arch_idle alone, so what it interrupted is forgotten; an exception is a bug.
trap_kernel:
    cmpq $VECTOR_EXCEPTIONS, (%rsp)
    jb trap_fatal
    mov (%rsp), %rdi
    mov %gs:CPU_KERNEL_STACK, %rsp
    call trap_idle

// NMI, double fault and machine check come here from anywhere: GS is unknown.
trap_fatal:
    cld
    PUSH_REGISTERS
    lea -CONTEXT_RDX(%rsp), %rdi
    and $-16, %rsp
    call panic_trap

// One stub of 16 bytes for each vector.
    .balign 64
    .globl entry_stubs
entry_stubs:
vector = 0
    .rept VECTORS
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
    .endif
    push $vector
    .if vector == 2 || vector == 8 || vector == 18
    jmp trap_fatal
    .else
    jmp trap
    .endif
vector = vector + 1
    .endr
