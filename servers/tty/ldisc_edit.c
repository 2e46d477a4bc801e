// SPDX-License-Identifier: MIT
// Echo, and editing of the line being typed: VERASE, VWERASE, VKILL.
//
// What is erased is shown by stepping back over it, so this part knows how wide each typed byte appeared: control
// characters two columns under ECHOCTL and none without it, a tab up to eight, a UTF-8 character one.
#include "servers/tty/ldisc.h"

static bool local(const struct ldisc *l, tcflag_t flag) { return (l->termios.c_lflag & flag) != 0; }

void ldisc_echo_raw(struct ldisc *l, uint8_t byte) { ldisc_put(l, byte, 0); }

void ldisc_echo(struct ldisc *l, uint8_t byte)
{
    if (!local(l, ECHOCTL) || !ldisc_is_control(byte) || byte == '\t') {
        ldisc_echo_raw(l, byte);
    } else if (queue_free(&l->output) >= 2) {
        queue_put(&l->output, '^');
        queue_put(&l->output, byte ^ 0x40);
        l->column += 2;
    }
}

void ldisc_finish_erasing(struct ldisc *l)
{
    if (l->erasing) ldisc_echo_raw(l, '/');
    l->erasing = false;
}

static void step_back(struct ldisc *l)
{
    ldisc_echo_raw(l, '\b');
    ldisc_echo_raw(l, ' ');
    ldisc_echo_raw(l, '\b');
}

// A tab was erased: step back to where it began, which what was typed before it tells.
static void erase_tab(struct ldisc *l)
{
    uint32_t column = 0, at = l->end;
    uint8_t c = 0;
    while (at != l->line && c != '\t') {
        c = ldisc_input_at(l, --at);
        if (ldisc_is_control(c))
            column += c != '\t' && local(l, ECHOCTL) ? 2 : 0;
        else
            column += !ldisc_is_continuation(l, c);
    }
    if (c != '\t') column += l->start_column;
    for (uint32_t n = 8 - column % 8; n > 0; n--) {
        if (queue_free(&l->output) > 0) queue_put(&l->output, '\b');
        l->column -= l->column > 0;
    }
}

// Show that the n-byte character at l->end, already taken back, is gone.
static void show_erased(struct ldisc *l, uint32_t n, bool one_character)
{
    uint8_t first = ldisc_input_at(l, l->end);
    if (local(l, ECHOPRT)) {
        if (!l->erasing) ldisc_echo_raw(l, '\\');
        l->erasing = true;
        ldisc_echo(l, first);
        for (uint32_t i = 1; i < n; i++) {
            ldisc_echo_raw(l, ldisc_input_at(l, l->end + i));
            l->column -= l->column > 0;  // one too many, but what Linux does
        }
    } else if (one_character && !local(l, ECHOE)) {
        ldisc_echo(l, l->termios.c_cc[VERASE]);
    } else if (first == '\t') {
        erase_tab(l);
    } else {
        if (ldisc_is_control(first) && local(l, ECHOCTL)) step_back(l);
        if (!ldisc_is_control(first) || local(l, ECHOCTL)) step_back(l);
    }
}

// Take back the last character of the line, all its bytes. False: only a fragment is left, which stays.
static bool take_back(struct ldisc *l, uint32_t *n)
{
    uint32_t at = l->end;
    do at--;
    while (ldisc_is_continuation(l, ldisc_input_at(l, at)) && at != l->line);
    if (ldisc_is_continuation(l, ldisc_input_at(l, at))) return false;
    *n = l->end - at;
    l->end = at;
    return true;
}

// VKILL where the line is not wiped from the screen: forget it and, with ECHO, show the key.
static void kill_unseen(struct ldisc *l)
{
    l->end = l->line;
    if (!local(l, ECHO)) return;
    ldisc_finish_erasing(l);
    ldisc_echo(l, l->termios.c_cc[VKILL]);
    if (local(l, ECHOK)) ldisc_echo_raw(l, '\n');
}

void ldisc_erase(struct ldisc *l, uint8_t key)
{
    bool one_character = key == l->termios.c_cc[VERASE];
    bool word = !one_character && key == l->termios.c_cc[VWERASE] && local(l, IEXTEN);
    bool visible = local(l, ECHO) && local(l, ECHOK) && local(l, ECHOKE) && local(l, ECHOE);
    bool in_word = false;
    if (l->end == l->line) return;
    if (!one_character && !word && !visible) {
        kill_unseen(l);
        return;
    }
    while (l->end != l->line) {
        uint32_t n, before = l->end;
        if (!take_back(l, &n)) break;
        uint8_t first = ldisc_input_at(l, l->end);
        bool word_byte = ldisc_is_alnum(first) || first == '_';
        if (word && in_word && !word_byte) {
            l->end = before;
            break;
        }
        in_word |= word_byte;
        if (local(l, ECHO)) show_erased(l, n, one_character);
        if (one_character) break;
    }
    if (l->end == l->line && local(l, ECHO)) ldisc_finish_erasing(l);
}
