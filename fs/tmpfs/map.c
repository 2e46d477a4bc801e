// SPDX-License-Identifier: MIT
// IO_MAP: runs of a file as frames capabilities.
//
// A capability covers one extent. It is derived once for each purpose and stays in our cspace; clients get copies. From
// then on the extent is "lent": it is not split, its pages behind the end of the file are zero, and they return to the
// pool only after a revoke (truncate) or once no copy is left (delete). See reclaim.c.
#include "fs/tmpfs/tmpfs.h"
#include <asm/mman.h>

static const unsigned rights_of[LEND_KINDS] = {
    [LEND_READ] = RIGHT_READ | RIGHT_EXEC,
    [LEND_WRITE] = RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC,
    [LEND_EXECUTE] = RIGHT_READ | RIGHT_EXEC,
};

// Make the pages that no program has seen safe to look at.
static void clean(const struct inode *inode, const struct extent *e)
{
    uint64_t first = (inode->size + PAGE_SIZE - 1) / PAGE_SIZE;
    if (first < e->file_page) first = e->file_page;
    if (first < extent_end(e)) memset(extent_data(e, first), 0, (extent_end(e) - first) * PAGE_SIZE);
}

// The capability for the purpose, made at first use. When slots are used up some are fetched back and the client asks
// again.
static err_t lend(const struct inode *inode, struct extent *e, unsigned kind)
{
    if (e->slots[kind]) return OK;
    if (!extent_is_lent(e)) clean(inode, e);
    uint32_t slot = slot_alloc();
    if (!slot) return reclaim_slots() ? ERR_RESTARTED : ERR_LINUX(ENOMEM);
    err_t err =
        cspace_derive_frames(SLOT_CSPACE, slot, 0, SLOT_POOL, rights_of[kind], e->pool_page, PAGE_BITS + e->order);
    if (err != OK) return server_abort(ERR_LINUX(ENOMEM));
    e->slots[kind] = slot;
    if (kind == LEND_WRITE) word_move(inode);  // from now on it may change unseen (FS_AHEAD)
    return OK;
}

// The extent at this page; a hole is filled with zeros.
static struct extent *present(struct inode *inode, uint64_t page, uint64_t n_pages)
{
    struct extent *e = extent_find(inode, page);
    if (e) return e;
    e = extent_make(inode, page, n_pages);
    if (e) memset(extent_data(e, page), 0, (extent_end(e) - page) * PAGE_SIZE);
    word_move(inode);  // it has more blocks now
    return e;
}

HANDLER(io_map)
{
    struct description *d;
    uint64_t offset = request->words[1], n = request->words[2], protection = request->words[3];
    err_t err = request_handle(request, &d);
    if (err != OK) return err;
    struct inode *inode = d->inode;
    if (!is_type(inode, S_IFREG)) return ERR_LINUX(ENODEV);
    if (d->io.flags & O_PATH) return ERR_LINUX(EBADF);
    bool write = (protection & IO_MAP_SHARED) && (protection & PROT_WRITE);
    if ((!may_read_with(d->io.flags) && !d->executes) || (write && !may_write_with(d->io.flags)))
        return ERR_LINUX(EACCES);
    if (offset % PAGE_SIZE) return ERR_LINUX(EINVAL);
    io_answer(answer, 5);
    answer->words[0] = 0;
    answer->words[1] = 0;
    answer->words[2] = inode->size;
    answer->words[3] = inode->number;
    answer->words[4] = DEVICE_OF_FS;
    uint64_t page = offset / PAGE_SIZE, end = (inode->size + PAGE_SIZE - 1) / PAGE_SIZE;
    if (page >= end) return OK;
    // A shared mapping may be made writable later, as far as the open mode allows.
    bool may_become = (protection & IO_MAP_SHARED) && may_write_with(d->io.flags);
    unsigned kind = may_become ? LEND_WRITE : d->executes ? LEND_EXECUTE : LEND_READ;
    uint64_t wanted = (n + PAGE_SIZE - 1) / PAGE_SIZE;
    bool fill = !(protection & IO_MAP_WINDOW);
    struct extent *e =
        fill ? present(inode, page, wanted < end - page ? wanted : end - page) : extent_find(inode, page);
    if (!e) return fill ? ERR_LINUX(ENOSPC) : OK;
    err = lend(inode, e, kind);
    if (err != OK) return err;
    answer->words[0] = page - e->file_page;
    answer->words[1] = (extent_end(e) < end ? extent_end(e) : end) - page;
    answer->caps[0] = e->slots[kind];
    answer->n_caps = 1;
    if (write) touch_modified(inode);
    touch_accessed(inode, d->io.flags);
    return OK;
}
