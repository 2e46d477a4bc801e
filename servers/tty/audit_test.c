// SPDX-License-Identifier: MIT
// Audits of terminals: what is sound stays as it is; who has one open is counted anew; what has gone astray comes back.
// Links audit.c ldisc_input.c ldisc_edit.c ldisc_output.c ldisc_read.c.
#include "lib/rt/rt.h"
static struct component_info the_info;
#define rt_info() (&the_info)
#include <stdio.h>
#include <stdlib.h>
#include "lib/server/table.c"
#include "servers/tty/tty.h"

#define PTY SERIAL_MAX  // the first

static unsigned n_tests, n_failed;

static void ok(bool passed, const char *name)
{
    printf("%sok %u - %s\n", passed ? "" : "not ", ++n_tests, name);
    n_failed += !passed;
}

// --- the library

static struct tty_state the_state;
struct tty_state *tty = &the_state;
static _Alignas(16) uint8_t records[16384], terminal_bytes[TERMINALS * LDISC_MEMORY],
    stream_bytes[STREAMS * QUEUE_BYTES];

uint64_t vault_step(void) { return 1; }
void vault_keep(const void *address, size_t bytes) { (void)address, (void)bytes; }
void *vault_alloc(size_t bytes) { return bytes <= sizeof records ? records : NULL; }
void vault_log(const void *address, size_t bytes) { (void)address, (void)bytes; }
void vault_set_unlogged(uint32_t *word, uint32_t value) { *word = value; }
void vault_clear_unlogged(void *address, size_t bytes) { memset(address, 0, bytes); }
void io_audit(void) {}
void io_wake_all(void) {}
_Noreturn void panic(const char *format, ...)
{
    printf("%s\n", format);
    exit(1);
}

// --- terminals

static struct description *open_side(enum description_kind kind, uint32_t index)
{
    struct description *d = table_new(&tty->io.descriptions);
    *d = (struct description){.kind = kind, .index = index, .hangups = tty->terminals[index].hangups};
    return d;
}

// A pseudo-terminal with its master side open and its terminal twice.
static void start(void)
{
    *tty = (struct tty_state){.terminal_bytes = terminal_bytes, .stream_bytes = stream_bytes};
    memset(records, 0, sizeof records);
    table_init(&tty->io.descriptions, sizeof(struct description), 16);
    for (uint32_t i = 0; i < TERMINALS; i++) {
        ldisc_init(&tty->terminals[i].ldisc, terminal_bytes + i * LDISC_MEMORY);
        tty->terminals[i].line = NONE;
    }
    for (uint32_t i = 0; i < STREAMS; i++)
        tty->streams[i] = (struct stream){.output.bytes = stream_bytes + i * QUEUE_BYTES, .line = i};
    struct terminal *t = &tty->terminals[PTY];
    t->master = t->opened = true;
    t->opens = 2;
    t->session = t->group = 7;
    (void)open_side(MASTER_SIDE, PTY);
    for (unsigned i = 0; i < 2; i++) (void)open_side(TERMINAL_SIDE, PTY);
    (void)open_side(STREAM_SIDE, 2);
    (void)ldisc_receive(&t->ldisc, (const uint8_t *)"typed\n", 6);
}

static void test_sound(void)
{
    static struct tty_state before;
    start();
    before = *tty;
    audit();
    ok(memcmp(&before, tty, sizeof before) == 0, "a sound state stays as it is");
}

static void test_opens(void)
{
    start();
    struct terminal *t = &tty->terminals[PTY];
    t->opens = 5;
    tty->terminals[PTY + 1].master = true;
    audit();
    ok(t->opens == 2 && t->master && t->session == 7, "opens are counted anew");
    ok(!tty->terminals[PTY + 1].master, "and a master side that nobody has is closed");
    for (uint32_t i = 0; i < tty->io.descriptions.n_fresh; i++) {
        struct description *d = table_at(&tty->io.descriptions, i);
        if (d->kind == TERMINAL_SIDE) table_free(&tty->io.descriptions, d);
    }
    audit();
    ok(t->opens == 0 && t->session == 0 && t->group == 0, "a terminal that nobody has open controls nobody");
}

static void test_astray(void)
{
    start();
    struct description *d = open_side(TERMINAL_SIDE, PTY), *stream = open_side(STREAM_SIDE, 1);
    struct terminal *t = &tty->terminals[PTY];
    struct io_waiter waiter = {0};
    d->index = 1000;
    stream->kind = 77;
    t->readers.first = tty->streams[0].writers.first = &waiter;
    t->ldisc.input = NULL;
    t->ldisc.end = t->ldisc.read + 2 * LDISC_INPUT;
    t->ldisc.output.tail = t->ldisc.output.head + 2 * QUEUE_BYTES;
    tty->streams[0].output.bytes = NULL;
    audit();
    ok(d->index == 0 && d->hangups != tty->terminals[0].hangups, "a description of no terminal is dead");
    ok(stream->kind == TERMINAL_SIDE && tty->terminals[0].opens == 2, "and one of no kind");
    ok(!t->readers.first && !tty->streams[0].writers.first, "nobody waits");
    ok(t->ldisc.input == terminal_bytes + PTY * LDISC_MEMORY + LDISC_INPUT / 8 &&
           tty->streams[0].output.bytes == stream_bytes,
       "bytes lie where they lay");
    ok(t->ldisc.end == t->ldisc.read && queue_used(&t->ldisc.output) == 0, "positions lie within bounds");
}

int main(void)
{
    test_sound();
    test_opens();
    test_astray();
    printf("1..%u\n", n_tests);
    return n_failed != 0;
}
