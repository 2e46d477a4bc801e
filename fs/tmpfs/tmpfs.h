// SPDX-License-Identifier: MIT
// The file system in memory: its durable records, and what its files offer each other.
//
// All records lie in the vault, at addresses that never change, so they point at each other. File data lies in the
// pool, in extents; it is not logged: sizes and extents are, so data counts once the step that wrote it has committed.
//
//   entry (name) -> inode -> extents -> pages of the pool
//   session -> handle -> description -> inode
//
// An inode lives while it has a link or a user (description, pending open, removed subdirectory): inode_settle().
// Pages between the end of a file and the end of its last extent hold anything; the rest of the file's last page is
// zero, and growing a file zeroes what it uncovers (data.c).
#pragma once
#include "fs/tmpfs/buddy.h"
#include "lib/server/audit.h"
#include "lib/server/io.h"
#include "protocols/fs.h"
#include "protocols/ring.h"
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <asm/stat.h>
#include <linux/stat.h>

#define NAME_BYTES_MAX 255
#define PATH_BYTES_MAX 4095
#define SYMLINKS_MAX 40
#define LINKS_MAX 65000
#define FILE_PAGES_MAX (1u << 31)  // 8 TiB
#define FILE_BYTES_MAX ((uint64_t)FILE_PAGES_MAX * PAGE_SIZE)
#define COOKIE_FIRST 3       // of a directory's first entry; 1 and 2 stand for . and ..
#define EXTENT_GROW_ORDER 8  // files written bit by bit get extents of up to 1 MiB

enum { MAY_EXECUTE = 1, MAY_WRITE = 2, MAY_READ = 4 };

struct time {
    int64_t seconds;
    uint32_t ns, zero;
};

// Bytes of a long name or a symlink's target.
#define TEXT_BYTES 56
struct text {
    struct text *next;
    char bytes[TEXT_BYTES];
};

// What the frames of an extent are lent for; a capability each (extent->slots).
enum { LEND_READ, LEND_WRITE, LEND_EXECUTE, LEND_KINDS };

// 2^order pages of a file, contiguous and aligned in the pool. A treap by file_page.
struct extent {
    struct extent *left, *right;
    struct extent *next;  // among those that have left their file
    uint32_t file_page, pool_page;
    uint32_t order;
    uint32_t slots[LEND_KINDS];  // frames capabilities lent to clients, 0: none
};

// A name in a directory.
#define ENTRY_WORDS 4
#define ENTRY_INLINE (ENTRY_WORDS * sizeof(uint64_t))
struct entry {
    struct entry *hash_next;
    struct entry *next, *previous;  // in the directory, by cookie
    struct inode *directory, *inode;
    uint64_t cookie;
    struct text *more;  // the name behind its first ENTRY_INLINE bytes
    uint32_t hash;
    uint32_t length;
    uint64_t name[ENTRY_WORDS];  // its bytes, then zeros
};

#define DEVICE_OF_FS 0x16  // st_dev: an anonymous device, as Linux gives to tmpfs

struct inode {
    uint64_t number;  // st_ino; never given again
    uint32_t mode, uid, gid, links;
    uint32_t device;
    uint32_t users;
    uint32_t writers;   // descriptions that may write
    uint16_t covered;   // directory: carries a mount
    uint16_t linkable;  // made by O_TMPFILE without O_EXCL
    uint64_t size;      // file: bytes; symlink: bytes of the target; directory: entries
    struct time accessed, modified, changed;
    // regular file
    struct extent *extents;
    uint64_t n_pages;  // in extents
    // directory
    struct entry *first, *last;
    struct entry *self;    // its name, null for the root and once removed
    struct inode *parent;  // kept while the directory lives
    uint64_t next_cookie;
    // symlink
    struct text *target;
    // FIFO or pipe, while somebody has it open
    struct pipe *pipe;
    // locks
    struct lock *posix_locks, *flocks;
    struct io_queue lock_queue;
};

static inline bool is_type(const struct inode *inode, uint32_t type) { return (inode->mode & S_IFMT) == type; }
static inline bool is_directory(const struct inode *inode) { return is_type(inode, S_IFDIR); }

#define PIPE_PAGES (PIPE_BYTES / PAGE_SIZE)
#define PIPE_NO_PAGE (~0u)

