// SPDX-License-Identifier: MIT
// What the parts of the counting plugin share: what an instruction is (decode.c), and whose it is (owner.c).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Events that cost far more than one instruction, with the names they are reported under.
#define EVENTS(X) \
    X(CR3, "cr3") \
    X(SYSCALL, "syscall") \
    X(SYSRET, "sysret") \
    X(IRET, "iret") \
    X(INVLPG, "invlpg") \
    X(PORT, "port") \
    X(MSR, "msr") \
    X(ATOMIC, "atomic")
enum event {
#define EVENT_ENUM(name, text) EVENT_##name,
    EVENTS(EVENT_ENUM)
#undef EVENT_ENUM
        EVENT_COUNT,
    EVENT_NONE = EVENT_COUNT,
};

enum { MARK_NONE = -1 };

struct decoded {
    enum event event;
    unsigned string_bytes;  // a string instruction moves so many bytes a pass; 0: it is none
    int mark;               // the number in a mark (NOPL with MARK_MAGIC | number as its displacement), or MARK_NONE
};

// What these bytes are, as far as it is counted.
struct decoded decode(const uint8_t *bytes, size_t n_bytes);

// A function, or the whole rest of an owner whose functions are not known.
struct function {
    uint64_t address;
    unsigned owner;
    char *name;
    uint64_t n_insns;    // executed, since the start
    uint64_t n_at_mark;  // the same when the section began
    uint64_t *in_row;    // by row: executed inside its sections
};

extern struct function *functions;
extern size_t n_functions;
extern char **owners;
extern size_t n_owners;

// Read the list of images and symbols (tools/qemu/README.md); false, with a message, if that cannot be done.
bool owners_read(const char *path);

// The function that the instruction at `address` belongs to; `host` is where its bytes are, or null.
struct function *function_of(uint64_t address, const uint8_t *host);
