// SPDX-License-Identifier: MIT
// Memory and text functions. Long copies and fills are one string instruction over words; short ones a loop.
//
// Built without builtins, so that the compiler does not turn a loop here into a call of itself.
#include "lib/rt/string.h"
#include <stdbool.h>

#define BULK_BYTES 64            // from here on a string instruction pays
#define MOST_BYTES (1ull << 30)  // nobody moves or fills more at once: a size below zero, say

// Ends here, before all is lost that lies behind.
static inline void check_size(size_t n)
{
    if (n > MOST_BYTES) __builtin_trap();
}

// A word that may lie anywhere and alias anything.
struct __attribute__((packed, may_alias)) loose_word {
    uint64_t value;
};

// A rest behind whole words goes as the last word of all, over bytes that have been copied already. It is taken first and
// stored last, since rt_memmove() copies downwards with this.
void *rt_memcpy(void *restrict to, const void *restrict from, size_t n)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    if (n < 8) {
        for (; n > 0; n--) *d++ = *s++;
        return to;
    }
    bool bulk = n >= BULK_BYTES;
    if (bulk) check_size(n);
    uint8_t *last = d + n - 8;
    uint64_t last_word = ((const struct loose_word *)(s + n - 8))->value;
    size_t words = n / 8;
    if (bulk)
        __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
    else
        for (; d < last; d += 8, s += 8) ((struct loose_word *)d)->value = ((const struct loose_word *)s)->value;
    ((struct loose_word *)last)->value = last_word;
    return to;
}

void *rt_memset(void *to, int byte, size_t n)
{
    uint8_t *d = to;
    uint64_t word = 0x0101010101010101ull * (uint8_t)byte;
    if (n < 8) {
        for (; n > 0; n--) *d++ = (uint8_t)byte;
        return to;
    }
    bool bulk = n >= BULK_BYTES;
    if (bulk) check_size(n);
    uint8_t *last = d + n - 8;
    size_t words = n / 8;
    if (bulk)
        __asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(word) : "memory");
    else
        for (; d < last; d += 8) ((struct loose_word *)d)->value = word;
    ((struct loose_word *)last)->value = word;
    return to;
}

void *rt_memmove(void *to, const void *from, size_t n)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    if ((size_t)(d - s) >= n) return rt_memcpy(to, from, n);
    check_size(n);
    while (n > 0 && n % 8 != 0) {
        n--;
        d[n] = s[n];
    }
    for (; n > 0; n -= 8) ((struct loose_word *)(d + n - 8))->value = ((const struct loose_word *)(s + n - 8))->value;
    return to;
}

__attribute__((weak, alias("rt_memcpy"))) void *memcpy(void *restrict to, const void *restrict from, size_t n);
__attribute__((weak, alias("rt_memmove"))) void *memmove(void *to, const void *from, size_t n);
__attribute__((weak, alias("rt_memset"))) void *memset(void *to, int byte, size_t n);

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;
    for (; n >= 8; n -= 8, x += 8, y += 8)
        if (((const struct loose_word *)x)->value != ((const struct loose_word *)y)->value) break;
    for (; n > 0; n--, x++, y++)
        if (*x != *y) return *x - *y;
    return 0;
}

// A bit in each byte of the word that is 0; the lowest is right.
static inline uint64_t zeros_in(uint64_t word)
{
    return (word - 0x0101010101010101ull) & ~word & 0x8080808080808080ull;
}

void *memchr(const void *s, int byte, size_t n)
{
    const uint8_t *p = s;
    for (uint64_t all = 0x0101010101010101ull * (uint8_t)byte; n >= 8; n -= 8, p += 8) {
        uint64_t found = zeros_in(((const struct loose_word *)p)->value ^ all);
        if (found) return (void *)(uintptr_t)(p + (unsigned)__builtin_ctzll(found) / 8);
    }
    for (; n > 0; n--, p++)
        if (*p == (uint8_t)byte) return (void *)(uintptr_t)p;
    return NULL;
}

size_t strlen(const char *s)
{
    const char *end = s;
    while (*end != '\0') end++;
    return (size_t)(end - s);
}

size_t strnlen(const char *s, size_t n)
{
    size_t length = 0;
    while (length < n && s[length] != '\0') length++;
    return length;
}

int strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) a++, b++;
    return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n > 0; n--, a++, b++)
        if (*a != *b || *a == '\0') return (uint8_t)*a - (uint8_t)*b;
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c) return (char *)(uintptr_t)s;
        if (*s == '\0') return NULL;
    }
}

_Bool string_copy(char *to, size_t size, const char *from)
{
    size_t n = strlen(from);
    _Bool fits = n < size;
    if (!fits) n = size - 1;
    memcpy(to, from, n);
    to[n] = '\0';
    return fits;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
}

uint64_t string_to_number(const char *s, const char **end)
{
    int base = 10;
    if (s[0] == '0' && (s[1] | 0x20) == 'x') {
        base = 16;
        s += 2;
    }
    uint64_t value = 0;
    for (; digit_of(*s) < base; s++) value = value * (uint64_t)base + (uint64_t)digit_of(*s);
    if (end) *end = s;
    return value;
}
