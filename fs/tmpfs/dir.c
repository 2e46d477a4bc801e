// SPDX-License-Identifier: MIT
// Directories: names to inodes, one hash table for all, and a list a directory in the order of its cookies.
//
// A cookie is given once and never again, so reading goes on behind the last one that was told, whatever has been
// added or removed meanwhile. The reader's description remembers that entry; where it is gone, the list is searched
// from its start, which is short exactly when the entries told so far have been removed.
#include "fs/tmpfs/tmpfs.h"

static uint32_t hash_name(const struct inode *directory, const char *name, size_t n)
{
    uint64_t hash = 0xcbf29ce484222325ull ^ (uintptr_t)directory;
    for (size_t i = 0; i < n; i++) hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3ull;
    return (uint32_t)(hash ^ hash >> 32);
}

static struct entry **bucket(uint32_t hash) { return &fs->buckets[hash % HASH_BUCKETS]; }

static bool has_name(const struct entry *entry, const char *name, size_t n)
{
    if (entry->length != n) return false;
    if (n <= ENTRY_INLINE) return memcmp(entry->name, name, n) == 0;
    return memcmp(entry->name, name, ENTRY_INLINE) == 0 &&
           text_equal(entry->more, name + ENTRY_INLINE, n - ENTRY_INLINE);
}

struct entry *dir_find(const struct inode *directory, const char *name, size_t n)
{
    uint32_t hash = hash_name(directory, name, n);
    for (struct entry *e = *bucket(hash); e; e = e->hash_next)
        if (e->hash == hash && e->directory == directory && has_name(e, name, n)) return e;
    return NULL;
}

// Put the entry under this name into the directory's list and the hash table.
static bool link_entry(struct entry *entry, struct inode *directory, const char *name, size_t n)
{
    struct text *more = NULL;
    if (n > ENTRY_INLINE) {
        more = text_new(name + ENTRY_INLINE, n - ENTRY_INLINE);
        if (!more) return false;
    }
    entry->more = more;
    entry->length = (uint32_t)n;
    memcpy(entry->name, name, n < ENTRY_INLINE ? n : ENTRY_INLINE);
    entry->directory = directory;
    entry->hash = hash_name(directory, name, n);
    entry->hash_next = *bucket(entry->hash);
    *bucket(entry->hash) = entry;
    entry->cookie = directory->next_cookie++;
    entry->next = NULL;
    entry->previous = directory->last;
    if (directory->last)
        directory->last->next = entry;
    else
        directory->first = entry;
    directory->last = entry;
    directory->size++;
    return true;
}

static void unlink_entry(struct entry *entry)
{
    struct inode *directory = entry->directory;
    struct entry **link = bucket(entry->hash);
    while (*link != entry) link = &(*link)->hash_next;
    *link = entry->hash_next;
    if (entry->next)
        entry->next->previous = entry->previous;
    else
        directory->last = entry->previous;
    if (entry->previous)
        entry->previous->next = entry->next;
    else
        directory->first = entry->next;
    directory->size--;
}

// A subdirectory's entry and its directory know each other, and count as a link of the parent.
static void adopt(struct entry *entry, struct inode *directory)
{
    if (!is_directory(entry->inode)) return;
    entry->inode->self = entry;
    entry->inode->parent = directory;
    directory->links++;
}

struct entry *dir_add(struct inode *directory, const char *name, size_t n, struct inode *inode)
{
    struct entry *entry = table_new(&fs->entries);
    if (!entry) return NULL;
    entry->inode = inode;
    if (!link_entry(entry, directory, name, n)) {
        table_free(&fs->entries, entry);
        return NULL;
    }
    adopt(entry, directory);
    touch_modified(directory);
    return entry;
}

void dir_remove(struct entry *entry)
{
    struct inode *directory = entry->directory;
    unlink_entry(entry);
    if (is_directory(entry->inode)) {
        entry->inode->self = NULL;
        directory->links--;
    }
    touch_modified(directory);
    text_free(entry->more);
    table_free(&fs->entries, entry);
}

bool dir_move(struct entry *entry, struct inode *directory, const char *name, size_t n)
{
    struct inode *from = entry->directory;
    struct text *more = entry->more;
    unlink_entry(entry);
    if (!link_entry(entry, directory, name, n)) return false;
    text_free(more);
    if (is_directory(entry->inode)) from->links--;
    adopt(entry, directory);
    touch_modified(from);
    touch_modified(directory);
    return true;
}

