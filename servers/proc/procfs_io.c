// SPDX-License-Identifier: MIT
// Requests on /proc: protocols/fs.h for paths, protocols/io.h for open files. Read-only but for a few settings.
//
// Files say that they are empty, as on Linux; their text is made anew for each read. What would change the tree is
// refused with Linux's errno.
#include "servers/proc/procfs.h"
#include "protocols/fs.h"
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/magic.h>
#include <linux/stat.h>

#define TEXT_BYTES (64u << 10)
#define DEVICE 21  // st_dev: an anonymous device
#define NAME_BYTES 32

static char text[TEXT_BYTES];            // of one request
static const struct open_file *text_of;  // whose it still is, so that who reads on finds the rest of the same
static size_t text_length;
const struct process *place_reader;

// --- attributes

static uint32_t mode_of(uint32_t node)
{
    static const uint32_t types[] = {[NODE_FILE] = S_IFREG, [NODE_DIRECTORY] = S_IFDIR, [NODE_LINK] = S_IFLNK};
    return types[nodes[node].kind] | nodes[node].mode;
}

static err_t answer_stat(struct place_in_tree at, const struct io_session *session, struct answer *answer)
{
    struct stat *stat = io_output(session, answer, 0, sizeof *stat);
    const struct process *process = place_process(at);
    if (place_is_in_process(at) && !process) return ERR_LINUX(ENOENT);
    uint64_t seconds = wall_ns() / 1000000000;
    *stat = (struct stat){.st_dev = DEVICE,
                          .st_ino = place_inode(at),
                          .st_mode = mode_of(at.node),
                          .st_blksize = 1024,
                          .st_nlink = nodes[at.node].kind == NODE_DIRECTORY ? 2 : 1,
                          .st_uid = process ? process->ids.euid : 0,
                          .st_gid = process ? process->ids.egid : 0,
                          .st_atime = seconds,
                          .st_mtime = seconds,
                          .st_ctime = seconds};
    return OK;
}

static err_t answer_statfs(const struct io_session *session, struct answer *answer)
{
    struct statfs *statfs = io_output(session, answer, 0, sizeof *statfs);
    *statfs =
        (struct statfs){.f_type = PROC_SUPER_MAGIC, .f_bsize = PAGE_SIZE, .f_frsize = PAGE_SIZE, .f_namelen = 255};
    return OK;
}

static void describe(const struct io_description *d, struct io_opened *opened)
{
    opened->mode = mode_of(((const struct open_file *)d)->at.node);
}

// --- paths

// The session of a request and the place that its path leads to.
static err_t find(const struct request *request, struct answer *answer, bool follow, struct io_session **session,
                  struct place_in_tree *at)
{
    *session = caller(request) ? io_session(request) : NULL;
    return *session ? place_walk(request, *session, follow, at, answer) : ERR_LINUX(ESRCH);
}

static bool follows(const struct request *request) { return !(request->words[1] & FS_NOFOLLOW); }

static err_t check_open(struct place_in_tree at, uint32_t flags, uint32_t euid)
{
    const struct node *node = &nodes[at.node];
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    if (flags & O_PATH) return flags & O_DIRECTORY && node->kind != NODE_DIRECTORY ? ERR_LINUX(ENOTDIR) : OK;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) return ERR_LINUX(EEXIST);
    if (node->kind == NODE_LINK) return ERR_LINUX(ELOOP);
    if (node->kind == NODE_DIRECTORY && (writes || flags & O_CREAT)) return ERR_LINUX(EISDIR);
    if (flags & O_DIRECTORY && node->kind != NODE_DIRECTORY) return ERR_LINUX(ENOTDIR);
    if (writes && (!node_is_writable(node) || euid != 0)) return ERR_LINUX(EACCES);
    return OK;
}

static err_t op_open(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct place_in_tree at;
    uint32_t flags = (uint32_t)request->words[3];
    err_t err = find(request, answer, follows(request) && !(flags & O_NOFOLLOW), &session, &at);
    if (err == OK)
        err = request->words[1] & FS_EXEC ? ERR_LINUX(EACCES) : check_open(at, flags, caller(request)->ids.euid);
    if (err != OK) return err;
    struct open_file *file = io_description_new();
    if (!file) return ERR_LINUX(ENFILE);
    file->at = at;
    file->shown = sizeof text;
    text_of = NULL;
    file->io.flags = flags & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECTORY | O_PATH);
    err = io_opened(session, &file->io, request->words[1], answer);
    return err == OK ? OK : server_abort(err == ERR_NO_MEMORY ? ERR_LINUX(ENFILE) : err);
}

