// SPDX-License-Identifier: MIT
// File locks of all three kinds, and what a reader of a directory sees while it changes. Each argument names a check.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static int open_file(const char *name) { return open(name, O_RDWR | O_CREAT, 0644); }

static int lock(int fd, int command, short type, short whence, off_t start, off_t length)
{
    struct flock l = {.l_type = type, .l_whence = whence, .l_start = start, .l_len = length};
    return fcntl(fd, command, &l) == 0 ? 0 : -errno;
}

static int write_lock(int fd, off_t start, off_t length) { return lock(fd, F_SETLK, F_WRLCK, SEEK_SET, start, length); }
static int read_lock(int fd, off_t start, off_t length) { return lock(fd, F_SETLK, F_RDLCK, SEEK_SET, start, length); }
static int unlock(int fd, off_t start, off_t length) { return lock(fd, F_SETLK, F_UNLCK, SEEK_SET, start, length); }

// What another process is told about the file's bytes: a letter each for free, read and write lock.
static void show(const char *what, const char *name)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int fd = open_file(name);
        printf("%s: ", what);
        for (int i = 0; i < 16; i++) {
            struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = i, .l_len = 1};
            fcntl(fd, F_GETLK, &l);
            putchar(l.l_type == F_UNLCK ? '.' : l.l_type == F_RDLCK ? 'r' : 'w');
        }
        struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        fcntl(fd, F_GETLK, &all);
        if (all.l_type == F_UNLCK)
            printf(" nobody\n");
        else
            printf(" first %ld+%ld, %s\n", (long)all.l_start, (long)all.l_len, all.l_pid == getppid() ? "parent" : "?");
        exit(0);
    }
    waitpid(child, 0, 0);
}

static void check_ranges(void)
{
    int fd = open_file("f");
    CHECK(write_lock(fd, 2, 8) == 0);
    show("one range", "f");
    CHECK(unlock(fd, 4, 2) == 0);
    show("split", "f");
    CHECK(read_lock(fd, 3, 4) == 0);
    show("the middle is for reading", "f");
    CHECK(write_lock(fd, 0, 16) == 0);
    show("all in one", "f");
    CHECK(unlock(fd, 0, 0) == 0);
    show("none", "f");
    CHECK(write_lock(fd, 3, 3) == 0 && write_lock(fd, 6, 3) == 0 && read_lock(fd, 9, 2) == 0);
    show("neighbours of a kind are one", "f");
    CHECK(lock(fd, F_SETLK, F_UNLCK, SEEK_SET, 6, -3) == 0);
    show("a negative length ends before the start", "f");
    if (ftruncate(fd, 10) != 0 || lseek(fd, 12, SEEK_SET) != 12) perror("f");
    CHECK(unlock(fd, 0, 0) == 0 && lock(fd, F_SETLK, F_WRLCK, SEEK_END, -2, 1) == 0);
    CHECK(lock(fd, F_SETLK, F_RDLCK, SEEK_CUR, 1, 0) == 0);
    show("from the end and from the offset", "f");
    CHECK(write_lock(fd, -1, 1) == -EINVAL);
    CHECK(lock(fd, F_SETLK, F_WRLCK, SEEK_SET, 1, -2) == -EINVAL);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 7, 0, 1) == -EINVAL && lock(fd, F_SETLK, 9, SEEK_SET, 0, 1) == -EINVAL);
    CHECK(write_lock(77, 0, 1) == -EBADF);
    int reader = open("f", O_RDONLY), writer = open("f", O_WRONLY);
    CHECK(write_lock(reader, 0, 1) == -EBADF && read_lock(writer, 0, 1) == -EBADF);
    close(reader);
    show("closing any descriptor drops all", "f");
}

// Ends with the result of an operation in a child: 0 or an errno.
static int in_child(int (*run)(int fd), int fd)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(-run(fd));
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? -WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int take_all(int fd) { return write_lock(fd, 0, 0); }
static int read_all(int fd) { return read_lock(fd, 0, 0); }
static int take_description(int fd) { return lock(fd, F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 0); }
static int take_flock(int fd) { return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno; }
static int share_flock(int fd) { return flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : -errno; }
static int let_go(int fd) { return flock(fd, LOCK_UN) == 0 ? 0 : -errno; }

static void on_alarm(int s) { got = s; }

static int wait_with_an_alarm(int fd)
{
    struct sigaction a = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &a, 0);
    ualarm(20000, 0);
    return lock(fd, F_SETLKW, F_WRLCK, SEEK_SET, 0, 0);
}

static void check_owners(void)
{
    int fd = open_file("f");
    CHECK(take_all(fd) == 0);
    CHECK(in_child(take_all, fd) == -EAGAIN && in_child(read_all, fd) == -EAGAIN);
    CHECK(in_child(wait_with_an_alarm, fd) == -EINTR);
    CHECK(read_all(fd) == 0);
    CHECK(in_child(read_all, fd) == 0 && in_child(take_all, fd) == -EAGAIN);
    CHECK(unlock(fd, 0, 0) == 0 && in_child(take_all, fd) == 0 && take_all(fd) == 0);
    char number[12];
    snprintf(number, sizeof number, "%d", fd);
    show("before exec", "f");
    execlp("locks", "locks", "after-exec", (char *)0);
}

static void check_after_exec(void) { show("after exec", "f"); }

