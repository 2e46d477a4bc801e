// SPDX-License-Identifier: MIT
// Pipes, FIFOs, file locks, waiting threads, and what the death of a process leaves; the archive.
// Links attr.c buddy.c cpio.c data.c dir.c extent.c file.c inode.c lock.c map.c
// Links names.c open.c path.c pipe.c reclaim.c rename.c ring.c serve.c text.c words.c
#include "fs/tmpfs/pipe_kit.h"
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <linux/fs.h>

static void test_pipes(void)
{
    long r, w;
    start(1024);
    want_buffer();
    uint32_t thread = 0;
    make_pipe(&r, &w);
    want_buffer();
    uint32_t free_pages = fs->pool.n_free;
    thread = register_thread(0);
    ok(pipe_out(r, 10) == -EAGAIN && pipe_in(w, 3) == 3 && signalled[thread] == 1, "an empty pipe: wait, and be woken");
    ok(pipe_out(r, 10) == 3 && pipe_out(r, 10) == -EAGAIN, "a read takes what is there");
    ok(pipe_in(w, 65536) == 65536 && pipe_in(w, 1) == -EAGAIN, "64 KiB fit");
    signalled[thread] = 0;
    ok(pipe_out(r, 4095) == 4095 && pipe_in(w, 4096) == -EAGAIN && pipe_in(w, 8192) == -EAGAIN,
       "small writes are not divided");
    ok(pipe_out(r, 1) == 1 && signalled[thread] == 1 && pipe_in(w, 4096) == 4096,
       "a page read makes room and wakes the writer");
    ok(pipe_out(r, 5000) == 5000 && pipe_in(w, 8192) == 4096, "large writes go as far as there is room");
    ok(poll_now(w, POLLOUT) == 0 && poll_now(r, POLLIN) == POLLIN, "poll of a full pipe");
    words((uint64_t)r, FIONREAD, 0, 0, 0, 0);
    ok(request(IO_IOCTL) == OK && *(int *)&answer.words[6] == 64632, "FIONREAD");
    while (pipe_out(r, 65536) > 0)
        ;
    ok(fs->pool.n_free >= free_pages - 1, "an empty pipe keeps at most one page");
    pipe_in(w, 5);
    do_close(w);
    ok(poll_now(r, POLLIN) == (POLLIN | POLLHUP) && pipe_out(r, 10) == 5 && pipe_out(r, 10) == 0,
       "end of file after the last writer");
    do_close(r);
    make_pipe(&r, &w);
    do_close(r);
    ok(pipe_in(w, 1) == -EPIPE && poll_now(w, POLLOUT) == (POLLOUT | POLLERR), "EPIPE after the last reader");
    ok(on_handle(IO_SEEK, w, SEEK_SET, 0, 0) == -ESPIPE && pipe_out(w, 1) == -EBADF,
       "no seek, and no read from the writing end");
    do_close(w);
    ok(fs->pipes.n_used == 0 && fs->inodes.n_used == 1 && fs->pool.n_free == free_pages, "closed pipes leave nothing");
}

// One process has it, without a capability, until it shares it.
static void test_handles_only(void)
{
    char text[4];
    start(1024);
    long a = on_path(FS_OPEN, "/f", IO_HANDLE_ONLY, O_RDWR | O_CREAT, 0644);
    ok(a >= 0 && answer.n_caps == 0 && fs->io.descriptions.n_used == 1, "an open without a capability");
    do_write(a, 0, "abcd", 4);
    ok(do_read(a, 2, text, 2) == 2 && memcmp(text, "cd", 2) == 0, "offsets of the client's own");
    on_handle(IO_SHARE, a, 1, 0, 0);
    keep_cap(a, 0);
    ok(answer.n_caps == 1 && do_read(a, IO_OFFSET_CURRENT, text, 2) == 2 && text[0] == 'b',
       "sharing gives a capability and takes the offset");
    uint32_t slot = handle_slots[1][a];
    on_handle(IO_SHARE, a, IO_OFFSET_CURRENT, 0, 0);
    ok(answer.n_caps == 1 && answer.caps[0] == slot && do_read(a, IO_OFFSET_CURRENT, text, 2) == 1,
       "sharing again changes nothing");
    do_close(a);
    a = on_path(FS_OPEN, "/f", IO_HANDLE_ONLY, O_RDWR, 0);
    ok(do_close(a) == 0 && fs->io.descriptions.n_used == 0, "its handle's end is a description's that was not shared");
    on_path(FS_OPEN, "/f", IO_HANDLE_ONLY, O_RDWR, 0);
    end_process(1);
    ok(fs->io.descriptions.n_used == 0, "so is its process's");
}

