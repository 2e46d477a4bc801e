// SPDX-License-Identifier: MIT
// Attributes, by path and by handle: stat, access, chmod, chown, times, truncate, statfs, readlink.
#include "fs/tmpfs/tmpfs.h"
#include <asm/statfs.h>
#include <linux/magic.h>

#define NOW ((1l << 30) - 1)   // UTIME_NOW
#define OMIT ((1l << 30) - 2)  // UTIME_OMIT
#define KEEP 0xffffffffu       // an id that stays

static void answer_stat(const struct inode *inode, struct answer *answer)
{
    struct stat *stat = io_output(&context.session->io, answer, 0, sizeof *stat);
    inode_stat(inode, stat);
}

static err_t change_mode(struct inode *inode, uint32_t mode)
{
    if (!owns(inode)) return ERR_LINUX(EPERM);
    if (is_type(inode, S_IFLNK)) return ERR_LINUX(EOPNOTSUPP);
    mode &= 07777;
    if (who()->fsuid != 0 && !io_in_group(who(), inode->gid)) mode &= ~(uint32_t)S_ISGID;
    inode->mode = (inode->mode & S_IFMT) | mode;
    if (is_directory(inode)) directory_changed();
    touch_changed(inode);
    return OK;
}

static err_t change_owner(struct inode *inode, uint32_t uid, uint32_t gid)
{
    bool root = who()->fsuid == 0;
    if (!root && uid != KEEP && (uid != inode->uid || !owns(inode))) return ERR_LINUX(EPERM);
    if (!root && gid != KEEP && (!owns(inode) || (gid != inode->gid && !io_in_group(who(), gid))))
        return ERR_LINUX(EPERM);
    if (uid != KEEP) inode->uid = uid;
    if (gid != KEEP) inode->gid = gid;
    if (is_directory(inode)) directory_changed();
    if (!is_directory(inode) && (uid != KEEP || gid != KEEP)) {
        inode->mode &= ~(uint32_t)S_ISUID;
        if (inode->mode & S_IXGRP) inode->mode &= ~(uint32_t)S_ISGID;
    }
    touch_changed(inode);
    return OK;
}

static struct time chosen(struct time old, uint64_t seconds, uint64_t ns)
{
    if (ns == OMIT) return old;
    return ns == NOW ? time_now() : (struct time){.seconds = (int64_t)seconds, .ns = (uint32_t)ns};
}

static err_t change_times(struct inode *inode, const uint64_t t[4])  // access seconds, ns, modification seconds, ns
{
    if ((t[1] >= 1000000000 && t[1] != NOW && t[1] != OMIT) || (t[3] >= 1000000000 && t[3] != NOW && t[3] != OMIT))
        return ERR_LINUX(EINVAL);
    if (t[1] == OMIT && t[3] == OMIT) return OK;
    if (!owns(inode)) {
        if (t[1] != NOW || t[3] != NOW) return ERR_LINUX(EPERM);
        if (!may(inode, MAY_WRITE)) return ERR_LINUX(EACCES);
    }
    inode->accessed = chosen(inode->accessed, t[0], t[1]);
    inode->modified = chosen(inode->modified, t[2], t[3]);
    touch_changed(inode);
    return OK;
}

static err_t change_size(struct inode *inode, uint64_t size)
{
    if (size > INT64_MAX) return ERR_LINUX(EINVAL);
    if (size > inode->size && size > who()->fsize_limit) return ERR_LINUX(EFBIG);
    err_t err = data_resize(inode, size);
    if (err == OK) {
        drop_privileges(inode);
        touch_modified(inode);
    }
    return err;
}

static err_t answer_statfs(struct answer *answer)
{
    struct statfs *s = io_output(&context.session->io, answer, 0, sizeof *s);
    uint32_t free_inodes = fs->inodes.n_records - fs->inodes.n_used;
    uint32_t limit = files_limit(), left = limit - fs->file_pages;
    uint32_t free_pages = left < fs->pool.n_free ? left : fs->pool.n_free;
    *s = (struct statfs){
        .f_type = TMPFS_MAGIC,
        .f_bsize = PAGE_SIZE,
        .f_blocks = limit,
        .f_bfree = free_pages,
        .f_bavail = free_pages,
        .f_files = fs->inodes.n_records,
        .f_ffree = free_inodes,
        .f_namelen = NAME_BYTES_MAX,
        .f_frsize = PAGE_SIZE,
    };
    return OK;
}

