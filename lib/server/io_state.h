// SPDX-License-Identifier: MIT
// What the files of the io helper share among themselves; servers include lib/server/io.h only.
#pragma once
#include "lib/server/io.h"

#define IO_THREADS_MOST 0x10000  // numbers of a process's threads lie below

// The helper's durable state, set by io_attach().
extern struct io *io_state;

// The entry of a number, null when the tree does not reach it.
uint64_t *io_vector_entry(const struct io_vector *v, uint64_t number);
// The thread that a session registered under this index, null when it did not.
struct io_thread *io_thread(const struct io_session *session, uint32_t index);
// Has the session's process ended?
bool io_process_ended(uint64_t badge);
// Take the thread out of all queues.
void io_disarm(struct io_thread *thread);
