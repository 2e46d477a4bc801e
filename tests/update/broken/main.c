// SPDX-License-Identifier: MIT
// The next version of tmpfs, whose requests all fault after they have stored something.
#include "tests/update/next.h"

static err_t fail(const struct request *request, struct answer *answer)
{
    (void)request, (void)answer;
    fs->root->mode = 0;
    __builtin_trap();
}

// The first session operation that is asked for: opening a file, or one of an open one.
static _Noreturn void run_failing(struct server *server)
{
    static server_handler failing[SERVER_RANGES][128];
    for (unsigned i = 0; i < SERVER_RANGES; i++) {
        for (unsigned k = 0; k < server->session[i].n; k++) failing[i][k] = fail;
        server->session[i].handlers = failing[i];
    }
    server_run(server);
}

#define server_run run_failing
#include "fs/tmpfs/main.c"
