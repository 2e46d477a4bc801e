// SPDX-License-Identifier: MIT
// Paths: where a walk starts, how it goes on at mounts, and the links of /proc/self that only this process can follow.
//
// One request resolves as far as one file system goes. FS_CONTINUE sends the rest elsewhere: to the file system mounted
// on the covered directory, or back to the root. A walk's text is liblinux's own copy; the mount table is the
// process's.
#include <linux/stat.h>
#include "linux/linux.h"

#define HOPS 40  // between file systems; symlinks are counted by them

// --- where it starts

static long start(struct walk *w, uint64_t dirfd)
{
    struct process *p = process();
    struct file *file;
    w->server = SERVER_ROOT;
    w->handle = FS_ROOT;
    w->directory = QUESTION_ROOT;
    w->symlinks = 0;
    if (w->text[0] == '/') return 0;
    if ((int)dirfd == AT_FDCWD) {
        if (!p->cwd) return 0;
        file = &p->files[p->cwd];
    } else {
        file = file_get(dirfd);
        if (!file) return -EBADF;
        if ((file->mode & S_IFMT) != S_IFDIR && w->bytes > 0) return -ENOTDIR;
        if (w->bytes == 0) {
            file_hold(file);
            w->here = file;
            return 0;
        }
    }
    long result = file_attach(file);
    w->server = file->server;
    w->handle = file->handle;
    w->directory = file->inode;
    return result;
}

long walk_begin(struct walk *w, uint64_t dirfd, uint64_t user_path, bool may_be_empty)
{
    w->here = NULL;
    long result = copy_string(w->text, user_path, sizeof w->text);
    if (result < 0) return result;
    if (result == 0 && !may_be_empty) return -ENOENT;
    w->bytes = (size_t)result;
    return start(w, dirfd);
}

long walk_text(struct walk *w, uint64_t dirfd, const char *path)
{
    w->here = NULL;
    w->bytes = strlen(path);
    if (w->bytes >= sizeof w->text) return -ENAMETOOLONG;
    memcpy(w->text, path, w->bytes + 1);
    return start(w, dirfd);
}

void walk_end(struct walk *w)
{
    if (w->here) file_drop(w->here);
    w->here = NULL;
}

// --- links of /proc/self

// Skip slashes and the component if it stands at `at`; the place behind it, or null.
static const char *skip(const char *at, const char *component)
{
    while (*at == '/') at++;
    size_t n = strlen(component);
    return strncmp(at, component, n) == 0 && (at[n] == 0 || at[n] == '/') ? at + n : NULL;
}

static const char *skip_self(const char *at)
{
    const char *rest = skip(at, "self");
    if (!rest) rest = skip(at, "thread-self");
    if (rest) return rest;
    while (*at == '/') at++;
    const char *end = at;
    return string_to_number(at, &end) == process_page()->pid && end > at && (*end == 0 || *end == '/') ? end : NULL;
}

// Replace the text by a path and what follows the link.
static long rewrite(struct walk *w, const char *path, const char *rest)
{
    char text[PATH_MAX];
    size_t n = strlen(path), more = strlen(rest);
    if (n + more >= sizeof text) return -ENAMETOOLONG;
    memcpy(text, path, n);
    memcpy(text + n, rest, more + 1);
    return walk_text(w, (uint64_t)AT_FDCWD, text);
}

struct own_link {
    enum { LINK_NONE, LINK_EXE, LINK_ROOT, LINK_CWD, LINK_DESCRIPTOR } kind;
    struct file *file;  // of LINK_DESCRIPTOR
    const char *rest;   // what follows it
};

// Which link of this process's directory the walk's text begins with.
static struct own_link own_link(const struct walk *w)
{
    static const char *const names[] = {[LINK_EXE] = "exe", [LINK_ROOT] = "root", [LINK_CWD] = "cwd"};
    struct own_link link = {0};
    const char *at = w->handle == FS_ROOT ? skip_self(w->text) : NULL;
    if (!at) return link;
    for (unsigned kind = LINK_EXE; kind <= LINK_CWD; kind++) {
        link.rest = skip(at, names[kind]);
        if (link.rest) return link.kind = kind, link;
    }
    at = skip(at, "fd");
    if (!at) return link;
    while (*at == '/') at++;
    link.file = file_get(string_to_number(at, &link.rest));
    if (link.file && link.rest > at && (*link.rest == 0 || *link.rest == '/')) link.kind = LINK_DESCRIPTOR;
    return link;
}

