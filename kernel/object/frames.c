// SPDX-License-Identifier: MIT
// Frames: 2^k contiguous pages in one capability, mapped, copied and taken back in runs.
//
// Rules:
//  - A capability is mapped in at most one live address space at a time; its slot holds that space's id and generation
//    and the hull of the addresses used. The hull is widened before entries are made, so that it always covers them.
//  - Taking mappings away clears only entries into the capability's own pages. Entries of other capabilities over the
//    same pages may go with them, which is harmless (page tables are a cache).
#include "aspace.h"
#include "invoke.h"

uint64_t frames_pages(const struct slot *s) { return s->badge ? s->badge : 1ull << (s->size_bits - PAGE_BITS); }

static struct edit whole(const struct slot *s)
{
    return (struct edit){.page = ref_page(s->object), .n_pages = frames_pages(s), .keep = 0};
}

// The live address space that may hold mappings of this capability, or NULL.
static struct aspace *mapped_in(const struct slot *s)
{
    return s->hull_first < s->hull_end ? ids_find(s->aspace_id, s->aspace_generation) : NULL;
}

static void forget_hull(struct slot *s)
{
    s->aspace_id = s->aspace_generation = 0;
    s->hull_first = s->hull_end = 0;
}

bool frames_unmap_step(struct slot *s)
{
    struct aspace *as = mapped_in(s);
    if (as) s->hull_first = tables_edit(as, s->hull_first, s->hull_end, whole(s));
    if (as && s->hull_first < s->hull_end) return false;
    forget_hull(s);
    return true;
}

// May the capability be mapped in `as`? If it was in another space, are its entries there really gone?
static err_t check_space(struct slot *s, const struct aspace *as)
{
    struct aspace *old = mapped_in(s);
    if (!old || old == as) return OK;
    while (s->hull_first < s->hull_end) {
        if (tables_find(old, &s->hull_first, s->hull_end, whole(s))) return ERR_BUSY;
        if (preemption_point(STEP_PAGES)) return ERR_PREEMPTED;
    }
    forget_hull(s);
    return OK;
}

static void widen_hull(struct slot *s, const struct aspace *as, uint64_t vpn, uint64_t end)
{
    if (!mapped_in(s)) {
        s->hull_first = vpn;
        s->hull_end = end;
    }
    if (vpn < s->hull_first) s->hull_first = vpn;
    if (end > s->hull_end) s->hull_end = end;
    s->aspace_id = as->id;
    s->aspace_generation = ids_generation(as->id);
    s->list_next = 0;  // a revoke_run under way must look at it again
}

uint64_t frames_map_step(struct slot *s, struct aspace *as, uint64_t vpn, uint64_t first, uint64_t n, unsigned rights)
{
    widen_hull(s, as, vpn, vpn + n);
    return tables_map(as, vpn, ref_page(s->object) + first, n, rights);
}

static err_t check_run(const struct slot *s, uint64_t first, uint64_t n)
{
    uint64_t pages = frames_pages(s);
    return n > 0 && first < pages && n <= pages - first ? OK : ERR_INVALID;
}

static err_t no_tables(struct invocation *inv, const struct aspace *as, uint64_t missing)
{
    inv_result(inv, 0, missing - tables_free(as));
    return ERR_NO_TABLES;
}

// map(aspace, address, first, n, rights); a restart goes on where this run stopped. Pages in one table, as most are, need
// no look ahead: they are mapped or not.
// @path page-fault 5/7: the pager maps a run of frames, in one operation
static err_t map(struct invocation *inv)
{
    struct slot *s = inv->cap, *space;
    uint64_t address = inv_word(inv, 1), first = inv_word(inv, 2), n = inv_word(inv, 3), rights = inv_word(inv, 4);
    err_t err = cap_lookup(inv->self, inv_word(inv, 0), CAP_ASPACE, RIGHT_WRITE, &space);
    if (!err) err = check_run(s, first, n);
    if (!err) err = aspace_check_range(space->badge, address, n);
    if (err) return err;
    if (!(rights & RIGHT_READ) || rights & ~(uint64_t)(RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)) return ERR_INVALID;
    if (rights & RIGHT_WRITE && rights & RIGHT_EXEC) return ERR_INVALID;
    if (rights & ~(uint64_t)s->rights) return ERR_NO_RIGHT;
    struct aspace *as = aspace_at(space->object);
    err = check_space(s, as);
    if (err) return err;
    uint64_t vpn = address >> PAGE_BITS;
    uint64_t missing = tables_is_one(vpn, n) ? 0 : tables_missing(as, vpn, n);
    if (missing > tables_free(as)) return no_tables(inv, as, missing);
    for (;;) {
        uint64_t done = frames_map_step(s, as, vpn, first, n, (unsigned)rights);
        if (done == 0) return no_tables(inv, as, tables_missing(as, vpn, n));
        vpn += done;
        first += done;
        n -= done;
        if (n == 0) return OK;
        if (preemption_point(STEP_PAGES)) break;
    }
    inv_advance(inv, 1, vpn << PAGE_BITS);
    inv_advance(inv, 2, first);
    inv_advance(inv, 3, n);
    return ERR_PREEMPTED;
}

