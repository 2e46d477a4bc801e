// SPDX-License-Identifier: MIT
// Names, directories, permissions and a random tree against a model. Every errno here is what Linux's tmpfs gives.
// Links attr.c buddy.c cpio.c data.c dir.c extent.c file.c inode.c lock.c map.c
// Links names.c open.c path.c pipe.c reclaim.c rename.c ring.c serve.c text.c words.c
#include "fs/tmpfs/test_kit.h"
#include <linux/fs.h>

static long do_mkdir(const char *path) { return on_path(FS_MKDIR, path, 0, 0755, 0); }

static long do_create(const char *path)
{
    long handle = do_open(path, O_WRONLY | O_CREAT, 0644);
    return handle < 0 ? handle : do_close(handle);
}

static long do_unlink(const char *path) { return on_path(FS_UNLINK, path, 0, 0, 0); }

static long do_rmdir(const char *path) { return on_path(FS_UNLINK, path, FS_REMOVE_DIRECTORY, 0, 0); }

static long do_symlink(const char *target, const char *path)
{
    words(FS_ROOT, 0, strlen(path), strlen(target), 0, 0);
    memcpy(&message.words[6], path, strlen(path));
    memcpy((char *)&message.words[6] + strlen(path), target, strlen(target));
    return linux_result(request(FS_SYMLINK));
}

static long do_rename(const char *from, const char *to) { return on_paths(FS_RENAME, from, to, 0); }

static bool exists(const char *path)
{
    struct stat stat;
    return do_stat(path, FS_NOFOLLOW, &stat) == 0;
}

static void test_errors(void)
{
    start(1024);
    do_mkdir("/d");
    do_create("/f");
    do_mkdir("/d/e");
    ok(do_mkdir("/d") == -EEXIST && do_mkdir("/f") == -EEXIST && do_mkdir("/") == -EEXIST, "mkdir over what exists");
    ok(do_mkdir("/x/y") == -ENOENT && do_mkdir("/f/y") == -ENOTDIR, "mkdir below what does not exist");
    ok(do_rmdir("/d") == -ENOTEMPTY && do_rmdir("/f") == -ENOTDIR && do_rmdir("/d/.") == -EINVAL &&
           do_rmdir("/d/e/..") == -ENOTEMPTY && do_rmdir("/") == -EBUSY,
       "rmdir refuses");
    ok(do_unlink("/d") == -EISDIR && do_unlink("/f/") == -ENOTDIR && do_unlink("/x") == -ENOENT, "unlink refuses");
    ok(do_rename("/d", "/d/e/z") == -EINVAL && do_rename("/d/e", "/d") == -ENOTEMPTY, "rename into or over a parent");
    ok(do_rename("/f", "/d") == -EISDIR && do_rename("/d", "/f") == -ENOTDIR, "rename of a file and a directory");
    ok(do_rename("/f", "/g/") == -ENOTDIR && do_rename("/f/", "/g") == -ENOTDIR,
       "rename of a file with a slash behind");
    ok(do_rename("/d/e", "/h/") == 0 && exists("/h") && !exists("/d/e"), "rename of a directory with a slash behind");
    ok(do_rename("/d/.", "/x") == -EBUSY && do_rename("/x", "/y") == -ENOENT, "rename of . and of nothing");
    ok(do_open("/f/", O_RDONLY, 0) == -ENOTDIR && do_open("/n/", O_CREAT | O_RDWR, 0644) == -EISDIR,
       "open with a slash behind");
    ok(do_open("/d", O_RDWR, 0) == -EISDIR && do_open("/f", O_DIRECTORY, 0) == -ENOTDIR, "open of the wrong type");
    ok(do_open("/f", O_CREAT | O_EXCL, 0644) == -EEXIST && do_open("/d", O_CREAT, 0644) == -EISDIR,
       "O_CREAT on what exists");
    char name[300];
    memset(name, 'n', sizeof name);
    name[0] = '/';
    name[257] = 0;
    ok(do_create(name) == -ENAMETOOLONG, "a name of 256 bytes");
    name[256] = 0;
    name[100] = '\n';
    name[101] = (char)0xff;
    ok(do_create(name) == 0 && exists(name) && do_rename(name, "/short") == 0 && do_rename("/short", name) == 0 &&
           do_unlink(name) == 0,
       "a name of 255 bytes, any bytes");
    ok(on_path(FS_STAT, "", 0, 0, 0) == -ENOENT, "an empty path");
    ok(exists("/d//..///./f") && exists("/../../f"), "dots, slashes, and .. at the root");
}

