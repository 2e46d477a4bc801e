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

// All general registers but RSP and those that SYSCALL and SYSRET change; RDI last, since it leads the way.
.macro LOAD base
    .irp register, rax, rsi, rdx, r10, r8, r9, r12, r13, r14, r15, rbx, rbp, rdi
    mov CONTEXT_\register(\base), %\register
    .endr
.endm

// After SYSCALL: save in the current thread's context what it is to find again, and put words 0 to 3 into RBX, RBP, R14
// and R15, which C preserves like R12 and R13 with words 4 and 5. Out: RDX = the thread, the kernel stack.
.macro SAVE_SYSCALL
    mov %rcx, %gs:CPU_SCRATCH
    mov %gs:CPU_THREAD, %rcx
    mov %rsp, CONTEXT_RSP(%rcx)
    mov %gs:CPU_KERNEL_STACK, %rsp
    .irp register, rdi, rbx, rbp, r14, r15
    mov %\register, CONTEXT_\register(%rcx)
    .endr
    mov %r11, CONTEXT_RFLAGS(%rcx)
    mov %gs:CPU_SCRATCH, %r11
    mov %r11, CONTEXT_RIP(%rcx)
    movl $VECTOR_SYSCALL, CONTEXT_VECTOR(%rcx)
    mov %rdx, %rbx
    mov %r10, %rbp
    mov %r8, %r14
    mov %r9, %r15
    mov %rcx, %rdx
.endm

// Save the message as well, from where SAVE_SYSCALL has put it, and the call's number in RCX. Out: RDI = the thread.
.macro SAVE_MESSAGE
    mov %rbx, CONTEXT_rdx(%rdx)
    mov %rbp, CONTEXT_r10(%rdx)
    mov %r14, CONTEXT_r8(%rdx)
    mov %r15, CONTEXT_r9(%rdx)
    mov %rcx, CONTEXT_rax(%rdx)
    .irp register, r12, r13, rsi
    mov %\register, CONTEXT_\register(%rdx)
    .endr
    mov %rdx, %rdi
.endm

// To the thread in `next`: where the next interrupt saves its registers, user mode's GS, and the segment bases. Changes
// RAX and R9.
.macro SWITCH next
    mov %gs:CPU_THREAD, %rax
    mov %\next, %gs:CPU_THREAD
    lea CONTEXT_END(%\next), %r9
    mov %r9, %gs:CPU_TSS_RSP0
    swapgs
    rdfsbase %r9
    mov %r9, CONTEXT_FS_BASE(%rax)
    rdgsbase %r9
    mov %r9, CONTEXT_GS_BASE(%rax)
    mov CONTEXT_FS_BASE(%\next), %r9
    wrfsbase %r9
    mov CONTEXT_GS_BASE(%\next), %r9
    wrgsbase %r9
.endm

// Complete the frame of an interrupt or exception to a context (from `words` up).
.macro PUSH_REGISTERS
    .irp register, r15, r14, r11, rbp, rdi, rsi, rcx, rbx, rax, r13, r12, r9, r8, r10, rdx
    push %\register
    .endr
.endm

    .text

// SYSCALL. In: RCX = return address, R11 = flags; interrupts masked, all else the user's.
// @path ipc-call 1/7: save what the caller is to find again; the message stays in registers
// @path notify 1/6: whose signal it is, and what it is to find again
    .balign 64
    .globl entry_syscall
entry_syscall:
    swapgs
    btr $NATIVE_BIT, %rax
    jnc reflect
    cmp $SYS_SIGNAL, %rax
    jae quick
    SAVE_SYSCALL
    call *kernel_messages(,%rax,8)

    .globl arch_message_other, arch_message_save
arch_message_other:
    mov %rax, %rcx
arch_message_save:
    SAVE_MESSAGE
    call *kernel_calls(,%rcx,8)

// RDI and RSI have the badge and the info word already; RDX is the thread, RCX the count, R8 the number of words. Who
// waits for a message came in by SYSCALL.
// @path ipc-call 6/7: to the server, with the message in its registers
    .globl arch_message_deliver
arch_message_deliver:
    SWITCH rdx
    jmp *words_from(,%r8,8)
word_0: xor %ebx, %ebx
word_1: xor %ebp, %ebp
word_2: xor %r14d, %r14d
word_3: xor %r15d, %r15d
word_4: xor %r12d, %r12d
word_5: xor %r13d, %r13d
word_6:
    mov %rbp, %r10
    mov %r14, %r8
    mov %r15, %r9
    mov %rcx, %r14
    mov CONTEXT_RIP(%rdx), %rcx
    mov CONTEXT_RFLAGS(%rdx), %r11
    mov CONTEXT_RSP(%rdx), %rsp
    mov CONTEXT_rbp(%rdx), %rbp
    mov CONTEXT_r15(%rdx), %r15
    mov %rbx, %rax
    mov CONTEXT_rbx(%rdx), %rbx
    mov %rax, %rdx
    xor %eax, %eax
    sysretq