static err_t op_stat(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct place_in_tree at;
    err_t err = find(request, answer, follows(request), &session, &at);
    return err == OK ? answer_stat(at, session, answer) : err;
}

static err_t op_access(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct place_in_tree at;
    err_t err = find(request, answer, follows(request), &session, &at);
    if (err != OK) return err;
    unsigned allowed = nodes[at.node].kind == NODE_DIRECTORY ? 5 : node_is_writable(&nodes[at.node]) ? 6 : 4;
    return request->words[3] & ~(uint64_t)allowed & 7 ? ERR_LINUX(EACCES) : OK;
}

static err_t op_readlink(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct place_in_tree at;
    err_t err = find(request, answer, false, &session, &at);
    if (err != OK) return err;
    if (nodes[at.node].kind != NODE_LINK) return ERR_LINUX(EINVAL);
    if (!nodes[at.node].make) return ERR_LINUX(ENOENT);
    char target[NAME_BYTES];
    struct text to = {.to = target, .room = sizeof target};
    nodes[at.node].make(&to, place_is_in_process(at) ? place_process(at) : caller(request));
    void *out = io_output(session, answer, request->words[1], to.n);
    if (!out) return ERR_LINUX(ENAMETOOLONG);
    memcpy(out, target, to.n);
    answer->words[0] = to.n;
    io_answer(answer, 1);
    return OK;
}

static err_t op_statfs(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct place_in_tree at;
    err_t err = find(request, answer, true, &session, &at);
    return err == OK ? answer_statfs(session, answer) : err;
}

// Whatever would make, remove or change something.
static err_t op_change(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct place_in_tree at;
    err_t err = find(request, answer, false, &session, &at);
    return err == OK ? ERR_LINUX(EPERM) : err;
}

// --- open files

static err_t find_file(const struct request *request, struct io_session **session, struct open_file **file)
{
    *file = caller(request) ? io_request_handle(request, session) : NULL;
    return *file ? OK : ERR_LINUX(EBADF);
}

// Bring the file's text into `text`. It is made anew for a reader who begins; a longer one is cut where it ended then.
static size_t make_text(struct open_file *file, const struct process *reader, uint64_t offset)
{
    if (offset == 0 || text_of != file) {
        place_reader = reader;
        text_length = place_text(file->at, text, sizeof text);
        place_reader = NULL;
        text_of = file;
    }
    if (offset == 0) file->shown = text_length;
    return text_length < file->shown ? text_length : file->shown;
}

static err_t file_read(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct open_file *file;
    err_t err = find_file(request, &session, &file);
    if (err != OK) return err;
    if (nodes[file->at.node].kind == NODE_DIRECTORY) return ERR_LINUX(EISDIR);
    if (file->io.flags & O_PATH || (file->io.flags & O_ACCMODE) == O_WRONLY) return ERR_LINUX(EBADF);
    if (place_is_in_process(file->at) && !place_process(file->at)) return ERR_LINUX(ESRCH);
    uint64_t flags = request->words[3];
    bool own = request->words[1] == IO_OFFSET_CURRENT;
    uint64_t offset = own ? file->io.offset : request->words[1];
    size_t length = make_text(file, caller(request), offset);
    size_t bytes = offset < length ? length - offset : 0, room = io_output_room(session, flags);
    bytes = bytes < request->words[2] ? bytes : request->words[2];
    bytes = bytes < room ? bytes : room;
    memcpy(io_output(session, answer, flags, bytes), text + (bytes ? offset : 0), bytes);
    if (own) file->io.offset += bytes;
    answer->words[0] = bytes;
    io_answer(answer, 1);
    return OK;
}

