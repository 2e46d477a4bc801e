// SPDX-License-Identifier: MIT
// The line discipline: what lies between the bytes of a line and the bytes that programs read and write.
//
// Plain data and plain C: no messages, no time, no signals sent. The same code is tested on the host (ldisc_test.c)
// against what a Linux pty does. Behaviour is that of Linux's N_TTY.
//
//   line -> ldisc_receive() -> input   -> ldisc_read()  -> program
//   line <- (the owner takes) <- output <- ldisc_write() <- program
//                                output <- echoes of ldisc_receive()
//
// Rules:
//  - Input positions never run backwards past `read`: [read, line) can be read in canonical mode, [line, end) is
//    the line being typed and may still be edited. Otherwise everything in [read, end) can be read.
//  - A set bit in `line_ends` marks a byte that ends a line; a marked 0 is an end of file and is not handed out.
//  - The bytes lie outside of the struct, which is small: work on many bytes is done on a copy of it, so that a store
//    to durable memory is made once for a run of bytes and not once for each (terminal.c).
//  - Programs fill `output` up to LDISC_ECHO_ROOM bytes; the rest is for echoes, and an echo that finds no room is
//    lost.
// Who may read, and who gets a signal, is decided in job.c.
#pragma once
#include <asm/termbits.h>
#include <stddef.h>

#include "servers/tty/queue.h"

#define LDISC_INPUT 4096u  // N_TTY's: a line has at most 4095 bytes before its newline
#define LDISC_ECHO_ROOM 2048u

struct ldisc {
    struct termios termios;
    uint32_t read, line, end;  // positions in `input`, see the rules above
    uint32_t column;           // of the cursor, as far as output processing can tell
    uint32_t start_column;     // where the line being typed began
    uint32_t signals;          // LDISC_SIGNAL(n) that the input asked for; the owner sends and clears them
    bool literal_next;         // VLNEXT was typed
    bool erasing;              // between the \ and the / of ECHOPRT
    bool stopped;              // by VSTOP or TCOOFF
    bool held;                 // by TCOOFF: VSTART and IXANY do not help
    uint64_t *line_ends;       // a bit for each byte of `input`
    uint8_t *input;            // LDISC_INPUT bytes
    struct queue output;
};
#define LDISC_SIGNAL(number) (1u << (number))
#define LDISC_MEMORY (LDISC_INPUT / 8 + LDISC_INPUT + QUEUE_BYTES)

// A new terminal's state: Linux's defaults, empty queues in LDISC_MEMORY bytes at `memory` (8-byte aligned).
void ldisc_init(struct ldisc *l, void *memory);
// Its memory lies there.
void ldisc_place(struct ldisc *l, void *memory);
// Back to that state, with the memory it has.
void ldisc_reset(struct ldisc *l);

// --- input (ldisc_input.c, ldisc_edit.c)

// Take bytes from the line. Returns how many were taken: fewer than n when readers have to make room first.
size_t ldisc_receive(struct ldisc *l, const uint8_t *bytes, size_t n);
// Whether the next byte would be taken.
bool ldisc_has_room(const struct ldisc *l);

// Echo a byte as it was typed: control characters as ^X under ECHOCTL.
void ldisc_echo(struct ldisc *l, uint8_t byte);
// Echo a byte of our own making, processed like output.
void ldisc_echo_raw(struct ldisc *l, uint8_t byte);
// End the \.../ of ECHOPRT.
void ldisc_finish_erasing(struct ldisc *l);
// VERASE, VWERASE or VKILL was typed: take back what it asks for and show it.
void ldisc_erase(struct ldisc *l, uint8_t key);

// --- reading (ldisc_read.c)

// Bytes that a read of `wanted` bytes would get now; *ready tells whether it should return: a complete line, or VMIN
// bytes. *ready with 0 bytes is an end of file. VTIME is the caller's matter.
size_t ldisc_readable(const struct ldisc *l, size_t wanted, bool *ready);
// Hand out at most n bytes, in canonical mode of one line.
size_t ldisc_read(struct ldisc *l, uint8_t *to, size_t n);
// FIONREAD.
size_t ldisc_pending(const struct ldisc *l);
// Forget all input.
void ldisc_flush_input(struct ldisc *l);
// Change the settings; what has been typed is kept and becomes readable under the new mode.
void ldisc_set_termios(struct ldisc *l, const struct termios *termios);

// --- writing (ldisc_output.c)

// Take bytes from a program. Returns how many found room.
size_t ldisc_write(struct ldisc *l, const uint8_t *bytes, size_t n);
// Process one byte of output into the queue, leaving `reserve` bytes free. False: no room, nothing changed.
bool ldisc_put(struct ldisc *l, uint8_t byte, uint32_t reserve);
// Bytes that ldisc_write() is sure to take.
size_t ldisc_write_room(const struct ldisc *l);
// Forget output that nobody has taken yet.
void ldisc_flush_output(struct ldisc *l);

// --- character classes: ASCII, and letters of Latin-1 as in Linux's tables

static inline bool ldisc_is_control(uint8_t c) { return c < 0x20 || c == 0x7f; }
// A byte that continues a UTF-8 character and so takes no column of its own.
static inline bool ldisc_is_continuation(const struct ldisc *l, uint8_t c)
{
    return (l->termios.c_iflag & IUTF8) && (c & 0xc0) == 0x80;
}
static inline uint8_t ldisc_input_at(const struct ldisc *l, uint32_t position)
{
    return l->input[position % LDISC_INPUT];
}
uint8_t ldisc_to_lower(uint8_t c);
uint8_t ldisc_to_upper(uint8_t c);
// Letters and digits: what VWERASE takes as part of a word, beside the underscore.
bool ldisc_is_alnum(uint8_t c);
