// SPDX-License-Identifier: MIT
// What can happen to the two ends of a pipe while bytes stream through it: each argument names a case, which prints
// what it found. Streams are of numbered records, so that a lost, doubled or torn one is seen.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITERS 4
#define RECORDS 6000

struct record {
    uint32_t writer, number;
};
static struct board {  // in memory that all processes of a case share
    uint8_t seen[WRITERS][RECORDS];
    uint32_t torn, n, go;
} * board;
static const char *own_path;

#define SAY(x) printf("%s: %s\n", #x, (x) ? "yes" : "no")

static void start(int p[2])
{
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED || pipe(p) != 0) exit(99);
}

static void put_records(int fd, uint32_t writer, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        struct record r = {writer, i};
        if (write(fd, &r, sizeof r) != sizeof r) _exit(1);
    }
}

static void note(const struct record *r)
{
    if (r->writer >= WRITERS || r->number >= RECORDS)
        __atomic_add_fetch(&board->torn, 1, __ATOMIC_RELAXED);
    else
        __atomic_add_fetch(&board->seen[r->writer][r->number], 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&board->n, 1, __ATOMIC_RELAXED);
}

// Up to `most` records; those read.
static uint32_t get_records(int fd, uint32_t most)
{
    struct record r;
    uint32_t n = 0;
    for (; n < most && read(fd, &r, sizeof r) == sizeof r; n++) note(&r);
    return n;
}

static pid_t writer_of(int p[2], uint32_t writer, uint32_t n)
{
    pid_t pid = fork();
    if (pid) return pid;
    close(p[0]);
    put_records(p[1], writer, 0, n);
    _exit(0);
}

// Each record of the first `writers` once, and nothing else.
static int all_once(unsigned writers)
{
    for (unsigned w = 0; w < WRITERS; w++)
        for (unsigned i = 0; i < RECORDS; i++)
            if (board->seen[w][i] != (w < writers)) return 0;
    return board->torn == 0;
}

