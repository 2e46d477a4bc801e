// SPDX-License-Identifier: MIT
// The UTCB: one page per thread, made with the thread object, mapped writable in its address space and
// known to the kernel. It carries long messages, capability arguments and the upcall state.
//
// The page after it holds the shared upcall stub of whoever runs foreign programs, so that stub code
// reaches its own thread's UTCB relative to the program counter and needs no register. The page of the system-call
// entry is not single-stepped: a stepped program's trap flag is off at the entry, and when the stub restores it, the
// kernel goes on at syscall.pc at once.
// Everything here may be changed by the program at any time: the kernel reads each field once and
// checks it; a bad value harms nobody else.
#pragma once
#include "abi/ipc.h"

#ifndef __ASSEMBLER__
// Where the kernel stores the interrupted state and from where user code resumes it.
struct upcall_save {
    uint64_t pc, sp, flags, rax, rcx, r11;
};

struct utcb {
    uint64_t words[MSG_WORDS];  // 0x000: message words; 0..5 are unused, they travel in registers

    // 0x200: capability arguments. A cspace of 0 means the thread's own cspace.
    uint32_t send_cspace;          // slot of the cspace that holds the capabilities to send
    uint32_t send_slot[MSG_CAPS];  // each is derived (copied as a child) to the receiver
    uint32_t recv_cspace;          // slot of the cspace that receives
    uint32_t recv_slot[MSG_CAPS];  // empty slots for them
    uint32_t recv_kind[MSG_CAPS];  // out: CAP_NONE, CAP_PLACED or CAP_UNWRAPPED
    uint32_t zero0;
    uint64_t recv_badge[MSG_CAPS];  // out: the badge of an unwrapped capability

    // 0x260: upcalls.
    uint32_t events_enabled;  // user sets it; the kernel clears it when it enters an upcall
    uint32_t zero1;
    uint64_t events_pending;  // the kernel ORs event bits in; user code takes them with an atomic exchange
    uint64_t zero2[2];
    struct upcall_save syscall;  // 0x280: pc (others are in registers: SP and all but RCX R11 untouched)
    struct upcall_save event;    // 0x2b0
    struct upcall_save fault;    // 0x2e0
    uint64_t fault_kind, fault_address, fault_code;  // 0x310
    uint64_t zero3[5];
    uint64_t user[384];  // 0x350.. -> user code's own; the kernel never looks
    uint64_t zero4[22];
};
_Static_assert(offsetof(struct utcb, send_cspace) == 0x200, "ABI");
_Static_assert(offsetof(struct utcb, recv_badge) == 0x240, "ABI");
_Static_assert(offsetof(struct utcb, events_enabled) == 0x260, "ABI");
_Static_assert(offsetof(struct utcb, syscall) == 0x280, "ABI");
_Static_assert(offsetof(struct utcb, event) == 0x2b0, "ABI");
_Static_assert(offsetof(struct utcb, fault) == 0x2e0, "ABI");
_Static_assert(offsetof(struct utcb, fault_kind) == 0x310, "ABI");
_Static_assert(offsetof(struct utcb, user) == 0x350, "ABI");
_Static_assert(sizeof(struct utcb) == PAGE_SIZE, "ABI");

enum {
    CAP_NONE = 0,
    CAP_PLACED = 1,     // a capability stands in recv_slot[i]
    CAP_UNWRAPPED = 2,  // the argument was a badged capability of the very endpoint received on: its badge is told,
                        // no slot is used. This is how a server recognises its own descriptions.
};
#endif
