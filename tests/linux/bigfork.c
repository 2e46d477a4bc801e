// SPDX-License-Identifier: MIT
// Touches as many MiB as the argument says, then forks: the child sees them. Prints how it went.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    size_t bytes = (argc > 1 ? strtoul(argv[1], 0, 10) : 1) << 20;
    char *memory = malloc(bytes);
    if (!memory) return 2;
    memset(memory, 1, bytes);
    pid_t child = fork();
    if (child == 0) _exit(memory[bytes - 1] + 6);
    if (child < 0) {
        printf("fork: %s\n", strerror(errno));
        return 1;
    }
    int status = 0;
    waitpid(child, &status, 0);
    printf("child of %zu MiB ended with %d\n", bytes >> 20, WEXITSTATUS(status));
    return 0;
}