// The path that a link stands for.
static long link_text(const struct own_link *link, char *to, size_t room)
{
    struct process *p = process();
    switch (link->kind) {
    case LINK_EXE: return p->executable ? file_path(&p->files[p->executable], to, room) : -ENOENT;
    case LINK_DESCRIPTOR: return file_path(link->file, to, room);
    case LINK_CWD:
        if (p->cwd) return file_path(&p->files[p->cwd], to, room);
        // fall through
    default: return string_copy(to, room, "/"), 1;
    }
}

static bool is_deleted(const char *path, long n)
{
    static const char mark[] = " (deleted)";
    return n >= (long)sizeof mark - 1 && strcmp(path + n - (sizeof mark - 1), mark) == 0;
}

// In front of a request to proc: follow a link that leads back into this process. 1: it was. Files and directories of
// the root file system are found anew by their path; pipes, terminals and local devices are taken as they are
// (w->here).
static long follow_own_link(struct walk *w, const struct own_link *link)
{
    char path[PATH_MAX];
    if (++w->symlinks > HOPS) return -ELOOP;
    uint32_t type = link->file ? link->file->mode & S_IFMT : S_IFREG;
    bool has_path = !link->file || (link->file->server == SERVER_ROOT && (type == S_IFREG || type == S_IFDIR));
    long n = has_path ? link_text(link, path, sizeof path) : 0;
    if (n < 0) return n;
    if (n > 0 && !is_deleted(path, n)) {
        n = rewrite(w, path, link->rest);
        return n < 0 ? n : 1;
    }
    if (*link->rest || !link->file) return -ENOENT;
    file_hold(link->file);
    w->here = link->file;
    return 1;
}

// --- going on

static const struct handover_mount *mount_on(unsigned server, uint64_t inode)
{
    const struct process *p = process();
    for (unsigned i = 0; i < p->n_mounts; i++)
        if (p->mounts[i].server == server && p->mounts[i].inode == inode) return &p->mounts[i];
    return NULL;
}

static const struct handover_mount *mount_of(unsigned server)
{
    const struct process *p = process();
    for (unsigned i = 0; i < p->n_mounts; i++)
        if (p->mounts[i].mounted == server) return &p->mounts[i];
    return NULL;
}

// The rest of the path has been copied to the walk's text.
static long go_on(struct walk *w, const struct message *answer)
{
    const struct handover_mount *mount;
    w->symlinks = (uint32_t)answer->words[3];
    switch (answer->words[0]) {
    case FS_AT_MOUNT:
        mount = mount_on(w->server, answer->words[2]);
        if (!mount) return -ENOENT;
        w->server = mount->mounted;
        w->handle = FS_ROOT;
        if (w->bytes == 0) memcpy(w->text, ".", 2), w->bytes = 1;
        return 0;
    case FS_AT_SYMLINK:
        w->server = SERVER_ROOT;
        w->handle = FS_ROOT;
        return 0;
    case FS_AT_PARENT: {
        mount = mount_of(w->server);
        if (!mount) return -ENOENT;
        char above[HANDOVER_MOUNT_PATH + 8];
        size_t n = strlen(mount->path);
        memcpy(above, mount->path, n);
        memcpy(above + n, "/../", 5);
        char rest[PATH_MAX];
        memcpy(rest, w->text, w->bytes + 1);
        return rewrite(w, above, rest);
    }
    default: return -EIO;
    }
}

// Whether the request can take a close along that waits.
static bool closes_first(const struct walk *w, const struct path_request *r)
{
    return w->server == SERVER_ROOT &&
           (r->operation == FS_OPEN || r->operation == FS_UNLINK || r->operation == FS_RENAME);
}

