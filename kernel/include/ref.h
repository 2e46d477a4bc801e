// SPDX-License-Identifier: MIT
// References: how kernel structures name each other.
//
// A slot or an object is named by its physical address divided by 64, so that no structure holds a pointer, the
// whole state can be checked, moved and dumped, and a link costs four bytes. Every object is at least 64 bytes and
// naturally aligned; 0 names nothing, for the page at physical address 0 is never given out. 32 bits reach 256 GiB.
#pragma once
#include "arch.h"

// For functions on the shortest ways through the kernel, where a call costs more than what it does.
#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef uint32_t ref_t;
#define NO_REF 0u
#define REF_BITS 6
#define REFS_PER_PAGE (1u << (PAGE_BITS - REF_BITS))

// The memory behind a reference; the typed helpers beside each structure (slot_at, thread_at, ...) are its only users.
static inline void *ref_direct(ref_t ref) { return arch_direct((paddr_t){(uint64_t)ref << REF_BITS}); }

// The reference of a structure in the direct map.
static inline ref_t ref_of(const void *p) { return (ref_t)(arch_physical(p).raw >> REF_BITS); }

// The physical page number of a reference.
static inline uint64_t ref_page(ref_t ref) { return ref / REFS_PER_PAGE; }
static inline ref_t page_ref(uint64_t page) { return (ref_t)(page * REFS_PER_PAGE); }
