// SPDX-License-Identifier: MIT
// Calls that take paths: open, directories, links, renaming, attributes.
#include <linux/stat.h>
#include "linux/linux.h"

#define HERE ((uint64_t)AT_FDCWD)

// A call whose whole work is one request about a name.
static long simple(uint64_t dirfd, uint64_t path, const struct path_request *request)
{
    struct walk w;
    struct message m;
    long result = walk_begin(&w, dirfd, path, false);
    if (result == 0) result = walk_ask(&w, request, &m);
    if (result == FS_CONTINUE) result = -EPERM;  // links of /proc stay
    walk_end(&w);
    return result;
}

// --- open

long call_openat(uint64_t dirfd, uint64_t path, uint64_t flags, uint64_t mode)
{
    struct walk w;
    struct file *file;
    uint32_t umask = process_page()->umask;
    long result = walk_begin(&w, dirfd, path, false);
    if (result < 0) return result;
    flags = (uint32_t)flags;
    mode = flags & (O_CREAT | __O_TMPFILE) ? mode & 07777 & ~umask : 0;
    result = path_open(&w, 0, flags, (uint32_t)mode, &file);
    walk_end(&w);
    return result < 0 ? result : descriptor_new(file, 0, (flags & O_CLOEXEC) != 0);
}

long call_open(uint64_t path, uint64_t flags, uint64_t mode) { return call_openat(HERE, path, flags, mode); }
long call_creat(uint64_t path, uint64_t mode) { return call_openat(HERE, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

// --- making and removing names

long call_mkdirat(uint64_t dirfd, uint64_t path, uint64_t mode)
{
    return simple(
        dirfd, path,
        &(struct path_request){.operation = FS_MKDIR, .words = {mode & 07777 & ~(uint64_t)process_page()->umask}});
}

long call_mkdir(uint64_t path, uint64_t mode) { return call_mkdirat(HERE, path, mode); }

long call_mknodat(uint64_t dirfd, uint64_t path, uint64_t mode, uint64_t device)
{
    uint64_t type = mode & S_IFMT ? mode & S_IFMT : S_IFREG;
    if (type == S_IFDIR) return -EPERM;
    if (type == S_IFLNK) return -EINVAL;
    mode = type | (mode & 07777 & ~(uint64_t)process_page()->umask);
    return simple(dirfd, path, &(struct path_request){.operation = FS_MKNOD, .words = {mode, (uint32_t)device}});
}

long call_mknod(uint64_t path, uint64_t mode, uint64_t device) { return call_mknodat(HERE, path, mode, device); }

long call_unlinkat(uint64_t dirfd, uint64_t path, uint64_t flags)
{
    if ((uint32_t)flags & ~AT_REMOVEDIR) return -EINVAL;
    return simple(dirfd, path,
                  &(struct path_request){.operation = FS_UNLINK,
                                         .flags = FS_NOFOLLOW | (flags & AT_REMOVEDIR ? FS_REMOVE_DIRECTORY : 0)});
}

long call_unlink(uint64_t path) { return call_unlinkat(HERE, path, 0); }
long call_rmdir(uint64_t path) { return call_unlinkat(HERE, path, AT_REMOVEDIR); }

long call_symlinkat(uint64_t target, uint64_t dirfd, uint64_t path)
{
    char text[PATH_MAX];
    long n = copy_string(text, target, sizeof text);
    if (n <= 0) return n < 0 ? n : -ENOENT;
    return simple(dirfd, path,
                  &(struct path_request){.operation = FS_SYMLINK,
                                         .flags = FS_NOFOLLOW,
                                         .words = {(uint64_t)n},
                                         .tail = text,
                                         .tail_bytes = (size_t)n});
}

long call_symlink(uint64_t target, uint64_t path) { return call_symlinkat(target, HERE, path); }

// link and rename: both names must lie in one file system.
static long two_names(uint32_t operation, uint64_t flags, uint64_t old_dirfd, uint64_t old_path, uint64_t dirfd,
                      uint64_t path)
{
    struct walk from, to;
    struct message m;
    long result = walk_begin(&from, old_dirfd, old_path, (flags & FS_EMPTY_PATH) != 0);
    if (result < 0) return result;
    result = walk_begin(&to, dirfd, path, false);
    if (result == 0 && from.here) {
        result = file_attach(from.here);
        from.server = from.here->server;
        from.handle = from.here->handle;
        walk_end(&from);
    }
    if (result == 0 && from.server != to.server) result = -EXDEV;
    if (result == 0) {
        const struct path_request request = {.operation = operation,
                                             .flags = flags,
                                             .words = {to.handle, to.bytes},
                                             .tail = to.text,
                                             .tail_bytes = to.bytes};
        result = walk_ask(&from, &request, &m);
    }
    walk_end(&from);
    return result;
}

long call_linkat(uint64_t old_dirfd, uint64_t old_path, uint64_t dirfd, uint64_t path, uint64_t flags)
{
    if ((uint32_t)flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) return -EINVAL;
    uint64_t fs_flags = (flags & AT_SYMLINK_FOLLOW ? 0 : FS_NOFOLLOW) | (flags & AT_EMPTY_PATH ? FS_EMPTY_PATH : 0);
    return two_names(FS_LINK, fs_flags, old_dirfd, old_path, dirfd, path);
}

long call_link(uint64_t old_path, uint64_t path) { return call_linkat(HERE, old_path, HERE, path, 0); }

long call_renameat2(uint64_t old_dirfd, uint64_t old_path, uint64_t dirfd, uint64_t path, uint64_t flags)
{
    if ((uint32_t)flags & ~3u) return -EINVAL;  // RENAME_NOREPLACE, RENAME_EXCHANGE
    uint64_t fs_flags = FS_NOFOLLOW | (flags & 1 ? FS_NO_REPLACE : 0) | (flags & 2 ? FS_EXCHANGE : 0);
    return two_names(FS_RENAME, fs_flags, old_dirfd, old_path, dirfd, path);
}

long call_renameat(uint64_t old_dirfd, uint64_t old_path, uint64_t dirfd, uint64_t path)
{
    return call_renameat2(old_dirfd, old_path, dirfd, path, 0);
}

long call_rename(uint64_t old_path, uint64_t path) { return call_renameat2(HERE, old_path, HERE, path, 0); }

long call_readlinkat(uint64_t dirfd, uint64_t path, uint64_t user, uint64_t bytes)
{
    struct walk w;
    struct message m;
    char text[PATH_MAX];
    if ((int)bytes <= 0) return -EINVAL;
    for (size_t room = IO_INLINE;; room = sizeof text) {
        long result = walk_begin(&w, dirfd, path, true);
        const struct path_request request = {
            .operation = FS_READLINK, .flags = FS_NOFOLLOW, .answer = text, .answer_bytes = room};
        if (result == 0) result = walk_ask(&w, &request, &m);
        walk_end(&w);
        if (result == -ENAMETOOLONG && room == IO_INLINE) continue;
        if (result != 0) return result < 0 ? result : -EINVAL;
        uint64_t n = m.words[0] < bytes ? m.words[0] : bytes;
        return n <= room && copy_out(user, text, n) ? (long)n : -EFAULT;
    }
}

long call_readlink(uint64_t path, uint64_t user, uint64_t bytes) { return call_readlinkat(HERE, path, user, bytes); }
