// SPDX-License-Identifier: MIT
// The request in hand, the empty file system, and the tables of operations: everything but the start (main.c).
#include "fs/tmpfs/tmpfs.h"

struct tmpfs *fs;
#define ROOT_PART 32  // of records

struct context context;

#define NOBODY 65534
static struct io_credentials credentials;  // of the request in hand, once is_known; else of an earlier one
static bool is_known;

// --- the request in hand

STORES_OUTSIDE_VAULT err_t request_begin(const struct request *request)
{
    context.session = io_session(request);
    context.badge = request->badge;
    context.now_is_known = false;
    is_known = false;
    trail.n = 0;
    if (!context.session) return ERR_LINUX(ESRCH);
    if (context.session->lock_inode) lock_forget_wait(context.session);
    if (context.session->fifo && request->label != FS_OPEN) fifo_forget(context.session);
    return OK;
}

STORES_OUTSIDE_VAULT const struct io_credentials *who(void)
{
    if (is_known) return &credentials;
    if (io_credentials_renew(context.badge, &credentials) != OK)
        credentials =
            (struct io_credentials){.uid = NOBODY, .gid = NOBODY, .euid = NOBODY, .fsuid = NOBODY, .fsgid = NOBODY};
    is_known = true;
    return &credentials;
}

void become_real(void)
{
    (void)who();
    credentials.fsuid = credentials.uid;
    credentials.fsgid = credentials.gid;
    credentials.badge = 0;  // not to be taken for what the table says
}

STORES_OUTSIDE_VAULT err_t request_handle(const struct request *request, struct description **description)
{
    err_t err = request_begin(request);
    if (err != OK) return err;
    *description = io_handle(&context.session->io, request->words[0]);
    return *description ? OK : ERR_LINUX(EBADF);
}

// Behind the rest: so that a record that is freed here is not taken, and its old contents noted, in the same step.
err_t and_close(const struct request *request, err_t err)
{
    if (request->words[5] && context.session) (void)io_handle_close(&context.session->io, request->words[5] - 1);
    return err;
}

bool is_for_root(uint64_t n_free, uint64_t n) { return n_free <= n / ROOT_PART && who()->fsuid != 0; }

#define DATE_NS 4000000  // as fine as Linux's dates

struct time time_now(void)
{
    if (!context.now_is_known) {
        context.now_ns = wall_ns() / DATE_NS * DATE_NS;
        context.now_is_known = true;
    }
    return (struct time){.seconds = (int64_t)(context.now_ns / 1000000000),
                         .ns = (uint32_t)(context.now_ns % 1000000000)};
}

// --- what the io helper asks for

static void handle_closed(struct io_session *io, struct io_description *io_description)
{
    struct session *session = (struct session *)io;
    struct inode *inode = ((struct description *)io_description)->inode;
    if (session->lock_inode == inode) lock_forget_wait(session);
    if (inode->pipe) ring_handle_closed(session, (struct description *)io_description);
    if (inode->posix_locks && !(io_description->flags & O_PATH)) locks_of_session(session, inode);
}

static void session_ended(struct io_session *io)
{
    fifo_forget((struct session *)io);
    if (fs->lingering) {
        fs->look_again = 1;
        server_wake_at(0);
    }
}

static void *buffer_take(size_t bytes, uint32_t *frames, uint64_t *first_page)
{
    unsigned order = 0, wanted = 0;
    uint32_t page;
    while ((size_t)PAGE_SIZE << wanted < bytes) wanted++;
    order = wanted;
    if (!pool_take(&order, &page)) return NULL;
    if (order != wanted) {
        buddy_give(&fs->pool, page, order);
        return NULL;
    }
    *frames = SLOT_POOL;
    *first_page = page;
    return pool_address(page);
}

static void buffer_give(void *address, size_t bytes)
{
    unsigned order = 0;
    while ((size_t)PAGE_SIZE << order < bytes) order++;
    buddy_give(&fs->pool, (uint32_t)(((uint64_t)address - COMPONENT_POOL_ADDRESS) / PAGE_SIZE), order);
}

static const struct io_buffers buffers = {.take = buffer_take, .give = buffer_give};
const struct io_server io_functions = {
    .describe = describe,
    .close = description_close,
    .handle_closed = handle_closed,
    .session_ended = session_ended,
    .buffers = &buffers,
};

// --- the empty file system