// What is lent with an end of a ring: frames of its page, of the data, of all words, and who is signalled there.
enum { RING_OWN, RING_DATA, RING_WORDS, RING_NOTIFICATION, RING_SLOTS };
enum end_state {
    END_SERVED,    // we work with it
    END_LENT,      // a process does, through the ring
    END_RECALLED,  // taken from it after the commit of recalled_step
};
struct pipe_end {
    uint64_t position;      // bytes read or written so far; of a lent end: when it was lent
    uint32_t open;          // descriptions
    uint32_t opened;        // counted up at each open: who waits for one sees it
    uint32_t waiting;       // opens that wait for the other end
    uint32_t state;         // enum end_state
    struct io_queue queue;  // readers that wait for bytes, writers that wait for room
    // For ring.c. The user is who asked last; whom the end is lent to.
    uint64_t user, user_since;  // his badge, and the position when he began
    uint32_t streak, patience;  // his requests in a row; how many are worth a ring
    uint64_t recalled_step;
    uint32_t slots[RING_SLOTS];
    const struct description *through;  // LENT: whose handle's end is the loan's
};
struct pipe {
    struct pipe_end ends[PIPE_ENDS];
    uint32_t owner, capacity;    // whose it is, for pipe_capacity(); pages that it may have
    uint32_t pages[PIPE_PAGES];  // of the pool
    uint32_t words;              // first of the ring's pages of words, PIPE_NO_PAGE: there is no ring
    uint32_t generation;
};

// Somebody has the end open, or waits in an open of it, which the other end need not know to be different.
static inline bool pipe_has(const struct pipe *pipe, unsigned end)
{
    return pipe->ends[end].open || pipe->ends[end].waiting;
}

struct description {
    struct io_description io;
    struct inode *inode;
    struct entry *entry;    // the name it was opened by, found again through...
    uint64_t entry_handle;  // ...its handle, in case it is gone
    struct entry *at;       // directory: the entry that io.offset (a cookie) was the last of
    uint64_t at_handle;
    uint32_t executes;  // opened to be executed
    uint32_t zero;
};

struct lock {
    struct lock *next;
    uint64_t owner;       // POSIX: session badge; others: the description's address
    uint64_t start, end;  // inclusive
    uint32_t kind, pid;   // F_RDLCK or F_WRLCK
};

struct session {
    struct io_session io;
    // An open of a FIFO that waits for the other end.
    struct inode *fifo;
    uint32_t fifo_end, fifo_seen;
    // A lock that it waits for (EDEADLK).
    struct inode *lock_inode;
    struct lock lock_wanted;
};

#define HASH_BUCKETS 16384
struct tmpfs {
    struct io io;
    struct buddy pool;
    uint32_t file_pages, zero;  // of the pool, in files
    struct table inodes, entries, texts, extents, pipes, locks;
    struct entry **buckets;
    struct inode *root;
    struct extent *truncated;  // roots of treaps that have left their file: revoke, then free
    struct extent *deleted;    // the same of deleted files: free once no client has them mapped
    struct extent *revoked;    // free at the next step
    struct extent *lingering;  // of deleted files, still mapped by somebody
    uint64_t revoked_step;     // when the newest of them were revoked
    uint32_t look_again;       // a process has gone: some that linger may be free
    uint32_t sweep;            // where the search for capabilities that nobody uses goes on
    uint32_t passing;          // slot of a terminal's description on its way to a client
    uint32_t words;            // slot of the published words' frames as clients get them, 0: nobody has asked yet
};
extern struct tmpfs *fs;

// The request that is being served. Valid during one handler.
struct context {
    struct session *session;
    uint64_t badge;
    uint64_t now_ns;    // since 1970, when somebody last asked (time_now())...
    bool now_is_known;  // ...in this request
};
extern struct context context;

