// SPDX-License-Identifier: MIT
// Requests on open files: reading, writing, positions, sizes. What may block asks, arms, waits and asks again.
//
// Data up to IO_INLINE travels in the message, more in the session's buffer, 64 KiB at a time. Regular files are read
// and written in as many pieces as it takes; of anything else the first piece's result is the call's.
// Memory that ends within the data makes the transfer of a regular file short, and fails that of anything else.
#include <linux/stat.h>
#include <linux/uio.h>
#include "linux/linux.h"

#define IOV_COUNT 1024
#define IO_MOST 0x7ffff000ull  // of one call, as Linux
#define FROM_CURRENT 1         // SEEK_CUR

static bool is_seekable(const struct file *file)
{
    return (file->mode & S_IFMT) == S_IFREG || (file->mode & S_IFMT) == S_IFDIR || (file->mode & S_IFMT) == S_IFBLK;
}

bool file_blocks(const struct file *file) { return !is_seekable(file) && !(file->status & O_NONBLOCK); }

long file_ask(struct file *file, uint32_t operation, size_t inline_bytes, struct message *m)
{
    if (file->server == IO_LOCAL) return -EINVAL;
    if (!file->attached) {
        uint64_t kept[IO_INLINE / 8];
        size_t n = (inline_bytes + 7) / 8 * 8;
        memcpy(kept, long_words(), n);
        long result = file_attach(file);
        if (result < 0) return result;
        memcpy(long_words(), kept, n);
    }
    m->words[0] = file->handle;
    return ask(file->server, operation, inline_bytes, m);
}

// @path linux-read 8/9: or nothing is there yet: arm, ask again, sleep on the thread's notification
// A request had to wait: arm first and ask again, then sleep until it is worth asking. 0: ask again.
static long wait_turn(struct file *file, uint64_t *arm)
{
    if (*arm) {
        err_t err = thread_wait(NS_FOREVER);
        return err == OK ? 0 : wait_interrupted(err);
    }
    *arm = IO_ARM | IO_THREAD(thread_index());
    return notify_use(file->server);
}

// Where the data of a piece lies: in the program's memory or in our own.
struct place {
    uint64_t user;
    void *own;  // not null: here
};

// Both return the bytes copied.
static size_t place_fill(const struct place *place, const void *from, size_t n)
{
    if (!place->own) return copy_out_part(place->user, from, n);
    memcpy(place->own, from, n);
    return n;
}

static size_t place_take(const struct place *place, void *to, size_t n)
{
    if (!place->own) return copy_in_part(to, place->user, n);
    memcpy(to, place->own, n);
    return n;
}

// What a transfer of `bytes` comes to when only `copied` of them could be copied: 0: nothing, -EFAULT.
static size_t part_of(const struct file *file, size_t copied, size_t bytes)
{
    return copied == bytes || is_seekable(file) ? copied : 0;
}

// Take back the position's last steps over what was read and found no place.
static void step_back(struct file *file, size_t bytes)
{
    struct message m = {.words = {0, FROM_CURRENT, (uint64_t) - (int64_t)bytes}};
    (void)file_ask(file, IO_SEEK, 0, &m);
}

// @path linux-read 7/9: from the message or the session's buffer to the program's memory
// One IO_READ of at most IO_BUFFER_BYTES, asked until it is answered. The file is attached.
static long read_piece(struct file *file, uint64_t offset, const struct place *to, size_t bytes)
{
    uint64_t arm = 0;
    for (;;) {
        struct data data;
        long result = data_begin(&data, file->server, bytes);
        if (result < 0) return result;
        struct message m = {.words = {file->handle, offset, bytes, data.flags | arm}};
        result = ask(file->server, IO_READ, 0, &m);
        size_t got = result >= 0 ? m.words[0] : 0, lost = 0;
        if (got > bytes) {
            result = -EIO;
        } else if (got > 0) {
            size_t kept = part_of(file, place_fill(to, data.at, got), got);
            lost = got - kept;
            result = kept > 0 ? (long)kept : -EFAULT;
        }
        data_end(&data);
        if (lost > 0 && is_seekable(file) && offset == IO_OFFSET_CURRENT) step_back(file, lost);
        if (result != -EAGAIN || !file_blocks(file)) return result;
        result = wait_turn(file, &arm);
        if (result < 0) return result;
    }
}

// The same for IO_WRITE.
static long write_piece(struct file *file, uint64_t offset, const struct place *from, size_t bytes)
{
    uint64_t arm = 0;
    for (;;) {
        struct data data;
        long result = data_begin(&data, file->server, bytes);
        if (result < 0) return result;
        struct message m = {.words = {file->handle, offset, bytes, data.flags | arm}};
        size_t part = part_of(file, place_take(from, data.at, bytes), bytes);
        m.words[2] = part;
        result = part == bytes || part > 0 ? ask(file->server, IO_WRITE, data.inline_bytes, &m) : -EFAULT;
        if (result >= 0) result = m.words[0] <= bytes ? (long)m.words[0] : -EIO;
        data_end(&data);
        if (result != -EAGAIN || !file_blocks(file)) return result;
        result = wait_turn(file, &arm);
        if (result < 0) return result;
    }
}

