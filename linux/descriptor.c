// SPDX-License-Identifier: MIT
// The descriptor table and the open file descriptions behind it.
//
// Rules:
//  - A file's number is its slot in PSLOT_DESCRIPTIONS. The file lives while something of this process uses it; then
//    the capability goes first and the handle after it, so that the server sees the last close when IO_CLOSE returns.
//  - What this process opened has a handle and no capability, and a regular file's offset is kept here. Before another
//    process gets the table, files_share() asks for capabilities and hands the offsets over, for good.
//  - A file that came by fork has a capability but no handle; file_attach() gets one at its first use.
//  - A close that nobody can wait for (IO_CLOSE_LATER) waits itself: for the next open, unlink or rename, which takes it
//    along, for the next close, or until the process sleeps or executes another program. One at a time does.
//  - The table lock covers the two tables, never a request.
#include <linux/stat.h>
#include "linux/linux.h"

#define FILE_BITS \
    (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECT | O_DIRECTORY | O_PATH | O_NOATIME | O_SYNC | O_ASYNC_BIT)
#define O_ASYNC_BIT FASYNC

struct file *file_get(uint64_t fd)
{
    struct process *p = process();
    unsigned n = (uint32_t)fd;
    unsigned file = n < DESCRIPTORS ? p->descriptors[n].file : 0;
    return file ? &p->files[file] : NULL;
}

uint32_t file_number(const struct file *file) { return (uint32_t)(file - process()->files); }

void file_hold(struct file *file) { __atomic_add_fetch(&file->uses, 1, __ATOMIC_RELAXED); }

// The cspace of descriptions gets this slot.
static __attribute__((noinline)) bool make_slot(struct process *p, uint32_t slot)
{
    struct message m = {.words = {(slot | 63) + 1}};
    if (ask_proc(PROC_DESCRIPTIONS, 0, &m) < 0) return false;
    p->description_slots = (uint32_t)m.words[0];
    return slot < p->description_slots;
}

struct file *file_new(void)
{
    struct process *p = process();
    lock(&p->table_lock);
    unsigned n = p->file_hint > 0 ? p->file_hint : 1;
    while (n < FILES && p->files[n].uses > 0) n++;
    struct file *file = n < FILES ? &p->files[n] : NULL;
    if (file) {
        *file = (struct file){.uses = 1, .server = IO_LOCAL, .offset = IO_OFFSET_CURRENT};
        p->file_hint = n + 1;
        if (p->n_files <= n) p->n_files = n + 1;
    }
    unlock(&p->table_lock);
    if (file && n >= PSLOTS && n >= p->description_slots && !make_slot(p, n)) {
        file_drop(file);
        return NULL;
    }
    return file;
}

uint64_t close_take(void)
{
    uint64_t *to_close = &process()->to_close;
    return *to_close ? __atomic_exchange_n(to_close, 0, __ATOMIC_RELAXED) : 0;
}

