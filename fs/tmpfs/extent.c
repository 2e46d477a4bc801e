// SPDX-License-Identifier: MIT
// Extents: which pages of the pool hold which pages of a file.
//
// A file's extents form a treap by file_page; the priority is a hash of the record's address, so nothing is stored for
// balance. Splitting and merging are loops of a few pointer stores each. Extents double up to 1 MiB as a file
// grows, so a large file has few; what was taken in advance goes back at the last close for writing.
#include "fs/tmpfs/tmpfs.h"

#define RECLAIM_EXTENTS 256  // at most, when pages are wanted
// Parts of the pool that stay for those of more need.
#define POOL_SHARES 64
#define KEPT_FROM_FILES 2
#define KEPT_FROM_USERS 2

static uint32_t priority(const struct extent *e) { return (uint32_t)(((uintptr_t)e * 0x9e3779b97f4a7c15ull) >> 32); }

// Divide a treap: everything that begins before the page, and the rest.
static void split(struct extent *e, uint64_t page, struct extent **before, struct extent **behind)
{
    while (e)
        if (e->file_page < page) {
            *before = e;
            before = &e->right;
            e = e->right;
        } else {
            *behind = e;
            behind = &e->left;
            e = e->left;
        }
    *before = NULL;
    *behind = NULL;
}

// Join two treaps, all of `a` before all of `b`.
static struct extent *join(struct extent *a, struct extent *b)
{
    struct extent *root, **link = &root;
    while (a && b)
        if (priority(a) > priority(b)) {
            *link = a;
            link = &a->right;
            a = a->right;
        } else {
            *link = b;
            link = &b->left;
            b = b->left;
        }
    *link = a ? a : b;
    return root;
}

static void insert(struct inode *inode, struct extent *e)
{
    struct extent **link = &inode->extents;
    while (*link && priority(*link) >= priority(e))
        link = (*link)->file_page < e->file_page ? &(*link)->right : &(*link)->left;
    struct extent *rest = *link;
    split(rest, e->file_page, &e->left, &e->right);
    *link = e;
    inode->n_pages += 1ull << e->order;
}

void extent_remove(struct inode *inode, struct extent *e)
{
    struct extent **link = &inode->extents;
    while (*link != e) link = (*link)->file_page < e->file_page ? &(*link)->right : &(*link)->left;
    *link = join(e->left, e->right);
    e->left = e->right = NULL;
    inode->n_pages -= 1ull << e->order;
}

// The last extent that begins at the page or before it.
static struct extent *floor_of(const struct inode *inode, uint64_t page)
{
    struct extent *found = NULL;
    for (struct extent *e = inode->extents; e;)
        if (e->file_page <= page) {
            found = e;
            e = e->right;
        } else {
            e = e->left;
        }
    return found;
}

struct extent *extent_before(const struct inode *inode, uint64_t page)
{
    return page ? floor_of(inode, page - 1) : NULL;
}

struct extent *extent_last(const struct inode *inode) { return floor_of(inode, FILE_PAGES_MAX); }

struct extent *extent_find(const struct inode *inode, uint64_t page)
{
    struct extent *e = floor_of(inode, page);
    return e && page < extent_end(e) ? e : NULL;
}

// The first of a treap that begins behind the page (-1: the very first).
static struct extent *first_behind(struct extent *root, int64_t page)
{
    struct extent *found = NULL;
    for (struct extent *e = root; e;)
        if ((int64_t)e->file_page > page) {
            found = e;
            e = e->left;
        } else {
            e = e->right;
        }
    return found;
}

struct extent *extent_after(const struct inode *inode, uint64_t page)
{
    return first_behind(inode->extents, (int64_t)page);
}

bool extent_is_lent(const struct extent *e)
{
    for (unsigned kind = 0; kind < LEND_KINDS; kind++)
        if (e->slots[kind]) return true;
    return false;
}

bool pool_take(unsigned *order, uint32_t *page)
{
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        for (unsigned o = *order + 1; o-- > 0;)
            if (buddy_take(&fs->pool, o, page)) {
                *order = o;
                return true;
            }
        reclaim(RECLAIM_EXTENTS);
    }
    return false;
}

uint32_t files_limit(void) { return fs->pool.n_pages - fs->pool.n_pages / POOL_SHARES * KEPT_FROM_FILES; }

