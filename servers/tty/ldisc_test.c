// SPDX-License-Identifier: MIT
// Unit tests of the line discipline, on the host. Links ldisc_input.c ldisc_edit.c ldisc_output.c ldisc_read.c.
//
// Every expectation here is what a Linux pty does. With --play the program obeys commands on standard input, for
// tests/host/test_ldisc.py, which drives a real pty with the same random input and compares:
//   set IFLAG OFLAG LFLAG VMIN   type HEX   write HEX   read N   output   -> one line each: HEX of the result, "-":
//   would wait
#include "servers/tty/ldisc.h"

#include <asm/signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ldisc l;
static uint64_t memory[LDISC_MEMORY / 8];
static unsigned n_tests, n_failed;
static const char *subject;

// --- what the tests are made of

static void fresh(const char *name)
{
    memset(memory, 0xa5, sizeof memory);
    ldisc_init(&l, memory);
    subject = name;
}

static void change(tcflag_t iflag, tcflag_t oflag, tcflag_t lflag, unsigned vmin)
{
    struct termios t = l.termios;
    t.c_iflag = iflag;
    t.c_oflag = oflag;
    t.c_lflag = lflag;
    t.c_cc[VMIN] = (cc_t)vmin;
    ldisc_set_termios(&l, &t);
}

static void set_flags(tcflag_t iflag, tcflag_t lflag)
{
    change(l.termios.c_iflag | iflag, l.termios.c_oflag, l.termios.c_lflag | lflag, 1);
}

static void clear_flags(tcflag_t iflag, tcflag_t lflag)
{
    change(l.termios.c_iflag & ~iflag, l.termios.c_oflag, l.termios.c_lflag & ~lflag, 1);
}

static size_t type_bytes(const void *bytes, size_t n) { return ldisc_receive(&l, bytes, n); }

static void type(const char *text) { type_bytes(text, strlen(text)); }

static void say(const char *text) { ldisc_write(&l, (const uint8_t *)text, strlen(text)); }

static size_t take_output(char *to)
{
    size_t n = 0;
    for (; l.output.head != l.output.tail; l.output.head++) to[n++] = (char)l.output.bytes[l.output.head % QUEUE_BYTES];
    to[n] = 0;
    return n;
}

static void report(int ok, const char *what, const char *expected, const char *got)
{
    n_tests++;
    n_failed += !ok;
    printf("%sok %u - %s: %s\n", ok ? "" : "not ", n_tests, subject, what);
    if (!ok) printf("# expected \"%s\", got \"%s\"\n", expected, got);
}

static void shows(const char *expected)
{
    static char got[QUEUE_BYTES + 1];
    take_output(got);
    report(strcmp(expected, got) == 0, "output", expected, got);
}

// A read of n bytes gives this; null: it would wait.
static void reads(size_t n, const char *expected)
{
    static uint8_t got[LDISC_INPUT + 1];
    bool ready;
    size_t available = ldisc_readable(&l, n, &ready), read = 0;
    if (ready) read = ldisc_read(&l, got, n);
    got[read] = 0;
    int same = ready ? expected && read == available && strcmp((char *)got, expected) == 0 : !expected;
    report(same, "read", expected ? expected : "(waits)", ready ? (char *)got : "(waits)");
}

static void is(const char *what, unsigned long expected, unsigned long got)
{
    char a[24], b[24];
    snprintf(a, sizeof a, "%lu", expected);
    snprintf(b, sizeof b, "%lu", got);
    report(expected == got, what, a, b);
}

// --- canonical mode

static void test_lines(void)
{
    fresh("a line is readable when it is complete");
    type("ab");
    reads(100, NULL);
    type("c\n");
    shows("abc\r\n");
    reads(100, "abc\n");
    reads(100, NULL);

    fresh("a short read leaves the rest of the line");
    type("abcdef\nxy\n");
    reads(4, "abcd");
    reads(4, "ef\n");
    reads(4, "xy\n");

    fresh("end of file behind text ends the read, alone it reads as nothing");
    type("abc\x04");
    reads(100, "abc");
    type("\x04");
    reads(100, "");
    reads(100, NULL);

    fresh("end of file behind a read that filled its buffer is not seen again");
    type("abc\x04");
    reads(3, "abc");
    reads(3, NULL);

    fresh("CR becomes NL, or is ignored, and NL becomes CR");
    type("a\r");
    reads(9, "a\n");
    set_flags(IGNCR, 0);
    type("b\r\n");
    reads(9, "b\n");
    clear_flags(IGNCR | ICRNL, 0);
    set_flags(INLCR, 0);
    type("c\n\x04");
    reads(9, "c\r");

    fresh("VEOL ends a line and is part of it");
    l.termios.c_cc[VEOL] = '!';
    type("ab!cd");
    reads(9, "ab!");
    reads(9, NULL);

    fresh("pending counts complete lines, without the end-of-file mark");
    type("ab\ncd\x04xyz");
    is("FIONREAD", 5, ldisc_pending(&l));
}