// --- serve.c
// Fill in the root state of a fresh vault: tables, a pool of n_pages (a power of two), an empty root directory.
void format_tree(struct tmpfs *state, uint32_t n_pages);
// The work that was left for after a step.
void tick(void);
extern const struct io_server io_functions;
extern const struct server_operations operations[SERVER_RANGES];
// Begin a request over a session: fills in the context. An error is the request's answer.
err_t request_begin(const struct request *request);
// The same, and the description of the handle in word 0 (EBADF).
err_t request_handle(const struct request *request, struct description **description);
// Whose request it is. Looked up once, when somebody asks; a process that is no longer known may nothing.
const struct io_credentials *who(void);
// For the rest of the request his real ids count (access(2)).
void become_real(void);
// The date, the same throughout a request.
struct time time_now(void);
// The last of everything is root's: whether these are, and the context's user is not root.
bool is_for_root(uint64_t n_free, uint64_t n);
// Data of a page of the pool.
static inline uint8_t *pool_address(uint32_t page)
{
    return (uint8_t *)COMPONENT_POOL_ADDRESS + (uint64_t)page * PAGE_SIZE;
}

// --- words.c
// At each start, with the memory of the published words.
void words_attach(void *memory);
// The inode is going to change, or has: whoever remembers something of it asks again. Never taken back.
void word_move(const struct inode *inode);
// What the answer in the making rests on; empty when a request begins. One more than fits: it will have no trail.
struct trail {
    uint32_t n;
    const struct inode *inodes[FS_TRAIL_MAX + 1];
};
extern struct trail trail;
static inline void trail_add(const struct inode *inode)
{
    if (trail.n <= FS_TRAIL_MAX) trail.inodes[trail.n++] = inode;
}
void trail_answer(struct answer *answer);       // put it into the answer
uint64_t word_mark(const struct inode *inode);  // of this inode alone, as in a trail

// --- audit.c
void audit(void);     // for server.audit
void wake_all(void);  // for server.wake

// --- text.c
struct text *text_new(const char *bytes, size_t n);  // null: no room (or n == 0)
void text_free(struct text *text);
bool text_equal(const struct text *text, const char *bytes, size_t n);
void text_copy(const struct text *text, char *to, size_t n);

// --- inode.c
struct inode *inode_new(uint32_t mode, uint32_t uid, uint32_t gid);  // no link yet; null: ENOSPC
void inode_hold(struct inode *inode);
// Drop a user; the inode ends with its last link and user.
void inode_drop(struct inode *inode);
void inode_settle(struct inode *inode);
struct inode *inode_by_number(uint64_t number);
void inode_stat(const struct inode *inode, struct stat *stat);
bool may(const struct inode *inode, unsigned want);  // for the requester's credentials
bool owns(const struct inode *inode);                // owner or root
void touch_modified(struct inode *inode);            // mtime and ctime
void touch_changed(struct inode *inode);
bool access_is_due(const struct inode *inode, uint32_t flags);  // relatime; not with O_NOATIME
void touch_accessed(struct inode *inode, uint32_t flags);       // if it is
void drop_privileges(struct inode *inode);                      // set-id bits, when somebody other than root writes

// --- dir.c
// A name on its way: its hash covers all of it, the words hold what an entry holds (those behind it are not defined).
struct name {
    const char *text;
    size_t length;
    uint64_t hash;
    uint64_t words[ENTRY_WORDS];
};
#define NAME_SLACK 8  // bytes that can be read behind the slash that ends a name
// The name at the start of a text that has a slash and NAME_SLACK bytes behind it.
void name_take(struct name *name, const char *text);
void name_make(struct name *name, const char *text, size_t n);  // of at most NAME_BYTES_MAX bytes, from anywhere
struct entry *dir_find(const struct inode *directory, const struct name *name);
struct entry *dir_add(struct inode *directory, const struct name *name, struct inode *inode);  // null: ENOSPC
void dir_remove(struct entry *entry);
bool dir_knows(const struct entry *entry);  // the hash table leads to it
void dir_rehash(void);                      // make the hash table anew of the entries that the audit has reached
// Give the entry another directory and name; the record stays. False: no room.
bool dir_move(struct entry *entry, struct inode *directory, const struct name *name);
size_t entry_name(const struct entry *entry, char *to);  // not terminated; returns the length
err_t dir_read(struct description *d, uint8_t *to, size_t room, size_t *used);
// The absolute path of a directory or entry as seen from `root`, ending at to[PATH_BYTES_MAX]; its first byte, null:
// too long.
char *dir_path(const struct inode *directory, const struct entry *entry, const struct inode *root, char *to);

