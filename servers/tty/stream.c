// SPDX-License-Identifier: MIT
// Host streams: raw bytes between a program and the host command (`./bulkhead exec`), over a uart. Never a terminal.
//
// Output goes out as it is. Input is framed, since a serial line knows no end of file: 0x10 0x10 stands for the byte
// 0x10, and 0x10 0x45 for the end of file, which stays. Any other pair is dropped. Bytes written are kept in the vault
// until the uart has them, whether or not the writer still lives.
#include "servers/tty/tty.h"

#include <asm/errno.h>
#include <linux/poll.h>

#define ESCAPE 0x10
#define END_OF_FILE 0x45
#define WRITERS_WOKEN_AT (QUEUE_BYTES / 2)

void stream_init(struct stream *s, uint8_t *memory)
{
    s->output.bytes = memory;
    s->line = NONE;
}

// Decode at most `limit` bytes of what has come into `to` (null: only count). *used: bytes of the line they took.
static size_t decode(const struct line *line, uint8_t *to, size_t limit, uint32_t *used, bool *ended)
{
    uint32_t waiting = line_waiting(line), at = 0;
    size_t n = 0;
    *ended = false;
    while (at < waiting && n < limit && !*ended) {
        uint8_t byte = line_byte(line, at);
        bool escaped = byte == ESCAPE;
        if (escaped && at + 1 == waiting) break;
        at += escaped ? 2 : 1;
        if (escaped) byte = line_byte(line, at - 1);
        *ended = escaped && byte == END_OF_FILE;
        if (escaped && byte != ESCAPE) continue;
        if (to) to[n] = byte;
        n++;
    }
    *used = at;
    return n;
}

err_t stream_read(struct call *call)
{
    struct stream *s = call->stream;
    struct line *line = &tty->lines[s->line];
    size_t room = io_output_room(&call->session->io, call->flags), waiting = line_waiting(line), n = 0;
    size_t limit = call->bytes < room ? call->bytes : room;
    limit = limit < waiting ? limit : waiting;
    if (!s->ended && call->bytes > 0) {
        bool ended;
        uint32_t used;
        n = decode(line, io_output(&call->session->io, call->answer, call->flags, limit), limit, &used, &ended);
        if (used > 0) line_use(line, used);
        if (ended) {
            s->ended = true;
            io_wake(&s->readers);
        } else if (n == 0) {
            io_arm(&call->session->io, call->flags, &s->readers);
            return ERR_AGAIN;
        }
    }
    call_answer_bytes(call, n);
    return OK;
}

err_t stream_write(struct call *call)
{
    struct stream *s = call->stream;
    const uint8_t *from = io_input(&call->session->io, call->request, call->flags, 0, call->bytes);
    if (!from) return ERR_LINUX(EFAULT);
    uint32_t room = queue_free(&s->output);
    uint32_t n = call->bytes < room ? (uint32_t)call->bytes : room;
    if (n == 0 && call->bytes > 0) {
        io_arm(&call->session->io, call->flags, &s->writers);
        return ERR_AGAIN;
    }
    for (uint32_t done = 0, run; done < n; done += run) {
        uint32_t at = (s->output.tail + done) % QUEUE_BYTES;
        run = n - done < QUEUE_BYTES - at ? n - done : QUEUE_BYTES - at;
        vault_copy_unlogged(&s->output.bytes[at], from + done, run);
    }
    s->output.tail += n;
    call_answer_bytes(call, n);
    line_transmit(&tty->lines[s->line], s->drainers.first != NULL);
    return OK;
}

uint64_t stream_poll(const struct call *call)
{
    const struct stream *s = call->stream;
    uint64_t events = queue_free(&s->output) > 0 ? POLLOUT | POLLWRNORM : 0;
    uint32_t used;
    bool ended = s->ended;
    if (ended || decode(&tty->lines[s->line], NULL, 1, &used, &ended) > 0 || ended) events |= POLLIN | POLLRDNORM;
    return events;
}

err_t stream_drain(const struct call *call)
{
    struct stream *s = call->stream;
    struct line *line = &tty->lines[s->line];
    if (queue_used(&s->output) == 0 && line_unsent(line) == 0) return OK;
    io_arm(&call->session->io, call->flags, &s->drainers);
    line_transmit(line, true);
    return ERR_AGAIN;
}

void stream_settle(struct stream *s)
{
    struct line *line = &tty->lines[s->line];
    if (line_waiting(line) > 0) io_wake(&s->readers);
    if (queue_free(&s->output) >= WRITERS_WOKEN_AT) io_wake(&s->writers);
    if (queue_used(&s->output) == 0 && line_unsent(line) == 0) io_wake(&s->drainers);
    line_transmit(line, s->drainers.first != NULL);
}