static void test_editing(void)
{
    fresh("erase takes the last character back");
    type("ab\177c\n");
    shows("ab\b \bc\r\n");
    reads(9, "ac\n");

    fresh("erase at the beginning of the line does nothing");
    type("\177\177a\n");
    shows("a\r\n");

    fresh("a control character takes two columns and both go");
    type("a\001\177\n");
    shows("a^A\b \b\b \b\r\n");

    fresh("erase of a UTF-8 character under IUTF8 takes all its bytes");
    set_flags(IUTF8, 0);
    type("a\xc3\xa9\177\n");
    shows("a\xc3\xa9\b \b\r\n");
    reads(9, "a\n");

    fresh("without IUTF8 it takes one byte");
    type("\xc3\xa9\177\n");
    reads(9, "\xc3\n");

    fresh("word erase takes blanks, then the word");
    type("one two  \027\n");
    shows("one two  \b \b\b \b\b \b\b \b\b \b\r\n");
    reads(9, "one \n");

    fresh("kill wipes the line");
    type("abc\025x\n");
    shows("abc\b \b\b \b\b \bx\r\n");
    reads(9, "x\n");

    fresh("kill without ECHOKE shows itself and a new line");
    clear_flags(0, ECHOKE);
    type("abc\025x\n");
    shows("abc^U\r\nx\r\n");

    fresh("a tab is erased back to its column");
    say("> ");
    type("ab\t\177\n");
    shows("> ab\t\b\b\b\b\r\n");

    fresh("the literal key takes the next byte as it is");
    type("a\026\003b\n");
    shows("a^\b^Cb\r\n");
    reads(9, "a\003b\n");

    fresh("reprint shows the line again");
    type("ab\022c\n");
    shows("ab^R\r\nabc\r\n");

    fresh("ECHOPRT shows what is erased between \\ and /");
    set_flags(0, ECHOPRT);
    type("abc\177\177d\n");
    shows("abc\\cb/d\r\n");

    fresh("without ECHO nothing shows, but NL under ECHONL");
    clear_flags(0, ECHO);
    type("a\177b\n");
    shows("");
    set_flags(0, ECHONL);
    type("a\n");
    shows("\r\n");

    fresh("a NUL is no key and is echoed");
    type_bytes("a\0b\n", 4);
    shows("a^@b\r\n");
}

// --- raw mode, signals, flow

static void test_raw(void)
{
    fresh("raw mode passes bytes on at once");
    change(0, 0, 0, 1);
    type("\003a\r");
    reads(9, "\003a\r");
    shows("");

    fresh("VMIN bytes are waited for, but not more than asked for");
    change(0, 0, 0, 4);
    type("abc");
    reads(9, NULL);
    reads(2, "ab");
    type("xyz");
    reads(9, "cxyz");

    fresh("a 0xff is doubled under PARMRK");
    change(PARMRK, 0, ECHO, 1);
    type("\xff");
    reads(9, "\xff\xff");

    fresh("VMIN 0 never waits");
    change(0, 0, 0, 0);
    reads(9, "");

    fresh("what was typed stays when the mode changes");
    type("abc");
    change(0, 0, 0, 1);
    reads(2, "ab");
    change(ICRNL, OPOST, ICANON, 1);
    reads(9, "c");
    reads(9, NULL);
}

static void test_signals(void)
{
    fresh("the interrupt key signals, shows and flushes");
    say("out");
    type("abc\003");
    is("signals", LDISC_SIGNAL(SIGINT), l.signals);
    shows("^C");
    type("x\n");
    reads(9, "x\n");

    fresh("NOFLSH keeps what was typed");
    set_flags(0, NOFLSH);
    type("abc\032\n");
    is("signals", LDISC_SIGNAL(SIGTSTP), l.signals);
    shows("abc^Z\r\n");
    reads(9, "abc\n");

    fresh("without ISIG the keys are bytes");
    clear_flags(0, ISIG);
    type("\034\n");
    is("signals", 0, l.signals);
    reads(9, "\034\n");
}

