// SPDX-License-Identifier: MIT
// Memory of Linux processes: pages of the pool, sets of pages, regions, and address spaces.
//
// Rules:
//  - A page is a number in the pool (0: none); it is counted by every page set that holds it. A page with one holder
//    may be written, one with more is copied first.
//  - A space's regions are sorted and do not overlap. They say what an address means; the kernel's page tables are a
//    cache of that, filled by faults. So nothing is ever mapped before the step that decided it is committed.
//  - All mappings and unmappings are effects (space_map(), space_unmap(), space_protect()): they go out after the
//    commit, in order, before anything that is freed here can be used again.
//  - liblinux's own range has no region records: liblinux_region() makes them up from the layout.
#pragma once
#include <stdbool.h>
#include "lib/server/server.h"
#include "lib/server/table.h"
#include "protocols/layout.h"

#define PAGE_NUMBER(address) ((uint64_t)(address) >> PAGE_BITS)
#define PAGE_ROUND(bytes) (((uint64_t)(bytes) + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1))

// --- pages.c: the pool

struct pages {
    uint64_t *free;    // bit set: free
    uint16_t *counts;  // holders
    uint32_t n, zero;
    uint32_t n_free, cursor;
};

// Take the durable tables from the vault and make all pages free; during init only.
void pages_init(void);
// Up to `want` neighbouring pages, each with one holder and undefined contents. Returns how many, 0: the pool is used
// up.
unsigned page_alloc_run(unsigned want, uint32_t *first);
// One page, 0 when there is none.
uint32_t page_alloc(void);
// n neighbouring pages, 0 when there are none.
uint32_t page_alloc_neighbours(unsigned n);
// One holder more; false when it has too many.
bool page_hold(uint32_t page);
// One holder less; without any the page is free.
void page_drop(uint32_t page);
// The same for each page of an array, in which 0 stands for none.
void pages_drop(const uint32_t *numbers, unsigned n);
bool page_is_shared(uint32_t page);
// Where proc sees the page. Stores there are not undone by a rollback.
void *page_address(uint32_t page);
void page_zero(uint32_t page, unsigned n);
void page_copy(uint32_t to, uint32_t from);

// --- page_set.c: which page stands at which page number, sparse

#define CHUNK_PAGES 32
struct chunk {
    struct chunk *hash_next;
    struct chunk *next, *previous;  // of the same set
    struct page_set *set;
    uint64_t key;       // page number / CHUNK_PAGES
    uint32_t mapped;    // bit i: mapped once; so a fault maps its neighbours only if they have not been. A hint
    uint32_t writable;  // bit i, of pages that are there: may be mapped for writing. Never missing
    uint32_t n_used;
    uint32_t hot;  // bit i: was written to behind a fork that took the permission; the next fork copies it. A hint
    uint32_t pages[CHUNK_PAGES];
};
struct page_set {
    struct chunk *first;
    uint32_t n_chunks, n_pages;
};
// Make the hash table anew of the chunks in use.
void chunks_rehash(void);
// Does the hash table lead to this chunk, of all of its set and key? It may be damaged.
bool page_set_knows(const struct chunk *chunk);
struct chunk_walk {
    const struct page_set *set;
    uint64_t key, key_end;
    struct chunk *next;
    bool by_key;
};

// The page at this number, 0: none.
uint32_t page_set_get(const struct page_set *set, uint64_t number);
// The chunk that holds this number, null: none of its pages is there.
struct chunk *page_set_chunk(const struct page_set *set, uint64_t number);
// Put a page in the place of another; the set takes over the hold, the caller has the old one's.
void page_set_replace(struct page_set *set, uint64_t number, uint32_t page);
// Put a page where none is; the set takes over the caller's hold. False: no memory for the record.
bool page_set_put(struct page_set *set, uint64_t number, uint32_t page);
// The same for n neighbouring pages; `mapped`: this step maps them.
bool page_set_put_run(struct page_set *set, uint64_t number, uint32_t first, unsigned n, bool mapped);
// Share all pages numbered below `end` with an empty set; with `copies`, hot ones are copied instead where there is
// memory. False: no memory for the records, or a page has too many holders.
bool page_set_share(struct page_set *to, const struct page_set *from, uint64_t end, bool copies);
// Take a page out with its hold, 0: none.
uint32_t page_set_take(struct page_set *set, uint64_t number);
// Pages in [first, end), and their neighbours in a chunk, may be mapped with more rights than they are: the next fault
// there maps all around it.
void page_set_forget_mapped(struct page_set *set, uint64_t first, uint64_t end);
// Drop all pages in [first, end); returns how many there were.
uint64_t page_set_drop(struct page_set *set, uint64_t first, uint64_t end);
// Drop at most about `n` pages of the whole set; true when it is empty.
bool page_set_drop_some(struct page_set *set, unsigned n);
// n bits of a chunk's masks from page number `number` on.
static inline uint32_t chunk_bits(uint64_t number, uint64_t n)
{
    return (uint32_t)((1ull << n) - 1) << number % CHUNK_PAGES;
}
// The chunks that touch [first, end), in no order: walk_start, then walk_next until null. The chunk returned may be
// emptied.
void chunk_walk_start(struct chunk_walk *walk, const struct page_set *set, uint64_t first, uint64_t end);
struct chunk *chunk_walk_next(struct chunk_walk *walk);

// --- region.c

enum region_kind {
    REGION_ANONYMOUS,  // private, zero-filled; pages in the space's set
    REGION_SHARED,     // anonymous and shared; pages in `shared`
    REGION_FILE,       // frames of a file server, private: written pages are copies in the space's set
    REGION_FILE_SHARED,
    REGION_OUTSIDE,  // liblinux's image or window: no pages of ours
};
enum { REGION_GROWS_DOWN = 1, REGION_HEAP = 2, REGION_STACK = 4 };

