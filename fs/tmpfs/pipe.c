// SPDX-License-Identifier: MIT
// Pipes and FIFOs: a ring of up to 16 pages, taken from the pool as they are written and given back as they are read.
//
// Rules:
//  - A pipe exists while one of its ends is open or an open waits for the other end.
//  - Bytes between head and tail are the pipe's; others may be overwritten freely, so data needs no undo.
//  - A user with many pipes gets small ones, and then none (pipe_capacity()).
//  - An empty pipe keeps at most one page and starts over in it.
// Writes of up to PIPE_ATOMIC bytes go in whole or not at all. Who cannot go on is told ERR_AGAIN and armed.
#include "fs/tmpfs/tmpfs.h"
#include <asm/poll.h>

#define PIPES_LARGE 16   // part of the pool that one user's large pipes may have
#define PIPES_AT_MOST 8  // all of them
#define PIPE_PAGES_LEAST 2

static bool reads(uint32_t access) { return (access & O_ACCMODE) != O_WRONLY; }

static bool writes(uint32_t access) { return (access & O_ACCMODE) != O_RDONLY; }

// Pages for one more pipe of the context's user, 0: none.
static uint32_t pipe_capacity(void)
{
    uint32_t owner = who()->fsuid, n = 0;
    if (owner == 0) return PIPE_PAGES;
    if (is_for_root(fs->pipes.n_records - fs->pipes.n_used, fs->pipes.n_records)) return 0;
    for (uint32_t i = 0; i < fs->pipes.n_fresh; i++) {
        const struct pipe *pipe = table_at(&fs->pipes, i);
        if (pipe && pipe->owner == owner) n += pipe->capacity;
    }
    if (n + PIPE_PAGES <= fs->pool.n_pages / PIPES_LARGE) return PIPE_PAGES;
    return n + PIPE_PAGES_LEAST <= fs->pool.n_pages / PIPES_AT_MOST ? PIPE_PAGES_LEAST : 0;
}

static struct pipe *pipe_of(struct inode *inode)
{
    if (inode->pipe) return inode->pipe;
    uint32_t capacity = pipe_capacity();
    struct pipe *pipe = capacity ? table_new(&fs->pipes) : NULL;
    if (!pipe) return NULL;
    pipe->owner = who()->fsuid;
    pipe->capacity = capacity;
    for (unsigned i = 0; i < PIPE_PAGES; i++) pipe->pages[i] = PIPE_NO_PAGE;
    inode->pipe = pipe;
    return pipe;
}

// Drop it when nobody is left.
static void pipe_settle(struct inode *inode)
{
    struct pipe *pipe = inode->pipe;
    if (pipe->readers || pipe->writers || pipe->waiting_readers || pipe->waiting_writers) return;
    for (unsigned i = 0; i < PIPE_PAGES; i++)
        if (pipe->pages[i] != PIPE_NO_PAGE) buddy_give(&fs->pool, pipe->pages[i], 0);
    io_wake(&pipe->readable);
    io_wake(&pipe->writable);
    table_free(&fs->pipes, pipe);
    inode->pipe = NULL;
}

err_t pipe_open(struct inode *inode, uint32_t access)
{
    struct pipe *pipe = pipe_of(inode);
    if (!pipe) return ERR_LINUX(ENFILE);
    if (reads(access)) {
        pipe->readers++;
        pipe->opened_readers++;
        io_wake(&pipe->writable);
    }
    if (writes(access)) {
        pipe->writers++;
        pipe->opened_writers++;
        io_wake(&pipe->readable);
    }
    return OK;
}

void pipe_close(struct inode *inode, uint32_t access)
{
    struct pipe *pipe = inode->pipe;
    pipe->readers -= reads(access);
    pipe->writers -= writes(access);
    if (!pipe->readers) io_wake(&pipe->writable);
    if (!pipe->writers) io_wake(&pipe->readable);
    pipe_settle(inode);
}

// The bytes at a position: how many lie in a row there.
static uint8_t *ring_at(const struct pipe *pipe, uint64_t position, uint64_t *in_row)
{
    *in_row = PAGE_SIZE - position % PAGE_SIZE;
    return pool_address(pipe->pages[position / PAGE_SIZE % PIPE_PAGES]) + position % PAGE_SIZE;
}

// Give back the pages that have been read.
static void release_pages(struct pipe *pipe, uint64_t from)
{
    for (uint64_t page = from / PAGE_SIZE; page < pipe->head / PAGE_SIZE; page++) {
        buddy_give(&fs->pool, pipe->pages[page % PIPE_PAGES], 0);
        pipe->pages[page % PIPE_PAGES] = PIPE_NO_PAGE;
    }
    if (pipe->head == pipe->tail)  // start over at the beginning of the page that is left, if any
        pipe->head = pipe->tail = pipe->head / PAGE_SIZE % PIPE_PAGES * PAGE_SIZE;
}

// How much can be written: the ring's pages may be in use from the middle of the first on.
static uint64_t pipe_room(const struct pipe *pipe)
{
    return (pipe->head & ~(uint64_t)(PAGE_SIZE - 1)) + (uint64_t)pipe->capacity * PAGE_SIZE - pipe->tail;
}

