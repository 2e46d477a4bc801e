// SPDX-License-Identifier: MIT
// Record locks of a child on a file that it has from its parent: waiting for one is the first that it does with it.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    int file = open("locked", O_RDWR | O_CREAT, 0600), answer[2], ended;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (file < 0 || pipe(answer) != 0 || fcntl(file, F_SETLK, &whole) != 0) return 2;
    if (fork() == 0) {
        int result = fcntl(file, F_SETLKW, &whole);
        printf("child: %s\n", result == 0 ? "has it" : strerror(errno));
        fflush(stdout);
        _exit(result != 0);
    }
    printf("parent: has it\n");
    fflush(stdout);
    usleep(10000);
    whole.l_type = F_UNLCK;
    fcntl(file, F_SETLK, &whole);
    wait(&ended);
    return WEXITSTATUS(ended);
}
