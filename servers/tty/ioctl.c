// SPDX-License-Identifier: MIT
// ioctls: a table from Linux's command numbers to functions. Sizes of what goes in and out are the table's, so that
// no function looks at data that did not come.
//
// On a master side most commands concern its terminal, as on Linux. Settings (termios) are ioctl_settings.c's.
#include "servers/tty/ioctl.h"

#include <asm/errno.h>
#include <asm/signal.h>

static int32_t *out_int(struct ioctl *io) { return io->out; }

// --- job control

static err_t set_controlling(struct ioctl *io) { return job_set_controlling(&io->call, io->argument == 1); }

static err_t give_up(struct ioctl *io) { return job_give_up(&io->call); }

// The answer to TIOCGPGRP and TIOCGSID: from a terminal only to those whom it controls, from a master side to all.
static err_t get_owner(struct ioctl *io, uint32_t id)
{
    struct io_credentials who;
    if (io_credentials(io->call.request->badge, &who) != OK) return ERR_LINUX(ESRCH);
    if (io->call.description->kind == TERMINAL_SIDE && !job_controls(&io->call, &who)) return ERR_LINUX(ENOTTY);
    *out_int(io) = (int32_t)id;
    return OK;
}

static err_t get_group(struct ioctl *io) { return get_owner(io, io->call.terminal->group); }

static err_t get_session(struct ioctl *io)
{
    if (io->call.terminal->session == 0) return ERR_LINUX(ENOTTY);
    return get_owner(io, io->call.terminal->session);
}

static err_t set_group(struct ioctl *io) { return job_set_group(&io->call, *(const uint32_t *)io->in); }

static err_t hang_up(struct ioctl *io)
{
    struct io_credentials who;
    if (io_credentials(io->call.request->badge, &who) != OK || who.euid != 0) return ERR_LINUX(EPERM);
    job_hangup(io->call.terminal);
    return OK;
}

static err_t send_signal(struct ioctl *io)
{
    if (io->call.description->kind != MASTER_SIDE || io->argument < 1 || io->argument > 64)
        return ERR_LINUX(io->call.description->kind == MASTER_SIDE ? EINVAL : ENOTTY);
    job_signal(io->call.terminal, (int)io->argument);
    return OK;
}

// --- queues and flow

// Bytes that a read would find.
static err_t pending(struct ioctl *io)
{
    const struct ldisc *l = &io->call.terminal->ldisc;
    bool master = io->call.description->kind == MASTER_SIDE;
    *out_int(io) = (int32_t)(master ? queue_used(&l->output) : ldisc_pending(l));
    return OK;
}

static err_t unsent(struct ioctl *io)
{
    const struct line *line = terminal_line(io->call.terminal);
    *out_int(io) = line ? (int32_t)(queue_used(line->output) + line_unsent(line)) : 0;
    return OK;
}

static err_t flush(struct ioctl *io)
{
    struct terminal *t = io->call.terminal;
    bool master = io->call.description->kind == MASTER_SIDE;
    if (io->argument > TCIOFLUSH) return ERR_LINUX(EINVAL);
    err_t err = job_check(&io->call, SIGTTOU);
    if (err != OK) return err;
    bool input = io->argument != TCOFLUSH, output = io->argument != TCIFLUSH;
    if (master ? output : input) ldisc_flush_input(&t->ldisc);
    if (master ? input : output) ldisc_flush_output(&t->ldisc);
    terminal_settle(t);
    terminal_refill(t);
    return OK;
}

// Send VSTOP or VSTART to the other end, in order with the output.
static void send_key(struct ldisc *l, unsigned key)
{
    if (l->termios.c_cc[key] != 0 && queue_free(&l->output) > 0) queue_put(&l->output, l->termios.c_cc[key]);
}

static err_t flow(struct ioctl *io)
{
    struct ldisc *l = &io->call.terminal->ldisc;
    err_t err = job_check(&io->call, SIGTTOU);
    if (err != OK) return err;
    switch (io->argument) {
    case TCOOFF: l->stopped = l->held = true; break;
    case TCOON:
        if (l->held) l->stopped = l->held = false;
        break;
    case TCIOFF: send_key(l, VSTOP); break;
    case TCION: send_key(l, VSTART); break;
    default: return ERR_LINUX(EINVAL);
    }
    terminal_settle(io->call.terminal);
    return OK;
}

// tcdrain, and tcsendbreak: a break has no meaning on these lines beyond the wait for output.
static err_t drain(struct ioctl *io)
{
    err_t err = job_check(&io->call, SIGTTOU);
    return err == OK ? terminal_drain(&io->call) : err;
}

// --- the terminal itself

static err_t get_size(struct ioctl *io)
{
    *(struct winsize *)io->out = io->call.terminal->size;
    return OK;
}

static err_t set_size(struct ioctl *io)
{
    terminal_set_size(io->call.terminal, io->in);
    return OK;
}

static err_t set_exclusive(struct ioctl *io)
{
    io->call.terminal->exclusive = true;
    return OK;
}

static err_t set_shared(struct ioctl *io)
{
    io->call.terminal->exclusive = false;
    return OK;
}

