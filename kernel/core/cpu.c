// SPDX-License-Identifier: MIT
// The core's per-CPU state, preemption points and the end of a kernel that no longer trusts itself.
#include "core.h"

#define STEPS_BETWEEN_LOOKS 16

struct kernel kernel;

bool preemption_point(unsigned step)
{
    struct cpu_core *core = this_core();
    core->steps += step;
    if (core->steps < STEPS_BETWEEN_LOOKS) return false;
    core->steps = 0;
    return arch_preempt_pending();
}

void panic(const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    format_text(text, sizeof(text), format, args);
    va_end(args);
    log_line("panic: %s", text);
    const struct cpu_core *core = this_core();
    if (core) {
        log_line("current %x aspace %x context %x dying %x", core->current, core->aspace, core->charged,
                 core->dying_head);
    }
    arch_halt();
}
