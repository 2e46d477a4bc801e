// SPDX-License-Identifier: MIT
// Who asks, and what he may: credentials from the table "processes" and Linux's permission check (io.h).
//
// proc writes the table while we read. An entry is taken between two looks at its sequence number; proc may be in the
// middle of a write and unable to run before we are done, so after a few tries the copy is used as it is.
// It can only mix two states that this very process asked for, and the next request looks again.
#include "lib/server/io.h"
#include <linux/stat.h>

#define TRIES 4
#define X_OK 1

const struct process_table *io_processes(void)
{
    static const struct process_table *table;
    if (!table) {
        const struct component_cap *cap = rt_cap("processes");
        table = cap ? (const struct process_table *)cap->address : NULL;
    }
    return table;
}

static void copy_entry(struct io_credentials *c, const volatile struct process_entry *e)
{
    c->uid = e->uid;
    c->gid = e->gid;
    c->euid = e->euid;
    c->fsuid = e->fsuid;
    c->fsgid = e->fsgid;
    c->pid = e->pid;
    c->pgid = e->pgid;
    c->sid = e->sid;
    uint32_t n = e->n_groups;
    c->n_groups = n < PROCESS_GROUPS ? n : PROCESS_GROUPS;
    for (uint32_t i = 0; i < c->n_groups; i++) c->groups[i] = e->groups[i];
    c->root = e->root;
    c->fsize_limit = e->fsize_limit;
}

err_t io_credentials(uint64_t badge, struct io_credentials *credentials)
{
    const struct process_table *table = io_processes();
    if (!table || BADGE_SLOT(badge) >= PROCESS_SLOTS) return ERR_STALE;
    const struct process_entry *e = &table->entries[BADGE_SLOT(badge)];
    credentials->badge = badge;
    for (unsigned i = 0; i < TRIES; i++) {
        uint32_t before = __atomic_load_n(&e->sequence, __ATOMIC_ACQUIRE);
        credentials->sequence = before;
        copy_entry(credentials, e);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (!(before & 1) && __atomic_load_n(&e->sequence, __ATOMIC_RELAXED) == before) break;
    }
    return __atomic_load_n(&e->generation, __ATOMIC_ACQUIRE) == BADGE_GENERATION(badge) ? OK : ERR_STALE;
}

err_t io_credentials_renew(uint64_t badge, struct io_credentials *credentials)
{
    const struct process_table *table = io_processes();
    if (table && credentials->badge == badge && BADGE_SLOT(badge) < PROCESS_SLOTS && !(credentials->sequence & 1) &&
        __atomic_load_n(&table->entries[BADGE_SLOT(badge)].sequence, __ATOMIC_ACQUIRE) == credentials->sequence)
        return OK;
    return io_credentials(badge, credentials);
}

bool io_process_ended(uint64_t badge)
{
    const struct process_table *table = io_processes();
    if (!table || BADGE_SLOT(badge) >= PROCESS_SLOTS) return false;
    const struct process_entry *e = &table->entries[BADGE_SLOT(badge)];
    int32_t newer = (int32_t)(e->generation - BADGE_GENERATION(badge));  // < 0: it is only being made
    return newer > 0 || (newer == 0 && !e->alive);
}

uint64_t io_fsize_limit(uint64_t badge)
{
    const struct process_table *table = io_processes();
    if (!table || BADGE_SLOT(badge) >= PROCESS_SLOTS) return 0;
    return __atomic_load_n(&table->entries[BADGE_SLOT(badge)].fsize_limit, __ATOMIC_RELAXED);
}

bool io_in_group(const struct io_credentials *credentials, uint32_t gid)
{
    for (uint32_t i = 0; i < credentials->n_groups; i++)
        if (credentials->groups[i] == gid) return true;
    return credentials->fsgid == gid;
}

bool io_permits(const struct io_credentials *credentials, uint32_t mode, uint32_t uid, uint32_t gid, unsigned want)
{
    if (credentials->fsuid == 0) return !(want & X_OK) || (mode & S_IFMT) == S_IFDIR || (mode & 0111);
    uint32_t granted = credentials->fsuid == uid ? mode >> 6 : io_in_group(credentials, gid) ? mode >> 3 : mode;
    return (granted & want) == want;
}
