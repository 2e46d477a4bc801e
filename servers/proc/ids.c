// SPDX-License-Identifier: MIT
// User and group ids, checked as Linux does with all capabilities tied to effective user 0.
//
// A change is published before its answer goes out, so servers see it at the process's next request.
#include "servers/proc/proc.h"

#define KEEP 0xffffffffu

// The real, effective, saved and file-system id of one kind.
struct id_set {
    uint32_t *real, *effective, *saved, *file;
};

static struct id_set ids_of(struct identity *ids, uint64_t kind)
{
    if (kind == PROC_IDS_UID) return (struct id_set){&ids->uid, &ids->euid, &ids->suid, &ids->fsuid};
    return (struct id_set){&ids->gid, &ids->egid, &ids->sgid, &ids->fsgid};
}

static bool is_one_of(const struct id_set *set, uint32_t id)
{
    return id == *set->real || id == *set->effective || id == *set->saved;
}

static bool may_be(const struct identity *ids, const struct id_set *set, uint32_t id)
{
    return id == KEEP || ids->euid == 0 || is_one_of(set, id);
}

// setfsuid changes only the last id, and may also name that one itself; it reports no error.
static void set_file_id(const struct identity *ids, const struct id_set *set, uint32_t id)
{
    if (ids->euid == 0 || is_one_of(set, id) || id == *set->file) *set->file = id;
}

err_t proc_setids(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    if (!process || request->words[0] > PROC_IDS_GID) return ERR_LINUX(EINVAL);
    struct identity *ids = &process->ids;
    struct id_set set = ids_of(ids, request->words[0]);
    uint32_t real = (uint32_t)request->words[1], effective = (uint32_t)request->words[2];
    uint32_t saved = (uint32_t)request->words[3], file = (uint32_t)request->words[4];
    if (real == KEEP && effective == KEEP && saved == KEEP) {
        if (file != KEEP) set_file_id(ids, &set, file);
        process_changed(process);
        return OK;
    }
    if (!may_be(ids, &set, real) || !may_be(ids, &set, effective) || !may_be(ids, &set, saved)) return ERR_LINUX(EPERM);
    if (real != KEEP) *set.real = real;
    if (effective != KEEP) *set.effective = effective;
    if (saved != KEEP) *set.saved = saved;
    *set.file = *set.effective;
    process_changed(process);
    return OK;
}

err_t proc_setuid_like(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    uint32_t id = (uint32_t)request->words[1];
    if (!process || request->words[0] > PROC_IDS_GID || id == KEEP) return ERR_LINUX(EINVAL);
    struct identity *ids = &process->ids;
    struct id_set set = ids_of(ids, request->words[0]);
    if (ids->euid == 0)
        *set.real = *set.saved = id;
    else if (id != *set.real && id != *set.saved)
        return ERR_LINUX(EPERM);
    *set.effective = *set.file = id;
    process_changed(process);
    return OK;
}

err_t proc_setgroups(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    uint64_t n = request->words[0];
    if (!process || process->ids.euid != 0) return ERR_LINUX(EPERM);
    if (n > PROCESS_GROUPS || request->n_words < MSG_REGISTERS + (n + 1) / 2) return ERR_LINUX(EINVAL);
    memcpy(process->ids.groups, &request->words[MSG_REGISTERS], n * sizeof process->ids.groups[0]);
    process->ids.n_groups = (uint32_t)n;
    process_changed(process);
    return OK;
}

err_t proc_getgroups(const struct request *request, struct answer *answer)
{
    const struct process *process = caller(request);
    if (!process) return ERR_INVALID;
    uint32_t n = process->ids.n_groups;
    memcpy(&answer->words[MSG_REGISTERS], process->ids.groups, n * sizeof process->ids.groups[0]);
    answer->words[0] = n;
    answer->n_words = MSG_REGISTERS + (n + 1) / 2;
    return OK;
}
