// SPDX-License-Identifier: MIT
// Servers of open file descriptions (protocols/io.h): what file systems, tty and /proc have in common.
//
// A server embeds `struct io` in its root state, begins its own description and session records with
// struct io_description and struct io_session, and names its part of the work in struct io_server. This helper then
//  - finds the session of a request, with its handles, threads and buffer (io.c);
//  - makes descriptions, attaches them, and closes each exactly once: when no capability and no handle is left (io.c);
//  - keeps waiters: threads to be signalled when an object changes (io_wait.c);
//  - finds the data of a request and the place for an answer's, inline or in the buffer (io_data.c);
//  - reads credentials from the table that proc publishes and checks permissions (io_credentials.c).
// All of it is durable (vault) and undone with the step; see lib/server/server.h for the rules of a step.
//
// A server's main():        state = server_attach(...);  // its init calls io_init()
//                           io_attach(&state->io, &io_server);
//                           server_run(&server);  // .session_gone = io_session_gone, .description_gone =
//                           io_description_gone,
//                                                 // IO_NOTIFY .. IO_GET_FLAGS: the io_op_* handlers, recv_caps = 1
// Handles are small numbers, in a radix tree of 16-way chunks: constant time, and small for small sessions.
#pragma once
#include "lib/server/server.h"
#include "lib/server/table.h"
#include "protocols/io.h"
#include "protocols/processes.h"
#include <stdbool.h>

// Numbers of things, mapped by a radix tree of chunks (pointers, or marked integers that the owner tells apart).
#define IO_FANOUT 16
struct io_chunk {
    uint64_t entries[IO_FANOUT];
};
struct io_vector {
    struct io_chunk *root;
    uint32_t levels;  // 0: empty
    uint32_t zero;
};

// An open file description: the head of the server's own record.
struct io_description {
    uint32_t slot;     // of the FIRST capability; 0: nobody holds one any more (or none was made yet)
    uint32_t handles;  // how often it is attached
    uint32_t flags;    // O_ACCMODE and status flags, as opened and changed by IO_SET_FLAGS
    uint32_t zero;
    uint64_t offset;  // where the server keeps it (IO_OFFSET_CURRENT)
};

// A process at this server: the head of the server's own record.
struct io_session {
    uint64_t badge;
    struct io_vector handles;  // -> struct io_description, or (next free handle + 1) << 1 | 1
    struct io_vector threads;  // thread index -> struct io_thread
    uint32_t n_handles;        // numbers in use lie below
    uint32_t free_handle;      // + 1
    uint32_t n_threads;        // highest index + 1
    uint32_t buffer_slot;      // frames lent to the client, 0: none
    uint8_t *buffer;           // where the server sees them
    uint64_t buffer_bytes;
};

// A thread that can be signalled, and the queues it is armed at.
struct io_thread {
    uint32_t slot, zero;  // its notification
    struct io_waiter *waiters;
};
struct io_waiter {
    struct io_waiter *next, *previous;  // in the queue
    struct io_waiter *thread_next, *thread_previous;
    struct io_queue *queue;
    struct io_thread *thread;
};
// Part of an object that can be waited for. Zero is empty. Whoever frees the object wakes the queue first.
struct io_queue {
    struct io_waiter *first;
};

// Memory for session buffers. `take` finds `bytes` (a power of two of pages, at most IO_BUFFER_BYTES) that belong to
// the server and are mapped in it: the frames capability, the first page in it, the address; null when none is left.
struct io_buffers {
    void *(*take)(size_t bytes, uint32_t *frames, uint64_t *first_page);
    void (*give)(void *address, size_t bytes);
};

// The server's part. Null functions are not called.
struct io_server {
    // Fill in mode, flags, device and server of an answer to open or attach.
    void (*describe)(const struct io_description *d, struct io_opened *opened);
    // The description is over: nobody has it. Its record is freed afterwards.
    void (*close)(struct io_description *d);
    // One handle of this session ended (POSIX locks); the description may live on.
    void (*handle_closed)(struct io_session *session, struct io_description *d);
    // The process is gone; its handles, threads and buffer are already.
    void (*session_ended)(struct io_session *session);
    // Null: no buffers, IO_BUFFER is answered ENOMEM. io_arena is for servers without other mapped memory.
    const struct io_buffers *buffers;
};

// How much of everything; 0 for n_sessions: PROCESS_SLOTS.
struct io_sizes {
    size_t description_bytes, session_bytes;
    uint32_t n_descriptions, n_sessions, n_chunks, n_threads, n_waiters;
};

// The helper's durable state.
struct io {
    struct table descriptions, chunks, threads, waiters;
    struct sessions sessions;
    // io_arena: session buffers from one frames capability made of SLOT_UNTYPED.
    uint32_t arena_slot, arena_buffers;
    uint8_t *arena;
    uint64_t arena_used;  // bit i: buffer i is lent
};

// Take the memory from the vault; only during server_attach()'s init.
void io_init(struct io *io, const struct io_sizes *sizes);
// For server.check: the helper's tables, and the links of who waits.
bool io_check(void);
// For server.audit: its own tables and slots. Behind it, audit_reached() tells of the descriptions that somebody has.
void io_audit(void);
// Its part of a `wake`.
void io_wake_all(void);
// At each start, after server_attach().
void io_attach(struct io *io, const struct io_server *server);

// Buffers for a server without mapped pool: n (at most 64) buffers of IO_BUFFER_BYTES out of SLOT_UNTYPED, mapped. Call
// it between io_attach() and server_run(); does nothing after a restart. ERR_NO_MEMORY: the untyped is too small.
err_t io_arena_make(uint32_t n_buffers);
extern const struct io_buffers io_arena;