static void test_symlinks(void)
{
    struct stat stat;
    start(1024);
    do_mkdir("/d");
    do_create("/d/f");
    do_symlink("d", "/s");
    do_symlink("/d/f", "/a");
    do_symlink("nowhere", "/dangling");
    do_symlink("loop", "/loop");
    ok(exists("/s/f") && do_stat("/a", 0, &stat) == 0 && (stat.st_mode & S_IFMT) == S_IFREG,
       "relative and absolute ones");
    ok(do_stat("/s", FS_NOFOLLOW, &stat) == 0 && stat.st_mode == (S_IFLNK | 0777) && stat.st_size == 1, "lstat");
    ok(do_stat("/loop", 0, &stat) == -ELOOP && do_open("/s", O_NOFOLLOW, 0) == -ELOOP, "loops, and O_NOFOLLOW");
    ok(do_open("/dangling", O_RDONLY, 0) == -ENOENT && do_open("/dangling", O_CREAT | O_EXCL, 0644) == -EEXIST,
       "a dangling one is not there, yet in the way");
    ok(do_close(do_open("/dangling", O_CREAT | O_WRONLY, 0644)) == 0 && exists("/nowhere"), "O_CREAT makes its target");
    ok(do_mkdir("/s/new") == 0 && exists("/d/new") && do_rmdir("/s/") == -ENOTDIR,
       "in the middle, and with a slash behind");
    ok(on_path(FS_READLINK, "/a", 0, 0, 0) == 4 && memcmp(&answer.words[6], "/d/f", 4) == 0, "readlink");
    ok(do_symlink("x", "/s") == -EEXIST && do_symlink("", "/t") == -ENOENT, "over what exists, and an empty one");
    char target[300];
    memset(target, 'x', sizeof target);
    target[299] = 0;
    ok(do_symlink(target, "/long") == 0 && on_path(FS_READLINK, "/long", 0, 0, 0) == 299 &&
           memcmp(&answer.words[6], target, 299) == 0 && do_unlink("/long") == 0,
       "a long target");
    for (unsigned i = 0; i < 41; i++) {
        char from[8], to[8];
        snprintf(from, sizeof from, "/l%u", i);
        snprintf(to, sizeof to, i ? "l%u" : "d", i - 1);
        do_symlink(to, from);
    }
    ok(do_stat("/l39", 0, &stat) == 0 && do_stat("/l40", 0, &stat) == -ELOOP, "40 are followed");
}

// A path that has been walked before is not walked again while nothing on its way changes.
static void test_known_ways(void)
{
    struct stat stat;
    start(1024);
    kill_rate = 3;
    do_mkdir("/a"), do_mkdir("/a/b"), do_mkdir("/a/b/c"), do_mkdir("/y");
    do_create("/a/b/c/f");
    ok(do_stat("/a/b/c/f", 0, &stat) == 0 && do_stat("/a/b/c/f", 0, &stat) == 0 &&
           do_stat("/a/b/c/g", 0, &stat) == -ENOENT,
       "a known way leads to what is there");
    do_rename("/a/b", "/a/z");
    ok(do_stat("/a/b/c/f", 0, &stat) == -ENOENT && do_stat("/a/z/c/f", 0, &stat) == 0, "a renamed directory");
    as = 2;
    bool may = do_stat("/a/z/c/f", 0, &stat) == 0;
    as = 1;
    on_path(FS_CHMOD, "/a", 0, 0700, 0);
    bool root_may = do_stat("/a/z/c/f", 0, &stat) == 0;
    as = 2;
    ok(may && root_may && do_stat("/a/z/c/f", 0, &stat) == -EACCES, "a directory is closed to others");
    as = 1;
    on_path(FS_CHMOD, "/a", 0, 0700, 0);
    on_path(FS_CHOWN, "/a", 0, 1001, 1001);
    test_processes.entries[2].sequence = test_processes.entries[3].sequence;  // as many changes, of other ids
    as = 3;
    bool owner_may = on_path(FS_ACCESS, "/a/z/c/f", FS_REAL_IDS, 0, 0) >= 0;
    as = 2;
    ok(owner_may && on_path(FS_ACCESS, "/a/z/c/f", FS_REAL_IDS, 0, 0) == -EACCES, "others' real ids open no way");
    as = 1;
    on_paths(FS_RENAME, "/a/z", "/y", FS_EXCHANGE);
    ok(do_stat("/a/z/c/f", 0, &stat) == -ENOENT && do_stat("/y/c/f", 0, &stat) == 0, "two directories change places");
    do_unlink("/y/c/f");
    on_path(FS_UNLINK, "/y/c", FS_REMOVE_DIRECTORY, 0, 0);
    bool gone = do_stat("/y/c/f", 0, &stat) == -ENOENT;
    do_mkdir("/y/c");
    do_create("/y/c/g");
    ok(gone && do_stat("/y/c/g", 0, &stat) == 0 && do_stat("/y/c/f", 0, &stat) == -ENOENT,
       "another directory of that name");
    on_path(FS_COVER, "/y", 0, 1, 0);
    words(FS_ROOT, 0, 6, 0, 0, 0);
    memcpy(&message.words[6], "/y/c/g", 6);
    ok(request(FS_STAT) == FS_CONTINUE && answer.words[0] == FS_AT_MOUNT, "a mount covers a known way");
    kill_rate = 0;
}

