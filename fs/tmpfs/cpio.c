// SPDX-License-Identifier: MIT
// The first tree: an archive in cpio's "newc" format from the boot bundle, copied into the empty file system.
//
// Runs once, on a fresh vault and before any step, so nothing is logged; interrupted, it starts over. The archive's
// frames are seen through a window that moves along. The archive comes with the system image: a malformed one stops the
// component.
#include "fs/tmpfs/tmpfs.h"

#define WINDOW_ADDRESS (COMPONENT_DYNAMIC_ADDRESS + (1ull << 40))
#define WINDOW_PAGES 512
#define CHUNK_BYTES ((WINDOW_PAGES - 1) * PAGE_SIZE)  // whole wherever it starts
#define HARD_LINKS 1024

// A header: "070701", then 13 numbers of 8 hexadecimal digits.
enum {
    INO,
    MODE,
    UID,
    GID,
    NLINK,
    MTIME,
    FILE_BYTES,
    DEV_MAJOR,
    DEV_MINOR,
    RDEV_MAJOR,
    RDEV_MINOR,
    NAME_BYTES,
    CHECK,
    FIELDS
};
#define HEADER_BYTES (6 + 8 * FIELDS)

static const struct component_cap *archive;

// Files that have more than one name: the data comes with the last.
static struct hard_link {
    uint64_t device, number;
    struct inode *inode;
} hard_links[HARD_LINKS];
static unsigned n_hard_links;

// `n` bytes (at most CHUNK_BYTES) of the archive.
static const char *window(uint64_t offset, uint64_t n)
{
    static uint64_t first_mapped = ~0ull;
    uint64_t pages = (archive->detail + PAGE_SIZE - 1) / PAGE_SIZE, first = offset / PAGE_SIZE;
    if (offset > archive->detail || n > archive->detail - offset)
        panic("%s ends in the middle of an entry", archive->name);
    if (first < first_mapped || offset + n > (first_mapped + WINDOW_PAGES) * PAGE_SIZE) {
        uint64_t n_pages = pages - first < WINDOW_PAGES ? pages - first : WINDOW_PAGES;
        err_t err = frames_map(archive->slot, SLOT_ASPACE, WINDOW_ADDRESS, first, n_pages, RIGHT_READ);
        if (err != OK) panic("%s cannot be mapped: %s", archive->name, err_name(err));
        first_mapped = first;
    }
    return (const char *)WINDOW_ADDRESS + (offset - first_mapped * PAGE_SIZE);
}

static uint64_t parse_field(const char *header, unsigned field)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        char c = header[6 + 8 * field + i];
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : ((unsigned)c | 32) - 'a' + 10;
        if (digit > 15) panic("%s: a header is damaged", archive->name);
        value = value << 4 | digit;
    }
    return value;
}

static void take_name(struct name *name, const char *text, size_t n)
{
    if (n > NAME_BYTES_MAX) panic("%s has a name of %lu bytes", archive->name, n);
    name_make(name, text, n);
}

// The directory that the last component of a path stands in; what the archive left out is made. *name is that
// component.
static struct inode *parent_of(const char **name, size_t *n)
{
    struct inode *directory = fs->root;
    const char *at = *name, *end = at + *n;
    for (;;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        if (!slash) break;
        size_t length = (size_t)(slash - at);
        if (length && !(length == 1 && *at == '.')) {
            struct name component;
            take_name(&component, at, length);
            struct entry *e = dir_find(directory, &component);
            if (!e && make_node(directory, &component, S_IFDIR | 0755, 0, &e) != OK)
                panic("%s does not fit the vault", archive->name);
            directory = e->inode;
        }
        at = slash + 1;
    }
    *name = at;
    *n = (size_t)(end - at);
    return directory;
}

static struct hard_link *hard_link(const uint64_t *fields)
{
    uint64_t device = fields[DEV_MAJOR] << 32 | fields[DEV_MINOR];
    if (fields[NLINK] < 2 || (fields[MODE] & S_IFMT) == S_IFDIR) return NULL;
    for (unsigned i = 0; i < n_hard_links; i++)
        if (hard_links[i].device == device && hard_links[i].number == fields[INO]) return &hard_links[i];
    if (n_hard_links == HARD_LINKS) panic("%s has more than %u files with several names", archive->name, HARD_LINKS);
    hard_links[n_hard_links] = (struct hard_link){device, fields[INO], NULL};
    return &hard_links[n_hard_links++];
}

