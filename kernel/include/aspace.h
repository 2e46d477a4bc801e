// SPDX-License-Identifier: MIT
// Page tables and who is mapped in them.
//
// Rules:
//  - Page tables are a cache of the pager's knowledge: losing an entry is always correct, keeping a revoked one never.
//  - Tables come from the address space's own pool. The entry that points to a table counts that table's entries; an
//    empty table returns to the pool at once.
//  - A frames capability is mapped in at most one address space, named by id and generation, and all entries that it
//    ever made lie within its hull. Entries made by another capability lie there too and are left alone.
//  - Invalidation ends before an operation returns.
#pragma once
#include "core.h"

#define ASPACE_IDS 8192

// The page range that an address space capability allows: first page | number << 36; 0: all.
static inline uint64_t aspace_limit_first(uint64_t badge) { return badge & 0xfffffffff; }
static inline uint64_t aspace_limit_pages(uint64_t badge) { return badge >> 36; }

// --- mm/ids.c: address spaces by id, so that frames slots can name one that may be gone
err_t ids_check(unsigned n);  // ERR_LIMIT: fewer than n ids are free
void ids_init(void);
uint32_t ids_take(ref_t aspace);
void ids_release(uint32_t id);
uint32_t ids_generation(uint32_t id);
// The address space of that id and generation, or NULL if it is gone.
struct aspace *ids_find(uint32_t id, uint32_t generation);

// --- mm/tables.c
// Tables missing for mapping n pages from page number vpn on.
uint64_t tables_missing(const struct aspace *, uint64_t vpn, uint64_t n);
uint64_t tables_free(const struct aspace *);
// Do the pages lie in one leaf table?
static inline bool tables_is_one(uint64_t vpn, uint64_t n) { return vpn / 512 == (vpn + n - 1) / 512; }
// Map up to 512 pages, within one leaf table. Returns how many were mapped; 0: the pool has too few tables for that.
uint64_t tables_map(struct aspace *, uint64_t vpn, uint64_t page, uint64_t n, unsigned rights);
// An edit takes rights away from entries that point to pages [page, page + n_pages); without READ the entry goes.
struct edit {
    uint64_t page, n_pages;
    unsigned keep;  // RIGHT_*
};
// Edit from vpn on, within one leaf table or one missing stretch; returns the first page number not looked at yet.
uint64_t tables_edit(struct aspace *, uint64_t vpn, uint64_t end, struct edit);
// Is there an entry in [*vpn, end) into the pages of the edit? One step; moves *vpn on; true: found at *vpn.
bool tables_find(struct aspace *, uint64_t *vpn, uint64_t end, struct edit);
// The entry for a page, 0 if there is none.
pte_t tables_entry(const struct aspace *, uint64_t vpn);
// Forget all tables: every user mapping is gone. Bounded.
void tables_drop(struct aspace *);
// Count everything anew and compare, for tests.
bool tables_check(const struct aspace *);
static inline pte_t *table_at(ref_t table) { return ref_direct(table); }

// --- object/aspace.c
void aspace_init(ref_t, unsigned size_bits);
void aspace_destroy(ref_t);
void aspace_slot_lost(struct aspace *, struct slot *);
static inline paddr_t aspace_root(ref_t aspace) { return ref_physical(aspace + REFS_PER_PAGE); }
static inline bool aspace_is_active(ref_t aspace) { return this_core()->root.raw == aspace_root(aspace).raw; }
ALWAYS_INLINE void root_activate(struct cpu_core *core, paddr_t root)
{
    if (core->root.raw == root.raw) return;
    core->root = root;
    arch_aspace_activate(root);
}
// Is [address, address + n pages) user memory, page aligned, within the capability's range?
err_t aspace_check_range(uint64_t badge, uint64_t address, uint64_t n_pages);

// --- object/frames.c
uint64_t frames_pages(const struct slot *);  // how many pages it covers
// Map up to 512 of n pages from `first` on at page number vpn; returns how many, 0: too few tables. The caller has
// checked everything else.
uint64_t frames_map_step(struct slot *, struct aspace *, uint64_t vpn, uint64_t first, uint64_t n, unsigned rights);
// Take all mappings of this capability away, one step; true when none is left.
bool frames_unmap_step(struct slot *);
