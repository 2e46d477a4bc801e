// SPDX-License-Identifier: MIT
// Requests on handles that move data: read, write, seek, readdir, poll, ioctl, fallocate, locks, paths.
//
// An offset of IO_OFFSET_CURRENT uses and moves the description's own. The answer to a read or write tells in word 1
// where it ended, which an appending writer cannot know otherwise.
#include "fs/tmpfs/tmpfs.h"
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <linux/falloc.h>
#include <linux/fs.h>

STORES_OUTSIDE_VAULT static inline uint64_t min(uint64_t a, uint64_t b) { return a < b ? a : b; }

static void set_offset(struct description *d, uint64_t offset) { d->io.offset = offset; }

// Tell how far it went, and move the description's offset when that was used.
STORES_OUTSIDE_VAULT static err_t moved(struct description *d, uint64_t asked, uint64_t offset, uint64_t done,
                                        struct answer *answer)
{
    if (asked == IO_OFFSET_CURRENT && done) set_offset(d, offset + done);
    io_answer(answer, 2);
    answer->words[0] = done;
    answer->words[1] = offset + done;
    return OK;
}

// How much went through the pipe, or could, and whether the requester had better have this end for himself.
STORES_OUTSIDE_VAULT static err_t through_pipe(struct inode *inode, unsigned end, uint64_t done, struct answer *answer)
{
    io_answer(answer, 3);
    answer->words[0] = done;
    answer->words[2] = ring_is_offered(inode->pipe, end) ? FS_RING_OFFERED : 0;
    return OK;
}

// @path linux-read 7/9: the handle's description, its file, and the bytes into the answer
STORES_OUTSIDE_VAULT HANDLER(io_read)
{
    struct description *d;
    uint64_t offset = request->words[1], n = request->words[2], flags = request->words[3], done;
    err_t err = request_handle(request, &d);
    if (err != OK) return err;
    if (!may_read_with(d->io.flags)) return ERR_LINUX(EBADF);
    if (is_directory(d->inode)) return ERR_LINUX(EISDIR);
    uint64_t room = io_output_room(&context.session->io, flags);
    if (room == 0) return ERR_LINUX(EINVAL);
    n = min(n, room);
    if (is_type(d->inode, S_IFIFO)) {
        if (offset != IO_OFFSET_CURRENT) return ERR_LINUX(ESPIPE);
        err = pipe_readable(d->inode, flags, &n);
        if (err != OK) return err;
        pipe_read(d->inode, io_output(&context.session->io, answer, flags, n), n);
        return through_pipe(d->inode, PIPE_READER, n, answer);
    }
    uint64_t at = offset == IO_OFFSET_CURRENT ? d->io.offset : offset;
    if (at > INT64_MAX) return ERR_LINUX(EINVAL);
    n = at < d->inode->size ? min(n, d->inode->size - at) : 0;
    void *to = io_output(&context.session->io, answer, flags, n);
    done = data_read(d->inode, at, to, n);
    touch_accessed(d->inode, d->io.flags);
    io_answer(answer, 4);
    answer->words[2] = word_mark(d->inode);
    answer->words[3] = d->inode->size;
    return moved(d, offset, at, done, answer);
}