// The same bytes come out as went in, in any pieces.
static void test_stream(unsigned rate, const char *name)
{
    long r, w;
    uint64_t in = 0, out = 0;
    bool right = true;
    start(1024);
    make_pipe(&r, &w);
    kill_rate = rate;
    for (unsigned i = 0; i < 6000 && right; i++) {
        size_t n = 1 + random_below(random_below(8) ? 300 : 30000);
        if (random_below(2)) {
            for (size_t j = 0; j < n; j++) scratch[j] = (uint8_t)((in + j) * 7 + (in + j) / 251);
            long done = pipe_in(w, n);
            in += done > 0 ? (uint64_t)done : 0;
            right &= done > 0 || done == -EAGAIN;
        } else {
            long done = pipe_out(r, n);
            for (long j = 0; j < done; j++, out++) right &= back[j] == (uint8_t)(out * 7 + out / 251);
            right &= done > 0 || (done == -EAGAIN && in == out);
        }
    }
    kill_rate = 0;
    ok(right && in - out == pipe_level(((struct description *)io_handle(session_of(1), (uint64_t)r))->inode), name);
}

static void test_fifos(void)
{
    start(1024);
    on_path(FS_MKNOD, "/fifo", 0, S_IFIFO | 0666, 0);
    ok(do_open("/fifo", O_WRONLY | O_NONBLOCK, 0) == -ENXIO, "a non-blocking writer needs a reader");
    uint32_t thread = register_thread(0);
    ok(do_open("/fifo", O_RDONLY, 0) == -EAGAIN && signalled[thread] == 0, "a reader waits");
    as = 2;
    long w = do_open("/fifo", O_WRONLY, 0);
    ok(w >= 0 && signalled[thread] == 1, "a writer finds it waiting, and wakes it");
    ok(do_write(w, IO_OFFSET_CURRENT, "x", 1) == 1, "and may write before the reader has heard of it");
    do_close(w);
    as = 1;
    long r = do_open("/fifo", O_RDONLY, 0);
    ok(r >= 0, "who has waited gets in even when the other end has come and gone");
    do_close(r);
    r = do_open("/fifo", O_RDONLY | O_NONBLOCK, 0);
    ok(r >= 0 && pipe_out(r, 1) == 0, "a non-blocking reader does not wait");
    do_close(r);
    ok(fs->pipes.n_used == 0, "a closed FIFO forgets its bytes");
    ok(do_open("/fifo", O_WRONLY, 0) == -EAGAIN, "a writer waits");
    end_process(1);
    ok(fs->pipes.n_used == 0 && session_of(1) == NULL, "a dead one no longer");
    start(1024);
    on_path(FS_MKNOD, "/fifo", 0, S_IFIFO | 0666, 0);
    ok(do_open("/fifo", O_WRONLY, 0) == -EAGAIN && on_path(FS_MKDIR, "/d", 0, 0755, 0) == 0 && fs->pipes.n_used == 0,
       "any other request ends the waiting");
}

static long lock(long handle, uint64_t command, uint64_t type, uint64_t first, uint64_t n)
{
    words((uint64_t)handle, command, type, first, n, arm(0));
    return linux_result(request(IO_LOCK));
}

