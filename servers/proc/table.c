// SPDX-License-Identifier: MIT
// The published table of processes (protocols/processes.h), and proc's part of the process pages.
//
// Both are written by an effect, so they show what is committed, and before the answer of the step goes out. An entry
// that an earlier instance was writing when it died has an odd sequence; the effect, which is performed again, makes it even.
#include "servers/proc/proc.h"
#include <linux/resource.h>

static struct process_table *table;

static VAULT_NOTES_ITSELF void write_entry(const struct process *process, struct process_entry *entry)
{
    const struct identity *ids = &process->ids;
    entry->generation = process->generation;
    entry->alive = process->life == PROCESS_LIVE;
    entry->pid = process->pid;
    entry->pgid = process->pgid;
    entry->sid = process->sid;
    entry->uid = ids->uid;
    entry->euid = ids->euid;
    entry->suid = ids->suid;
    entry->fsuid = ids->fsuid;
    entry->gid = ids->gid;
    entry->egid = ids->egid;
    entry->sgid = ids->sgid;
    entry->fsgid = ids->fsgid;
    entry->n_groups = ids->n_groups;
    for (uint32_t i = 0; i < ids->n_groups; i++) entry->groups[i] = ids->groups[i];
    entry->group_orphaned = process->group_orphaned;
    entry->fsize_limit = process->limits[RLIMIT_FSIZE][0];
    entry->nofile_limit = process->limits[RLIMIT_NOFILE][0];
    entry->root = process->root;
}

void table_publish(uint64_t slot, uint64_t b, uint64_t c)
{
    (void)b;
    (void)c;
    struct process *process = process_at((uint32_t)slot);
    if (!process) return;
    struct process_entry *entry = &table->entries[slot];
    uint32_t odd = entry->sequence | 1;
    __atomic_store_n(&entry->sequence, odd, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    write_entry(process, entry);
    __atomic_store_n(&entry->sequence, odd + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&table->epoch, state->epoch, __ATOMIC_RELEASE);
    if (process->page) process_page_fill(process);
}

void table_attach(void)
{
    const struct component_cap *cap = rt_cap("processes");
    if (!cap || !cap->address) panic("the manifest publishes no table processes");
    table = (struct process_table *)cap->address;
    table->n_slots = PROCESS_SLOTS;
}

void table_publish_again(void)
{
    for (uint32_t slot = 0; slot < PROCESS_SLOTS; slot++) table_publish(slot, 0, 0);
}
