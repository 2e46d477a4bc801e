// SPDX-License-Identifier: MIT
// Opening device nodes, what open files look like (IO_STAT, IO_PATH), and their end.
//
// A file system asks for a description on its channel, naming the device, the opener and the node; the opener attaches
// the description over its own session afterwards.
#include "servers/tty/tty.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <linux/stat.h>

#define MAJOR(device) ((uint32_t)(device) >> 8 & 0xfff)
#define MINOR(device) (((uint32_t)(device)&0xff) | ((uint32_t)(device) >> 12 & 0xfff00))
enum { MAJOR_TTY = 4, MAJOR_AUX = 5, MAJOR_PTS = 136 };
enum { AUX_TTY = 0, AUX_CONSOLE = 1, AUX_PTMX = 2 };
#define MINOR_SERIAL 64
#define STATUS_FLAGS (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | FASYNC | O_DIRECT | O_LARGEFILE | O_NOATIME)

static err_t find_serial(uint32_t number, struct description *d)
{
    if (number >= SERIAL_MAX || tty->terminals[number].line == NONE) return ERR_LINUX(ENXIO);
    d->index = number;
    return OK;
}

static err_t find_pty(uint32_t number, struct description *d)
{
    if (number >= PTYS) return ERR_LINUX(ENXIO);
    d->index = SERIAL_MAX + number;
    const struct terminal *t = &tty->terminals[d->index];
    return !t->master || t->locked ? ERR_LINUX(EIO) : OK;
}

static err_t find_aux(uint32_t minor, uint64_t badge, struct description *d)
{
    const struct terminal *t;
    switch (minor) {
    case AUX_TTY:
        t = job_terminal(badge);
        d->index = (uint32_t)(t - tty->terminals);
        return t ? OK : ERR_LINUX(ENXIO);
    case AUX_CONSOLE: d->console = true; return find_serial(0, d);
    case AUX_PTMX:
        t = pty_new();
        d->kind = MASTER_SIDE;
        d->index = (uint32_t)(t - tty->terminals);
        return t ? OK : ERR_LINUX(ENOSPC);
    }
    return ERR_LINUX(ENXIO);
}

// Find what the device number stands for: kind, index and console of the description.
static err_t find_device(uint32_t device, uint64_t badge, struct description *d)
{
    uint32_t minor = MINOR(device);
    d->kind = TERMINAL_SIDE;
    switch (MAJOR(device)) {
    case MAJOR_TTY: return minor >= MINOR_SERIAL ? find_serial(minor - MINOR_SERIAL, d) : ERR_LINUX(ENXIO);
    case MAJOR_AUX: return find_aux(minor, badge, d);
    case MAJOR_PTS: return find_pty(minor, d);
    case TTY_STREAM_MAJOR:
        d->kind = STREAM_SIDE;
        d->index = minor;
        return minor < STREAMS && tty->streams[minor].line != NONE ? OK : ERR_LINUX(ENXIO);
    }
    return ERR_LINUX(ENXIO);
}

static err_t open_terminal(struct description *d, uint64_t flags, uint64_t badge)
{
    struct terminal *t = &tty->terminals[d->index];
    struct io_credentials who;
    if (t->exclusive && (io_credentials(badge, &who) != OK || who.euid != 0)) return ERR_LINUX(EBUSY);
    t->opens++;
    t->opened = true;
    d->hangups = t->hangups;
    if (!d->console && !(flags & O_NOCTTY) && (flags & O_ACCMODE) != O_WRONLY) job_acquire(t, badge);
    return OK;
}

err_t op_open(const struct request *request, struct answer *answer)
{
    const uint64_t *w = request->words;
    struct description *d = io_description_new();
    if (!d) return ERR_LINUX(ENFILE);
    job_look();
    err_t err = find_device((uint32_t)w[0], w[2], d);
    if (err == OK && d->kind == TERMINAL_SIDE) err = open_terminal(d, w[1], w[2]);
    if (err != OK) return server_abort(err);
    d->io.flags = (uint32_t)w[1] & STATUS_FLAGS;
    d->node = (struct node){
        .inode = w[3] & 0xffffffffffffull,
        .device = w[5],
        .opened_ns = wall_ns(),
        .mode = (uint32_t)(w[3] >> 48),
        .uid = (uint32_t)w[4],
        .gid = (uint32_t)(w[4] >> 32),
        .number = (uint32_t)w[0],
    };
    err = io_publish(&d->io, answer);
    if (err != OK) return server_abort(ERR_LINUX(ENFILE));
    answer->words[0] = d->io.flags;
    io_answer(answer, 1);
    return OK;
}

void describe(const struct io_description *io, struct io_opened *opened)
{
    const struct description *d = (const struct description *)io;
    opened->mode = d->node.mode;
    opened->device = d->node.number;
}

void description_closed(struct io_description *io)
{
    const struct description *d = (const struct description *)io;
    struct terminal *t = &tty->terminals[d->index];
    if (d->kind == MASTER_SIDE) pty_master_closed(t);
    if (d->kind != TERMINAL_SIDE) return;
    t->opens--;
    if (t->opens > 0) return;
    t->session = t->group = 0;
    t->exclusive = false;
    io_wake(&t->master_readers);
}

err_t op_stat(const struct request *request, struct answer *answer)
{
    struct call call;
    err_t err = call_begin(&call, request, answer, 0);
    if (err != OK) return err;
    const struct node *node = &call.description->node;
    struct stat *stat = io_output(&call.session->io, answer, 0, sizeof *stat);
    *stat = (struct stat){
        .st_dev = node->device,
        .st_ino = node->inode,
        .st_nlink = 1,
        .st_mode = node->mode,
        .st_uid = node->uid,
        .st_gid = node->gid,
        .st_rdev = node->number,
        .st_blksize = 1024,
        .st_atime = node->opened_ns / 1000000000,
        .st_mtime = node->opened_ns / 1000000000,
        .st_ctime = node->opened_ns / 1000000000,
    };
    return OK;
}

err_t op_path(const struct request *request, struct answer *answer)
{
    struct call call;
    char path[24];
    err_t err = call_begin(&call, request, answer, request->words[1]);
    if (err != OK) return err;
    uint32_t device = call.description->node.number, minor = MINOR(device);
    size_t n = 0;
    if (MAJOR(device) == MAJOR_TTY)
        n = (size_t)snprintf(path, sizeof path, "/dev/ttyS%u", minor - MINOR_SERIAL);
    else if (MAJOR(device) == MAJOR_PTS)
        n = (size_t)snprintf(path, sizeof path, "/dev/pts/%u", minor);
    else if (MAJOR(device) == TTY_STREAM_MAJOR)
        n = (size_t)snprintf(path, sizeof path, "/dev/stream%u", minor);
    else
        n = (size_t)snprintf(path, sizeof path, "/dev/%s",
                             minor == AUX_TTY       ? "tty"
                             : minor == AUX_CONSOLE ? "console"
                                                    : "ptmx");
    char *to = io_output(&call.session->io, answer, call.flags, n);
    if (!to) return ERR_LINUX(ENAMETOOLONG);
    memcpy(to, path, n);
    call_answer_bytes(&call, n);
    return OK;
}
