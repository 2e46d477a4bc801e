// SPDX-License-Identifier: MIT
// Making and removing names: mkdir, mknod, symlink, link, unlink, rmdir. Errors in the order in which Linux finds them.
#include "fs/tmpfs/tmpfs.h"

bool dir_is_dead(const struct inode *directory) { return directory->links == 0; }

err_t may_remove(const struct inode *directory, const struct inode *victim)
{
    if (!may(directory, MAY_WRITE | MAY_EXECUTE)) return ERR_LINUX(EACCES);
    if ((directory->mode & S_ISVTX) && who()->fsuid != 0 && who()->fsuid != victim->uid &&
        who()->fsuid != directory->uid)
        return ERR_LINUX(EPERM);
    return OK;
}

err_t make_node(struct inode *directory, const struct name *name, uint32_t mode, uint32_t device, struct entry **made)
{
    uint32_t gid = who()->fsgid;
    if (directory->mode & S_ISGID) {
        gid = directory->gid;
        if ((mode & S_IFMT) == S_IFDIR)
            mode |= S_ISGID;
        else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && who()->fsuid != 0 && !io_in_group(who(), gid))
            mode &= ~(uint32_t)S_ISGID;
    }
    struct inode *inode = inode_new(mode, who()->fsuid, gid);
    if (!inode) return ERR_LINUX(ENOSPC);
    inode->device = device;
    inode->links = (mode & S_IFMT) == S_IFDIR ? 2 : 1;
    *made = dir_add(directory, name, inode);
    return *made ? OK : server_abort(ERR_LINUX(ENOSPC));
}

// A new name may stand where the lookup ended.
static err_t may_make(const struct lookup *lookup, bool directory)
{
    if (lookup->kind != LAST_NAME || lookup->inode) return ERR_LINUX(EEXIST);
    if ((lookup->slash && !directory) || dir_is_dead(lookup->directory)) return ERR_LINUX(ENOENT);
    return may(lookup->directory, MAY_WRITE | MAY_EXECUTE) ? OK : ERR_LINUX(EACCES);
}

HANDLER(op_mkdir)
{
    struct lookup lookup;
    struct entry *made;
    err_t err = path_request(request, answer, WALK_PARENT, &lookup);
    if (err == OK) err = may_make(&lookup, true);
    if (err != OK) return err;
    if (lookup.directory->links >= LINKS_MAX) return ERR_LINUX(EMLINK);
    return make_node(lookup.directory, &lookup.name, S_IFDIR | (request->words[3] & 01777), 0, &made);
}

HANDLER(op_mknod)
{
    struct lookup lookup;
    struct entry *made;
    uint32_t mode = (uint32_t)request->words[3] & (S_IFMT | 07777), type = mode & S_IFMT;
    err_t err = path_request(request, answer, WALK_PARENT, &lookup);
    if (err == OK) err = may_make(&lookup, false);
    if (err != OK) return err;
    if (type == S_IFDIR) return ERR_LINUX(EPERM);
    if ((type == S_IFCHR || type == S_IFBLK) && who()->fsuid != 0) return ERR_LINUX(EPERM);
    if (type == 0)
        mode |= S_IFREG;
    else if (type != S_IFREG && type != S_IFCHR && type != S_IFBLK && type != S_IFIFO && type != S_IFSOCK)
        return ERR_LINUX(EINVAL);
    uint32_t device = type == S_IFCHR || type == S_IFBLK ? (uint32_t)request->words[4] : 0;
    return make_node(lookup.directory, &lookup.name, mode, device, &made);
}

HANDLER(op_symlink)
{
    struct lookup lookup;
    struct entry *made;
    uint64_t n = request->words[3];
    err_t err = path_request(request, answer, WALK_PARENT, &lookup);
    if (err == OK) err = may_make(&lookup, false);
    if (err != OK) return err;
    if (n == 0) return ERR_LINUX(ENOENT);
    if (n > PATH_BYTES_MAX) return ERR_LINUX(ENAMETOOLONG);
    const char *target = io_input(&context.session->io, request, request->words[1], (uint32_t)request->words[2], n);
    if (!target) return ERR_LINUX(EINVAL);
    err = make_node(lookup.directory, &lookup.name, S_IFLNK | 0777, 0, &made);
    if (err != OK) return err;
    made->inode->size = n;
    made->inode->target = text_new(target, n);
    return made->inode->target ? OK : server_abort(ERR_LINUX(ENOSPC));
}

HANDLER(op_link)
{
    struct lookup from, to;
    uint64_t flags = request->words[1];
    err_t err = path_request(request, answer, flags & FS_NOFOLLOW ? 0 : WALK_FOLLOW, &from);
    if (err == OK && !from.inode) err = ERR_LINUX(ENOENT);
    if (err == OK)
        err = path_walk(request, answer, request->words[3], flags & ~(uint64_t)FS_EMPTY_PATH,
                        (uint32_t)request->words[2], request->words[4], WALK_PARENT, &to);
    if (err == FS_CONTINUE) return ERR_LINUX(EXDEV);
    if (err == OK) err = may_make(&to, false);
    if (err != OK) return err;
    struct inode *inode = from.inode;
    if (is_directory(inode)) return ERR_LINUX(EPERM);
    if (inode->links == 0 && !((flags & FS_EMPTY_PATH) && inode->linkable)) return ERR_LINUX(ENOENT);
    if (inode->links >= LINKS_MAX) return ERR_LINUX(EMLINK);
    if (!dir_add(to.directory, &to.name, inode)) return server_abort(ERR_LINUX(ENOSPC));
    inode->links++;
    touch_changed(inode);
    return OK;
}

static err_t remove_directory(const struct lookup *lookup)
{
    struct inode *inode = lookup->inode;
    if (lookup->kind == LAST_DOT) return ERR_LINUX(EINVAL);
    if (lookup->kind == LAST_DOTDOT) return ERR_LINUX(ENOTEMPTY);
    if (lookup->kind == LAST_NONE) return ERR_LINUX(EBUSY);
    if (!inode) return ERR_LINUX(ENOENT);
    err_t err = may_remove(lookup->directory, inode);
    if (err != OK) return err;
    if (!is_directory(inode)) return ERR_LINUX(ENOTDIR);
    if (inode->covered) return ERR_LINUX(EBUSY);
    if (inode->size) return ERR_LINUX(ENOTEMPTY);
    dir_remove(lookup->entry);
    inode->links = 0;
    inode_hold(lookup->directory);  // inode->parent, until it ends
    touch_changed(inode);
    inode_settle(inode);
    return OK;
}

static err_t remove_file(const struct lookup *lookup)
{
    struct inode *inode = lookup->inode;
    if (lookup->kind != LAST_NAME) return ERR_LINUX(EISDIR);
    if (!inode) return ERR_LINUX(ENOENT);
    if (lookup->slash) return ERR_LINUX(is_directory(inode) ? EISDIR : ENOTDIR);
    err_t err = may_remove(lookup->directory, inode);
    if (err != OK) return err;
    if (is_directory(inode)) return ERR_LINUX(EISDIR);
    dir_remove(lookup->entry);
    inode->links--;
    touch_changed(inode);
    inode_settle(inode);
    return OK;
}

static err_t remove(const struct request *request, struct answer *answer)
{
    struct lookup lookup;
    err_t err = path_request(request, answer, WALK_PARENT, &lookup);
    if (err != OK) return err;
    return request->words[1] & FS_REMOVE_DIRECTORY ? remove_directory(&lookup) : remove_file(&lookup);
}

HANDLER(op_unlink) { return and_close(request, remove(request, answer)); }
