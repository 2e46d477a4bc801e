// SPDX-License-Identifier: MIT
// File locks: byte ranges of processes (POSIX) and of descriptions (OFD), and flock(2).
//
// Ranges of one owner never overlap, and neighbours of the same kind are one record. An inode has one list for ranges
// and one for flock, which do not see each other: owners in the order of their first lock, each one's by their start.
// The first that is in the way is the one that is told. Who is refused and wants to wait is armed at the inode and asks
// again. What a process waits for stands in its session, so that a circle of waiting processes is found (EDEADLK); any
// other request of the session shows that it no longer waits.
#include "fs/tmpfs/tmpfs.h"

#define TO_THE_END UINT64_MAX
#define CHAIN_MAX 64  // processes in a circle; longer ones are not found

static bool conflicts(const struct lock *l, uint64_t owner, uint32_t kind, uint64_t start, uint64_t end)
{
    return l->owner != owner && l->start <= end && l->end >= start && (l->kind == F_WRLCK || kind == F_WRLCK);
}

static const struct lock *find_conflict(const struct lock *list, const struct lock *wanted)
{
    while (list && !conflicts(list, wanted->owner, wanted->kind, wanted->start, wanted->end)) list = list->next;
    return list;
}

// Take the range out of what the owner holds; *wanted (null: only unlock) grows by neighbours of its kind.
static err_t clear_range(struct lock **list, uint64_t owner, uint64_t start, uint64_t end, struct lock *wanted)
{
    for (struct lock **link = list; *link;) {
        struct lock *l = *link;
        bool same = wanted && l->kind == wanted->kind;
        bool touches = l->start <= end && l->end >= start;
        bool adjoins =
            same && ((l->end != TO_THE_END && l->end + 1 == start) || (end != TO_THE_END && end + 1 == l->start));
        if (l->owner != owner || !(touches || adjoins)) {
            link = &l->next;
            continue;
        }
        if (same) {
            wanted->start = l->start < wanted->start ? l->start : wanted->start;
            wanted->end = l->end > wanted->end ? l->end : wanted->end;
        } else if (l->start < start && l->end > end) {
            struct lock *rest = table_new(&fs->locks);
            if (!rest) return ERR_LINUX(ENOLCK);
            *rest = *l;
            rest->start = end + 1;
            l->end = start - 1;
            l->next = rest;
            return OK;
        } else if (l->start < start) {
            l->end = start - 1;
            link = &l->next;
            continue;
        } else if (l->end > end) {
            l->start = end + 1;
            link = &l->next;
            continue;
        }
        *link = l->next;
        table_free(&fs->locks, l);
    }
    return OK;
}

// Set or clear; the wanted range is free of conflicts.
static err_t apply(struct inode *inode, struct lock **list, const struct lock *wanted, bool unlock)
{
    struct lock grown = *wanted, **place = list;
    while (*place && (*place)->owner != wanted->owner) place = &(*place)->next;
    err_t err = clear_range(list, wanted->owner, wanted->start, wanted->end, unlock ? NULL : &grown);
    struct lock *l = err == OK && !unlock ? table_new(&fs->locks) : NULL;
    if (err != OK || (!unlock && !l)) return server_abort(ERR_LINUX(ENOLCK));
    if (l) {
        while (*place && (*place)->owner == grown.owner && (*place)->start < grown.start) place = &(*place)->next;
        *l = grown;
        l->next = *place;
        *place = l;
    }
    io_wake(&inode->lock_queue);
    return OK;
}

static void drop_owner(struct inode *inode, struct lock **list, uint64_t owner)
{
    bool dropped = false;
    for (struct lock **link = list; *link;) {
        struct lock *l = *link;
        if (l->owner != owner) {
            link = &l->next;
            continue;
        }
        *link = l->next;
        table_free(&fs->locks, l);
        dropped = true;
    }
    if (dropped) io_wake(&inode->lock_queue);
}

void locks_of_session(struct session *session, struct inode *inode)
{
    drop_owner(inode, &inode->posix_locks, session->io.badge);
}

void locks_of_description(struct description *d)
{
    drop_owner(d->inode, &d->inode->posix_locks, (uint64_t)d);
    drop_owner(d->inode, &d->inode->flocks, (uint64_t)d);
}

