// SPDX-License-Identifier: MIT
// A small printf: every conversion becomes a piece of text with a width.
#include "lib/rt/format.h"
#include "lib/rt/string.h"

struct output {
    char *to;
    size_t size, length;  // length counts what did not fit too
};

struct conversion {
    _Bool left, zero;
    int width, precision;  // precision -1: none
    int longs;             // l and z count as 1, ll as 2
};

static void put(struct output *out, char c)
{
    if (out->length + 1 < out->size) out->to[out->length] = c;
    out->length++;
}

static void put_padding(struct output *out, char c, int n)
{
    for (; n > 0; n--) put(out, c);
}

// `sign` (0: none) stands before zeros, behind spaces.
static void put_field(struct output *out, const struct conversion *c, char sign, const char *text, size_t n)
{
    int padding = c->width - (int)n - (sign != 0);
    if (!c->left && !c->zero) put_padding(out, ' ', padding);
    if (sign) put(out, sign);
    if (!c->left && c->zero) put_padding(out, '0', padding);
    for (size_t i = 0; i < n; i++) put(out, text[i]);
    if (c->left) put_padding(out, ' ', padding);
}

static void put_number(struct output *out, const struct conversion *c, char sign, uint64_t value, unsigned base)
{
    char digits[20];
    char *p = digits + sizeof digits;
    do {
        *--p = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    put_field(out, c, sign, p, (size_t)(digits + sizeof digits - p));
}

static const char *parse(const char *f, struct conversion *c, va_list *arguments)
{
    *c = (struct conversion){.precision = -1};
    for (; *f == '-' || *f == '0'; f++) {
        c->left |= *f == '-';
        c->zero |= *f == '0';
    }
    if (*f == '*') {
        c->width = va_arg(*arguments, int);
        f++;
    }
    for (; *f >= '0' && *f <= '9'; f++) c->width = c->width * 10 + *f - '0';
    if (*f == '.') {
        c->precision = 0;
        f++;
        if (*f == '*') {
            c->precision = va_arg(*arguments, int);
            f++;
        }
        for (; *f >= '0' && *f <= '9'; f++) c->precision = c->precision * 10 + *f - '0';
    }
    for (; *f == 'l' || *f == 'z'; f++) c->longs++;
    return f;
}

int vsnprintf(char *to, size_t size, const char *format, va_list original)
{
    struct output out = {to, size, 0};
    va_list arguments;
    va_copy(arguments, original);
    for (const char *f = format; *f != '\0'; f++) {
        if (*f != '%') {
            put(&out, *f);
            continue;
        }
        struct conversion c;
        f = parse(f + 1, &c, &arguments);
        switch (*f) {
        case 's': {
            const char *text = va_arg(arguments, const char *);
            put_field(&out, &c, 0, text, c.precision >= 0 ? strnlen(text, (size_t)c.precision) : strlen(text));
            break;
        }
        case 'c': put(&out, (char)va_arg(arguments, int)); break;
        case 'd': {
            int64_t value = c.longs ? va_arg(arguments, int64_t) : va_arg(arguments, int);
            put_number(&out, &c, value < 0 ? '-' : 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
            break;
        }
        case 'u':
        case 'x':
            put_number(&out, &c, 0, c.longs ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned),
                       *f == 'u' ? 10 : 16);
            break;
        case 'p':
            put(&out, '0');
            put(&out, 'x');
            put_number(&out, &c, 0, va_arg(arguments, uintptr_t), 16);
            break;
        case '\0': f--; break;
        default: put(&out, *f);
        }
    }
    va_end(arguments);
    if (size > 0) to[out.length < size ? out.length : size - 1] = '\0';
    return (int)out.length;
}

int snprintf(char *to, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(to, size, format, arguments);
    va_end(arguments);
    return n;
}
