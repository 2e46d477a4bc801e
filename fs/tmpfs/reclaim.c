// SPDX-License-Identifier: MIT
// How pages come back to the pool once they have left a file: a chain of small steps.
//
//   truncated -> (revoke what is lent) -> revoked -> pool     who has them mapped loses them, as on Linux
//   deleted -> pool, or lingering while a client has them mapped, until a process goes
// A capability is revoked after the commit of the step that says so, hence pages are free only in a later step. Each
// list holds roots of treaps; taking one root puts its children on the list.
#include "fs/tmpfs/tmpfs.h"

#define TICK_EXTENTS 256
#define SWEEP_SLOTS 64

static struct extent *take_root(struct extent **list)
{
    struct extent *e = *list;
    *list = e->next;
    if (e->left) {
        e->left->next = *list;
        *list = e->left;
    }
    if (e->right) {
        e->right->next = *list;
        *list = e->right;
    }
    e->left = e->right = NULL;
    return e;
}

static void put(struct extent **list, struct extent *e)
{
    e->next = *list;
    *list = e;
}

static void give_pages(struct extent *e)
{
    file_pages_give(e->pool_page, e->order);
    table_free(&fs->extents, e);
}

bool extent_in_use(const struct extent *e, unsigned kind)
{
    struct cap_identity identity;
    return e->slots[kind] && cspace_identify(SLOT_CSPACE, e->slots[kind], &identity) == OK && identity.children;
}

static void free_truncated(struct extent *e)
{
    if (!extent_is_lent(e)) {
        give_pages(e);
        return;
    }
    for (unsigned kind = 0; kind < LEND_KINDS; kind++) slot_revoke_and_free(e->slots[kind]);
    put(&fs->revoked, e);
    fs->revoked_step = vault_step();
}

static void free_deleted(struct extent *e)
{
    for (unsigned kind = 0; kind < LEND_KINDS; kind++)
        if (extent_in_use(e, kind)) {
            put(&fs->lingering, e);
            return;
        }
    for (unsigned kind = 0; kind < LEND_KINDS; kind++) slot_free(e->slots[kind]);
    give_pages(e);
}

void reclaim(unsigned n)
{
    if (fs->look_again && !fs->deleted) {
        fs->look_again = 0;
        fs->deleted = fs->lingering;
        fs->lingering = NULL;
    }
    for (; n > 0; n--)
        if (fs->revoked && fs->revoked_step != vault_step())
            give_pages(take_root(&fs->revoked));
        else if (fs->truncated)
            free_truncated(take_root(&fs->truncated));
        else if (fs->deleted)
            free_deleted(take_root(&fs->deleted));
        else
            break;
    if (fs->revoked || fs->truncated || fs->deleted || fs->look_again) server_wake_at(0);
}

void reclaim_tick(void) { reclaim(TICK_EXTENTS); }

unsigned reclaim_slots(void)
{
    unsigned freed = 0;
    for (unsigned n = 0; n < fs->extents.n_records && freed < SWEEP_SLOTS; n++) {
        struct extent *e = table_at(&fs->extents, fs->sweep);
        fs->sweep = (fs->sweep + 1) % fs->extents.n_records;
        for (unsigned kind = 0; e && kind < LEND_KINDS; kind++)
            if (e->slots[kind] && !extent_in_use(e, kind)) {
                slot_free(e->slots[kind]);
                e->slots[kind] = 0;
                freed++;
            }
    }
    return freed;
}