static int status_of(pid_t pid)
{
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

static void one_each(int p[2])
{
    writer_of(p, 0, RECORDS);
    close(p[1]);
    SAY(get_records(p[0], ~0u) == RECORDS);
    SAY(all_once(1));
}

static void second_reader(int p[2])
{
    writer_of(p, 0, RECORDS);
    close(p[1]);
    get_records(p[0], RECORDS / 3);
    pid_t other = fork();
    if (other == 0) _exit(get_records(p[0], RECORDS / 6) != RECORDS / 6);
    get_records(p[0], RECORDS / 6);
    SAY(status_of(other) == 0);
    get_records(p[0], ~0u);
    SAY(all_once(1));
}

static void readers_come_and_go(int p[2])
{
    writer_of(p, 0, RECORDS);
    close(p[1]);
    for (unsigned i = 0; i < 20; i++) {
        get_records(p[0], 150);
        pid_t other = fork();
        if (other == 0) _exit(get_records(p[0], 50) != 50);
        if (i % 2) status_of(other);
    }
    get_records(p[0], ~0u);
    while (wait(NULL) > 0) continue;
    SAY(all_once(1));
}

static void second_writer(int p[2])
{
    pid_t pid = fork();
    if (pid == 0) {
        close(p[0]);
        put_records(p[1], 0, 0, RECORDS / 2);
        pid_t other = fork();
        put_records(p[1], other == 0, other == 0 ? 0 : RECORDS / 2, RECORDS);
        if (other) wait(NULL);
        _exit(0);
    }
    close(p[1]);
    get_records(p[0], ~0u);
    SAY(all_once(2));
}

static void four_writers(int p[2])
{
    for (unsigned w = 0; w < WRITERS; w++) writer_of(p, w, RECORDS);
    close(p[1]);
    get_records(p[0], ~0u);
    SAY(all_once(WRITERS));
}

static void writer_killed(int p[2])
{
    pid_t pid = writer_of(p, 0, RECORDS);
    close(p[1]);
    get_records(p[0], 1000);
    kill(pid, SIGKILL);
    uint32_t n = 1000 + get_records(p[0], ~0u), i = 0;
    while (i < n && board->seen[0][i] == 1) i++;
    SAY(n >= 1000 && i == n && board->n == n);
    int status = status_of(pid);
    SAY(status == 0 || WTERMSIG(status) == SIGKILL);
}

static void reader_killed(int p[2])
{
    signal(SIGPIPE, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0) {
        close(p[1]);
        get_records(p[0], ~0u);
        _exit(0);
    }
    close(p[0]);
    put_records(p[1], 0, 0, 1000);
    kill(pid, SIGKILL);
    struct record r = {0, 0};
    ssize_t n;
    while ((n = write(p[1], &r, sizeof r)) == sizeof r) continue;
    SAY(n == -1 && errno == EPIPE);
    signal(SIGPIPE, SIG_DFL);
    pid = fork();
    if (pid == 0) {
        for (;;) (void)!write(p[1], &r, sizeof r);
    }
    SAY(WTERMSIG(status_of(pid)) == SIGPIPE);
}

// A writer that sleeps in a full pipe hears that the reader has died.
static void reader_killed_while_full(int p[2])
{
    signal(SIGPIPE, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0) {
        get_records(p[0], 100);
        kill(getpid(), SIGSTOP);
        _exit(0);
    }
    close(p[0]);
    pid_t killer = fork();
    if (killer == 0) {
        while (!board->go) usleep(1000);
        usleep(50000);
        kill(pid, SIGKILL);
        _exit(0);
    }
    struct record r = {0, 0};
    uint32_t n = 0;
    for (; write(p[1], &r, sizeof r) == sizeof r; n++) board->go = n > 200;
    SAY(errno == EPIPE && n >= 100);
    status_of(killer);
}

// Messages of PIPE_BUF bytes are not mixed.
static void atomic_writes(int p[2])
{
    static unsigned char message[4096];
    for (unsigned w = 1; w <= 2; w++)
        if (fork() == 0) {
            memset(message, (int)w, sizeof message);
            for (unsigned i = 0; i < 200; i++)
                if (write(p[1], message, sizeof message) != sizeof message) _exit(1);
            _exit(0);
        }
    close(p[1]);
    unsigned counts[3] = {0}, torn = 0;
    for (size_t got = 0;; got = 0) {
        for (ssize_t n; got < sizeof message &&
                        (n = read(p[0], message + got, 777 < sizeof message - got ? 777 : sizeof message - got)) > 0;)
            got += (size_t)n;
        if (got == 0) break;
        for (size_t i = 0; i < got; i++) torn += message[i] != message[0];
        counts[message[0] % 3]++;
    }
    SAY(counts[1] == 200 && counts[2] == 200 && torn == 0);
}

static void big_pieces(int p[2])
{
    static unsigned char bytes[200000], back[300000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 7 + i / 251);
    if (fork() == 0) {
        for (unsigned i = 0; i < 20; i++)
            if (write(p[1], bytes, sizeof bytes) != sizeof bytes) _exit(1);
        _exit(0);
    }
    close(p[1]);
    size_t at = 0, wrong = 0;
    for (ssize_t n, k = 1; (n = read(p[0], back, (size_t)(k = k * 5 % 299993 + 1))) > 0;)
        for (ssize_t i = 0; i < n; i++, at++) wrong += back[i] != bytes[at % sizeof bytes];
    SAY(at == 20 * sizeof bytes && wrong == 0);
}

static void full_and_empty(int p[2])
{
    char byte = 0, page[4096] = {0};
    long n = 0;
    for (int round = 0; round < 3; round++) {
        fcntl(p[0], F_SETFL, O_NONBLOCK);
        fcntl(p[1], F_SETFL, O_NONBLOCK);
        while (read(p[0], &byte, 1) == 1) continue;
        SAY(errno == EAGAIN);
        for (n = 0; write(p[1], page, sizeof page) == sizeof page; n++) continue;
        printf("pages %ld, errno %s\n", n, errno == EAGAIN ? "EAGAIN" : "other");
        int level = 0;
        ioctl(p[0], FIONREAD, &level);
        struct pollfd f[2] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}};
        printf("level %d, ready %d:", level, poll(f, 2, 0));
        printf(" %x %x\n", (unsigned)f[0].revents, (unsigned)f[1].revents);
        SAY(read(p[0], page, sizeof page) == sizeof page);
        SAY(poll(f, 2, 0) == 2 && f[1].revents == POLLOUT);
        for (n = 1; read(p[0], page, sizeof page) == sizeof page; n++) continue;
        printf("pages %ld, ready %d\n", n, poll(f, 1, 0));
    }
    SAY(write(p[1], &byte, 0) == 0);
    SAY(read(p[0], &byte, 0) == 0);
    close(p[1]);
    SAY(read(p[0], &byte, 1) == 0);
    struct pollfd f = {p[0], POLLIN, 0};
    SAY(poll(&f, 1, 0) == 1 && f.revents == POLLHUP);
}

