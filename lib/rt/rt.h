// SPDX-License-Identifier: MIT
// The run time of native components: start, information page, capabilities by name, clock, log and panic.
//
// _start (start.S, start.c) sets up the stack frame and calls component_main(); its result goes to the supervisor as
// the component's exit code. There is one thread, no heap and no other global state.
#pragma once
#include "abi/boot.h"
#include "lib/rt/format.h"
#include "lib/rt/objects.h"
#include "lib/rt/string.h"
#include "protocols/component.h"

// The component's own code. A server ends in server_run() and never returns; a result of 0 is a planned end.
int component_main(const struct component_info *info);

// The information page that the supervisor filled in.
static inline const struct component_info *rt_info(void)
{
    return (const struct component_info *)COMPONENT_INFO_ADDRESS;
}

// The capability that the manifest gave under this name (peer, bundle entry, table; "ioports" and "irq" by kind), or
// null.
const struct component_cap *rt_cap(const char *name);
// The same by kind, the n-th of its kind counted from 0, or null.
const struct component_cap *rt_cap_of_kind(enum component_cap_kind kind, unsigned n);
// Its slot, 0 (an always empty slot, so that a call fails cleanly) when there is none.
uint32_t cap_named(const char *name);

// The word `key=value` of the component's arguments: the n-th with this key (from 0). Copies the value; false when
// there is none or it does not fit. Words added by the boot command line come last and are found by rt_arg_last.
_Bool rt_arg(const char *key, unsigned n, char *value, size_t size);
_Bool rt_arg_last(const char *key, char *value, size_t size);

// Nanoseconds since boot, monotonic, and the wall clock's nanoseconds since 1970, both from the clock page.
uint64_t now_ns(void);
uint64_t wall_ns(void);

// Write one line to the kernel's log (the kernel adds the writer's name). Longer lines are cut at 500 bytes.
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);
extern uint32_t rt_log_slot;  // SLOT_LOG; the supervisor's lies elsewhere

// The component's own invariant is broken: log why and fault, so that the supervisor restarts it.
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *format, ...);

// The name of an error, "ERR_NOT_FOUND" or "OK", for log lines.
const char *err_name(err_t err);