// Tables take the vault in shares: so many files, and for each of them so much of everything else.
static void make_tables(void)
{
    fs->buckets = vault_alloc(HASH_BUCKETS * sizeof *fs->buckets);
    vault_keep(&fs->buckets, sizeof fs->buckets);
    table_init(&fs->pipes, sizeof(struct pipe), 512);
    table_init(&fs->locks, sizeof(struct lock), 1024);
    size_t eight_files = table_bytes(sizeof(struct inode), 8) + table_bytes(sizeof(struct entry), 9) +
                         table_bytes(sizeof(struct extent), 10) + table_bytes(sizeof(struct text), 4);
    uint32_t n = (uint32_t)(vault_available() / eight_files) - 1;
    table_init(&fs->inodes, sizeof(struct inode), 8 * n);
    table_init(&fs->entries, sizeof(struct entry), 9 * n);
    table_init(&fs->extents, sizeof(struct extent), 10 * n);
    table_init(&fs->texts, sizeof(struct text), 4 * n);
}

static void make_root(void)
{
    is_known = true;  // root makes the first tree
    fs->root = inode_new(S_IFDIR | 0755, 0, 0);
    fs->root->links = 2;
    fs->root->parent = fs->root;
    vault_keep(&fs->root, sizeof fs->root);
}

void format_tree(struct tmpfs *state, uint32_t n_pages)
{
    static const struct io_sizes sizes = {
        .description_bytes = sizeof(struct description),
        .session_bytes = sizeof(struct session),
        .n_descriptions = 4096,
        .n_chunks = 2048,
        .n_threads = 2048,
        .n_waiters = 2048,
    };
    fs = state;
    io_init(&fs->io, &sizes);
    buddy_init(&fs->pool, n_pages, vault_alloc(buddy_bytes(n_pages)));
    vault_keep(&fs->pool, offsetof(struct buddy, n_free));
    make_tables();
    make_root();
}

// --- serving

void tick(void)
{
    slot_free(fs->passing);
    fs->passing = 0;
    reclaim_tick();
}

static const server_handler io_handlers[] = {
    IO_COMMON_HANDLERS,
    IO_HANDLER(READ) = io_read,
    IO_HANDLER(WRITE) = io_write,
    IO_HANDLER(SEEK) = io_seek,
    IO_HANDLER(STAT) = io_stat,
    IO_HANDLER(POLL) = io_poll,
    IO_HANDLER(IOCTL) = io_ioctl,
    IO_HANDLER(READDIR) = io_readdir,
    IO_HANDLER(TRUNCATE) = io_truncate,
    IO_HANDLER(SYNC) = io_sync,
    IO_HANDLER(ALLOCATE) = io_allocate,
    IO_HANDLER(CHMOD) = io_chmod,
    IO_HANDLER(CHOWN) = io_chown,
    IO_HANDLER(UTIME) = io_utime,
    IO_HANDLER(LOCK) = io_lock,
    IO_HANDLER(STATFS) = io_statfs,
    IO_HANDLER(MAP) = io_map,
    IO_HANDLER(PATH) = io_path,
};
static const server_handler fs_handlers[] = {
    FS_HANDLER(OPEN) = op_open,         FS_HANDLER(STAT) = op_stat,           FS_HANDLER(ACCESS) = op_access,
    FS_HANDLER(READLINK) = op_readlink, FS_HANDLER(MKDIR) = op_mkdir,         FS_HANDLER(MKNOD) = op_mknod,
    FS_HANDLER(SYMLINK) = op_symlink,   FS_HANDLER(LINK) = op_link,           FS_HANDLER(RENAME) = op_rename,
    FS_HANDLER(UNLINK) = op_unlink,     FS_HANDLER(CHMOD) = op_chmod,         FS_HANDLER(CHOWN) = op_chown,
    FS_HANDLER(UTIME) = op_utime,       FS_HANDLER(TRUNCATE) = op_truncate,   FS_HANDLER(STATFS) = op_statfs,
    FS_HANDLER(PIPE) = op_pipe,         FS_HANDLER(COVER) = op_cover,         FS_HANDLER(WORDS) = op_words,
    FS_HANDLER(RING) = op_ring,         FS_HANDLER(RING_WAKE) = op_ring_wake,
};

const struct server_operations operations[SERVER_RANGES] = {
    SERVER_OPERATIONS(IO_NOTIFY, io_handlers),
    SERVER_OPERATIONS(FS_OPEN, fs_handlers),
};
