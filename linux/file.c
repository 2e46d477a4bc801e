// SPDX-License-Identifier: MIT
// Calls on open files: reading, writing, positions, sizes, copying. How data and offsets move is transfer.c's matter.
#include <linux/stat.h>
#include <linux/uio.h>
#include "linux/linux.h"

#define IOV_COUNT 1024
#define IO_MOST 0x7ffff000ull  // of one call, as Linux

// --- calls

// @path linux-read 4/9: the descriptor's file
long call_read(uint64_t fd, uint64_t user, uint64_t bytes)
{
    struct file *file = file_get(fd);
    return file ? file_read(file, IO_OFFSET_CURRENT, user, bytes) : -EBADF;
}

long call_write(uint64_t fd, uint64_t user, uint64_t bytes)
{
    struct file *file = file_get(fd);
    return file ? file_write(file, IO_OFFSET_CURRENT, user, bytes) : -EBADF;
}

long call_pread64(uint64_t fd, uint64_t user, uint64_t bytes, uint64_t offset)
{
    struct file *file = file_get(fd);
    if (!file) return -EBADF;
    if ((int64_t)offset < 0) return -EINVAL;
    return file_is_seekable(file) || file->server == IO_LOCAL ? file_read(file, offset, user, bytes) : -ESPIPE;
}

long call_pwrite64(uint64_t fd, uint64_t user, uint64_t bytes, uint64_t offset)
{
    struct file *file = file_get(fd);
    if (!file) return -EBADF;
    if ((int64_t)offset < 0) return -EINVAL;
    return file_is_seekable(file) || file->server == IO_LOCAL ? file_write(file, offset, user, bytes) : -ESPIPE;
}

// A vector is looked at as a whole before anything of it is transferred.
static long check_vector(uint64_t vector, uint64_t count)
{
    if (count > IOV_COUNT) return -EINVAL;
    for (uint64_t i = 0; i < count; i++) {
        struct iovec v;
        if (!copy_in(&v, vector + i * sizeof v, sizeof v)) return -EFAULT;
        if ((int64_t)v.iov_len < 0) return -EINVAL;
        if (!in_program((uint64_t)v.iov_base, v.iov_len)) return -EFAULT;
    }
    return 0;
}

// readv and its kin: piece by piece; a short one ends it.
static long vector(uint64_t fd, uint64_t offset, uint64_t vector, uint64_t count,
                   long (*one)(struct file *, uint64_t, uint64_t, uint64_t))
{
    struct file *file = file_get(fd);
    if (!file) return -EBADF;
    long bad = check_vector(vector, count);
    if (bad) return bad;
    uint64_t done = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct iovec v;
        if (!copy_in(&v, vector + i * sizeof v, sizeof v)) return done > 0 ? (long)done : -EFAULT;
        if (v.iov_len == 0) continue;
        uint64_t at = offset == IO_OFFSET_CURRENT ? offset : offset + done;
        long result = one(file, at, (uint64_t)v.iov_base, v.iov_len);
        if (result < 0) return done > 0 ? (long)done : result;
        done += (uint64_t)result;
        if ((uint64_t)result < v.iov_len) break;
    }
    return (long)done;
}

// A vector of small pieces goes out as one write, so that lines of different writers do not mix.
static long gather(uint64_t fd, uint64_t from, uint64_t count)
{
    uint8_t bytes[IO_INLINE];
    size_t total = 0;
    struct file *file = file_get(fd);
    if (!file || file->server == IO_LOCAL || count > 64) return -E2BIG;
    for (uint64_t i = 0; i < count; i++) {
        struct iovec v;
        if (!copy_in(&v, from + i * sizeof v, sizeof v) || v.iov_len > sizeof bytes - total) return -E2BIG;
        if (!copy_in(bytes + total, (uint64_t)v.iov_base, v.iov_len)) return -E2BIG;
        total += v.iov_len;
    }
    if ((file->status & O_ACCMODE) == O_RDONLY || file->status & O_PATH) return -EBADF;
    return file_write_here(file, IO_OFFSET_CURRENT, bytes, total);
}

long call_readv(uint64_t fd, uint64_t from, uint64_t count)
{
    return vector(fd, IO_OFFSET_CURRENT, from, count, file_read);
}

long call_writev(uint64_t fd, uint64_t from, uint64_t count)
{
    long result = gather(fd, from, count);
    return result == -E2BIG ? vector(fd, IO_OFFSET_CURRENT, from, count, file_write) : result;
}

long call_preadv(uint64_t fd, uint64_t from, uint64_t count, uint64_t offset, uint64_t high)
{
    (void)high;
    return (int64_t)offset < 0 ? -EINVAL : vector(fd, offset, from, count, file_read);
}

long call_pwritev(uint64_t fd, uint64_t from, uint64_t count, uint64_t offset, uint64_t high)
{
    (void)high;
    return (int64_t)offset < 0 ? -EINVAL : vector(fd, offset, from, count, file_write);
}

long call_lseek(uint64_t fd, uint64_t offset, uint64_t whence)
{
    struct file *file = file_get(fd);
    if (!file) return -EBADF;
    return file->server == IO_LOCAL ? 0 : file_seek(file, offset, (uint32_t)whence);
}

