// SPDX-License-Identifier: MIT
// The stub page: the ways from the program into liblinux and back.
//
// A copy of this page is mapped behind each thread's UTCB, so everything of the thread (UTCB, stack) is reached
// relative to the program counter and the rest of liblinux by absolute addresses. Rules:
//  - The program's registers go into a struct frame at FRAME_AT and come back from there, flags included; RAX, RCX
//    and R11 as Linux leaves them. The program's stack and its red zone are not touched.
//  - Most calls are quick ones: only the frame's upper part is filled in, since C preserves the other registers. When
//    one has to be followed by work (a signal, a restart), the lower part is filled in then.
//  - From an upcall to the exit, events are off. The exit turns them on, looks for pending ones and leaves, or goes to
//    work, which turns them off. Wherever they are on, between exit_begin and exit_end, quick_begin and quick_end, what
//    the frame and the preserved registers hold stays, so an event in there simply starts from the frame again.
#include "linux/frame.h"

#define UTCB(field) (stub_page - AREA_STUB + (field))(%rip)
#define FRAME(field) (stub_page - AREA_STUB + FRAME_AT + (field))(%rip)

    .section .stub, "ax", @progbits
    .balign 4096
    .globl liblinux_stub, stub_syscall, stub_event, stub_fault, stub_leave
    .hidden linux_call, linux_work, linux_fault, linux_start, linux_thread, quick_calls
stub_page:
liblinux_stub:

.macro push_preserved  // the registers that C preserves, in the frame's order
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
.endm

// The frame's lower part in a call. In: RSP = FRAME(FRAME_CALL), RAX = what the program's RAX is to be.
.macro push_lower
    push UTCB(UTCB_SYSCALL + SAVE_PC)
    push UTCB(UTCB_SYSCALL + SAVE_PC)
    push %rax
    push FRAME(FRAME_RFLAGS)
    push_preserved
.endm

.macro pop_upper  // but the call, flags and stack pointer
    pop %r10
    pop %r9
    pop %r8
    pop %rdx
    pop %rsi
    pop %rdi
.endm

// A frame from one of the UTCB's save areas, for a program that was not in a call.
.macro push_saved area
    lea FRAME(FRAME_BYTES), %rsp
    push UTCB(\area + SAVE_SP)
    push UTCB(\area + SAVE_FLAGS)
    push %rdi
    push %rsi
    push %rdx
    push %r8
    push %r9
    push %r10
    push $NO_CALL
    push UTCB(\area + SAVE_PC)
    push UTCB(\area + SAVE_RCX)
    push UTCB(\area + SAVE_RAX)
    push UTCB(\area + SAVE_R11)
    push_preserved
.endm

// @path linux-read 2/9: the program's registers go into a frame on liblinux's stack of this thread
// In: RCX = this address, R11 = flags, utcb->syscall.pc = return address, everything else the program's.
stub_syscall:
    mov %rsp, FRAME(FRAME_RSP)
    lea FRAME(FRAME_RSP), %rsp
    push %r11
    push %rdi
    push %rsi
    push %rdx
    push %r8
    push %r9
    push %r10
    push %rax
    cld
    cmp UTCB(UTCB_QUICK_CALLS), %rax
    jae whole
    mov %r10, %rcx
    movabs $quick_calls, %r11
    call *(%r11, %rax, 8)
quick_return:
    lea 516(%rax), %rcx  // -516..-512: the call is to go on later (linux.h)
    cmp $4, %rcx
    jbe quick_work

// @path linux-read 9/9: events on, nothing pending, and the program goes on behind its call
// The way back of a quick call. With the trap flag in the frame, the kernel makes the last jump (abi/utcb.h), and the
// program's next instruction is stepped.
quick_begin:
    movl $1, UTCB(UTCB_EVENTS_ENABLED)
    cmpq $0, UTCB(UTCB_EVENTS_PENDING)
    jne quick_work
    lea 8(%rsp), %rsp
    pop_upper
    mov UTCB(UTCB_SYSCALL + SAVE_PC), %rcx
    mov (%rsp), %r11
    popfq
    pop %rsp
    jmp *%rcx

