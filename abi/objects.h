// SPDX-License-Identifier: MIT
// Capability types, rights, operations and argument shapes of kernel objects.
#pragma once
#include "abi/types.h"

enum {
#define OP(object, name, number, words) object##_##name = (number),
#include "abi/objects.def"
#undef OP
};

enum cap_type {
    CAP_EMPTY = 0,
    CAP_UNTYPED,
    CAP_CSPACE,
    CAP_THREAD,
    CAP_CONTEXT,
    CAP_ENDPOINT,
    CAP_REPLY,
    CAP_NOTIFICATION,
    CAP_ASPACE,
    CAP_FRAMES,
    CAP_IRQ_CONTROL,
    CAP_IRQ,
    CAP_IOPORT,
    CAP_LOG,
    CAP_SYSTEM,
    CAP_TYPES
};

// Rights only ever shrink along derivation. Types without a row of their own want RIGHT_WRITE for every operation.
enum {
    RIGHT_READ = 1,   // FRAMES: map readable; ENDPOINT, NOTIFICATION: receive, wait; LOG: read
    RIGHT_WRITE = 2,  // FRAMES: map writable, copy into; ENDPOINT, NOTIFICATION: send, call, signal
    RIGHT_EXEC = 4,   // FRAMES: map executable
    RIGHT_GRANT = 8,  // ENDPOINT: send capabilities along
    RIGHT_MINT = 16,  // ENDPOINT, NOTIFICATION: derive with a badge
    RIGHT_DMA = 32,   // FRAMES: learn the physical address
    RIGHTS_ALL = 63
};

// Object sizes for those without a size argument, and slots.
#define SLOT_BYTES 64
#define SIZE_THREAD 8192
#define SIZE_CONTEXT 128
#define SIZE_ENDPOINT 64
#define SIZE_REPLY 64
#define SIZE_NOTIFICATION 64

// The first word of an entry of CSPACE_LIST, before its words.
#define LIST_ENTRY(slot, operation, n_words) \
    ((uint64_t)(slot) | (uint64_t)(operation) << 32 | (uint64_t)(n_words) << 56)
#define LIST_LABEL(entry) ((uint32_t)((entry) >> 32) & 0xffffff)
#define LIST_WORDS(entry) ((unsigned)((entry) >> 56))

// Words 2.. of THREAD_SET_REGISTERS, words 0.. of THREAD_GET_REGISTERS (x86-64).
struct thread_registers {
    uint64_t pc, sp, flags;
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t fs_base, gs_base;
};
_Static_assert(sizeof(struct thread_registers) == 20 * 8, "ABI");

enum { THREAD_STATE_STOPPED = 0, THREAD_STATE_READY, THREAD_STATE_BLOCKED };
enum { POWER_OFF = 0, POWER_REBOOT = 1, POWER_EXIT = 2 };

// User addresses end here (x86-64, four levels); nothing below USER_START is ever mapped.
#define USER_START 0x10000ull
#define USER_END 0x7ffffffff000ull
