// SPDX-License-Identifier: MIT
// Rows of memory: first writes to pages, mapping and unmapping.
#define _GNU_SOURCE
#include "bench.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, MEGABYTE = 1 << 20 };

static char *map(size_t n, int flags, int fd)
{
    char *memory = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | flags, fd, 0);
    must(memory != MAP_FAILED, "mmap");
    return memory;
}

static void touch(char *memory, size_t n)
{
    for (size_t at = 0; at < n; at += PAGE) *(volatile char *)(memory + at) = 1;
}

// Mapping and unmapping 64 pages at once is a small part of this.
static void run_first_write(unsigned rounds)
{
    char *memory = map((size_t)rounds * PAGE, MAP_ANONYMOUS, -1);
    touch(memory, (size_t)rounds * PAGE);
    must(!munmap(memory, (size_t)rounds * PAGE), "munmap");
}

static void run_touched(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        char *memory = map(MEGABYTE, MAP_ANONYMOUS, -1);
        touch(memory, MEGABYTE);
        must(!munmap(memory, MEGABYTE), "munmap");
    }
}

static void run_untouched(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) must(!munmap(map(PAGE, MAP_ANONYMOUS, -1), PAGE), "munmap");
}

static void run_protect(unsigned rounds)
{
    enum { BYTES = 16 * PAGE };
    char *memory = map(BYTES, MAP_ANONYMOUS, -1);
    for (unsigned i = 0; i < rounds; i++) {
        touch(memory, BYTES);
        must(!mprotect(memory, BYTES, PROT_READ) && !mprotect(memory, BYTES, PROT_READ | PROT_WRITE), "mprotect");
    }
    must(!munmap(memory, BYTES), "munmap");
}

static int file = -1;

static void prepare_file(void)
{
    static char page[PAGE];
    memset(page, 'x', sizeof(page));
    file = open(HERE("mapped"), O_CREAT | O_TRUNC | O_RDWR, 0644);
    must(file >= 0, "open");
    for (unsigned i = 0; i < 64; i++) must(write(file, page, PAGE) == PAGE, "write");
}

static void clean_file(void) { (void)close(file); }

static void run_file_write(unsigned rounds)
{
    char *memory = map((size_t)rounds * PAGE, 0, file);
    touch(memory, (size_t)rounds * PAGE);
    must(!munmap(memory, (size_t)rounds * PAGE), "munmap");
}

const struct row memory_rows[] = {
    {"page-first-write", 15, 64, run_first_write, NULL, NULL},
    {"mmap-touch-munmap-1m", 15, 2, run_touched, NULL, NULL},
    {"mmap-munmap", 15, 50, run_untouched, NULL, NULL},
    {"mprotect-write", 15, 20, run_protect, NULL, NULL},
    {"file-page-first-write", 15, 64, run_file_write, prepare_file, clean_file},
    {0},
};
