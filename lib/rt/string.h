// SPDX-License-Identifier: MIT
// Memory and text functions with their usual C meaning. The compiler emits calls of the first four by itself.
//
// The first three are weak names of rt_mem*: lib/server, where stores to durable memory are logged, puts its own in
// their place.
#pragma once
#include <stddef.h>
#include <stdint.h>

void *rt_memcpy(void *restrict to, const void *restrict from, size_t n);
void *rt_memmove(void *to, const void *from, size_t n);
void *rt_memset(void *to, int byte, size_t n);

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int byte, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

// Copy text into a buffer of `size` bytes, always 0-terminated; false when it did not fit whole.
_Bool string_copy(char *to, size_t size, const char *from);

// Parse a number (decimal, or hexadecimal behind 0x) at s; *end (may be null) is behind its last digit.
uint64_t string_to_number(const char *s, const char **end);
