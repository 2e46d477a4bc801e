// SPDX-License-Identifier: MIT
// Log capabilities: writing and reading the kernel's ring of text lines; the badge names the writer.
//
// The ring itself is core/log.c's work.
#include "invoke.h"

#define WRITE_BYTES ((MSG_WORDS - 1) * 8)
#define READ_BYTES ((MSG_WORDS - 2) * 8)

// write(n_bytes): text from word 1 on
static err_t write(struct invocation *inv)
{
    char text[WRITE_BYTES];
    uint64_t n = inv_word(inv, 0);
    if (!(inv->cap->rights & RIGHT_WRITE)) return ERR_NO_RIGHT;
    if (n > WRITE_BYTES || inv->n_words < 1 + (n + 7) / 8) return ERR_INVALID;
    for (unsigned i = 0; i < n; i++) text[i] = (char)(inv_word(inv, 1 + i / 8) >> (i % 8 * 8));
    log_write(inv->cap->badge, text, n);
    return OK;
}

// read(position, n_bytes) -> new position, n_bytes, text from word 2 on
static err_t read(struct invocation *inv)
{
    char text[READ_BYTES];
    uint64_t position = inv_word(inv, 0), n = inv_word(inv, 1), word = 0;
    if (!(inv->cap->rights & RIGHT_READ)) return ERR_NO_RIGHT;
    size_t got = log_read(&position, text, n < READ_BYTES ? n : READ_BYTES);
    inv_result(inv, 0, position + got);
    inv_result(inv, 1, got);
    for (unsigned i = 0; i < got; i++) {
        word |= (uint64_t)(uint8_t)text[i] << (i % 8 * 8);
        if (i % 8 == 7 || i == got - 1) {
            inv_result(inv, 2 + i / 8, word);
            word = 0;
        }
    }
    return OK;
}

// Operations of CAP_LOG.
err_t log_invoke(struct invocation *inv)
{
    switch (inv->label) {
    case LOG_WRITE: return write(inv);
    case LOG_READ: return read(inv);
    default: return ERR_NO_SYSCALL;
    }
}
