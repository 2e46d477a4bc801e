// SPDX-License-Identifier: MIT
// Rows of files and directories. All lie in memory on both systems (tmpfs), and have been used before.
#define _GNU_SOURCE
#include "bench.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, MEGABYTE = 1 << 20, NAMES = 100, SMALL_FILES = 64 };
#define SHALLOW HERE("file")
#define DEEP HERE("a/b/c/file")  // /tmp/bench/a/b/c: five directories

static int fd = -1;
static char *buffer;  // MEGABYTE, while a row needs it: other rows copy or throw away what this process has

static void buffer_map(void)
{
    buffer = mmap(NULL, MEGABYTE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(buffer != MAP_FAILED, "mmap");
    memset(buffer, 'x', MEGABYTE);
}

static void buffer_unmap(void) { must(!munmap(buffer, MEGABYTE), "munmap"); }

static int open_file(const char *path, int flags)
{
    int opened = open(path, flags, 0644);
    must(opened >= 0, path);
    return opened;
}

static void write_file(const char *path, size_t n)
{
    int file = open_file(path, O_CREAT | O_TRUNC | O_WRONLY);
    must(write(file, buffer, n) == (ssize_t)n, path);
    (void)close(file);
}

static void prepare_names(void)
{
    buffer_map();
    (void)mkdir(HERE("a"), 0755);
    (void)mkdir(HERE("a/b"), 0755);
    (void)mkdir(HERE("a/b/c"), 0755);
    write_file("/bench-file", PAGE);
    write_file(DEEP, PAGE);
}

static void stat_often(const char *path, unsigned rounds)
{
    struct stat info;
    for (unsigned i = 0; i < rounds; i++) must(!stat(path, &info), path);
}

static void run_stat(unsigned rounds) { stat_often("/bench-file", rounds); }

static void run_stat_deep(unsigned rounds) { stat_often(DEEP, rounds); }

static void run_stat_missing(unsigned rounds)
{
    struct stat info;
    for (unsigned i = 0; i < rounds; i++) must(stat("/bench-missing", &info) < 0, "no such file");
}

static void open_often(const char *path, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) (void)close(open_file(path, O_RDONLY));
}

static void run_open(unsigned rounds) { open_often("/bench-file", rounds); }

static void run_open_deep(unsigned rounds) { open_often(DEEP, rounds); }

static void prepare_large(void)
{
    buffer_map();
    write_file(SHALLOW, MEGABYTE);
    fd = open_file(SHALLOW, O_RDWR);
}

static void clean_open(void)
{
    buffer_unmap();
    (void)close(fd);
}

static void run_fstat(unsigned rounds)
{
    struct stat info;
    for (unsigned i = 0; i < rounds; i++) must(!fstat(fd, &info), "fstat");
}

static void run_pread(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) must(pread(fd, buffer, PAGE, i % 16 * PAGE) == PAGE, "pread");
}

// Files are read once each, as tar and grep do: another one each time.
static void small_name(char *name, unsigned i) { (void)sprintf(name, HERE("small/%u"), i % SMALL_FILES); }

static void prepare_small(void)
{
    char name[64];
    buffer_map();
    (void)mkdir(HERE("small"), 0755);
    for (unsigned i = 0; i < SMALL_FILES; i++) {
        small_name(name, i);
        write_file(name, PAGE);
    }
    (void)usleep(10000);  // dates go in steps of 4 ms: the first reading renews the access times, no later one does
}

static void run_read_once(unsigned rounds)
{
    char name[64];
    for (unsigned i = 0; i < rounds; i++) {
        small_name(name, i);
        int file = open_file(name, O_RDONLY);
        must(read(file, buffer, PAGE) == PAGE, "read");
        (void)close(file);
    }
}

static void run_read_large(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) must(pread(fd, buffer, MEGABYTE, 0) == MEGABYTE, "read 1 MiB");
}

static void run_overwrite(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) must(pwrite(fd, buffer, PAGE, i % 16 * PAGE) == PAGE, "pwrite");
}

// The file is emptied at the end of each batch; that is one call for many writes.
static void run_extend(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) must(pwrite(fd, buffer, PAGE, i * PAGE) == PAGE, "pwrite");
    must(!ftruncate(fd, 0), "ftruncate");
}

static void prepare_extend(void)
{
    buffer_map();
    fd = open_file(HERE("growing"), O_CREAT | O_TRUNC | O_RDWR);
}

static void run_create(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        (void)close(open_file(HERE("new"), O_CREAT | O_EXCL | O_WRONLY));
        must(!unlink(HERE("new")), "unlink");
    }
}

static void prepare_directory(void)
{
    char name[64];
    buffer_map();
    (void)mkdir(HERE("names"), 0755);
    for (unsigned i = 0; i < NAMES; i++) {
        (void)sprintf(name, HERE("names/name-%u"), i);
        write_file(name, 0);
    }
    fd = open_file(HERE("names"), O_RDONLY | O_DIRECTORY);
}

// Each name is looked at, as readdir does.
static void run_readdir(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        unsigned found = 0;
        long n;
        must(!lseek(fd, 0, SEEK_SET), "lseek");
        while ((n = syscall(SYS_getdents64, fd, buffer, 32768)) > 0)
            for (long at = 0; at < n; at += ((struct dirent *)(buffer + at))->d_reclen) found++;
        must(found == NAMES + 2, "names read");
    }
}

const struct row file_rows[] = {
    {"stat", 15, 200, run_stat, prepare_names, buffer_unmap},
    {"stat-5", 15, 200, run_stat_deep, prepare_names, buffer_unmap},
    {"stat-missing", 15, 200, run_stat_missing, NULL, NULL},
    {"fstat", 15, 200, run_fstat, prepare_large, clean_open},
    {"open-close", 15, 100, run_open, prepare_names, buffer_unmap},
    {"open-close-5", 15, 100, run_open_deep, prepare_names, buffer_unmap},
    {"pread-4k", 15, 100, run_pread, prepare_large, clean_open},
    {"open-read-close", 15, SMALL_FILES, run_read_once, prepare_small, buffer_unmap},
    {"read-1m", 15, 4, run_read_large, prepare_large, clean_open},
    {"write-4k", 15, 100, run_overwrite, prepare_large, clean_open},
    {"write-4k-extend", 15, 64, run_extend, prepare_extend, clean_open},
    {"create-unlink", 15, 50, run_create, NULL, NULL},
    {"readdir-100", 15, 10, run_readdir, prepare_directory, clean_open},
    {0},
};
