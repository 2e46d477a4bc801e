// SPDX-License-Identifier: MIT
// The terminal server's state, all of it in the vault, and what its files offer each other.
//
//   line      a uart driver's rings (line.c), carrying the console (console.c) or a host stream (stream.c)
//   terminal  a line discipline with its session and window size: the serial console, or half of a pseudo-terminal
//   description  an open file: a terminal, a pseudo-terminal's master side (pty.c), or a stream
//
// Rules:
//  - A step changes only the vault. Bytes go to a uart in an effect after the commit (line_transmit()); bytes
//    received stay in the uart's ring until the commit that has used them.
//  - Whoever has changed a terminal's line discipline calls terminal_settle(), which sends the signals that the input
//    asked for and wakes whom the change concerns.
//  - A description made before a terminal's last hang-up is dead: it reads end of file and writes EIO.
#pragma once
#include <asm/termios.h>

#include "lib/server/io.h"
#include "protocols/stream.h"
#include "protocols/tty.h"
#include "servers/tty/ldisc.h"

#define LINES 4       // uarts
#define SERIAL_MAX 1  // terminals on uarts
#define PTYS 16
#define TERMINALS (SERIAL_MAX + PTYS)
#define STREAMS 3
#define NONE 0xffffffffu  // no index

// A uart driver, as its client sees it.
struct line {
    char name[24];  // component
    uint32_t cap;   // its endpoint, 0: the manifest gives none
    uint32_t attached;
    struct stream_memory *memory;  // its frames, mapped
    uint32_t received;             // position in the rx ring behind the last byte used
    uint32_t sent_offset;          // position in the tx ring minus that of the same byte in the queue
    struct queue *output;          // what goes out: a terminal's or a stream's
    uint32_t terminal, stream;     // index of the one it carries, else NONE
    uint8_t escape[6];             // an escape of the host command, as far as it has come (console.c)
    uint32_t escape_bytes;
};

struct terminal {
    struct ldisc ldisc;
    struct winsize size;
    uint32_t session, group;  // controlling session and foreground process group, 0: none
    uint64_t leader;          // session badge of the session's leader
    uint32_t hangups;         // counts
    uint32_t opens;           // descriptions of the terminal itself, not of a master side
    uint32_t line;            // NONE: a pseudo-terminal
    bool exclusive;           // TIOCEXCL
    bool master, locked;      // pseudo-terminal: the master side is open; not yet unlocked
    bool opened;              // pseudo-terminal: it was open since the master came
    uint64_t input_ns;        // when input last came, for VTIME
    struct io_queue readers, writers, drainers;
    struct io_queue master_readers, master_writers;
};

struct stream {
    struct queue output;
    uint32_t line;   // NONE: the manifest gives none
    uint32_t ended;  // the host has sent the end of file
    struct io_queue readers, writers, drainers;
};

enum description_kind { TERMINAL_SIDE = 1, MASTER_SIDE, STREAM_SIDE };

// The device node that was opened, for IO_STAT.
struct node {
    uint64_t inode, device, opened_ns;  // `device`: of the file system that holds it
    uint32_t mode, uid, gid, number;    // `number`: the node's own device number
};

struct description {
    struct io_description io;
    uint32_t kind;     // enum description_kind
    uint32_t index;    // of the terminal or stream
    uint32_t hangups;  // the terminal's count when it was opened
    bool console;      // opened as /dev/console: no job control for its readers and writers, and no hang-up
    struct node node;
};

struct session {
    struct io_session io;
    bool detached;        // gave its controlling terminal up without leaving the session (TIOCNOTTY)
    uint64_t give_up_ns;  // VTIME: when the read that waits for a first byte gives up, 0: none does
};

struct tty_state {
    struct io io;
    uint64_t epoch;    // of the process table when the leaders were last looked at
    uint64_t wake_ns;  // what server_wake_at() was last told
    struct line lines[LINES];
    struct terminal terminals[TERMINALS];  // the serial ones first, then pseudo-terminals
    struct stream streams[STREAMS];
    uint8_t *terminal_bytes;  // LDISC_MEMORY for each terminal
    uint8_t *stream_bytes;    // QUEUE_BYTES for each stream
};
extern struct tty_state *tty;

// What a request on a handle is about; filled in by request_open().
struct call {
    const struct request *request;
    struct answer *answer;
    struct session *session;
    struct description *description;
    struct terminal *terminal;  // null for streams
    struct stream *stream;      // null otherwise
    uint64_t flags;             // the request's flags word: IO_ARM, IO_BUFFERED, thread
    size_t bytes;               // how many it asks to read or brings to write
};

// --- main.c
// Ask for the server's tick at this time, if it is earlier than what was asked for before.
void tty_wake_at(uint64_t time_ns);

