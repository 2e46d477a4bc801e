// SPDX-License-Identifier: MIT
// The terminal server: start, tables of operations, and what the uarts' signals and the clock set going.
//
// Arguments: console=COMPONENT for the serial console (/dev/console, /dev/ttyS0), stream=COMPONENT for /dev/stream0, 1,
// ... in this order. A uart that does not answer is asked again each second; the server serves meanwhile.
#include "servers/tty/tty.h"

#include "protocols/proc.h"

#define STATE_VERSION 2
#define ATTACH_AGAIN_NS 1000000000ull
#define BUFFERS 16  // processes that move more than IO_INLINE bytes at a time

struct tty_state *tty;

static const struct io_sizes sizes = {
    .description_bytes = sizeof(struct description),
    .session_bytes = sizeof(struct session),
    .n_descriptions = 512,
    .n_chunks = 1024,
    .n_threads = 1024,
    .n_waiters = 512,
};

static uint32_t add_line(struct tty_state *state, uint32_t *n_lines, const char *component, struct queue *output)
{
    if (*n_lines == LINES) panic("more than %u lines", LINES);
    line_init(&state->lines[*n_lines], component, output);
    return (*n_lines)++;
}

static void init(void *memory)
{
    struct tty_state *state = memory;
    char component[24];
    uint32_t n_lines = 0;
    io_init(&state->io, &sizes);
    state->terminal_bytes = vault_alloc(TERMINALS * LDISC_MEMORY);
    state->stream_bytes = vault_alloc(STREAMS * QUEUE_BYTES);
    vault_keep(&state->terminal_bytes, sizeof state->terminal_bytes + sizeof state->stream_bytes);
    for (uint32_t i = 0; i < TERMINALS; i++)
        terminal_init(&state->terminals[i], state->terminal_bytes + i * LDISC_MEMORY);
    for (uint32_t i = 0; i < STREAMS; i++) stream_init(&state->streams[i], state->stream_bytes + i * QUEUE_BYTES);
    if (rt_arg("console", 0, component, sizeof component)) {
        struct terminal *t = &state->terminals[0];
        t->line = add_line(state, &n_lines, component, &t->ldisc.output);
        t->ldisc.termios.c_cflag = B115200 | CS8 | CREAD | HUPCL | CLOCAL;
        t->ldisc.termios.c_iflag |= IUTF8;
        state->lines[t->line].terminal = 0;
    }
    for (uint32_t i = 0; i < STREAMS && rt_arg("stream", i, component, sizeof component); i++) {
        state->streams[i].line = add_line(state, &n_lines, component, &state->streams[i].output);
        state->lines[state->streams[i].line].stream = i;
    }
}

void tty_wake_at(uint64_t time_ns)
{
    if (time_ns < tty->wake_ns) {
        tty->wake_ns = time_ns;
        server_wake_at(time_ns);
    }
}

// Look at both rings of a line.
static void look(struct line *line)
{
    if (!line->attached) return;
    line_sync(line);
    if (line->stream != NONE) {
        stream_settle(&tty->streams[line->stream]);
    } else {
        console_receive(line);
        terminal_settle(&tty->terminals[line->terminal]);
    }
}

static void notified(uint64_t bits)
{
    (void)bits;  // signals are hints: all lines are looked at
    job_look();
    for (unsigned i = 0; i < LINES; i++) look(&tty->lines[i]);
}

static void tick(void)
{
    bool all_attached = true;
    tty->wake_ns = NS_FOREVER;
    for (unsigned i = 0; i < LINES; i++) all_attached &= line_attach(&tty->lines[i]);
    if (!all_attached) tty_wake_at(server_now() + ATTACH_AGAIN_NS);
    for (unsigned i = 0; i < TERMINALS; i++)
        if (tty->terminals[i].ldisc.termios.c_cc[VTIME] > 0) io_wake(&tty->terminals[i].readers);
    notified(0);
}

static const server_handler io_handlers[] = {
    IO_COMMON_HANDLERS,           IO_HANDLER(READ) = op_read,       IO_HANDLER(WRITE) = op_write,
    IO_HANDLER(SEEK) = op_seek,   IO_HANDLER(STAT) = op_stat,       IO_HANDLER(POLL) = op_poll,
    IO_HANDLER(IOCTL) = op_ioctl, IO_HANDLER(READDIR) = op_readdir, IO_HANDLER(TRUNCATE) = op_truncate,
    IO_HANDLER(SYNC) = op_sync,   IO_HANDLER(MAP) = op_map,         IO_HANDLER(PATH) = op_path,
};

static const server_handler tty_handlers[] = {[TTY_OPEN - TTY_OPEN] = op_open};

static const struct io_server io_server = {
    .describe = describe,
    .close = description_closed,
    .session_ended = job_session_ended,
    .buffers = &io_arena,
};

static const struct server server = {
    .session = {SERVER_OPERATIONS(IO_NOTIFY, io_handlers)},
    .channel = {SERVER_OPERATIONS(TTY_OPEN, tty_handlers)},
    .notified = notified,
    .tick = tick,
    .description_gone = io_description_gone,
    .session_gone = io_session_gone,
    .stale_session = io_stale_session,
    .audit = audit,
    .wake = wake_all,
    .check = io_check,
    .usage = io_usage,
    .effects = line_effects,
    .n_effects = EFFECTS,
    .recv_caps = 1,
};

int component_main(const struct component_info *info)
{
    (void)info;
    tty = server_attach(sizeof *tty, STATE_VERSION, init, NULL);
    io_attach(&tty->io, &io_server);
    if (io_arena_make(BUFFERS) != OK) log_line("no session buffers: SLOT_UNTYPED is too small");
    server_wake_at(0);
    server_run(&server);
}
