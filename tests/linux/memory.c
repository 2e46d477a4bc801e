// SPDX-License-Identifier: MIT
// Memory as programs see it: each argument names a check, which prints what it found.
#define _GNU_SOURCE
#include "check.h"
#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *guard;

static void check_fork_cow(void)
{
    char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 256; i++) p[i * 4096] = i;
    pid_t c = fork();
    if (!c) {
        int ok = 1;
        for (int i = 0; i < 256; i++) {
            ok &= p[i * 4096] == (char)i;
            p[i * 4096] = 77;
        }
        _exit(ok ? 3 : 4);
    }
    for (int i = 0; i < 256; i += 2) p[i * 4096]++;
    int s;
    waitpid(c, &s, 0);
    int ok = 1;
    for (int i = 0; i < 256; i++) ok &= p[i * 4096] == (char)(i + (i % 2 == 0));
    printf("child %x parent %d\n", s, ok);
}

static void check_shared(void)
{
    int *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t c = fork();
    if (!c) {
        p[1000] = 5;
        p[100000] = 6;
        _exit(0);
    }
    waitpid(c, 0, 0);
    printf("%d %d\n", p[1000], p[100000]);
}

static void check_mremap(void)
{
    char *p = mmap(0, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 8; i++) p[i * 4096] = i + 1;
    char *q = mremap(p, 8 * 4096, 300 * 4096, MREMAP_MAYMOVE);
    int ok = q != MAP_FAILED;
    for (int i = 0; ok && i < 8; i++) ok &= q[i * 4096] == i + 1;
    CHECK(ok);
    CHECK(q[299 * 4096] == 0);
    char *r = mremap(q, 300 * 4096, 4 * 4096, 0);
    CHECK(r == q);
    CHECK(q[3 * 4096] == 4);
    unsigned char v[8];
    CHECK(mincore(q + 4 * 4096, 4096, v) == -1 && errno == ENOMEM);
    CHECK(munmap(q, 4 * 4096) == 0);
    CHECK(mremap(q, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
}

static void on_segv(int s, siginfo_t *i, void *c)
{
    note(s, i, c);
    mprotect(guard, 4096, PROT_READ | PROT_WRITE);
}

static void check_segv(void)
{
    guard = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    handle(SIGSEGV, on_segv, 0);
    guard[5] = 9;
    CHECK(got == SIGSEGV && last.si_code == SEGV_ACCERR && last.si_addr == guard + 5 && guard[5] == 9);
    mprotect(guard, 4096, PROT_NONE);
    got = 0;
    guard[6] = 1;
    CHECK(got == SIGSEGV);
}

// A thousand times in vain.
static int n_faults;
static void on_segv_late(int s, siginfo_t *i, void *c)
{
    note(s, i, c);
    if (++n_faults == 1000) mprotect(guard, 4096, PROT_READ | PROT_WRITE);
}

static void check_segv_late(void)
{
    guard = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    handle(SIGSEGV, on_segv_late, 0);
    guard[5] = 9;
    CHECK(n_faults == 1000 && got == SIGSEGV && last.si_addr == guard + 5 && guard[5] == 9);
}

static void check_protect(void)
{
    char *p = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p[0] = p[4096] = p[8192] = 1;
    CHECK(mprotect(p + 4096, 4096, PROT_NONE) == 0);
    int fd = open("/dev/null", O_WRONLY);
    (void)fd;
    int pp[2];
    pipe(pp);
    CHECK(write(pp[1], p + 4096, 1) == -1 && errno == EFAULT);
    CHECK(write(pp[1], p, 1) == 1);
    CHECK(write(pp[1], p + 8192, 1) == 1);
    CHECK(read(pp[0], p + 4096, 1) == -1 && errno == EFAULT);
    CHECK(munmap(p + 4096, 4096) == 0);
    CHECK(write(pp[1], p + 4096, 1) == -1 && errno == EFAULT);
    CHECK(mprotect(p, 3 * 4096, PROT_READ) == -1 && errno == ENOMEM);
    CHECK(mmap((void *)1, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED &&
          errno == EINVAL);
    CHECK(mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED &&
          errno == EEXIST);
    CHECK(mmap(0, 1ul << 46, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED);
}

static void check_stack(void)
{
    volatile char buf[4 << 20];
    for (size_t i = 0; i < sizeof buf; i += 4096) buf[i] = 1;
    printf("4 MiB of stack\n");
    fflush(stdout);
    pid_t c = fork();
    if (!c) {
        for (;;) {
            volatile char *p = alloca(1 << 16);
            p[0] = 1;
        }
    }
    int s;
    waitpid(c, &s, 0);
    printf("overflow: signal %d\n", WTERMSIG(s));
}

static void check_madvise(void)
{
    char *p = mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p[0] = 1;
    p[4096] = 2;
    CHECK(madvise(p, 4096, MADV_DONTNEED) == 0);
    CHECK(p[0] == 0 && p[4096] == 2);
    CHECK(madvise(p + 1, 4096, MADV_DONTNEED) == -1 && errno == EINVAL);
    munmap(p, 1 << 16);
    CHECK(madvise(p, 4096, MADV_DONTNEED) == -1 && errno == ENOMEM);
    void *b = sbrk(0);
    CHECK(sbrk(100000) == b);
    memset(b, 1, 100000);
    CHECK(sbrk(-100000) != (void *)-1);
    CHECK(sbrk(0) == b);
    sbrk(4096 * 40);
    CHECK(((char *)b)[50000] == 0);
}

static void check_filemap(void)
{
    int fd = open("/tmp/map", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ftruncate(fd, 10000);
    pwrite(fd, "hello", 5, 4096);
    char *p = mmap(0, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0),
         *q = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED && q != MAP_FAILED);
    CHECK(!memcmp(p + 4096, "hello", 5));
    p[4096] = 'J';
    CHECK(q[4096] == 'h');
    q[4097] = 'E';
    char b[6] = {0};
    pread(fd, b, 5, 4096);
    printf("%s %.5s\n", b, p + 4096);
    pid_t c = fork();
    if (!c) {
        q[8192] = 'c';
        p[8193] = 'd';
        _exit(p[4096] == 'J' ? 0 : 1);
    }
    int s;
    waitpid(c, &s, 0);
    printf("%x %c %d\n", s, q[8192], p[8193]);
    fflush(stdout);
    c = fork();
    if (!c) {
        ((volatile char *)p)[4 * 4096];
        _exit(0);
    }
    waitpid(c, &s, 0);
    printf("behind the end: signal %d\n", WTERMSIG(s));
    int ro = open("/tmp/map", O_RDONLY);
    CHECK(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0) == MAP_FAILED && errno == EACCES);
    char *r = mmap(0, 4096, PROT_READ, MAP_SHARED, ro, 0);
    CHECK(mprotect(r, 4096, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
    unlink("/tmp/map");
}

// Use files, directories and pipes for the first time in a process with n page tables for its memory.
static void use_files(int n, char buffer[8192])
{
    int dir = open("/etc", O_RDONLY | O_DIRECTORY), file = open("/bin/busybox", O_RDONLY), ends[2];
    if (syscall(SYS_getdents64, dir, buffer, 8192) <= 0) printf("%d: getdents64: %s\n", n, strerror(errno));
    for (int i = 0; i < 4; i++)
        if (pread(file, buffer, 8192, 65536) != 8192) printf("%d: pread: %s\n", n, strerror(errno));
    if (pipe(ends) != 0 || write(ends[1], buffer, 5000) != 5000 || read(ends[0], buffer, 5000) != 5000)
        printf("%d: pipe: %s\n", n, strerror(errno));
}

static void check_scattered(void)
{
    static char buffer[8192];
    char *p = mmap(0, 64 << 21, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (int n = 0; n < 64; n++) {
        p[(size_t)n << 21] = 1;
        memset(buffer, n, sizeof buffer);  // in the child, nothing is left to be found by a fault
        pid_t c = fork();
        if (!c) {
            use_files(n, buffer);
            exit(0);
        }
        int s;
        waitpid(c, &s, 0);
        if (s) printf("%d: status %x\n", n, s);
    }
}

CHECKS({"scattered", check_scattered}, {"fork-cow", check_fork_cow}, {"shared", check_shared}, {"mremap", check_mremap},
       {"segv", check_segv}, {"segv-late", check_segv_late}, {"protect", check_protect}, {"stack", check_stack},
       {"madvise", check_madvise}, {"filemap", check_filemap})
