// SPDX-License-Identifier: MIT
// The kernel's log: a ring of text, every byte of which also goes to the architecture's debug port.
//
// Rules: positions count bytes since boot, so a reader sees what it missed. Each line begins with its writer's badge,
// or "kernel"; control characters become '?', so that nobody's text can pass for another's.
#include "core.h"

#define WRITER_KERNEL UINT64_MAX

static char ring[LOG_BYTES];
static uint64_t end_position;
static uint64_t last_writer = WRITER_KERNEL;
static bool in_line;

static void put(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) ring[end_position++ % LOG_BYTES] = text[i];
    arch_log(text, n);
}

static void put_prefix(uint64_t writer)
{
    char text[32];
    size_t n = 0;
    if (writer == WRITER_KERNEL) {
        put("kernel: ", 8);
        return;
    }
    text[n++] = '[';
    unsigned shift = 60;
    while (shift > 0 && writer >> shift == 0) shift -= 4;
    for (;; shift -= 4) {
        text[n++] = "0123456789abcdef"[writer >> shift & 15];
        if (shift == 0) break;
    }
    text[n++] = ']';
    text[n++] = ' ';
    put(text, n);
}

void log_write(uint64_t writer, const char *text, size_t n)
{
    if (in_line && writer != last_writer) {
        put("\n", 1);
        in_line = false;
    }
    last_writer = writer;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c != '\n' && c != '\t' && (unsigned char)c < ' ') c = '?';
        if (!in_line) put_prefix(writer);
        put(&c, 1);
        in_line = c != '\n';
    }
}

size_t log_read(uint64_t *position, char *text, size_t n)
{
    if (end_position > LOG_BYTES && *position < end_position - LOG_BYTES) *position = end_position - LOG_BYTES;
    if (*position > end_position) *position = end_position;
    if (n > end_position - *position) n = end_position - *position;
    for (size_t i = 0; i < n; i++) text[i] = ring[(*position + i) % LOG_BYTES];
    return n;
}

void log_line(const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    size_t n = format_text(text, sizeof(text), format, args);
    va_end(args);
    log_write(WRITER_KERNEL, text, n);
    log_write(WRITER_KERNEL, "\n", 1);
}
