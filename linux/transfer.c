// SPDX-License-Identifier: MIT
// Data to and from open files: requests, waiting, offsets.
//
// What may block asks, arms, waits and asks again. Data up to IO_INLINE travels in the message, more in the session's
// buffer, 64 KiB at a time. Regular files are read and written in as many pieces as it takes; of anything else the
// first piece's result is the call's. Memory that ends within the data makes the transfer of a regular file short, and
// fails that of anything else.
//
// Offsets (struct file): a reader moves the offset once he has the data, and reads again when another thread was
// faster; a writer takes his place first. So two threads never read or write the same bytes, and no lock is held.
#include "linux/linux.h"

#define IO_MOST 0x7ffff000ull  // of one call, as Linux
#define FROM_CURRENT 1         // SEEK_CUR

bool file_is_seekable(const struct file *file)
{
    return (file->mode & S_IFMT) == S_IFREG || (file->mode & S_IFMT) == S_IFDIR || (file->mode & S_IFMT) == S_IFBLK;
}

bool file_blocks(const struct file *file) { return !file_is_seekable(file) && !(file->status & O_NONBLOCK); }

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

// --- offsets

static uint64_t offset_of(const struct file *file) { return __atomic_load_n(&file->offset, __ATOMIC_RELAXED); }

// False: another thread has moved it or given it to the server.
static bool offset_move(struct file *file, uint64_t from, uint64_t to)
{
    return __atomic_compare_exchange_n(&file->offset, &from, to, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

// Take the offset's last steps back over what was read and found no place.
void file_step_back(struct file *file, size_t bytes)
{
    for (uint64_t at; (at = offset_of(file)) != IO_OFFSET_CURRENT;)
        if (offset_move(file, at, at < bytes ? 0 : at - bytes)) return;
    struct message m = {.words = {0, FROM_CURRENT, (uint64_t) - (int64_t)bytes}};
    (void)file_ask(file, IO_SEEK, 0, &m);
}

long file_tell_offset(struct file *file)
{
    struct message m = {.words = {0, 0, offset_of(file)}};
    return m.words[2] == IO_OFFSET_CURRENT ? 0 : file_ask(file, IO_SEEK, 0, &m);
}

long file_seek(struct file *file, uint64_t offset, uint32_t whence)
{
    for (;;) {
        uint64_t at = offset_of(file);
        long result = (long)(whence == FROM_CURRENT ? at + offset : offset);
        if (at == IO_OFFSET_CURRENT || whence > FROM_CURRENT) {
            struct message m = {.words = {0, whence, offset}};
            result = file_ask(file, IO_SEEK, 0, &m);
            if (result == 0) result = (long)m.words[0];
            if (at == IO_OFFSET_CURRENT) return result;
        }
        if (result < 0) return whence > FROM_CURRENT ? result : -EINVAL;
        if (offset_move(file, at, (uint64_t)result)) return result;
    }
}

// --- pieces

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

// How to ask first: armed, when the server knows the thread and there is probably nothing yet.
static uint64_t arm_at_once(const struct file *file)
{
    bool knows = self()->notified >> file->server & 1;
    return knows && file_blocks(file) ? IO_ARM | IO_THREAD(thread_index()) : 0;
}

static struct place place_behind(struct place place, uint64_t n)
{
    return (struct place){.user = place.user + n, .own = place.own ? (uint8_t *)place.own + n : NULL};
}

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

static void *memory_of(const struct place *place) { return place->own ? place->own : (void *)place->user; }

// What a transfer of `bytes` comes to when only `copied` of them could be copied: 0: nothing, -EFAULT.
static size_t part_of(const struct file *file, size_t copied, size_t bytes)
{
    return copied == bytes || file_is_seekable(file) ? copied : 0;
}

static void note_read(struct file *file, const struct message *answer)
{
    if (file->reads < UINT8_MAX) file->reads++;
    window_known(file, answer->words[2], answer->words[3]);
}

// @path linux-read 8/9: from the message or the buffer to the program; what is not there yet is waited for
// One IO_READ of at most IO_BUFFER_BYTES, asked until it is answered. The file is attached.
static long read_piece(struct file *file, uint64_t offset, const struct place *to, size_t bytes)
{
    uint64_t arm = arm_at_once(file);
    for (;;) {
        struct data data;
        long result = data_begin(&data, file->server, bytes);
        if (result < 0) return result;
        struct message m = {.words = {file->handle, offset, bytes, data.flags | arm}};
        result = ask(file->server, IO_READ, 0, &m);
        size_t got = result >= 0 ? m.words[0] : 0, lost = 0;
        if (result >= 0 && (file->mode & S_IFMT) == S_IFREG) note_read(file, &m);
        if (got > bytes) {
            result = -EIO;
        } else if (got > 0) {
            size_t kept = part_of(file, place_fill(to, data.at, got), got);
            lost = got - kept;
            result = kept > 0 ? (long)kept : -EFAULT;
        }
        data_end(&data);
        if (lost > 0 && file_is_seekable(file) && offset == IO_OFFSET_CURRENT) file_step_back(file, lost);
        ring_take_up(file, result, &m);
        if (result != -EAGAIN || !file_blocks(file)) return result;
        result = wait_turn(file, &arm);
        if (result < 0) return result;
    }
}

// The same for IO_WRITE; *end: where it ended in the file.
static long write_piece(struct file *file, uint64_t offset, const struct place *from, size_t bytes, uint64_t *end)
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
        if (result >= 0) {
            result = m.words[0] <= bytes ? (long)m.words[0] : -EIO;
            *end = m.words[1];
        }
        data_end(&data);
        ring_take_up(file, result, &m);
        if (result != -EAGAIN || !file_blocks(file)) return result;
        result = wait_turn(file, &arm);
        if (result < 0) return result;
    }
}

