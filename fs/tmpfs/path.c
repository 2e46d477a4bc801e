// SPDX-License-Identifier: MIT
// Path resolution: from a directory handle, or the process's root, to the last component.
//
// A path goes on inside this file system as far as it can: symlinks, absolute ones too, since this is the file system
// that process_entry.root speaks of. It leaves only at a covered directory; who asked knows what is mounted there.
// Search permission is asked of every directory that a name is looked up in. The text is copied before it is looked
// at; a symlink puts its target in front of what is left.
//
// Nothing here is stored into the vault, so this file is built without the calls that would note it (mk/tools.mk).
#include "fs/tmpfs/tmpfs.h"

// The walk under way. Two paths can be held at once (rename, link): their last components are looked at afterwards.
struct walk {
    char text[2 * PATH_BYTES_MAX + NAME_SLACK];
    char *at, *end;  // a slash stands at the end
    unsigned symlinks;
    struct inode *root, *directory;
};
static struct walk walks[2];
static unsigned turn;

static struct inode *process_root(void)
{
    struct inode *root = who()->root ? inode_by_number(who()->root) : fs->root;
    return root && is_directory(root) ? root : NULL;
}

static void skip_slashes(struct walk *w)
{
    while (w->at < w->end && *w->at == '/') w->at++;
}

static enum last_kind kind_of(const struct name *name)
{
    if (name->text[0] != '.' || name->length > 2) return LAST_NAME;
    return name->length == 1 ? LAST_DOT : name->text[1] == '.' ? LAST_DOTDOT : LAST_NAME;
}

// Put the target of a symlink in front of the rest.
static err_t follow(struct walk *w, const struct lookup *lookup)
{
    const struct inode *link = lookup->inode;
    size_t rest = (size_t)(w->end - w->at), n = link->size;
    if (++w->symlinks > SYMLINKS_MAX) return ERR_LINUX(ELOOP);
    if (n + 1 + rest > PATH_BYTES_MAX) return ERR_LINUX(ENAMETOOLONG);
    memmove(w->text + n + lookup->slash, w->at, rest);
    text_copy(link->target, w->text, n);
    if (lookup->slash) w->text[n] = '/';
    w->at = w->text;
    w->end = w->text + n + lookup->slash + rest;
    *w->end = '/';
    if (*w->at == '/') w->directory = w->root;
    skip_slashes(w);
    touch_accessed(lookup->inode, 0);
    trail_add(link);
    return OK;
}

// Look one name after the other up, as long as they are directories to look the next one up in.
static err_t descend(struct walk *w, struct lookup *lookup)
{
    const struct io_credentials *me = who();
    struct inode *directory = w->directory, *inode;
    const char *end = w->end;
    char *at = w->at;
    for (;; directory = inode) {
        trail_add(directory);
        if (!io_permits(me, directory->mode, directory->uid, directory->gid, MAY_EXECUTE)) return ERR_LINUX(EACCES);
        name_take(&lookup->name, at);
        at += lookup->name.length;
        lookup->slash = at < end;
        while (at < end && *at == '/') at++;
        lookup->kind = kind_of(&lookup->name);
        lookup->entry = NULL;
        if (lookup->kind == LAST_DOT) {
            inode = directory;
        } else if (lookup->kind == LAST_DOTDOT) {
            inode = directory == w->root ? w->root : directory->parent;
        } else {
            if (lookup->name.length > NAME_BYTES_MAX) return ERR_LINUX(ENAMETOOLONG);
            lookup->entry = dir_find(directory, &lookup->name);
            inode = lookup->entry ? lookup->entry->inode : NULL;
        }
        if (at == end || !inode || !is_directory(inode) || inode->covered) break;
    }
    w->at = at;
    w->directory = lookup->directory = directory;
    lookup->inode = inode;
    return OK;
}

// The rest belongs to what is mounted on this directory.
static err_t leave(struct walk *w, const struct inode *covered, uint64_t flags, struct answer *answer)
{
    size_t rest = (size_t)(w->end - w->at);
    char *to = io_output(&context.session->io, answer, flags, rest);
    if (!to) return ERR_LINUX(ENAMETOOLONG);
    memcpy(to, w->at, rest);
    io_answer(answer, 4);
    answer->words[0] = FS_AT_MOUNT;
    answer->words[1] = rest;
    answer->words[2] = covered->number;
    answer->words[3] = w->symlinks;
    return FS_CONTINUE;
}

static void stand_still(const struct walk *w, struct lookup *lookup)
{
    lookup->directory = lookup->inode = w->directory;
    lookup->entry = NULL;
    lookup->kind = LAST_NONE;
    lookup->slash = false;
}

// Walk until the last component; with `walk` flags, up to it or through it.
static err_t resolve(struct walk *w, uint64_t flags, unsigned walk, struct lookup *lookup, struct answer *answer)
{
    stand_still(w, lookup);
    skip_slashes(w);
    while (w->at < w->end) {
        if (!is_directory(w->directory)) return ERR_LINUX(ENOTDIR);
        err_t err = descend(w, lookup);
        if (err != OK) return err;
        bool last = w->at == w->end;
        struct inode *inode = lookup->inode;
        if (last && (walk & WALK_PARENT)) return OK;
        if (!inode) return last ? OK : ERR_LINUX(ENOENT);
        if (is_type(inode, S_IFLNK) && (!last || lookup->slash || (walk & WALK_FOLLOW))) {
            err = follow(w, lookup);
            if (err != OK) return err;
            stand_still(w, lookup);
            continue;
        }
        if (inode->covered) return leave(w, inode, flags, answer);
        if (last) return lookup->slash && !is_directory(inode) ? ERR_LINUX(ENOTDIR) : OK;
        w->directory = inode;
    }
    return OK;
}

// Where the walk begins.
static err_t begin(struct walk *w, uint64_t handle, uint64_t flags, uint64_t length)
{
    w->root = process_root();
    if (!w->root) return ERR_LINUX(ENOENT);
    w->directory = w->root;
    if (handle != FS_ROOT) {
        const struct description *d = io_handle(&context.session->io, handle);
        if (!d) return ERR_LINUX(EBADF);
        w->directory = d->inode;
    }
    if (length == 0) return flags & FS_EMPTY_PATH ? OK : ERR_LINUX(ENOENT);
    return is_directory(w->directory) ? OK : ERR_LINUX(ENOTDIR);
}

err_t path_walk(const struct request *request, struct answer *answer, uint64_t handle, uint64_t flags, size_t skip,
                uint64_t length, unsigned walk, struct lookup *lookup)
{
    struct walk *w = &walks[turn++ % 2];
    uint32_t n = (uint32_t)length;
    if (n > PATH_BYTES_MAX) return ERR_LINUX(ENAMETOOLONG);
    const void *text = io_input(&context.session->io, request, flags, skip, n);
    if (!text) return ERR_LINUX(EINVAL);
    memcpy(w->text, text, n);
    w->at = w->text;
    w->end = w->text + n;
    *w->end = '/';
    w->symlinks = (unsigned)(length >> 32);
    err_t err = begin(w, handle, flags, n);
    return err == OK ? resolve(w, flags, walk, lookup, answer) : err;
}

err_t path_request(const struct request *request, struct answer *answer, unsigned walk, struct lookup *lookup)
{
    err_t err = request_begin(request);
    if (err != OK) return err;
    return path_walk(request, answer, request->words[0], request->words[1], 0, request->words[2], walk, lookup);
}
