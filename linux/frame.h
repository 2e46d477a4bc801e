/* SPDX-License-Identifier: MIT */
/* The program's registers while liblinux runs, and the offsets that its assembler needs.
 *
 * A frame lies at the top of the thread's liblinux stack, always at the same place (FRAME_AT in the thread area): an
 * event that hits the exit sequence finds it there and starts the exit again. Most calls need its upper part only, the
 * registers that C does not preserve; the rest is then still in the registers themselves (entry.S). */
#pragma once

#define AREA_STUB 0x1000 /* THREAD_AREA_STUB and THREAD_AREA_STACK_HIGH of protocols/layout.h, which is C only */
#define AREA_STACK_HIGH 0xc000
#define FRAME_BYTES 152
#define FRAME_RIP 72
#define FRAME_CALL 80 /* here the upper part begins */
#define FRAME_RFLAGS 136
#define FRAME_RSP 144
#define FRAME_AT (AREA_STACK_HIGH - 8 - FRAME_BYTES) /* 16-byte aligned */
#define NO_CALL (-1)                                 /* frame.call when the program was not in a system call */

/* Offsets in the UTCB. */
#define UTCB_EVENTS_ENABLED 0x260
#define UTCB_EVENTS_PENDING 0x268
#define UTCB_SYSCALL 0x280
#define UTCB_EVENT 0x2b0
#define UTCB_FAULT 0x2e0
#define UTCB_QUICK_CALLS 0x358 /* struct thread's */
#define SAVE_PC 0
#define SAVE_SP 8
#define SAVE_FLAGS 16
#define SAVE_RAX 24
#define SAVE_RCX 32
#define SAVE_R11 40

#ifndef __ASSEMBLER__
#include "protocols/layout.h"

struct frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, rax, rcx;
    uint64_t rip;
    uint64_t call;  // number of the Linux call, or NO_CALL
    uint64_t r10, r9, r8, rdx, rsi, rdi, rflags, rsp;
};
_Static_assert(sizeof(struct frame) == FRAME_BYTES && offsetof(struct frame, rip) == FRAME_RIP, "entry.S pushes it");
_Static_assert(offsetof(struct frame, call) == FRAME_CALL && offsetof(struct frame, rflags) == FRAME_RFLAGS, "entry.S");
_Static_assert((FRAME_AT + FRAME_CALL) % 16 == 0, "stack alignment of C, of calls that need the upper part only");
_Static_assert(AREA_STUB == THREAD_AREA_STUB && AREA_STACK_HIGH == THREAD_AREA_STACK_HIGH, "the layout");
_Static_assert(FRAME_AT % 16 == 0, "stack alignment of C");
_Static_assert(offsetof(struct utcb, events_enabled) == UTCB_EVENTS_ENABLED, "entry.S");
_Static_assert(offsetof(struct utcb, events_pending) == UTCB_EVENTS_PENDING, "entry.S");
_Static_assert(offsetof(struct utcb, syscall) == UTCB_SYSCALL, "entry.S");
_Static_assert(offsetof(struct utcb, event) == UTCB_EVENT, "entry.S");
_Static_assert(offsetof(struct utcb, fault) == UTCB_FAULT, "entry.S");
_Static_assert(offsetof(struct upcall_save, sp) == SAVE_SP && offsetof(struct upcall_save, r11) == SAVE_R11, "entry.S");
#endif
