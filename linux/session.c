// SPDX-License-Identifier: MIT
// Speaking to servers: sessions made at first use, requests and their answers, buffers, notifications.
//
// Rules:
//  - A request's long words (rt_utcb()->words from 6) and capability arguments are filled in after session_use(),
//    data_begin() and notify_use(), which make requests of their own, and stand until ask().
//  - The session buffer belongs to all threads of the process: data_begin() takes its lock, data_end() gives it back.
//    Locks like this one and that of PASSING_PSLOT may be held over a call to a server; servers do not block.
#include "linux/linux.h"

#define SCRATCH_SLOT (PSLOT_FREE + 64)  // + thread % 32: a capability on its way

// Until the lock is ours.
__attribute__((noinline)) void lock_wait(uint32_t *word)
{
    do {
        sys_yield();
    } while (__atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE));
}

void *long_words(void) { return &rt_utcb()->words[MSG_REGISTERS]; }

void send_cap(uint32_t cspace, uint32_t slot)
{
    struct utcb *utcb = rt_utcb();
    utcb->send_cspace = cspace;
    utcb->send_slot[0] = slot;
}

void receive_cap(unsigned n, uint32_t cspace, uint32_t slot)
{
    struct utcb *utcb = rt_utcb();
    utcb->recv_cspace = cspace;
    utcb->recv_slot[n] = slot;
}

// @path linux-read 6/9: else one request over the process's own session
static long ask_slot(uint32_t slot, uint32_t operation, size_t inline_bytes, struct message *m)
{
    struct utcb *utcb = rt_utcb();
    m->info = INFO(operation, MSG_REGISTERS + (inline_bytes + 7) / 8, utcb->send_slot[0] ? 1 : 0);
    err_t err = ipc_call(slot, m);
    utcb->send_slot[0] = 0;
    utcb->recv_slot[0] = utcb->recv_slot[1] = utcb->recv_slot[2] = 0;
    return err > 0 ? err : errno_of(err);
}

long ask_proc(uint32_t operation, size_t inline_bytes, struct message *m)
{
    return ask_slot(PSLOT_PROC, operation, inline_bytes, m);
}

long ask(unsigned server, uint32_t operation, size_t inline_bytes, struct message *m)
{
    return ask_slot(server == SERVER_PROC ? PSLOT_PROC : PSLOT_SESSION + server, operation, inline_bytes, m);
}

static __attribute__((noinline)) long make_session(struct process *p, unsigned server)
{
    if (server >= SERVERS) return -EIO;
    receive_cap(0, 0, PSLOT_SESSION + server);
    struct message m = {.words = {server}};
    long result = ask_proc(PROC_SESSION, 0, &m);
    if (result == 0) __atomic_or_fetch(&p->sessions, 1u << server, __ATOMIC_RELAXED);
    return result;
}

long session_use(unsigned server)
{
    struct process *p = process();
    return server == SERVER_PROC || p->sessions >> server & 1 ? 0 : make_session(p, server);
}

// --- buffers

long map_own(uint32_t slot, uint64_t address, uint64_t first, uint64_t n, unsigned rights)
{
    err_t err = frames_map(slot, PSLOT_ASPACE, address, first, n, rights);
    struct message m = {0};
    if (err == ERR_NO_TABLES && ask_proc(PROC_TABLES, 0, &m) == 0)
        err = frames_map(slot, PSLOT_ASPACE, address, first, n, rights);
    return errno_of(err);
}

static __attribute__((noinline)) long map_buffer(struct process *p, unsigned server)
{
    uint32_t slot = PSLOT_WINDOW + server;
    (void)cspace_delete(PSLOT_CSPACE, slot, 1);
    receive_cap(0, 0, slot);
    struct message m = {.words = {IO_BUFFER_BYTES}};
    long result = ask(server, IO_BUFFER, 0, &m);
    if (result < 0) return result;
    if (m.words[0] < IO_BUFFER_BYTES) return -EIO;
    result = map_own(slot, (uint64_t)buffer_of(p, server), 0, IO_BUFFER_BYTES / PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    if (result == 0) p->buffers |= 1u << server;
    return result;
}

long data_begin(struct data *data, unsigned server, size_t bytes)
{
    long result = session_use(server);
    if (result < 0) return result;
    if (bytes <= IO_INLINE) {
        *data = (struct data){.at = long_words(), .inline_bytes = bytes};
        return 0;
    }
    struct process *p = process();
    lock(&p->buffer_lock);
    if (!(p->buffers >> server & 1)) result = map_buffer(p, server);
    if (server == SERVER_ROOT) p->ahead.file = 0;  // its bytes make room
    if (result < 0) unlock(&p->buffer_lock);
    *data = (struct data){.at = buffer_of(p, server), .flags = IO_BUFFERED};
    return result;
}

void data_end(const struct data *data)
{
    if (data->flags & IO_BUFFERED) unlock(&process()->buffer_lock);
}

// --- capabilities in passing

long notify_use(unsigned server)
{
    struct thread *t = self();
    if (server == SERVER_PROC || t->notified >> server & 1) return 0;
    uint32_t scratch = SCRATCH_SLOT + thread_index() % 32;
    err_t err =
        cspace_derive(PSLOT_CSPACE, scratch, 0, PSLOT_NOTIFICATION + thread_index() % 64, RIGHT_WRITE, 1ull << server);
    if (err != OK) return errno_of(err);
    send_cap(0, scratch);
    struct message m = {.words = {thread_index()}};
    long result = ask(server, IO_NOTIFY, 0, &m);
    (void)cspace_delete(PSLOT_CSPACE, scratch, 1);
    if (result == 0) t->notified |= 1u << server;
    return result;
}

// @path linux-fork 4/4: the child looks at itself
// The child of a fork has its parent's memory, but not its connections.
void forget_connections(void)
{
    struct process *p = process();
    p->sessions = p->buffers = 0;
    p->table_lock = p->buffer_lock = p->futex_lock = p->passing_lock = 0;
    p->words = p->questions = 0;
    p->wake_slots = p->futex_waiting = 0;
    memset(p->futex_waiters, 0, sizeof p->futex_waiters);
    memset(p->rings, 0, sizeof p->rings);
    files_forget(p);
    self()->notified = 0;
    self()->rings = 0;
}