// Frames of a file, derived for one space. Counted by regions.
struct source {
    uint32_t slot, holders;
    struct source *copy;  // fork: what this step made of it for the child
    uint64_t copy_step;
};
void source_let_go(struct source *source);  // one holder less; without any its capability goes
// Anonymous shared memory. Counted by regions.
struct shared {
    struct page_set pages;
    uint32_t holders, zero;
};
struct region {
    struct region *next;
    uint64_t start, end;
    uint32_t kind, flags;
    uint32_t protection;    // PROT_*
    uint32_t maximum;       // PROT_* that mprotect may give (a file opened for reading cannot be mapped writable)
    struct source *source;  // REGION_FILE*
    struct shared *shared;  // REGION_SHARED
    uint64_t first;         // REGION_FILE*: page of the source at start; REGION_SHARED: page of the object at start
    uint64_t held;          // REGION_FILE*: pages that the source holds from `first`; beyond them: SIGBUS
    uint64_t offset, inode, device;  // for /proc/<pid>/maps
};

struct space;
// The region that holds the address, null: none.
struct region *region_find(struct space *space, uint64_t address);
// The first region that ends behind the address.
struct region *region_at_or_after(struct space *space, uint64_t address);
bool region_range_free(struct space *space, uint64_t start, uint64_t end);
// A gap of that many bytes, as high as possible below `top`; 0: none.
uint64_t region_find_gap(struct space *space, uint64_t bytes, uint64_t top);
// Insert a copy of *model (its source and shared get one more holder), joined with a neighbour where that is possible.
// Null: no record left.
struct region *region_insert(struct space *space, const struct region *model);
// Count its regions and their pages anew.
void space_count(struct space *space);
// Move the region's end up; what follows is free.
void region_extend(struct space *space, struct region *region, uint64_t end);
// Make `address` a border between regions. False: no record left.
bool region_split(struct space *space, uint64_t address);
// Remove everything in [start, end) and drop its pages; unmapping is done. False: no record left, nothing was changed.
bool region_remove(struct space *space, uint64_t start, uint64_t end);
// Forget all regions of a space that ends; its pages stay in the set.
void regions_drop(struct space *space);
// What lies in liblinux's own range at this address; false: nothing.
bool liblinux_region(const struct space *space, uint64_t address, struct region *region);

// --- space.c
#define SPACE_SLOTS 4  // aspace, pool, image, clock

struct space {
    uint32_t n_processes, n_regions;
    uint32_t aspace, pool, image,
        clock;                      // slots in a row: the address space, its own derived capabilities of these frames
    uint32_t block;                 // first of its chain
    uint32_t tables_free;           // at least so many pages are in the page-table pool
    struct page_set pages;          // private ones
    struct region *regions, *hint;  // hint: the region found last
    struct space *next_dead;
    uint64_t n_virtual_pages, n_data_pages;
    uint64_t heap_start, heap_end;
    uint64_t process_areas;  // bit i: in use
    uint64_t thread_areas[THREAD_AREAS / 64];
};

// A new space with liblinux's text and clock in it, which batch_run() makes. Null: nothing left; the step must be
// aborted.
struct space *space_make(void);
// One process less; without any the space ends, its pages are dropped in further steps.
void space_leave(struct space *space);
// Where we see the page at this address, null: it is not there.
void *space_see(const struct space *space, uint64_t address);
// A process area is free again; its pages go when others still use the space.
void space_release_area(struct space *space, unsigned area);
// What a space-changing request answers when page tables must be found first: OK, or ERR_RESTARTED after queueing a
// grow, so that the caller's stub sends the request again.
err_t space_tables_now(struct space *space, unsigned n);
// Let go of some memory of spaces that have ended. True while there is more to do.
bool space_reap(void);

// Effects: map n pages of a slot's frames from `first`; unmap; take rights away.
void space_map(struct space *space, uint32_t frames, uint64_t address, uint64_t first, uint64_t n, unsigned rights);
void space_unmap(struct space *space, uint64_t address, uint64_t end);
void space_protect(struct space *space, uint64_t address, uint64_t end, unsigned rights);
// See to it that n more page tables can be had: a new block goes to the space when its own pool may run out. False:
// none left.
bool space_tables(struct space *space, unsigned n);
#define TABLES_A_MAPPING 4  // for a run that lies within 2 MiB, or just crosses such a border
unsigned rights_of(unsigned protection);

// --- populate.c

// Give the first pages of a new region, as a hint; the step must have freed none. False: records are used up, abort.
bool space_populate(struct space *space, const struct region *region);
// Map the first pages that the file has of a region.
void space_map_file(struct space *space, const struct region *region);
// n zeroed pages at an address of liblinux's, where the first is not there yet; returns that one, 0: none left, abort.
// Where it is there already it is taken as it is.
uint32_t space_give(struct space *space, uint64_t address, unsigned n);
// A stack is given in aligned groups, since it is written downwards.
#define STACK_GROUP_PAGES 4
#define STACK_GROUP_BYTES (STACK_GROUP_PAGES * PAGE_SIZE)
#define PROCESS_PAGES_GIVEN 4  // the process page and what liblinux stores to first: its tables

// --- fault.c

// Map what is there of a private region in one chunk, as far as it has not been mapped.
void space_map_chunk(struct space *space, struct region *region, uint64_t number);
// Store a 32-bit word of the program's; false: it cannot be written.
bool space_store32(struct space *space, uint64_t address, uint32_t value);
bool space_load32(struct space *space, uint64_t address, uint32_t *value);
// Read a 64-bit word that is there already; nothing is made present.
bool space_look64(struct space *space, uint64_t address, uint64_t *value);
