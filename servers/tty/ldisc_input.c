// SPDX-License-Identifier: MIT
// Input processing: one byte from the line through mapping, flow control, signals, editing and echo into the input
// queue.
//
// The order of the questions is N_TTY's and matters: a byte that is VSTOP and VINTR at once stops, VINTR is seen before
// CR is mapped, and editing keys exist in canonical mode only. A c_cc of 0 (_POSIX_VDISABLE) names no key.
#include "servers/tty/ldisc.h"

#include <asm/signal.h>

static bool local(const struct ldisc *l, tcflag_t flag) { return (l->termios.c_lflag & flag) != 0; }

static bool input_flag(const struct ldisc *l, tcflag_t flag) { return (l->termios.c_iflag & flag) != 0; }

static bool is_key(const struct ldisc *l, uint8_t c, unsigned key) { return c != 0 && c == l->termios.c_cc[key]; }

static void store(struct ldisc *l, uint8_t c)
{
    uint64_t *word = &l->line_ends[l->end % LDISC_INPUT / 64], bit = 1ull << l->end % 64;
    if (*word & bit) *word &= ~bit;
    l->input[l->end % LDISC_INPUT] = c;
    l->end++;
}

// Store the byte that completes the line.
static void end_line(struct ldisc *l, uint8_t c)
{
    store(l, c);
    l->line_ends[(l->end - 1) % LDISC_INPUT / 64] |= 1ull << (l->end - 1) % 64;
    l->line = l->end;
}

// Store a byte of data. A 0xff is doubled under PARMRK, where a lone one announces an error of the line.
static void store_marked(struct ldisc *l, uint8_t c)
{
    if (c == 0xff && input_flag(l, PARMRK) && l->end - l->read < LDISC_INPUT - 1) store(l, c);
    store(l, c);
}

static void start_output(struct ldisc *l)
{
    if (!l->held) l->stopped = false;
}

static void echo_typed(struct ldisc *l, uint8_t c)
{
    if (!local(l, ECHO)) return;
    ldisc_finish_erasing(l);
    if (l->line == l->end) l->start_column = l->column;
    ldisc_echo(l, c);
}

static void typed_signal(struct ldisc *l, int number, uint8_t c)
{
    l->signals |= LDISC_SIGNAL(number);
    if (!local(l, NOFLSH)) {
        ldisc_flush_output(l);
        ldisc_flush_input(l);
    }
    if (input_flag(l, IXON)) start_output(l);
    if (local(l, ECHO)) ldisc_echo(l, c);
}

// VINTR, VQUIT, VSUSP; true when the byte was one of them.
static bool signal_key(struct ldisc *l, uint8_t c)
{
    static const struct {
        uint8_t key, number;
    } keys[] = {{VINTR, SIGINT}, {VQUIT, SIGQUIT}, {VSUSP, SIGTSTP}};
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (is_key(l, c, keys[i].key)) {
            typed_signal(l, keys[i].number, c);
            return true;
        }
    }
    return false;
}

static void literal_key(struct ldisc *l)
{
    l->literal_next = true;
    if (!local(l, ECHO)) return;
    ldisc_finish_erasing(l);
    if (local(l, ECHOCTL)) {
        ldisc_echo_raw(l, '^');
        ldisc_echo_raw(l, '\b');
    }
}

static void reprint_key(struct ldisc *l, uint8_t c)
{
    ldisc_finish_erasing(l);
    ldisc_echo(l, c);
    ldisc_echo_raw(l, '\n');
    for (uint32_t at = l->line; at != l->end; at++) ldisc_echo(l, ldisc_input_at(l, at));
}

// A CR came that is to be an NL: in either mode it shows as one, while an NL that is no key shows as ^J.
static void new_line(struct ldisc *l)
{
    bool shown = local(l, ECHO) || (local(l, ICANON) && local(l, ECHONL));
    if (local(l, ECHO) && !local(l, ICANON)) ldisc_finish_erasing(l);
    if (shown) ldisc_echo_raw(l, '\n');
    if (local(l, ICANON))
        end_line(l, '\n');
    else
        store(l, '\n');
}

// Keys of canonical mode; true when the byte was one and needs nothing more.
static bool canonical_key(struct ldisc *l, uint8_t c)
{
    bool extended = local(l, IEXTEN);
    if (is_key(l, c, VERASE) || is_key(l, c, VKILL) || (extended && is_key(l, c, VWERASE))) {
        ldisc_erase(l, c);
    } else if (extended && is_key(l, c, VLNEXT)) {
        literal_key(l);
    } else if (extended && local(l, ECHO) && is_key(l, c, VREPRINT)) {
        reprint_key(l, c);
    } else if (c == '\n') {
        new_line(l);
    } else if (is_key(l, c, VEOF)) {
        end_line(l, 0);
    } else if (is_key(l, c, VEOL) || (extended && is_key(l, c, VEOL2))) {
        if (local(l, ECHO)) {
            if (l->line == l->end) l->start_column = l->column;
            ldisc_echo(l, c);
        }
        end_line(l, c);
    } else {
        return false;
    }
    return true;
}

static void receive_byte(struct ldisc *l, uint8_t c)
{
    if (input_flag(l, ISTRIP)) c &= 0x7f;
    if (input_flag(l, IUCLC) && local(l, IEXTEN)) c = ldisc_to_lower(c);
    if (l->literal_next) {
        l->literal_next = false;
        if (l->stopped && input_flag(l, IXON) && input_flag(l, IXANY)) start_output(l);
        echo_typed(l, c);
        store_marked(l, c);
        return;
    }
    if (input_flag(l, IXON)) {
        if (is_key(l, c, VSTART)) {
            start_output(l);
            return;
        }
        if (is_key(l, c, VSTOP)) {
            l->stopped = true;
            return;
        }
    }
    if (local(l, ISIG) && signal_key(l, c)) return;
    if (l->stopped && input_flag(l, IXON) && input_flag(l, IXANY)) start_output(l);
    if (c == '\r') {
        if (input_flag(l, IGNCR)) return;
        if (input_flag(l, ICRNL)) {
            new_line(l);
            return;
        }
    } else if (c == '\n' && input_flag(l, INLCR)) {
        c = '\r';
    }
    if (local(l, ICANON) && canonical_key(l, c)) return;
    echo_typed(l, c);
    store_marked(l, c);
}

bool ldisc_has_room(const struct ldisc *l)
{
    bool endless_line = local(l, ICANON) && l->line == l->read;
    return l->end - l->read < LDISC_INPUT - 1 || endless_line;
}

size_t ldisc_receive(struct ldisc *l, const uint8_t *bytes, size_t n)
{
    size_t taken = 0;
    for (; taken < n && ldisc_has_room(l); taken++) {
        // A line longer than the queue loses its end, so that its newline still fits.
        if (l->end - l->read == LDISC_INPUT) l->end--;
        receive_byte(l, bytes[taken]);
    }
    return taken;
}
