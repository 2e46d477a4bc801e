// SPDX-License-Identifier: MIT
// Formatted text for log lines: %s %c %d %u %x %p %%, with l or ll, z, a width, 0 and - flags, and a .precision for %s.
//
// Anything else is copied as it stands. No floating point, no allocation.
#pragma once
#include <stdarg.h>
#include <stddef.h>

// Format into `size` bytes, always 0-terminated when size > 0. Returns the length that the whole text has.
int vsnprintf(char *to, size_t size, const char *format, va_list arguments);
__attribute__((format(printf, 3, 4))) int snprintf(char *to, size_t size, const char *format, ...);