// --- path.c
// A directory has another name, place or covering, is gone, or others may search it: paths may lead elsewhere.
void directory_changed(void);
enum last_kind { LAST_NAME, LAST_DOT, LAST_DOTDOT, LAST_NONE };
struct lookup {
    struct inode *directory;  // where the last component stands
    struct entry *entry;      // null: missing, or not a name (LAST_*)
    struct inode *inode;      // what it is, null: missing
    struct name name;         // the last component
    enum last_kind kind;
    bool slash;   // a slash follows it
    bool linked;  // it comes from a symlink, not from the path as it was asked
};
enum { WALK_FOLLOW = 1, WALK_PARENT = 2 };  // follow a final symlink; stop in front of the last component
// Resolve the path of a request (text at `skip` bytes of its data). FS_CONTINUE fills in the answer.
err_t path_walk(const struct request *request, struct answer *answer, uint64_t handle, uint64_t flags, size_t skip,
                uint64_t length, unsigned walk, struct lookup *lookup);
// The usual case: directory, flags and length in words 0..2, text first.
err_t path_request(const struct request *request, struct answer *answer, unsigned walk, struct lookup *lookup);
// The end of a request that may close a handle besides, in word 5 (fs.h).
err_t and_close(const struct request *request, err_t err);

// --- extent.c
struct extent *extent_find(const struct inode *inode, uint64_t page);    // that covers the page
struct extent *extent_after(const struct inode *inode, uint64_t page);   // the first that begins behind the page
struct extent *extent_before(const struct inode *inode, uint64_t page);  // the last that begins before the page
struct extent *extent_last(const struct inode *inode);
// Make sure that the page has an extent; `n_pages` more are going to be written. Null: ENOSPC.
struct extent *extent_make(struct inode *inode, uint64_t page, uint64_t n_pages);
// Take everything from this page on out of the file; an extent that is lent and straddles it stays whole.
void extent_cut(struct inode *inode, uint64_t page, struct extent **list);
// Take one extent out of the file; its pages and record are the caller's.
void extent_remove(struct inode *inode, struct extent *e);
// Give back what a growing file got in advance.
void extent_trim(struct inode *inode);
bool extent_is_lent(const struct extent *e);
// Pages of the pool, of this order or the largest below it; fetches pages that are on their way back. False: none.
bool pool_take(unsigned *order, uint32_t *page);
// 2^order pages for a pipe. Users' pipes leave the last of the pool to those of more need.
bool pool_take_for_pipe(unsigned order, uint32_t *page);
// How many pages files may have in all, so that pipes and buffers, and with them processes, work when files have them.
uint32_t files_limit(void);
void file_pages_give(uint32_t page, unsigned order);  // back to the pool
static inline uint64_t extent_end(const struct extent *e) { return (uint64_t)e->file_page + (1ull << e->order); }
static inline uint8_t *extent_data(const struct extent *e, uint64_t page)
{
    return pool_address(e->pool_page + (uint32_t)(page - e->file_page));
}

// --- reclaim.c
// Free pages that have left their files, at most n extents; asks for a tick when there are more.
void reclaim(unsigned n);
void reclaim_tick(void);
// Take lent capabilities back that nobody uses; how many slots are going to be free after this step.
unsigned reclaim_slots(void);
// Some capability derived from the extent is still alive.
bool extent_in_use(const struct extent *e, unsigned kind);

// --- data.c
uint64_t data_read(const struct inode *inode, uint64_t offset, uint8_t *to, uint64_t n);
err_t data_write(struct inode *inode, uint64_t offset, const uint8_t *from, uint64_t n, uint64_t *written);
err_t data_resize(struct inode *inode, uint64_t size);
err_t data_allocate(struct inode *inode, uint64_t offset, uint64_t n, bool keep_size);
err_t data_punch(struct inode *inode, uint64_t offset, uint64_t n);
err_t data_seek(const struct inode *inode, uint64_t offset, bool hole, uint64_t *found);

// --- lock.c
err_t lock_operation(struct description *d, const struct request *request, struct answer *answer);
void locks_of_session(struct session *session, struct inode *inode);  // drop POSIX locks
void locks_of_description(struct description *d);
void lock_forget_wait(struct session *session);