// The flags of the request. What FS_AHEAD brings goes into the buffer, which must not hold the request itself: a
// server that dies reads it again.
static uint64_t ahead_begin(struct data *ahead, const struct walk *w, const struct path_request *r, size_t room)
{
    if (!(r->flags & FS_AHEAD)) return r->flags;
    if (w->server == SERVER_ROOT && room <= IO_INLINE && data_begin(ahead, w->server, IO_BUFFER_BYTES) == 0)
        return r->flags;
    *ahead = (struct data){0};
    return r->flags & ~(uint64_t)FS_AHEAD;
}

// One request to one file system. The data: head, path, tail; or with a head and a buffer, the head stays in the
// message.
static long request_once(struct walk *w, const struct path_request *r, struct message *m)
{
    size_t head = r->head ? 16 : 0, text = w->bytes + r->tail_bytes;
    struct data data, ahead = {0};
    size_t room = head + text > IO_INLINE || r->answer_bytes > IO_INLINE ? IO_BUFFER_BYTES : head + text;
    if (text > IO_BUFFER_BYTES) return -ENAMETOOLONG;
    uint64_t flags = ahead_begin(&ahead, w, r, room);
    long result = data_begin(&data, w->server, room);
    if (result < 0) return data_end(&ahead), result;
    bool buffered = data.flags & IO_BUFFERED;
    if (r->head) memcpy(long_words(), r->head, 16);
    uint8_t *at = buffered ? data.at : data.at + head;
    memcpy(at, w->text, w->bytes);
    if (r->tail_bytes) memcpy(at + w->bytes, r->tail, r->tail_bytes);
    if (r->slot) receive_cap(0, PSLOT_DESCRIPTIONS, r->slot);
    uint64_t to_close = closes_first(w, r) ? close_take() : 0;
    *m = (struct message){.words = {w->handle, flags | data.flags, w->bytes | (uint64_t)w->symlinks << 32, r->words[0],
                                    r->words[1], r->words[2] | to_close}};
    result = ask(w->server, r->operation, buffered ? head : data.inline_bytes, m);
    if (result == 0 && flags & FS_AHEAD && r->question) question_ahead(r->question, m, ahead.at);
    if (result == 0 && flags & FS_AHEAD && !r->question) ahead_brought(r->slot, m);
    const void *answer = r->operation == FS_STAT || r->operation == FS_STATFS ? long_words() : data.at;
    if (result == FS_CONTINUE) {
        w->bytes = m->words[1] < sizeof w->text ? m->words[1] : 0;
        memcpy(w->text, data.at, w->bytes);
        w->text[w->bytes] = 0;
    } else if (result == 0 && r->answer) {
        size_t n = r->operation == FS_READLINK ? m->words[0] : r->answer_bytes;
        memcpy(r->answer, answer, n < r->answer_bytes ? n : r->answer_bytes);
    }
    data_end(&data);
    data_end(&ahead);
    return result;
}

// What walk_ask() remembers answers of.
static bool is_question(struct walk *w, const struct path_request *r, struct question *q)
{
    unsigned kind = QUESTION_STAT;
    if (r->operation == FS_ACCESS)
        kind = QUESTION_ACCESS | (unsigned)r->words[0] << 4;
    else if (r->operation != FS_STAT)
        return false;
    return w->server == SERVER_ROOT && !w->here &&
           question_begin(q, w->directory, w->text, w->bytes, kind | (unsigned)r->flags << 8);
}

// The answer that is remembered, or the server's.
static long ask_first(struct walk *w, const struct path_request *r, struct message *m)
{
    struct question q;
    long result;
    if (!is_question(w, r, &q)) return request_once(w, r, m);
    if (question_known(&q, r->answer, &result)) return result;
    struct path_request request = *r;
    if (r->operation == FS_STAT) {
        request.words[0] = question_next(&q);
        if (request.words[0]) request.flags |= FS_AHEAD;
        request.question = &q;
    }
    result = request_once(w, &request, m);
    if (result != FS_CONTINUE) question_answered(&q, r->answer, result, m);
    return result;
}

