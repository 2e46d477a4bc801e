// SPDX-License-Identifier: MIT
// What the unit tests of pipes and of their rings have in common, beside test_kit.h: threads, pipes and their ends.
#pragma once
#include "fs/tmpfs/test_kit.h"

static uint8_t scratch[IO_BUFFER_BYTES], back[IO_BUFFER_BYTES];

static uint64_t arm(unsigned thread) { return IO_ARM | IO_THREAD(thread); }

// The process registers a thread's notification; how often it was signalled is in signalled[slot].
static uint32_t register_thread(unsigned thread)
{
    uint32_t slot = slot_alloc();
    words(thread, 0, 0, 0, 0, 0);
    message.n_caps = 1;
    message.caps[0] = (struct request_cap){.kind = CAP_PLACED, .slot = slot};
    request(IO_NOTIFY);
    signalled[slot] = 0;
    return slot;
}

static void make_pipe(long *reader, long *writer)
{
    words(0, 0, 0, 0, 0, 0);
    if (request(FS_PIPE) != OK) panic("no pipe");
    *reader = (long)answer.words[0];
    *writer = (long)answer.words[1];
    keep_cap(*reader, 0);
    keep_cap(*writer, 1);
}

static long pipe_in(long handle, size_t n) { return do_write(handle, IO_OFFSET_CURRENT, scratch, n); }

static long pipe_out(long handle, size_t n) { return do_read(handle, IO_OFFSET_CURRENT, back, n); }

static long poll_now(long handle, uint32_t events) { return on_handle(IO_POLL, handle, events, 0, 0); }

static long ask_ring(long handle) { return on_handle(FS_RING, handle, 0, 0, 0); }

// Use the end until it is offered, a byte a time; the other end of the pipe is used as often.
static void use_until_offered(long reader, long writer)
{
    for (unsigned i = 0; i < 5000; i++) {
        scratch[0] = 1;
        pipe_in(writer, 1);
        bool offered = answer.words[2];
        pipe_out(reader, 1);
        if (offered && answer.words[2]) return;
    }
}

static struct pipe *pipe_of_handle(long handle)
{
    return ((struct description *)io_handle(session_of(as), (uint64_t)handle))->inode->pipe;
}
