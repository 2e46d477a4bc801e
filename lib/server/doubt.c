// SPDX-License-Identifier: MIT
// Second thoughts: what hardly ever happens is not done because one instance says so.
//
// An instance whose memory or text has gone wrong often shows it first by a decision that a sound one hardly ever comes to: out
// of memory, an internal error, a process ended for its fault, an error that such a request has never ended in. Before such
// a step commits, it is undone, the instance is replaced by plan, and the next one runs the recorded event. When that
// comes to the same, it is so. It costs a restart: therefore one is made at most every COMPONENT_DOUBT_NS, and an error that is new once only.
#include "lib/server/vault_layout.h"
#include "protocols/supervisor.h"
#include <asm/errno.h>

// The step is run by a second instance. Returns when this is that one.
static void run_again(void)
{
    struct vault_header *header = vault.header;
    if (header->doubted_step == header->step) return;
    header->doubted_step = header->step;
    struct message m = {.info = INFO(SUPERVISOR_RENEW, 0, 0)};
    (void)ipc_call(SLOT_SUPERVISOR, &m);  // ends with this instance
}

void server_doubt(const char *what)
{
    struct vault_header *header = vault.header;
    uint64_t now = now_ns();
    if (!RECOVERY || header->doubted_step == header->step) return;
    if (header->doubted_ns != 0 && now - header->doubted_ns < COMPONENT_DOUBT_NS) return;
    header->doubted_ns = now;
    log_line("%s: is it so?", what);
    run_again();
}

// Errors that are rare in the life of a sound system: something is used up, a client does not know its own handles.
static _Bool is_unusual(err_t err)
{
    if (!ERR_IS_LINUX(err))
        return err != ERR_AGAIN && err != ERR_RESTARTED && err != ERR_NO_SYSCALL && err != ERR_NOT_FOUND;
    switch (ERR_TO_LINUX(err)) {
    case EBADF:  // clients know which handles they have
    case EFAULT:
    case ENFILE:
    case ENOMEM:
    case ENOSPC: return 1;
    default: return 0;
    }
}

static void doubt_unusual(uint32_t label, err_t err)
{
    char what[64];
    if (ERR_IS_LINUX(err))
        snprintf(what, sizeof what, "operation %x ends in errno %d", label, ERR_TO_LINUX(err));
    else
        snprintf(what, sizeof what, "operation %x ends in %s", label, err_name(err));
    server_doubt(what);
}

// Has this operation ended so before? The place where that is noted, null when there is none left.
static uint64_t *known_error(uint64_t key)
{
    for (uint32_t i = 0; i < KNOWN_ERRORS; i++) {
        uint64_t *place = &vault.state->known_errors[(key * 0x9e3779b97f4a7c15 >> 32) + i & (KNOWN_ERRORS - 1)];
        if (*place == key || *place == 0) return place;
    }
    return NULL;
}

void doubt_error(uint32_t label, err_t err)
{
    if (err == ERR_AGAIN || err == ERR_RESTARTED) return;
    if (is_unusual(err)) {
        doubt_unusual(label, err);
        return;
    }
    uint64_t key = (uint64_t)label << 32 | (uint32_t)err, *known = known_error(key);
    if (!RECOVERY || !known || *known == key) return;
    run_again();
    *known = key;
}
