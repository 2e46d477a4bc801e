// SPDX-License-Identifier: MIT
// Attributes by path and by descriptor: stat in its forms, access, modes, owners, times, sizes, statfs.
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include "linux/linux.h"

#define HERE ((uint64_t)AT_FDCWD)
#define OMIT ((1l << 30) - 2)  // UTIME_OMIT
#define NOW ((1l << 30) - 1)   // UTIME_NOW

// A request that only takes numbers, on a path; AT_* flags as Linux gives them.
static long change(uint64_t dirfd, uint64_t path, uint64_t at_flags, uint32_t operation, uint64_t a, uint64_t b)
{
    struct walk w;
    struct message m;
    const struct path_request request = {
        .operation = operation,
        .flags = (at_flags & AT_SYMLINK_NOFOLLOW ? FS_NOFOLLOW : 0) | (at_flags & AT_EMPTY_PATH ? FS_EMPTY_PATH : 0),
        .words = {a, b}};
    long result = walk_begin(&w, dirfd, path, (at_flags & AT_EMPTY_PATH) != 0);
    if (result == 0) result = walk_ask(&w, &request, &m);
    if (result == FS_CONTINUE) {
        uint32_t by_handle = operation == FS_CHMOD ? IO_CHMOD : operation == FS_CHOWN ? IO_CHOWN : IO_TRUNCATE;
        m = (struct message){.words = {0, a, b}};
        result = file_ask(w.here, by_handle, 0, &m);
    }
    walk_end(&w);
    return result;
}

long call_fchmodat(uint64_t dirfd, uint64_t path, uint64_t mode)
{
    return change(dirfd, path, 0, FS_CHMOD, mode & 07777, 0);
}
long call_chmod(uint64_t path, uint64_t mode) { return call_fchmodat(HERE, path, mode); }