// A request with a handle and up to three numbers.
static long numbers(uint64_t fd, uint32_t operation, uint64_t a, uint64_t b, uint64_t c)
{
    struct file *file = file_get(fd);
    if (!file) return -EBADF;
    struct message m = {.words = {0, a, b, c}};
    return file_ask(file, operation, 0, &m);
}

long call_ftruncate(uint64_t fd, uint64_t length)
{
    return (int64_t)length < 0 ? -EINVAL : numbers(fd, IO_TRUNCATE, length, 0, 0);
}

long call_fallocate(uint64_t fd, uint64_t mode, uint64_t offset, uint64_t length)
{
    return numbers(fd, IO_ALLOCATE, mode, offset, length);
}

long call_fsync(uint64_t fd) { return numbers(fd, IO_SYNC, 0, 0, 0); }
long call_fdatasync(uint64_t fd) { return numbers(fd, IO_SYNC, 0, 0, 0); }

long call_syncfs(uint64_t fd)
{
    struct file *file = file_get(fd);
    return !file ? -EBADF : file->server == IO_LOCAL ? 0 : numbers(fd, IO_SYNC, 0, 0, 0);
}

// There is nothing to be written back: file systems live in memory.
long call_sync(void) { return 0; }

long call_fadvise64(uint64_t fd, uint64_t offset, uint64_t length, uint64_t advice)
{
    (void)offset, (void)length;
    struct file *file = file_get(fd);
    if (!file) return -EBADF;
    if (!file_is_seekable(file)) return -ESPIPE;
    return advice <= 5 ? 0 : -EINVAL;  // advice that is not taken is still heard
}

long call_fchmod(uint64_t fd, uint64_t mode) { return numbers(fd, IO_CHMOD, mode & 07777, 0, 0); }

long call_fchown(uint64_t fd, uint64_t uid, uint64_t gid)
{
    return numbers(fd, IO_CHOWN, (uint64_t)(int64_t)(int32_t)uid, (uint64_t)(int64_t)(int32_t)gid, 0);
}

// --- copying between files

#define COPY_PIECE 4096

// At most `bytes` from one file to another through liblinux's stack. Offsets IO_OFFSET_CURRENT: the files' own.
static long copy_files(struct file *out, uint64_t out_offset, struct file *in, uint64_t in_offset, uint64_t bytes)
{
    uint8_t piece[COPY_PIECE];
    uint64_t done = 0;
    long result = 0;
    while (done < bytes) {
        size_t n = bytes - done < sizeof piece ? bytes - done : sizeof piece;
        bool positioned = in_offset != IO_OFFSET_CURRENT;
        result = file_read_here(in, positioned ? in_offset + done : in_offset, piece, n);
        if (result <= 0) break;
        size_t got = (size_t)result, put = 0;
        while (put < got) {
            uint64_t at = out_offset == IO_OFFSET_CURRENT ? out_offset : out_offset + done + put;
            result = file_write_here(out, at, piece + put, got - put);
            if (result <= 0) break;
            put += (size_t)result;
        }
        done += put;
        if (put < got) {
            if (!positioned) file_step_back(in, got - put);
            break;
        }
    }
    return done > 0 ? (long)done : result;
}

static bool is_pair(const struct file *in, const struct file *out)
{
    return (in->status & O_ACCMODE) != O_WRONLY && (out->status & O_ACCMODE) != O_RDONLY &&
           !((in->status | out->status) & O_PATH);
}

long call_sendfile(uint64_t out_fd, uint64_t in_fd, uint64_t user_offset, uint64_t bytes)
{
    struct file *in = file_get(in_fd), *out = file_get(out_fd);
    uint64_t offset = IO_OFFSET_CURRENT;
    if (!in || !out || !is_pair(in, out)) return -EBADF;
    if ((in->mode & S_IFMT) != S_IFREG || in->server == IO_LOCAL) return -EINVAL;
    if (user_offset && !copy_in(&offset, user_offset, sizeof offset)) return -EFAULT;
    if (user_offset && (int64_t)offset < 0) return -EINVAL;
    long result = copy_files(out, IO_OFFSET_CURRENT, in, offset, bytes < IO_MOST ? bytes : IO_MOST);
    if (result > 0 && user_offset && !store64(user_offset, offset + (uint64_t)result)) return -EFAULT;
    return result;
}

long call_copy_file_range(uint64_t in_fd, uint64_t in_user, uint64_t out_fd, uint64_t out_user, uint64_t bytes,
                          uint64_t flags)
{
    struct file *in = file_get(in_fd), *out = file_get(out_fd);
    uint64_t in_offset = IO_OFFSET_CURRENT, out_offset = IO_OFFSET_CURRENT;
    if (!in || !out || !is_pair(in, out)) return -EBADF;
    if (flags || (in->mode & S_IFMT) != S_IFREG || (out->mode & S_IFMT) != S_IFREG) return -EINVAL;
    if (in_user && !copy_in(&in_offset, in_user, sizeof in_offset)) return -EFAULT;
    if (out_user && !copy_in(&out_offset, out_user, sizeof out_offset)) return -EFAULT;
    long result = copy_files(out, out_offset, in, in_offset, bytes < IO_MOST ? bytes : IO_MOST);
    if (result > 0 && in_user && !store64(in_user, in_offset + (uint64_t)result)) return -EFAULT;
    if (result > 0 && out_user && !store64(out_user, out_offset + (uint64_t)result)) return -EFAULT;
    return result;
}
