// SPDX-License-Identifier: MIT
// Lines in the kernel's log, for those who look into liblinux itself: a trace of Linux calls (HANDOVER_TRACE), and
// the last words of a process. Without PSLOT_LOG, as usual, a line goes nowhere; last words reach proc's log.
#include <stdarg.h>
#include "lib/rt/format.h"
#include "linux/linux.h"

#define LINE_BYTES 300

void trace(const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (n > LINE_BYTES - 2) n = LINE_BYTES - 2;
    line[n] = '\n';
    (void)log_write(PSLOT_LOG, line, (size_t)n + 1);
}

void die(int signal, const char *why)
{
    size_t bytes = strnlen(why, PROC_REASON_BYTES);
    for (;;) {
        memcpy(long_words(), why, bytes);
        struct message m = {.words = {(uint64_t)signal, bytes}};
        (void)ask_proc(PROC_EXIT, bytes, &m);
    }
}

struct call_name {
    const char *name, *kinds;
};
static const struct call_name names[] = {
#define LINUX_CALL(number, name, arity, kinds) [number] = {#name, kinds},
#include "linux/syscalls.def"
#undef LINUX_CALL
};

// One argument as its kind says; returns the new end of the text.
static int put_argument(char *to, size_t room, char kind, uint64_t value)
{
    char text[48];
    if (kind == 's' && copy_string(text, value, sizeof text) >= 0) return snprintf(to, room, "\"%s\"", text);
    if (kind == 'd') return snprintf(to, room, "%ld", (long)value);
    return snprintf(to, room, value < 10 ? "%lu" : "0x%lx", value);
}

// Log a call and its result.
void trace_call(const struct frame *frame)
{
    const struct call_name *call = frame->call < sizeof names / sizeof *names ? &names[frame->call] : NULL;
    const uint64_t arguments[] = {frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9};
    char text[LINE_BYTES - 64];
    size_t n = 0;
    if (call && call->name)
        for (unsigned i = 0; call->kinds[i] && n < sizeof text - 60; i++) {
            if (i > 0) text[n++] = ' ';
            n += (size_t)put_argument(text + n, sizeof text - n, call->kinds[i], arguments[i]);
        }
    text[n] = 0;
    trace("%u %s(%s) = %ld", thread_page()->tid, call && call->name ? call->name : "?", text, (long)frame->rax);
}