static long open_closing(const char *path, uint64_t flags, uint32_t o_flags, uint64_t to_close)
{
    words(FS_ROOT, IO_HANDLE_ONLY | flags, strlen(path), o_flags, 0, to_close);
    memcpy(&message.words[6], path, strlen(path));
    return linux_result(request(FS_OPEN));
}

static void test_close_besides(void)
{
    start(1024);
    kill_rate = 2;
    do_create("/f");
    long handle = open_closing("/f", 0, O_RDONLY, 0);
    bool later = answer.words[2] & IO_CLOSE_LATER;
    uint32_t n = fs->io.descriptions.n_used;
    long next = open_closing("/f", 0, O_RDONLY, (uint64_t)handle + 1);
    ok(later && fs->io.descriptions.n_used == n, "an open takes a close along");
    ok(open_closing("/no", 0, O_RDONLY, (uint64_t)next + 1) == -ENOENT && fs->io.descriptions.n_used == n - 1,
       "whatever comes of it");
    handle = open_closing("/f", 0, O_RDWR, 0);
    later = answer.words[2] & IO_CLOSE_LATER;
    next = open_closing("/f", 0, O_WRONLY, 0);
    words((uint64_t)handle, (uint64_t)next + 1, 0, 0, 0, 0);
    ok(!later && request(IO_CLOSE) == OK && fs->io.descriptions.n_used == n - 1,
       "a writer's close does not wait; two at once");
    kill_rate = 0;
}

static bool brings(const char *path, size_t bytes)
{
    long handle = open_closing(path, FS_AHEAD, O_RDONLY, 0);
    return handle >= 0 && answer.n_words == FS_AHEAD_SIZE + 1 && answer.words[FS_AHEAD_SIZE] == bytes;
}

static void test_read_ahead(void)
{
    static char big[FS_AHEAD_BYTES + 1], text[] = "some bytes";
    start(1024);
    want_buffer();
    long small = do_open("/f", O_CREAT | O_RDWR, 0644), large = do_open("/big", O_CREAT | O_RDWR, 0644);
    do_write(small, 0, text, sizeof text);
    do_write(large, 0, big, sizeof big);
    ok(!brings("/f", sizeof text), "nothing is brought while a read would renew the access time");
    test_time_ns += 1000000000;
    do_read(small, 0, big, sizeof big);
    do_read(large, 0, big, sizeof big);
    ok(brings("/f", sizeof text) && memcmp(session_of(as)->buffer, text, sizeof text) == 0,
       "an open brings a small file");
    ok(!brings("/big", sizeof big), "but no large one");
}

// Of which names FS_STAT tells ahead, each behind a space, when it is asked about a path.
static const char *told_ahead(const char *path, uint64_t flags, unsigned n)
{
    static char names[(FS_AHEAD_NAMES + 1) * (NAME_BYTES_MAX + 1)];
    char *end = names;
    struct stat stat, alone;
    want_buffer();
    if (on_path(FS_STAT, path, flags | FS_AHEAD, n, 0) < 0) return "none";
    const uint64_t object = answer.words[2], *told = (const uint64_t *)session_of(as)->buffer;
    for (const struct fs_ahead *a; (a = (const void *)told)->length; told += sizeof *a / 8 + (a->length + 7) / 8) {
        char beside[300];
        end += sprintf(end, " %.*s", (int)a->length, (const char *)(a + 1));
        snprintf(beside, sizeof beside, "%.*s/%.*s", (int)(strrchr(path, '/') - path), path, (int)a->length,
                 (const char *)(a + 1));
        memcpy(&stat, a->stat, sizeof stat);
        if (do_stat(beside, flags, &alone) < 0 || memcmp(&stat, &alone, sizeof stat) != 0) return "something else";
        if (FS_TRAIL_WORD(a->mark) != FS_WORD_OF(stat.st_ino) || a->mark == object) return "another's word";
    }
    *end = 0;
    return names;
}