static size_t piece_of(uint64_t bytes) { return bytes < IO_BUFFER_BYTES ? bytes : IO_BUFFER_BYTES; }

// --- reading what came with the open

void ahead_brought(uint32_t number, const struct message *answer)
{
    struct process *p = process();
    const uint64_t *more = long_words();
    if (INFO_WORDS(answer->info) <= FS_AHEAD_SIZE || more[FS_AHEAD_SIZE - MSG_REGISTERS] > FS_AHEAD_BYTES) return;
    p->ahead = (struct ahead){
        .file = number, .mark = more[FS_AHEAD_MARK - MSG_REGISTERS], .size = more[FS_AHEAD_SIZE - MSG_REGISTERS]};
}

// As window_read().
static long ahead_read(struct file *file, uint64_t offset, const struct place *to, uint64_t bytes)
{
    struct process *p = process();
    struct ahead *ahead = &p->ahead;
    long result = -EAGAIN;
    lock(&p->buffer_lock);
    const uint16_t word = (uint16_t)FS_TRAIL_WORD(ahead->mark);
    if (ahead->file == file_number(file) &&
        sum_words((const void *)words_address(p), &word, 1) == FS_TRAIL_VALUE(ahead->mark)) {
        uint64_t n = offset < ahead->size ? ahead->size - offset : 0;
        if (n > bytes) n = bytes;
        size_t done = n ? place_fill(to, buffer_of(p, SERVER_ROOT) + offset, n) : 0;
        result = done || !n ? (long)done : -EFAULT;
        if (file->reads == 0) file->reads = 1;
    }
    unlock(&p->buffer_lock);
    return result;
}

// --- reading

// From this offset, or from the server's.
static long read_at(struct file *file, uint64_t offset, const struct place *to, uint64_t bytes)
{
    long result = file_attach(file);
    if (result < 0) return result;
    bool has_windows = file->inode && offset != IO_OFFSET_CURRENT && (file->mode & S_IFMT) == S_IFREG;
    uint64_t done = 0;
    do {
        size_t piece = piece_of(bytes - done);
        struct place place = place_behind(*to, done);
        if (has_windows) {
            result = process()->ahead.file == file_number(file) ? ahead_read(file, offset + done, &place, bytes - done)
                                                                : -EAGAIN;
            if (result == -EAGAIN) result = window_read(file, offset + done, &place, bytes - done);
            if (result == 0) break;
            if (result > 0) done += (uint64_t)result;
            if (result > 0) continue;
        }
        result = read_piece(file, offset == IO_OFFSET_CURRENT ? offset : offset + done, &place, piece);
        if (result <= 0) break;
        done += (uint64_t)result;
        if ((size_t)result < piece) break;
    } while (done < bytes && file_is_seekable(file));
    return done > 0 ? (long)done : result;
}

