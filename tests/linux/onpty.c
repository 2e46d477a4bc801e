// SPDX-License-Identifier: MIT
// onpty COMMAND ARG...: runs a command on a pseudo-terminal of 30 rows and 100 columns that is its controlling terminal. What
// the terminal shows goes to standard output. Standard input is what a person does, in lines: "< TEXT" waits until TEXT is shown,
// "> TEXT" types it, with \n, \r and \nnn as in C. The exit status is the command's, 128 + n when signal n ended it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static char shown[1 << 16];  // since the last wait, 0-terminated
static size_t n_shown;

static void die(const char *what)
{
    perror(what);
    exit(125);
}

// Show what comes next; 0 when nobody has the terminal open any more.
static int show(int terminal)
{
    char *to = shown + n_shown;
    ssize_t n = read(terminal, to, sizeof shown - 1 - n_shown);
    if (n <= 0) return 0;
    if (write(1, to, (size_t)n) != n) die("standard output");
    n_shown += (size_t)n;
    shown[n_shown] = 0;
    return 1;
}

static void wait_for(int terminal, const char *text)
{
    char *found;
    while (!(found = memmem(shown, n_shown, text, strlen(text))))
        if (!show(terminal)) {
            fprintf(stderr, "onpty: \"%s\" was never shown\n", text);
            return;
        }
    size_t used = (size_t)(found - shown) + strlen(text);
    memmove(shown, shown + used, n_shown -= used);
}

static void type(int terminal, const char *text)
{
    if (write(terminal, text, strlen(text)) != (ssize_t)strlen(text)) die("typing");
}

// Escapes as in C, in place: three octal digits, n, r; another character stands for itself.
static char *unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++) {
        *to = *from++;
        if (*to != '\\') continue;
        if (*from >= '0' && *from <= '7') {
            *to = (char)strtoul((char[]){from[0], from[1], from[2], 0}, NULL, 8);
            from += 3;
        } else {
            *to = *from == 'n' ? '\n' : *from == 'r' ? '\r' : *from;
            from++;
        }
    }
    *to = 0;
    return text;
}

int main(int n, char **v)
{
    if (n < 2) return 125;
    if (unshare(CLONE_NEWNS) == 0) mount("devpts", "/dev/pts", "devpts", 0, "");  // Linux has them in a file system
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0 || grantpt(terminal) < 0 || unlockpt(terminal) < 0) die("pseudo-terminal");
    struct winsize size = {.ws_row = 30, .ws_col = 100};
    ioctl(terminal, TIOCSWINSZ, &size);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        int slave = open(ptsname(terminal), O_RDWR);
        if (slave < 0) die("its other side");
        for (int i = 0; i < 3; i++) dup2(slave, i);
        if (slave > 2) close(slave);
        execvp(v[1], v + 1);
        die(v[1]);
    }
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '<') wait_for(terminal, unescape(line + 2));
        if (line[0] == '>') type(terminal, unescape(line + 2));
    }
    do n_shown = 0;
    while (show(terminal));
    int status;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
