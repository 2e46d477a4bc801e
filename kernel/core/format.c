// SPDX-License-Identifier: MIT
// Formatted text for the kernel's own messages: %s %c %d %u %x, with l or ll, a width and zero padding.
#include "core.h"

struct output {
    char *text;
    size_t size, n;  // n counts what is written; text is cut off at size - 1
};

static void put(struct output *out, char c)
{
    if (out->n + 1 < out->size) out->text[out->n++] = c;
}

static void put_number(struct output *out, uint64_t value, unsigned base, unsigned width, char fill)
{
    char digits[24];
    unsigned n = 0;
    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    for (; width > n; width--) put(out, fill);
    while (n > 0) put(out, digits[--n]);
}

static void put_signed(struct output *out, int64_t value, unsigned width, char fill)
{
    if (value < 0) put(out, '-');
    put_number(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, width, fill);
}

size_t format_text(char *text, size_t size, const char *format, va_list args)
{
    struct output out = {.text = text, .size = size};
    for (const char *f = format; *f; f++) {
        if (*f != '%') {
            put(&out, *f);
            continue;
        }
        char fill = *++f == '0' ? '0' : ' ';
        unsigned width = 0, longs = 0;
        for (; *f >= '0' && *f <= '9'; f++) width = width * 10 + (unsigned)(*f - '0');
        for (; *f == 'l'; f++) longs++;
        switch (*f) {
        case 's':
            for (const char *s = va_arg(args, const char *); *s; s++) put(&out, *s);
            break;
        case 'c': put(&out, (char)va_arg(args, int)); break;
        case 'd': put_signed(&out, longs ? va_arg(args, int64_t) : va_arg(args, int), width, fill); break;
        case 'u':
        case 'x':
            put_number(&out, longs ? va_arg(args, uint64_t) : va_arg(args, unsigned), *f == 'x' ? 16 : 10, width, fill);
            break;
        default:
            put(&out, '%');
            if (*f)
                put(&out, *f);
            else
                f--;
            break;
        }
    }
    if (size > 0) text[out.n] = 0;
    return out.n;
}