// --- by path

// What a path names; symlinks are followed unless the request says otherwise.
static err_t found(const struct request *request, struct answer *answer, struct lookup *lookup)
{
    err_t err = path_request(request, answer, request->words[1] & FS_NOFOLLOW ? 0 : WALK_FOLLOW, lookup);
    return err == OK && !lookup->inode ? ERR_LINUX(ENOENT) : err;
}

// The object alone.
static err_t object(const struct request *request, struct answer *answer, struct inode **inode)
{
    struct lookup lookup;
    err_t err = found(request, answer, &lookup);
    *inode = lookup.inode;
    return err;
}

// The object is the last of what the answer rests on; an answer that sends the client elsewhere has no trail.
static err_t with_trail(err_t err, const struct inode *inode, struct answer *answer)
{
    if (err == OK) trail_add(inode);
    if (err != FS_CONTINUE && context.session) trail_answer(answer);
    return err;
}

// What FS_STAT would say of the next names of the directory (fs.h).
STORES_OUTSIDE_VAULT static void tell_ahead(const struct request *request, const struct lookup *lookup)
{
    struct io_session *session = &context.session->io;
    uint64_t n = request->words[3] < FS_AHEAD_NAMES ? request->words[3] : FS_AHEAD_NAMES;
    if (session->buffer_bytes < IO_BUFFER_BYTES) return;
    struct fs_ahead *to = (struct fs_ahead *)session->buffer;
    to->length = 0;
    if (!lookup->entry || lookup->slash || lookup->linked || !may(lookup->directory, MAY_READ)) return;
    for (const struct entry *entry = lookup->entry->next; n > 0 && entry; n--, entry = entry->next) {
        const struct inode *inode = entry->inode;
        if (inode->covered || (is_type(inode, S_IFLNK) && !(request->words[1] & FS_NOFOLLOW))) continue;
        char *name = (char *)(to + 1);
        size_t words = (entry->length + 7) / 8;
        ((uint64_t *)name)[words - 1] = 0;
        entry_name(entry, name);
        inode_stat(inode, (struct stat *)to->stat);
        to->mark = word_mark(inode);
        to->length = entry->length;
        to = (struct fs_ahead *)(name + words * 8);
        to->length = 0;
    }
}
_Static_assert(sizeof(struct stat) == sizeof((struct fs_ahead *)0)->stat, "fs.h");
_Static_assert((FS_AHEAD_NAMES + 1) * (sizeof(struct fs_ahead) + NAME_BYTES_MAX + 1) <= IO_BUFFER_BYTES, "they fit");

HANDLER(op_stat)
{
    struct lookup lookup;
    err_t err = found(request, answer, &lookup);
    if (err == OK) {
        answer_stat(lookup.inode, answer);
        if (request->words[1] & FS_AHEAD) tell_ahead(request, &lookup);
    }
    return with_trail(err, lookup.inode, answer);
}

// The real ids count on the way to the object, too.
HANDLER(op_access)
{
    struct lookup lookup;
    uint64_t flags = request->words[1];
    unsigned want = (unsigned)request->words[3];
    if (want > 7) return ERR_LINUX(EINVAL);
    err_t err = request_begin(request);
    if (err != OK) return err;
    if (flags & FS_REAL_IDS) become_real();
    err = path_walk(request, answer, request->words[0], flags, 0, request->words[2],
                    flags & FS_NOFOLLOW ? 0 : WALK_FOLLOW, &lookup);
    if (err == OK && !lookup.inode) err = ERR_LINUX(ENOENT);
    err = with_trail(err, lookup.inode, answer);
    return err != OK || may(lookup.inode, want) ? err : ERR_LINUX(EACCES);
}

HANDLER(op_readlink)
{
    struct lookup lookup;
    uint64_t flags = request->words[1];
    err_t err = path_request(request, answer, 0, &lookup);
    if (err != OK) return err;
    if (!lookup.inode) return ERR_LINUX(ENOENT);
    if (!is_type(lookup.inode, S_IFLNK)) return ERR_LINUX(EINVAL);
    char *to = io_output(&context.session->io, answer, flags, lookup.inode->size);
    if (!to) return ERR_LINUX(ENAMETOOLONG);
    text_copy(lookup.inode->target, to, lookup.inode->size);
    io_answer(answer, 1);
    answer->words[0] = lookup.inode->size;
    touch_accessed(lookup.inode, 0);
    return OK;
}

