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

// --- where paths have led before

// A text of directories' names, as seen from a directory, leads to the same one as long as no directory changes its name,
// its place or who may search it. Lost with the instance.
#define PREFIXES 128
#define PREFIX_WORDS 8
static struct prefix {
    uint64_t changes;          // directory_changes as it was
    uint64_t badge, sequence;  // whose credentials let through; badge 0: nobody else's (become_real(), no credentials)
    const struct inode *start;
    struct inode *end;
    uint32_t length, n_passed;
    const struct inode *passed[FS_TRAIL_MAX];  // from `start` on, without `end`
    uint64_t words[PREFIX_WORDS];
} prefixes[PREFIXES];
static uint64_t directory_changes = 1;

void directory_changed(void) { directory_changes++; }

// The i-th word of a text in a walk, with zeros behind the text's end.
static inline uint64_t word_of(const char *text, size_t length, size_t i)
{
    struct __attribute__((packed, may_alias)) loose_word {
        uint64_t value;
    };
    uint64_t word = ((const struct loose_word *)(text + 8 * i))->value;
    size_t left = length - 8 * i;
    return left >= 8 ? word : word & ~(~0ull << 8 * left);
}

// Its last word tells most prefixes apart.
static inline struct prefix *prefix_at(const char *text, size_t length)
{
    uint64_t last = word_of(text, length, (length - 1) / 8) + length;
    return &prefixes[last * 0x9e3779b97f4a7c15ull >> 57];
}
_Static_assert(PREFIXES == 1 << (64 - 57), "prefix_at");

// Whether these credentials may pass where those of the prefix have.
static inline bool let_through(const struct prefix *p, const struct io_credentials *me)
{
    return me->fsuid == 0 || (me->badge != 0 && p->badge == me->badge && p->sequence == me->sequence);
}

// Skip what has been passed before. The last component is left.
static bool pass(struct walk *w, const struct io_credentials *me)
{
    const char *slash = w->end - 1;
    while (slash > w->at && *slash != '/') slash--;
    size_t length = (size_t)(slash - w->at);
    if (length == 0 || length > 8 * PREFIX_WORDS || slash + 1 == w->end) return false;
    const struct prefix *p = prefix_at(w->at, length);
    if (p->changes != directory_changes || p->length != length || p->start != w->directory || !let_through(p, me))
        return false;
    for (size_t i = 0; 8 * i < length; i++)
        if (p->words[i] != word_of(w->at, length, i)) return false;
    for (uint32_t i = 0; i < p->n_passed; i++) trail_add(p->passed[i]);
    w->directory = p->end;
    w->at += length + 1;
    return true;
}

// The walk has come from `start` to its directory by names alone.
static void remember(const struct walk *w, const char *text, const char *name, const struct inode *start,
                     uint32_t first_passed, const struct io_credentials *me)
{
    size_t length = (size_t)(name - text) - 1;
    uint32_t n = trail.n - first_passed - 1;  // the last one is where the walk is
    if (length > 8 * PREFIX_WORDS || trail.n > FS_TRAIL_MAX) return;
    struct prefix *p = prefix_at(text, length);
    p->changes = directory_changes;
    p->badge = me->badge;
    p->sequence = me->sequence;
    p->start = start;
    p->end = w->directory;
    p->length = (uint32_t)length;
    p->n_passed = n;
    for (uint32_t i = 0; i < n; i++) p->passed[i] = trail.inodes[first_passed + i];
    for (size_t i = 0; 8 * i < length; i++) p->words[i] = word_of(text, length, i);
}

// --- the walk

// Look one name after the other up, as long as they are directories to look the next one up in.
static err_t descend(struct walk *w, struct lookup *lookup)
{
    const struct io_credentials *me = who();
    const char *end = w->end;
    name_take(&lookup->name, w->at);
    if (lookup->name.text + lookup->name.length < end && pass(w, me)) name_take(&lookup->name, w->at);
    struct inode *directory = w->directory, *inode;
    const struct inode *start = directory;
    const char *text = w->at;
    char *at = w->at;
    uint32_t first_passed = trail.n;
    bool by_names = true;
    for (;; directory = inode, name_take(&lookup->name, at)) {
        trail_add(directory);
        if (!io_permits(me, directory->mode, directory->uid, directory->gid, MAY_EXECUTE)) return ERR_LINUX(EACCES);
        at += lookup->name.length;
        lookup->slash = at < end;
        while (at < end && *at == '/') at++;
        lookup->kind = kind_of(&lookup->name);
        lookup->entry = NULL;
        by_names &= lookup->kind == LAST_NAME;
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
    if (by_names && directory != start && at == end && !lookup->slash)
        remember(w, text, lookup->name.text, start, first_passed, me);
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
    lookup->linked = false;
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
            lookup->linked |= last;
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
