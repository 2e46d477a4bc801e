// SPDX-License-Identifier: MIT
// The audit (lib/server/audit.h): what there is follows from the names in directories and from what is open. Links, users,
// ends of pipes and free pages are counted anew; what nothing leads to goes.
//
// An inode lives while it has a link or a user, so counting these decides which are reached. Lists in directories
// are believed as far as they hold together.
#include "fs/tmpfs/tmpfs.h"

#define for_each(type, each, table) \
    for (uint32_t each##_index = 0; each##_index < (table)->n_fresh; each##_index++) \
        for (struct type *each = table_at((table), each##_index); each; each = NULL)

static void clear_counts(void)
{
    for_each(inode, inode, &fs->inodes) inode->links = inode->users = inode->writers = 0;
    for_each(pipe, pipe, &fs->pipes) for (unsigned end = 0; end < PIPE_ENDS; end++)
        pipe->ends[end].open = pipe->ends[end].waiting = 0;
    fs->root->links = 2;
}

static void reach_text(const struct text *text)
{
    for (; audit_reach(&fs->texts, text); text = text->next)
        ;
}

// What the directory's list holds, and its backward links and size.
static void reach_entries(struct inode *directory)
{
    struct entry *previous = NULL, **link = &directory->first;
    directory->size = 0;
    for (struct entry *e; audit_reach(&fs->entries, e = *link); link = &e->next) {
        if (e->directory != directory || !e->inode || !table_holds(&fs->inodes, e->inode)) break;
        if (!table_holds(&fs->texts, e->more)) break;
        bool is_subdirectory = is_directory(e->inode);
        e->inode->links += is_subdirectory ? 2 : 1;
        directory->links += is_subdirectory;
        directory->size++;
        e->previous = previous;
        previous = e;
        reach_text(e->more);
    }
    *link = NULL;
    directory->last = previous;
}

static void count_description(const struct description *d)
{
    struct inode *inode = d->inode;
    inode->users++;
    if (is_type(inode, S_IFREG) && may_write_with(d->io.flags)) inode->writers++;
    if (!is_type(inode, S_IFIFO) || d->io.flags & O_PATH || !table_holds(&fs->pipes, inode->pipe)) return;
    for (unsigned end = 0; inode->pipe && end < PIPE_ENDS; end++)
        inode->pipe->ends[end].open += pipe_uses(d->io.flags, end);
}

// What it was open on is not known any more: every use of it is refused, as of a path that is only named.
static void lose_inode(struct description *d)
{
    d->inode = fs->root;
    d->io.flags = O_PATH;
}

static void count_waiting(const struct session *session)
{
    struct inode *inode = session->fifo;
    if (!inode || !table_holds(&fs->inodes, inode)) return;
    inode->users++;
    if (inode->pipe && table_holds(&fs->pipes, inode->pipe)) inode->pipe->ends[session->fifo_end & 1].waiting++;
}

static void count_users(void)
{
    for_each(description, d, &fs->io.descriptions)
    {
        if (!d->inode || !table_holds(&fs->inodes, d->inode)) lose_inode(d);
        count_description(d);
    }
    for (uint32_t slot = 0; slot < fs->io.sessions.n_slots; slot++) {
        const struct session *session = session_at(&fs->io.sessions, slot);
        if (session) count_waiting(session);
    }
    // A directory that was removed and lives on has a hold on its parent, which so lives on in its turn.
    for_each(inode, inode, &fs->inodes)
        for (struct inode *at = inode; is_directory(at) && !at->links && at->users; at = at->parent) {
            if (!at->parent || !table_holds(&fs->inodes, at->parent)) break;
            bool lived = at->parent->links || at->parent->users;
            at->parent->users++;
            if (lived) break;
        }
}

static void reach_locks(const struct lock *lock)
{
    for (; audit_reach(&fs->locks, lock); lock = lock->next)
        ;
}

static void reach_pipe(struct inode *inode)
{
    struct pipe *pipe = inode->pipe;
    if (!pipe || !table_holds(&fs->pipes, pipe) || !(pipe_has(pipe, PIPE_READER) || pipe_has(pipe, PIPE_WRITER))) {
        inode->pipe = NULL;
        return;
    }
    (void)audit_reach(&fs->pipes, pipe);
    for (unsigned end = 0; end < PIPE_ENDS; end++)
        for (unsigned i = 0; pipe->ends[end].state != END_SERVED && i < RING_SLOTS; i++)
            audit_slots(pipe->ends[end].slots[i], 1);
}

static void reach_inodes(void)
{
    for_each(inode, inode, &fs->inodes) {
        if (!inode->links && !inode->users) continue;
        (void)audit_reach(&fs->inodes, inode);
        (void)audit_reach(&fs->extents, inode->extents);
        reach_text(inode->target);
        reach_locks(inode->posix_locks);
        reach_locks(inode->flocks);
        reach_pipe(inode);
    }
}

// From roots down, until no more are found: as often as the highest treap has levels.
static void reach_extents(void)
{
    const struct table *extents = &fs->extents;
    const struct extent *lists[] = {fs->truncated, fs->deleted, fs->revoked, fs->lingering};
    for (unsigned i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (const struct extent *e = lists[i]; audit_reach(extents, e); e = e->next)
            ;
    for (bool more = true; more;) {
        more = false;
        for_each(extent, e, extents) if (audit_reached(extents, e))
        {
            if (audit_reach(extents, e->left)) more = true;
            if (audit_reach(extents, e->right)) more = true;
        }
    }
    audit_sweep(&fs->extents);
}

static void claim_pages(void)
{
    buddy_reset(&fs->pool);
    fs->file_pages = 0;
    for_each(extent, e, &fs->extents) {
        buddy_claim(&fs->pool, e->pool_page, e->order);
        fs->file_pages += 1u << e->order;
        for (unsigned kind = 0; kind < LEND_KINDS; kind++) audit_slots(e->slots[kind], 1);
    }
    for_each(pipe, pipe, &fs->pipes) {
        for (unsigned i = 0; i < PIPE_PAGES; i++)
            if (pipe->pages[i] != PIPE_NO_PAGE) buddy_claim(&fs->pool, pipe->pages[i], 0);
        for (unsigned i = 0; pipe->words != PIPE_NO_PAGE && i < RING_PAGES; i++)
            buddy_claim(&fs->pool, pipe->words + i, 0);
    }
    for (uint32_t slot = 0; slot < fs->io.sessions.n_slots; slot++) {
        const struct io_session *session = session_at(&fs->io.sessions, slot);
        uint64_t first = session ? ((uint64_t)session->buffer - COMPONENT_POOL_ADDRESS) / PAGE_SIZE : 0;
        for (uint64_t i = 0; session && session->buffer_slot && i < session->buffer_bytes / PAGE_SIZE; i++)
            buddy_claim(&fs->pool, (uint32_t)(first + i), 0);
    }
    buddy_settle(&fs->pool);
}

static void wake_pipes(void)
{
    for_each(pipe, pipe, &fs->pipes) ring_tell_again(pipe);
}

void wake_all(void)
{
    io_wake_all();
    wake_pipes();
}

void audit(void)
{
    uint32_t files = fs->inodes.n_used, pages = fs->pool.n_free;
    io_audit();
    wake_pipes();
    clear_counts();
    for_each(inode, inode, &fs->inodes) if (is_directory(inode)) reach_entries(inode);
    count_users();
    reach_inodes();
    reach_extents();
    audit_sweep(&fs->inodes);
    audit_sweep(&fs->entries);
    audit_sweep(&fs->texts);
    audit_sweep(&fs->locks);
    audit_sweep(&fs->pipes);
    dir_rehash();
    claim_pages();
    audit_slots(fs->passing, 1);
    audit_slots(fs->words, 1);
    if (files != fs->inodes.n_used || pages != fs->pool.n_free)
        log_line("the audit has found %d files and %d pages that were lost", (int)(files - fs->inodes.n_used),
                 (int)(fs->pool.n_free - pages));
}
