// SPDX-License-Identifier: MIT
// The simulated machine: what a test can see of it and do to it.
//
// A test stands where user code and devices stand: it sets registers of the current thread, enters the kernel, and
// looks at what came out. Time moves only when a test moves it.
#pragma once
#include "core.h"

#define HOST_MEMORY_START 0x1000000ull
#define HOST_MEMORY_BYTES (24ull << 20)

enum host_exit { HOST_USER = 1, HOST_IDLE, HOST_HALTED, HOST_POWERED_OFF };

struct host {
    uint64_t now_ns, timer_ns;
    unsigned preempt_every;  // arch_preempt_pending answers yes each so many times; 0: never
    unsigned preempt_asked;
    uint64_t masked_lines;  // bit per interrupt line
    uint64_t power_code;
    bool echo;            // log lines go to stderr
    unsigned port_value;  // what ports hold
    paddr_t root;         // the active tables
    struct thread *fpu;   // owner of the floating point registers
    uint64_t fpu_registers[8];
    bool long_ways_only;  // native calls go to kernel_calls at once
    unsigned short_ways;  // how many messages needed no more than the short way
    char last_log[4096];  // the end of the log, 0-terminated
    size_t last_log_bytes;
};
extern struct host host;

// A fresh machine; its memory is filled with a pattern, so that nothing works by luck of being zero.
void host_reset(void);

// Enter the kernel by `entry`, then kernel_exit, as the entry code of an architecture does; says how it was left.
enum host_exit host_enter(void (*entry)(void));
enum host_exit host_syscall(void);  // the native call in the current thread's registers
enum host_exit host_fault(unsigned kind, uint64_t address, uint64_t code);
enum host_exit host_interrupt(unsigned line);
enum host_exit host_tick(uint64_t now_ns);  // time passes; a timer interrupt if one is due
enum host_exit host_nothing(void);          // an entry without a cause
enum host_exit host_boot(const struct boot_memory *);

// Access memory as user code does: through a translation cache that forgets only what it is told to forget.
// Returns the rights of the page; 0: a fault.
unsigned host_access(uint64_t address);
// Does the cache hold nothing that the active tables do not?
bool host_tlb_check(void);
