// SPDX-License-Identifier: MIT
// What every.sh cannot ask for by a command: requests on open files, terminals, clocks and processes. Each line printed says
// what came of one; it is the same each time.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define SAY(call) say(#call, (long)(call))

static void say(const char *call, long result)
{
    printf("%s: %ld\n", call, result < 0 ? -(long)errno : (long)(result > 0));
}
#define SMALL 10000
#define BIG (1 << 20)

static void files(void)
{
    static char bytes[BIG];
    struct statfs space;
    int fd = open("every.file", O_RDWR | O_CREAT | O_TRUNC, 0644);
    struct pollfd ready = {fd, POLLIN | POLLOUT, 0};
    struct flock lock = {.l_type = F_WRLCK, .l_len = 10};
    memset(bytes, 'x', sizeof bytes);
    SAY(write(fd, bytes, SMALL));
    SAY(ftruncate(fd, 3 * SMALL));
    SAY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096));
    SAY(lseek(fd, 0, SEEK_HOLE));
    SAY(fchmod(fd, 0600));
    SAY(fchown(fd, 7, 8));
    SAY(futimens(fd, NULL));
    SAY(fstatfs(fd, &space));
    SAY(fsync(fd));
    SAY(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
    SAY(fcntl(fd, F_GETFL) & O_APPEND);
    SAY(poll(&ready, 1, 0));
    SAY(flock(fd, LOCK_EX));
    SAY(flock(fd, LOCK_UN));
    SAY(fcntl(fd, F_SETLK, &lock));
    SAY(fcntl(fd, F_GETLK, &lock));
    SAY(truncate("every.file", BIG));
    for (int i = 0; i < 4; i++) SAY(pread(fd, bytes, sizeof bytes, 0) == BIG);
    SAY(faccessat(AT_FDCWD, "every.file", W_OK, 0));
    SAY(close(fd));
    SAY(unlink("every.file"));
    SAY(mkdir("every.mount", 0755));
    SAY(mount("proc", "every.mount", "proc", 0, NULL));
    SAY(access("every.mount/self/stat", R_OK));
    SAY(umount("every.mount"));
    SAY(rmdir("every.mount"));
}

static void proc_files(void)
{
    char text[256];
    struct stat status;
    struct statfs space;
    int fd = open("/proc/self/status", O_RDONLY);
    struct pollfd ready = {fd, POLLIN, 0};
    SAY(fstat(fd, &status));
    SAY(lseek(fd, 10, SEEK_SET));
    SAY(read(fd, text, sizeof text) > 0);
    SAY(poll(&ready, 1, 0));
    SAY(ioctl(fd, FIONREAD, &ready.revents));
    SAY(fchmod(fd, 0777));
    SAY(fstatfs(fd, &space));
    SAY(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
    SAY(fcntl(fd, F_SETFL, O_NONBLOCK));
    SAY(readlink("/proc/self", text, sizeof text) > 0);
    SAY(readlink("/proc/self/exe", text, sizeof text) > 0);
    SAY(readlink("/proc/self/root", text, sizeof text));
    SAY(access("/proc/self/maps", R_OK));
    SAY(statfs("/proc", &space));
    SAY(chmod("/proc/uptime", 0777));
    SAY(close(fd));
}

static void nothing(int signal) { (void)signal; }

static void processes(void)
{
    struct rusage usage;
    struct itimerval timer = {{0, 0}, {100, 0}};
    char name[65] = "";
    int status;
    SAY(getsid(1));
    SAY(getrusage(RUSAGE_SELF, &usage));
    SAY(getrusage(RUSAGE_CHILDREN, &usage));
    SAY(setitimer(ITIMER_REAL, &timer, NULL));
    SAY(getitimer(ITIMER_REAL, &timer));
    SAY(timer.it_value.tv_sec > 90);
    SAY(alarm(0));
    signal(SIGUSR1, nothing);
    SAY(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 5}));
    SAY(raise(SIGUSR1));
    SAY(gethostname(name, sizeof name));
    SAY(sethostname(name, strlen(name)));
    SAY(getdomainname(name, sizeof name));
    SAY(setdomainname(name, strlen(name)));
    pid_t child = fork();
    if (child == 0)
        for (;;) pause();
    SAY(kill(child, SIGSTOP));
    SAY(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    SAY(kill(child, SIGCONT));
    SAY(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
    SAY(kill(child, SIGKILL));
    SAY(waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGKILL);
}

// In a session of its own, whose terminal this is. Told by its exit status.
static void owner(int slave)
{
    char line[16];
    setsid();
    if (ioctl(slave, TIOCSCTTY, 0) != 0 || tcgetsid(slave) != getpid() || tcgetpgrp(slave) != getpid()) _exit(1);
    signal(SIGTTOU, SIG_IGN);
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        read(slave, line, sizeof line);  // in the background: SIGTTIN
        _exit(2);
    }
    int status;
    if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTTIN) _exit(3);
    if (tcsetpgrp(slave, child) != 0 || tcgetpgrp(slave) != child || kill(child, SIGCONT) != 0) _exit(4);
    if (write(slave, "ready\n", 6) != 6) _exit(5);
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status) || WTERMSIG(status) != SIGINT) _exit(6);
    if (tcsetpgrp(slave, getpid()) != 0) _exit(7);
    write(slave, "waits\n", 6);
    for (;;) pause();  // for the hang-up
}

static void until(int master, char last)
{
    for (char got = 0; got != last && read(master, &got, 1) == 1;) {}
}

static void terminals(void)
{
    char text[64];
    int master, slave, n = 0, off = 0, status;
    if (openpty(&master, &slave, NULL, NULL, NULL) != 0) {
        perror("openpty");
        return;
    }
    SAY(ioctl(master, TIOCGPTN, &n));
    SAY(ioctl(master, TIOCGPTLCK, &n));
    SAY(ioctl(master, TIOCSPTLCK, &off));
    SAY(ioctl(slave, TIOCGDEV, &n));
    SAY(ioctl(slave, TIOCEXCL));
    SAY(ioctl(slave, TIOCGEXCL, &n));
    SAY(ioctl(slave, TIOCNXCL));
    SAY(ioctl(slave, TIOCGETD, &n));
    SAY(ioctl(slave, TIOCSETD, &n));
    SAY(write(slave, "output", 6));
    SAY(ioctl(slave, TIOCOUTQ, &n));
    SAY(tcflow(slave, TCOOFF));
    SAY(tcflow(slave, TCOON));
    SAY(tcflush(slave, TCIOFLUSH));
    SAY(tcsendbreak(slave, 0));
    SAY(write(master, "a line\n", 7));
    SAY(ioctl(slave, FIONREAD, &n));
    SAY(read(slave, text, sizeof text));
    SAY(fcntl(slave, F_SETFL, O_NONBLOCK));
    SAY(read(slave, text, sizeof text));
    SAY(fcntl(slave, F_SETFL, 0));
    SAY(tcflush(slave, TCIOFLUSH));
    pid_t child = fork();
    if (child == 0) {
        close(master);
        owner(slave);
    }
    until(master, 'y');  // "ready"
    SAY(write(master, "\x03", 1));
    until(master, 'w');  // "waits"
    SAY(close(master));
    SAY(waitpid(child, &status, 0) == child);
    printf("owner: %x\n", status);
    SAY(write(slave, "x", 1));
    SAY(close(slave));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    files();
    proc_files();
    processes();
    terminals();
}
