// SPDX-License-Identifier: MIT
// What the first task (servers/guardian) finds at its start, and the shape of the boot bundle.
//
// The boot module ("bundle") is built by the host tool. It begins with struct bundle_header and a table of
// entries; payloads are page aligned. Entry 0 is the first task's flat image (struct image_header).
// The kernel reads the header, the table and entry 0 only, checks them and leaves the rest to user code.
#pragma once
#include "abi/types.h"

#define BUNDLE_MAGIC 0x31454c444e554242ull  // "BBUNDLE1"
#define BUNDLE_NAME 40

struct bundle_header {
    uint64_t magic;
    uint32_t n_entries, zero;
    uint64_t size_bytes;  // of the whole bundle, page aligned
    uint64_t zeros[5];
};
struct bundle_entry {        // directly behind the header
    char name[BUNDLE_NAME];  // 0-terminated: "supervisor", "manifest", "tmpfs", "liblinux", "root.cpio", "cmdline" ...
    uint64_t offset, size_bytes;  // offset from the bundle's start, page aligned
    uint64_t zero;
};
_Static_assert(sizeof(struct bundle_header) == 64 && sizeof(struct bundle_entry) == 64, "ABI");

// A flat image: made from an ELF by the host tool, so that no ELF is parsed at boot. One page of header, then
// the segments' bytes, each page aligned in the file.
#define IMAGE_MAGIC 0x314547414d494242ull  // "BBIMAGE1"
#define IMAGE_SEGMENTS 6
struct image_segment {
    uint64_t address;      // page aligned
    uint64_t file_offset;  // from the header's start, page aligned
    uint64_t file_bytes;   // the rest up to memory_bytes is zero
    uint64_t memory_bytes;
    uint32_t rights;  // RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC, never W with X
    uint32_t zero;
};
struct image_header {
    uint64_t magic;
    uint64_t entry;
    uint32_t n_segments, zero;
    struct image_segment segments[IMAGE_SEGMENTS];
    uint64_t symbols[16];  // image-defined values: liblinux: [0] upcall stub address, [1] its entry for a new image;
                           // others 0
};
_Static_assert(sizeof(struct image_header) <= PAGE_SIZE, "ABI");

// The clock page: read-only, maps in every process. ns = (tsc - tsc_base) * mult >> 32, plus wall_base_ns for the date.
#define CLOCK_MAGIC 0x4b434f4c43ull
struct clock_page {
    uint64_t magic;
    uint64_t tsc_base, mult;
    uint64_t wall_base_ns;  // Unix time in ns at ns == 0, from the CMOS clock
    uint64_t tsc_hz;
};

// Slots of the first task's cspace (4,096 slots).
enum {
    BOOT_SLOT_CSPACE = 1,
    BOOT_SLOT_THREAD = 2,
    BOOT_SLOT_ASPACE = 3,
    BOOT_SLOT_CONTEXT = 4,
    BOOT_SLOT_LOG = 5,
    BOOT_SLOT_SYSTEM = 6,
    BOOT_SLOT_IRQ_CONTROL = 7,
    BOOT_SLOT_IOPORT = 8,    // all ports
    BOOT_SLOT_CLOCK = 9,     // frames, one page, read only
    BOOT_SLOT_BUNDLE = 10,   // frames over the whole bundle, rounded up to 2^k pages, read | exec
    BOOT_SLOT_INFO = 11,     // frames: the page of struct boot_info, read only
    BOOT_SLOT_UNTYPED = 16,  // n_untyped of them follow
    BOOT_SLOTS = 4096
};

// Mapped read-only at BOOT_INFO_ADDRESS in the first task; its address is also in RDI at the entry.
// The bundle is mapped read-only at BOOT_BUNDLE_ADDRESS. The first task's stack: 16 pages below BOOT_INFO_ADDRESS.
// Its UTCB is at BOOT_UTCB_ADDRESS.
#define BOOT_INFO_ADDRESS 0x100000000000ull
#define BOOT_UTCB_ADDRESS 0x100000010000ull
#define BOOT_BUNDLE_ADDRESS 0x110000000000ull
#define BOOT_INFO_UNTYPED 64
struct boot_info {
    uint64_t bundle_bytes;
    uint64_t n_untyped;
    struct {
        uint64_t address;
        uint64_t size_bits;
    } untyped[BOOT_INFO_UNTYPED];
    uint64_t command_line_bytes;
    char command_line[1024];  // 0-terminated
};
_Static_assert(sizeof(struct boot_info) <= PAGE_SIZE, "ABI");
