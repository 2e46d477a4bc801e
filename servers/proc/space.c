// SPDX-License-Identifier: MIT
// Address spaces: making and ending them, and the effects on their page tables.
//
// A space has its own derived capability of everything that is mapped in it (the pool, liblinux's image, the clock,
// each file source), because a frames capability is mapped in one space at a time. Ending a space revokes its blocks;
// what its pages and regions hold is let go in further steps, a bounded part at a time.
#include "servers/proc/proc.h"
#include <asm/mman.h>

#define FREE_AT_ONCE 256  // pages let go in the step that ends a space
#define FREE_A_STEP 2048
// Of the pages of its block an address space keeps two; image and clock need four tables, a first process and thread
// area and a hand-over six.
#define TABLES_AT_FIRST ((1u << BLOCK_BITS) / PAGE_SIZE - 2 - 4 - 6)

unsigned rights_of(unsigned protection)
{
    unsigned rights = protection & (PROT_READ | PROT_WRITE | PROT_EXEC) ? RIGHT_READ : 0;
    rights |= protection & PROT_WRITE ? RIGHT_WRITE : 0;
    return rights | (protection & PROT_EXEC ? RIGHT_EXEC : 0);
}

VAULT_NOTES_ITSELF void space_map(struct space *space, uint32_t frames, uint64_t address, uint64_t first, uint64_t n,
                                  unsigned rights)
{
    server_invoke(frames, FRAMES_MAP, 5, (uint64_t[]){space->aspace, address, first, n, rights});
}

VAULT_NOTES_ITSELF void space_unmap(struct space *space, uint64_t address, uint64_t end)
{
    server_invoke(space->aspace, ASPACE_UNMAP, 2, (uint64_t[]){address, PAGE_NUMBER(end - address)});
}

VAULT_NOTES_ITSELF void space_protect(struct space *space, uint64_t address, uint64_t end, unsigned rights)
{
    server_invoke(space->aspace, ASPACE_PROTECT, 3, (uint64_t[]){address, PAGE_NUMBER(end - address), rights});
}

static void read_tables_free(struct space *space)
{
    uint64_t free_pages = 0;
    (void)aspace_info(space->aspace, &free_pages, NULL, NULL);
    space->tables_free = (uint32_t)free_pages;
}

bool space_tables(struct space *space, unsigned n)
{
    if (space->tables_free < n) read_tables_free(space);
    while (space->tables_free < n) {
        uint64_t slot = block_take(&space->block);
        if (!slot) return false;
        server_invoke(space->aspace, ASPACE_GROW, 1, &slot);
        space->tables_free += (1u << BLOCK_BITS) / PAGE_SIZE;
    }
    space->tables_free -= n;
    return true;
}

err_t space_tables_now(struct space *space, unsigned n)
{
    if (space->tables_free < n) read_tables_free(space);
    bool at_once = space->tables_free >= n;
    if (!space_tables(space, n)) return ERR_LINUX(ENOMEM);
    return at_once ? OK : ERR_RESTARTED;
}

err_t proc_tables(const struct request *request, struct answer *answer)
{
    (void)answer;
    struct process *process = caller(request);
    return process ? space_tables_now(process->space, TABLES_A_MAPPING) : ERR_INVALID;
}

// Capabilities of the space's own of what is mapped in it.
static void derive_frames(const struct space *space)
{
    batch_derive(SLOT_CSPACE, space->pool, SLOT_POOL, RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC, 0);
    batch_derive(SLOT_CSPACE, space->image, image.frames, RIGHT_READ | RIGHT_EXEC, 0);
    batch_derive(SLOT_CSPACE, space->clock, image.clock, RIGHT_READ, 0);
}

static void map(const struct space *space, uint32_t frames, uint64_t address, uint64_t first, uint64_t n,
                unsigned rights)
{
    batch_add(LIST_ENTRY(frames, FRAMES_MAP, 5), space->aspace, address, first, n, rights);
}

// liblinux's segments and the clock page. The space is new: nothing here can be wrong after a rollback.
static void map_image(const struct space *space)
{
    for (unsigned i = 0; i < image.header->n_segments; i++) {
        const struct image_segment *segment = &image.header->segments[i];
        map(space, space->image, segment->address, PAGE_NUMBER(segment->file_offset),
            PAGE_NUMBER(PAGE_ROUND(segment->file_bytes)), segment->rights);
    }
    map(space, space->clock, LIBLINUX_CLOCK, 0, 1, RIGHT_READ);
}

struct space *space_make(void)
{
    struct space *space = table_new(&state->spaces);
    uint32_t untyped = space ? block_take(&space->block) : 0;
    if (!untyped) return NULL;
    space->n_processes = 1;
    space->aspace = slot_alloc_run(SPACE_SLOTS);
    space->pool = space->aspace + 1;
    space->image = space->aspace + 2;
    space->clock = space->aspace + 3;
    space->tables_free = TABLES_AT_FIRST;
    if (!space->aspace) return NULL;
    batch_retype(untyped, CAP_ASPACE, BLOCK_BITS, space->aspace);
    derive_frames(space);
    map_image(space);
    return space;
}

void *space_see(const struct space *space, uint64_t address)
{
    uint32_t page = page_set_get(&space->pages, PAGE_NUMBER(address));
    return page ? page_address(page) : NULL;
}

void space_release_area(struct space *space, unsigned area)
{
    space->process_areas &= ~(1ull << area);
    if (space->n_processes == 1) return;
    page_set_drop(&space->pages, PAGE_NUMBER(PROCESS_AREA(area)), PAGE_NUMBER(PROCESS_AREA(area + 1)));
    space_unmap(space, PROCESS_AREA(area), PROCESS_AREA(area + 1));
}

static bool reap(struct space *space, unsigned n)
{
    if (!page_set_drop_some(&space->pages, n)) return false;
    table_free(&state->spaces, space);
    return true;
}

void space_leave(struct space *space)
{
    if (--space->n_processes > 0) return;
    blocks_release(&space->block);
    slot_free_run(space->aspace, SPACE_SLOTS);
    regions_drop(space);
    if (reap(space, FREE_AT_ONCE)) return;
    space->next_dead = state->dead_spaces;
    state->dead_spaces = space;
    more_work();
}

bool space_reap(void)
{
    struct space *space = state->dead_spaces;
    if (!space) return false;
    struct space *next = space->next_dead;
    if (reap(space, FREE_A_STEP)) state->dead_spaces = next;
    return state->dead_spaces != NULL;
}