static bool close_later(uint64_t handle)
{
    uint64_t none = 0;
    return __atomic_compare_exchange_n(&process()->to_close, &none, handle + 1, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

// And one that waits, if there is one and its server is the same.
static __attribute__((noinline)) void close_at_once(unsigned server, uint64_t handle)
{
    struct message m = {.words = {handle, server == SERVER_ROOT ? close_take() : 0}};
    (void)ask(server, IO_CLOSE, 0, &m);
}

void close_now(void)
{
    uint64_t taken = close_take();
    if (taken) close_at_once(SERVER_ROOT, taken - 1);
}

static bool is_read_file(const struct file *file)
{
    return file->inode && (file->mode & S_IFMT) == S_IFREG && (file->status & O_ACCMODE) == O_RDONLY;
}

// The last use of a file with a server is over.
static void end(struct process *p, struct file *file)
{
    if (file->ring) ring_drop(file);
    if (file->windows) windows_forget(file);
    if (p->ahead.file == file_number(file)) p->ahead.file = 0;
    if (is_read_file(file)) p->reads_files = file->reads > 0;
    if (file->is_shared) (void)cspace_delete(PSLOT_DESCRIPTIONS, file_number(file), 1);
    bool may_wait = file->close_later && !file->is_shared && !p->takes_locks;
    if (file->attached && !(may_wait && close_later(file->handle))) close_at_once(file->server, file->handle);
}

void file_drop(struct file *file)
{
    struct process *p = process();
    if (__atomic_load_n(&file->uses, __ATOMIC_RELAXED) == 1 && file->server != IO_LOCAL) end(p, file);
    lock(&p->table_lock);
    if (--file->uses == 0 && file_number(file) < p->file_hint) p->file_hint = file_number(file);
    unlock(&p->table_lock);
}

__attribute__((noinline)) long attach(struct file *file)
{
    long result = session_use(file->server);
    if (result < 0) return result;
    send_cap(PSLOT_DESCRIPTIONS, file_number(file));
    struct message m = {0};
    result = ask(file->server, IO_ATTACH, 0, &m);
    if (result < 0) return result;
    file->handle = m.words[0];
    file->status = (uint32_t)m.words[2] & FILE_BITS;
    file->attached = 1;
    return 0;
}

// The offset goes with the request; another thread may move it meanwhile.
static long share(struct file *file)
{
    for (;;) {
        uint64_t offset = __atomic_load_n(&file->offset, __ATOMIC_RELAXED);
        receive_cap(0, PSLOT_DESCRIPTIONS, file_number(file));
        struct message m = {.words = {file->handle, offset}};
        long result = ask(file->server, IO_SHARE, 0, &m);
        if (result < 0) return result;
        file->is_shared = 1;
        if (__atomic_compare_exchange_n(&file->offset, &offset, IO_OFFSET_CURRENT, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return 0;
        (void)cspace_delete(PSLOT_DESCRIPTIONS, file_number(file), 1);
    }
}

long files_share(void)
{
    struct process *p = process();
    long result = 0;
    for (unsigned i = 1; i < p->n_files && result == 0; i++) {
        struct file *file = &p->files[i];
        if (file->uses == 0 || file->server == IO_LOCAL || file->is_shared) continue;
        file_hold(file);
        result = share(file);
        if (result == -EBADF) result = 0;  // closed meanwhile
        file_drop(file);
    }
    return result;
}

// What another thread opened while the child was being made has no capability there: the child never had it.
void files_forget(struct process *child)
{
    child->to_close = 0;
    child->ahead.file = 0;
    for (unsigned i = 1; i < child->n_files; i++) {
        child->files[i].attached = 0;
        child->files[i].ring = 0;
        child->files[i].windows = 0;
        if (child->files[i].server != IO_LOCAL && !child->files[i].is_shared) child->files[i].uses = 0;
    }
    for (unsigned fd = 0; fd < child->n_descriptors; fd++)
        if (child->descriptors[fd].file && child->files[child->descriptors[fd].file].uses == 0)
            child->descriptors[fd] = (struct descriptor){0};
}

long file_opened(struct file *file, unsigned server, const struct message *answer)
{
    const struct io_opened *opened = (const struct io_opened *)answer->words;
    file->mode = (uint16_t)opened->mode;
    file->status = (uint32_t)opened->flags & FILE_BITS;
    file->close_later = (opened->flags & IO_CLOSE_LATER) != 0;
    file->device = (uint32_t)opened->device;
    file->handle = opened->handle;
    file->attached = 1;
    file->inode = opened->inode;
    file->is_shared = INFO_CAPS(answer->info) > 0;
    if (!file->is_shared && (file->mode & S_IFMT) == S_IFREG && !(file->status & O_PATH)) file->offset = 0;
    file->server = (uint16_t)server;
    if (opened->server == 0 || opened->server == server) return 0;
    file->server = (uint16_t)opened->server;
    file->attached = 0;
    return opened->server == IO_LOCAL ? local_open(file) : file_attach(file);
}

uint64_t descriptor_limit(void)
{
    uint64_t limit = process_page()->rlimit[7][0];  // RLIMIT_NOFILE
    return limit < DESCRIPTORS ? limit : DESCRIPTORS;
}

long descriptor_new(struct file *file, unsigned lowest, bool close_on_exec)
{
    struct process *p = process();
    lock(&p->table_lock);
    unsigned limit = (unsigned)descriptor_limit();
    unsigned n = lowest > p->descriptor_hint ? lowest : p->descriptor_hint;
    while (n < limit && p->descriptors[n].file) n++;
    if (n < limit) {
        p->descriptors[n] = (struct descriptor){(uint16_t)file_number(file), close_on_exec};
        if (lowest <= p->descriptor_hint) p->descriptor_hint = n + 1;
        if (p->n_descriptors <= n) p->n_descriptors = n + 1;
    }
    unlock(&p->table_lock);
    if (n < limit) return n;
    file_drop(file);
    return -EMFILE;
}

long descriptor_close(unsigned fd)
{
    struct process *p = process();
    struct file *file = NULL;
    lock(&p->table_lock);
    if (fd < DESCRIPTORS && p->descriptors[fd].file) {
        file = &p->files[p->descriptors[fd].file];
        p->descriptors[fd] = (struct descriptor){0};
        if (fd < p->descriptor_hint) p->descriptor_hint = fd;
    }
    unlock(&p->table_lock);
    if (!file) return -EBADF;
    file_drop(file);
    return 0;
}

void descriptors_close_on_exec(void)
{
    for (unsigned fd = 0; fd < process()->n_descriptors; fd++)
        if (process()->descriptors[fd].file && process()->descriptors[fd].close_on_exec) (void)descriptor_close(fd);
}

// --- calls

long call_close(uint64_t fd) { return descriptor_close((unsigned)fd); }

long call_close_range(uint64_t first, uint64_t last, uint64_t flags)
{
    unsigned n = process()->n_descriptors, end = (uint32_t)last < n ? (uint32_t)last + 1 : n;
    if ((uint32_t)first > (uint32_t)last || flags & ~6u) return -EINVAL;
    for (unsigned fd = (uint32_t)first; fd < end; fd++) {
        if (flags & 4)  // CLOSE_RANGE_CLOEXEC
            process()->descriptors[fd].close_on_exec = 1;
        else
            (void)descriptor_close(fd);
    }
    return 0;
}

static long duplicate(uint64_t fd, unsigned lowest, bool close_on_exec)
{
    struct file *file = file_get(fd);
    if (!file) return -EBADF;
    file_hold(file);
    return descriptor_new(file, lowest, close_on_exec);
}

long call_dup(uint64_t fd) { return duplicate(fd, 0, false); }

long call_dup3(uint64_t fd, uint64_t to, uint64_t flags)
{
    struct process *p = process();
    unsigned n = (uint32_t)to;
    struct file *file = file_get(fd);
    if ((uint32_t)fd == n || flags & ~(uint64_t)O_CLOEXEC) return -EINVAL;
    if (!file || n >= descriptor_limit()) return -EBADF;
    file_hold(file);
    lock(&p->table_lock);
    unsigned old = p->descriptors[n].file;
    p->descriptors[n] = (struct descriptor){(uint16_t)file_number(file), flags != 0};
    if (p->n_descriptors <= n) p->n_descriptors = n + 1;
    unlock(&p->table_lock);
    if (old) file_drop(&p->files[old]);
    return n;
}

long call_dup2(uint64_t fd, uint64_t to)
{
    if ((uint32_t)fd == (uint32_t)to) return file_get(fd) ? (long)(uint32_t)to : -EBADF;
    return call_dup3(fd, to, 0);
}

// --- fcntl

static long set_status(struct file *file, uint64_t status)
{
    const uint32_t changeable = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;
    file->status = (file->status & ~changeable) | ((uint32_t)status & changeable);
    if (file->server == IO_LOCAL) return 0;
    struct message m = {.words = {0, file->status}};
    return file_ask(file, IO_SET_FLAGS, 0, &m);
}

static long get_status(struct file *file)
{
    if (file->is_shared) {
        struct message m = {0};
        long result = file_ask(file, IO_GET_FLAGS, 0, &m);
        if (result < 0) return result;
        file->status = (uint32_t)m.words[0] & FILE_BITS;
    }
    return file->status | 0100000;  // O_LARGEFILE, which 64-bit headers define as 0
}

// Where a struct flock begins and ends, as absolute offsets.
static long lock_start(struct file *file, const struct flock *l, int64_t *start)
{
    *start = l->l_start;
    if (l->l_whence == 0) return 0;
    if (l->l_whence != 1 && l->l_whence != 2) return -EINVAL;
    long result = l->l_whence == 1 ? file_seek(file, 0, 1) : 0;
    if (l->l_whence == 2) {
        uint64_t stat[18];
        result = file_stat(file, stat);
        if (result == 0) result = (long)stat[6];
    }
    *start += result;
    return result < 0 ? result : 0;
}

long call_flock(uint64_t fd, uint64_t operation)
{
    static const int types[] = {0, F_RDLCK, F_WRLCK, 0, 0, 0, 0, 0, F_UNLCK};
    struct file *file = file_get(fd);
    unsigned kind = operation & ~4u;
    if (!file) return -EBADF;
    if (kind != 1 && kind != 2 && kind != 8) return -EINVAL;
    process()->takes_locks = 1;
    for (;;) {
        uint64_t arm = operation & 4 ? 0 : IO_ARM | IO_THREAD(thread_index());
        long result = file_attach(file);
        if (result == 0 && arm) result = notify_use(file->server);
        struct message m = {.words = {0, FS_FLOCK, (uint64_t)types[kind], 0, 0, arm}};
        if (result == 0) result = file_ask(file, IO_LOCK, 0, &m);
        if (result != -EAGAIN || !arm) return result;
        err_t err = thread_wait(NS_FOREVER);
        if (err != OK) return wait_interrupted(err);
    }
}

static long record_lock(struct file *file, unsigned command, uint64_t user)
{
    bool get = command == F_GETLK || command == F_OFD_GETLK, wait = command == F_SETLKW || command == F_OFD_SETLKW;
    struct flock l;
    int64_t start;
    if (!copy_in(&l, user, sizeof l)) return -EFAULT;
    if (command >= F_OFD_GETLK && l.l_pid != 0) return -EINVAL;
    long result = lock_start(file, &l, &start);
    int64_t length = l.l_len;
    if (length < 0) {
        start += length;
        length = -length;
    }
    if (result < 0 || start < 0) return result < 0 ? result : -EINVAL;
    process()->takes_locks = 1;
    for (;;) {
        uint64_t arm = wait ? IO_ARM | IO_THREAD(thread_index()) : 0;
        result = file_attach(file);
        if (result == 0 && arm) result = notify_use(file->server);
        struct message m = {.words = {0, command, (uint64_t)l.l_type, (uint64_t)start, (uint64_t)length, arm}};
        if (result == 0) result = file_ask(file, IO_LOCK, 0, &m);
        if (result == 0 && get) {
            l.l_type = (short)m.words[0];
            if (l.l_type != F_UNLCK) {
                l.l_whence = 0;
                l.l_start = (long)m.words[1];
                l.l_len = (long)m.words[2];
                l.l_pid = (int)m.words[3];
            }
            return copy_out(user, &l, sizeof l) ? 0 : -EFAULT;
        }
        if (result != -EAGAIN || !arm) return result;
        err_t err = thread_wait(NS_FOREVER);
        if (err != OK) return wait_interrupted(err);
    }
}

long call_fcntl(uint64_t fd, uint64_t command, uint64_t argument)
{
    struct file *file = file_get(fd);
    if (!file) return -EBADF;
    struct descriptor *d = &process()->descriptors[(uint32_t)fd];
    switch ((uint32_t)command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if ((uint32_t)argument >= descriptor_limit()) return -EINVAL;
        return duplicate(fd, (uint32_t)argument, (uint32_t)command == F_DUPFD_CLOEXEC);
    case F_GETFD: return d->close_on_exec ? FD_CLOEXEC : 0;
    case F_SETFD: d->close_on_exec = (argument & FD_CLOEXEC) != 0; return 0;
    case F_GETFL: return get_status(file);
    case F_SETFL: return set_status(file, argument);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW: return file->server == IO_LOCAL ? -EINVAL : record_lock(file, (uint32_t)command, argument);
    default: return -EINVAL;
    }
}