static void test_stat_ahead(void)
{
    char name[16], long_name[PATH_BYTES_MAX], expected[8192] = "";
    start(1024);
    do_mkdir("/d");
    for (unsigned i = 0; i < FS_AHEAD_NAMES + 10; i++) {
        sprintf(name, "/d/f%u", i);
        do_create(name);
        if (i > 0 && i <= FS_AHEAD_NAMES) sprintf(expected + strlen(expected), " f%u", i);
    }
    ok(strcmp(told_ahead("/d/f0", 0, 3), " f1 f2 f3") == 0, "the next names of a directory");
    ok(strcmp(told_ahead("/d/f0", 0, ~0u), expected) == 0, "as many as there may be");
    sprintf(name, "/d/f%u", FS_AHEAD_NAMES + 8);
    sprintf(expected, " f%u", FS_AHEAD_NAMES + 9);
    ok(strcmp(told_ahead(name, 0, 9), expected) == 0, "or as there are");
    do_mkdir("/e");
    do_create("/e/a");
    do_mkdir("/e/b");
    do_symlink("a", "/e/c");
    do_create("/e/d");
    do_symlink("/e/a", "/d/link");
    ok(strcmp(told_ahead("/e/a", FS_NOFOLLOW, 9), " b c d") == 0, "of all kinds");
    ok(strcmp(told_ahead("/e/a", 0, 9), " b d") == 0, "but no symlinks where they would be followed");
    ok(strcmp(told_ahead("/e/b/", 0, 9), "") == 0 && strcmp(told_ahead("/e/.", 0, 9), "") == 0 &&
           strcmp(told_ahead("/d/link", 0, 9), "") == 0 && strcmp(told_ahead("/", 0, 9), "") == 0,
       "none where the last component is not the name that is found");
    on_path(FS_COVER, "/e/b", 0, 1, 0);
    ok(strcmp(told_ahead("/e/a", FS_NOFOLLOW, 9), " c d") == 0, "no covered directory");
    on_path(FS_CHMOD, "/e", 0, 0711, 0);
    as = 2;
    ok(strcmp(told_ahead("/e/a", FS_NOFOLLOW, 9), "") == 0, "none to whom may not list the directory");
    as = 1;
    memset(long_name, 'x', sizeof long_name);
    memcpy(long_name, "/d/", 3);
    for (unsigned i = 0; i < FS_AHEAD_NAMES; i++) {
        sprintf(long_name + 3 + NAME_BYTES_MAX - 4, "%04u", i);
        if (do_create(long_name) < 0) return ok(false, "long names");
    }
    sprintf(name, "/d/f%u", FS_AHEAD_NAMES + 9);
    const char *told = told_ahead(name, FS_NOFOLLOW, FS_AHEAD_NAMES);
    ok(strlen(told) == 5 + (FS_AHEAD_NAMES - 1) * (NAME_BYTES_MAX + 1u), "the longest names");
}

