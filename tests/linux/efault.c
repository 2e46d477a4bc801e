// SPDX-License-Identifier: MIT
// Hands bad pointers to system calls: every pointer argument in turn is null, low, unmapped, just behind a mapped page,
// in the kernel's half, non-canonical, and (where the call writes) read-only memory. Prints what each call returned.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Argument letters: r pointer that is read, w pointer that is written, s a good path, x that of an executable text, d a buffer, otherwise a number:
// f the file, p the pipe, c AT_FDCWD, 0..9 itself, k 4096, t SIGTERM, - minus one.
static const struct {
    const char *name;
    long number;
    const char *arguments;
} calls[] = {
    {"read", SYS_read, "fwk"},
    {"write", SYS_write, "frk"},
    {"write_pipe", SYS_write, "pr8"},
    {"pread64", SYS_pread64, "fwk0"},
    {"pwrite64", SYS_pwrite64, "frk0"},
    {"readv", SYS_readv, "fr1"},
    {"writev", SYS_writev, "fr1"},
    {"open", SYS_open, "r00"},
    {"openat", SYS_openat, "cr00"},
    {"stat", SYS_stat, "sw"},
    {"stat_path", SYS_stat, "rd"},
    {"lstat", SYS_lstat, "sw"},
    {"fstat", SYS_fstat, "fw"},
    {"newfstatat", SYS_newfstatat, "csw0"},
    {"newfstatat_path", SYS_newfstatat, "crd0"},
    {"access", SYS_access, "r0"},
    {"chdir", SYS_chdir, "r"},
    {"chmod", SYS_chmod, "r0"},
    {"chown", SYS_chown, "r00"},
    {"mkdir", SYS_mkdir, "r0"},
    {"rmdir", SYS_rmdir, "r"},
    {"unlink", SYS_unlink, "r"},
    {"rename_old", SYS_rename, "rs"},
    {"rename_new", SYS_rename, "sr"},
    {"link_old", SYS_link, "rs"},
    {"link_new", SYS_link, "sr"},
    {"symlink_target", SYS_symlink, "rs"},
    {"symlink_path", SYS_symlink, "sr"},
    {"readlink_path", SYS_readlink, "rdk"},
    {"truncate", SYS_truncate, "r0"},
    {"getcwd", SYS_getcwd, "wk"},
    {"getdents64", SYS_getdents64, "Dwk"},
    {"pipe", SYS_pipe, "w"},
    {"pipe2", SYS_pipe2, "w0"},
    {"poll", SYS_poll, "w10"},
    {"select", SYS_select, "8w00d"},
    {"uname", SYS_uname, "w"},
    {"sysinfo", SYS_sysinfo, "w"},
    {"gettimeofday", SYS_gettimeofday, "w0"},
    {"clock_gettime", SYS_clock_gettime, "1w"},
    {"clock_getres", SYS_clock_getres, "1w"},
    {"nanosleep", SYS_nanosleep, "r0"},
    {"times", SYS_times, "w"},
    {"getrusage", SYS_getrusage, "0w"},
    {"getrlimit", SYS_getrlimit, "7w"},
    {"setrlimit", SYS_setrlimit, "7r"},
    {"prlimit64_new", SYS_prlimit64, "07r0"},
    {"prlimit64_old", SYS_prlimit64, "070w"},
    {"rt_sigaction_new", SYS_rt_sigaction, "tr08"},
    {"rt_sigaction_old", SYS_rt_sigaction, "t0w8"},
    {"rt_sigprocmask_new", SYS_rt_sigprocmask, "0r08"},
    {"rt_sigprocmask_old", SYS_rt_sigprocmask, "00w8"},
    {"rt_sigpending", SYS_rt_sigpending, "w8"},
    {"rt_sigsuspend", SYS_rt_sigsuspend, "r8"},
    {"sigaltstack_new", SYS_sigaltstack, "r0"},
    {"sigaltstack_old", SYS_sigaltstack, "0w"},
    {"setitimer_new", SYS_setitimer, "0r0"},
    {"getitimer", SYS_getitimer, "0w"},
    {"getgroups", SYS_getgroups, "kw"},
    {"getresuid", SYS_getresuid, "wdd"},
    {"getresgid", SYS_getresgid, "dwd"},
    {"utimensat_path", SYS_utimensat, "cr00"},
    {"utimensat_times", SYS_utimensat, "csr0"},
    {"statfs", SYS_statfs, "sw"},
    {"fstatfs", SYS_fstatfs, "fw"},
    {"execve_path", SYS_execve, "r00"},
    {"execve_argv", SYS_execve, "xr0"},
    {"execve_envp", SYS_execve, "x0r"},
    {"wait4_none", SYS_wait4, "-w10"},
    {"getrandom", SYS_getrandom, "wk0"},
    {"ioctl_tcgets", SYS_ioctl, "fTw"},
    {"mknod", SYS_mknod, "r00"},
    {"sendfile_offset", SYS_sendfile, "pfw8"},
    {"ftruncate_none", SYS_ftruncate, "f-"},
};

