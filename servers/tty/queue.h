// SPDX-License-Identifier: MIT
// A queue of bytes on their way out: what a program wrote or a terminal echoes, not yet taken by the uart or by the
// reader of a pseudo-terminal's master.
//
// Positions run freely and are taken modulo the size: `head` is the next byte to leave, `tail` the next to come, as in
// protocols/stream.h. The bytes lie elsewhere, so that the rest can be copied. No input or output here.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define QUEUE_BYTES 16384u

struct queue {
    uint32_t head, tail;
    uint8_t *bytes;  // QUEUE_BYTES
};
_Static_assert((QUEUE_BYTES & (QUEUE_BYTES - 1)) == 0, "positions wrap");

static inline uint32_t queue_used(const struct queue *q) { return q->tail - q->head; }

static inline uint32_t queue_free(const struct queue *q) { return QUEUE_BYTES - queue_used(q); }

// Append one byte; the caller has seen that there is room.
static inline void queue_put(struct queue *q, uint8_t byte) { q->bytes[q->tail++ % QUEUE_BYTES] = byte; }

// The bytes that lie in one piece from `position` on; *n tells how many.
static inline uint8_t *queue_run(const struct queue *q, uint32_t position, uint32_t *n)
{
    uint32_t to_end = QUEUE_BYTES - position % QUEUE_BYTES, used = q->tail - position;
    *n = used < to_end ? used : to_end;
    return &q->bytes[position % QUEUE_BYTES];
}
