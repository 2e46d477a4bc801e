// SPDX-License-Identifier: MIT
// x86-64: the kernel's half of every address space.
//
// Rules:
//  - The last slot of a root holds the map of all physical memory, at DIRECT_BASE: never executable, 2 MiB pages up to
//    4 GiB and 1 GiB pages above; and behind it the kernel image at KERNEL_BASE, page by page.
//  - No page is writable and executable, and kernel text and read-only data are writable under neither address.
//  - All roots share this table, so a change is seen by every space; its pages are global, so a switch keeps them.
// User mappings are the core's work (mm/), with the inline functions of arch_types.h.
#include "x86.h"

#define PTE_GLOBAL 0x100ull
#define PTE_BIG 0x80ull
#define PTE_UNCACHED 0x18ull
#define BIG_BITS 21
#define HUGE_BITS 30
#define IMAGE_BASE 0x200000ull  // kernel.ld: the image is within the 2 MiB from here
enum { ENTRIES = 512, KERNEL_SLOT = 511, IMAGE_SLOT = IMAGE_BASE >> BIG_BITS };
enum { DIRECT_POINTER = 384, KERNEL_POINTER = 510 };  // in kernel_pointers, a GiB each
#define DIRECT_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_GLOBAL | PTE_NX)

typedef uint64_t page_table[ENTRIES] __attribute__((aligned(PAGE_SIZE)));
page_table kernel_root, direct_directories[4], kernel_pointers;  // first filled by start.S
static page_table kernel_directory, kernel_pages, direct_image_pages;
static uint64_t direct_end;

extern char image_start[], text_start[], text_end[], rodata_end[], kernel_stack_guard[], image_end[];

static uint64_t image_physical(const void *p) { return (uint64_t)p - KERNEL_BASE; }

static void activate(void) { CR_WRITE(3, image_physical(kernel_root)); }

// The kernel's own map of the image, and the 4 KiB pages of the direct map that cover it. Until here the kernel ran in
// the direct map's tables; it leaves them before they lose the right to be executed.
static void map_image(void)
{
    for (uint64_t i = 0; i < ENTRIES; i++) {
        uint64_t pa = IMAGE_BASE + i * PAGE_SIZE, address = pa + KERNEL_BASE;
        bool text = address >= (uint64_t)text_start && address < (uint64_t)text_end;
        bool constant = address < (uint64_t)rodata_end;  // the boot code too
        bool hole = address == (uint64_t)kernel_stack_guard || address < (uint64_t)text_start;
        uint64_t flags = PTE_PRESENT | PTE_GLOBAL | (constant ? 0 : PTE_WRITE);
        kernel_pages[i] = hole || address >= (uint64_t)image_end ? 0 : pa | flags | (text ? 0 : PTE_NX);
        direct_image_pages[i] = pa | flags | PTE_NX;
    }
    kernel_directory[IMAGE_SLOT] = image_physical(kernel_pages) | PTE_PRESENT | PTE_WRITE;
    __asm__ volatile("" ::: "memory");  // the table before the entry that makes it live
    kernel_pointers[KERNEL_POINTER] = image_physical(kernel_directory) | PTE_PRESENT | PTE_WRITE;
    activate();
}

uint64_t paging_init(uint64_t memory_end)
{
    const uint64_t low_end = 4ull << HUGE_BITS, map_end = (uint64_t)(KERNEL_POINTER - DIRECT_POINTER) << HUGE_BITS;
    map_image();
    for (uint64_t i = 0; i < 4 * ENTRIES; i++) {
        direct_directories[i / ENTRIES][i % ENTRIES] = i << BIG_BITS | DIRECT_FLAGS | PTE_BIG;
    }
    direct_end = low_end;
    while (features.big_pages && direct_end < memory_end && direct_end < map_end) {
        kernel_pointers[DIRECT_POINTER + (direct_end >> HUGE_BITS)] = direct_end | DIRECT_FLAGS | PTE_BIG;
        direct_end += 1ull << HUGE_BITS;
    }
    direct_directories[0][IMAGE_SLOT] = image_physical(direct_image_pages) | PTE_PRESENT | PTE_WRITE | PTE_NX;
    kernel_root[0] = kernel_pointers[0] = 0;
    activate();
    return direct_end;
}

bool paging_reaches(uint64_t pa, uint64_t n_bytes) { return pa < direct_end && n_bytes <= direct_end - pa; }

void paging_uncached(uint64_t pa)
{
    uint64_t big = pa >> BIG_BITS;
    direct_directories[big / ENTRIES][big % ENTRIES] |= PTE_UNCACHED;
    __asm__ volatile("invlpg (%0)" ::"r"(arch_direct((paddr_t){pa})) : "memory");
}

void arch_aspace_init(pte_t *root) { root[KERNEL_SLOT].raw = kernel_root[KERNEL_SLOT]; }

void arch_aspace_activate(paddr_t root) { CR_WRITE(3, root.raw); }

void arch_tlb_all(void) { CR_WRITE(3, CR_READ(3)); }