// --- sessions and handles

// The session of a request (made at its first), null when the process is no longer there.
void *io_session(const struct request *request);
// What a handle of the session stands for, null: EBADF.
void *io_handle(const struct io_session *session, uint64_t handle);
// What the handle in word 0 of a request stands for, and the request's session; null: EBADF.
void *io_request_handle(const struct request *request, struct io_session **session);
// For server.session_gone: closes the handles, some in each step, then forgets threads, waiters and buffer.
bool io_session_gone(uint64_t badge);

// For server.stale_session: whose notice has been lost.
uint64_t io_stale_session(void);

// --- descriptions

// A cleared record, null: ENFILE. Fill it in before io_opened(). A step that fails with server_abort() undoes it.
void *io_description_new(void);
// Make its capability the next one of the answer. ERR_LIMIT, or the kernel's error.
err_t io_publish(struct io_description *d, struct answer *answer);
// End one; false: EBADF.
bool io_handle_close(struct io_session *session, uint64_t handle);
// A new handle of the session for it; ENFILE when chunks are used up.
err_t io_handle_new(struct io_session *session, struct io_description *d, uint64_t *handle);
// Both, and struct io_opened into the answer's words: the end of a successful open. No capability when `flags` has
// IO_HANDLE_ONLY.
err_t io_opened(struct io_session *session, struct io_description *d, uint64_t flags, struct answer *answer);
// For server.usage: records in use.
void io_usage(uint64_t usage[]);
// For server.description_gone.
void io_description_gone(uint64_t number);
// The description of a capability that came with a request (CAP_UNWRAPPED), null when it is none of ours.
void *io_description_of(const struct request_cap *cap);

// --- handlers, ready for the table of operations

err_t io_op_notify(const struct request *request, struct answer *answer);
err_t io_op_buffer(const struct request *request, struct answer *answer);
err_t io_op_attach(const struct request *request, struct answer *answer);
err_t io_op_close(const struct request *request, struct answer *answer);
err_t io_op_share(const struct request *request, struct answer *answer);
err_t io_op_set_flags(const struct request *request,
                      struct answer *answer);  // O_APPEND O_NONBLOCK O_DIRECT O_NOATIME O_ASYNC
err_t io_op_get_flags(const struct request *request, struct answer *answer);

// For tables of handlers: the place of an operation, and what every server answers by the helper.
#define IO_HANDLER(operation) [IO_##operation - IO_NOTIFY]
#define FS_HANDLER(operation) [FS_##operation - FS_OPEN]
#define IO_COMMON_HANDLERS \
    IO_HANDLER(NOTIFY) = io_op_notify, IO_HANDLER(BUFFER) = io_op_buffer, IO_HANDLER(ATTACH) = io_op_attach, \
    IO_HANDLER(CLOSE) = io_op_close, IO_HANDLER(SHARE) = io_op_share, IO_HANDLER(SET_FLAGS) = io_op_set_flags, \
    IO_HANDLER(GET_FLAGS) = io_op_get_flags

// --- waiting (the flags word of a request says whether and which thread)

// Signal the thread once when the queue is woken; nothing without IO_ARM. When waiter records are used up
// the thread is signalled at once: it asks again, which is correct and slow.
void io_arm(struct io_session *session, uint64_t flags, struct io_queue *queue);
// The slot of the notification that the session registered for this thread, 0: none.
uint32_t io_notification(const struct io_session *session, uint32_t index);
// Signal everybody in the queue after the commit and empty it.
void io_wake(struct io_queue *queue);

// --- data

// `bytes` of a request's data, `skip` bytes behind its start (inline: word 6); null when it does not hold that many.
// What lies in the buffer may change while it is looked at: copy, then check.
const void *io_input(const struct io_session *session, const struct request *request, uint64_t flags, size_t skip,
                     size_t bytes);
// How much an answer can carry.
size_t io_output_room(const struct io_session *session, uint64_t flags);
// The place for `bytes` of the answer's data (n_words is set to cover it); null when there is no such room.
void *io_output(const struct io_session *session, struct answer *answer, uint64_t flags, size_t bytes);
// The first n words of the answer count.
void io_answer(struct answer *answer, uint32_t n_words);

// --- credentials

struct io_credentials {
    uint64_t badge;     // whose they are...
    uint64_t sequence;  // ...and of which entry in the table
    uint32_t uid, gid, euid, fsuid, fsgid;
    uint32_t pid, pgid, sid;
    uint32_t n_groups;
    uint32_t groups[PROCESS_GROUPS];
    uint64_t root;         // inode number of the process's root directory, 0: the file system's own
    uint64_t fsize_limit;  // RLIMIT_FSIZE
};
// Who the session belongs to, now. ERR_STALE: its process is not (or no longer) in the table.
err_t io_credentials(uint64_t badge, struct io_credentials *credentials);
// The same, but what was filled in before (or is zero) is left as it is while it is true.
err_t io_credentials_renew(uint64_t badge, struct io_credentials *credentials);
// RLIMIT_FSIZE alone, for each write.
uint64_t io_fsize_limit(uint64_t badge);
bool io_in_group(const struct io_credentials *credentials, uint32_t gid);
// Whether `want` (R_OK 4, W_OK 2, X_OK 1) is granted on an object of this owner and st_mode. fsuid 0 may everything,
// but executes a file only when somebody may.
bool io_permits(const struct io_credentials *credentials, uint32_t mode, uint32_t uid, uint32_t gid, unsigned want);
// The table itself, null when the manifest gives none.
const struct process_table *io_processes(void);
