// SPDX-License-Identifier: MIT
// The audit (lib/server/audit.h): what there is follows from the names in directories and from what is open. Links, users,
// ends of pipes and free pages are counted anew; what nothing leads to goes.
//
// An inode lives while it has a link or a user, so counting these decides which are reached. Lists in directories
// are believed as far as they hold together; what they have lost is found by the hash table.
#include "fs/tmpfs/tmpfs.h"
#include "lib/server/audit.h"

static void clear_counts(void)
{
    for_each (inode, inode, &fs->inodes) {
        inode->links = inode->users = inode->writers = 0;
        if (is_directory(inode)) inode->self = NULL;
    }
    for_each (pipe, pipe, &fs->pipes)
        for (unsigned end = 0; end < PIPE_ENDS; end++) pipe->ends[end].open = pipe->ends[end].waiting = 0;
    fs->root->links = 2;
}

static void reach_text(struct text **first)
{
    for_reached (text, text, &fs->texts, *first)
        ;
}

// Bytes of a name that there are.
static uint32_t length_of(const struct entry *e)
{
    size_t room = ENTRY_INLINE;
    for (const struct text *text = e->more; text; text = text->next) room += TEXT_BYTES;
    return e->length < room ? e->length : (uint32_t)room;
}

static bool is_inode(const struct inode *inode) { return inode && table_holds(&fs->inodes, inode); }

// What the directory's list holds. An entry that leads nowhere is left out; another directory's ends the list.
static void reach_entries(struct inode *directory)
{
    struct entry **link = &directory->first;
    uint32_t n_left = fs->entries.n_fresh;
    while (*link && n_left-- > 0 && table_holds(&fs->entries, *link) && !audit_reached(&fs->entries, *link)) {
        struct entry *e = *link;
        if (e->directory != directory && is_inode(e->directory)) break;
        if (!is_inode(e->inode)) {
            *link = e->next;
            continue;
        }
        (void)audit_reach(&fs->entries, e);
        e->directory = directory;
        link = &e->next;
    }
    *link = NULL;
}

// Entries that only the hash table still leads to come back into their directories.
static void relink_entries(void)
{
    for_each (entry, e, &fs->entries) {
        if (audit_reached(&fs->entries, e) || !is_inode(e->inode) || !is_inode(e->directory)) continue;
        if (!is_directory(e->directory) || !dir_knows(e) || !audit_reach(&fs->entries, e)) continue;
        struct entry **link = &e->directory->first;
        while (*link && (*link)->cookie < e->cookie) link = &(*link)->next;
        e->next = *link;
        *link = e;
    }
}

// Backward links, size, and what counts as links.
static void count_entries(struct inode *directory)
{
    struct entry *previous = NULL;
    directory->size = 0;
    for (struct entry *e = directory->first; e; previous = e, e = e->next) {
        bool is_subdirectory = is_directory(e->inode);
        e->inode->links += is_subdirectory ? 2 : 1;
        if (is_subdirectory) {
            directory->links++;
            e->inode->self = e;
            e->inode->parent = directory;
        }
        directory->size++;
        e->previous = previous;
        reach_text(&e->more);
        e->length = length_of(e);
    }
    directory->last = previous;
}

static void drop_entries(struct inode *directory)
{
    for (const struct entry *e = directory->first; e; e = e->next) {
        bool is_subdirectory = is_directory(e->inode);
        audit_forget(e);
        e->inode->links -= is_subdirectory ? 2 : 1;
        if (is_subdirectory) e->inode->self = NULL;
    }
    directory->first = directory->last = NULL;
    directory->size = directory->links = 0;
}

// A directory that neither a name nor a user leads to goes with all that is in it.
static void drop_lost_directories(void)
{
    for (bool again = true; again;) {
        again = false;
        for_each (inode, inode, &fs->inodes) {
            if (!is_directory(inode) || inode == fs->root || inode->self || inode->users || !inode->first) continue;
            drop_entries(inode);
            again = true;
        }
    }
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
    if (!is_inode(inode)) return;
    inode->users++;
    if (inode->pipe && table_holds(&fs->pipes, inode->pipe)) inode->pipe->ends[session->fifo_end & 1].waiting++;
}

static void count_users(void)
{
    for_each (description, d, &fs->io.descriptions) {
        if (!is_inode(d->inode)) lose_inode(d);
        count_description(d);
    }
    for (uint32_t slot = 0; slot < fs->io.sessions.n_slots; slot++) {
        const struct session *session = session_at(&fs->io.sessions, slot);
        if (session) count_waiting(session);
    }
    // A directory that was removed and lives on has a hold on its parent, which so lives on in its turn.
    for_each (inode, inode, &fs->inodes)
        for (struct inode *at = inode; is_directory(at) && !at->links && at->users; at = at->parent) {
            if (!is_inode(at->parent)) at->parent = fs->root;
            bool lived = at->parent->links || at->parent->users;
            at->parent->users++;
            if (lived) break;
        }
}

static void reach_locks(struct lock **first)
{
    for_reached (lock, lock, &fs->locks, *first)
        ;
}

// Where the ring's words are is not known any more: both ends are served here.
static void lose_ring(struct pipe *pipe)
{
    pipe->words = PIPE_NO_PAGE;
    for (unsigned end = 0; end < PIPE_ENDS; end++) pipe->ends[end].state = END_SERVED;
}

