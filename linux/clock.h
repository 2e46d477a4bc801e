// SPDX-License-Identifier: MIT
// The time, from the clock page and the time stamp counter. Also the vDSO's, which shares nothing else with liblinux.
#pragma once
#include "abi/boot.h"
#include "protocols/layout.h"

#define SECOND 1000000000ull  // ns

static inline const volatile struct clock_page *clock_page(void)
{
    return (const volatile struct clock_page *)LIBLINUX_CLOCK;
}

// ns since boot, monotonic.
static inline uint64_t clock_now_ns(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    uint64_t ticks = ((uint64_t)high << 32 | low) - clock_page()->tsc_base;
    return (uint64_t)((unsigned __int128)ticks * clock_page()->mult >> 32);
}

// What clock_now_ns() is behind Unix time.
static inline uint64_t clock_wall_offset_ns(void) { return clock_page()->wall_base_ns; }
