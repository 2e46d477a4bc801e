// SPDX-License-Identifier: MIT
// Vectors and buffers of which a part is bad: what was transferred, and where the file stands then.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static int file;

static void show(const char *what, ssize_t result)
{
    printf("%s: %zd %s, position %ld, size %ld\n", what, result, result < 0 ? strerrorname_np(errno) : "",
           (long)lseek(file, 0, SEEK_CUR), (long)lseek(file, 0, SEEK_END));
    lseek(file, 0, SEEK_SET);
    fflush(stdout);
}

int main(void)
{
    static char data[300000];
    char *page = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 2 * 4096, 4096);
    char *end = page + 2 * 4096;
    file = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);
    memset(data, 'd', sizeof data);
    show("write all", write(file, data, sizeof data));
    show("read 10 of 100", read(file, end - 10, 100));
    show("read 13 of 100, not aligned", read(file, end - 13, 100));
    show("read 8192 of 200000", read(file, page, 200000));
    show("read none of 100", read(file, end, 100));
    show("pread 7 of 100", pread(file, end - 7, 100, 5));
    ftruncate(file, 0);
    show("write 10 of 100", write(file, end - 10, 100));
    show("write none", write(file, end, 100));
    show("pwrite 3 of 70000", pwrite(file, end - 3, 70000, 50));
    struct iovec late[] = {{data, 10}, {(void *)0xffff800000000000, 1}};
    show("writev, second in the kernel", writev(file, late, 2));
    struct iovec negative[] = {{data, 10}, {data, (size_t)-1}};
    show("writev, second negative", writev(file, negative, 2));
    struct iovec unmapped[] = {{data, 10}, {end, 10}};
    show("writev, second not mapped", writev(file, unmapped, 2));
    show("readv, second not mapped", readv(file, unmapped, 2));
    int ends[2];
    if (pipe(ends) != 0) return 2;
    show("pipe: write 10 of 100", write(ends[1], end - 10, 100));
    show("pipe: write all", write(ends[1], data, 100));
    show("pipe: read 10 of 100", read(ends[0], end - 10, 100));
    show("zero: read 100 of 1000", read(open("/dev/zero", O_RDONLY), end - 100, 1000));
    return 0;
}