static void check_descriptions(void)
{
    int fd = open_file("f"), same = dup(fd), other = open_file("f");
    CHECK(take_description(fd) == 0 && take_description(same) == 0 && take_description(other) == -EAGAIN);
    CHECK(take_all(fd) == -EAGAIN);
    CHECK(in_child(take_description, fd) == 0 && in_child(take_description, other) == -EAGAIN);
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CHECK(fcntl(other, F_OFD_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_pid == -1);
    close(fd);
    CHECK(take_description(other) == -EAGAIN);
    close(same);
    CHECK(take_description(other) == 0);
    CHECK(take_flock(other) == 0);
}

static void check_flock(void)
{
    int fd = open_file("f"), same = dup(fd), other = open_file("f");
    CHECK(take_flock(fd) == 0 && take_flock(same) == 0 && take_flock(other) == -EAGAIN);
    CHECK(in_child(take_flock, fd) == 0 && in_child(take_flock, other) == -EAGAIN);
    CHECK(share_flock(fd) == 0 && share_flock(other) == 0 && take_flock(fd) == -EAGAIN);
    CHECK(let_go(other) == 0 && take_flock(fd) == 0);
    CHECK(in_child(let_go, fd) == 0 && take_flock(other) == 0);
    CHECK(flock(fd, 0) == -1 && errno == EINVAL && flock(77, LOCK_SH) == -1 && errno == EBADF);
    close(other);
    CHECK(take_flock(fd) == 0 && take_all(fd) == 0);
}

// Two that wait for each other: the later of them is told, whoever that is.
static void check_circle(void)
{
    int fd = open_file("f"), step[2];
    if (pipe(step) != 0) return;
    CHECK(write_lock(fd, 0, 1) == 0);
    pid_t child = fork();
    if (child == 0) {
        int taken = write_lock(fd, 1, 1);
        if (write(step[1], "x", 1) != 1) _exit(9);
        int result = lock(fd, F_SETLKW, F_WRLCK, SEEK_SET, 0, 1);
        _exit(taken == 0 ? -result : 9);
    }
    char c;
    if (read(step[0], &c, 1) != 1) return;
    int result = lock(fd, F_SETLKW, F_WRLCK, SEEK_SET, 1, 1), status = -1;
    CHECK(unlock(fd, 0, 0) == 0);
    waitpid(child, &status, 0);
    CHECK((result == 0 && WEXITSTATUS(status) == EDEADLK) || (result == -EDEADLK && status == 0));
}

// --- directories

enum { FILES = 600 };
static unsigned char seen[FILES];

static void file(int i, int make)
{
    char name[64];
    snprintf(name, sizeof name, "d/a-name-that-takes-some-room-in-a-buffer-%d", i);
    if (make)
        close(open(name, O_WRONLY | O_CREAT, 0644));
    else
        unlink(name);
}

static int next_number(DIR *d)
{
    struct dirent *e;
    while ((e = readdir(d))) {
        int i;
        if (sscanf(e->d_name, "a-name-that-takes-some-room-in-a-buffer-%d", &i) == 1) return i;
    }
    return -1;
}

// What is there all the time is read once, whatever comes and goes meanwhile; what is gone before is not read.
static void check_readdir(void)
{
    mkdir("d", 0755);
    for (int i = 0; i < FILES; i += 2) file(i, 1);
    DIR *d = opendir("d");
    int n = 0, i;
    while ((i = next_number(d)) >= 0) {
        if (i < FILES) seen[i]++;
        n++;
        if (n == 50) {
            for (int k = 0; k < FILES; k += 4)
                if (seen[k]) file(k, 0);  // read, and gone
        }
        if (n == 100) {
            for (int k = 1; k < FILES; k += 8) file(k, 1);  // new
        }
        if (n > 3 * FILES) break;
    }
    int missed = 0, twice = 0;
    for (int k = 0; k < FILES; k += 2) {
        missed += seen[k] == 0;
        twice += seen[k] > 1;
    }
    printf("missed %d, twice %d\n", missed, twice);
    rewinddir(d);
    memset(seen, 0, sizeof seen);
    int again = 0, wrong = 0;
    while ((i = next_number(d)) >= 0) {
        again++;
        char name[64];
        snprintf(name, sizeof name, "d/a-name-that-takes-some-room-in-a-buffer-%d", i);
        wrong += seen[i]++ || access(name, F_OK) != 0;
    }
    printf("from the start: as many as there are: %s, wrong %d\n", again > FILES / 4 ? "yes" : "no", wrong);
    closedir(d);
}

static void check_seekdir(void)
{
    mkdir("d", 0755);
    for (int i = 0; i < 40; i++) file(i, 1);
    DIR *d = opendir("d");
    for (int i = 0; i < 10; i++) next_number(d);
    long here = telldir(d);
    int eleventh = next_number(d);
    while (next_number(d) >= 0) {}
    seekdir(d, here);
    CHECK(next_number(d) == eleventh);
    seekdir(d, here);
    file(eleventh, 0);
    rewinddir(d);
    int n = 0, met = 0, i;
    while ((i = next_number(d)) >= 0) {
        n++;
        met += i == eleventh;
    }
    printf("%d left, the removed among them: %d\n", n, met);
    closedir(d);
    d = opendir("d");
    while ((i = next_number(d)) >= 0) file(i, 0);
    CHECK(rmdir("d") == 0);
    CHECK(next_number(d) == -1);
    closedir(d);
}

CHECKS({"ranges", check_ranges}, {"owners", check_owners}, {"after-exec", check_after_exec},
       {"descriptions", check_descriptions}, {"flock", check_flock}, {"circle", check_circle},
       {"readdir", check_readdir}, {"seekdir", check_seekdir})
