// SPDX-License-Identifier: MIT
// ends ROUNDS: processes are killed in every state that a process can be in, ROUNDS times each, at moments by chance. For
// tests/stress: nothing may be left of them.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char page[4096];
static char *const TRUE[] = {"true", 0};

static void spins(void)
{
    for (;;) __asm__ volatile("");
}

static void sleeps(void) { sleep(1000); }
static void pauses(void) { pause(); }
static void is_stopped(void) { raise(SIGSTOP); }

static void reads_a_pipe(void)
{
    int p[2];
    if (pipe(p) == 0 && read(p[0], page, 1) == 1) _exit(1);
}

static void fills_a_pipe(void)
{
    int p[2];
    if (pipe(p) != 0) return;
    while (write(p[1], page, sizeof page) > 0) {}
}

static void talks_by_pipes(void)
{
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0) return;
    int child = fork();
    if (child == 0) close(there[1]);
    while (child == 0 && read(there[0], page, 64) > 0 && write(back[1], page, 64) > 0) {}
    if (child == 0) _exit(0);
    while (write(there[1], page, 64) > 0 && read(back[0], page, 64) > 0) {}
}

static void opens_a_fifo(void)
{
    mkfifo("fifo", 0600);
    if (open("fifo", O_RDONLY) >= 0) _exit(1);
}

static void polls(void)
{
    int p[2];
    if (pipe(p) != 0) return;
    struct pollfd fds[2] = {{p[0], POLLIN, 0}, {p[1], POLLERR, 0}};
    poll(fds, 2, -1);
}

static void waits_for_a_lock(void)
{
    int fd = open("locked", O_RDWR | O_CREAT, 0600), other = open("locked", O_RDWR);
    flock(fd, LOCK_EX);
    flock(other, LOCK_EX);
}

static void waits_for_a_child(void)
{
    if (fork() == 0) pause();
    wait(0);
}

static void has_zombies(void)
{
    for (int i = 0; i < 5; i++)
        if (fork() == 0) _exit(i);
    pause();
}

static void forks(void)
{
    for (;;) {
        if (fork() == 0) _exit(0);
        wait(0);
    }
}

static void spawns(void)
{
    for (;;) {
        if (vfork() == 0) execv("/bin/true", TRUE), _exit(127);
        wait(0);
    }
}

static void execs(void) { execl("/proc/self/exe", "ends", "exec", (char *)0); }

static void has_a_vfork_child(void)
{
    if (vfork() == 0) sleep(1000), _exit(0);
}

static void touches_pages(void)
{
    for (;;) {
        char *m = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m == MAP_FAILED) return;
        for (int i = 0; i < 1 << 20; i += 4096) m[i] = 1;
        munmap(m, 1 << 20);
    }
}

static void maps_files(void)
{
    int fd = open("mapped", O_RDWR | O_CREAT, 0600);
    if (ftruncate(fd, 1 << 16) != 0) return;
    for (;;) {
        char *shared = mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        char *own = mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        if (shared == MAP_FAILED || own == MAP_FAILED) return;
        for (int i = 0; i < 1 << 16; i += 4096) shared[i]++, own[i]++;
        munmap(shared, 1 << 16);
        munmap(own, 1 << 16);
    }
}

static void works_on_files(void)
{
    for (;;) {
        int fd = open("file", O_RDWR | O_CREAT | O_APPEND, 0600);
        for (int i = 0; i < 20; i++)
            if (write(fd, page, sizeof page) < 0) break;
        if (pread(fd, page, sizeof page, 0) < 0) return;
        rename("file", "other");
        close(fd);
        unlink("other");
    }
}

static void has_a_deleted_file_open(void)
{
    int fd = open("deleted", O_RDWR | O_CREAT, 0600);
    unlink("deleted");
    while (write(fd, page, sizeof page) > 0 && lseek(fd, 0, SEEK_CUR) < 1 << 20) {}
    pause();
}

static void *thread(void *work)
{
    ((void (*)(void))work)();
    return 0;
}

static void has_threads(void)
{
    static void (*const works[])(void) = {spins, sleeps, pauses, reads_a_pipe, touches_pages, works_on_files};
    pthread_t t;
    for (unsigned i = 0; i < sizeof works / sizeof *works; i++) pthread_create(&t, 0, thread, (void *)works[i]);
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&m);
    pthread_mutex_lock(&m);
}

static void caught(int s) { (void)s; }

static void handles_signals(void)
{
    signal(SIGUSR1, caught);
    for (;;) kill(getpid(), SIGUSR1);
}

static void has_a_terminal(void)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || unlockpt(terminal) != 0) return;
    int line = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    if (read(line, page, sizeof page) > 0) _exit(1);
}

static void (*const STATES[])(void) = {
    spins,
    sleeps,
    pauses,
    is_stopped,
    reads_a_pipe,
    fills_a_pipe,
    talks_by_pipes,
    opens_a_fifo,
    polls,
    waits_for_a_lock,
    waits_for_a_child,
    has_zombies,
    forks,
    spawns,
    execs,
    has_a_vfork_child,
    touches_pages,
    maps_files,
    works_on_files,
    has_a_deleted_file_open,
    has_threads,
    handles_signals,
    has_a_terminal,
};
enum { N_STATES = sizeof STATES / sizeof *STATES };

int main(int n, char **v)
{
    if (n == 2 && strcmp(v[1], "exec") == 0) execs();
    int rounds = n == 2 ? atoi(v[1]) : 1, killed = 0;
    srand(1);
    for (int i = 0; i < rounds * N_STATES; i++) {
        int child = fork();
        if (child == 0) {
            setpgid(0, 0);
            STATES[i % N_STATES]();
            pause();
        }
        setpgid(child, child);
        usleep((unsigned)rand() % 3000);
        kill(-child, SIGKILL);
        int status;
        if (waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) killed++;
        while (kill(-child, 0) == 0) usleep(100);  // those of its group that are not ours
    }
    printf("%d killed in %d states\n", killed, N_STATES);
    return killed == rounds * N_STATES ? 0 : 1;
}
