// SPDX-License-Identifier: MIT
// tmpfs of the next version: what its layout has more than that of fs/tmpfs, and the way from there.
//
// Behind the root structure comes a word of its own, so the structure moves to where there is room for both: what the
// vault's tables point to stays where it is. fs/tmpfs/main.c is included with server_attach() in our hands.
#pragma once
#include "fs/tmpfs/tmpfs.h"

struct next {
    struct tmpfs tmpfs;
    uint64_t files_found;  // by the migration
};

static void *migrate_to_next(void *state, uint32_t from)
{
    struct next *next = vault_alloc(sizeof *next);
    memcpy(&next->tmpfs, state, sizeof next->tmpfs);
    next->files_found = next->tmpfs.inodes.n_used;
    log_line("migrated from version %u, with %lu files", from, next->files_found);
    return next;
}

static void *attach_next(size_t bytes, uint32_t version, void (*init)(void *state), server_migration migrate)
{
    (void)bytes, (void)migrate;
    return server_attach(sizeof(struct next), version + 1, init, migrate_to_next);
}

#define server_attach attach_next