// --- pipe.c
bool pipe_uses(uint32_t access, unsigned end);          // so opened, it is one of this end's users
err_t pipe_open(struct inode *inode, uint32_t access);  // count an end; makes the pipe when it is the first
void pipe_close(struct inode *inode, uint32_t access);
// Requests on an end. ERR_RESTARTED: it has to be taken from a process first, and the request is sent again.
// How many of *n bytes can be read now; 0: end of file. ERR_AGAIN: none.
err_t pipe_readable(struct inode *inode, uint64_t flags, uint64_t *n);
void pipe_read(struct inode *inode, uint8_t *to, uint64_t n);  // as many as pipe_readable() said
err_t pipe_write(struct inode *inode, const uint8_t *from, uint64_t n, uint64_t flags, uint64_t *done);
err_t pipe_poll(struct inode *inode, uint32_t access, uint64_t flags, uint32_t events, uint64_t *ready);
uint64_t pipe_level(const struct inode *inode);
// Signal everybody who waits at an end, after the commit.
void pipe_wake(struct pipe *pipe, unsigned which);
// Open one end of a FIFO: OK, or ERR_AGAIN until the other end is there, ENXIO.
err_t fifo_open(struct inode *inode, uint32_t flags, uint64_t io_flags);
void fifo_forget(struct session *session);

// --- ring.c: pipes in memory shared with processes
uint64_t pipe_bytes(const struct pipe *pipe);  // between the ends, whoever has them; at most PIPE_BYTES
// Before a request of the context's session works with an end: take it back. ERR_RESTARTED as above.
err_t ring_take(struct pipe *pipe, unsigned which);
bool ring_is_offered(const struct pipe *pipe, unsigned which);     // the requester may have this end
void ring_moved(struct pipe *pipe, unsigned which);                // we moved the end: tell the other, after the commit
void ring_arm(struct pipe *pipe, unsigned which, uint64_t flags);  // somebody is going to wait at this end
void ring_tell_state(struct pipe *pipe);                           // ends were opened or closed
void ring_tell_again(const struct pipe *pipe);  // after a restart: all that is published of it, and who holds an end
void ring_handle_closed(const struct session *session, const struct description *d);
void ring_free(struct pipe *pipe);
#define RING_EFFECTS 2
extern const server_effect_handler ring_effects[RING_EFFECTS];

// --- cpio.c
// Fill the empty tree from the bundle's archive.
void cpio_load(const struct component_cap *archive);

// --- names.c: make an object in a directory (the caller has checked permissions)
err_t make_node(struct inode *directory, const struct name *name, uint32_t mode, uint32_t device, struct entry **made);
err_t may_remove(const struct inode *directory, const struct inode *victim);
bool dir_is_dead(const struct inode *directory);

// --- open.c
struct description *description_of(struct inode *inode, struct entry *entry, uint32_t flags);
void describe(const struct io_description *io, struct io_opened *opened);
void description_close(struct io_description *io);
bool may_read_with(uint32_t flags);  // a description with these flags
bool may_write_with(uint32_t flags);
bool is_executing(const struct inode *inode);  // somebody runs this file

// --- handlers, by protocols/fs.h and io.h
#define HANDLER(name) err_t name(const struct request *request, struct answer *answer)
HANDLER(op_open);
HANDLER(op_pipe);
HANDLER(op_stat);
HANDLER(op_access);
HANDLER(op_readlink);
HANDLER(op_mkdir);
HANDLER(op_mknod);
HANDLER(op_symlink);
HANDLER(op_link);
HANDLER(op_rename);
HANDLER(op_unlink);
HANDLER(op_chmod);
HANDLER(op_chown);
HANDLER(op_utime);
HANDLER(op_truncate);
HANDLER(op_statfs);
HANDLER(op_cover);
HANDLER(op_words);
HANDLER(op_ring);
HANDLER(op_ring_wake);
HANDLER(io_read);
HANDLER(io_write);
HANDLER(io_seek);
HANDLER(io_stat);
HANDLER(io_poll);
HANDLER(io_ioctl);
HANDLER(io_readdir);
HANDLER(io_truncate);
HANDLER(io_sync);
HANDLER(io_allocate);
HANDLER(io_chmod);
HANDLER(io_chown);
HANDLER(io_utime);
HANDLER(io_lock);
HANDLER(io_statfs);
HANDLER(io_map);
HANDLER(io_path);