// Take 2^order pages, or fewer, for a file: what files have in all is limited, for users a little more.
static bool take_for_file(unsigned *order, uint32_t *page)
{
    uint32_t limit = files_limit();
    if (who()->fsuid != 0) limit -= fs->pool.n_pages / POOL_SHARES * KEPT_FROM_USERS;
    if (fs->file_pages + (1u << *order) > limit) reclaim(RECLAIM_EXTENTS);
    while (*order > 0 && fs->file_pages + (1u << *order) > limit) --*order;
    if (fs->file_pages >= limit || !pool_take(order, page)) return false;
    fs->file_pages += 1u << *order;
    return true;
}

bool pool_take_for_pipe(unsigned order, uint32_t *page)
{
    unsigned got = order;
    bool may = who()->fsuid == 0 || fs->pool.n_free > fs->pool.n_pages / POOL_SHARES * KEPT_FROM_USERS;
    if (!may || !pool_take(&got, page)) return false;
    if (got != order) buddy_give(&fs->pool, *page, got);
    return got == order;
}

void file_pages_give(uint32_t page, unsigned order)
{
    buddy_give(&fs->pool, page, order);
    fs->file_pages -= 1u << order;
}

struct extent *extent_make(struct inode *inode, uint64_t page, uint64_t n_pages)
{
    const struct extent *before = floor_of(inode, page), *behind = extent_after(inode, page);
    uint64_t gap = behind ? behind->file_page - page : FILE_PAGES_MAX;
    unsigned order = 0;
    while (order + 1 < BUDDY_ORDERS && 1ull << order < n_pages) order++;
    if (before && extent_end(before) == page && before->order >= order)
        order = before->order < EXTENT_GROW_ORDER ? before->order + 1 : before->order;
    while (1ull << order > gap) order--;
    struct extent *e = table_new(&fs->extents);
    if (!e) return NULL;
    uint32_t pool_page;
    if (!take_for_file(&order, &pool_page)) {
        table_free(&fs->extents, e);
        return NULL;
    }
    e->file_page = (uint32_t)page;
    e->pool_page = pool_page;
    e->order = order;
    insert(inode, e);
    return e;
}

// Give back the pages of an extent from the n-th on: the kept ones become extents of powers of two. When records for
// them are used up, it stays whole.
static void shorten(struct inode *inode, struct extent *e, uint32_t n)
{
    struct extent *pieces[BUDDY_ORDERS];
    unsigned n_pieces = 0;
    for (uint32_t rest = n & (n - 1); rest; rest &= rest - 1) {
        pieces[n_pieces] = table_new(&fs->extents);
        if (!pieces[n_pieces]) {
            while (n_pieces > 0) table_free(&fs->extents, pieces[--n_pieces]);
            return;
        }
        n_pieces++;
    }
    uint32_t size = 1u << e->order;
    for (uint32_t at = n; at < size; at += at & -at) file_pages_give(e->pool_page + at, (unsigned)__builtin_ctz(at));
    inode->n_pages -= size;
    e->order = 31 - (unsigned)__builtin_clz(n);
    inode->n_pages += 1ull << e->order;
    uint32_t at = 1u << e->order;
    while (n_pieces > 0) {
        struct extent *piece = pieces[--n_pieces];
        piece->order = 31 - (unsigned)__builtin_clz(n - at);
        piece->file_page = e->file_page + at;
        piece->pool_page = e->pool_page + at;
        at += 1u << piece->order;
        insert(inode, piece);
    }
}

void extent_cut(struct inode *inode, uint64_t page, struct extent **list)
{
    struct extent *e = page ? extent_find(inode, page) : NULL;
    if (e && e->file_page < page && !extent_is_lent(e)) shorten(inode, e, (uint32_t)(page - e->file_page));
    struct extent *cut;
    split(inode->extents, page, &inode->extents, &cut);
    if (!cut) return;
    cut->next = *list;
    *list = cut;
    for (e = first_behind(cut, -1); e; e = first_behind(cut, e->file_page)) inode->n_pages -= 1ull << e->order;
}

void extent_trim(struct inode *inode)
{
    uint64_t end = (inode->size + PAGE_SIZE - 1) / PAGE_SIZE;
    extent_cut(inode, end, &fs->deleted);
    reclaim(8);
}
