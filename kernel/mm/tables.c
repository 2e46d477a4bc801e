// SPDX-License-Identifier: MIT
// Page tables: mapping, editing and counting, one leaf table (512 pages) at a step.
//
// Rules:
//  - An entry that points to a table holds the number of present entries in that table; the root is not counted.
//  - A table in the free list is zero but for its first entry, which links the list.
//  - If the address space is the active one, changed entries are invalidated before the step returns.
// Whoever calls has checked ranges and pool (tables_missing), and looks for preemption between two steps.
#include "aspace.h"

#define TABLE_BITS 9
#define TABLE_ENTRIES 512u
#define FLUSH_PAGES 16  // more than that are invalidated all at once

// The entries on the way to a page; entry[l] stands in a table of level l. `level` is the lowest one reached: above 0,
// entry[level] is absent.
struct walk {
    pte_t *entry[ARCH_LEVELS];
    unsigned level;
};

static unsigned entry_index(uint64_t vpn, unsigned level)
{
    return (unsigned)(vpn >> (TABLE_BITS * level)) % TABLE_ENTRIES;
}

// The first page number behind the stretch of 512^level pages that holds vpn.
static uint64_t stretch_end(uint64_t vpn, unsigned level)
{
    return ((vpn >> (TABLE_BITS * level)) + 1) << (TABLE_BITS * level);
}

static struct walk walk_to(const struct aspace *as, uint64_t vpn)
{
    struct walk w = {.level = ARCH_LEVELS - 1};
    pte_t *table = arch_direct(aspace_root(ref_of(as)));
    for (;;) {
        w.entry[w.level] = &table[entry_index(vpn, w.level)];
        if (w.level == 0 || !pte_present(*w.entry[w.level])) return w;
        table = arch_direct(pte_address(*w.entry[w.level]));
        w.level--;
    }
}

static void flush(const struct aspace *as, uint64_t vpn, uint64_t end)
{
    if (!aspace_is_active(ref_of(as))) return;
    if (end - vpn > FLUSH_PAGES) {
        arch_tlb_all();
        return;
    }
    for (; vpn < end; vpn++) arch_tlb_page((uaddr_t){vpn << PAGE_BITS});
}

// Move on to the next extent of the pool that has pages; there is one, or the caller has miscounted.
static void next_extent(struct aspace *as)
{
    while (as->fresh == as->fresh_end) {
        as->extent++;
        invariant(as->extent <= ASPACE_GROWS);
        const struct slot *s = &as->slots[as->extent];
        if (s->type == CAP_EMPTY) continue;
        as->fresh = s->object;
        as->fresh_end = s->object + (ref_t)(1ull << (s->size_bits - REF_BITS));
    }
}

// A cleared table from the pool.
static pte_t *take_table(struct aspace *as)
{
    pte_t *table;
    if (as->pool_free) {
        table = table_at(as->pool_free);
        as->pool_free = (ref_t)table[0].raw;
        table[0].raw = 0;
    } else {
        next_extent(as);
        table = table_at(as->fresh);
        as->fresh += REFS_PER_PAGE;
        arch_page_clear(table);
    }
    as->pool_used++;
    return table;
}

static void give_table(struct aspace *as, paddr_t pa)
{
    pte_t *table = arch_direct(pa);
    table[0].raw = as->pool_free;
    as->pool_free = ref_of(table);
    as->pool_used--;
}

uint64_t tables_free(const struct aspace *as) { return as->pool_pages - as->pool_used; }

uint64_t tables_missing(const struct aspace *as, uint64_t vpn, uint64_t n)
{
    uint64_t end = vpn + n, missing = 0;
    while (vpn < end) {
        struct walk w = walk_to(as, vpn);
        uint64_t next = w.level ? stretch_end(vpn, w.level) : stretch_end(vpn, 1);
        uint64_t last = (next < end ? next : end) - 1;
        for (unsigned level = 1; level <= w.level; level++) {
            missing += (last >> (TABLE_BITS * level)) - (vpn >> (TABLE_BITS * level)) + 1;
        }
        vpn = next;
    }
    return missing;
}

uint64_t tables_map(struct aspace *as, uint64_t vpn, uint64_t page, uint64_t n, unsigned rights)
{
    struct walk w = walk_to(as, vpn);
    if (w.level > tables_free(as)) return 0;
    while (w.level > 0) {
        pte_t *table = take_table(as);
        *w.entry[w.level] = pte_table(arch_physical(table), 0);
        if (w.level + 1 < ARCH_LEVELS) {
            pte_t *up = w.entry[w.level + 1];
            *up = pte_set_count(*up, pte_count(*up) + 1);
        }
        w.level--;
        w.entry[w.level] = &table[entry_index(vpn, w.level)];
    }
    uint64_t room = stretch_end(vpn, 1) - vpn;
    if (n > room) n = room;
    unsigned added = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (!pte_present(w.entry[0][i])) added++;
        w.entry[0][i] = pte_leaf((paddr_t){(page + i) << PAGE_BITS}, rights);
    }
    *w.entry[1] = pte_set_count(*w.entry[1], pte_count(*w.entry[1]) + added);
    as->mapped += added;
    if (added < n) flush(as, vpn, vpn + n);
    return n;
}

