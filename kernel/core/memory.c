// SPDX-License-Identifier: MIT
// The four functions that a C compiler may call on its own, also in freestanding code.
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);

// The loops below must not be compiled to calls of the functions that they are.
#define PLAIN __attribute__((no_builtin))

// Copy n bytes between areas that do not overlap.
PLAIN void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    for (; n >= sizeof(unsigned long); n -= sizeof(unsigned long)) {
        *(unsigned long *)t = *(const unsigned long *)f;
        t += sizeof(unsigned long);
        f += sizeof(unsigned long);
    }
    while (n-- > 0) *t++ = *f++;
    return to;
}

// Copy n bytes between areas that may overlap.
PLAIN void *memmove(void *to, const void *from, size_t n)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    if (t <= f) {
        for (size_t i = 0; i < n; i++) t[i] = f[i];
    } else {
        while (n-- > 0) t[n] = f[n];
    }
    return to;
}

// Set n bytes.
PLAIN void *memset(void *to, int value, size_t n)
{
    unsigned char *t = to;
    unsigned long pattern = (unsigned char)value * (~0ul / 255);
    for (; n >= sizeof(unsigned long); n -= sizeof(unsigned long)) {
        *(unsigned long *)t = pattern;
        t += sizeof(unsigned long);
    }
    while (n-- > 0) *t++ = (unsigned char)value;
    return to;
}

// Compare n bytes: negative, 0 or positive.
PLAIN int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    for (; n > 0; n--, x++, y++) {
        if (*x != *y) return *x - *y;
    }
    return 0;
}