STORES_OUTSIDE_VAULT HANDLER(io_write)
{
    struct description *d;
    uint64_t offset = request->words[1], n = request->words[2], flags = request->words[3], done;
    err_t err = request_handle(request, &d);
    if (err != OK) return err;
    if (!may_write_with(d->io.flags)) return ERR_LINUX(EBADF);
    const void *from = io_input(&context.session->io, request, flags, 0, n);
    if (!from) return ERR_LINUX(EINVAL);
    if (is_type(d->inode, S_IFIFO)) {
        if (offset != IO_OFFSET_CURRENT) return ERR_LINUX(ESPIPE);
        err = pipe_write(d->inode, from, n, flags, &done);
        return err == OK ? through_pipe(d->inode, PIPE_WRITER, done, answer) : err;
    }
    uint64_t at = offset == IO_OFFSET_CURRENT ? d->io.offset : offset;
    if (d->io.flags & O_APPEND) at = d->inode->size;
    uint64_t limit = min(io_fsize_limit(context.badge), FILE_BYTES_MAX);
    if (at > INT64_MAX) return ERR_LINUX(EINVAL);
    if (n == 0) return moved(d, offset, at, 0, answer);
    if (at >= limit) return ERR_LINUX(EFBIG);
    err = data_write(d->inode, at, from, min(n, limit - at), &done);
    if (err != OK) return err;
    drop_privileges(d->inode);
    touch_modified(d->inode);
    return moved(d, offset, at, done, answer);
}

// Where a seek goes.
static err_t seek_target(const struct description *d, uint64_t whence, uint64_t offset, uint64_t *target)
{
    const struct inode *inode = d->inode;
    switch (whence) {
    case SEEK_SET: *target = offset; return OK;
    case SEEK_CUR: *target = d->io.offset + offset; return OK;
    case SEEK_END: *target = inode->size + offset; return is_type(inode, S_IFREG) ? OK : ERR_LINUX(EINVAL);
    case SEEK_DATA:
    case SEEK_HOLE:
        return is_type(inode, S_IFREG) ? data_seek(inode, offset, whence == SEEK_HOLE, target) : ERR_LINUX(EINVAL);
    }
    return ERR_LINUX(EINVAL);
}

HANDLER(io_seek)
{
    struct description *d;
    uint64_t target;
    err_t err = request_handle(request, &d);
    if (err != OK) return err;
    if (d->io.flags & O_PATH) return ERR_LINUX(EBADF);
    if (is_type(d->inode, S_IFIFO)) return ERR_LINUX(ESPIPE);
    err = seek_target(d, request->words[1], request->words[2], &target);
    if (err != OK) return err;
    if (target > INT64_MAX) return ERR_LINUX(EINVAL);
    d->io.offset = target;
    io_answer(answer, 1);
    answer->words[0] = target;
    return OK;
}

HANDLER(io_readdir)
{
    struct description *d;
    uint64_t flags = request->words[1];
    size_t used;
    err_t err = request_handle(request, &d);
    if (err != OK) return err;
    if (d->io.flags & O_PATH) return ERR_LINUX(EBADF);
    if (!is_directory(d->inode)) return ERR_LINUX(ENOTDIR);
    size_t room = min(request->words[2], io_output_room(&context.session->io, flags));
    uint8_t *to = io_output(&context.session->io, answer, flags, room);
    err = dir_read(d, to, room, &used);
    if (err != OK) return err;
    touch_accessed(d->inode, d->io.flags);
    answer->n_words = 0;
    io_output(&context.session->io, answer, flags, used);
    io_answer(answer, 1);
    answer->words[0] = used;
    return OK;
}

STORES_OUTSIDE_VAULT HANDLER(io_poll)
{
    struct description *d;
    uint32_t events = (uint32_t)request->words[1];
    err_t err = request_handle(request, &d);
    if (err != OK) return err;
    if (is_type(d->inode, S_IFIFO) && !(d->io.flags & O_PATH)) {
        uint64_t ready;
        unsigned end = (d->io.flags & O_ACCMODE) == O_WRONLY ? PIPE_WRITER : PIPE_READER;
        err = pipe_poll(d->inode, d->io.flags, request->words[2], events, &ready);
        return err == OK ? through_pipe(d->inode, end, ready, answer) : err;
    }
    io_answer(answer, 1);
    answer->words[0] = d->io.flags & O_PATH ? POLLNVAL : events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
    return OK;
}

