// SPDX-License-Identifier: MIT
// Open files: offsets of one process and of several. Each argument names a check, which prints what it found.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")

static char text[1 << 16];

static int make(const char *name, const char *content)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (write(fd, content, strlen(content)) < 0 || lseek(fd, 0, SEEK_SET) < 0) perror(name);
    return fd;
}

static void show(const char *what, int fd, size_t n)
{
    ssize_t got = read(fd, text, n);
    printf("%s: %zd %.*s\n", what, got, got > 0 ? (int)got : 0, text);
}

static int reap(pid_t child)
{
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static void check_seek(void)
{
    int fd = make("f", "0123456789"), other = dup(fd), again = open("f", O_RDONLY);
    show("three", fd, 3);
    show("the duplicate goes on", other, 2);
    show("another open does not", again, 2);
    CHECK(pread(fd, text, 4, 6) == 4 && text[0] == '6' && lseek(fd, 0, SEEK_CUR) == 5);
    CHECK(pwrite(fd, "xy", 2, 8) == 2 && lseek(fd, 0, SEEK_CUR) == 5);
    CHECK(lseek(fd, -2, SEEK_CUR) == 3 && lseek(fd, -9, SEEK_CUR) == -1 && errno == EINVAL);
    CHECK(lseek(fd, -1, SEEK_SET) == -1 && errno == EINVAL && lseek(fd, 0, SEEK_CUR) == 3);
    CHECK(lseek(fd, -3, SEEK_END) == 7 && read(fd, text, 1) == 1 && text[0] == '7');
    CHECK(lseek(fd, 4, SEEK_DATA) == 4 && lseek(fd, 4, SEEK_HOLE) == 10 && read(fd, text, 1) == 0);
    CHECK(lseek(fd, 1, 9) == -1 && errno == EINVAL);
    CHECK(lseek(fd, 20, SEEK_SET) == 20 && read(fd, text, 5) == 0 && write(fd, "end", 3) == 3);
    CHECK(lseek(fd, 0, SEEK_CUR) == 23 && pread(fd, text, 100, 0) == 23 && text[15] == 0 && text[22] == 'd');
    int n = -1;
    lseek(fd, 13, SEEK_SET);
    CHECK(ioctl(fd, FIONREAD, &n) == 0 && n == 10);
    struct iovec v[2] = {{text, 2}, {text + 2, 3}};
    lseek(fd, 0, SEEK_SET);
    CHECK(readv(fd, v, 2) == 5 && memcmp(text, "01234", 5) == 0 && lseek(fd, 0, SEEK_CUR) == 5);
    int out = make("out", "");
    CHECK(sendfile(out, fd, NULL, 4) == 4 && lseek(fd, 0, SEEK_CUR) == 9 && lseek(out, 0, SEEK_CUR) == 4);
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = -4, .l_len = 2};
    CHECK(fcntl(fd, F_SETLK, &l) == 0);
    struct flock seen = {.l_type = F_WRLCK};
    pid_t child = fork();
    if (!child) _exit(fcntl(fd, F_GETLK, &seen) == 0 && seen.l_start == 5 && seen.l_len == 2 ? 0 : 1);
    CHECK(reap(child) == 0);
    CHECK(read(fd, NULL, 4) == -1 && errno == EFAULT && lseek(fd, 0, SEEK_CUR) == 9);
}

static void check_fork(void)
{
    int fd = make("f", "0123456789");
    show("parent", fd, 2);
    pid_t child = fork();
    if (!child) {
        show("child", fd, 3);
        lseek(fd, 1, SEEK_CUR);
        exit(0);
    }
    reap(child);
    show("parent behind it", fd, 2);
    if (!vfork()) {
        lseek(fd, 1, SEEK_SET);
        _exit(0);
    }
    show("parent where a vfork's child went", fd, 2);
    int late = open("f", O_RDONLY);
    show("opened later", late, 4);
    child = fork();
    if (!child) {
        close(late);
        exit(0);
    }
    reap(child);
    show("and not closed by a child", late, 4);
}