static void test_locks(void)
{
    start(1024);
    uint32_t thread = register_thread(0);
    long a = do_open("/f", O_RDWR | O_CREAT, 0666), a2 = do_open("/f", O_RDONLY, 0);
    on_path(FS_CHMOD, "/f", 0, 0666, 0);
    as = 2;
    uint32_t thread2 = register_thread(0);
    long b = do_open("/f", O_RDWR, 0);
    as = 1;
    ok(lock(a, F_SETLK, F_WRLCK, 0, 100) == 0 && lock(a, F_SETLK, F_RDLCK, 50, 10) == 0, "a range within a range");
    as = 2;
    ok(lock(b, F_SETLK, F_RDLCK, 50, 10) == 0 && lock(b, F_SETLK, F_RDLCK, 50, 11) == -EAGAIN, "has become readable");
    words((uint64_t)b, F_GETLK, F_WRLCK, 55, 100, 0);
    ok(request(IO_LOCK) == OK && answer.words[0] == F_RDLCK && answer.words[1] == 50 && answer.words[2] == 10 &&
           answer.words[3] == 101,
       "F_GETLK tells who");
    ok(lock(b, F_SETLKW, F_WRLCK, 0, 0) == -EAGAIN && signalled[thread2] == 0, "F_SETLKW waits");
    as = 1;
    ok(lock(a, F_SETLKW, F_WRLCK, 55, 1) == -EDEADLK, "two who wait for each other: EDEADLK");
    do_close(a2);
    ok(signalled[thread2] == 1, "closing any descriptor drops the process's locks");
    as = 2;
    ok(lock(b, F_SETLKW, F_WRLCK, 0, 0) == 0, "then the lock is granted");
    ok(lock(b, F_SETLK, F_UNLCK, 10, 10) == 0 && lock(b, F_SETLK, F_WRLCK, 10, 10) == 0 && fs->locks.n_used == 1,
       "neighbours join");
    as = 1;
    ok(lock(a, F_SETLKW, F_RDLCK, 1000, 1) == -EAGAIN, "to the end means to the end");
    end_process(2);
    ok(signalled[thread] == 1 && fs->locks.n_used == 0, "death unlocks and wakes");
    long c = do_open("/f", O_RDWR, 0);
    ok(lock(a, FS_FLOCK, F_WRLCK, 0, 0) == 0 && lock(c, FS_FLOCK, F_RDLCK, 0, 0) == -EAGAIN,
       "flock is between descriptions");
    ok(lock(a, FS_FLOCK, F_RDLCK, 0, 0) == 0 && lock(c, FS_FLOCK, F_RDLCK, 0, 0) == 0 &&
           lock(c, FS_FLOCK, F_WRLCK, 0, 0) == -EAGAIN,
       "shared, and not upgraded");
    do_close(a);
    ok(lock(c, FS_FLOCK, F_WRLCK, 0, 0) == 0, "until the other is closed");
    ok(lock(c, F_OFD_SETLK, F_WRLCK, 0, 10) == 0 && lock(c, F_SETLK, F_WRLCK, 5, 1) == -EAGAIN,
       "ranges of a description");
    do_close(c);
    ok(fs->locks.n_used == 0, "end with it");
}

// A description passed to another process, as fork does.
static void test_sharing(void)
{
    char text[4];
    start(1024);
    long a = do_open("/f", O_RDWR | O_CREAT, 0644);
    uint32_t slot = handle_slots[1][a];
    do_write(a, IO_OFFSET_CURRENT, "abcd", 4);
    on_handle(IO_SEEK, a, SEEK_SET, 1, 0);
    const struct io_description *d = io_handle(session_of(1), (uint64_t)a);
    uint64_t badge = BADGE_DESCRIPTION | table_handle(&fs->io.descriptions, d);
    as = 2;
    words(0, 0, 0, 0, 0, 0);
    message.n_caps = 1;
    message.caps[0] = (struct request_cap){.kind = CAP_UNWRAPPED, .badge = badge};
    ok(request(IO_ATTACH) == OK && answer.words[2] == O_RDWR, "attach");
    long b = (long)answer.words[0];
    handle_slots[2][b] = slot;
    slots[slot].children++;
    ok(do_read(b, IO_OFFSET_CURRENT, text, 2) == 2 && memcmp(text, "bc", 2) == 0, "one offset for both");
    as = 1;
    ok(do_read(a, IO_OFFSET_CURRENT, text, 2) == 1 && text[0] == 'd', "moved by either");
    end_process(1);
    ok(fs->io.descriptions.n_used == 1, "a description lives while one process has it");
    end_process(2);
    ok(fs->io.descriptions.n_used == 0 && fs->io.threads.n_used == 0, "and no longer");
    as = 1;
    for (unsigned i = 0; i < 1000; i++)
        if (do_open("/f", O_RDONLY, 0) != (long)i) break;
    ok(fs->io.descriptions.n_used == 1000, "a thousand handles");
    end_process(1);
    ok(fs->io.descriptions.n_used == 0 && fs->io.chunks.n_used == 0, "all closed at its death");
}

