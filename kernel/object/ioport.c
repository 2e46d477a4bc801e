// SPDX-License-Identifier: MIT
// I/O ports: reads and writes within the capability's range (slot.badge: first | number << 16).
//
// The runs move up to a message's worth of bytes through one port in one call, for devices without DMA.
#include "invoke.h"

static err_t check_port(const struct slot *cap, uint64_t port, uint64_t size)
{
    uint64_t first = cap->badge & 0xffff, end = first + (cap->badge >> 16);
    if (size != 1 && size != 2 && size != 4) return ERR_INVALID;
    return port >= first && port < end && size <= end - port ? OK : ERR_INVALID;
}

// out_run(port, n_bytes): bytes from word 2 on
static err_t out_run(struct invocation *inv)
{
    uint64_t port = inv_word(inv, 0), n = inv_word(inv, 1);
    err_t err = check_port(inv->cap, port, 1);
    if (err) return err;
    if (n > (MSG_WORDS - 2) * 8 || inv->n_words < 2 + (n + 7) / 8) return ERR_INVALID;
    for (unsigned i = 0; i < n && !err; i++) {
        err = arch_port_out((unsigned)port, 1, inv_word(inv, 2 + i / 8) >> (i % 8 * 8) & 0xff);
    }
    return err;
}

// in_run(port, n_bytes) -> bytes from word 0 on
static err_t in_run(struct invocation *inv)
{
    uint64_t port = inv_word(inv, 0), n = inv_word(inv, 1), word = 0, byte;
    err_t err = check_port(inv->cap, port, 1);
    if (!err && n > MSG_WORDS * 8) err = ERR_INVALID;
    for (unsigned i = 0; i < n && !err; i++) {
        err = arch_port_in((unsigned)port, 1, &byte);
        if (err) break;
        word |= (byte & 0xff) << (i % 8 * 8);
        if (i % 8 == 7 || i == n - 1) {
            inv_result(inv, i / 8, word);
            word = 0;
        }
    }
    return err;
}

// Operations of CAP_IOPORT.
err_t ioport_invoke(struct invocation *inv)
{
    uint64_t port = inv_word(inv, 0), size = inv_word(inv, 1), value = 0;
    err_t err;
    switch (inv->label) {
    case IOPORT_IN:
        err = check_port(inv->cap, port, size);
        if (!err) err = arch_port_in((unsigned)port, (unsigned)size, &value);
        if (!err) inv_result(inv, 0, value);
        return err;
    case IOPORT_OUT:
        err = check_port(inv->cap, port, size);
        if (!err) err = arch_port_out((unsigned)port, (unsigned)size, inv_word(inv, 2));
        return err;
    case IOPORT_OUT_RUN: return out_run(inv);
    case IOPORT_IN_RUN: return in_run(inv);
    default: return ERR_NO_SYSCALL;
    }
}