// All of it from one window, as most reads of what has been read before: at once, or not at all.
static bool read_whole(struct file *file, uint64_t offset, const struct place *to, uint64_t bytes)
{
    uint64_t at = offset == IO_OFFSET_CURRENT ? offset_of(file) : offset;
    return at != IO_OFFSET_CURRENT && window_read(file, at, to, bytes) == (long)bytes &&
           (offset != IO_OFFSET_CURRENT || offset_move(file, at, at + bytes));
}

// @path linux-pipe 1/5: an end of a pipe that this process has to itself goes without its server
static long read_into(struct file *file, uint64_t offset, const struct place *to, uint64_t bytes)
{
    long result = file->ring ? ring_transfer(file, memory_of(to), bytes) : RING_LOST;
    if (result != RING_LOST) return result;
    if (file->windows && bytes <= IO_BUFFER_BYTES && read_whole(file, offset, to, bytes)) return (long)bytes;
    if (offset != IO_OFFSET_CURRENT) return read_at(file, offset, to, bytes);
    for (;;) {
        uint64_t at = offset_of(file);
        result = read_at(file, at, to, bytes);
        if (at == IO_OFFSET_CURRENT || result <= 0 || offset_move(file, at, at + (uint64_t)result)) return result;
    }
}

long file_read(struct file *file, uint64_t offset, uint64_t user, uint64_t bytes)
{
    if ((file->status & O_ACCMODE) == O_WRONLY || file->status & O_PATH) return -EBADF;
    if (!in_program(user, bytes)) return -EFAULT;
    if (bytes > IO_MOST) bytes = IO_MOST;
    if (file->server == IO_LOCAL) return local_read(file, user, bytes);
    return read_into(file, offset, &(struct place){.user = user}, bytes);
}

long file_read_here(struct file *file, uint64_t offset, void *to, size_t bytes)
{
    return read_into(file, offset, &(struct place){.own = to}, bytes);
}

// --- writing

// The same as read_at().
static long write_at(struct file *file, uint64_t offset, const struct place *from, uint64_t bytes, uint64_t *end)
{
    long result = file_attach(file);
    if (result < 0) return result;
    uint64_t done = 0;
    do {
        struct place place = place_behind(*from, done);
        result = file->ring ? ring_transfer(file, memory_of(&place), bytes - done) : RING_LOST;
        if (result == RING_LOST)
            result = write_piece(file, offset == IO_OFFSET_CURRENT ? offset : offset + done, &place,
                                 piece_of(bytes - done), end);
        if (result < 0 || (result == 0 && bytes > 0)) break;
        done += (uint64_t)result;
    } while (done < bytes);
    if (result == -EPIPE) signal_self(SIGPIPE);
    if (result == -EFBIG) signal_self(SIGXFSZ);
    return done > 0 ? (long)done : result;
}

// The server chooses where: the offset follows.
static long append(struct file *file, const struct place *from, uint64_t bytes)
{
    uint64_t end = 0, at;
    long result = write_at(file, IO_OFFSET_CURRENT, from, bytes, &end);
    while (result > 0 && (at = offset_of(file)) != IO_OFFSET_CURRENT)
        if (offset_move(file, at, end)) break;
    return result;
}

static long write_from(struct file *file, uint64_t offset, const struct place *from, uint64_t bytes)
{
    uint64_t end, at = offset_of(file);
    if (offset != IO_OFFSET_CURRENT || file->ring) return write_at(file, offset, from, bytes, &end);
    if (file->status & O_APPEND) return append(file, from, bytes);
    while (at != IO_OFFSET_CURRENT && !offset_move(file, at, at + bytes)) at = offset_of(file);
    long result = write_at(file, at, from, bytes, &end);
    uint64_t done = result > 0 ? (uint64_t)result : 0;
    if (at != IO_OFFSET_CURRENT && done < bytes) (void)offset_move(file, at + bytes, at + done);
    return result;
}

long file_write(struct file *file, uint64_t offset, uint64_t user, uint64_t bytes)
{
    if ((file->status & O_ACCMODE) == O_RDONLY || file->status & O_PATH) return -EBADF;
    if (!in_program(user, bytes)) return -EFAULT;
    if (bytes > IO_MOST) bytes = IO_MOST;
    if (file->server == IO_LOCAL) return local_write(file, bytes);
    return write_from(file, offset, &(struct place){.user = user}, bytes);
}

long file_write_here(struct file *file, uint64_t offset, const void *from, size_t bytes)
{
    if (file->server == IO_LOCAL) return local_write(file, bytes);
    return write_from(file, offset, &(struct place){.own = (void *)(uintptr_t)from}, bytes);
}
