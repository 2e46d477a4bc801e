// SPDX-License-Identifier: MIT
// Byte-stream devices (serial ports): the protocol between their driver and its one client, and the memory they share.
//
// The client calls up on its channel, the driver only signals down: its manifest names the client under `signals`, and
// a signal means "look at both rings". The frames are the supervisor's, which the driver publishes; the client maps them
// writable, and no end of the driver takes them away. Each ring has one writer and one reader; indexes run freely and are taken modulo the ring's
// size; what the peer wrote is read once and bounded (lib/driver/ring.h), so a bad peer harms only its own bytes.
// Bytes are never lost between the two: a full receive ring stops the device's receiver until STREAM_KICK.
#pragma once
#include "abi/types.h"

enum {
    STREAM_ATTACH = 0x4000,  // () -> pages; capability: frames of struct stream_memory. A second attach gives the same
                             //  frames, with the bytes in flight (a restarted client goes on). ERR_NOT_FOUND: the
                             //  device is absent
    STREAM_KICK,             // () look again: transmit bytes were added while tx_idle, or receive space was made while
                             //  rx_stopped
    STREAM_SET_LINE,         // (bits per second, 5..8 data bits, STREAM_PARITY_*, 1..2 stop bits) ERR_INVALID
    STREAM_STATUS,           // () -> bits per second, STREAM_LINE_* bits, bytes received and sent mod 2^32, overruns
    STREAM_OPERATIONS_END
};
enum { STREAM_PARITY_NONE = 0, STREAM_PARITY_ODD = 1, STREAM_PARITY_EVEN = 2 };
enum { STREAM_LINE_CARRIER = 1, STREAM_LINE_CLEAR_TO_SEND = 2 };

#define STREAM_RX_BYTES 4096
#define STREAM_TX_BYTES 8192
#define STREAM_PAGES 4

// Indexes of one ring. `tail` is written by the producer, `head` by the consumer; tail - head bytes are in it.
struct stream_ring {
    uint32_t tail;
    uint32_t zero0[15];
    uint32_t head;
    uint32_t zero1[15];
};

struct stream_memory {
    struct stream_ring rx;  // driver -> client
    struct stream_ring tx;  // client -> driver
    uint32_t tx_idle;       // written by the driver: it has stopped looking at tx; kick after adding bytes
    uint32_t rx_stopped;    // written by the driver: rx was full; kick after making space
    uint32_t tx_wanted;     // written by the client: signal when tx is at most half full, or empty
    uint8_t zeros[PAGE_SIZE - 2 * sizeof(struct stream_ring) - 12];
    uint8_t rx_bytes[STREAM_RX_BYTES];
    uint8_t tx_bytes[STREAM_TX_BYTES];
};
_Static_assert(sizeof(struct stream_memory) == STREAM_PAGES * PAGE_SIZE, "whole pages");