// --- line.c: effects and the client side of protocols/stream.h
enum { EFFECT_TRANSMIT = 0, EFFECT_RECEIVED, EFFECTS };
extern const server_effect_handler line_effects[EFFECTS];
void line_init(struct line *line, const char *component, struct queue *output);
// Attach to the driver if that has not succeeded yet; false: ask again later. Blocks for a bounded time.
bool line_attach(struct line *line);
// Take note of what the uart has taken from the output queue.
void line_sync(struct line *line);
// Send what is in the output queue after the commit; with `report` be signalled once all of it is out.
void line_transmit(struct line *line, bool report);
// Bytes received that no step has used yet; each of them; use up the first n (the driver gets the space after the
// commit).
uint32_t line_waiting(const struct line *line);
uint8_t line_byte(const struct line *line, uint32_t i);
void line_use(struct line *line, uint32_t n);
// Bytes written that have not left the uart's ring.
uint32_t line_unsent(const struct line *line);
// Speed, data bits, parity and stop bits from c_cflag; also decoded alone.
void line_configure(struct line *line, tcflag_t cflag);
uint32_t speed_of(tcflag_t cflag);
// The code of a speed in c_cflag; 38400's when it has none.
tcflag_t speed_code(uint32_t speed);

// --- console.c
// Move received bytes into the terminal's line discipline, as far as it has room.
void console_receive(struct line *line);

// --- terminal.c
// In LDISC_MEMORY bytes at `memory`.
void terminal_init(struct terminal *t, uint8_t *memory);
struct line *terminal_line(const struct terminal *t);
err_t terminal_read(struct call *call);
err_t terminal_write(struct call *call);
uint64_t terminal_poll(const struct call *call);
void terminal_settle(struct terminal *t);
// After a read: let waiting input come in.
void terminal_refill(struct terminal *t);
// OK when all output has left; else ERR_AGAIN, armed.
err_t terminal_drain(const struct call *call);
void terminal_set_size(struct terminal *t, const struct winsize *size);
// Its device number.
uint32_t terminal_device(const struct terminal *t);
bool description_is_dead(const struct description *d);
// Answer a read with the first `bytes` of what `copy` delivers, or none of it when there is no room.
void call_answer_bytes(struct call *call, size_t bytes);

// --- job.c
// Whether this process may read (SIGTTIN), write or change settings (SIGTTOU): OK, ERR_AGAIN after the signal was sent,
// or EIO.
err_t job_check(const struct call *call, int signal);
// The terminal that controls this process, null: none.
struct terminal *job_terminal(uint64_t badge);
// Whether it controls the caller.
bool job_controls(const struct call *call, const struct io_credentials *credentials);
// Make it control the process's session if that leads one and has none yet.
void job_acquire(struct terminal *t, uint64_t badge);
err_t job_set_controlling(const struct call *call, bool steal);
err_t job_give_up(const struct call *call);
err_t job_set_group(const struct call *call, uint32_t group);
// Send a signal to the foreground group, if any.
void job_signal(const struct terminal *t, int signal);
// Leaders that are gone: hang up their terminals.
void job_look(void);
void job_session_ended(struct io_session *session);
// The terminal's line is cut: signals, and all its descriptions are dead.
void job_hangup(struct terminal *t);

// --- pty.c
// A new pseudo-terminal, its master side open; null: all are in use.
struct terminal *pty_new(void);
uint32_t pty_number(const struct terminal *t);
err_t pty_master_read(struct call *call);
err_t pty_master_write(struct call *call);
uint64_t pty_master_poll(const struct call *call);
void pty_master_closed(struct terminal *t);

// --- stream.c
// In QUEUE_BYTES bytes at `memory`.
void stream_init(struct stream *s, uint8_t *memory);
err_t stream_read(struct call *call);
err_t stream_write(struct call *call);
uint64_t stream_poll(const struct call *call);
// OK when all output has left; else ERR_AGAIN, armed.
err_t stream_drain(const struct call *call);
// The uart has something new: wake whom it concerns, send on.
void stream_settle(struct stream *s);

// --- open.c
err_t op_open(const struct request *request, struct answer *answer);
err_t op_stat(const struct request *request, struct answer *answer);
err_t op_path(const struct request *request, struct answer *answer);
void describe(const struct io_description *d, struct io_opened *opened);
void description_closed(struct io_description *d);

// --- requests.c
// Fill in a call from a request whose word 0 is a handle; EBADF.
err_t call_begin(struct call *call, const struct request *request, struct answer *answer, uint64_t flags);
err_t op_read(const struct request *request, struct answer *answer);
err_t op_write(const struct request *request, struct answer *answer);
err_t op_poll(const struct request *request, struct answer *answer);
err_t op_sync(const struct request *request, struct answer *answer);
err_t op_seek(const struct request *request, struct answer *answer);
err_t op_map(const struct request *request, struct answer *answer);
err_t op_readdir(const struct request *request, struct answer *answer);
err_t op_truncate(const struct request *request, struct answer *answer);

// --- audit.c
void audit(void);     // for server.audit
void wake_all(void);  // for server.wake

// --- ioctl.c, ioctl_settings.c
err_t op_ioctl(const struct request *request, struct answer *answer);
