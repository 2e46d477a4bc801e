// SPDX-License-Identifier: MIT
// Output processing (OPOST and its companions), the cursor's column, and the output queue.
//
// The column is kept also for bytes that are not changed, because tabs and the erasing of tabs need it. With OPOST off
// nothing is looked at.
#include "servers/tty/ldisc.h"

static bool is_upper(uint8_t c) { return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7); }

static bool is_lower(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 0xe0 && c != 0xf7); }

uint8_t ldisc_to_lower(uint8_t c) { return is_upper(c) ? c + 0x20 : c; }

uint8_t ldisc_to_upper(uint8_t c) { return is_lower(c) && c != 0xff ? c - 0x20 : c; }

bool ldisc_is_alnum(uint8_t c) { return (c >= '0' && c <= '9') || is_upper(c) || is_lower(c) || c == 0xdf; }

// The bytes that stand for `byte` on the line, at most 8, and the column behind them.
static uint32_t expand(const struct ldisc *l, uint8_t byte, uint8_t out[8], uint32_t *column)
{
    tcflag_t flags = l->termios.c_oflag;
    uint32_t n = 0;
    *column = l->column;
    if (byte == '\r' && (flags & ONOCR) && l->column == 0) return 0;
    if (byte == '\r' && (flags & OCRNL)) {
        if (flags & ONLRET) *column = 0;
        byte = '\n';
    } else if (byte == '\n') {
        if (flags & (ONLRET | ONLCR)) *column = 0;
        if (flags & ONLCR) out[n++] = '\r';
    } else if (byte == '\r') {
        *column = 0;
    } else if (byte == '\t') {
        uint32_t spaces = 8 - l->column % 8;
        *column += spaces;
        if ((flags & TABDLY) == XTABS) {
            while (n < spaces) out[n++] = ' ';
            return n;
        }
    } else if (byte == '\b') {
        *column -= *column > 0;
    } else if (!ldisc_is_control(byte)) {
        if (flags & OLCUC) byte = ldisc_to_upper(byte);
        *column += !ldisc_is_continuation(l, byte);
    }
    out[n++] = byte;
    return n;
}

// Whether the byte starts a new line of the terminal, so that typing begins where the cursor is then.
static bool begins_line(const struct ldisc *l, uint8_t byte)
{
    tcflag_t flags = l->termios.c_oflag;
    return byte == '\n' || (byte == '\r' && (!(flags & OCRNL) || (flags & ONLRET)));
}

bool ldisc_put(struct ldisc *l, uint8_t byte, uint32_t reserve)
{
    uint8_t out[8];
    uint32_t n = 1, column = l->column;
    bool processed = l->termios.c_oflag & OPOST;
    if (processed)
        n = expand(l, byte, out, &column);
    else
        out[0] = byte;
    if (queue_free(&l->output) < n + reserve) return false;
    for (uint32_t i = 0; i < n; i++) queue_put(&l->output, out[i]);
    l->column = column;
    if (processed && n > 0 && begins_line(l, byte)) l->start_column = column;
    return true;
}

size_t ldisc_write(struct ldisc *l, const uint8_t *bytes, size_t n)
{
    size_t taken = 0;
    while (taken < n && ldisc_put(l, bytes[taken], LDISC_ECHO_ROOM)) taken++;
    return taken;
}

size_t ldisc_write_room(const struct ldisc *l)
{
    uint32_t room = queue_free(&l->output);
    return room < LDISC_ECHO_ROOM + 8 ? 0 : (room - LDISC_ECHO_ROOM) / 8;
}

void ldisc_flush_output(struct ldisc *l) { l->output.tail = l->output.head; }
