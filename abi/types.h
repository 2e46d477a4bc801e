// SPDX-License-Identifier: MIT
// Small value types shared by the kernel and user code.
#pragma once

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>
typedef int32_t err_t;  // 0 or a negative number of errors.def; must be used
#endif

#define PAGE_BITS 12
#define PAGE_SIZE 4096
#define NS_FOREVER 0xffffffffffffffff  // a deadline that never comes
#define NS_POLL 0                      // a deadline that has passed: do not block