static void test_permissions(void)
{
    struct stat stat;
    start(1024);
    do_mkdir("/tmp");
    on_path(FS_CHMOD, "/tmp", 0, 01777, 0);
    do_mkdir("/secret");
    on_path(FS_CHMOD, "/secret", 0, 0700, 0);
    do_create("/tmp/root");
    as = 2;
    ok(do_create("/x") == -EACCES && do_mkdir("/secret/x") == -EACCES && do_open("/secret", 0, 0) == -EACCES,
       "a closed directory");
    ok(do_unlink("/tmp/root") == -EPERM && do_rename("/tmp/root", "/tmp/r") == -EPERM, "sticky: others' files stay");
    ok(do_create("/tmp/mine") == 0 && do_stat("/tmp/mine", 0, &stat) == 0 && stat.st_uid == 1000 && stat.st_gid == 1000,
       "owner of a new file");
    ok(on_path(FS_CHMOD, "/tmp/root", 0, 0777, 0) == -EPERM && on_path(FS_CHOWN, "/tmp/mine", 0, 0, ~0u) == -EPERM,
       "chmod, chown of others'");
    ok(on_path(FS_CHOWN, "/tmp/mine", 0, ~0u, 1001) == -EPERM, "chgrp to a group of others");
    on_path(FS_CHMOD, "/tmp/mine", 0, 0604, 0);
    as = 3;
    ok(do_close(do_open("/tmp/mine", O_RDONLY, 0)) == 0 && do_open("/tmp/mine", O_RDWR, 0) == -EACCES, "others' bits");
    ok(do_unlink("/tmp/mine") == -EPERM && on_path(FS_ACCESS, "/tmp/mine", 0, 2, 0) == -EACCES, "sticky, access");
    test_processes.entries[3].groups[0] = 1000;
    test_processes.entries[3].n_groups = 1;
    entry_changed(3);
    ok(do_open("/tmp/mine", O_RDONLY, 0) == -EACCES, "the group's bits count for its members, not the others'");
    as = 1;
    ok(on_path(FS_ACCESS, "/tmp/mine", 0, 1, 0) == -EACCES && on_path(FS_ACCESS, "/tmp/mine", 0, 6, 0) >= 0,
       "root needs an x bit to execute");
    on_path(FS_CHMOD, "/tmp/mine", 0, 06755, 0);
    as = 2;
    long handle = do_open("/tmp/mine", O_WRONLY, 0);
    do_write(handle, 0, "x", 1);
    ok(do_stat("/tmp/mine", 0, &stat) == 0 && (stat.st_mode & 07777) == 0755, "writing drops set-id bits");
    as = 1;
    do_mkdir("/shared");
    on_path(FS_CHOWN, "/shared", 0, 0, 50);
    on_path(FS_CHMOD, "/shared", 0, 02777, 0);
    as = 2;
    do_mkdir("/shared/d");
    do_create("/shared/f");
    ok(do_stat("/shared/d", 0, &stat) == 0 && stat.st_gid == 50 && (stat.st_mode & S_ISGID) &&
           do_stat("/shared/f", 0, &stat) == 0 && stat.st_gid == 50,
       "a set-group-id directory hands its group on");
    as = 1;
    test_processes.entries[1].fsuid = 1000;
    entry_changed(1);
    ok(do_create("/y") == -EACCES, "credentials count at each request");
}

// --- reading directories

static unsigned read_names(long handle, char seen[][16], unsigned limit, unsigned bytes)
{
    unsigned n = 0;
    for (;;) {
        words((uint64_t)handle, 0, bytes, 0, 0, 0);
        long used = linux_result(request(IO_READDIR));
        if (used <= 0) return used == 0 ? n : ~0u;
        for (long at = 0; at < used;) {
            const char *record = (const char *)&answer.words[6] + at;
            if (n < limit) snprintf(seen[n++], 16, "%s", record + 19);
            at += *(const uint16_t *)(record + 16);
        }
        if (limit == 1) return n;
    }
}

// The trail of the answer holds: every word still has the value that the answer gave.
static bool holds(const struct answer *a)
{
    bool same = true;
    for (unsigned i = 0; i < FS_TRAIL_MAX; i++) {
        uint64_t mark = a->words[i < MSG_REGISTERS ? i : FS_TRAIL_LONG + i - MSG_REGISTERS];
        if (!mark) return same && i > 0;
        same &= test_words[FS_TRAIL_WORD(mark)] == FS_TRAIL_VALUE(mark);
    }
    return same;
}

// Each change makes what rests on the object ask again, and nothing else.
static void test_words_move(void)
{
    struct stat s;
    struct answer there, missing, other;
    start(1024);
    do_mkdir("/d");
    do_mkdir("/e");
    do_create("/d/f");
    do_create("/e/f");
    kill_rate = 2;
#define LOOK() \
    (do_stat("/d/f", 0, &s), there = answer, do_stat("/d/no", 0, &s), missing = answer, do_stat("/e/f", 0, &s), \
     other = answer)
    LOOK();
    ok(holds(&there) && holds(&missing) && holds(&other), "an answer holds while nothing changes");
    on_path(FS_CHMOD, "/d/f", 0, 0600, 0);
    ok(!holds(&there) && holds(&missing) && holds(&other), "a mode is the object's alone");
    LOOK();
    do_create("/d/new");
    ok(!holds(&there) && !holds(&missing) && holds(&other), "a new name moves its directory");
    LOOK();
    do_unlink("/d/new");
    ok(!holds(&missing) && holds(&other), "so does one that goes");
    LOOK();
    on_paths(FS_RENAME, "/d", "/c", 0);
    ok(!holds(&there) && !holds(&missing) && !holds(&other), "a renamed directory's parent is on every way");
    on_paths(FS_RENAME, "/c", "/d", 0);
    long handle = do_open("/d/f", O_RDWR, 0);
    LOOK();
    do_write(handle, 0, "x", 1);
    ok(!holds(&there) && holds(&missing), "a write moves the file");
    LOOK();
    on_handle(IO_TRUNCATE, handle, 0, 0, 0);
    ok(!holds(&there) && on_handle(IO_STAT, handle, 0, 0, 0) >= 0 && holds(&answer), "so does truncation");
    LOOK();
    on_path(FS_COVER, "/d", 0, 1, 0);
    ok(!holds(&there) && holds(&other), "and covering a directory");
    do_stat("/e/./../e/../e/../e/../e/../e/../e/f", 0, &s);
    ok(answer.words[0] == 0, "a long way has no trail");
    kill_rate = 0;
}