static size_t piece_of(uint64_t bytes) { return bytes < IO_BUFFER_BYTES ? bytes : IO_BUFFER_BYTES; }

long file_read(struct file *file, uint64_t offset, uint64_t user, uint64_t bytes)
{
    if ((file->status & O_ACCMODE) == O_WRONLY || file->status & O_PATH) return -EBADF;
    if (!in_program(user, bytes)) return -EFAULT;
    if (bytes > IO_MOST) bytes = IO_MOST;
    if (file->server == IO_LOCAL) return local_read(file, user, bytes);
    long result = file_attach(file);
    if (result < 0) return result;
    uint64_t done = 0;
    do {
        size_t piece = piece_of(bytes - done);
        struct place place = {.user = user + done};
        result = read_piece(file, offset == IO_OFFSET_CURRENT ? offset : offset + done, &place, piece);
        if (result <= 0) break;
        done += (uint64_t)result;
        if ((size_t)result < piece) break;
    } while (done < bytes && is_seekable(file));
    return done > 0 ? (long)done : result;
}

long file_write(struct file *file, uint64_t offset, uint64_t user, uint64_t bytes)
{
    if ((file->status & O_ACCMODE) == O_RDONLY || file->status & O_PATH) return -EBADF;
    if (!in_program(user, bytes)) return -EFAULT;
    if (bytes > IO_MOST) bytes = IO_MOST;
    if (file->server == IO_LOCAL) return local_write(file, bytes);
    long result = file_attach(file);
    if (result < 0) return result;
    uint64_t done = 0;
    do {
        struct place place = {.user = user + done};
        result =
            write_piece(file, offset == IO_OFFSET_CURRENT ? offset : offset + done, &place, piece_of(bytes - done));
        if (result < 0 || (result == 0 && bytes > 0)) break;
        done += (uint64_t)result;
    } while (done < bytes);
    if (result == -EPIPE) signal_self(SIGPIPE);
    if (result == -EFBIG) signal_self(SIGXFSZ);
    return done > 0 ? (long)done : result;
}

long file_read_here(struct file *file, uint64_t offset, void *to, size_t bytes)
{
    long result = file_attach(file);
    struct place place = {.own = to};
    return result < 0 ? result : read_piece(file, offset, &place, bytes);
}

// --- calls

// @path linux-read 4/9: the descriptor's file, its server and handle
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
    return is_seekable(file) || file->server == IO_LOCAL ? file_read(file, offset, user, bytes) : -ESPIPE;
}

long call_pwrite64(uint64_t fd, uint64_t user, uint64_t bytes, uint64_t offset)
{
    struct file *file = file_get(fd);
    if (!file) return -EBADF;
    if ((int64_t)offset < 0) return -EINVAL;
    return is_seekable(file) || file->server == IO_LOCAL ? file_write(file, offset, user, bytes) : -ESPIPE;
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
    long result = file_attach(file);
    struct place place = {.own = bytes};
    if (result == 0) result = write_piece(file, IO_OFFSET_CURRENT, &place, total);
    if (result == -EPIPE) signal_self(SIGPIPE);
    return result;
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
    if (file->server == IO_LOCAL) return 0;
    struct message m = {.words = {0, (uint32_t)whence, offset}};
    long result = file_ask(file, IO_SEEK, 0, &m);
    return result < 0 ? result : (long)m.words[0];
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
    if (!is_seekable(file)) return -ESPIPE;
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
    long result = file_attach(out);
    while (result >= 0 && done < bytes) {
        size_t n = bytes - done < sizeof piece ? bytes - done : sizeof piece;
        bool positioned = in_offset != IO_OFFSET_CURRENT;
        result = file_read_here(in, positioned ? in_offset + done : in_offset, piece, n);
        if (result <= 0) break;
        size_t got = (size_t)result, put = 0;
        while (put < got) {
            struct place place = {.own = piece + put};
            uint64_t at = out_offset == IO_OFFSET_CURRENT ? out_offset : out_offset + done + put;
            result = out->server == IO_LOCAL ? local_write(out, got - put) : write_piece(out, at, &place, got - put);
            if (result <= 0) break;
            put += (size_t)result;
        }
        done += put;
        if (put < got) {
            if (!positioned) step_back(in, got - put);
            break;
        }
    }
    if (result == -EPIPE) signal_self(SIGPIPE);
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
