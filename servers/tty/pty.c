// SPDX-License-Identifier: MIT
// Pseudo-terminals: a terminal whose line is the master side, an open file of its own.
//
// What the master side writes is the terminal's input; what it reads is the terminal's output queue. Closing the master
// side hangs the terminal up; when nobody has the terminal open any more, the master side reads EIO. A pair is free
// again when both sides are closed. Packet mode is not offered.
#include "servers/tty/tty.h"

#include <asm/errno.h>
#include <linux/poll.h>

#define RECEIVE_MAX 512  // bytes in one step: its undo log is bounded

struct terminal *pty_new(void)
{
    for (unsigned i = SERIAL_MAX; i < TERMINALS; i++) {
        struct terminal *t = &tty->terminals[i];
        if (t->master || t->opens > 0) continue;
        ldisc_reset(&t->ldisc);
        t->size = (struct winsize){0};
        t->exclusive = t->opened = false;
        t->master = t->locked = true;
        return t;
    }
    return NULL;
}

uint32_t pty_number(const struct terminal *t) { return (uint32_t)(t - tty->terminals) - SERIAL_MAX; }

// It was open and no longer is.
static bool is_left(const struct terminal *t) { return t->opened && t->opens == 0; }

err_t pty_master_read(struct call *call)
{
    struct terminal *t = call->terminal;
    struct queue *output = &t->ldisc.output;
    size_t room = io_output_room(&call->session->io, call->flags);
    size_t n = call->bytes < room ? call->bytes : room;
    n = n < queue_used(output) ? n : queue_used(output);
    if (n == 0 && call->bytes > 0) {
        if (is_left(t)) return ERR_LINUX(EIO);
        io_arm(&call->session->io, call->flags, &t->master_readers);
        return ERR_AGAIN;
    }
    uint8_t *to = io_output(&call->session->io, call->answer, call->flags, n);
    for (size_t done = 0; done < n;) {
        uint32_t run;
        const uint8_t *from = queue_run(output, output->head + (uint32_t)done, &run);
        run = run < n - done ? run : (uint32_t)(n - done);
        memcpy(to + done, from, run);
        done += run;
    }
    output->head += (uint32_t)n;
    call_answer_bytes(call, n);
    terminal_settle(t);
    return OK;
}

err_t pty_master_write(struct call *call)
{
    struct terminal *t = call->terminal;
    const uint8_t *from = io_input(&call->session->io, call->request, call->flags, 0, call->bytes);
    if (!from) return ERR_LINUX(EFAULT);
    struct ldisc work = t->ldisc;
    size_t taken = ldisc_receive(&work, from, call->bytes < RECEIVE_MAX ? call->bytes : RECEIVE_MAX);
    if (taken == 0 && call->bytes > 0) {
        io_arm(&call->session->io, call->flags, &t->master_writers);
        return ERR_AGAIN;
    }
    t->ldisc = work;
    t->input_ns = server_now();
    call_answer_bytes(call, taken);
    terminal_settle(t);
    return OK;
}

uint64_t pty_master_poll(const struct call *call)
{
    const struct terminal *t = call->terminal;
    uint64_t events = 0;
    if (queue_used(&t->ldisc.output) > 0) events |= POLLIN | POLLRDNORM;
    if (ldisc_has_room(&t->ldisc)) events |= POLLOUT | POLLWRNORM;
    if (is_left(t)) events |= POLLHUP;
    return events;
}

void pty_master_closed(struct terminal *t)
{
    t->master = false;
    ldisc_flush_output(&t->ldisc);
    job_hangup(t);
}