HANDLER(op_chmod)
{
    struct inode *inode;
    err_t err = object(request, answer, &inode);
    return err == OK ? change_mode(inode, (uint32_t)request->words[3]) : err;
}

HANDLER(op_chown)
{
    struct inode *inode;
    err_t err = object(request, answer, &inode);
    return err == OK ? change_owner(inode, (uint32_t)request->words[3], (uint32_t)request->words[4]) : err;
}

// Words 6 and 7 stand before an inline text.
HANDLER(op_utime)
{
    struct lookup lookup;
    uint64_t flags = request->words[1];
    if (request->n_words < MSG_REGISTERS + 2) return ERR_LINUX(EINVAL);
    const uint64_t times[4] = {request->words[3], request->words[4], request->words[5], request->words[6]};
    err_t err = request_begin(request);
    if (err == OK)
        err = path_walk(request, answer, request->words[0], flags, flags & IO_BUFFERED ? 0 : 16, request->words[2],
                        flags & FS_NOFOLLOW ? 0 : WALK_FOLLOW, &lookup);
    if (err == OK && !lookup.inode) err = ERR_LINUX(ENOENT);
    return err == OK ? change_times(lookup.inode, times) : err;
}

HANDLER(op_truncate)
{
    struct inode *inode;
    err_t err = object(request, answer, &inode);
    if (err != OK) return err;
    if (is_directory(inode)) return ERR_LINUX(EISDIR);
    if (!is_type(inode, S_IFREG)) return ERR_LINUX(EINVAL);
    if (!may(inode, MAY_WRITE)) return ERR_LINUX(EACCES);
    if (is_executing(inode)) return ERR_LINUX(ETXTBSY);
    return change_size(inode, request->words[3]);
}

HANDLER(op_statfs)
{
    struct inode *inode;
    err_t err = object(request, answer, &inode);
    return err == OK ? answer_statfs(answer) : err;
}

HANDLER(op_cover)
{
    struct lookup lookup;
    // Up to the last component: a directory that is covered already must be found to be uncovered.
    err_t err = path_request(request, answer, WALK_PARENT, &lookup);
    if (err != OK) return err;
    if (who()->euid != 0) return ERR_LINUX(EPERM);
    if (!lookup.inode) return ERR_LINUX(ENOENT);
    if (!is_directory(lookup.inode)) return ERR_LINUX(ENOTDIR);
    word_move(lookup.inode);
    directory_changed();
    lookup.inode->covered = request->words[3] != 0;
    io_answer(answer, 1);
    answer->words[0] = lookup.inode->number;
    return OK;
}

// --- by handle

HANDLER(io_stat)
{
    struct description *d;
    err_t err = request_handle(request, &d);
    if (err != OK) return err;
    answer_stat(d->inode, answer);
    return with_trail(OK, d->inode, answer);
}

// A handle through which attributes may change.
static err_t changeable(const struct request *request, struct description **d)
{
    err_t err = request_handle(request, d);
    return err == OK && ((*d)->io.flags & O_PATH) ? ERR_LINUX(EBADF) : err;
}

HANDLER(io_chmod)
{
    struct description *d;
    (void)answer;
    err_t err = changeable(request, &d);
    return err == OK ? change_mode(d->inode, (uint32_t)request->words[1]) : err;
}

HANDLER(io_chown)
{
    struct description *d;
    (void)answer;
    err_t err = changeable(request, &d);
    return err == OK ? change_owner(d->inode, (uint32_t)request->words[1], (uint32_t)request->words[2]) : err;
}

HANDLER(io_utime)
{
    struct description *d;
    (void)answer;
    err_t err = changeable(request, &d);
    return err == OK ? change_times(d->inode, &request->words[1]) : err;
}

HANDLER(io_truncate)
{
    struct description *d;
    (void)answer;
    err_t err = request_handle(request, &d);
    if (err != OK) return err;
    if (!is_type(d->inode, S_IFREG) || !may_write_with(d->io.flags))
        return ERR_LINUX(d->io.flags & O_PATH ? EBADF : EINVAL);
    return change_size(d->inode, request->words[1]);
}

HANDLER(io_statfs)
{
    struct description *d;
    err_t err = request_handle(request, &d);
    return err == OK ? answer_statfs(answer) : err;
}
