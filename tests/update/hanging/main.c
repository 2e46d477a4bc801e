// SPDX-License-Identifier: MIT
// tmpfs as it is, but its requests never end.
#include "fs/tmpfs/tmpfs.h"

static err_t fail(const struct request *request, struct answer *answer)
{
    (void)request, (void)answer;
    for (volatile bool forever = true; forever;) continue;
    return OK;
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