HANDLER(io_ioctl)
{
    struct description *d;
    err_t err = request_handle(request, &d);
    if (err != OK) return err;
    if (request->words[1] != FIONREAD || (d->io.flags & O_PATH) || is_directory(d->inode))
        return ERR_LINUX(d->io.flags & O_PATH ? EBADF : ENOTTY);
    int *result = io_output(&context.session->io, answer, 0, sizeof *result);
    uint64_t n = is_type(d->inode, S_IFIFO)      ? pipe_level(d->inode)
                 : d->io.offset < d->inode->size ? d->inode->size - d->io.offset
                                                 : 0;
    *result = (int)min(n, INT32_MAX);
    answer->words[0] = 0;
    answer->words[1] = sizeof *result;
    return OK;
}

HANDLER(io_sync)
{
    struct description *d;
    (void)answer;
    return request_handle(request, &d);  // memory is as durable as it gets
}

HANDLER(io_allocate)
{
    struct description *d;
    uint64_t mode = request->words[1], offset = request->words[2], n = request->words[3];
    (void)answer;
    err_t err = request_handle(request, &d);
    if (err != OK) return err;
    if (!may_write_with(d->io.flags)) return ERR_LINUX(EBADF);
    if (is_type(d->inode, S_IFIFO)) return ERR_LINUX(ESPIPE);
    if (!is_type(d->inode, S_IFREG)) return ERR_LINUX(ENODEV);
    if (offset > INT64_MAX || n == 0 || n > INT64_MAX) return ERR_LINUX(EINVAL);
    if (mode != 0 && mode != FALLOC_FL_KEEP_SIZE && mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
        return ERR_LINUX(EOPNOTSUPP);
    if (mode & FALLOC_FL_PUNCH_HOLE) {
        err = data_punch(d->inode, offset, n);
    } else {
        if (offset + n > FILE_BYTES_MAX || (!mode && offset + n > who()->fsize_limit)) return ERR_LINUX(EFBIG);
        if (n / PAGE_SIZE > fs->pool.n_free) return ERR_LINUX(ENOSPC);
        err = data_allocate(d->inode, offset, n, mode != 0);
    }
    if (err == OK) touch_modified(d->inode);
    return err;
}

HANDLER(io_lock)
{
    struct description *d;
    err_t err = request_handle(request, &d);
    return err == OK ? lock_operation(d, request, answer) : err;
}

// The path of what is open, as seen from the process's root.
HANDLER(io_path)
{
    static char text[PATH_BYTES_MAX + 16];
    static const char deleted[] = " (deleted)";
    struct description *d;
    uint64_t flags = request->words[1];
    err_t err = request_handle(request, &d);
    if (err != OK) return err;
    const struct inode *root = who()->root ? inode_by_number(who()->root) : fs->root;
    const char *at = text;
    size_t n;
    bool directory = is_directory(d->inode);
    const struct entry *entry = d->entry && table_get(&fs->entries, d->entry_handle) == d->entry ? d->entry : NULL;
    if (directory && (d->inode == root || d->inode->self)) {
        at = dir_path(d->inode, NULL, root, text);
        n = at ? (size_t)(text + PATH_BYTES_MAX - at) : 0;
    } else if (!directory && entry && entry->inode == d->inode) {
        at = dir_path(d->inode, entry, root, text);
        n = at ? (size_t)(text + PATH_BYTES_MAX - at) : 0;
    } else if (is_type(d->inode, S_IFIFO) && !d->inode->links) {
        n = (size_t)snprintf(text, sizeof text, "pipe:[%lu]", d->inode->number);
    } else {
        n = sizeof deleted - 1;  // the name itself is gone with its record
        at = deleted;
    }
    if (!at) return ERR_LINUX(ENAMETOOLONG);
    char *to = io_output(&context.session->io, answer, flags, n);
    if (!to) return ERR_LINUX(ENAMETOOLONG);
    memcpy(to, at, n);
    io_answer(answer, 1);
    answer->words[0] = n;
    return OK;
}