static void test_readdir(void)
{
    static char seen[3000][16];
    char path[32];
    start(1024);
    do_mkdir("/d");
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(path, sizeof path, "/d/%u", i);
        do_create(path);
    }
    long handle = do_open("/d", O_RDONLY | O_DIRECTORY, 0);
    ok(read_names(handle, seen, 3000, 300) == 2002 && strcmp(seen[0], ".") == 0 && strcmp(seen[2001], "1999") == 0,
       "everything once");
    on_handle(IO_SEEK, handle, SEEK_SET, 0, 0);
    unsigned removed = 0, n;
    while ((n = read_names(handle, seen, 1, 400)) == 1) {  // as rm -r does: remove what was told, read on
        for (long at = 0; at < (long)answer.words[0];) {
            const char *record = (const char *)&answer.words[6] + at;
            at += *(const uint16_t *)(record + 16);
            if (record[19] == '.') continue;
            snprintf(path, sizeof path, "/d/%s", record + 19);
            struct answer kept = answer;
            removed += do_unlink(path) == 0;
            answer = kept;
        }
    }
    ok(removed == 2000, "removing while reading misses nothing");
    ok(do_rmdir("/d") == 0 && read_names(handle, seen, 10, 400) == ~0u && do_create("/d/x") == -ENOENT,
       "a removed directory");
    ok(do_close(handle) == 0 && fs->inodes.n_used == 1 && fs->entries.n_used == 0, "leaves nothing behind");
}

static void test_open_files(void)
{
    struct stat stat;
    start(1024);
    long a = do_open("/f", O_RDWR | O_CREAT, 0644);
    on_paths(FS_LINK, "/f", "/g", 0);
    ok(do_stat("/g", 0, &stat) == 0 && stat.st_nlink == 2 && on_paths(FS_LINK, "/f", "/g", 0) == -EEXIST,
       "links are counted");
    do_write(a, 0, "hello", 5);
    do_unlink("/f");
    do_unlink("/g");
    char text[8] = {0};
    ok(do_read(a, 0, text, 8) == 5 && memcmp(text, "hello", 5) == 0 && fs->inodes.n_used == 2,
       "an open file outlives its names");
    do_close(a);
    ok(fs->inodes.n_used == 1, "and ends with its last description");
    a = do_open("/log", O_WRONLY | O_CREAT | O_APPEND, 0644);
    long b = do_open("/log", O_WRONLY | O_APPEND, 0);
    do_write(a, IO_OFFSET_CURRENT, "one", 3);
    ok(do_write(b, IO_OFFSET_CURRENT, "two", 3) == 3 && answer.words[1] == 6,
       "O_APPEND writes at the end, and tells where");
    long dir = do_open("/", O_DIRECTORY, 0);
    words((uint64_t)dir, 0, 3, 0, 0, 0);
    memcpy(&message.words[6], "log", 3);
    ok(request(FS_STAT) == OK && ((struct stat *)&answer.words[6])->st_size == 6, "a path from a directory handle");
    words((uint64_t)a, FS_EMPTY_PATH, 0, 0, 0, 0);
    ok(request(FS_STAT) == OK && ((struct stat *)&answer.words[6])->st_size == 6, "an empty path from a handle");
    do_mkdir("/p");
    do_mkdir("/p/q");
    long q = do_open("/p/q", O_PATH, 0);
    words((uint64_t)q, 0, 0, 0, 0, 0);
    ok(request(IO_PATH) == OK && answer.words[0] == 4 && memcmp(&answer.words[6], "/p/q", 4) == 0,
       "the path of a handle");
    do_rename("/p", "/r");
    words((uint64_t)q, 0, 0, 0, 0, 0);
    ok(request(IO_PATH) == OK && memcmp(&answer.words[6], "/r/q", 4) == 0, "after a rename");
    ok(do_read(q, 0, text, 1) == -EBADF, "O_PATH does not read");
    end_process(1);
    ok(fs->io.descriptions.n_used == 0 && fs->io.chunks.n_used == 0, "a dead process keeps nothing");
}

