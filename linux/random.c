// SPDX-License-Identifier: MIT
// Random numbers: ChaCha20 (RFC 8439) in counter mode, keyed once a process from the CPU's generator.
//
// After each request the first block's half becomes the new key, so that what was given out cannot be computed
// from what is found later. Without RDRAND the key rests on the clock and addresses alone and is guessable.
#include "linux/linux.h"

static uint32_t rotate(uint32_t x, int n) { return x << n | x >> (32 - n); }

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b;
    *d = rotate(*d ^ *a, 16);
    *c += *d;
    *b = rotate(*b ^ *c, 12);
    *a += *b;
    *d = rotate(*d ^ *a, 8);
    *c += *d;
    *b = rotate(*b ^ *c, 7);
}

static void block(uint32_t out[16], const uint32_t key[8], uint64_t counter)
{
    const uint32_t in[16] = {0x61707865,
                             0x3320646e,
                             0x79622d32,
                             0x6b206574,
                             key[0],
                             key[1],
                             key[2],
                             key[3],
                             key[4],
                             key[5],
                             key[6],
                             key[7],
                             (uint32_t)counter,
                             (uint32_t)(counter >> 32),
                             0,
                             0};
    memcpy(out, in, sizeof in);
    for (int i = 0; i < 10; i++) {
        for (int c = 0; c < 4; c++) quarter_round(&out[c], &out[c + 4], &out[c + 8], &out[c + 12]);
        for (int c = 0; c < 4; c++)
            quarter_round(&out[c], &out[4 + (c + 1) % 4], &out[8 + (c + 2) % 4], &out[12 + (c + 3) % 4]);
    }
    for (int i = 0; i < 16; i++) out[i] += in[i];
}

static uint64_t cpu_random(bool has_rdrand)
{
    uint64_t value = 0;
    uint8_t ok = 0;
    for (int i = 0; has_rdrand && !ok && i < 10; i++)
        __asm__ volatile("rdrand %0; setc %1" : "=r"(value), "=qm"(ok) : : "cc");
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return value ^ low ^ (uint64_t)high << 32;
}

static void make_key(struct process *p)
{
    uint32_t a = 1, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    for (int i = 0; i < 8; i += 2) {
        uint64_t value = cpu_random(c >> 30 & 1) ^ now_ns() ^ (uint64_t)process_page()->pid << 32;
        p->random_key[i] = (uint32_t)value;
        p->random_key[i + 1] = (uint32_t)(value >> 32);
    }
    p->random_counter = (uint64_t)process_page()->pid << 32 | 1;
}

void random_bytes(void *to, size_t n)
{
    struct process *p = process();
    uint32_t words[16];
    uint8_t *at = to;
    // A child of fork has its parent's key and another pid: it makes its own.
    if (p->random_counter >> 32 != process_page()->pid) make_key(p);
    while (n > 0) {
        block(words, p->random_key, p->random_counter++);
        size_t run = n < sizeof words ? n : sizeof words;
        memcpy(at, words, run);
        at += run;
        n -= run;
    }
    block(words, p->random_key, p->random_counter++);
    memcpy(p->random_key, words, sizeof p->random_key);
}