err_t pipe_read(struct inode *inode, uint8_t *to, uint64_t n, uint64_t flags, uint64_t *done)
{
    struct pipe *pipe = inode->pipe;
    uint64_t from = pipe->head, room = pipe_room(pipe);
    *done = 0;
    if (pipe->head == pipe->tail) {
        if ((!pipe->writers && !pipe->waiting_writers) || n == 0) return OK;
        io_arm(&context.session->io, flags, &pipe->readable);
        return ERR_AGAIN;
    }
    while (*done < n && pipe->head < pipe->tail) {
        uint64_t in_row, left = pipe->tail - pipe->head;
        const uint8_t *bytes = ring_at(pipe, pipe->head, &in_row);
        uint64_t chunk = n - *done < in_row ? n - *done : in_row;
        chunk = chunk < left ? chunk : left;
        memcpy(to + *done, bytes, chunk);
        *done += chunk;
        pipe->head += chunk;
    }
    release_pages(pipe, from);
    if (pipe_room(pipe) != room) io_wake(&pipe->writable);
    return OK;
}

// Pages for the bytes up to `end`; false when the pool is used up.
static bool make_pages(struct pipe *pipe, uint64_t end)
{
    for (uint64_t page = pipe->tail / PAGE_SIZE; page * PAGE_SIZE < end; page++) {
        uint32_t *at = &pipe->pages[page % PIPE_PAGES];
        if (*at == PIPE_NO_PAGE && !pool_take_for_pipe(at)) return false;
    }
    return true;
}

err_t pipe_write(struct inode *inode, const uint8_t *from, uint64_t n, uint64_t flags, uint64_t *done)
{
    struct pipe *pipe = inode->pipe;
    uint64_t room = pipe_room(pipe);
    *done = 0;
    if (!pipe->readers && !pipe->waiting_readers) return ERR_LINUX(EPIPE);
    if (n == 0) return OK;
    if (room == 0 || (n <= PIPE_ATOMIC && room < n)) {
        io_arm(&context.session->io, flags, &pipe->writable);
        return ERR_AGAIN;
    }
    n = n < room ? n : room;
    if (!make_pages(pipe, pipe->tail + n)) return server_abort(ERR_LINUX(ENOMEM));
    for (uint64_t at = pipe->tail; *done < n;) {
        uint64_t in_row;
        uint8_t *bytes = ring_at(pipe, at + *done, &in_row);
        uint64_t chunk = n - *done < in_row ? n - *done : in_row;
        memcpy(bytes, from + *done, chunk);
        *done += chunk;
    }
    pipe->tail += n;
    io_wake(&pipe->readable);
    return OK;
}

uint32_t pipe_poll(struct inode *inode, uint32_t access, uint64_t flags, uint32_t events)
{
    struct pipe *pipe = inode->pipe;
    uint32_t ready = 0;
    if (reads(access)) {
        if (pipe->head != pipe->tail) ready |= POLLIN | POLLRDNORM;
        if (!pipe->writers && !pipe->waiting_writers && pipe->opened_writers) ready |= POLLHUP;
    }
    if (writes(access)) {
        if (pipe_room(pipe) >= PIPE_ATOMIC) ready |= POLLOUT | POLLWRNORM;
        if (!pipe->readers && !pipe->waiting_readers) ready |= POLLERR;
    }
    ready &= events | POLLHUP | POLLERR;
    if (ready) return ready;
    if (reads(access)) io_arm(&context.session->io, flags, &pipe->readable);
    if (writes(access)) io_arm(&context.session->io, flags, &pipe->writable);
    return 0;
}

uint64_t pipe_level(const struct inode *inode) { return inode->pipe->tail - inode->pipe->head; }

// --- opening a FIFO: each end waits for the other to be opened once. Who waits counts as being there: the other end
// may write, or read, before he has heard of it

void fifo_forget(struct session *session)
{
    struct inode *inode = session->fifo;
    if (!inode) return;
    session->fifo = NULL;
    if (session->fifo_access == O_RDONLY)
        inode->pipe->waiting_readers--;
    else
        inode->pipe->waiting_writers--;
    io_wake(session->fifo_access == O_RDONLY ? &inode->pipe->writable : &inode->pipe->readable);
    pipe_settle(inode);
    inode_drop(inode);
}

// Wait: the other end finds us by the count, and we find that it has been there since.
static err_t fifo_wait(struct inode *inode, uint32_t access, uint64_t io_flags)
{
    struct session *session = context.session;
    struct pipe *pipe = inode->pipe;
    if (session->fifo != inode || session->fifo_access != access) {
        fifo_forget(session);
        inode_hold(inode);
        session->fifo = inode;
        session->fifo_access = access;
        session->fifo_seen = access == O_RDONLY ? pipe->opened_writers : pipe->opened_readers;
        if (access == O_RDONLY)
            pipe->waiting_readers++;
        else
            pipe->waiting_writers++;
    }
    io_arm(&session->io, io_flags, access == O_RDONLY ? &pipe->readable : &pipe->writable);
    return ERR_AGAIN;
}

err_t fifo_open(struct inode *inode, uint32_t flags, uint64_t io_flags)
{
    uint32_t access = flags & O_ACCMODE;
    struct session *session = context.session;
    struct pipe *pipe = pipe_of(inode);
    if (!pipe) return ERR_LINUX(ENFILE);
    bool waited = session->fifo == inode && session->fifo_access == access;
    bool arrived = access == O_RDWR;
    if (access == O_RDONLY)
        arrived = pipe->writers || pipe->waiting_writers || (waited && session->fifo_seen != pipe->opened_writers);
    if (access == O_WRONLY)
        arrived = pipe->readers || pipe->waiting_readers || (waited && session->fifo_seen != pipe->opened_readers);
    if (!arrived && !(flags & O_NONBLOCK)) return fifo_wait(inode, access, io_flags);
    if (!arrived && access == O_WRONLY) {
        pipe_settle(inode);
        return ERR_LINUX(ENXIO);
    }
    err_t err = pipe_open(inode, access);
    if (err == OK && waited) fifo_forget(session);
    return err;
}
