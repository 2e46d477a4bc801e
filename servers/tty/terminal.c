// SPDX-License-Identifier: MIT
// Terminals: reading, writing and waiting, between descriptions and the line discipline.
//
// VTIME: a read that has to give up at some time asks for a tick, which wakes the readers; the reader asks again and
// finds that its time is over. Where the time is kept: for VMIN > 0 it runs from the last input (struct terminal), for
// VMIN == 0 from the read's beginning (struct session).
#include "servers/tty/tty.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/signal.h>
#include <linux/poll.h>

#define TENTH_NS 100000000ull
#define GIVEN_UP_NS TENTH_NS  // a time-out this long past belongs to a read that was interrupted
#define WRITERS_WOKEN_AT (QUEUE_BYTES / 2)

void terminal_init(struct terminal *t, uint8_t *memory)
{
    ldisc_init(&t->ldisc, memory);
    t->line = NONE;
}

struct line *terminal_line(const struct terminal *t) { return t->line == NONE ? NULL : &tty->lines[t->line]; }

bool description_is_dead(const struct description *d)
{
    return d->kind == TERMINAL_SIDE && !d->console && d->hangups != tty->terminals[d->index].hangups;
}

void call_answer_bytes(struct call *call, size_t bytes)
{
    call->answer->words[0] = bytes;
    io_answer(call->answer, 1);
}

// --- reading

// Nothing to hand out, or less than VMIN, in a mode with VTIME: whether the time is over. If not, the tick is asked
// for.
static bool time_is_over(const struct call *call, size_t available)
{
    const struct terminal *t = call->terminal;
    const cc_t *keys = t->ldisc.termios.c_cc;
    uint64_t patience = keys[VTIME] * TENTH_NS, now = server_now(), end;
    if (keys[VMIN] > 0) {
        if (available == 0) return false;
        end = t->input_ns + patience;
    } else {
        if (call->session->give_up_ns == 0 || now > call->session->give_up_ns + GIVEN_UP_NS)
            call->session->give_up_ns = now + patience;
        end = call->session->give_up_ns;
    }
    if (now >= end) return true;
    tty_wake_at(end);
    return false;
}

// Whether a read that asks for `wanted` bytes returns now, and with how many.
static bool read_returns(const struct call *call, size_t wanted, size_t *available)
{
    const struct ldisc *l = &call->terminal->ldisc;
    bool ready;
    *available = ldisc_readable(l, wanted, &ready);
    if (ready || wanted == 0) return true;
    if (l->termios.c_lflag & ICANON) return false;
    if ((call->description->io.flags & O_NONBLOCK) && *available > 0) return true;  // without waiting for VMIN
    return l->termios.c_cc[VTIME] > 0 && time_is_over(call, *available);
}

err_t terminal_read(struct call *call)
{
    struct terminal *t = call->terminal;
    if (description_is_dead(call->description)) {
        call_answer_bytes(call, 0);
        return OK;
    }
    err_t err = call->description->console ? OK : job_check(call, SIGTTIN);
    if (err != OK) return err;
    size_t room = io_output_room(&call->session->io, call->flags);
    size_t wanted = call->bytes < room ? call->bytes : room, available;
    if (!read_returns(call, wanted, &available)) {
        io_arm(&call->session->io, call->flags, &t->readers);
        return ERR_AGAIN;
    }
    call->session->give_up_ns = 0;
    uint8_t *to = io_output(&call->session->io, call->answer, call->flags, available);
    call_answer_bytes(call, ldisc_read(&t->ldisc, to, wanted));
    terminal_refill(t);
    return OK;
}

void terminal_refill(struct terminal *t)
{
    struct line *line = terminal_line(t);
    if (line)
        console_receive(line);
    else
        io_wake(&t->master_writers);
}

// --- writing

static bool is_stopped_pty(const struct terminal *t) { return t->line == NONE && t->ldisc.stopped; }

err_t terminal_write(struct call *call)
{
    struct terminal *t = call->terminal;
    if (description_is_dead(call->description)) return ERR_LINUX(EIO);
    if ((t->ldisc.termios.c_lflag & TOSTOP) && !call->description->console) {
        err_t err = job_check(call, SIGTTOU);
        if (err != OK) return err;
    }
    const uint8_t *from = io_input(&call->session->io, call->request, call->flags, 0, call->bytes);
    if (!from) return ERR_LINUX(EFAULT);
    struct ldisc work = t->ldisc;
    size_t taken = is_stopped_pty(t) ? 0 : ldisc_write(&work, from, call->bytes);
    if (taken == 0 && call->bytes > 0) {
        io_arm(&call->session->io, call->flags, &t->writers);
        return ERR_AGAIN;
    }
    t->ldisc = work;
    call_answer_bytes(call, taken);
    terminal_settle(t);
    return OK;
}

err_t terminal_drain(const struct call *call)
{
    struct terminal *t = call->terminal;
    struct line *line = terminal_line(t);
    if (!line || (queue_used(&t->ldisc.output) == 0 && line_unsent(line) == 0)) return OK;
    io_arm(&call->session->io, call->flags, &t->drainers);
    line_transmit(line, true);
    return ERR_AGAIN;
}

// --- waiting

uint64_t terminal_poll(const struct call *call)
{
    const struct ldisc *l = &call->terminal->ldisc;
    const cc_t *keys = l->termios.c_cc;
    bool ready;
    if (description_is_dead(call->description)) return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
    size_t enough = !(l->termios.c_lflag & ICANON) && keys[VTIME] == 0 && keys[VMIN] > 0 ? keys[VMIN] : 1;
    size_t available = ldisc_readable(l, enough, &ready);
    uint64_t events = 0;
    if (l->termios.c_lflag & ICANON ? ready : available >= enough) events |= POLLIN | POLLRDNORM;
    if (ldisc_write_room(l) > 0 && !is_stopped_pty(call->terminal)) events |= POLLOUT | POLLWRNORM;
    return events;
}

static void send_signals(struct terminal *t)
{
    static const uint8_t numbers[] = {SIGINT, SIGQUIT, SIGTSTP};
    for (unsigned i = 0; i < sizeof numbers; i++)
        if (t->ldisc.signals & LDISC_SIGNAL(numbers[i])) job_signal(t, numbers[i]);
    if (t->ldisc.signals) t->ldisc.signals = 0;
}

void terminal_settle(struct terminal *t)
{
    const struct ldisc *l = &t->ldisc;
    struct line *line = terminal_line(t);
    bool ready;
    send_signals(t);
    if (ldisc_readable(l, 1, &ready) > 0 || ready) io_wake(&t->readers);
    if (queue_used(&l->output) > 0) io_wake(&t->master_readers);
    if (queue_free(&l->output) >= WRITERS_WOKEN_AT && !is_stopped_pty(t)) io_wake(&t->writers);
    if (!line) return;
    if (queue_used(&l->output) == 0 && line_unsent(line) == 0) io_wake(&t->drainers);
    if (!l->stopped) line_transmit(line, t->drainers.first != NULL);
}

uint32_t terminal_device(const struct terminal *t)
{
    uint32_t serial = 4u << 8 | (64 + (uint32_t)(t - tty->terminals));
    return t->line == NONE ? 136u << 8 | pty_number(t) : serial;
}

void terminal_set_size(struct terminal *t, const struct winsize *size)
{
    if (memcmp(&t->size, size, sizeof *size) == 0) return;
    t->size = *size;
    job_signal(t, SIGWINCH);
}