long call_fchownat(uint64_t dirfd, uint64_t path, uint64_t uid, uint64_t gid, uint64_t flags)
{
    if ((uint32_t)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return -EINVAL;
    return change(dirfd, path, flags, FS_CHOWN, (uint64_t)(int64_t)(int32_t)uid, (uint64_t)(int64_t)(int32_t)gid);
}

long call_chown(uint64_t path, uint64_t uid, uint64_t gid) { return call_fchownat(HERE, path, uid, gid, 0); }

long call_lchown(uint64_t path, uint64_t uid, uint64_t gid)
{
    return call_fchownat(HERE, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long call_truncate(uint64_t path, uint64_t length)
{
    return (int64_t)length < 0 ? -EINVAL : change(HERE, path, 0, FS_TRUNCATE, length, 0);
}

// --- access

long call_faccessat2(uint64_t dirfd, uint64_t path, uint64_t mode, uint64_t flags)
{
    struct walk w;
    struct message m;
    if ((uint32_t)mode > 7 || (uint32_t)flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return -EINVAL;
    const struct path_request request = {.operation = FS_ACCESS,
                                         .flags = (flags & AT_EACCESS ? 0 : FS_REAL_IDS) |
                                                  (flags & AT_SYMLINK_NOFOLLOW ? FS_NOFOLLOW : 0) |
                                                  (flags & AT_EMPTY_PATH ? FS_EMPTY_PATH : 0),
                                         .words = {mode}};
    long result = walk_begin(&w, dirfd, path, (flags & AT_EMPTY_PATH) != 0);
    if (result == 0) result = walk_ask(&w, &request, &m);
    if (result == FS_CONTINUE) result = 0;  // open already
    walk_end(&w);
    return result;
}

long call_faccessat(uint64_t dirfd, uint64_t path, uint64_t mode) { return call_faccessat2(dirfd, path, mode, 0); }
long call_access(uint64_t path, uint64_t mode) { return call_faccessat2(HERE, path, mode, 0); }

// --- stat

// A device node that liblinux serves has no server to ask; what is known of it was told at the open.
static void local_stat(const struct file *file, struct stat *s)
{
    *s = (struct stat){.st_mode = file->mode, .st_rdev = file->device, .st_nlink = 1, .st_blksize = PAGE_SIZE};
}

long file_stat(struct file *file, void *stat)
{
    if (file->server == IO_LOCAL) {
        local_stat(file, stat);
        return 0;
    }
    struct question q;
    struct message m = {0};
    long result;
    bool is_question = question_begin(&q, file->inode, NULL, 0, QUESTION_FSTAT);
    if (is_question && question_known(&q, stat, &result)) return result;
    result = file_ask(file, IO_STAT, 0, &m);
    if (result < 0) return result;
    memcpy(stat, long_words(), sizeof(struct stat));
    if (is_question) question_answered(&q, stat, 0, &m);
    return 0;
}

// fstat as the C library asks for it: an empty path and a descriptor. Null: something else, or a bad address.
static struct file *file_itself(uint64_t dirfd, uint64_t path, uint64_t at_flags)
{
    char first;
    bool is = at_flags & AT_EMPTY_PATH && (int)dirfd != AT_FDCWD && copy_in(&first, path, 1) && first == 0;
    return is ? file_get(dirfd) : NULL;
}

static long stat_path(uint64_t dirfd, uint64_t path, uint64_t at_flags, struct stat *s)
{
    struct file *file = file_itself(dirfd, path, at_flags);
    if (file) return file_stat(file, s);
    struct walk w;
    struct message m;
    const struct path_request request = {
        .operation = FS_STAT,
        .flags = (at_flags & AT_SYMLINK_NOFOLLOW ? FS_NOFOLLOW : 0) | (at_flags & AT_EMPTY_PATH ? FS_EMPTY_PATH : 0),
        .answer = s,
        .answer_bytes = sizeof *s};
    long result = walk_begin(&w, dirfd, path, (at_flags & AT_EMPTY_PATH) != 0);
    if (result == 0) result = walk_ask(&w, &request, &m);
    if (result == FS_CONTINUE) result = file_stat(w.here, s);
    walk_end(&w);
    return result;
}

static long stat_out(long result, const struct stat *s, uint64_t user)
{
    if (result < 0) return result;
    return copy_out(user, s, sizeof *s) ? 0 : -EFAULT;
}

long call_newfstatat(uint64_t dirfd, uint64_t path, uint64_t user, uint64_t flags)
{
    struct stat s;
    if ((uint32_t)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)) return -EINVAL;
    return stat_out(stat_path(dirfd, path, flags, &s), &s, user);
}

long call_stat(uint64_t path, uint64_t user) { return call_newfstatat(HERE, path, user, 0); }
long call_lstat(uint64_t path, uint64_t user) { return call_newfstatat(HERE, path, user, AT_SYMLINK_NOFOLLOW); }

long call_fstat(uint64_t fd, uint64_t user)
{
    struct stat s;
    struct file *file = file_get(fd);
    return file ? stat_out(file_stat(file, &s), &s, user) : -EBADF;
}

static void set_time(struct statx_timestamp *to, uint64_t seconds, uint64_t ns)
{
    to->tv_sec = (int64_t)seconds;
    to->tv_nsec = (uint32_t)ns;
}

long call_statx(uint64_t dirfd, uint64_t path, uint64_t flags, uint64_t mask, uint64_t user)
{
    struct stat s;
    if (mask & STATX__RESERVED || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE) return -EINVAL;
    if ((uint32_t)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE)) return -EINVAL;
    long result = stat_path(dirfd, path, flags, &s);
    if (result < 0) return result;
    struct statx x = {
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = (uint32_t)s.st_blksize,
        .stx_nlink = (uint32_t)s.st_nlink,
        .stx_uid = s.st_uid,
        .stx_gid = s.st_gid,
        .stx_mode = (uint16_t)s.st_mode,
        .stx_ino = s.st_ino,
        .stx_size = (uint64_t)s.st_size,
        .stx_blocks = (uint64_t)s.st_blocks,
        .stx_rdev_major = (uint32_t)(s.st_rdev >> 8 & 0xfff),
        .stx_rdev_minor = (uint32_t)((s.st_rdev & 0xff) | (s.st_rdev >> 12 & 0xfff00)),
        .stx_dev_major = (uint32_t)(s.st_dev >> 8 & 0xfff),
        .stx_dev_minor = (uint32_t)((s.st_dev & 0xff) | (s.st_dev >> 12 & 0xfff00)),
    };
    set_time(&x.stx_atime, s.st_atime, s.st_atime_nsec);
    set_time(&x.stx_mtime, s.st_mtime, s.st_mtime_nsec);
    set_time(&x.stx_ctime, s.st_ctime, s.st_ctime_nsec);
    return copy_out(user, &x, sizeof x) ? 0 : -EFAULT;
}

// --- times

// atime and mtime; a null path means the descriptor itself.
static long set_times(uint64_t dirfd, uint64_t path, uint64_t flags, const struct __kernel_timespec t[2])
{
    struct walk w;
    struct message m;
    const uint64_t head[2] = {(uint64_t)t[1].tv_nsec, 0};
    const struct path_request request = {
        .operation = FS_UTIME,
        .flags = (flags & AT_SYMLINK_NOFOLLOW ? FS_NOFOLLOW : 0) | (flags & AT_EMPTY_PATH ? FS_EMPTY_PATH : 0),
        .words = {(uint64_t)t[0].tv_sec, (uint64_t)t[0].tv_nsec, (uint64_t)t[1].tv_sec},
        .head = head};
    struct file *file = NULL;
    if (t[0].tv_nsec == OMIT && t[1].tv_nsec == OMIT) return 0;
    long result = FS_CONTINUE;
    if (path) {
        result = walk_begin(&w, dirfd, path, (flags & AT_EMPTY_PATH) != 0);
        if (result == 0) result = walk_ask(&w, &request, &m);
        file = w.here;
    } else {
        file = file_get(dirfd);
        if (!file) return -EBADF;
    }
    if (result == FS_CONTINUE) {
        m = (struct message){.words = {0, request.words[0], request.words[1], request.words[2], head[0]}};
        result = file_ask(file, IO_UTIME, 0, &m);
    }
    if (path) walk_end(&w);
    return result;
}

static bool is_time(const struct __kernel_timespec *t)
{
    return t->tv_nsec == OMIT || t->tv_nsec == NOW || (t->tv_nsec >= 0 && t->tv_nsec < 1000000000);
}

long call_utimensat(uint64_t dirfd, uint64_t path, uint64_t user, uint64_t flags)
{
    struct __kernel_timespec t[2] = {{0, NOW}, {0, NOW}};
    if (user && !copy_in(t, user, sizeof t)) return -EFAULT;
    if (!path && (int)dirfd == AT_FDCWD) return -EFAULT;
    if ((uint32_t)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) || !is_time(&t[0]) || !is_time(&t[1])) return -EINVAL;
    return set_times(dirfd, path, flags, t);
}

long call_futimesat(uint64_t dirfd, uint64_t path, uint64_t user)
{
    struct __kernel_old_timeval v[2];
    struct __kernel_timespec t[2] = {{0, NOW}, {0, NOW}};
    if (user && !copy_in(v, user, sizeof v)) return -EFAULT;
    for (int i = 0; user && i < 2; i++) {
        if (v[i].tv_usec < 0 || v[i].tv_usec >= 1000000) return -EINVAL;
        t[i] = (struct __kernel_timespec){v[i].tv_sec, v[i].tv_usec * 1000};
    }
    return set_times(dirfd, path, 0, t);
}

long call_utimes(uint64_t path, uint64_t user) { return call_futimesat(HERE, path, user); }

long call_utime(uint64_t path, uint64_t user)
{
    int64_t seconds[2];
    struct __kernel_timespec t[2] = {{0, NOW}, {0, NOW}};
    if (user && !copy_in(seconds, user, sizeof seconds)) return -EFAULT;
    for (int i = 0; user && i < 2; i++) t[i] = (struct __kernel_timespec){seconds[i], 0};
    return set_times(HERE, path, 0, t);
}

// --- statfs

long call_statfs(uint64_t path, uint64_t user)
{
    struct walk w;
    struct message m;
    struct statfs s;
    const struct path_request request = {.operation = FS_STATFS, .answer = &s, .answer_bytes = sizeof s};
    long result = walk_begin(&w, HERE, path, false);
    if (result == 0) result = walk_ask(&w, &request, &m);
    if (result == FS_CONTINUE) result = -ENOSYS;
    walk_end(&w);
    if (result < 0) return result;
    return copy_out(user, &s, sizeof s) ? 0 : -EFAULT;
}

long call_fstatfs(uint64_t fd, uint64_t user)
{
    struct file *file = file_get(fd);
    struct message m = {0};
    if (!file) return -EBADF;
    long result = file_ask(file, IO_STATFS, 0, &m);
    if (result < 0) return result;
    return copy_out(user, long_words(), sizeof(struct statfs)) ? 0 : -EFAULT;
}
