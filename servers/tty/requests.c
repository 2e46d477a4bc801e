// SPDX-License-Identifier: MIT
// Requests on handles that all kinds of descriptions know: each is looked up, checked for its open mode and passed to
// its kind. Settings are ioctl.c's matter.
#include "servers/tty/tty.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/poll.h>

err_t call_begin(struct call *call, const struct request *request, struct answer *answer, uint64_t flags)
{
    *call = (struct call){.request = request, .answer = answer, .flags = flags};
    call->session = io_session(request);
    call->description = call->session ? io_handle(&call->session->io, request->words[0]) : NULL;
    if (!call->description) return ERR_LINUX(EBADF);
    job_look();
    struct line *line;
    if (call->description->kind == STREAM_SIDE) {
        call->stream = &tty->streams[call->description->index];
        line = &tty->lines[call->stream->line];
    } else {
        call->terminal = &tty->terminals[call->description->index];
        line = terminal_line(call->terminal);
    }
    if (line) line_sync(line);
    return OK;
}

err_t op_read(const struct request *request, struct answer *answer)
{
    struct call call;
    err_t err = call_begin(&call, request, answer, request->words[3]);
    if (err != OK) return err;
    call.bytes = request->words[2];
    if ((call.description->io.flags & O_ACCMODE) == O_WRONLY) return ERR_LINUX(EBADF);
    switch (call.description->kind) {
    case MASTER_SIDE: return pty_master_read(&call);
    case STREAM_SIDE: return stream_read(&call);
    }
    return terminal_read(&call);
}

err_t op_write(const struct request *request, struct answer *answer)
{
    struct call call;
    err_t err = call_begin(&call, request, answer, request->words[3]);
    if (err != OK) return err;
    call.bytes = request->words[2];
    if ((call.description->io.flags & O_ACCMODE) == O_RDONLY) return ERR_LINUX(EBADF);
    switch (call.description->kind) {
    case MASTER_SIDE: return pty_master_write(&call);
    case STREAM_SIDE: return stream_write(&call);
    }
    return terminal_write(&call);
}

// Wait in the queues that can bring what was asked for. Hang-ups wake both.
static void arm_poll(const struct call *call, uint64_t wanted)
{
    struct io_queue *in, *out;
    if (call->stream) {
        in = &call->stream->readers;
        out = &call->stream->writers;
    } else if (call->description->kind == MASTER_SIDE) {
        in = &call->terminal->master_readers;
        out = &call->terminal->master_writers;
    } else {
        in = &call->terminal->readers;
        out = &call->terminal->writers;
    }
    io_arm(&call->session->io, call->flags, in);
    if (wanted & (POLLOUT | POLLWRNORM)) io_arm(&call->session->io, call->flags, out);
}

err_t op_poll(const struct request *request, struct answer *answer)
{
    struct call call;
    err_t err = call_begin(&call, request, answer, request->words[2]);
    if (err != OK) return err;
    uint64_t wanted = request->words[1] | POLLHUP | POLLERR, ready;
    if (call.stream)
        ready = stream_poll(&call);
    else if (call.description->kind == MASTER_SIDE)
        ready = pty_master_poll(&call);
    else
        ready = terminal_poll(&call);
    ready &= wanted;
    if (!ready) arm_poll(&call, wanted);
    answer->words[0] = ready;
    io_answer(answer, 1);
    return OK;
}

// fsync: a stream's bytes have left the machine. Linux's terminals have no such call.
err_t op_sync(const struct request *request, struct answer *answer)
{
    struct call call;
    err_t err = call_begin(&call, request, answer, request->words[1]);
    if (err != OK) return err;
    return call.stream ? stream_drain(&call) : ERR_LINUX(EINVAL);
}

// --- what no terminal or stream can do

static err_t refuse(const struct request *request, struct answer *answer, int error)
{
    struct call call;
    err_t err = call_begin(&call, request, answer, 0);
    return err == OK ? ERR_LINUX(error) : err;
}

err_t op_seek(const struct request *request, struct answer *answer) { return refuse(request, answer, ESPIPE); }

err_t op_map(const struct request *request, struct answer *answer) { return refuse(request, answer, ENODEV); }

err_t op_readdir(const struct request *request, struct answer *answer) { return refuse(request, answer, ENOTDIR); }

err_t op_truncate(const struct request *request, struct answer *answer) { return refuse(request, answer, EINVAL); }