// `removed` entries have left the leaf table: count, and return tables that are empty now.
static void prune(struct aspace *as, struct walk *w, unsigned removed)
{
    as->mapped -= removed;
    for (unsigned level = 1; level < ARCH_LEVELS; level++) {
        pte_t *up = w->entry[level];
        unsigned count = pte_count(*up) - removed;
        if (count > 0) {
            *up = pte_set_count(*up, count);
            return;
        }
        give_table(as, pte_address(*up));
        up->raw = 0;
        removed = 1;
    }
}

// How many of n entries are absent before the first present one; four at a look.
static uint64_t absent_run(const pte_t *e, uint64_t n)
{
    uint64_t i = 0;
    while (i + 4 <= n && !pte_present((pte_t){e[i].raw | e[i + 1].raw | e[i + 2].raw | e[i + 3].raw})) i += 4;
    while (i < n && !pte_present(e[i])) i++;
    return i;
}

static bool points_into(pte_t pte, struct edit edit)
{
    return (pte_address(pte).raw >> PAGE_BITS) - edit.page < edit.n_pages;
}

uint64_t tables_edit(struct aspace *as, uint64_t vpn, uint64_t end, struct edit edit)
{
    struct walk w = walk_to(as, vpn);
    uint64_t next = stretch_end(vpn, w.level ? w.level : 1);
    if (next > end) next = end;
    if (w.level > 0) return next;
    unsigned removed = 0;
    uint64_t first_changed = next, end_changed = vpn;
    for (uint64_t i = 0, n = next - vpn; i < n; i++) {
        pte_t *pte = &w.entry[0][i];
        if (!pte_present(*pte)) {
            i += absent_run(pte, n - i) - 1;
            continue;
        }
        if (!points_into(*pte, edit) || !(pte_rights(*pte) & ~edit.keep)) continue;
        if (edit.keep & RIGHT_READ) {
            *pte = pte_leaf(pte_address(*pte), pte_rights(*pte) & edit.keep);
        } else {
            pte->raw = 0;
            removed++;
        }
        if (first_changed == next) first_changed = vpn + i;
        end_changed = vpn + i + 1;
    }
    if (removed) prune(as, &w, removed);
    if (end_changed > first_changed) flush(as, first_changed, end_changed);
    return next;
}

bool tables_find(struct aspace *as, uint64_t *vpn, uint64_t end, struct edit edit)
{
    struct walk w = walk_to(as, *vpn);
    uint64_t next = stretch_end(*vpn, w.level ? w.level : 1);
    if (next > end) next = end;
    uint64_t n = w.level == 0 ? next - *vpn : 0;
    for (uint64_t i = 0; i < n; i++) {
        if (!pte_present(w.entry[0][i])) {
            i += absent_run(&w.entry[0][i], n - i) - 1;
        } else if (points_into(w.entry[0][i], edit)) {
            *vpn += i;
            return true;
        }
    }
    *vpn = next;
    return false;
}

pte_t tables_entry(const struct aspace *as, uint64_t vpn)
{
    struct walk w = walk_to(as, vpn);
    return w.level == 0 ? *w.entry[0] : (pte_t){0};
}

void tables_drop(struct aspace *as)
{
    pte_t *root = arch_direct(aspace_root(ref_of(as)));
    arch_page_clear(root);
    arch_aspace_init(root);
    as->mapped = 0;
    as->pool_used = 0;
    as->pool_free = NO_REF;
    as->extent = 0;
    as->fresh = ref_of(as) + 2 * REFS_PER_PAGE;
    as->fresh_end = ref_of(as) + (ref_t)(1ull << (as->size_bits - REF_BITS));
    if (aspace_is_active(ref_of(as))) arch_tlb_all();
}

bool tables_check(const struct aspace *as)
{
    uint64_t end = USER_END >> PAGE_BITS, vpn = 0, mapped = 0;
    uint32_t used = 0;
    unsigned in_table[ARCH_LEVELS] = {0};  // entries seen in the current table of each level
    while (vpn < end) {
        struct walk w = walk_to(as, vpn);
        for (unsigned level = ARCH_LEVELS - 1; level-- > w.level;) {
            if (vpn % (1ull << (TABLE_BITS * (level + 1))) == 0) {  // the first page of a table of this level
                used++;
                in_table[level] = 0;
                if (level + 2 < ARCH_LEVELS) in_table[level + 1]++;
            }
        }
        uint64_t next = stretch_end(vpn, w.level);
        if (w.level == 0 && pte_present(*w.entry[0])) {
            in_table[0]++;
            mapped++;
        }
        for (unsigned level = w.level; level + 1 < ARCH_LEVELS; level++) {  // the last page of a table
            if (next % (1ull << (TABLE_BITS * (level + 1))) != 0) break;
            if (in_table[level] == 0 || pte_count(*w.entry[level + 1]) != in_table[level]) return false;
        }
        vpn = next;
    }
    uint64_t free = 0;
    for (ref_t t = as->pool_free; t && free <= as->pool_pages; t = (ref_t)table_at(t)[0].raw) free++;
    return mapped == as->mapped && used == as->pool_used && free + used <= as->pool_pages;
}