static void test_mounts(void)
{
    start(1024);
    do_mkdir("/proc");
    ok(on_path(FS_COVER, "/proc", 0, 1, 0) >= 0, "a directory is covered");
    long err = on_path(FS_STAT, "/proc/self/fd", 0, 0, 0);
    ok(err == FS_CONTINUE - 100000 && answer.words[0] == FS_AT_MOUNT && answer.words[1] == 7 &&
           memcmp(&answer.words[6], "self/fd", 7) == 0,
       "a path through it goes on elsewhere");
    ok(do_rmdir("/proc") == -EBUSY && do_rename("/proc", "/x") == -EBUSY, "it is busy");
    ok(on_path(FS_COVER, "/proc", 0, 0, 0) >= 0 && do_rmdir("/proc") == 0, "and free again");
}

// --- a random tree: the model knows of each path what lies there

#define NAMES 4
enum kind { NOTHING, FILE_KIND, DIRECTORY };
// Paths of one to three of NAMES names: their kinds, and which file it is.
#define PATHS (NAMES + NAMES * NAMES + NAMES * NAMES * NAMES)
static struct {
    enum kind kind;
    unsigned file;
} tree[PATHS];

static unsigned depth(unsigned p) { return p < NAMES ? 1 : p < NAMES + NAMES * NAMES ? 2 : 3; }

static unsigned parent_index(unsigned p)
{
    return depth(p) == 2 ? (p - NAMES) / NAMES : NAMES + (p - NAMES - NAMES * NAMES) / NAMES;
}

static unsigned child(unsigned p, unsigned i)
{
    return depth(p) == 1 ? NAMES + p * NAMES + i : NAMES + NAMES * NAMES + (p - NAMES) * NAMES + i;
}

static const char *spell(unsigned p, char *to)
{
    if (depth(p) == 1)
        sprintf(to, "/%c", 'a' + (int)p);
    else
        sprintf(to + strlen(spell(parent_index(p), to)), "/%c", 'a' + (int)((p - NAMES) % NAMES));
    return to;
}

static bool is_empty(unsigned p)
{
    if (depth(p) < 3)
        for (unsigned i = 0; i < NAMES; i++)
            if (tree[child(p, i)].kind) return false;
    return true;
}

// 0, or the errno that any path to here gives.
static long reachable(unsigned p)
{
    if (depth(p) == 1) return 0;
    unsigned up = parent_index(p);
    long err = reachable(up);
    return err ? err : tree[up].kind == NOTHING ? -ENOENT : tree[up].kind == FILE_KIND ? -ENOTDIR : 0;
}

static bool below(unsigned p, unsigned top)
{
    while (p != top && depth(p) > 1) p = parent_index(p);
    return p == top;
}

static bool fits(unsigned from, unsigned to)  // a subtree that moves must not leave the model
{
    if (tree[from].kind != DIRECTORY || depth(from) >= depth(to)) return true;
    for (unsigned i = 0; depth(from) < 3 && i < NAMES; i++)
        if (tree[child(from, i)].kind && (depth(to) == 3 || !fits(child(from, i), child(to, i)))) return false;
    return true;
}

static void move(unsigned from, unsigned to)
{
    tree[to] = tree[from];
    tree[from].kind = NOTHING;
    for (unsigned i = 0; depth(from) < 3 && i < NAMES; i++)
        if (depth(to) < 3) move(child(from, i), child(to, i));
}

static long expect_rename(unsigned from, unsigned to)
{
    long err = reachable(from);
    if (!err) err = reachable(to);
    if (err || !tree[from].kind) return err ? err : -ENOENT;
    if (below(to, from) && to != from) return -EINVAL;
    if (below(from, to) && to != from) return -ENOTEMPTY;
    if (to == from || (tree[from].kind == FILE_KIND && tree[to].kind == FILE_KIND && tree[from].file == tree[to].file))
        return 0;
    if (tree[to].kind && tree[from].kind != tree[to].kind) return tree[from].kind == DIRECTORY ? -ENOTDIR : -EISDIR;
    if (tree[to].kind == DIRECTORY && !is_empty(to)) return -ENOTEMPTY;
    move(from, to);
    return 0;
}

