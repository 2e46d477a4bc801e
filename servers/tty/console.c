// SPDX-License-Identifier: MIT
// The console's input: what the host command types, with its escapes taken out.
//
// `./bulkhead run` passes the keyboard on byte by byte and adds what a serial line cannot carry behind 0xFF, a byte
// that UTF-8 does not use: FF FF is the byte FF; FF 'W' rows cols (16 bits each, low byte first) is the size of its
// window. An escape of another kind is dropped. The state between two bytes is the vault's: an escape may arrive in
// pieces.
#include "servers/tty/tty.h"

#define ESCAPE 0xff
#define WINDOW_BYTES 6
#define RECEIVE_MAX 512  // bytes in one step: its undo log is bounded

// Take one byte of an escape. True when the byte stands for itself and goes on to the terminal.
static bool decode(struct line *line, struct terminal *t, uint8_t byte)
{
    if (line->escape_bytes == 0 && byte != ESCAPE) return true;
    line->escape[line->escape_bytes++] = byte;
    if (line->escape_bytes == 1 || (line->escape[1] == 'W' && line->escape_bytes < WINDOW_BYTES)) return false;
    line->escape_bytes = 0;
    if (line->escape[1] == 'W') {
        struct winsize size = {.ws_row = (uint16_t)(line->escape[2] | line->escape[3] << 8),
                               .ws_col = (uint16_t)(line->escape[4] | line->escape[5] << 8)};
        terminal_set_size(t, &size);
        return false;
    }
    return byte == ESCAPE;
}

void console_receive(struct line *line)
{
    struct terminal *t = &tty->terminals[line->terminal];
    struct ldisc work = t->ldisc;
    uint32_t waiting = line_waiting(line), used = 0;
    for (; used < waiting && used < RECEIVE_MAX && ldisc_has_room(&work); used++) {
        uint8_t byte = line_byte(line, used);
        if (decode(line, t, byte)) ldisc_receive(&work, &byte, 1);
    }
    if (used == 0) return;
    t->ldisc = work;
    t->input_ns = server_now();
    line_use(line, used);
    terminal_settle(t);
    if (used < waiting && ldisc_has_room(&t->ldisc)) tty_wake_at(0);
}
