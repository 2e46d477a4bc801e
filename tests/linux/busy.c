// SPDX-License-Identifier: MIT
// busy: much of what a busy system does, one thing after the other, for ledgers to be compared before and after.
//
//   busy forks N      N times fork, execve, exit, wait
//   busy messages N   N messages through a pipe from one process to another, each checked
//   busy files N      N times make, write, map, rename and remove a file, and a directory with a symlink
//
// Prints what it did; exits with 1 at the first thing that goes wrong.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *own_path;

#define MUST(condition, what, n) \
    do { \
        if (!(condition)) { \
            printf("busy: %s failed at %ld: %s\n", (what), (long)(n), strerror(errno)); \
            exit(1); \
        } \
    } while (0)

// The child exits with a number that its parent knows.
static void forks(long n)
{
    for (long i = 0; i < n; i++) {
        char status[16];
        snprintf(status, sizeof status, "%ld", i % 100);
        pid_t pid = fork();
        if (pid == 0) {
            execl(own_path, own_path, "exit", status, NULL);
            _exit(127);
        }
        MUST(pid > 0, "fork", i);
        int how = 0;
        MUST(waitpid(pid, &how, 0) == pid, "waitpid", i);
        errno = 0;
        MUST(WIFEXITED(how) && WEXITSTATUS(how) == i % 100, "the child", i);
    }
}

struct message {
    uint64_t number, twice;
    char rest[48];
};

static void write_messages(int to, long n)
{
    struct message m = {0};
    for (long i = 0; i < n; i++) {
        m.number = (uint64_t)i;
        m.twice = 2 * m.number;
        MUST(write(to, &m, sizeof m) == sizeof m, "write", i);
    }
}

static void messages(long n)
{
    int ends[2];
    MUST(pipe(ends) == 0, "pipe", 0);
    fflush(stdout);
    pid_t pid = fork();
    MUST(pid >= 0, "fork", 0);
    if (pid == 0) {
        close(ends[0]);
        write_messages(ends[1], n);
        _exit(0);
    }
    close(ends[1]);
    struct message m;
    for (long i = 0; i < n; i++) {
        MUST(read(ends[0], &m, sizeof m) == sizeof m, "read", i);
        errno = 0;
        MUST(m.number == (uint64_t)i && m.twice == 2 * m.number, "the message", i);
    }
    MUST(read(ends[0], &m, sizeof m) == 0, "the end of the pipe", n);
    close(ends[0]);
    MUST(waitpid(pid, NULL, 0) == pid, "waitpid", 0);
}

static void files(long n)
{
    char bytes[9000];
    memset(bytes, 'b', sizeof bytes);
    for (long i = 0; i < n; i++) {
        int fd = open("busy.new", O_RDWR | O_CREAT | O_TRUNC, 0644);
        MUST(fd >= 0, "open", i);
        MUST(write(fd, bytes, sizeof bytes) == sizeof bytes, "write", i);
        char *view = mmap(NULL, sizeof bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        MUST(view != MAP_FAILED, "mmap", i);
        MUST(view[sizeof bytes - 1] == 'b', "the mapped byte", i);
        close(fd);
        MUST(rename("busy.new", "busy.file") == 0, "rename", i);
        MUST(mkdir("busy.directory", 0755) == 0, "mkdir", i);
        MUST(symlink("../busy.file", "busy.directory/link") == 0, "symlink", i);
        struct stat stat_buffer;
        MUST(stat("busy.directory/link", &stat_buffer) == 0 && stat_buffer.st_size == sizeof bytes, "stat", i);
        MUST(unlink("busy.directory/link") == 0 && rmdir("busy.directory") == 0, "rmdir", i);
        MUST(unlink("busy.file") == 0, "unlink", i);
        MUST(view[0] == 'b', "the byte of a removed file", i);
        MUST(munmap(view, sizeof bytes) == 0, "munmap", i);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "exit") == 0) return atoi(argv[2]);
    static char path[4096];
    MUST(readlink("/proc/self/exe", path, sizeof path - 1) > 0, "readlink", 0);
    own_path = path;
    long n = argc == 3 ? atol(argv[2]) : 0;
    if (n > 0 && strcmp(argv[1], "forks") == 0)
        forks(n);
    else if (n > 0 && strcmp(argv[1], "messages") == 0)
        messages(n);
    else if (n > 0 && strcmp(argv[1], "files") == 0)
        files(n);
    else {
        fprintf(stderr, "usage: busy forks|messages|files N\n");
        return 2;
    }
    printf("%s %ld\n", argv[1], n);
    return 0;
}
