// SPDX-License-Identifier: MIT
// Log lines, panic, names of errors, and the clock.
//
// A line goes to the kernel's ring in one invocation, so lines of different writers never mix.
#include "lib/rt/rt.h"

#define LOG_LINE_BYTES 500

uint32_t rt_log_slot = SLOT_LOG;

static void write_line(const char *format, va_list arguments)
{
    char line[LOG_LINE_BYTES + 1];
    int n = vsnprintf(line, sizeof line, format, arguments);
    size_t length = n < LOG_LINE_BYTES ? (size_t)n : LOG_LINE_BYTES;
    line[length++] = '\n';
    // Nobody can do anything about a log that refuses a line.
    (void)log_write(rt_log_slot, line, length);
}

void log_line(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}

void panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
    __builtin_trap();
}

const char *err_name(err_t err)
{
    switch (err) {
    case OK: return "OK";
#define ERROR(name, number, meaning) \
    case number: \
        return "ERR_" #name;
#include "abi/errors.def"
#undef ERROR
    default: return ERR_IS_LINUX(err) ? "Linux errno" : "unknown error";
    }
}

static const struct clock_page *clock_page(void) { return (const struct clock_page *)COMPONENT_CLOCK_ADDRESS; }

uint64_t now_ns(void)
{
    const struct clock_page *clock = clock_page();
    uint64_t ticks = __builtin_ia32_rdtsc() - clock->tsc_base;
    return (uint64_t)((unsigned __int128)ticks * clock->mult >> 32);
}

uint64_t wall_ns(void) { return clock_page()->wall_base_ns + now_ns(); }
