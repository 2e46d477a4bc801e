// SPDX-License-Identifier: MIT
// Unit tests of the byte rings: wrap-around, limits, and a peer that lies. Links ring.c.
#include "lib/driver/ring.h"

#include <stdio.h>
#include <string.h>

static struct stream_memory memory;
static struct byte_ring ring;
static unsigned n_tests, n_failed;

static void fresh(void)
{
    memset(&memory, 0, sizeof memory);
    ring = stream_rx(&memory);
}

static void check(const char *name, int ok)
{
    n_failed += !ok;
    printf("%s %u - ring: %s\n", ok ? "ok" : "not ok", ++n_tests, name);
}

static int fill_and_drain_in_odd_pieces(void)
{
    unsigned char out[64], expected = 0;
    unsigned next = 0;
    for (unsigned round = 0; round < 10000; round++) {
        unsigned char in[64];
        uint32_t n = round * 7 % 64;
        for (uint32_t i = 0; i < n; i++) in[i] = (unsigned char)(next + i);
        next += ring_write(&ring, in, n);
        uint32_t got = ring_read(&ring, out, round * 5 % 64);
        for (uint32_t i = 0; i < got; i++)
            if (out[i] != expected++) return 0;
    }
    return ring_used(&ring) + ring_space(&ring) == STREAM_RX_BYTES;
}

int main(void)
{
    static unsigned char big[2 * STREAM_RX_BYTES];

    fresh();
    check("bytes come out in order over many wraps", fill_and_drain_in_odd_pieces());

    fresh();
    memory.rx.head = memory.rx.tail = 0xfffffff0u;
    check("indexes may overflow", ring_write(&ring, "0123456789abcdefghij", 20) == 20 &&
                                      ring_read(&ring, big, 64) == 20 && memcmp(big, "0123456789abcdefghij", 20) == 0);

    fresh();
    check("a full ring takes no more", ring_write(&ring, big, sizeof big) == STREAM_RX_BYTES &&
                                           ring_write(&ring, big, 1) == 0 && ring_space(&ring) == 0);

    fresh();
    memory.rx.tail = STREAM_RX_BYTES + 1;
    check("a tail beyond the ring reads as empty", ring_used(&ring) == 0 && ring_read(&ring, big, 10) == 0);
    check("and the consumer goes on behind it",
          ring_write(&ring, "abc", 3) == 3 && ring_read(&ring, big, 10) == 3 && memcmp(big, "abc", 3) == 0);

    fresh();
    memory.rx.head = 5;
    check("a head before the tail reads as full", ring_space(&ring) == 0 && ring_write(&ring, big, 10) == 0);

    printf("1..%u\n", n_tests);
    return n_failed != 0;
}
