// SPDX-License-Identifier: MIT
// A pipe's ring: the memory that a writing and a reading process share when each has its end to itself.
//
// The file system makes it and lends an end to one process (FS_RING). Two runs of frames: PIPE_BYTES of data, and
// RING_PAGES pages of words: the server's page, a page of the reading end, one of the writing end. An end's page is
// writable by whoever has the end, alone: the process it is lent to, else the server; the data by the writer; the
// server's page by the server. Everybody else reads, once, and bounds what he read.
//
// Positions count bytes since the pipe was made; byte n lies at n % PIPE_BYTES. From `position` of the reader to that
// of the writer the bytes are the pipe's. A store to one's own position is the transfer: before it nothing has
// happened.
//
// Waiting: arm, look again, sleep. Whoever moved looks at the other end's `armed` afterwards (a full fence on both
// sides) and, when it holds a number that he has not answered, signals the thread's notification (ARMED_THREAD) or
// asks the server to wake (FS_RING_WAKE).
#pragma once
#include "abi/types.h"

#define PIPE_BYTES 65536
// PIPE_BUF: writes of up to so many bytes go in whole, and who waits for room waits for so much.
#define PIPE_ATOMIC 4096

#define RING_PAGES 4  // the last is not used
enum { PIPE_READER, PIPE_WRITER, PIPE_ENDS };
#define RING_SERVER_AT 0
#define RING_END_AT(end) (PAGE_SIZE * (1 + (end)))

struct ring_server {
    uint64_t state;  // RING_* | generation << RING_GENERATION_SHIFT
};
enum {
    RING_NO_READER = 1,  // all reading ends are closed: EPIPE
    RING_NO_WRITER = 2,  // all writing ends are closed: end of file
    RING_HUNG_UP = 4,    // ... and there was one
};
#define RING_GENERATION_SHIFT 8  // moves on when an end changes hands: what was answered before does not count

struct ring_end {
    uint64_t position;
    uint64_t armed;  // ARMED_* in the low bits, a number that grows above them
};
enum { ARMED_NOT = 0, ARMED_THREAD = 1, ARMED_SERVER = 2, ARMED_BITS = 3 };
#define ARMED_NEXT(armed, kind) (((armed) | ARMED_BITS) + 1 + (kind))
