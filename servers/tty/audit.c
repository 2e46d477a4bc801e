// SPDX-License-Identifier: MIT
// The audit (lib/server/audit.h), behind the io helper's: who has a terminal open follows from the descriptions, where its
// bytes lie from its number, and positions lie within bounds. Nobody waits any more.
#include "servers/tty/tty.h"

#include "lib/server/audit.h"

static void empty_waiting(void)
{
    for (struct terminal *t = tty->terminals; t < tty->terminals + TERMINALS; t++) {
        t->readers.first = t->writers.first = t->drainers.first = NULL;
        t->master_readers.first = t->master_writers.first = NULL;
    }
    for (struct stream *s = tty->streams; s < tty->streams + STREAMS; s++)
        s->readers.first = s->writers.first = s->drainers.first = NULL;
}

void wake_all(void)
{
    io_wake_all();
    empty_waiting();
}

static bool is_of_something(const struct description *d)
{
    if (d->kind == STREAM_SIDE) return d->index < STREAMS && tty->streams[d->index].line < LINES;
    return (d->kind == TERMINAL_SIDE || d->kind == MASTER_SIDE) && d->index < TERMINALS;
}

// What it was open on is not known any more: it is like one of a terminal that has hung up since.
static void lose(struct description *d)
{
    d->kind = TERMINAL_SIDE;
    d->index = 0;
    d->console = false;
    d->hangups = tty->terminals[0].hangups - 1;
}

static void count_opens(void)
{
    uint32_t opens[TERMINALS] = {0};
    bool masters[TERMINALS] = {0};
    for_each (description, d, &tty->io.descriptions) {
        if (!is_of_something(d)) lose(d);
        if (d->kind == TERMINAL_SIDE) opens[d->index]++;
        if (d->kind == MASTER_SIDE) masters[d->index] = true;
    }
    for (uint32_t i = 0; i < TERMINALS; i++) {
        struct terminal *t = &tty->terminals[i];
        t->opens = opens[i];
        if (t->opens == 0) t->session = t->group = t->exclusive = 0;
        if (t->master && !masters[i]) t->hangups++;
        t->master = masters[i];
    }
}

static void bound_output(struct queue *output)
{
    if (queue_used(output) > QUEUE_BYTES) output->head = output->tail;
}

static void bound_positions(void)
{
    for (uint32_t i = 0; i < TERMINALS; i++) {
        struct ldisc *l = &tty->terminals[i].ldisc;
        ldisc_place(l, tty->terminal_bytes + i * LDISC_MEMORY);
        if (l->end - l->read > LDISC_INPUT || l->line - l->read > l->end - l->read) ldisc_flush_input(l);
        bound_output(&l->output);
    }
    for (uint32_t i = 0; i < STREAMS; i++) {
        tty->streams[i].output.bytes = tty->stream_bytes + i * QUEUE_BYTES;
        bound_output(&tty->streams[i].output);
    }
}

void audit(void)
{
    io_audit();
    empty_waiting();
    count_opens();
    bound_positions();
}
