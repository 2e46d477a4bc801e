// SPDX-License-Identifier: MIT
// From the input queue to the reader, and the changes of mode between.
#include "servers/tty/ldisc.h"

static bool canonical(const struct ldisc *l) { return (l->termios.c_lflag & ICANON) != 0; }

static bool ends_line(const struct ldisc *l, uint32_t position)
{
    return l->line_ends[position % LDISC_INPUT / 64] >> position % 64 & 1;
}

static bool ends_file(const struct ldisc *l, uint32_t position)
{
    return ends_line(l, position) && ldisc_input_at(l, position) == 0;
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

void ldisc_place(struct ldisc *l, void *memory)
{
    l->line_ends = memory;
    l->input = (uint8_t *)memory + LDISC_INPUT / 8;
    l->output.bytes = l->input + LDISC_INPUT;
}

void ldisc_init(struct ldisc *l, void *memory)
{
    *l = (struct ldisc){0};
    ldisc_place(l, memory);
    ldisc_reset(l);
}

void ldisc_reset(struct ldisc *l)
{
    static const uint8_t keys[NCCS] = {
        [VINTR] = 'C' - 64,    [VQUIT] = '\\' - 64,   [VERASE] = 0x7f,
        [VKILL] = 'U' - 64,    [VEOF] = 'D' - 64,     [VMIN] = 1,
        [VSTART] = 'Q' - 64,   [VSTOP] = 'S' - 64,    [VSUSP] = 'Z' - 64,
        [VREPRINT] = 'R' - 64, [VDISCARD] = 'O' - 64, [VWERASE] = 'W' - 64,
        [VLNEXT] = 'V' - 64,
    };
    *l = (struct ldisc){
        .termios = {.c_iflag = ICRNL | IXON,
                    .c_oflag = OPOST | ONLCR,
                    .c_cflag = B38400 | CS8 | CREAD,
                    .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN},
        .line_ends = l->line_ends,
        .input = l->input,
        .output.bytes = l->output.bytes,
    };
    for (unsigned i = 0; i < NCCS; i++) l->termios.c_cc[i] = keys[i];
}

// Bytes of the first line that a reader gets, without an end-of-file mark; *end is the position behind the line.
static size_t first_line(const struct ldisc *l, size_t at_most, uint32_t *end)
{
    uint32_t at = l->read;
    while (at != l->line && at - l->read < at_most && !ends_line(l, at)) at++;
    size_t n = at - l->read;
    if (at != l->line && ends_line(l, at)) {
        if (ends_file(l, at)) {
            at++;  // also behind a full buffer: the reader has seen the whole line
        } else if (n < at_most) {
            at++;
            n++;
        }
    }
    *end = at;
    return n;
}

size_t ldisc_readable(const struct ldisc *l, size_t wanted, bool *ready)
{
    if (canonical(l)) {
        uint32_t end;
        *ready = l->line != l->read;
        return first_line(l, wanted, &end);
    }
    size_t n = smaller(l->end - l->read, wanted);
    size_t enough = smaller(l->termios.c_cc[VMIN], wanted);
    *ready = n >= enough && (n > 0 || l->termios.c_cc[VTIME] == 0);
    return n;
}

size_t ldisc_read(struct ldisc *l, uint8_t *to, size_t n)
{
    uint32_t end;
    if (canonical(l)) {
        n = first_line(l, n, &end);
    } else {
        n = smaller(n, l->end - l->read);
        end = l->read + (uint32_t)n;
    }
    for (size_t i = 0; i < n; i++) to[i] = ldisc_input_at(l, l->read + (uint32_t)i);
    l->read = end;
    if (!canonical(l)) l->line = end;
    return n;
}

size_t ldisc_pending(const struct ldisc *l)
{
    if (!canonical(l)) return l->end - l->read;
    size_t n = 0;
    for (uint32_t at = l->read; at != l->line; at++) n += !ends_file(l, at);
    return n;
}

void ldisc_flush_input(struct ldisc *l)
{
    l->read = l->line = l->end;
    l->erasing = false;
}

void ldisc_set_termios(struct ldisc *l, const struct termios *termios)
{
    struct termios old = l->termios;
    l->termios = *termios;
    if ((old.c_iflag & IXON) && !(termios->c_iflag & IXON) && !l->held) l->stopped = false;
    if (((old.c_lflag ^ termios->c_lflag) & ICANON) == 0) return;
    // Marks of lines end here: what is pending reads as bytes, or going to canonical mode, as one line.
    for (unsigned i = 0; i < LDISC_INPUT / 64; i++) l->line_ends[i] = 0;
    l->line = canonical(l) ? l->end : l->read;
    if (l->line != l->read) l->line_ends[(l->end - 1) % LDISC_INPUT / 64] |= 1ull << (l->end - 1) % 64;
    l->erasing = l->literal_next = false;
}
