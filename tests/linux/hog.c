// SPDX-License-Identifier: MIT
// hog: takes all that it can get of one thing, and then holds it until it is killed.
//
//   hog forks      a fork bomb: each process makes more until no more can be had
//   hog memory     writes to new memory without end, also in children
//   hog pipes      pipes, each filled with what it takes, then children that do the same
//   hog files      descriptors of one file
//   hog space      a file that grows without end
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHILDREN 4
#define PIECE (1 << 20)

static void rest(void)
{
    for (;;) pause();
}

static void forks(void)
{
    for (;;)
        if (fork() < 0) usleep(1000);
}

static void have_children(void)
{
    for (int i = 0; i < CHILDREN; i++)
        if (fork() == 0) return;
}

static void memory(void)
{
    have_children();
    for (;;) {
        char *piece = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (piece == MAP_FAILED) rest();
        memset(piece, 1, PIECE);
    }
}

static void pipes(void)
{
    static char bytes[65536];
    int ends[2];
    have_children();
    while (pipe2(ends, O_NONBLOCK) == 0)
        while (write(ends[1], bytes, sizeof bytes) > 0) {}
    rest();
}

static void files(void)
{
    have_children();
    while (open("/bin/busybox", O_RDONLY) >= 0) {}
    rest();
}

static void space(void)
{
    static char bytes[PIECE];
    int fd = open("hog.space", O_WRONLY | O_CREAT, 0600);
    while (write(fd, bytes, sizeof bytes) > 0) {}
    rest();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } kinds[] = {{"forks", forks}, {"memory", memory}, {"pipes", pipes}, {"files", files}, {"space", space}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (argc == 2 && strcmp(argv[1], kinds[i].name) == 0) kinds[i].run();
    fprintf(stderr, "usage: hog forks|memory|pipes|files|space\n");
    return 2;
}