static err_t file_write(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct open_file *file;
    err_t err = find_file(request, &session, &file);
    if (err != OK) return err;
    const struct node *node = &nodes[file->at.node];
    if ((file->io.flags & O_ACCMODE) == O_RDONLY || !node_is_writable(node)) return ERR_LINUX(EBADF);
    size_t bytes = request->words[2];
    if (bytes > PAGE_SIZE && !node->store_at) return ERR_LINUX(EINVAL);
    bytes = bytes < PAGE_SIZE ? bytes : PAGE_SIZE;
    const void *data = io_input(session, request, request->words[3], 0, bytes);
    if (!data) return ERR_LINUX(EINVAL);
    memcpy(text, data, bytes);
    text_of = NULL;
    bool own = request->words[1] == IO_OFFSET_CURRENT;
    uint64_t offset = own ? file->io.offset : request->words[1];
    err = node->store_at ? node->store_at(offset, text, bytes) : node->store(text, bytes);
    if (err == OK && node->store_at && own) file->io.offset += bytes;
    answer->words[0] = bytes;
    io_answer(answer, 1);
    return err;
}

static err_t file_seek(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct open_file *file;
    err_t err = find_file(request, &session, &file);
    if (err != OK) return err;
    int64_t offset = (int64_t)request->words[2];
    if (request->words[1] == 1) offset += (int64_t)file->io.offset;
    if (request->words[1] > 1 || offset < 0) return ERR_LINUX(EINVAL);
    file->io.offset = (uint64_t)offset;
    answer->words[0] = file->io.offset;
    io_answer(answer, 1);
    return OK;
}

static err_t file_stat(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct open_file *file;
    err_t err = find_file(request, &session, &file);
    return err == OK ? answer_stat(file->at, session, answer) : err;
}

static err_t file_statfs(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct open_file *file;
    err_t err = find_file(request, &session, &file);
    return err == OK ? answer_statfs(session, answer) : err;
}

static err_t file_poll(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct open_file *file;
    err_t err = find_file(request, &session, &file);
    answer->words[0] = request->words[1] & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
    io_answer(answer, 1);
    return err;
}

static err_t file_ioctl(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct io_session *session;
    struct open_file *file;
    err_t err = find_file(request, &session, &file);
    return err == OK ? ERR_LINUX(ENOTTY) : err;
}

static err_t file_map(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct io_session *session;
    struct open_file *file;
    err_t err = find_file(request, &session, &file);
    return err == OK ? ERR_LINUX(ENODEV) : err;
}

static err_t file_change(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct io_session *session;
    struct open_file *file;
    err_t err = find_file(request, &session, &file);
    return err == OK ? ERR_LINUX(EPERM) : err;
}

static err_t file_path(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct open_file *file;
    err_t err = find_file(request, &session, &file);
    if (err != OK) return err;
    struct text path = {.to = text, .room = sizeof text};
    text_of = NULL;
    struct place_in_tree at = file->at;
    const char *name = at.node == NODE_ROOT || at.node == NODE_PROCESS ? NULL : nodes[at.node].name;
    uint32_t parent = nodes[at.node].parent;
    if (place_is_in_process(at))
        text_add(&path, "/%u", at.pid);
    else if (parent != NODE_ROOT)
        text_add(&path, "%s%s/%s", nodes[parent].parent != NODE_ROOT ? "/" : "",
                 nodes[parent].parent != NODE_ROOT ? nodes[nodes[parent].parent].name : "", nodes[parent].name);
    if (name || at.node == NODE_ROOT) text_add(&path, "/%s", name ? name : "");
    void *to = io_output(session, answer, request->words[1], path.n);
    if (!to) return ERR_LINUX(ENAMETOOLONG);
    memcpy(to, text, path.n);
    answer->words[0] = path.n;
    io_answer(answer, 1);
    return OK;
}

// --- directories

// A record as getdents64 gives it.
struct directory_record {
    uint64_t inode;
    int64_t next;
    uint16_t bytes;
    uint8_t type;
    char name[];
};
#define RECORD_NAME offsetof(struct directory_record, name)