// Both sides wait in poll or select for each turn.
static void polled(int p[2])
{
    int back[2], turns = 0;
    char byte = 0;
    if (pipe(back)) exit(99);
    if (fork() == 0) {
        for (int i = 0; i < 500; i++) {
            struct pollfd f = {p[0], POLLIN, 0};
            if (poll(&f, 1, -1) != 1 || read(p[0], &byte, 1) != 1) _exit(1);
            fd_set w;
            FD_ZERO(&w);
            FD_SET(back[1], &w);
            if (select(back[1] + 1, NULL, &w, NULL, NULL) != 1 || write(back[1], &byte, 1) != 1) _exit(1);
        }
        _exit(0);
    }
    for (; turns < 500; turns++) {
        fd_set r;
        FD_ZERO(&r);
        FD_SET(back[0], &r);
        FD_SET(0, &r);
        FD_CLR(0, &r);
        if (write(p[1], &byte, 1) != 1) break;
        if (select(back[0] + 1, &r, NULL, NULL, NULL) != 1 || read(back[0], &byte, 1) != 1) break;
    }
    SAY(turns == 500);
    struct pollfd f = {back[0], POLLIN, 0};
    close(back[1]);
    SAY(poll(&f, 1, -1) == 1 && f.revents == POLLHUP);
}

static void *read_in_thread(void *fd) { return (void *)(uintptr_t)get_records((int)(intptr_t)fd, ~0u); }

static void threads(int p[2])
{
    pthread_t t[3];
    writer_of(p, 0, RECORDS);
    close(p[1]);
    get_records(p[0], 100);
    uintptr_t sum = 100;
    for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, read_in_thread, (void *)(intptr_t)p[0]);
    for (int i = 0; i < 3; i++) {
        void *n;
        pthread_join(t[i], &n);
        sum += (uintptr_t)n;
    }
    SAY(sum == RECORDS);
    SAY(all_once(1));
}

static void within_one_process(int p[2])
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        put_records(p[1], 0, i, i + 1);
        get_records(p[0], 1);
    }
    SAY(all_once(1));
}

static void forked_in_the_middle(int p[2])
{
    put_records(p[1], 0, 0, 100);
    get_records(p[0], 50);
    for (uint32_t i = 100; i < RECORDS; i++) {
        put_records(p[1], 0, i, i + 1);
        if (i % 500) {
            get_records(p[0], 1);
            continue;
        }
        pid_t pid = fork();
        if (pid == 0) _exit(get_records(p[0], 1) != 1);
        status_of(pid);
    }
    get_records(p[0], 50);
    SAY(all_once(1));
}

// The program that goes on after exec.
static int exec_half(const char *fd)
{
    put_records(atoi(fd), 0, RECORDS / 2, RECORDS);
    return 0;
}

static void exec_in_the_middle(int p[2])
{
    if (fork() == 0) {
        char fd[12];
        snprintf(fd, sizeof fd, "%d", p[1]);
        put_records(p[1], 0, 0, RECORDS / 2);
        execl(own_path, own_path, "--exec-half", fd, NULL);
        _exit(127);
    }
    close(p[1]);
    get_records(p[0], ~0u);
    SAY(all_once(1));
}

static volatile sig_atomic_t alarms;

static void count_alarm(int signal)
{
    (void)signal;
    alarms++;
}

static void interrupted(int p[2])
{
    struct sigaction action = {.sa_handler = count_alarm};
    char byte = 0;
    for (int i = 0; i < 100; i++) (void)!(write(p[1], &byte, 1) == 1 && read(p[0], &byte, 1) == 1);
    sigaction(SIGALRM, &action, NULL);
    ualarm(20000, 0);
    SAY(read(p[0], &byte, 1) == -1 && errno == EINTR && alarms == 1);
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    ualarm(20000, 0);
    if (fork() == 0) {
        usleep(60000);
        (void)!write(p[1], "x", 1);
        _exit(0);
    }
    SAY(read(p[0], &byte, 1) == 1 && byte == 'x' && alarms == 2);
}

static void bad_addresses(int p[2])
{
    char byte = 7;
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
    for (int i = 0; i < 100; i++) (void)!(write(p[1], &byte, 1) == 1 && read(p[0], &byte, 1) == 1);
    SAY(write(p[1], &byte, 1) == 1);
    SAY(read(p[0], (char *)8, 1) == -1 && errno == EFAULT);
    byte = 0;
    SAY(read(p[0], &byte, 1) == 1 && byte == 7);
    SAY(write(p[1], page + 4096, 10) == -1 && errno == EFAULT);
    SAY(write(p[1], (char *)-4096, 10) == -1 && errno == EFAULT);
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    SAY(read(p[0], &byte, 1) == -1 && errno == EAGAIN);
}

static void fifo_opened_again(int p[2])
{
    (void)p;
    mkfifo("f", 0600);
    for (uint32_t round = 0; round < 3; round++) {
        if (fork() == 0) {
            int fd = open("f", O_WRONLY);
            put_records(fd, round, 0, RECORDS);
            _exit(0);
        }
        int fd = open("f", O_RDONLY);
        SAY(get_records(fd, ~0u) == RECORDS);
        close(fd);
    }
    SAY(all_once(3));
}