// --- waiting

void lock_forget_wait(struct session *session)
{
    if (session->lock_inode) session->lock_inode = NULL;
}

// Follow who waits for whom from the holder of a lock; true when it leads to the session.
static bool leads_back(const struct lock *held, const struct session *session)
{
    for (unsigned n = 0; n < CHAIN_MAX && held; n++) {
        if (held->owner == session->io.badge) return true;
        const struct session *holder = session_find(&fs->io.sessions, held->owner);
        if (!holder || !holder->lock_inode) return false;
        held = find_conflict(holder->lock_inode->posix_locks, &holder->lock_wanted);
    }
    return false;
}

static err_t wait_for(struct inode *inode, const struct lock *held, const struct lock *wanted, uint64_t flags)
{
    struct session *session = context.session;
    if (wanted->owner == session->io.badge) {
        if (leads_back(held, session)) return ERR_LINUX(EDEADLK);
        session->lock_inode = inode;
        session->lock_wanted = *wanted;
    }
    io_arm(&session->io, flags, &inode->lock_queue);
    return ERR_AGAIN;
}

// --- the operations

static err_t lock_get(const struct lock *held, uint64_t type, const struct lock *wanted, struct answer *answer)
{
    io_answer(answer, 4);
    answer->words[0] = F_UNLCK;
    answer->words[1] = wanted->start;
    answer->words[2] = wanted->end == TO_THE_END ? 0 : wanted->end - wanted->start + 1;
    answer->words[3] = 0;
    if (!held || type == F_UNLCK) return OK;
    answer->words[0] = held->kind;
    answer->words[1] = held->start;
    answer->words[2] = held->end == TO_THE_END ? 0 : held->end - held->start + 1;
    answer->words[3] = held->pid;
    return OK;
}

static err_t flock_operation(struct description *d, uint64_t type, uint64_t flags)
{
    struct inode *inode = d->inode;
    struct lock wanted = {.owner = (uint64_t)d, .end = TO_THE_END, .kind = (uint32_t)type, .pid = who()->pid};
    drop_owner(inode, &inode->flocks, wanted.owner);  // a conversion gives up the old lock first
    if (type == F_UNLCK) return OK;
    const struct lock *held = find_conflict(inode->flocks, &wanted);
    return held ? wait_for(inode, held, &wanted, flags) : apply(inode, &inode->flocks, &wanted, false);
}

err_t lock_operation(struct description *d, const struct request *request, struct answer *answer)
{
    uint64_t command = request->words[1], type = request->words[2], flags = request->words[5];
    uint64_t start = request->words[3], length = request->words[4];
    bool of_description = command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
    bool get = command == F_GETLK || command == F_OFD_GETLK;
    bool wait = command == F_SETLKW || command == F_OFD_SETLKW;
    if ((d->io.flags & O_PATH) != 0) return ERR_LINUX(EBADF);
    if (type > F_UNLCK) return ERR_LINUX(EINVAL);
    if (command == FS_FLOCK) return flock_operation(d, type, flags);
    if (!get && !wait && command != F_SETLK && command != F_OFD_SETLK) return ERR_LINUX(EINVAL);
    if (!get && ((type == F_RDLCK && !may_read_with(d->io.flags)) || (type == F_WRLCK && !may_write_with(d->io.flags))))
        return ERR_LINUX(EBADF);
    if (start > INT64_MAX || length > INT64_MAX) return ERR_LINUX(EINVAL);
    struct lock wanted = {
        .owner = of_description ? (uint64_t)d : request->badge,
        .start = start,
        .end = length && start + length - 1 < INT64_MAX ? start + length - 1 : TO_THE_END,
        .kind = (uint32_t)type,
        .pid = of_description ? ~0u : who()->pid,
    };
    struct inode *inode = d->inode;
    const struct lock *held = type == F_UNLCK ? NULL : find_conflict(inode->posix_locks, &wanted);
    if (get) return lock_get(held, type, &wanted, answer);
    if (held) return wait ? wait_for(inode, held, &wanted, flags) : ERR_LINUX(EAGAIN);
    return apply(inode, &inode->posix_locks, &wanted, type == F_UNLCK);
}
