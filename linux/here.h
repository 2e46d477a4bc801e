// SPDX-License-Identifier: MIT
// Where code of liblinux finds its own thread: all stacks lie in thread areas of 64 KiB (protocols/layout.h), so the
// stack pointer says it. lib/rt's headers take their UTCB from here.
#pragma once
#include "abi/utcb.h"

// Start of the running thread's area.
static inline uint64_t here(void)
{
    uint64_t sp;
    __asm__("mov %%rsp, %0" : "=r"(sp));
    return sp & ~0xffffull;
}

static inline struct utcb *rt_utcb(void) { return (struct utcb *)here(); }
