// SPDX-License-Identifier: MIT
// rename(2): one record moves from a name to another; what stood there before is unlinked in the same step.
#include "fs/tmpfs/tmpfs.h"

// The directory is `inode` or lies below it.
static bool lies_in(const struct inode *directory, const struct inode *inode)
{
    while (directory != inode && directory->self) directory = directory->parent;
    return directory == inode;
}

// What moves away from a name: the object must not be in use as a mount point, nor move into itself.
static err_t may_leave(const struct lookup *from, const struct lookup *to)
{
    err_t err = may_remove(from->directory, from->inode);
    if (err != OK) return err;
    if (from->inode->covered) return ERR_LINUX(EBUSY);
    // ".." of a directory changes with its parent, which takes permission to write to it.
    if (is_directory(from->inode) && from->directory != to->directory && !may(from->inode, MAY_WRITE))
        return ERR_LINUX(EACCES);
    return OK;
}

static err_t may_replace(const struct lookup *from, const struct lookup *to)
{
    err_t err = may_remove(to->directory, to->inode);
    if (err != OK) return err;
    if (is_directory(from->inode) && !is_directory(to->inode)) return ERR_LINUX(ENOTDIR);
    if (!is_directory(from->inode) && is_directory(to->inode)) return ERR_LINUX(EISDIR);
    if (to->inode->covered) return ERR_LINUX(EBUSY);
    return is_directory(to->inode) && to->inode->size ? ERR_LINUX(ENOTEMPTY) : OK;
}

static err_t exchange(const struct lookup *from, const struct lookup *to)
{
    err_t err = may_leave(to, from);
    if (err != OK) return err;
    if (lies_in(from->directory, to->inode)) return ERR_LINUX(EINVAL);
    struct inode *a = from->inode, *b = to->inode;
    from->directory->links += is_directory(b);
    from->directory->links -= is_directory(a);
    to->directory->links += is_directory(a);
    to->directory->links -= is_directory(b);
    from->entry->inode = b;
    to->entry->inode = a;
    directory_changed();
    if (is_directory(a)) {
        a->self = to->entry;
        a->parent = to->directory;
    }
    if (is_directory(b)) {
        b->self = from->entry;
        b->parent = from->directory;
    }
    touch_changed(a);
    touch_changed(b);
    touch_modified(from->directory);
    touch_modified(to->directory);
    return OK;
}

// Remove what has the new name; it has been checked.
static void replace(const struct lookup *to)
{
    struct inode *victim = to->inode;
    dir_remove(to->entry);
    touch_changed(victim);
    if (is_directory(victim)) {
        victim->links = 0;
        inode_hold(to->directory);
    } else {
        victim->links--;
    }
    inode_settle(victim);
}

static err_t rename_entry(const struct lookup *from, const struct lookup *to, uint64_t flags)
{
    if (from->kind != LAST_NAME || to->kind != LAST_NAME) return ERR_LINUX(EBUSY);
    if (!from->inode) return ERR_LINUX(ENOENT);
    if (to->inode && (flags & FS_NO_REPLACE)) return ERR_LINUX(EEXIST);
    if (!to->inode && (flags & FS_EXCHANGE)) return ERR_LINUX(ENOENT);
    if (!is_directory(from->inode) && (from->slash || (to->slash && !to->inode))) return ERR_LINUX(ENOTDIR);
    if (to->slash && to->inode && !is_directory(to->inode)) return ERR_LINUX(ENOTDIR);
    if (lies_in(to->directory, from->inode)) return ERR_LINUX(EINVAL);
    if (to->inode && !(flags & FS_EXCHANGE) && lies_in(from->directory, to->inode)) return ERR_LINUX(ENOTEMPTY);
    if (from->inode == to->inode) return OK;
    err_t err = may_leave(from, to);
    if (err != OK) return err;
    if (flags & FS_EXCHANGE) return exchange(from, to);
    if (to->inode) {
        err = may_replace(from, to);
    } else {
        if (dir_is_dead(to->directory))
            err = ERR_LINUX(ENOENT);
        else if (!may(to->directory, MAY_WRITE | MAY_EXECUTE))
            err = ERR_LINUX(EACCES);
    }
    if (err != OK) return err;
    if (to->inode) replace(to);
    if (!dir_move(from->entry, to->directory, &to->name)) return server_abort(ERR_LINUX(ENOSPC));
    touch_changed(from->inode);
    return OK;
}

static err_t rename_path(const struct request *request, struct answer *answer)
{
    struct lookup from, to;
    uint64_t flags = request->words[1];
    if ((flags & FS_NO_REPLACE) && (flags & FS_EXCHANGE)) return ERR_LINUX(EINVAL);
    err_t err = path_request(request, answer, WALK_PARENT, &from);
    if (err == OK)
        err = path_walk(request, answer, request->words[3], flags, (uint32_t)request->words[2], request->words[4],
                        WALK_PARENT, &to);
    if (err == FS_CONTINUE) return ERR_LINUX(EXDEV);
    return err == OK ? rename_entry(&from, &to, flags) : err;
}

HANDLER(op_rename) { return and_close(request, rename_path(request, answer)); }