static char buffer[8192];

static long value_of(char letter, int file, int pipe_end, int directory)
{
    switch (letter) {
    case 'f': return file;
    case 'p': return pipe_end;
    case 'D': return directory;
    case 'c': return AT_FDCWD;
    case 's': return (long)"./a-file";
    case 'x': return (long)"./a-text";
    case 'd': return (long)buffer;
    case 'k': return 4096;
    case 't': return 15;
    case 'T': return 0x5401;
    case '-': return -1;
    default: return letter - '0';
    }
}

int main(void)
{
    int ends[2];
    int file = open("a-file", O_RDWR | O_CREAT | O_TRUNC, 0755);
    int text = open("a-text", O_WRONLY | O_CREAT | O_TRUNC, 0755);
    if (text < 0 || write(text, "text\n", 5) != 5 || close(text) != 0) return 2;
    int directory = open(".", O_RDONLY | O_DIRECTORY);
    if (file < 0 || directory < 0 || pipe(ends) != 0 || write(file, buffer, 8192) != 8192) return 2;
    char *mapped =
        mmap((void *)0x400000000, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    munmap(mapped + 4096, 4096);
    memset(mapped, 'x', 4096);
    const char *read_only = mmap((void *)0x410000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    const struct {
        const char *name;
        uint64_t address;
    } pointers[] = {{"null", 0},
                    {"one", 1},
                    {"unmapped", 0x420000000},
                    {"straddles", (uint64_t)mapped + 4095},
                    {"kernel", 0xffffffff80000000},
                    {"direct", 0xffff888000000000},
                    {"noncanonical", 0x8000000000000000},
                    {"user_end", 0x7ffffffff000},
                    {"last", ~0ull},
                    {"read_only", (uint64_t)read_only}};
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        printf("%s:", calls[c].name);
        for (size_t p = 0; p < sizeof pointers / sizeof *pointers; p++) {
            long a[6] = {0};
            int writes = strchr(calls[c].arguments, 'w') != 0;
            if (!writes && strcmp(pointers[p].name, "read_only") == 0) continue;
            for (int i = 0; calls[c].arguments[i]; i++) {
                char letter = calls[c].arguments[i];
                a[i] = letter == 'r' || letter == 'w' ? (long)pointers[p].address
                                                      : value_of(letter, file, ends[1], directory);
            }
            lseek(file, 0, SEEK_SET);
            lseek(directory, 0, SEEK_SET);
            fflush(stdout);
            errno = 0;
            long result = syscall(calls[c].number, a[0], a[1], a[2], a[3], a[4], a[5]);
            if (result >= 0)
                printf(" %s=ok", pointers[p].name);
            else
                printf(" %s=%s", pointers[p].name, strerrorname_np(errno));
        }
        printf("\n");
    }
    unlink("a-file");
    unlink("a-text");
    return 0;
}
