// SPDX-License-Identifier: MIT
// Directories: names to inodes, one hash table for all, and a list a directory in the order of its cookies.
//
// A cookie is given once and never again, so reading goes on behind the last one that was told, whatever has been
// added or removed meanwhile. The reader's description remembers that entry; where it is gone, the list is searched
// from its start, which is short exactly when the entries told so far have been removed.
#include "fs/tmpfs/tmpfs.h"

// A bit in each byte of the word that is a slash; the lowest is right. (The trick that finds zero bytes.)
STORES_OUTSIDE_VAULT static inline uint64_t slashes_in(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101ull;
    word ^= '/' * ones;
    return (word - ones) & ~word & 0x80 * ones;
}

STORES_OUTSIDE_VAULT void name_take(struct name *name, const char *text)
{
    struct __attribute__((packed, may_alias)) loose_word {
        uint64_t value;
    };
    const uint64_t factor = 0x9e3779b97f4a7c15ull;
    uint64_t hash = 0, word, slashes;
    const char *at = text;
    unsigned i = 0;
    for (;; at += 8) {
        word = ((const struct loose_word *)at)->value;
        slashes = slashes_in(word);
        if (slashes) break;
        if (i < ENTRY_WORDS) name->words[i++] = word;
        hash = (hash ^ word) * factor;
    }
    word &= ((slashes & -slashes) - 1) >> 7;  // what stands below the lowest
    if (i < ENTRY_WORDS) name->words[i] = word;
    name->hash = (hash ^ word) * factor;
    name->text = text;
    name->length = (size_t)(at - text) + (unsigned)__builtin_ctzll(slashes) / 8;
}

STORES_OUTSIDE_VAULT void name_make(struct name *name, const char *text, size_t n)
{
    char copy[NAME_BYTES_MAX + 1 + NAME_SLACK];
    memcpy(copy, text, n);
    copy[n] = '/';
    name_take(name, copy);
    name->text = text;
}

STORES_OUTSIDE_VAULT static inline uint32_t hash_in(const struct inode *directory, const struct name *name)
{
    uint64_t hash = (name->hash ^ directory->number) * 0x9e3779b97f4a7c15ull;
    return (uint32_t)(hash >> 32);
}

STORES_OUTSIDE_VAULT static inline struct entry **bucket(uint32_t hash) { return &fs->buckets[hash % HASH_BUCKETS]; }

STORES_OUTSIDE_VAULT static __attribute__((noinline)) bool has_rest(const struct entry *entry, const struct name *name)
{
    return text_equal(entry->more, name->text + ENTRY_INLINE, name->length - ENTRY_INLINE);
}

// Whether the entry, whose name is as long, has this name.
STORES_OUTSIDE_VAULT static inline bool has_name(const struct entry *entry, const struct name *name)
{
    size_t n = name->length;
    for (size_t i = 0; i < ENTRY_WORDS && 8 * i < n; i++)
        if (entry->name[i] != name->words[i]) return false;
    return n <= ENTRY_INLINE || has_rest(entry, name);
}

STORES_OUTSIDE_VAULT struct entry *dir_find(const struct inode *directory, const struct name *name)
{
    uint32_t hash = hash_in(directory, name);
    for (struct entry *e = *bucket(hash); e; e = e->hash_next)
        if (e->hash == hash && e->directory == directory && e->length == name->length && has_name(e, name)) return e;
    return NULL;
}

// Put the entry under this name into the directory's list and the hash table.
static bool link_entry(struct entry *entry, struct inode *directory, const struct name *name)
{
    struct text *more = NULL;
    if (name->length > ENTRY_INLINE) {
        more = text_new(name->text + ENTRY_INLINE, name->length - ENTRY_INLINE);
        if (!more) return false;
    }
    entry->more = more;
    entry->length = (uint32_t)name->length;
    for (size_t i = 0; i < ENTRY_WORDS; i++) entry->name[i] = 8 * i < name->length ? name->words[i] : 0;
    entry->directory = directory;
    entry->hash = hash_in(directory, name);
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
    if (is_directory(entry->inode)) directory_changed();
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

struct entry *dir_add(struct inode *directory, const struct name *name, struct inode *inode)
{
    struct entry *entry = table_new(&fs->entries);
    if (!entry) return NULL;
    entry->inode = inode;
    if (!link_entry(entry, directory, name)) {
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

bool dir_move(struct entry *entry, struct inode *directory, const struct name *name)
{
    struct inode *from = entry->directory;
    struct text *more = entry->more;
    unlink_entry(entry);
    if (!link_entry(entry, directory, name)) return false;
    text_free(more);
    if (is_directory(entry->inode)) from->links--;
    adopt(entry, directory);
    touch_modified(from);
    touch_modified(directory);
    return true;
}

bool dir_knows(const struct entry *entry)
{
    uint32_t n_left = fs->entries.n_fresh;
    const struct entry *e = *bucket(entry->hash);
    while (e && e != entry && n_left-- > 0 && table_holds(&fs->entries, e)) e = e->hash_next;
    return e == entry;
}

void dir_rehash(void)
{
    memset(fs->buckets, 0, HASH_BUCKETS * sizeof *fs->buckets);
    for (uint32_t i = 0; i < fs->entries.n_fresh; i++) {
        struct entry *entry = table_at(&fs->entries, i);
        if (!audit_reached(&fs->entries, entry)) continue;
        entry->hash_next = *bucket(entry->hash);
        *bucket(entry->hash) = entry;
    }
}

STORES_OUTSIDE_VAULT size_t entry_name(const struct entry *entry, char *to)
{
    size_t head = entry->length < ENTRY_INLINE ? entry->length : ENTRY_INLINE;
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
STORES_OUTSIDE_VAULT static struct entry *emit_entries(struct listing *list, struct entry *entry, struct entry **rest)
{
    struct entry *last = NULL;
    const char *end = (const char *)list->to + list->room;
    for (; entry; entry = entry->next) {
        char *to = record(list, entry->inode, entry->cookie, entry->length);
        if (!to) break;
        if (entry->length <= ENTRY_INLINE && (size_t)(end - to) >= ENTRY_INLINE)
            __builtin_memcpy(to, entry->name, ENTRY_INLINE);  // with zeros behind it, where the next record comes
        else
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
