// SPDX-License-Identifier: MIT
// open(2): find or make the object, check, and make a description of it; pipes; what the last close undoes.
//
// Devices are not served here: memory devices are left to liblinux (IO_LOCAL), terminals are opened at the tty server
// on the requester's behalf, and the capability that comes back goes on to him.
#include "fs/tmpfs/tmpfs.h"
#include "protocols/layout.h"
#include "protocols/tty.h"

#define STATUS_FLAGS \
    (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC | O_PATH | O_DIRECTORY | O_LARGEFILE)
#define MAJOR(device) ((device) >> 8 & 0xfff)

bool may_write_with(uint32_t flags) { return !(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY; }

bool may_read_with(uint32_t flags) { return !(flags & O_PATH) && (flags & O_ACCMODE) != O_WRONLY; }

// Whether nobody can wait for the end of it: no FIFO's end, writer or lock, and no deleted file's pages go with it.
STORES_OUTSIDE_VAULT static bool may_close_later(const struct description *d)
{
    const struct inode *inode = d->inode;
    return (is_type(inode, S_IFREG) || is_directory(inode)) && !may_write_with(d->io.flags) && !d->executes &&
           inode->links && !inode->posix_locks;
}

STORES_OUTSIDE_VAULT void describe(const struct io_description *io, struct io_opened *opened)
{
    const struct description *d = (const struct description *)io;
    opened->mode = d->inode->mode;
    opened->device = d->inode->device;
    opened->server = 0;
    opened->inode = d->inode->number;
    if (may_close_later(d)) opened->flags |= IO_CLOSE_LATER;
}

// A fresh record needs no notes.
VAULT_NOTES_ITSELF struct description *description_of(struct inode *inode, struct entry *entry, uint32_t flags)
{
    struct description *d = io_description_new();
    if (!d) return NULL;
    d->io.flags = flags & STATUS_FLAGS;
    d->inode = inode;
    d->entry = entry;
    d->entry_handle = entry ? table_handle(&fs->entries, entry) : 0;
    inode_hold(inode);
    if (is_type(inode, S_IFREG) && may_write_with(flags)) {
        vault_log(&inode->writers, sizeof inode->writers);
        inode->writers++;
    }
    return d;
}

void description_close(struct io_description *io)
{
    struct description *d = (struct description *)io;
    struct inode *inode = d->inode;
    if (inode->posix_locks || inode->flocks) locks_of_description(d);
    if (is_type(inode, S_IFIFO) && !(io->flags & O_PATH)) pipe_close(inode, io->flags);
    if (is_type(inode, S_IFREG) && may_write_with(io->flags) && --inode->writers == 0) extent_trim(inode);
    inode_drop(inode);
}

// --- what may be opened how

static unsigned wanted(uint32_t flags, uint64_t fs_flags)
{
    if (fs_flags & FS_EXEC) return MAY_EXECUTE;
    unsigned want = flags & O_TRUNC ? MAY_WRITE : 0;
    if (may_read_with(flags)) want |= MAY_READ;
    if (may_write_with(flags)) want |= MAY_WRITE;
    return want;
}

bool is_executing(const struct inode *inode)
{
    for (const struct extent *e = extent_find(inode, 0); e; e = extent_after(inode, e->file_page))
        if (extent_in_use(e, LEND_EXECUTE)) return true;
    return false;
}

static err_t check_object(const struct inode *inode, uint32_t flags, uint64_t fs_flags)
{
    if ((flags & O_DIRECTORY) && !is_directory(inode)) return ERR_LINUX(ENOTDIR);
    if (flags & O_PATH) return OK;
    if (is_type(inode, S_IFLNK)) return ERR_LINUX(ELOOP);
    if (is_directory(inode) && (wanted(flags, fs_flags) & MAY_WRITE)) return ERR_LINUX(EISDIR);
    if ((fs_flags & FS_EXEC) && !is_type(inode, S_IFREG)) return ERR_LINUX(EACCES);
    if (!may(inode, wanted(flags, fs_flags))) return ERR_LINUX(EACCES);
    if (is_type(inode, S_IFSOCK) || is_type(inode, S_IFBLK)) return ERR_LINUX(ENXIO);
    if ((flags & O_NOATIME) && !owns(inode)) return ERR_LINUX(EPERM);
    if (is_type(inode, S_IFREG) && (fs_flags & FS_EXEC) && inode->writers) return ERR_LINUX(ETXTBSY);
    if (is_type(inode, S_IFREG) && (wanted(flags, fs_flags) & MAY_WRITE) && is_executing(inode))
        return ERR_LINUX(ETXTBSY);
    return OK;
}

// --- devices

// The tty server makes the description; the requester attaches it there.
static err_t open_terminal(const struct request *request, struct answer *answer, const struct inode *inode,
                           uint32_t flags)
{
    struct io_opened *opened = (struct io_opened *)answer->words;
    struct message m = {
        .info = INFO(TTY_OPEN, 6, 0),
        .words = {inode->device, flags, request->badge, inode->number | (uint64_t)inode->mode << 48,
                  inode->uid | (uint64_t)inode->gid << 32, DEVICE_OF_FS},
    };
    err_t err = server_call_cap(cap_named("tty"), &m, &fs->passing);
    if (err != OK) return err;
    if (!fs->passing) {
        server_doubt("a terminal without a capability");
        return ERR_LINUX(EIO);
    }
    *opened =
        (struct io_opened){.mode = inode->mode, .flags = m.words[0], .device = inode->device, .server = SERVER_TTY};
    io_answer(answer, sizeof *opened / sizeof(uint64_t));
    answer->caps[answer->n_caps++] = fs->passing;
    server_wake_at(0);  // the tick drops our copy
    return OK;
}

static err_t open_device(const struct request *request, struct answer *answer, const struct inode *inode,
                         uint32_t flags)
{
    switch (MAJOR(inode->device)) {
    case 1: {
        struct io_opened *opened = (struct io_opened *)answer->words;
        *opened = (struct io_opened){
            .mode = inode->mode, .flags = flags & STATUS_FLAGS, .device = inode->device, .server = IO_LOCAL};
        io_answer(answer, sizeof *opened / sizeof(uint64_t));
        return OK;
    }
    case 4:
    case 5:
    case 136:
    case TTY_STREAM_MAJOR: return open_terminal(request, answer, inode, flags);
    }
    return ERR_LINUX(ENXIO);
}

// --- opening

// FS_AHEAD: what reading the file would give, if it is small and nothing stands against it: a date that reading
// renews, or a mapping through which somebody may write unseen.
STORES_OUTSIDE_VAULT static void bring_data(const struct description *d, struct answer *answer)
{
    const struct inode *inode = d->inode;
    uint8_t *to = context.session->io.buffer;
    if (!is_type(inode, S_IFREG) || !may_read_with(d->io.flags) || inode->size > FS_AHEAD_BYTES || !to) return;
    if (access_is_due(inode, d->io.flags)) return;
    for (const struct extent *e = extent_find(inode, 0); e; e = extent_after(inode, e->file_page))
        if (e->slots[LEND_WRITE]) return;
    (void)data_read(inode, 0, to, inode->size);
    io_answer(answer, FS_AHEAD_SIZE + 1);
    answer->words[FS_AHEAD_MARK] = word_mark(inode);
    answer->words[FS_AHEAD_SIZE] = inode->size;
}

static err_t finish(struct inode *inode, struct entry *entry, uint32_t flags, uint64_t fs_flags, struct answer *answer)
{
    struct description *d = description_of(inode, entry, flags);
    if (!d) return server_abort(ERR_LINUX(ENFILE));
    if (fs_flags & FS_EXEC) d->executes = 1;
    err_t err = io_opened(&context.session->io, &d->io, fs_flags, answer);
    if (err == ERR_NO_MEMORY || err == ERR_LIMIT) err = ERR_LINUX(ENFILE);
    if (err != OK) return server_abort(err);
    if (fs_flags & FS_AHEAD && !(fs_flags & IO_BUFFERED)) bring_data(d, answer);
    return OK;
}

static err_t open_existing(const struct request *request, struct answer *answer, const struct lookup *lookup,
                           uint32_t flags)
{
    struct inode *inode = lookup->inode;
    uint64_t fs_flags = request->words[1];
    err_t err = check_object(inode, flags, fs_flags);
    if (err != OK) return err;
    if (flags & O_PATH) return finish(inode, lookup->entry, flags, fs_flags, answer);
    if (is_type(inode, S_IFCHR)) return open_device(request, answer, inode, flags);
    if (is_type(inode, S_IFIFO)) {
        err = fifo_open(inode, flags, fs_flags);
        if (err != OK) return err;
    }
    if (is_type(inode, S_IFREG) && (flags & O_TRUNC)) {
        data_resize(inode, 0);
        drop_privileges(inode);
        touch_modified(inode);
    }
    return finish(inode, lookup->entry, flags, fs_flags, answer);
}

static err_t open_new(const struct request *request, struct answer *answer, const struct lookup *lookup, uint32_t flags)
{
    struct entry *made;
    if (lookup->slash) return ERR_LINUX(EISDIR);
    if (dir_is_dead(lookup->directory)) return ERR_LINUX(ENOENT);
    if (!may(lookup->directory, MAY_WRITE | MAY_EXECUTE)) return ERR_LINUX(EACCES);
    uint32_t mode = S_IFREG | ((uint32_t)request->words[4] & 07777);
    err_t err = make_node(lookup->directory, &lookup->name, mode, 0, &made);
    return err == OK ? finish(made->inode, made, flags, request->words[1], answer) : err;
}

// O_TMPFILE: a file without a name in this directory.
static err_t open_unnamed(const struct request *request, struct answer *answer, struct inode *directory, uint32_t flags)
{
    if (!is_directory(directory)) return ERR_LINUX(ENOTDIR);
    if (!may_write_with(flags)) return ERR_LINUX(EINVAL);
    if (!may(directory, MAY_WRITE | MAY_EXECUTE)) return ERR_LINUX(EACCES);
    uint32_t gid = directory->mode & S_ISGID ? directory->gid : who()->fsgid;
    struct inode *inode = inode_new(S_IFREG | ((uint32_t)request->words[4] & 07777), who()->fsuid, gid);
    if (!inode) return ERR_LINUX(ENOSPC);
    inode->linkable = !(flags & O_EXCL);
    return finish(inode, NULL, flags & ~(uint32_t)O_TMPFILE, request->words[1], answer);
}

static err_t open_path(const struct request *request, struct answer *answer)
{
    struct lookup lookup;
    uint32_t flags = (uint32_t)request->words[3];
    if (flags & O_PATH) flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
    bool create = (flags & O_CREAT) && (flags & O_TMPFILE) != O_TMPFILE;
    bool follow = !(flags & O_NOFOLLOW) && !(create && (flags & O_EXCL)) && !(request->words[1] & FS_NOFOLLOW);
    err_t err = path_request(request, answer, follow ? WALK_FOLLOW : 0, &lookup);
    if (err != OK) return err;
    if (create && lookup.inode && (flags & O_EXCL)) return ERR_LINUX(EEXIST);
    if (create && lookup.inode && is_directory(lookup.inode)) return ERR_LINUX(EISDIR);
    if (!lookup.inode) return create ? open_new(request, answer, &lookup, flags) : ERR_LINUX(ENOENT);
    if ((flags & O_TMPFILE) == O_TMPFILE) return open_unnamed(request, answer, lookup.inode, flags);
    return open_existing(request, answer, &lookup, flags);
}

HANDLER(op_open) { return and_close(request, open_path(request, answer)); }

HANDLER(op_pipe)
{
    err_t err = request_begin(request);
    if (err != OK) return err;
    struct inode *inode = inode_new(S_IFIFO | 0600, who()->fsuid, who()->fsgid);
    if (!inode) return ERR_LINUX(ENFILE);
    uint32_t flags = (uint32_t)request->words[0] & (O_NONBLOCK | O_DIRECT);
    io_answer(answer, 2);
    for (uint32_t access = O_RDONLY; access <= O_WRONLY && err == OK; access++) {
        struct description *d = description_of(inode, NULL, access | flags);
        err = d ? pipe_open(inode, access) : ERR_LINUX(ENFILE);
        if (err == OK) err = io_handle_new(&context.session->io, &d->io, &answer->words[access]);
        if (err == OK) err = io_publish(&d->io, answer);
    }
    if (err == ERR_NO_MEMORY || err == ERR_LIMIT) err = ERR_LINUX(ENFILE);
    return err == OK ? OK : server_abort(err);
}