static void check_exec(void)
{
    extern char **environ;
    int fd = make("f", "one\ntwo\nthree\n");
    read(fd, text, 4);
    dup2(fd, 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addclose(&actions, fd);
    pid_t child;
    char *head[] = {"head", "-c", "4", NULL};
    if (posix_spawnp(&child, "head", &actions, NULL, head, environ) == 0) reap(child);
    CHECK(lseek(fd, 0, SEEK_CUR) >= 8);
    lseek(fd, 4, SEEK_SET);
    int alone = open("f", O_RDONLY);
    lseek(alone, 8, SEEK_SET);
    dup2(alone, 0);
    fflush(stdout);
    execlp("cat", "cat", NULL);
}

static void check_append(void)
{
    int fd = make("f", "start");
    close(fd);
    fd = open("f", O_WRONLY | O_APPEND);
    CHECK(write(fd, "+", 1) == 1 && lseek(fd, 0, SEEK_CUR) == 6);
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, "-", 1) == 1 && lseek(fd, 0, SEEK_CUR) == 7);
    close(fd);
    pid_t children[3];
    for (int i = 0; i < 3; i++)
        if (!(children[i] = fork())) {
            int own = open("f", O_WRONLY | O_APPEND);
            for (int n = 0; n < 200; n++) {
                char line[16];
                if (write(own, line, (size_t)sprintf(line, "\n%d %03d", i, n)) != 6) _exit(1);
            }
            _exit(0);
        }
    int reader = open("f", O_RDONLY), whole = 0;
    size_t total = 0;
    for (int left = 3; left > 0;) {
        ssize_t n = read(reader, text + total, 700);
        if (n > 0) total += (size_t)n;
        int status;
        if (n == 0 && waitpid(-1, &status, WNOHANG) > 0) left--;
    }
    total += (size_t)read(reader, text + total, 65536 - total);
    for (size_t at = 7; at + 6 <= total; at += 6) whole += text[at] == '\n' && text[at + 2] == ' ';
    printf("%zu bytes, %d whole lines\n", total, whole);
}

static int shared_fd;
static unsigned long sums[4];

static void *sum(void *at)
{
    unsigned char c[3];
    ssize_t n;
    while ((n = read(shared_fd, c, sizeof c)) > 0)
        for (ssize_t i = 0; i < n; i++) *(unsigned long *)at += c[i];
    return NULL;
}

static void *put(void *at)
{
    for (int i = 0; i < 500; i++)
        if (write(shared_fd, at, 1) != 1) return at;
    return NULL;
}

static void check_threads(void)
{
    pthread_t threads[4];
    unsigned long total = 0, expected = 0;
    for (int i = 0; i < 9999; i++) expected += (unsigned char)(text[i] = (char)i);
    shared_fd = make("f", "");
    if (write(shared_fd, text, 9999) != 9999 || lseek(shared_fd, 0, SEEK_SET)) return;
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, sum, &sums[i]);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) total += sums[i];
    CHECK(total == expected);
    if (ftruncate(shared_fd, 0) || lseek(shared_fd, 0, SEEK_SET)) return;
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, put, (void *)&"0123"[i]);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    int counts[4] = {0};
    ssize_t n = pread(shared_fd, text, sizeof text, 0);
    for (ssize_t i = 0; i < n; i++) counts[(text[i] - '0') & 3]++;
    printf("%zd bytes: %d %d %d %d\n", n, counts[0], counts[1], counts[2], counts[3]);
}

int main(int n, char **v)
{
    static const struct {
        const char *name;
        void (*check)(void);
    } checks[] = {
        {"seek", check_seek},     {"fork", check_fork},       {"exec", check_exec},
        {"append", check_append}, {"threads", check_threads},
    };
    setvbuf(stdout, 0, _IOLBF, 0);
    for (unsigned i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (n != 2 || strcmp(v[1], checks[i].name) != 0) continue;
        checks[i].check();
        return 0;
    }
    return 1;
}