static void test_flow(void)
{
    fresh("VSTOP and VSTART stop and start output and are not read");
    type("a\023");
    is("stopped", 1, l.stopped);
    type("b\021\n");
    is("stopped", 0, l.stopped);
    reads(9, "ab\n");

    fresh("IXANY starts at any key");
    set_flags(IXANY, 0);
    type("\023b");
    is("stopped", 0, l.stopped);

    fresh("output that TCOOFF holds is not started by a key");
    l.stopped = l.held = true;
    type("\021");
    is("stopped", 1, l.stopped);
}

// --- output and limits

static void test_output(void)
{
    fresh("NL becomes CR NL");
    say("a\nb\n");
    shows("a\r\nb\r\n");

    fresh("tabs become blanks under XTABS");
    l.termios.c_oflag |= XTABS;
    say("ab\tc\n\td");
    shows("ab      c\r\n        d");

    fresh("OCRNL, ONOCR, OLCUC");
    l.termios.c_oflag |= OLCUC;
    say("ab\r");
    l.termios.c_oflag |= ONOCR;
    say("\rx");
    l.termios.c_oflag = OPOST | OCRNL;
    say("\r");
    shows("AB\rX\n");

    fresh("without OPOST bytes are left alone");
    l.termios.c_oflag = ONLCR;
    say("a\n");
    shows("a\n");
}

static void test_limits(void)
{
    static uint8_t many[2 * QUEUE_BYTES];
    memset(many, 'x', sizeof many);

    fresh("a line without end loses what is beyond 4095 bytes");
    clear_flags(0, ECHO);
    is("taken", 10000, type_bytes(many, 10000));
    type("\n");
    is("FIONREAD", 4096, ldisc_pending(&l));

    fresh("behind a complete line input waits for the reader");
    type("a\n");
    is("taken", 4093, type_bytes(many, 10000));
    reads(9, "a\n");
    is("room", 1, ldisc_has_room(&l));

    fresh("raw input waits for the reader");
    change(0, 0, 0, 1);
    is("taken", 4095, type_bytes(many, 10000));

    fresh("output stops at the room for echoes, which still show");
    size_t taken = ldisc_write(&l, many, sizeof many);
    is("taken", QUEUE_BYTES - LDISC_ECHO_ROOM, taken);
    type("a");
    is("queued", taken + 1, queue_used(&l.output));
    is("room", 0, ldisc_write_room(&l));

    fresh("echoes never overrun the queue");
    for (unsigned i = 0; i < 64; i++) type_bytes("\001\001\001\001\001\022", 6), type_bytes(many, 4000), type("\025");
    is("queued", 1, queue_used(&l.output) <= QUEUE_BYTES);
}

// --- playing for the comparison

static size_t from_hex(const char *hex, uint8_t *to)
{
    size_t n = 0;
    unsigned byte;
    for (; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++) to[n] = (uint8_t)byte;
    return n;
}

static void print_hex(const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) printf("%02x", ((const uint8_t *)bytes)[i]);
    printf("\n");
}

static void play_read(size_t n)
{
    static uint8_t got[LDISC_INPUT];
    bool ready;
    ldisc_readable(&l, n, &ready);
    if (ready)
        print_hex(got, ldisc_read(&l, got, n));
    else
        printf("-\n");
}

static int play(void)
{
    static char line[1 << 16], output[QUEUE_BYTES + 1];
    static uint8_t bytes[1 << 15];
    unsigned a, b, c, d;
    fresh("play");
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "set %u %u %u %u", &a, &b, &c, &d) == 4)
            change(a, b, c, d), printf("\n");
        else if (strncmp(line, "type ", 5) == 0)
            printf("%zu\n", type_bytes(bytes, from_hex(line + 5, bytes)));
        else if (strncmp(line, "write ", 6) == 0)
            printf("%zu\n", l.stopped ? 0 : ldisc_write(&l, bytes, from_hex(line + 6, bytes)));
        else if (sscanf(line, "read %u", &a) == 1)
            play_read(a);
        else if (strncmp(line, "output", 6) == 0)
            print_hex(output, take_output(output));
        fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--play") == 0) return play();
    test_lines();
    test_editing();
    test_raw();
    test_signals();
    test_flow();
    test_output();
    test_limits();
    printf("1..%u\n", n_tests);
    return n_failed != 0;
}