long walk_ask(struct walk *w, const struct path_request *request, struct message *m)
{
    bool follows = !(request->flags & FS_NOFOLLOW) && request->operation != FS_READLINK;
    for (unsigned hops = 0; hops < HOPS; hops++) {
        if (w->here) return FS_CONTINUE;  // the caller works on the open file
        struct own_link link = w->server == SERVER_PROC ? own_link(w) : (struct own_link){0};
        if (link.kind && request->operation == FS_READLINK && !*link.rest) {
            long n = link_text(&link, request->answer, request->answer_bytes);
            m->words[0] = (uint64_t)n;
            return n < 0 ? n : 0;
        }
        if (link.kind && (follows || *link.rest)) {
            long result = follow_own_link(w, &link);
            if (result < 0) return result;
            continue;
        }
        long result = hops == 0 ? ask_first(w, request, m) : request_once(w, request, m);
        if (result != FS_CONTINUE) return result < 0 ? result : 0;
        if (request->tail) return request->operation == FS_SYMLINK ? -EROFS : -EXDEV;
        result = go_on(w, m);
        if (result < 0) return result;
    }
    return -ELOOP;
}

static bool is_for_reading(uint64_t o_flags)
{
    return !(o_flags & (O_ACCMODE | O_CREAT | O_TRUNC | O_DIRECTORY | O_PATH));
}

long path_open(struct walk *w, uint64_t flags, uint64_t o_flags, uint32_t mode, struct file **file)
{
    struct file *f = file_new();
    *file = NULL;
    if (!f) return -ENFILE;
    if (o_flags & O_NOFOLLOW || (o_flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) flags |= FS_NOFOLLOW;
    if (is_for_reading(o_flags) && !flags && process()->reads_files && words_use(false)) flags |= FS_AHEAD;
    struct path_request request = {.operation = FS_OPEN,
                                   .flags = flags | IO_HANDLE_ONLY,
                                   .words = {o_flags & ~(uint64_t)O_CLOEXEC, mode},
                                   .slot = file_number(f)};
    struct message m;
    long result;
    for (;;) {
        result = walk_ask(w, &request, &m);
        if (result != -EAGAIN || o_flags & O_NONBLOCK) break;
        if (request.flags & IO_ARM) {
            err_t err = thread_wait(NS_FOREVER);
            if (err != OK) result = wait_interrupted(err);
            if (err != OK) break;
        } else {
            result = notify_use(w->server);
            if (result < 0) break;
            request.flags |= IO_ARM | IO_THREAD(thread_index());
        }
    }
    if (result == FS_CONTINUE) {
        file_drop(f);
        *file = w->here;
        w->here = NULL;
        return 0;
    }
    if (result == 0) result = file_opened(f, w->server, &m);
    if (result < 0)
        file_drop(f);
    else
        *file = f;
    return result;
}

// --- the way back

static long ask_path(const struct file *file, size_t bytes, char *to, size_t room)
{
    struct data data;
    long result = data_begin(&data, file->server, bytes);
    if (result < 0) return result;
    const struct handover_mount *mount = mount_of(file->server);
    size_t prefix = mount ? strlen(mount->path) : 0;
    struct message m = {.words = {file->handle, data.flags}};
    result = ask(file->server, IO_PATH, 0, &m);
    size_t n = m.words[0];
    if (result == 0 && prefix + n >= room) result = -ENAMETOOLONG;
    if (result == 0) {
        if (prefix) memcpy(to, mount->path, prefix);
        if (prefix && n == 1) n = 0;  // the mounted root itself
        memcpy(to + prefix, data.at, n);
        to[prefix + n] = 0;
        result = (long)(prefix + n);
    }
    data_end(&data);
    return result;
}

// Most paths fit into a message, which spares a process that needs no buffer yet to get one.
long file_path(struct file *file, char *to, size_t room)
{
    if (file->server == IO_LOCAL) {
        static const char *const names[] = {
            [3] = "/dev/null", [5] = "/dev/zero", [7] = "/dev/full", [8] = "/dev/random", [9] = "/dev/urandom"};
        string_copy(to, room, names[file->device & 15]);
        return (long)strlen(to);
    }
    long result = file_attach(file);
    if (result == 0) result = ask_path(file, IO_INLINE, to, room);
    return result == -ENAMETOOLONG ? ask_path(file, IO_BUFFER_BYTES, to, room) : result;
}
