// SPDX-License-Identifier: MIT
// Byte rings between a driver and its client; the rules are in ring.h.
#include "lib/driver/ring.h"
#include "lib/rt/string.h"

static uint32_t load(const uint32_t *index) { return __atomic_load_n(index, __ATOMIC_ACQUIRE); }

static void store(uint32_t *index, uint32_t value) { __atomic_store_n(index, value, __ATOMIC_RELEASE); }

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

// What the consumer can take from `head` on, which is its own.
static uint32_t used_from(const struct byte_ring *ring, uint32_t *head)
{
    uint32_t tail = load(&ring->indexes->tail);
    *head = load(&ring->indexes->head);
    if (tail - *head <= ring->size) return tail - *head;
    *head = tail;
    store(&ring->indexes->head, tail);
    return 0;
}

uint32_t ring_used(const struct byte_ring *ring)
{
    uint32_t head;
    return used_from(ring, &head);
}

uint32_t ring_space(const struct byte_ring *ring)
{
    uint32_t used = load(&ring->indexes->tail) - load(&ring->indexes->head);
    return used <= ring->size ? ring->size - used : 0;
}

uint32_t ring_peek(const struct byte_ring *ring, void *to, uint32_t n)
{
    uint32_t head;
    n = smaller(n, used_from(ring, &head));
    uint32_t at = head & (ring->size - 1), first = smaller(n, ring->size - at);
    memcpy(to, ring->bytes + at, first);
    memcpy((uint8_t *)to + first, ring->bytes, n - first);
    return n;
}

void ring_drop(const struct byte_ring *ring, uint32_t n) { store(&ring->indexes->head, ring->indexes->head + n); }

uint32_t ring_read(const struct byte_ring *ring, void *to, uint32_t n)
{
    n = ring_peek(ring, to, n);
    ring_drop(ring, n);
    return n;
}

uint32_t ring_write(const struct byte_ring *ring, const void *from, uint32_t n)
{
    uint32_t tail = load(&ring->indexes->tail), used = tail - load(&ring->indexes->head);
    n = used <= ring->size ? smaller(n, ring->size - used) : 0;
    uint32_t at = tail & (ring->size - 1), first = smaller(n, ring->size - at);
    memcpy(ring->bytes + at, from, first);
    memcpy(ring->bytes, (const uint8_t *)from + first, n - first);
    store(&ring->indexes->tail, tail + n);
    return n;
}

struct byte_ring stream_rx(struct stream_memory *memory)
{
    return (struct byte_ring){&memory->rx, memory->rx_bytes, STREAM_RX_BYTES};
}

struct byte_ring stream_tx(struct stream_memory *memory)
{
    return (struct byte_ring){&memory->tx, memory->tx_bytes, STREAM_TX_BYTES};
}