// A quick call is over, and there is work. In: RAX = its result. Events are still on when the exit has found one.
quick_work:
    push_lower
    jmp work
quick_end:

// Calls that need the whole frame, unknown ones, and all in a process whose calls are traced.
whole:
    push_lower
    mov %rsp, %rdi
    movabs $linux_call, %rax
    call *%rax
    test %eax, %eax
    jnz work

// The way back with everything from the frame. The last jump takes its target from the UTCB's system-call save area, so
// that no register is needed.
exit_begin:
    movl $1, UTCB(UTCB_EVENTS_ENABLED)
    cmpq $0, UTCB(UTCB_EVENTS_PENDING)
    jne work
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %rax
    pop %rcx
    lea 16(%rsp), %rsp
    pop_upper
    popfq
    pop %rsp
    jmp *UTCB(UTCB_SYSCALL + SAVE_PC)

// Signals and restarts, with known flags (the program may have set the direction or alignment-check flag).
work:
    movl $0, UTCB(UTCB_EVENTS_ENABLED)
exit_end:
    lea FRAME(0), %rsp
    push $2
    popfq
    mov %rsp, %rdi
    movabs $linux_work, %rax
    call *%rax
// To the program, with everything from the frame.
stub_leave:
    mov FRAME(FRAME_RIP), %rax
    mov %rax, UTCB(UTCB_SYSCALL + SAVE_PC)
    jmp exit_begin

// In: the interrupted state in utcb->event (it may be this page's own exit), other registers the program's.
stub_event:
    mov UTCB(UTCB_EVENT + SAVE_PC), %rax
    lea exit_begin(%rip), %rcx
    sub %rcx, %rax
    cmp $(exit_end - exit_begin), %rax
    jb work
    add $(exit_begin - quick_begin), %rax
    cmp $(quick_end - quick_begin), %rax
    jb 1f
    push_saved UTCB_EVENT
    jmp work
1:  mov UTCB(UTCB_EVENT + SAVE_RAX), %rax
    lea FRAME(FRAME_CALL), %rsp
    jmp quick_work

// In: the faulting state in utcb->fault. A fault in the routines of user.S makes them return; others go to C.
stub_fault:
    mov UTCB(UTCB_FAULT + SAVE_PC), %rax
    movabs $fixup_begin, %rcx
    sub %rcx, %rax
    movabs $fixup_end, %r11
    sub %rcx, %r11
    cmp %r11, %rax
    jae 1f
    mov UTCB(UTCB_FAULT + SAVE_SP), %rsp
    mov UTCB(UTCB_FAULT + SAVE_RCX), %rcx
    mov UTCB(UTCB_FAULT + SAVE_PC), %rax
    movabs $fixup, %r11
    jmp *%r11
1:  push_saved UTCB_FAULT
    push $2
    popfq
    mov %rsp, %rdi
    movabs $linux_fault, %rax
    call *%rax
    jmp work
    .balign 4096

    .text
    .globl liblinux_start, liblinux_thread, quick_refused
// What quick_calls holds for calls that are not quick: the stub goes on as if it had not tried.
quick_refused:
    pop %rcx
    add $(whole - quick_return), %rcx
    jmp *%rcx
// The first code of a new image. In: RDI = thread area, RSP = top of its stack - 8.
liblinux_start:
    mov %rdi, %rbx
    lea FRAME_AT(%rbx), %rsp
    call linux_start
    jmp leave
// The first code of a thread made by clone, with its frame filled in. In: RDI = thread area.
liblinux_thread:
    mov %rdi, %rbx
    lea FRAME_AT(%rbx), %rsp
    call linux_thread
leave:
    lea FRAME_AT(%rbx), %rsp
    lea AREA_STUB + stub_leave - stub_page(%rbx), %rax
    jmp *%rax