words_from:
    .quad word_0, word_1, word_2, word_3, word_4, word_5, word_6

// SIGNAL, YIELD and what is no call carry no message and answer in RAX alone: all that the caller need not find
// again is 0 then, so R12 to R14, which C preserves, keep what the way back wants.
quick:
    test %rax, %rax
    js not_native
    mov %rcx, %r12
    mov %r11, %r13
    mov %rsp, %r14
    mov %gs:CPU_KERNEL_STACK, %rsp
    mov %rax, %rsi
    call kernel_quick
    mov %r12, %rcx
    mov %r13, %r11
    test %rax, %rax
    jg go_on
    mov %r14, %rsp
    .irp register, edi, esi, edx, r10d, r8d, r9d, r12d, r13d, r14d
    xor %\register, %\register
    .endr
    swapgs
    sysretq
go_on:  // somebody else may have to run
    mov %gs:CPU_THREAD, %rdi
    mov %r14, CONTEXT_RSP(%rdi)
    mov %rcx, CONTEXT_RIP(%rdi)
    mov %r11, CONTEXT_RFLAGS(%rdi)
    movl $VECTOR_SYSCALL, CONTEXT_VECTOR(%rdi)
    .irp register, rbx, rbp, r15
    mov %\register, CONTEXT_\register(%rdi)
    .endr
    .irp register, rax, rdi, rsi, rdx, r10, r8, r9, r12, r13, r14
    movq $0, CONTEXT_\register(%rdi)
    .endr
    mov %rax, %rsi
    call kernel_go_on

// A foreign call. SYSRET loads RIP from RCX and leaves it there: the stub at the entry finds its UTCB by that.
// @path linux-read 1/9: the kernel reflects a foreign call to the thread's own entry, in 13 instructions
not_native:
    bts $NATIVE_BIT, %rax  // -1, which programs do try, and the like
reflect:
    mov %rsp, %gs:CPU_SCRATCH
    mov %gs:CPU_THREAD, %rsp
    cmpq $0, CONTEXT_SYSCALL_ENTRY(%rsp)
    je foreign
    mov %rcx, CONTEXT_UTCB + UTCB_SYSCALL_PC(%rsp)
    movl $0, CONTEXT_UTCB + UTCB_EVENTS_ENABLED(%rsp)
    mov CONTEXT_SYSCALL_ENTRY(%rsp), %rcx
    mov %gs:CPU_SCRATCH, %rsp
    swapgs
    sysretq

foreign:
    mov %gs:CPU_SCRATCH, %rsp
    SAVE_SYSCALL
    mov %rax, %rcx
    SAVE_MESSAGE
    call kernel_foreign
    call kernel_exit

// _Noreturn void arch_switch_user(struct arch_context *) in RDI: another thread than before.
    .globl arch_switch_user
arch_switch_user:
    SWITCH rdi
    jmp resume

// _Noreturn void arch_return_user(struct arch_context *) in RDI: the thread that came in.
// SYSRET is for contexts that SYSCALL saved: their RIP lies below USER_END, since nothing is mapped behind it.
    .globl arch_return_user
    .balign 64
arch_return_user:
    swapgs
resume:
    cmpl $VECTOR_SYSCALL, CONTEXT_VECTOR(%rdi)
    jne return_iret
    // @path notify 6/6: to whoever runs now; a woken thread finds the bits in its registers
    mov CONTEXT_RIP(%rdi), %rcx
    mov CONTEXT_RFLAGS(%rdi), %r11
    mov CONTEXT_RSP(%rdi), %rsp
    LOAD %rdi
    sysretq

// IRET would fault in the kernel on a program counter that is not canonical: such a thread faults at 0 instead.
// @path page-fault 7/7: the instruction runs again
return_iret:
    mov CONTEXT_RIP(%rdi), %rax
    shr $47, %rax
    jz 1f
    movq $0, CONTEXT_RIP(%rdi)
1:  mov CONTEXT_rcx(%rdi), %rcx
    mov CONTEXT_r11(%rdi), %r11
    lea CONTEXT_RIP(%rdi), %rsp
    LOAD %rdi
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
    lea -CONTEXT_rdx(%rsp), %rdi
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
