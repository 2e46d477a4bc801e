// SPDX-License-Identifier: MIT
// Rings of bytes in memory shared with a peer that is not trusted: one producer, one consumer (protocols/stream.h).
//
// Each side trusts only its own index. The peer's is read once an operation and bounded: when it makes no sense the
// ring counts as full (producer) or is empty from there on (consumer), which harms the peer alone. After a restart the own index is
// taken from shared memory as well; whoever falsified it meanwhile loses bytes of his own.
// The producer publishes after its stores, the consumer frees after its loads.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "protocols/stream.h"

struct byte_ring {
    struct stream_ring *indexes;
    uint8_t *bytes;
    uint32_t size;  // a power of two
};

// Bytes that the consumer can take.
uint32_t ring_used(const struct byte_ring *ring);
// Bytes that the producer can add.
uint32_t ring_space(const struct byte_ring *ring);
// Take up to n bytes; returns how many.
uint32_t ring_read(const struct byte_ring *ring, void *to, uint32_t n);
// The same in two halves: look at bytes without taking them, then take them.
uint32_t ring_peek(const struct byte_ring *ring, void *to, uint32_t n);
void ring_drop(const struct byte_ring *ring, uint32_t n);
// Add up to n bytes; returns how many.
uint32_t ring_write(const struct byte_ring *ring, const void *from, uint32_t n);
// The two rings of a stream's memory.
struct byte_ring stream_rx(struct stream_memory *memory);
struct byte_ring stream_tx(struct stream_memory *memory);
