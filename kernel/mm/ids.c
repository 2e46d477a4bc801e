// SPDX-License-Identifier: MIT
// Address spaces by number: a frames slot names the space that it is mapped in by id and generation.
//
// A slot may outlive that space, whose memory may by then be anything, so it must not look there. The generation of an
// id counts its uses; ids return to the list last in, first out.
#include "aspace.h"

static struct id_row {
    uint32_t generation;
    ref_t aspace;    // 0: free
    uint32_t next;   // of the free list
} rows[ASPACE_IDS];  // row 0 is not used
static uint32_t first_free, n_free;

// Build the free list; once, at boot.
void ids_init(void)
{
    n_free = 0;
    first_free = 0;
    for (uint32_t id = ASPACE_IDS - 1; id > 0; id--) {
        rows[id] = (struct id_row){.generation = rows[id].generation + 1, .next = first_free};
        first_free = id;
        n_free++;
    }
}

err_t ids_check(unsigned n) { return n <= n_free ? OK : ERR_LIMIT; }

// Give the space an id; ids_check has said that there is one.
uint32_t ids_take(ref_t aspace)
{
    uint32_t id = first_free;
    invariant(id != 0);
    first_free = rows[id].next;
    n_free--;
    rows[id].aspace = aspace;
    return id;
}

// The space is gone: its generation ends.
void ids_release(uint32_t id)
{
    rows[id] = (struct id_row){.generation = rows[id].generation + 1, .next = first_free};
    first_free = id;
    n_free++;
}

uint32_t ids_generation(uint32_t id) { return rows[id].generation; }

struct aspace *ids_find(uint32_t id, uint32_t generation)
{
    const struct id_row *row = &rows[id];
    return id && row->aspace && row->generation == generation ? aspace_at(row->aspace) : NULL;
}