static void reach_pipe(struct inode *inode)
{
    struct pipe *pipe = inode->pipe;
    if (!pipe || !table_holds(&fs->pipes, pipe) || !(pipe_has(pipe, PIPE_READER) || pipe_has(pipe, PIPE_WRITER))) {
        inode->pipe = NULL;
        return;
    }
    (void)audit_reach(&fs->pipes, pipe);
    for (unsigned i = 0; i < PIPE_PAGES; i++)
        if (pipe->pages[i] >= fs->pool.n_pages) pipe->pages[i] = PIPE_NO_PAGE;
    if (pipe->capacity > PIPE_PAGES) pipe->capacity = PIPE_PAGES;
    if (pipe->words != PIPE_NO_PAGE && pipe->words > fs->pool.n_pages - RING_PAGES) lose_ring(pipe);
    for (unsigned end = 0; end < PIPE_ENDS; end++)
        for (unsigned i = 0; pipe->ends[end].state == END_LENT && i < RING_SLOTS; i++)
            audit_slots(pipe->ends[end].slots[i], 1);
}

static bool is_extent(const struct extent *e)
{
    return e->order < BUDDY_ORDERS && e->pool_page < fs->pool.n_pages &&
           1u << e->order <= fs->pool.n_pages - e->pool_page;
}

// Reach what this link leads to, or cut it. Those below a root have no use for `next`: they wait in a list by it.
static bool reach_extent(struct extent **link, struct extent **waiting)
{
    struct extent *e = *link;
    if (!e || !table_holds(&fs->extents, e) || !is_extent(e) || !audit_reach(&fs->extents, e)) {
        *link = NULL;
        return false;
    }
    if (waiting) {
        e->next = *waiting;
        *waiting = e;
    }
    return true;
}

// All of a treap; how many pages it holds.
static uint64_t reach_extents(struct extent **root)
{
    uint64_t n_pages = 0;
    struct extent *waiting = NULL, *e = *root;
    if (!reach_extent(root, NULL)) return 0;
    for (;;) {
        n_pages += 1ull << e->order;
        (void)reach_extent(&e->left, &waiting);
        (void)reach_extent(&e->right, &waiting);
        if (!(e = waiting)) return n_pages;
        waiting = e->next;
    }
}

static void reach_inodes(void)
{
    for_each (inode, inode, &fs->inodes) {
        if (!inode->links && !inode->users) continue;
        (void)audit_reach(&fs->inodes, inode);
        inode->n_pages = reach_extents(&inode->extents);
        reach_text(&inode->target);
        reach_locks(&inode->posix_locks);
        reach_locks(&inode->flocks);
        reach_pipe(inode);
    }
}

// The lists of those that have left their files: roots linked by `next`.
static void reach_departed(struct extent **first)
{
    for (struct extent **link = first; *link && reach_extents(link); link = &(*link)->next)
        ;
}

// The slot, if a capability is there. An empty one would be answered with in vain, again and again.
static uint32_t standing(uint32_t slot)
{
    struct cap_identity cap = {0};
    if (slot) (void)cspace_identify(SLOT_CSPACE, slot, &cap);
    audit_slots(cap.type != CAP_EMPTY ? slot : 0, 1);
    return cap.type != CAP_EMPTY ? slot : 0;
}

static void claim_pages(void)
{
    buddy_reset(&fs->pool);
    fs->file_pages = 0;
    for_each (extent, e, &fs->extents) {
        buddy_claim(&fs->pool, e->pool_page, e->order);
        fs->file_pages += 1u << e->order;
        for (unsigned kind = 0; kind < LEND_KINDS; kind++) e->slots[kind] = standing(e->slots[kind]);
    }
    for_each (pipe, pipe, &fs->pipes) {
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
    for_each (pipe, pipe, &fs->pipes) ring_tell_again(pipe);
}

// Nobody waits any more (io_wake_all).
static void empty_waiting(void)
{
    for_each (inode, inode, &fs->inodes) inode->lock_queue.first = NULL;
    for_each (pipe, pipe, &fs->pipes)
        for (unsigned end = 0; end < PIPE_ENDS; end++) pipe->ends[end].queue.first = NULL;
}

void wake_all(void)
{
    io_wake_all();
    empty_waiting();
    wake_pipes();
}

void audit(void)
{
    uint32_t files = fs->inodes.n_used, pages = fs->pool.n_free;
    io_audit();
    empty_waiting();
    clear_counts();
    for_each (inode, inode, &fs->inodes)
        if (is_directory(inode)) reach_entries(inode);
    relink_entries();
    for_each (inode, inode, &fs->inodes)
        if (is_directory(inode)) count_entries(inode);
    count_users();
    drop_lost_directories();
    reach_inodes();
    reach_departed(&fs->truncated);
    reach_departed(&fs->deleted);
    reach_departed(&fs->revoked);
    reach_departed(&fs->lingering);
    audit_sweep(&fs->extents);
    audit_sweep(&fs->inodes);
    audit_sweep(&fs->entries);
    audit_sweep(&fs->texts);
    audit_sweep(&fs->locks);
    audit_sweep(&fs->pipes);
    wake_pipes();  // with what has been counted
    dir_rehash();
    claim_pages();
    fs->passing = standing(fs->passing);
    fs->words = standing(fs->words);
    if (files != fs->inodes.n_used || pages != fs->pool.n_free)
        log_line("the audit has found %d files and %d pages that were lost", (int)(files - fs->inodes.n_used),
                 (int)(fs->pool.n_free - pages));
}
