// SPDX-License-Identifier: MIT
// System calls and messages: the contract between the kernel and all user code.
//
// A native system call is the `syscall` instruction with bit 62 set and bit 63 clear in RAX; every other number is
// reflected to the thread's system-call upcall (abi/utcb.h). x86-64 registers:
//
//          in                                        out
//   RAX    NATIVE | SYS_x                            err_t, sign-extended
//   RDI    capability slot                           badge of the sender (receive), else 0
//   RSI    info word                                 info word of the message received
//   RDX R10 R8 R9 R12 R13   message words 0..5       message words 0..5
//   R14    reply slot | arming count << 32           arming count of the message received, else 0
//   R15    deadline, absolute ns                     preserved
//   RCX R11 are destroyed; RBX RBP RSP R15 are preserved. Words 6.. travel in the UTCB.
// When RAX is an error, RDI RSI R14 and the words are 0 unless the error says otherwise.
#pragma once
#include "abi/types.h"

#define NATIVE_BIT 62
#define NATIVE (1ull << NATIVE_BIT)

// SYSCALL(NAME, number): what each does.
//   CALL        send the message to an endpoint and block for the reply; or invoke a kernel object (abi/objects.def).
//               The deadline covers both halves. Never ended by an event.
//   REPLY_WAIT  if the arming count is not 0, answer on the reply object first (a stale or dead caller is not an
//               error); then wait on the endpoint in RDI, arming the same reply object for the next caller.
//   SEND        deliver a message without expecting an answer: to an endpoint it blocks until received or the
//               deadline; to a reply object (slot in RDI, count in R14 high half) it answers at once, ERR_STALE if
//               the object is not armed with that count.
//   WAIT        wait on an endpoint (arming the reply object R14, 0: none, callers then stay queued) or on a
//               notification (word 0: the bits, which are cleared). ERR_EVENT when an upcall event is pending.
//   SIGNAL      OR the capability's badge into the notification's bits; never blocks. R10 etc. unused.
//   YIELD       go to the end of the queue of this priority.
#define SYSCALL_LIST(SYSCALL) \
    SYSCALL(CALL, 0) SYSCALL(REPLY_WAIT, 1) SYSCALL(SEND, 2) SYSCALL(WAIT, 3) SYSCALL(SIGNAL, 4) SYSCALL(YIELD, 5)

// Info word: bits 0..31 label, 32..39 number of words (0..64), 40..42 number of capabilities (0..4),
// bit 63 set only by the kernel. Other bits are zero and checked. A request's label is an operation,
// a reply's label an err_t.
#define INFO(label, n_words, n_caps) \
    ((uint64_t)(uint32_t)(label) | (uint64_t)(n_words) << 32 | (uint64_t)(n_caps) << 40)
#define INFO_LABEL(info) ((uint32_t)(info))
#define INFO_ERR(info) ((err_t)(uint32_t)(info))
#define INFO_WORDS(info) ((unsigned)((info) >> 32 & 0xff))
#define INFO_CAPS(info) ((unsigned)((info) >> 40 & 7))
#define INFO_KERNEL (1ull << 63)
#define INFO_VALID_BITS 0x7ffffffffffull

#define MSG_REGISTERS 6  // words in registers
#define MSG_WORDS 64     // words in all
#define MSG_CAPS 4

#ifndef __ASSEMBLER__
enum {
#define SYSCALL(name, number) SYS_##name = (number),
    SYSCALL_LIST(SYSCALL)
#undef SYSCALL
};

// Labels of messages that the kernel itself delivers (INFO_KERNEL set).
enum {
    KMSG_NOTIFICATION = 1,  // the thread's bound notification fired while it waited on an endpoint; word 0: bits
    KMSG_GONE = 2,          // badge = a badge whose last derived capability is gone (peeked, not taken: it is
                            // delivered again until the server deletes or derives anew from the first capability)
    KMSG_FAULT = 3,         // a thread faulted; reply with a FAULT_* label. Words: FAULT_WORD_*
};

// Words of a KMSG_FAULT; the badge is the one of the thread's fault endpoint capability.
enum {
    FAULT_WORD_KIND,     // FAULT_KIND_*
    FAULT_WORD_ADDRESS,  // page fault: the address; exception: the vector; timeout: consumed ns
    FAULT_WORD_PC,
    FAULT_WORD_SP,
    FAULT_WORD_CODE,   // page fault: FAULT_ACCESS_* bits; exception: the hardware error code
    FAULT_WORD_FLAGS,  // CPU flags
    FAULT_WORDS
};
enum {
    FAULT_KIND_PAGE = 1,       // no or insufficient mapping
    FAULT_KIND_EXCEPTION = 2,  // any other CPU exception
    FAULT_KIND_TIMEOUT = 3,    // the budget ran out and the context names this handler
    FAULT_KIND_SYSCALL = 4,    // a foreign system call by a thread without a system-call upcall
};
enum { FAULT_ACCESS_PRESENT = 1, FAULT_ACCESS_WRITE = 2, FAULT_ACCESS_EXEC = 16 };

// Labels of the reply to a KMSG_FAULT. ERR_RESTARTED resumes too: the handler had not recorded the fault, which
// will be raised again. Anything else leaves the thread stopped.
enum {
    FAULT_RESUME = 0,   // run the instruction again
    FAULT_REFLECT = 1,  // enter the thread's fault upcall with its state in utcb->fault
};
#endif