static err_t unmap(struct slot *s)
{
    while (!frames_unmap_step(s)) {
        if (preemption_point(STEP_PAGES)) return ERR_PREEMPTED;
    }
    return OK;
}

// The slot behind s in a walk through the tree below top (parents first), or NULL.
static struct slot *next_below(struct slot *s, const struct slot *top)
{
    if (s->child) return slot_at(s->child);
    while (s != top && !s->next) s = slot_at(s->parent);
    return s == top ? NULL : slot_at(s->next);
}

// One step of taking pages out of one capability's mappings; true when it is done. The slot notes how far it is.
static bool revoke_step(struct slot *s, struct edit edit, uint32_t ticket)
{
    struct aspace *as = mapped_in(s);
    if (!as) return true;
    uint64_t vpn = s->hull_first;
    if (s->list_next == ticket && ((uint64_t)s->list_prev << 9) > vpn) vpn = (uint64_t)s->list_prev << 9;
    if (vpn < s->hull_end) vpn = tables_edit(as, vpn, s->hull_end, edit);
    s->list_next = ticket;
    s->list_prev = (uint32_t)((vpn + 511) >> 9);
    return vpn >= s->hull_end;
}

// revoke_run(first, n). Slots that are done carry the operation's ticket, so that a restart passes them by.
static err_t revoke_run(struct invocation *inv)
{
    uint64_t first = inv_word(inv, 0), n = inv_word(inv, 1);
    err_t err = check_run(inv->cap, first, n);
    if (err) return err;
    struct edit edit = {.page = ref_page(inv->cap->object) + first, .n_pages = n, .keep = 0};
    uint32_t ticket = inv->self->revoke_ticket;
    inv->self->revoke_ticket = 0;
    if (!ticket) ticket = ++this_core()->revoke_tickets;
    for (struct slot *s = inv->cap; s; s = next_below(s, inv->cap)) {
        while (!revoke_step(s, edit, ticket)) {
            if (!preemption_point(STEP_PAGES)) continue;
            inv->self->revoke_ticket = ticket;
            return ERR_PREEMPTED;
        }
    }
    return OK;
}

static void *page_at(const struct slot *s, uint64_t n) { return ref_direct(s->object + page_refs(n)); }

// copy(first, src_frames, src_first, n)
static err_t copy(struct invocation *inv)
{
    struct slot *from;
    uint64_t first = inv_word(inv, 0), from_first = inv_word(inv, 2), n = inv_word(inv, 3);
    err_t err = cap_lookup(inv->self, inv_word(inv, 1), CAP_FRAMES, RIGHT_READ, &from);
    if (!err) err = check_run(inv->cap, first, n);
    if (!err) err = check_run(from, from_first, n);
    if (err) return err;
    for (;;) {
        arch_page_copy(page_at(inv->cap, first++), page_at(from, from_first++));
        if (--n == 0) return OK;
        if (preemption_point(STEP_PAGES)) break;
    }
    inv_advance(inv, 0, first);
    inv_advance(inv, 2, from_first);
    inv_advance(inv, 3, n);
    return ERR_PREEMPTED;
}

// zero(first, n)
static err_t zero(struct invocation *inv)
{
    uint64_t first = inv_word(inv, 0), n = inv_word(inv, 1);
    err_t err = check_run(inv->cap, first, n);
    if (err) return err;
    for (;;) {
        arch_page_clear(page_at(inv->cap, first++));
        if (--n == 0) return OK;
        if (preemption_point(STEP_PAGES)) break;
    }
    inv_advance(inv, 0, first);
    inv_advance(inv, 1, n);
    return ERR_PREEMPTED;
}

// Operations of CAP_FRAMES. Mapping and looking at addresses need no RIGHT_WRITE, changing the content does.
err_t frames_invoke(struct invocation *inv)
{
    bool writable = inv->cap->rights & RIGHT_WRITE;
    switch (inv->label) {
    case FRAMES_MAP: return map(inv);
    case FRAMES_UNMAP: return unmap(inv->cap);
    case FRAMES_REVOKE_RUN: return revoke_run(inv);
    case FRAMES_COPY: return writable ? copy(inv) : ERR_NO_RIGHT;
    case FRAMES_ZERO: return writable ? zero(inv) : ERR_NO_RIGHT;
    case FRAMES_ADDRESS:
        if (!(inv->cap->rights & RIGHT_DMA)) return ERR_NO_RIGHT;
        inv_result(inv, 0, ref_page(inv->cap->object) << PAGE_BITS);
        return OK;
    default: return ERR_NO_SYSCALL;
    }
}