static bool random_step(unsigned *next_file)
{
    char a[16], b[16];
    unsigned p = random_below(PATHS), q = random_below(PATHS), o = random_below(7);
    long err = reachable(p), got, wanted;
    spell(p, a);
    spell(q, b);
    switch (o) {
    case 0:
        got = do_mkdir(a);
        wanted = err ? err : tree[p].kind ? -EEXIST : 0;
        if (!wanted) tree[p].kind = DIRECTORY;
        break;
    case 1:
        got = do_create(a);
        wanted = err ? err : tree[p].kind == DIRECTORY ? -EISDIR : 0;
        if (!wanted && !tree[p].kind) {
            tree[p].kind = FILE_KIND;
            tree[p].file = (*next_file)++;
        }
        break;
    case 2:
        got = do_unlink(a);
        wanted = err ? err : !tree[p].kind ? -ENOENT : tree[p].kind == DIRECTORY ? -EISDIR : 0;
        if (!wanted) tree[p].kind = NOTHING;
        break;
    case 3:
        got = do_rmdir(a);
        wanted = err                         ? err
                 : !tree[p].kind             ? -ENOENT
                 : tree[p].kind != DIRECTORY ? -ENOTDIR
                 : is_empty(p)               ? 0
                                             : -ENOTEMPTY;
        if (!wanted) tree[p].kind = NOTHING;
        break;
    case 4:
        got = on_paths(FS_LINK, a, b, 0);
        wanted = err ? err : !tree[p].kind ? -ENOENT : reachable(q);
        if (!wanted) wanted = tree[q].kind ? -EEXIST : tree[p].kind == DIRECTORY ? -EPERM : 0;
        if (!wanted) tree[q] = tree[p];
        break;
    default:
        if (!fits(p, q)) return true;
        got = do_rename(a, b);
        wanted = expect_rename(p, q);
    }
    if ((got < 0 ? got : 0) != wanted) printf("# operation %u %s %s: %ld, wanted %ld\n", o, a, b, got, wanted);
    return (got < 0 ? got : 0) == wanted;
}

static bool tree_matches(void)
{
    unsigned n = 0, directories_at_root = 0;
    struct stat stat;
    for (unsigned p = 0; p < PATHS; p++) {
        char path[16];
        bool there = do_stat(spell(p, path), 0, &stat) == 0;
        if (there != (tree[p].kind && !reachable(p)) ||
            (there && ((stat.st_mode & S_IFMT) == S_IFDIR) != (tree[p].kind == DIRECTORY)))
            return false;
        n += there;
        directories_at_root += depth(p) == 1 && tree[p].kind == DIRECTORY;
        unsigned links = 0;
        for (unsigned q = 0; there && q < PATHS; q++)
            links += tree[p].kind == FILE_KIND && tree[q].kind == FILE_KIND && tree[q].file == tree[p].file;
        if (links && links != stat.st_nlink) return false;
    }
    return n == fs->entries.n_used && fs->root->links == 2 + directories_at_root;
}

static void test_random(unsigned rate, const char *name)
{
    bool right = true;
    unsigned next_file = 0;
    start(1024);
    memset(tree, 0, sizeof tree);
    kill_rate = rate;
    for (unsigned i = 0; i < 20000 && right; i++) {
        right = random_step(&next_file);
        if (right && i % 100 == 0) right = tree_matches();
    }
    kill_rate = 0;
    ok(right && tree_matches(), name);
}

static void test_full(void)
{
    char path[32];
    long result = 0;
    unsigned n;
    start(1024);
    keep_copy = true;
    for (n = 0; result == 0; n++) {
        snprintf(path, sizeof path, "/%u", n);
        result = on_path(FS_MKNOD, path, 0, S_IFREG | 0644, 0) < 0 ? -1 : 0;
    }
    ok(linux_result(request(FS_MKNOD)) == -ENOSPC && fs->entries.n_used == n - 1,
       "a full vault gives ENOSPC and changes nothing");
    keep_copy = false;
    ok(do_unlink("/5") == 0 && do_create("/again") == 0, "and works again when something was deleted");
}

int main(void)
{
    suite = "tree";
    test_errors();
    test_symlinks();
    test_known_ways();
    test_close_besides();
    test_read_ahead();
    test_stat_ahead();
    test_permissions();
    test_words_move();
    test_readdir();
    test_open_files();
    test_mounts();
    test_random(0, "random operations give what the model gives");
    test_random(20, "the same with steps killed and run again");
    test_full();
    return finish_tests();
}