// The inode of an entry: there already (a directory, another name of a file), or new.
static struct inode *node(const char *name, size_t n, const uint64_t *fields)
{
    struct inode *directory = parent_of(&name, &n), *inode = NULL;
    struct hard_link *link = hard_link(fields);
    if (n == 0 || (n == 1 && *name == '.')) return directory;
    struct name own;
    take_name(&own, name, n);
    struct entry *e = dir_find(directory, &own);
    if (e) return e->inode;
    uint32_t device =
        (uint32_t)(fields[RDEV_MAJOR] << 8 | (fields[RDEV_MINOR] & 0xff) | (fields[RDEV_MINOR] & ~0xffull) << 12);
    if (link && link->inode) {
        inode = link->inode;
        if (!dir_add(directory, &own, inode)) panic("%s does not fit the vault", archive->name);
        inode->links++;
    } else {
        if (make_node(directory, &own, (uint32_t)fields[MODE], device, &e) != OK)
            panic("%s does not fit the vault", archive->name);
        inode = e->inode;
    }
    if (link) link->inode = inode;
    return inode;
}

static void load_data(struct inode *inode, uint64_t offset, uint64_t bytes)
{
    for (uint64_t done = 0; done < bytes;) {
        uint64_t n = bytes - done < CHUNK_BYTES ? bytes - done : CHUNK_BYTES, written;
        const char *from = window(offset + done, n);
        if (data_write(inode, done, (const uint8_t *)from, n, &written) != OK || written != n)
            panic("%s does not fit the pool", archive->name);
        done += n;
    }
    extent_trim(inode);
}

static void load_target(struct inode *inode, uint64_t offset, uint64_t bytes)
{
    inode->target = bytes && bytes <= PATH_BYTES_MAX ? text_new(window(offset, bytes), bytes) : NULL;
    if (!inode->target) panic("%s: a symbolic link is too long, or the vault too small", archive->name);
    inode->size = bytes;
}

static void load_entry(const char *name, size_t n, const uint64_t *fields, uint64_t data)
{
    struct inode *inode = node(name, n, fields);
    inode->mode = (uint32_t)fields[MODE];
    inode->uid = (uint32_t)fields[UID];
    inode->gid = (uint32_t)fields[GID];
    if (is_type(inode, S_IFREG) && fields[FILE_BYTES]) load_data(inode, data, fields[FILE_BYTES]);
    if (is_type(inode, S_IFLNK) && !inode->target) load_target(inode, data, fields[FILE_BYTES]);
    inode->accessed = inode->modified = inode->changed = (struct time){.seconds = (int64_t)fields[MTIME]};
}

void cpio_load(const struct component_cap *cap)
{
    static const char trailer[] = "TRAILER!!!";
    uint64_t offset = 0;
    archive = cap;
    for (;;) {
        char name[PATH_BYTES_MAX + 1];
        uint64_t fields[FIELDS];
        const char *header = window(offset, HEADER_BYTES);
        if (memcmp(header, "07070", 5) != 0 || (header[5] != '1' && header[5] != '2'))
            panic("%s is no cpio archive of the newc format", archive->name);
        for (unsigned field = 0; field < FIELDS; field++) fields[field] = parse_field(header, field);
        uint64_t n = fields[NAME_BYTES];
        if (n == 0 || n > sizeof name) panic("%s: a name of %lu bytes", archive->name, n);
        memcpy(name, window(offset + HEADER_BYTES, n), n);
        if (n == sizeof trailer && memcmp(name, trailer, sizeof trailer) == 0) break;
        uint64_t data = (offset + HEADER_BYTES + n + 3) & ~3ull;
        load_entry(name, n - 1, fields, data);
        offset = (data + fields[FILE_BYTES] + 3) & ~3ull;
    }
    (void)aspace_unmap(SLOT_ASPACE, WINDOW_ADDRESS, WINDOW_PAGES);
}
