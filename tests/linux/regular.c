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
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
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

// --- reading again and again, while the file changes

static unsigned long hash(const char *bytes, size_t n)
{
    unsigned long h = 5381;
    for (size_t i = 0; i < n; i++) h = h * 33 ^ (unsigned char)bytes[i];
    return h;
}

// The same place read ten times gives the same each time; what it gave.
static void again(const char *what, int fd, size_t n, off_t at)
{
    ssize_t got = 0;
    unsigned long first = 0;
    for (int i = 0; i < 10; i++) {
        got = pread(fd, text, n, at);
        unsigned long h = hash(text, got > 0 ? (size_t)got : 0);
        if (i > 0 && h != first) printf("%s: changed\n", what);
        first = h;
    }
    printf("%s: %zd %lx\n", what, got, first);
}

static void child_does(void (*change)(int), int fd)
{
    pid_t child = fork();
    if (!child) {
        change(fd);
        _exit(0);
    }
    reap(child);
}

static void grow(int fd) { (void)!pwrite(fd, "grown", 5, 150000); }
static void shrink(int fd) { (void)!ftruncate(fd, 70001); }
static void shrink_more(int fd) { (void)!ftruncate(fd, 3); }
static void regrow(int fd) { (void)!ftruncate(fd, 100000); }
static void punch(int fd) { (void)!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 40000); }
static void overwrite(int fd) { (void)!pwrite(fd, "overwritten", 11, 20000); }
static void replace(int fd)
{
    int other = open("f", O_WRONLY | O_TRUNC);
    (void)!write(other, text, 5000);
    (void)fd;
}

static void check_changes(void)
{
    static const struct {
        const char *name;
        void (*change)(int);
    } changes[] = {{"overwrite", overwrite}, {"grow", grow},        {"punch", punch},  {"shrink", shrink},
                   {"regrow", regrow},       {"less", shrink_more}, {"again", regrow}, {"replace", replace}};
    int fd = make("f", "");
    for (int i = 0; i < 65536; i++) text[i] = (char)(i * 7 + i / 251);
    for (int i = 0; i < 2; i++) (void)!write(fd, text, 60000 + i);
    for (unsigned i = 0; i <= sizeof changes / sizeof *changes; i++) {
        struct stat s;
        printf("-- %s, size %ld\n", i ? changes[i - 1].name : "at first", fstat(fd, &s) == 0 ? (long)s.st_size : -1);
        again("start", fd, 5000, 0);
        again("middle", fd, 30000, 19999);
        again("border", fd, 9000, 65000);
        again("end", fd, 65536, 100000);
        again("behind", fd, 100, 200000);
        if (i < sizeof changes / sizeof *changes) child_does(changes[i].change, fd);
    }
    char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    memcpy(map + 100, "mapped", 6);
    again("written through a mapping", fd, 5000, 0);
    child_does(shrink_more, fd);
    again("cut off under the mapping", fd, 5000, 0);
}

static void check_holes(void)
{
    int fd = make("f", "");
    (void)!pwrite(fd, "end", 3, 1000000);
    again("hole", fd, 65536, 300000);
    again("its end", fd, 65536, 999999);
    struct stat s;
    CHECK(fstat(fd, &s) == 0 && s.st_blocks <= 8);
    (void)!pwrite(fd, "middle", 6, 500000);
    again("half a hole", fd, 65536, 490000);
    again("still", fd, 65536, 300000);
}

// A file larger than what is read at once, and memory that ends within.
static void check_large(void)
{
    static char big[3 << 20];
    int fd = make("f", "");
    for (size_t i = 0; i < sizeof big; i++) big[i] = (char)(i * 3 + i / 4093);
    CHECK(write(fd, big, sizeof big) == sizeof big);
    unsigned long h = hash(big, sizeof big);
    for (int i = 0; i < 3; i++) {
        memset(big, 0, sizeof big);
        lseek(fd, 0, SEEK_SET);
        CHECK(read(fd, big, sizeof big) == sizeof big && hash(big, sizeof big) == h);
    }
    CHECK(read(fd, big, 1) == 0);
    char *end = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4096;
    munmap(end, 4096);
    for (int i = 0; i < 3; i++)
        CHECK(pread(fd, end - 1000, 5000, 12345) == 1000 && pread(fd, end, 5, 0) == -1 && errno == EFAULT);
    CHECK(pread(fd, big, 5000, 12345) == 5000 && big[0] == (char)(12345 * 3 + 12345 / 4093));
}

// More files than a process has pages of mapped, read in turn.
static void check_many(void)
{
    int fds[40];
    for (int i = 0; i < 40; i++) {
        char name[16];
        sprintf(name, "f%d", i);
        fds[i] = make(name, "");
        memset(text, 'a' + i, sizeof text);
        (void)!write(fds[i], text, 30000 + (size_t)i);
    }
    int wrong = 0;
    for (int round = 0; round < 20; round++)
        for (int i = 0; i < 40; i++) {
            off_t at = (round * 1777 + i * 311) % 30000;
            ssize_t n = pread(fds[i], text, 65536, at);
            wrong += n != 30000 + i - at;
            for (ssize_t k = 0; k < n; k += 97) wrong += text[k] != 'a' + i;
            if (round == 10 && i % 3 == 0) {
                char name[16];
                sprintf(name, "f%d", i);
                close(fds[i]);
                fds[i] = open(name, O_RDONLY);
            }
        }
    printf("%d wrong\n", wrong);
}

// One writes, another reads what is there.
static void check_follow(void)
{
    int fd = make("f", ""), wrong = 0;
    pid_t child = fork();
    if (!child) {
        int out = open("f", O_WRONLY | O_APPEND);
        for (int i = 0; i < 3000; i++) {
            char line[32];
            (void)!write(out, line, (size_t)sprintf(line, "%06d ....................\n", i));
        }
        _exit(0);
    }
    long total = 0;
    int status = 0;
    for (bool over = false; !over;) {
        over = waitpid(child, &status, WNOHANG) == child;
        ssize_t n;
        while ((n = pread(fd, text, 3000, total)) > 0) {
            for (ssize_t i = 0; i < n; i++)
                wrong += (total + i) % 28 == 27 ? text[i] != '\n'
                                                : (total + i) % 28 == 5 && text[i] - '0' != (total + i) / 28 % 10;
            total += n;
        }
    }
    printf("%ld bytes, %d wrong\n", total, wrong);
}

int main(int n, char **v)
{
    static const struct {
        const char *name;
        void (*check)(void);
    } checks[] = {
        {"seek", check_seek},       {"fork", check_fork},       {"exec", check_exec},   {"append", check_append},
        {"threads", check_threads}, {"changes", check_changes}, {"holes", check_holes}, {"large", check_large},
        {"many", check_many},       {"follow", check_follow},
    };
    setvbuf(stdout, 0, _IOLBF, 0);
    for (unsigned i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (n != 2 || strcmp(v[1], checks[i].name) != 0) continue;
        checks[i].check();
        return 0;
    }
    return 1;
}
