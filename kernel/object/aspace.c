// SPDX-License-Identifier: MIT
// Address spaces: set-up, growth of the page-table pool, and operations on ranges of addresses.
//
// Memory: a page of state, the root table, then the first extent of the pool. Further extents are untypeds, each
// wholly derived into a slot inside the object; if one is revoked, all tables are dropped, for any may lie in it.
// The tables themselves are mm/tables.c's work.
#include "aspace.h"
#include "invoke.h"

#define OWN_PAGES 2

void aspace_init(ref_t ref, unsigned size_bits)
{
    struct aspace *as = aspace_at(ref);
    as->size_bits = size_bits;
    as->n_slots = 1;
    as->pool_pages = (uint32_t)((1ull << (size_bits - PAGE_BITS)) - OWN_PAGES);
    as->id = ids_take(ref);
    tables_drop(as);
}

// The space's mappings end with its id; nothing is searched.
void aspace_destroy(ref_t ref)
{
    if (aspace_is_active(ref)) root_activate(this_core(), kernel.empty_root);
    ids_release(aspace_at(ref)->id);
}

void aspace_slot_lost(struct aspace *as, struct slot *s)
{
    if (as->refs == 0) return;
    tables_drop(as);
    as->pool_pages -= 1u << (s->size_bits - PAGE_BITS);
}

err_t aspace_check_range(uint64_t badge, uint64_t address, uint64_t n_pages)
{
    if (address % PAGE_SIZE || address < USER_START || address >= USER_END || n_pages == 0) return ERR_INVALID;
    if (n_pages > (USER_END - address) / PAGE_SIZE) return ERR_INVALID;
    uint64_t vpn = address >> PAGE_BITS, first = aspace_limit_first(badge);
    if (badge && (vpn < first || vpn + n_pages > first + aspace_limit_pages(badge))) return ERR_NO_RIGHT;
    return OK;
}

// unmap and protect: take all rights but `keep` from a range; a restart goes on where this run stopped.
static err_t edit_range(struct invocation *inv, unsigned keep)
{
    uint64_t address = inv_word(inv, 0), n = inv_word(inv, 1);
    err_t err = aspace_check_range(inv->cap->badge, address, n);
    if (err) return err;
    struct aspace *as = aspace_at(inv->cap->object);
    uint64_t vpn = address >> PAGE_BITS, end = vpn + n;
    for (;;) {
        vpn = tables_edit(as, vpn, end, (struct edit){.n_pages = UINT64_MAX, .keep = keep});
        if (vpn >= end) return OK;
        if (preemption_point(STEP_PAGES)) break;
    }
    inv_advance(inv, 0, vpn << PAGE_BITS);
    inv_advance(inv, 1, end - vpn);
    return ERR_PREEMPTED;
}

static err_t grow(struct invocation *inv)
{
    struct aspace *as = aspace_at(inv->cap->object);
    struct slot *untyped;
    err_t err = cap_lookup(inv->self, inv_word(inv, 0), CAP_UNTYPED, RIGHT_WRITE, &untyped);
    if (!err) err = slot_check_derive(untyped);
    if (err) return err;
    for (unsigned i = as->extent + 1; i <= ASPACE_GROWS; i++) {  // extents up to the current one are used up
        if (as->slots[i].type != CAP_EMPTY) continue;
        slot_derive(untyped, &as->slots[i], RIGHTS_ALL, SLOT_IN_ASPACE);
        as->pool_pages += 1u << (untyped->size_bits - PAGE_BITS);
        if (as->n_slots <= i) as->n_slots = i + 1;
        return OK;
    }
    return ERR_LIMIT;
}

// Operations of CAP_ASPACE.
err_t aspace_invoke(struct invocation *inv)
{
    const struct aspace *as = aspace_at(inv->cap->object);
    switch (inv->label) {
    case ASPACE_UNMAP: return edit_range(inv, 0);
    case ASPACE_PROTECT: return edit_range(inv, (unsigned)inv_word(inv, 2) & RIGHTS_ALL);
    case ASPACE_GROW: return grow(inv);
    case ASPACE_INFO:
        inv_result(inv, 0, tables_free(as));
        inv_result(inv, 1, as->pool_pages);
        inv_result(inv, 2, as->mapped);
        return OK;
    default: return ERR_NO_SYSCALL;
    }
}