// The reader keeps it open; writers come one after the other.
static void fifo_of_many_writers(int p[2])
{
    struct record r;
    (void)p;
    mkfifo("f", 0600);
    int fd = open("f", O_RDONLY | O_NONBLOCK);
    SAY(read(fd, &r, sizeof r) == 0);
    struct pollfd f = {fd, POLLIN, 0};
    SAY(poll(&f, 1, 0) == 0);
    for (uint32_t w = 0; w < 3; w++) {
        pid_t pid = fork();
        if (pid == 0) {
            int to = open("f", O_WRONLY);
            put_records(to, w, 0, RECORDS);
            _exit(0);
        }
        while (board->n < (w + 1) * RECORDS && poll(&f, 1, -1) == 1)
            if (read(fd, &r, sizeof r) == sizeof r) note(&r);
        status_of(pid);
        SAY(poll(&f, 1, 0) == 1 && f.revents == POLLHUP && read(fd, &r, sizeof r) == 0);
    }
    SAY(all_once(3));
}

static sigjmp_buf after_fault;

static void skip(int signal)
{
    (void)signal;
    siglongjmp(after_fault, 1);
}

// Store into the first words of every page of the range that lets it.
static void scribble(uint64_t from, uint64_t to, uint64_t value)
{
    for (uint64_t at = from; at < to; at += 4096)
        if (!sigsetjmp(after_fault, 1)) {
            *(volatile uint64_t *)at = value;
            *(volatile uint64_t *)(at + 8) = ~value;
        }
}

// What a library of the system may have mapped into the process, a program can spoil; but for itself alone. The range
// is where Bulkhead shares memory between the ends of a pipe; on Linux nothing is there.
static void spoil(int p[2], int end, uint64_t value)
{
    char byte = 0;
    struct sigaction action = {.sa_handler = skip};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    alarm(1);
    close(p[!end]);
    for (int i = 0; i < 100; i++) (void)!(end ? write(p[1], &byte, 1) : read(p[0], &byte, 1));
    scribble(0x7f8080100000, 0x7f80801c0000, value);
    for (int i = 0; i < 100; i++) (void)!(end ? write(p[1], &byte, 1) : read(p[0], &byte, 1));
    _exit(0);
}

static void spoilt_by_writer(int p[2])
{
    static const uint64_t values[] = {0, 1, 100, 65536, 1ull << 40, ~0ull, 0x8000000000000000, 4097};
    char byte;
    signal(SIGCHLD, SIG_DFL);
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
        int q[2];
        if (pipe(q)) exit(99);
        pid_t pid = fork();
        if (pid == 0) spoil(q, 1, values[i]);
        close(q[1]);
        long n = 0;
        while (n < 100000 && read(q[0], &byte, 1) == 1) n++;
        close(q[0]);
        status_of(pid);
    }
    one_each(p);
}

static void spoilt_by_reader(int p[2])
{
    static const uint64_t values[] = {0, 1, 100, 65536, 1ull << 40, ~0ull, 0x8000000000000000, 4097};
    char byte = 0;
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
        int q[2];
        if (pipe(q)) exit(99);
        pid_t pid = fork();
        if (pid == 0) spoil(q, 0, values[i]);
        close(q[0]);
        long n = 0;
        while (n < 100000 && write(q[1], &byte, 1) == 1) n++;
        close(q[1]);
        status_of(pid);
    }
    one_each(p);
}

static const struct {
    const char *name;
    void (*run)(int p[2]);
} cases[] = {
    {"one-each", one_each},
    {"second-reader", second_reader},
    {"readers-come-and-go", readers_come_and_go},
    {"second-writer", second_writer},
    {"four-writers", four_writers},
    {"writer-killed", writer_killed},
    {"reader-killed", reader_killed},
    {"reader-killed-while-full", reader_killed_while_full},
    {"atomic-writes", atomic_writes},
    {"big-pieces", big_pieces},
    {"full-and-empty", full_and_empty},
    {"polled", polled},
    {"threads", threads},
    {"within-one-process", within_one_process},
    {"forked-in-the-middle", forked_in_the_middle},
    {"exec-in-the-middle", exec_in_the_middle},
    {"interrupted", interrupted},
    {"bad-addresses", bad_addresses},
    {"fifo-opened-again", fifo_opened_again},
    {"fifo-of-many-writers", fifo_of_many_writers},
    {"spoilt-by-writer", spoilt_by_writer},
    {"spoilt-by-reader", spoilt_by_reader},
};

int main(int argc, char **argv)
{
    int p[2];
    own_path = "/proc/self/exe";
    if (argc == 3 && strcmp(argv[1], "--exec-half") == 0) return exec_half(argv[2]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++)
        for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++)
            if (strcmp(argv[i], cases[k].name) == 0) {
                start(p);
                cases[k].run(p);
            }
    return 0;
}
