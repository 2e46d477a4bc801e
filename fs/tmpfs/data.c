// SPDX-License-Identifier: MIT
// The bytes of regular files.
//
// What a program may see of a file's pages is decided by its size and by which extents it has, and both change with the
// commit; the bytes themselves are stored at once and are not logged. Hence bytes behind the end may be overwritten
// freely, and a step that is run again writes the same bytes again. Rules:
//  - A page in an extent below the end of the file is defined; a page without one reads as zero.
//  - Behind the end, the file's last page is zero and other pages hold anything: growing zeroes what it uncovers.
#include "fs/tmpfs/tmpfs.h"

STORES_OUTSIDE_VAULT static inline uint64_t min(uint64_t a, uint64_t b) { return a < b ? a : b; }

STORES_OUTSIDE_VAULT static inline uint64_t round_up(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

// Bytes of an extent from this offset of the file on.
STORES_OUTSIDE_VAULT static inline uint8_t *bytes_at(const struct extent *e, uint64_t offset)
{
    return extent_data(e, e->file_page) + (offset - (uint64_t)e->file_page * PAGE_SIZE);
}

// The offset at which the extent ends.
STORES_OUTSIDE_VAULT static inline uint64_t end_of(const struct extent *e) { return extent_end(e) * PAGE_SIZE; }

// Zero what exists between two offsets.
static void zero(const struct inode *inode, uint64_t from, uint64_t to)
{
    while (from < to) {
        const struct extent *e = extent_find(inode, from / PAGE_SIZE);
        if (!e) {
            e = extent_after(inode, from / PAGE_SIZE);
            if (!e) return;
            from = (uint64_t)e->file_page * PAGE_SIZE;
            continue;
        }
        uint64_t end = min(to, end_of(e));
        memset(bytes_at(e, from), 0, end - from);
        from = end;
    }
}

STORES_OUTSIDE_VAULT uint64_t data_read(const struct inode *inode, uint64_t offset, uint8_t *to, uint64_t n)
{
    if (offset >= inode->size) return 0;
    n = min(n, inode->size - offset);
    for (uint64_t done = 0; done < n;) {
        uint64_t at = offset + done, chunk;
        const struct extent *e = extent_find(inode, at / PAGE_SIZE);
        if (e) {
            chunk = min(n - done, end_of(e) - at);
            memcpy(to + done, bytes_at(e, at), chunk);
        } else {
            e = extent_after(inode, at / PAGE_SIZE);
            chunk = e ? min(n - done, (uint64_t)e->file_page * PAGE_SIZE - at) : n - done;
            memset(to + done, 0, chunk);
        }
        done += chunk;
    }
    return n;
}

// The file now ends at `size`, what lies before `from` was written by the caller: zero what becomes visible besides.
static void grow(struct inode *inode, uint64_t from, uint64_t size)
{
    if (size <= inode->size) return;
    if (from > inode->size) zero(inode, inode->size, from);
    if (size > round_up(inode->size)) zero(inode, size, round_up(size));  // else it is zero already
    inode->size = size;
}

STORES_OUTSIDE_VAULT err_t data_write(struct inode *inode, uint64_t offset, const uint8_t *from, uint64_t n,
                                      uint64_t *written)
{
    uint64_t done = 0;
    while (done < n) {
        uint64_t at = offset + done, page = at / PAGE_SIZE;
        struct extent *e = extent_find(inode, page);
        bool made = !e;
        if (made) e = extent_make(inode, page, (round_up(offset + n) / PAGE_SIZE) - page);
        if (!e) break;
        uint64_t end = min(offset + n, end_of(e));
        if (made) {
            zero(inode, page * PAGE_SIZE, at);
            zero(inode, end, min(end_of(e), round_up(inode->size)));
        }
        memcpy(bytes_at(e, at), from + done, end - at);
        done = end - offset;
    }
    *written = done;
    if (done == 0 && n > 0) return ERR_LINUX(ENOSPC);
    grow(inode, offset, offset + done);
    return OK;
}

err_t data_resize(struct inode *inode, uint64_t size)
{
    if (size > FILE_BYTES_MAX) return ERR_LINUX(EFBIG);
    if (size >= inode->size) {
        grow(inode, size, size);
        return OK;
    }
    word_move(inode);
    inode->size = size;
    extent_cut(inode, round_up(size) / PAGE_SIZE, &fs->truncated);
    // An extent that clients have mapped stays whole: they see zeros behind the end.
    const struct extent *last = size ? extent_find(inode, (size - 1) / PAGE_SIZE) : NULL;
    if (last) zero(inode, size, extent_is_lent(last) ? end_of(last) : round_up(size));
    reclaim(8);
    return OK;
}

err_t data_allocate(struct inode *inode, uint64_t offset, uint64_t n, bool keep_size)
{
    for (uint64_t at = offset; at < offset + n;) {
        struct extent *e = extent_find(inode, at / PAGE_SIZE);
        if (!e) {
            e = extent_make(inode, at / PAGE_SIZE, (round_up(offset + n) - at) / PAGE_SIZE);
            if (!e) return server_abort(ERR_LINUX(ENOSPC));
            zero(inode, (uint64_t)e->file_page * PAGE_SIZE, min(end_of(e), round_up(inode->size)));
        }
        at = end_of(e);
    }
    if (!keep_size) grow(inode, offset + n, offset + n);
    return OK;
}

err_t data_punch(struct inode *inode, uint64_t offset, uint64_t n)
{
    uint64_t end = min(offset + n, round_up(inode->size));
    word_move(inode);
    for (uint64_t at = offset; at < end;) {
        struct extent *e = extent_find(inode, at / PAGE_SIZE);
        if (!e) e = extent_after(inode, at / PAGE_SIZE);
        if (!e || (uint64_t)e->file_page * PAGE_SIZE >= end) break;
        uint64_t start = (uint64_t)e->file_page * PAGE_SIZE, behind = end_of(e);
        if (start >= offset && behind <= end && !extent_is_lent(e)) {
            extent_remove(inode, e);
            e->next = fs->deleted;
            fs->deleted = e;
        } else {
            zero(inode, start < at ? at : start, min(behind, end));
        }
        at = behind;
    }
    reclaim(8);
    return OK;
}

err_t data_seek(const struct inode *inode, uint64_t offset, bool hole, uint64_t *found)
{
    if (offset >= inode->size) return ERR_LINUX(ENXIO);
    const struct extent *e = extent_find(inode, offset / PAGE_SIZE);
    if (hole) {
        while (e) {
            offset = end_of(e);
            e = extent_find(inode, offset / PAGE_SIZE);
        }
        *found = min(offset, inode->size);
        return OK;
    }
    if (!e) {
        e = extent_after(inode, offset / PAGE_SIZE);
        if (!e || (uint64_t)e->file_page * PAGE_SIZE >= inode->size) return ERR_LINUX(ENXIO);
        offset = (uint64_t)e->file_page * PAGE_SIZE;
    }
    *found = offset;
    return OK;
}
