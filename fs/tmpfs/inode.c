// SPDX-License-Identifier: MIT
// Inodes: their life, attributes, times, and what the requester may do with them.
//
// Links and users are counted; the end of an inode is decided in one place, inode_settle(). A directory that was
// removed holds its parent until it is gone itself, so that ".." stays valid for those who are still in it.
#include "fs/tmpfs/tmpfs.h"

struct inode *inode_new(uint32_t mode, uint32_t uid, uint32_t gid)
{
    if (is_for_root(fs->inodes.n_records - fs->inodes.n_used, fs->inodes.n_records)) return NULL;
    struct inode *inode = table_new(&fs->inodes);
    if (!inode) return NULL;
    inode->number = table_handle(&fs->inodes, inode) + 1;  // handles begin at 0, which readdir takes for no entry
    inode->mode = mode;
    inode->uid = uid;
    inode->gid = gid;
    inode->next_cookie = COOKIE_FIRST;
    inode->accessed = inode->modified = inode->changed = time_now();
    return inode;
}

void inode_hold(struct inode *inode) { inode->users++; }

void inode_drop(struct inode *inode)
{
    inode->users--;
    inode_settle(inode);
}

void inode_settle(struct inode *inode)
{
    while (inode && !inode->links && !inode->users) {
        struct inode *parent = is_directory(inode) ? inode->parent : NULL;
        text_free(inode->target);
        if (inode->extents) {
            extent_cut(inode, 0, &fs->deleted);
            reclaim(8);
        }
        io_wake(&inode->lock_queue);
        table_free(&fs->inodes, inode);
        if (parent) parent->users--;
        inode = parent;
    }
}

struct inode *inode_by_number(uint64_t number) { return number ? table_get(&fs->inodes, number - 1) : NULL; }

// Pages that count as the file's: those that it got in advance, behind its end, do not.
static uint64_t pages_shown(const struct inode *inode)
{
    uint64_t end = (inode->size + PAGE_SIZE - 1) / PAGE_SIZE, n = inode->n_pages;
    if (!n) return 0;
    for (const struct extent *e = extent_last(inode); e && extent_end(e) > end;
         e = extent_before(inode, e->file_page)) {
        uint64_t from = e->file_page < end ? end : e->file_page;
        n -= extent_end(e) - from;
    }
    return n;
}

STORES_OUTSIDE_VAULT void inode_stat(const struct inode *inode, struct stat *stat)
{
    uint32_t type = inode->mode & S_IFMT;
    *stat = (struct stat){
        .st_dev = DEVICE_OF_FS,
        .st_ino = inode->number,
        .st_nlink = inode->links,
        .st_mode = inode->mode,
        .st_uid = inode->uid,
        .st_gid = inode->gid,
        .st_rdev = inode->device,
        .st_size = (long)(type == S_IFDIR ? 40 + 20 * inode->size : inode->size),
        .st_blksize = PAGE_SIZE,
        .st_blocks = (long)(pages_shown(inode) * (PAGE_SIZE / 512)),
        .st_atime = (unsigned long)inode->accessed.seconds,
        .st_atime_nsec = inode->accessed.ns,
        .st_mtime = (unsigned long)inode->modified.seconds,
        .st_mtime_nsec = inode->modified.ns,
        .st_ctime = (unsigned long)inode->changed.seconds,
        .st_ctime_nsec = inode->changed.ns,
    };
}

bool may(const struct inode *inode, unsigned want)
{
    return io_permits(who(), inode->mode, inode->uid, inode->gid, want);
}

bool owns(const struct inode *inode) { return who()->fsuid == 0 || who()->fsuid == inode->uid; }

// Most dates that are renewed are renewed again within the same four milliseconds.
static void renew(struct time *date)
{
    struct time now = time_now();
    if (date->ns != now.ns || date->seconds != now.seconds) *date = now;
}

void touch_modified(struct inode *inode)
{
    word_move(inode);
    renew(&inode->modified);
    renew(&inode->changed);
}

void touch_changed(struct inode *inode)
{
    word_move(inode);
    renew(&inode->changed);
}

static bool not_after(struct time a, struct time b)
{
    return a.seconds < b.seconds || (a.seconds == b.seconds && a.ns <= b.ns);
}

// relatime: when it has been modified since, or a day has passed. The day is counted on the newest date that
// anybody has asked for, so that reading does not have to ask.
bool access_is_due(const struct inode *inode, uint32_t flags)
{
    return !(flags & O_NOATIME) &&
           (not_after(inode->accessed, inode->modified) || not_after(inode->accessed, inode->changed) ||
            (int64_t)(context.now_ns / 1000000000) - inode->accessed.seconds >= 24 * 3600);
}

void touch_accessed(struct inode *inode, uint32_t flags)
{
    if (!access_is_due(inode, flags)) return;
    word_move(inode);
    inode->accessed = time_now();
}

void drop_privileges(struct inode *inode)
{
    uint32_t drop = inode->mode & S_ISUID;
    if (inode->mode & S_IXGRP) drop |= inode->mode & S_ISGID;
    if (drop && who()->fsuid != 0) inode->mode &= ~drop;
}
