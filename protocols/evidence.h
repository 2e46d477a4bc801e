// SPDX-License-Identifier: MIT
// What a component leaves of itself: the ring of its latest messages, and what the supervisor keeps of a death.
#pragma once
#include "abi/ipc.h"
#include "abi/objects.h"
#include "protocols/component.h"

// The ring lies in a page of its own, which outlives instances: the component writes, the supervisor reads. Entry i stands
// in place i % TRACE_ENTRIES; `n` counts all that there ever were. It is a hint for people: a reader that is not the
// writer's only bears entries that change under its eyes.
#define TRACE_ENTRIES 64
#define TRACE_RUNS 1  // `err` of a message that is being handled; a death leaves it so

struct trace_entry {
    uint64_t time_ns;
    uint64_t badge, word;  // the sender's, and the message's first word
    uint32_t label;
    int32_t err;     // the answer's, or TRACE_RUNS
    uint32_t event;  // 0: a request; others: lib/server's (fault, signal, gone, tick, setup)
    uint32_t zero;
};

struct trace_ring {
    uint64_t n;
    struct trace_entry entries[TRACE_ENTRIES];
};
_Static_assert(sizeof(struct trace_ring) <= PAGE_SIZE, "one page");

#define EVIDENCE_STACK_WORDS 32
struct evidence {
    uint64_t number;  // from 1 on
    uint64_t at_ns;
    char name[COMPONENT_NAME];
    uint32_t index, starts;       // the component and which of its instances
    uint32_t death, zero;         // enum component_death
    uint64_t fault[FAULT_WORDS];  // of the message, all 0 when there was none
    struct thread_registers registers;
    uint64_t n_stack;
    uint64_t stack[EVIDENCE_STACK_WORDS];  // from the stack pointer on
    uint64_t n_trace;
    struct trace_entry trace[TRACE_ENTRIES];  // oldest first
};
#define EVIDENCE_WORDS (sizeof(struct evidence) / sizeof(uint64_t))
