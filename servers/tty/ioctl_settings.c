// SPDX-License-Identifier: MIT
// Reading and changing a terminal's settings.
//
// TCSETSW and TCSETSF first wait until output has left, which for a pseudo-terminal is at once. The variants with a 2
// also carry the speeds as numbers; only those that c_cflag can name are kept.
#include "servers/tty/ioctl.h"

#include <asm/errno.h>
#include <asm/signal.h>

static bool flushes(uint32_t command) { return command == TCSETSF || command == TCSETSF2; }

static bool drains(uint32_t command) { return command == TCSETSW || command == TCSETSW2 || flushes(command); }

static err_t change(struct ioctl *io, const struct termios *termios)
{
    struct terminal *t = io->call.terminal;
    struct line *line = terminal_line(t);
    err_t err = job_check(&io->call, SIGTTOU);
    if (err == OK && drains(io->command)) err = terminal_drain(&io->call);
    if (err != OK) return err;
    if (flushes(io->command)) ldisc_flush_input(&t->ldisc);
    tcflag_t old = t->ldisc.termios.c_cflag;
    ldisc_set_termios(&t->ldisc, termios);
    if (line && old != termios->c_cflag) line_configure(line, termios->c_cflag);
    // Readers ask again: what they wait for may have another meaning now.
    io_wake(&t->readers);
    terminal_settle(t);
    terminal_refill(t);
    return OK;
}

err_t settings_get(struct ioctl *io)
{
    *(struct termios *)io->out = io->call.terminal->ldisc.termios;
    return OK;
}

err_t settings_set(struct ioctl *io) { return change(io, io->in); }

err_t settings_get2(struct ioctl *io)
{
    struct termios2 *out = io->out;
    const struct termios *termios = &io->call.terminal->ldisc.termios;
    memcpy(out, termios, sizeof *termios);
    out->c_ispeed = out->c_ospeed = speed_of(termios->c_cflag);
    return OK;
}

err_t settings_set2(struct ioctl *io)
{
    const struct termios2 *in = io->in;
    struct termios termios;
    memcpy(&termios, in, sizeof termios);
    if ((termios.c_cflag & CBAUD) == BOTHER)
        termios.c_cflag = (termios.c_cflag & ~(tcflag_t)CBAUD) | speed_code(in->c_ospeed);
    return change(io, &termios);
}
