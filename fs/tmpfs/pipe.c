// SPDX-License-Identifier: MIT
// Pipes and FIFOs: up to 16 pages of bytes, taken from the pool as they are written and given back as they are read.
//
// Rules:
//  - A pipe exists while one of its ends is open or an open waits for the other end.
//  - Bytes between the ends' positions are the pipe's; others may be overwritten freely, so data needs no undo.
//  - A user with many pipes gets small ones, and then none (pipe_capacity()).
//  - An empty pipe keeps at most one page and starts over in it, until it has a ring (ring.c), which keeps its pages.
// Writes of up to PIPE_ATOMIC bytes go in whole or not at all. Who cannot go on is told ERR_AGAIN and armed.
#include "fs/tmpfs/tmpfs.h"
#include <asm/poll.h>

#define PIPES_LARGE 16   // part of the pool that one user's large pipes may have
#define PIPES_AT_MOST 8  // all of them
#define PIPE_PAGES_LEAST 2
#define PATIENCE_FIRST 8  // requests in a row that are worth a ring
#define OTHER(end) (PIPE_WRITER - (end))

bool pipe_uses(uint32_t access, unsigned end)
{
    return (access & O_ACCMODE) != (end == PIPE_READER ? O_WRONLY : O_RDONLY);
}

// Pages for one more pipe of the context's user, 0: none.
static uint32_t pipe_capacity(void)
{
    uint32_t owner = who()->fsuid, n = 0;
    if (owner == 0) return PIPE_PAGES;
    if (is_for_root(fs->pipes.n_records - fs->pipes.n_used, fs->pipes.n_records)) return 0;
    for (uint32_t i = 0; i < fs->pipes.n_fresh; i++) {
        const struct pipe *pipe = table_at(&fs->pipes, i);
        if (pipe && pipe->owner == owner) n += pipe->capacity + (pipe->words == PIPE_NO_PAGE ? 0 : RING_PAGES);
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
    pipe->words = PIPE_NO_PAGE;
    for (unsigned i = 0; i < PIPE_PAGES; i++) pipe->pages[i] = PIPE_NO_PAGE;
    for (unsigned end = 0; end < PIPE_ENDS; end++) pipe->ends[end].patience = PATIENCE_FIRST;
    inode->pipe = pipe;
    return pipe;
}

void pipe_wake(struct pipe *pipe, unsigned which)
{
    struct pipe_end *end = &pipe->ends[which];
    if (end->state == END_LENT) server_signal(end->slots[RING_NOTIFICATION]);
    io_wake(&end->queue);
}

// Drop it when nobody is left.
static void pipe_settle(struct inode *inode)
{
    struct pipe *pipe = inode->pipe;
    if (pipe_has(pipe, PIPE_READER) || pipe_has(pipe, PIPE_WRITER)) return;
    for (unsigned i = 0; i < PIPE_PAGES; i++)
        if (pipe->pages[i] != PIPE_NO_PAGE) buddy_give(&fs->pool, pipe->pages[i], 0);
    ring_free(pipe);
    for (unsigned end = 0; end < PIPE_ENDS; end++) io_wake(&pipe->ends[end].queue);
    table_free(&fs->pipes, pipe);
    inode->pipe = NULL;
}

err_t pipe_open(struct inode *inode, uint32_t access)
{
    struct pipe *pipe = pipe_of(inode);
    if (!pipe) return ERR_LINUX(ENFILE);
    for (unsigned end = 0; end < PIPE_ENDS; end++)
        if (pipe_uses(access, end)) {
            pipe->ends[end].open++;
            pipe->ends[end].opened++;
        }
    ring_tell_state(pipe);
    for (unsigned end = 0; end < PIPE_ENDS; end++)
        if (pipe_uses(access, end)) pipe_wake(pipe, OTHER(end));
    return OK;
}

void pipe_close(struct inode *inode, uint32_t access)
{
    struct pipe *pipe = inode->pipe;
    for (unsigned end = 0; end < PIPE_ENDS; end++) pipe->ends[end].open -= pipe_uses(access, end);
    ring_tell_state(pipe);
    for (unsigned end = 0; end < PIPE_ENDS; end++)
        if (!pipe->ends[end].open) pipe_wake(pipe, OTHER(end));
    pipe_settle(inode);
}

// The bytes at a position: how many lie in a row there.
static uint8_t *bytes_at(const struct pipe *pipe, uint64_t position, uint64_t *in_row)
{
    *in_row = PAGE_SIZE - position % PAGE_SIZE;
    return pool_address(pipe->pages[position / PAGE_SIZE % PIPE_PAGES]) + position % PAGE_SIZE;
}

// Give back the pages that have been read.
static void release_pages(struct pipe *pipe, uint64_t from)
{
    uint64_t *head = &pipe->ends[PIPE_READER].position, *tail = &pipe->ends[PIPE_WRITER].position;
    for (uint64_t page = from / PAGE_SIZE; page < *head / PAGE_SIZE; page++) {
        buddy_give(&fs->pool, pipe->pages[page % PIPE_PAGES], 0);
        pipe->pages[page % PIPE_PAGES] = PIPE_NO_PAGE;
    }
    if (*head == *tail)  // start over at the beginning of the page that is left, if any
        *head = *tail = *head / PAGE_SIZE % PIPE_PAGES * PAGE_SIZE;
}

// How much can be written. Without a ring whole pages come and go: the first may be in use from its middle on.
static uint64_t pipe_room(const struct pipe *pipe)
{
    uint64_t used = pipe_bytes(pipe);
    if (pipe->words == PIPE_NO_PAGE) used += pipe->ends[PIPE_READER].position % PAGE_SIZE;
    return (uint64_t)pipe->capacity * PAGE_SIZE - used;
}

static uint64_t min(uint64_t a, uint64_t b) { return a < b ? a : b; }

err_t pipe_readable(struct inode *inode, uint64_t flags, uint64_t *n)
{
    struct pipe *pipe = inode->pipe;
    err_t err = ring_take(pipe, PIPE_READER);
    if (err != OK) return err;
    bool may_wait = *n > 0 && pipe_has(pipe, PIPE_WRITER);
    if (may_wait && !pipe_bytes(pipe)) ring_arm(pipe, PIPE_READER, flags);
    *n = min(*n, pipe_bytes(pipe));
    if (*n > 0 || !may_wait) return OK;
    io_arm(&context.session->io, flags, &pipe->ends[PIPE_READER].queue);
    return ERR_AGAIN;
}

void pipe_read(struct inode *inode, uint8_t *to, uint64_t n)
{
    struct pipe *pipe = inode->pipe;
    struct pipe_end *reader = &pipe->ends[PIPE_READER];
    uint64_t from = reader->position, room = pipe_room(pipe);
    if (n == 0) return;
    for (uint64_t done = 0; done < n;) {
        uint64_t in_row;
        const uint8_t *bytes = bytes_at(pipe, from + done, &in_row);
        uint64_t chunk = min(n - done, in_row);
        memcpy(to + done, bytes, chunk);
        done += chunk;
    }
    reader->position += n;
    if (pipe->words == PIPE_NO_PAGE)
        release_pages(pipe, from);
    else
        ring_moved(pipe, PIPE_READER);
    if (pipe_room(pipe) != room) io_wake(&pipe->ends[PIPE_WRITER].queue);
}

// Pages for the bytes up to `end`; false when the pool is used up.
static bool make_pages(struct pipe *pipe, uint64_t end)
{
    if (pipe->words != PIPE_NO_PAGE) return true;
    for (uint64_t page = pipe->ends[PIPE_WRITER].position / PAGE_SIZE; page * PAGE_SIZE < end; page++) {
        uint32_t *at = &pipe->pages[page % PIPE_PAGES];
        if (*at == PIPE_NO_PAGE && !pool_take_for_pipe(0, at)) return false;
    }
    return true;
}

// How much of a write of n bytes can be done now: all of it or, if it is long, a page at least; else 0.
static uint64_t fitting(const struct pipe *pipe, uint64_t n)
{
    uint64_t room = pipe_room(pipe), least = pipe->words == PIPE_NO_PAGE ? 1 : PIPE_ATOMIC;
    if (n <= PIPE_ATOMIC) least = n;
    return room >= least ? min(n, room) : 0;
}

err_t pipe_write(struct inode *inode, const uint8_t *from, uint64_t n, uint64_t flags, uint64_t *done)
{
    struct pipe *pipe = inode->pipe;
    struct pipe_end *writer = &pipe->ends[PIPE_WRITER];
    err_t err = ring_take(pipe, PIPE_WRITER);
    if (err != OK) return err;
    *done = 0;
    if (n == 0) return OK;
    if (!pipe_has(pipe, PIPE_READER)) return ERR_LINUX(EPIPE);
    uint64_t fits = fitting(pipe, n);
    if (fits == 0) {
        ring_arm(pipe, PIPE_WRITER, flags);
        fits = fitting(pipe, n);
    }
    if (fits == 0) {
        io_arm(&context.session->io, flags, &writer->queue);
        return ERR_AGAIN;
    }
    n = fits;
    if (!make_pages(pipe, writer->position + n)) return server_abort(ERR_LINUX(ENOMEM));
    while (*done < n) {
        uint64_t in_row;
        uint8_t *bytes = bytes_at(pipe, writer->position + *done, &in_row);
        uint64_t chunk = min(n - *done, in_row);
        memcpy(bytes, from + *done, chunk);
        *done += chunk;
    }
    writer->position += n;
    ring_moved(pipe, PIPE_WRITER);
    io_wake(&pipe->ends[PIPE_READER].queue);
    return OK;
}

static uint32_t ready_now(const struct pipe *pipe, uint32_t access)
{
    uint32_t ready = 0;
    if (pipe_uses(access, PIPE_READER)) {
        if (pipe_bytes(pipe)) ready |= POLLIN | POLLRDNORM;
        if (!pipe_has(pipe, PIPE_WRITER) && pipe->ends[PIPE_WRITER].opened) ready |= POLLHUP;
    }
    if (pipe_uses(access, PIPE_WRITER)) {
        if (pipe_room(pipe) >= PIPE_ATOMIC) ready |= POLLOUT | POLLWRNORM;
        if (!pipe_has(pipe, PIPE_READER)) ready |= POLLERR;
    }
    return ready;
}

err_t pipe_poll(struct inode *inode, uint32_t access, uint64_t flags, uint32_t events, uint64_t *ready)
{
    struct pipe *pipe = inode->pipe;
    for (unsigned end = 0; end < PIPE_ENDS; end++) {
        err_t err = pipe_uses(access, end) ? ring_take(pipe, end) : OK;
        if (err != OK) return err;
    }
    events |= POLLHUP | POLLERR;
    for (unsigned end = 0; end < PIPE_ENDS; end++)
        if (pipe_uses(access, end) && !(ready_now(pipe, access) & events)) ring_arm(pipe, end, flags);
    *ready = ready_now(pipe, access) & events;
    for (unsigned end = 0; end < PIPE_ENDS; end++)
        if (pipe_uses(access, end) && !*ready) io_arm(&context.session->io, flags, &pipe->ends[end].queue);
    return OK;
}

uint64_t pipe_level(const struct inode *inode) { return pipe_bytes(inode->pipe); }

// --- opening a FIFO: each end waits for the other to be opened once. Who waits counts as being there: the other end
// may write, or read, before he has heard of it

void fifo_forget(struct session *session)
{
    struct inode *inode = session->fifo;
    if (!inode) return;
    session->fifo = NULL;
    inode->pipe->ends[session->fifo_end].waiting--;
    ring_tell_state(inode->pipe);
    pipe_wake(inode->pipe, OTHER(session->fifo_end));
    pipe_settle(inode);
    inode_drop(inode);
}

// Wait: the other end finds us by the count, and we find that it has been there since.
static err_t fifo_wait(struct inode *inode, unsigned end, uint64_t io_flags)
{
    struct session *session = context.session;
    struct pipe *pipe = inode->pipe;
    if (session->fifo != inode || session->fifo_end != end) {
        fifo_forget(session);
        inode_hold(inode);
        session->fifo = inode;
        session->fifo_end = end;
        session->fifo_seen = pipe->ends[OTHER(end)].opened;
        pipe->ends[end].waiting++;
        ring_tell_state(pipe);
    }
    io_arm(&session->io, io_flags, &pipe->ends[end].queue);
    return ERR_AGAIN;
}

err_t fifo_open(struct inode *inode, uint32_t flags, uint64_t io_flags)
{
    uint32_t access = flags & O_ACCMODE;
    unsigned end = access == O_WRONLY ? PIPE_WRITER : PIPE_READER;
    struct session *session = context.session;
    struct pipe *pipe = pipe_of(inode);
    if (!pipe) return ERR_LINUX(ENFILE);
    const struct pipe_end *other = &pipe->ends[OTHER(end)];
    bool waited = session->fifo == inode && session->fifo_end == end;
    bool arrived = access == O_RDWR || pipe_has(pipe, OTHER(end)) || (waited && session->fifo_seen != other->opened);
    if (!arrived && !(flags & O_NONBLOCK)) return fifo_wait(inode, end, io_flags);
    if (!arrived && access == O_WRONLY) {
        pipe_settle(inode);
        return ERR_LINUX(ENXIO);
    }
    err_t err = pipe_open(inode, access);
    if (err == OK && waited) fifo_forget(session);
    return err;
}