static err_t file_readdir(const struct request *request, struct answer *answer)
{
    struct io_session *session;
    struct open_file *file;
    err_t err = find_file(request, &session, &file);
    if (err != OK) return err;
    if (nodes[file->at.node].kind != NODE_DIRECTORY) return ERR_LINUX(ENOTDIR);
    if (place_is_in_process(file->at) && !place_process(file->at)) return ERR_LINUX(ENOENT);
    static const uint8_t types[] = {[NODE_FILE] = 8, [NODE_DIRECTORY] = 4, [NODE_LINK] = 10};
    size_t room = io_output_room(session, request->words[1]), used = 0;
    room = room < request->words[2] ? room : request->words[2];
    room = room < sizeof text ? room : sizeof text;
    uint64_t position = file->io.offset;
    struct place_in_tree entry;
    text_of = NULL;
    char name[NAME_BYTES];
    while (place_next(file->at, &position, &entry, name, sizeof name)) {
        size_t bytes = (RECORD_NAME + strlen(name) + 1 + 7) & ~7ull;
        if (used + bytes > room) break;
        struct directory_record *record = (struct directory_record *)(text + used);
        memset(record, 0, bytes);
        record->inode = place_inode(entry);
        record->next = (int64_t)position;
        record->bytes = (uint16_t)bytes;
        record->type = types[nodes[entry.node].kind];
        string_copy(record->name, bytes - RECORD_NAME, name);
        used += bytes;
        file->io.offset = position;
    }
    memcpy(io_output(session, answer, request->words[1], used), text, used);
    answer->words[0] = used;
    io_answer(answer, 1);
    return OK;
}

// --- buffers: neighbouring pages of the pool

static void *buffer_take(size_t bytes, uint32_t *frames, uint64_t *first_page)
{
    uint32_t first = page_alloc_neighbours((unsigned)(bytes / PAGE_SIZE));
    *frames = SLOT_POOL;
    *first_page = first;
    return first ? page_address(first) : NULL;
}

static void buffer_give(void *address, size_t bytes)
{
    uint32_t first = (uint32_t)(((uint64_t)address - COMPONENT_POOL_ADDRESS) >> PAGE_BITS);
    for (uint32_t i = 0; i < bytes / PAGE_SIZE; i++) page_drop(first + i);
}

static const struct io_buffers buffers = {.take = buffer_take, .give = buffer_give};
const struct io_server procfs_server = {.describe = describe, .buffers = &buffers};

void procfs_init(void)
{
    static const struct io_sizes sizes = {
        .description_bytes = sizeof(struct open_file),
        .session_bytes = sizeof(struct io_session),
        .n_descriptions = 1024,
        .n_chunks = 1024,
        .n_threads = 64,
        .n_waiters = 16,
    };
    io_init(&state->io, &sizes);
}

static const server_handler io_handlers[] = {
    IO_COMMON_HANDLERS,
    IO_HANDLER(READ) = file_read,
    IO_HANDLER(WRITE) = file_write,
    IO_HANDLER(SEEK) = file_seek,
    IO_HANDLER(STAT) = file_stat,
    IO_HANDLER(POLL) = file_poll,
    IO_HANDLER(IOCTL) = file_ioctl,
    IO_HANDLER(READDIR) = file_readdir,
    IO_HANDLER(TRUNCATE) = file_change,
    IO_HANDLER(ALLOCATE) = file_change,
    IO_HANDLER(CHMOD) = file_change,
    IO_HANDLER(CHOWN) = file_change,
    IO_HANDLER(UTIME) = file_change,
    IO_HANDLER(STATFS) = file_statfs,
    IO_HANDLER(MAP) = file_map,
    IO_HANDLER(PATH) = file_path,
};
static const server_handler fs_handlers[] = {
    FS_HANDLER(OPEN) = op_open,         FS_HANDLER(STAT) = op_stat,       FS_HANDLER(ACCESS) = op_access,
    FS_HANDLER(READLINK) = op_readlink, FS_HANDLER(MKDIR) = op_change,    FS_HANDLER(MKNOD) = op_change,
    FS_HANDLER(SYMLINK) = op_change,    FS_HANDLER(LINK) = op_change,     FS_HANDLER(RENAME) = op_change,
    FS_HANDLER(UNLINK) = op_change,     FS_HANDLER(CHMOD) = op_change,    FS_HANDLER(CHOWN) = op_change,
    FS_HANDLER(UTIME) = op_change,      FS_HANDLER(TRUNCATE) = op_change, FS_HANDLER(STATFS) = op_statfs,
};
const struct server_operations procfs_operations[2] = {
    SERVER_OPERATIONS(IO_NOTIFY, io_handlers),
    SERVER_OPERATIONS(FS_OPEN, fs_handlers),
};