STORES_OUTSIDE_VAULT size_t entry_name(const struct entry *entry, char *to)
{
    if (entry->length <= ENTRY_INLINE) {
        for (size_t i = 0; i < entry->length; i++) to[i] = entry->name[i];
        return entry->length;
    }
    size_t head = ENTRY_INLINE;
    memcpy(to, entry->name, head);
    text_copy(entry->more, to + head, entry->length - head);
    return entry->length;
}

// --- reading

struct dirent64 {  // Linux's linux_dirent64
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};
#define DIRENT_NAME offsetof(struct dirent64, name)

struct listing {
    uint8_t *to;
    size_t room, used;
};

// Append a record but for its name of n bytes; null when there is no room.
STORES_OUTSIDE_VAULT static char *record(struct listing *list, const struct inode *inode, uint64_t cookie, size_t n)
{
    size_t length = (DIRENT_NAME + n + 1 + 7) & ~(size_t)7;
    if (length > list->room - list->used) return NULL;
    struct dirent64 *d = (struct dirent64 *)(list->to + list->used);
    ((uint64_t *)d)[length / 8 - 1] = 0;  // the name's end
    d->inode = inode->number;
    d->offset = (int64_t)cookie;
    d->length = (uint16_t)length;
    d->type = (uint8_t)((inode->mode & S_IFMT) >> 12);
    list->used += length;
    return d->name;
}

// The same with a short name of ours.
static bool emit(struct listing *list, const struct inode *inode, uint64_t cookie, const char *name, size_t n)
{
    char *to = record(list, inode, cookie, n);
    if (to) memcpy(to, name, n);
    return to != NULL;
}

// The entries from this one on, as many as fit; the last that did, null: none.
static struct entry *emit_entries(struct listing *list, struct entry *entry, struct entry **rest)
{
    struct entry *last = NULL;
    for (; entry; entry = entry->next) {
        char *to = record(list, entry->inode, entry->cookie, entry->length);
        if (!to) break;
        entry_name(entry, to);
        last = entry;
    }
    *rest = entry;
    return last;
}

// The first entry behind the cookie that the description has reached.
static struct entry *next_entry(const struct description *d)
{
    if (table_get(&fs->entries, d->at_handle) == d->at && d->at && d->at->directory == d->inode &&
        d->at->cookie == d->io.offset)
        return d->at->next;
    struct entry *entry = d->inode->first;
    while (entry && entry->cookie <= d->io.offset) entry = entry->next;
    return entry;
}

err_t dir_read(struct description *d, uint8_t *to, size_t room, size_t *used)
{
    uint64_t reached = d->io.offset;
    struct listing list = {.to = to, .room = room};
    *used = 0;
    if (dir_is_dead(d->inode)) return ERR_LINUX(ENOENT);
    bool fits = true;
    if (reached < 1 && (fits = emit(&list, d->inode, 1, ".", 1))) reached = 1;
    if (fits && reached < 2 && (fits = emit(&list, d->inode->parent, 2, "..", 2))) reached = 2;
    struct entry *rest = NULL, *last = fits ? emit_entries(&list, next_entry(d), &rest) : NULL;
    *used = list.used;
    if (last) reached = last->cookie;
    if (last) {
        d->at = last;
        d->at_handle = table_handle(&fs->entries, last);
    }
    d->io.offset = reached;
    return (fits && !rest) || *used ? OK : ERR_LINUX(EINVAL);
}

// --- paths

char *dir_path(const struct inode *directory, const struct entry *entry, const struct inode *root, char *to)
{
    char *at = to + PATH_BYTES_MAX;
    char name[NAME_BYTES_MAX];
    if (!entry && directory == root) {
        *--at = '/';
        return at;
    }
    if (!entry) entry = directory->self;
    while (entry) {
        size_t n = entry_name(entry, name);
        if (n + 1 > (size_t)(at - to)) return NULL;
        at -= n;
        memcpy(at, name, n);
        *--at = '/';
        entry = entry->directory == root ? NULL : entry->directory->self;
    }
    return at;
}