// --- the archive

static uint8_t archive_bytes[256 << 10];
static size_t archive_used;

static void put_entry(const char *name, uint32_t ino, uint32_t mode, uint32_t links, const char *data, size_t n)
{
    char *at = (char *)archive_bytes + archive_used;
    size_t head = (size_t)sprintf(at, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s", ino, mode, 5u, 6u,
                                  links, 1000u, (unsigned)n, 0u, 0u, 4u, 64u, (unsigned)strlen(name) + 1, 0u, name) +
                  1;
    head = (head + 3) & ~(size_t)3;
    memcpy(at + head, data, n);
    archive_used += head + ((n + 3) & ~(size_t)3);
}

static void test_load(void)
{
    static char large[200000];
    struct stat stat;
    for (size_t i = 0; i < sizeof large; i++) large[i] = (char)(i * 31 + i / 4096);
    put_entry(".", 1, S_IFDIR | 0711, 2, "", 0);
    put_entry("bin/tool", 2, S_IFREG | 04755, 2, "", 0);
    put_entry("./bin/link", 3, S_IFLNK | 0777, 1, "tool", 4);
    put_entry("bin/other", 2, S_IFREG | 04755, 2, large, sizeof large);
    put_entry("dev/tty", 4, S_IFCHR | 0600, 1, "", 0);
    put_entry("TRAILER!!!", 0, 0, 1, "", 0);
    if (mmap((void *)(COMPONENT_DYNAMIC_ADDRESS + (1ull << 40)), 2 << 20, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        panic("no memory");
    test_archive = archive_bytes;
    start(1024);
    struct component_cap cap = {.name = "root.cpio", .detail = archive_used};
    cpio_load(&cap);
    long handle = do_open("/bin/link", O_RDONLY, 0);
    bool same = true;
    for (uint64_t at = 0; at < sizeof large; at += 50000)
        same &= do_read(handle, at, back, 50000) == 50000 && memcmp(back, large + at, 50000) == 0;
    ok(same, "a file, a link to it, another name of it");
    ok(do_stat("/bin/tool", 0, &stat) == 0 && stat.st_nlink == 2 && stat.st_mode == (S_IFREG | 04755) &&
           stat.st_uid == 5 && stat.st_gid == 6 && stat.st_mtime == 1000 && stat.st_blocks == 392,
       "its attributes");
    ok(do_stat("/dev/tty", 0, &stat) == 0 && stat.st_rdev == 0x440 && stat.st_mode == (S_IFCHR | 0600), "a device");
    ok(do_stat("/", 0, &stat) == 0 && stat.st_mode == (S_IFDIR | 0711) && stat.st_nlink == 4, "the root's mode");
    ok(do_open("/dev/tty", O_RDWR, 0) == 0 && answer.words[4] == 2 && answer.n_caps == 1 && fs->passing == 0,
       "a terminal is opened at its server");
}

int main(void)
{
    suite = "pipe";
    test_pipes();
    test_stream(0, "a stream of pieces");
    test_stream(5, "the same with steps killed and run again");
    suite = "fifo";
    test_fifos();
    suite = "lock";
    test_locks();
    suite = "session";
    test_handles_only();
    test_sharing();
    suite = "archive";
    test_load();
    return finish_tests();
}
