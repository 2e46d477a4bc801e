// SPDX-License-Identifier: MIT
// The core's state per CPU, preemption points, panics and the kernel's log.
//
// All kernel state hangs off `struct cpu_core`; the architecture keeps a pointer to it in struct cpu. What is not in
// it is in objects, or read only after boot (struct kernel).
#pragma once
#include <stdarg.h>
#include "object.h"

#define PRIORITIES 256

struct cpu_core {
    ref_t current;  // the thread that runs; NO_REF: to be chosen at kernel_exit
    ref_t charged;  // the context that pays since charged_since_ns; NO_REF: nobody
    paddr_t root;   // of the active tables
    uint64_t charged_since_ns;
    uint64_t slice_end_ns;         // when its budget or slice ends
    uint64_t wake_ns;              // the next tick is wanted no later than this
    uint64_t timer_ns;             // what the timer is set to; an early tick is harmless, a late one is not
    ref_t deadlines;               // heap of threads, see deadline.h
    unsigned steps;                // towards the next look at a preemption point
    ref_t dying_head, dying_tail;  // objects whose inner slots are to be emptied
    uint32_t revoke_tickets;
    int top;                          // the highest priority with a queued thread, -1: none
    uint64_t ready[PRIORITIES / 64];  // bit p: queues[p] is not empty
    struct queue queues[PRIORITIES];
};
static inline struct cpu_core *this_core(void) { return arch_core(); }

struct kernel {          // written by kernel_main only, but for the watchdog
    ref_t irqs;          // IRQ_LINES * IRQ_SHARERS struct irq
    paddr_t empty_root;  // a root table without user mappings
    uint64_t memory_bytes, text_bytes, data_bytes;
    uint64_t watchdog_ns;  // when the machine restarts
};
extern struct kernel kernel;

// Call between two bounded steps of a long operation: true when it is to stop for an interrupt, with what it has done
// kept and its arguments such that running it again continues. The first steps of a run are always let through, so
// there is progress.
#define STEP_SLOT 1   // a few links changed
#define STEP_PAGES 8  // a page or a leaf table gone through
#define STEPS_BETWEEN_LOOKS 16
static inline bool preemption_point(unsigned step)
{
    struct cpu_core *core = this_core();
    core->steps += step;
    if (core->steps < STEPS_BETWEEN_LOOKS) return false;
    core->steps = 0;
    return arch_preempt_pending();
}

// The kernel's own invariant broke: say so and stop. Never reached by anything a user can do.
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define invariant(condition) \
    do { \
        if (!(condition)) panic("%s:%d: %s", __FILE__, __LINE__, #condition); \
    } while (0)

// --- log: a ring of text lines; also sent to arch_log
#define LOG_BYTES 65536
// A line by the kernel itself. Formats: %s %c %d %u %x with l or ll, zero padding and widths.
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Text of the writer with that badge; prefixed by it at each start of a line.
void log_write(uint64_t badge, const char *text, size_t n);
// Copy up to n bytes from position on (or from the oldest kept); returns their number and moves *position to the first.
size_t log_read(uint64_t *position, char *text, size_t n);
// snprintf's small relative; returns the length written, without the 0.
size_t format_text(char *out, size_t size, const char *format, va_list args);

// Set n words from p on to 0; p is 8-byte aligned.
static inline void words_clear(uint64_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) p[i] = 0;
}
static inline void words_copy(uint64_t *to, const uint64_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] = from[i];
}
