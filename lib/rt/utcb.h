// SPDX-License-Identifier: MIT
// Where user code finds its UTCB: the only thing that the stubs of this folder need to know about their thread.
//
// A native component has one thread and a fixed page. Code that runs more threads (liblinux) names a header of
// its own in RT_UTCB_HEADER, which defines rt_utcb(), and reuses every other header unchanged.
#pragma once
#include "abi/utcb.h"

#ifdef RT_UTCB_HEADER
#include RT_UTCB_HEADER
#else
#include "protocols/component.h"

// The UTCB of the running thread.
static inline struct utcb *rt_utcb(void) { return (struct utcb *)COMPONENT_UTCB_ADDRESS; }
#endif
