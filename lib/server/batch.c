// SPDX-License-Identifier: MIT
// Invocations collected in the UTCB. This file is not instrumented: nothing here lies in the vault.
#include "lib/server/batch.h"

#define LIST_MAX (MSG_WORDS - MSG_REGISTERS)

static unsigned n_words, n_entries;  // of the list
static err_t failed;

// Perform the list, which is empty then. A list of one is that invocation.
static err_t run_list(_Bool go_on)
{
    const uint64_t *list = &rt_utcb()->words[MSG_REGISTERS], first = list[0];
    struct message m = {.info = INFO(CSPACE_LIST, MSG_REGISTERS + n_words, 0), .words = {0, go_on}};
    unsigned n = n_entries;
    n_words = n_entries = 0;
    if (n == 0) return OK;
    if (n > 1) return sys_call(SLOT_CSPACE, &m, NS_FOREVER);
    for (unsigned i = 0; i < MSG_REGISTERS; i++) m.words[i] = list[1 + i];
    return rt_invoke((uint32_t)first, LIST_LABEL(first), LIST_WORDS(first), &m);
}

// Words beyond the entry's own are overwritten by the next.
static inline void append(uint64_t entry, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    uint64_t *to = &rt_utcb()->words[MSG_REGISTERS + n_words];
    to[0] = entry;
    to[1] = a;
    to[2] = b;
    to[3] = c;
    to[4] = d;
    to[5] = e;
    n_words += LIST_WORDS(entry) + 1;
    n_entries++;
}

void batch_add(uint64_t entry, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    if (n_words > LIST_MAX - BATCH_WORDS - 1) {
        err_t err = failed == OK ? run_list(0) : failed;
        batch_drop();
        failed = err;
    }
    append(entry, a, b, c, d, e);
}

err_t batch_run(void)
{
    err_t err = failed == OK ? run_list(0) : failed;
    batch_drop();
    return err;
}

void batch_drop(void)
{
    n_words = n_entries = 0;
    failed = OK;
}

void effects_add(uint64_t entry, const uint64_t words[BATCH_WORDS])
{
    if (n_words > LIST_MAX - BATCH_WORDS - 1) effects_run();
    append(entry, words[0], words[1], words[2], words[3], words[4]);
}

void effects_run(void) { (void)run_list(1); }
