// SPDX-License-Identifier: MIT
// Kernel objects invoked many at a time: one system call (CSPACE_LIST) for what has been collected, in order.
//
// What is collected stands in the UTCB's long words until it has been performed, so nothing with long words may come
// between. When the list is full it is performed. Results are not to be had.
#pragma once
#include "lib/rt/rt.h"

#define BATCH_WORDS 5  // of an invocation, at most

// In a handler, of objects that the step makes: one more invocation, LIST_ENTRY(slot, operation, n) and its words. After
// the first error no more are made.
void batch_add(uint64_t entry, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);
// Perform what is left. The first error since the last time, OK: all were made.
err_t batch_run(void);
// Forget what has been collected: the step is undone.
void batch_drop(void);

static inline void batch_retype(uint32_t untyped, enum cap_type type, unsigned size_bits, uint32_t slot)
{
    batch_add(LIST_ENTRY(untyped, UNTYPED_RETYPE, 5), type, size_bits, 1, 0, slot);
}
// From one of the component's own slots.
static inline void batch_derive(uint32_t cspace, uint32_t index, uint32_t slot, unsigned rights, uint64_t badge)
{
    batch_add(LIST_ENTRY(cspace, CSPACE_DERIVE, 5), index, 0, slot, rights, badge);
}

// For the outbox: one more, whatever becomes of the others; perform what is left.
void effects_add(uint64_t entry, const uint64_t words[BATCH_WORDS]);
void effects_run(void);
