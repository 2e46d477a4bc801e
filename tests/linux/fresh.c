// SPDX-License-Identifier: MIT
// What a process that has looked often sees when another one changes something: never what was.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_file;

static void show(const char *name, int result, const struct stat *s)
{
    if (result < 0) {
        printf("%s: %s\n", name, strerror(errno));
        return;
    }
    printf("%s: mode %o links %lu owner %u.%u size %ld ", name, s->st_mode, (unsigned long)s->st_nlink, s->st_uid,
           s->st_gid, S_ISDIR(s->st_mode) ? 0 : (long)s->st_size);
    if (s->st_mtime < 1000000100)
        printf("modified %ld\n", (long)s->st_mtime - 1000000000);
    else
        printf("modified now\n");
}

// All the questions, ten times, so that they are remembered where that is done; the last answers are shown.
static void look(const char *when)
{
    static const char *const names[] = {"d/e/f", "d/e/missing", "d/link", "d", "d/e/../e/f", "d/e/f/x"};
    struct stat s;
    int result = 0;
    printf("-- %s\n", when);
    for (int round = 0; round < 10; round++) {
        for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
            result = stat(names[i], &s);
            if (round == 9) show(names[i], result, &s);
        }
        result = lstat("d/link", &s);
        if (round == 9) show("the link", result, &s);
        result = fstat(open_file, &s);
        if (round == 9) show("the open file", result, &s);
        result = access("d/e/f", W_OK);
        if (round == 9) printf("access: %s\n", result < 0 ? strerror(errno) : "granted");
        result = faccessat(AT_FDCWD, "d/e/f", R_OK, AT_EACCESS);
        if (round == 9) printf("effective access: %s\n", result < 0 ? strerror(errno) : "granted");
    }
}

// Another process does it.
static void other(const char *what)
{
    fflush(stdout);
    pid_t child = fork();
    if (!child) execlp("sh", "sh", "-c", what, NULL);
    waitpid(child, NULL, 0);
    look(what);
}

static void check_names(void)
{
    other("rm d/e/f");
    other("echo another > d/e/f; touch -d @1000000007 d/e/f");
    other("mv d/e d/g; mkdir d/e");
    other("rmdir d/e; mv d/g d/e");
    other("echo there > d/e/missing; touch -d @1000000008 d/e/missing");
    other("mv d/e/missing d/e/f");
    other("ln d/e/f d/second");
    other("ln -sf e/second d/link; mv d/second d/e/second");
    other("mv d c; mkdir d; chmod 700 d");
    other("rmdir d; mv c d");
    other("rm -r d/e");
}

static void check_attributes(void)
{
    other("chmod 600 d/e/f");
    other("chown 7:8 d/e/f");
    other("touch -d @1000000042 d/e/f");
    other("echo more >> d/e/f; touch -d @1000000043 d/e/f");
    other("truncate -s 1 d/e/f; touch -d @1000000044 d/e/f");
    other("touch -h -d @1000000045 d/link");
    other("chmod 0 d/e");
    other("chmod 755 d/e; chown 7:8 d");
}

static void check_credentials(void)
{
    chmod("d/e", 0700);
    look("root");
    setfsuid(1000);
    look("another file system id");
    setfsuid(0);
    look("root again");
    chdir("d");
    look("inside, where nothing has these names");
    chdir("..");
    if (chroot("d") == 0 && chdir("/") == 0) look("below another root");
    if (setgroups(0, NULL) || setgid(1000) || setuid(1000)) return;
    look("root no more");
}

// --- names asked about one after the other, of which the next ones may be known before they are asked about

#define IN_ORDER 160

// What happens, by another process, to names that come a little later.
static void change_next(unsigned i)
{
    static const char *const what[] = {
        "chmod 600 d/%03u",
        "rm d/%03u",
        "rm d/%03u; mkdir d/%03u",
        "echo more >>d/%03u; touch -d @1000000005 d/%03u",
        "mv d/%03u d/away; mv d/away d/e/%03u",
        "rm d/%03u; ln -s e d/%03u",
        "chown 7:8 d/%03u",
        "mv d x; mkdir d; cp -a x/%03u d",
        "rm -r d; mv x d; touch -d @1000000006 d d/%03u",
        "chmod 700 d; touch -d @1000000007 d/%03u",
    };
    char command[100];
    unsigned next = i + 2 + i % 3;
    snprintf(command, sizeof command, what[i / 7 % (sizeof what / sizeof *what)], next, next);
    fflush(stdout);
    pid_t child = fork();
    if (!child) execlp("sh", "sh", "-c", command, NULL);
    waitpid(child, NULL, 0);
    printf("-- %s\n", command);
}

static void look_in_order(int directory, const char *prefix, int flags)
{
    struct stat s;
    char name[32];
    for (unsigned i = 0; i < IN_ORDER; i++) {
        snprintf(name, sizeof name, "%s%03u", prefix, i);
        show(name, fstatat(directory, name, &s, flags), &s);
        if (i % 7 == 6) change_next(i);
    }
}

static void make_in_order(void)
{
    system(
        "rm -rf d x; mkdir -p d/e; i=0; while [ $i -lt 160 ]; do n=$(printf %03u $i); [ $((i % 10)) = 9 ] && "
        "ln -s e d/$n || echo $i >d/$n; i=$((i + 1)); done; touch -h -d @1000000001 d/* d/e d");
}

static void check_order(void)
{
    make_in_order();
    look_in_order(AT_FDCWD, "d/", AT_SYMLINK_NOFOLLOW);
    make_in_order();
    look_in_order(AT_FDCWD, "./d/e/../", 0);
    make_in_order();
    look_in_order(open("d", O_RDONLY | O_DIRECTORY), "", AT_SYMLINK_NOFOLLOW);
    make_in_order();
    chmod("d", 0711);
    if (setgid(1000) || setuid(1000)) return;
    look_in_order(AT_FDCWD, "d/", AT_SYMLINK_NOFOLLOW);
}

int main(int n, char **v)
{
    if (n != 2) return 1;
    setvbuf(stdout, 0, _IOLBF, 0);
    if (strcmp(v[1], "order") == 0) return check_order(), 0;
    system(
        "mkdir -p d/e; echo text > d/e/f; ln -s e/f d/link; touch -d @1000000001 d/e/f d d/e; touch -h -d @1000000002 "
        "d/link");
    open_file = open("d/e/f", O_RDONLY);
    look("at first");
    if (strcmp(v[1], "names") == 0) check_names();
    if (strcmp(v[1], "attributes") == 0) check_attributes();
    if (strcmp(v[1], "credentials") == 0) check_credentials();
    return 0;
}