static err_t get_exclusive(struct ioctl *io)
{
    *out_int(io) = io->call.terminal->exclusive;
    return OK;
}

static err_t get_discipline(struct ioctl *io)
{
    *out_int(io) = 0;  // N_TTY, the only one
    return OK;
}

static err_t set_discipline(struct ioctl *io) { return *(const int32_t *)io->in == 0 ? OK : ERR_LINUX(EINVAL); }

// The device number of the terminal behind /dev/console or /dev/tty.
static err_t get_device(struct ioctl *io)
{
    *out_int(io) = (int32_t)terminal_device(io->call.terminal);
    return OK;
}

// Putting words into somebody's mouth is refused, as Linux does without its legacy option.
static err_t type_for_others(struct ioctl *io)
{
    (void)io;
    return ERR_LINUX(EIO);
}

// --- master sides

static err_t get_number(struct ioctl *io)
{
    if (io->call.description->kind != MASTER_SIDE) return ERR_LINUX(ENOTTY);
    *out_int(io) = (int32_t)pty_number(io->call.terminal);
    return OK;
}

static err_t set_lock(struct ioctl *io)
{
    if (io->call.description->kind != MASTER_SIDE) return ERR_LINUX(ENOTTY);
    io->call.terminal->locked = *(const int32_t *)io->in != 0;
    return OK;
}

static err_t get_lock(struct ioctl *io)
{
    if (io->call.description->kind != MASTER_SIDE) return ERR_LINUX(ENOTTY);
    *out_int(io) = io->call.terminal->locked;
    return OK;
}

// --- the table

#define INT sizeof(int32_t)
static const struct ioctl_entry {
    uint32_t command;
    uint16_t in_bytes, out_bytes;
    err_t (*run)(struct ioctl *io);
} entries[] = {
    {TCGETS, 0, sizeof(struct termios), settings_get},
    {TCSETS, sizeof(struct termios), 0, settings_set},
    {TCSETSW, sizeof(struct termios), 0, settings_set},
    {TCSETSF, sizeof(struct termios), 0, settings_set},
    {TCGETS2, 0, sizeof(struct termios2), settings_get2},
    {TCSETS2, sizeof(struct termios2), 0, settings_set2},
    {TCSETSW2, sizeof(struct termios2), 0, settings_set2},
    {TCSETSF2, sizeof(struct termios2), 0, settings_set2},
    {TIOCGWINSZ, 0, sizeof(struct winsize), get_size},
    {TIOCSWINSZ, sizeof(struct winsize), 0, set_size},
    {TIOCGPGRP, 0, INT, get_group},
    {TIOCSPGRP, INT, 0, set_group},
    {TIOCGSID, 0, INT, get_session},
    {TIOCSCTTY, 0, 0, set_controlling},
    {TIOCNOTTY, 0, 0, give_up},
    {TIOCVHANGUP, 0, 0, hang_up},
    {TIOCSIG, 0, 0, send_signal},
    {FIONREAD, 0, INT, pending},
    {TIOCOUTQ, 0, INT, unsent},
    {TCFLSH, 0, 0, flush},
    {TCXONC, 0, 0, flow},
    {TCSBRK, 0, 0, drain},
    {TCSBRKP, 0, 0, drain},
    {TIOCEXCL, 0, 0, set_exclusive},
    {TIOCNXCL, 0, 0, set_shared},
    {TIOCGEXCL, 0, INT, get_exclusive},
    {TIOCGETD, 0, INT, get_discipline},
    {TIOCSETD, INT, 0, set_discipline},
    {TIOCGDEV, 0, INT, get_device},
    {TIOCSTI, 0, 0, type_for_others},
    {TIOCGPTN, 0, INT, get_number},
    {TIOCSPTLCK, INT, 0, set_lock},
    {TIOCGPTLCK, 0, INT, get_lock},
};

static const struct ioctl_entry *find_entry(uint32_t command)
{
    for (unsigned i = 0; i < sizeof entries / sizeof entries[0]; i++)
        if (entries[i].command == command) return &entries[i];
    return NULL;
}

err_t op_ioctl(const struct request *request, struct answer *answer)
{
    struct ioctl io = {.command = (uint32_t)request->words[1], .argument = request->words[2]};
    err_t err = call_begin(&io.call, request, answer, request->words[4]);
    if (err != OK) return err;
    const struct ioctl_entry *entry = io.call.stream ? NULL : find_entry(io.command);
    if (!entry) return ERR_LINUX(ENOTTY);
    if (description_is_dead(io.call.description)) return ERR_LINUX(EIO);
    io.in =
        request->words[3] >= entry->in_bytes ? io_input(&io.call.session->io, request, 0, 0, entry->in_bytes) : NULL;
    if (!io.in && entry->in_bytes > 0) return ERR_LINUX(EFAULT);
    if (entry->out_bytes > 0) {
        io.out = io_output(&io.call.session->io, answer, 0, entry->out_bytes);
        memset(io.out, 0, entry->out_bytes);
    }
    answer->words[0] = 0;
    answer->words[1] = entry->out_bytes;
    io_answer(answer, 2);
    return entry->run(&io);
}
