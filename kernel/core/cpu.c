// SPDX-License-Identifier: MIT
// The core's per-CPU state, preemption points and the end of a kernel that no longer trusts itself.
#include "core.h"

struct kernel kernel;

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
        log_line("current %x root %llx context %x dying %x", core->current, (unsigned long long)core->root.raw,
                 core->charged, core->dying_head);
    }
    arch_halt();
}
