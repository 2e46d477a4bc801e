// SPDX-License-Identifier: MIT
// References: how kernel structures name each other.
//
// A slot or an object is named by its physical address divided by 64, with bit 31 set, so that no structure holds a
// pointer, the whole state can be checked, moved and dumped, and a link costs four bytes. Every object is at least 64
// bytes and naturally aligned; 0 names nothing. 31 bits reach 128 GiB. Bit 31 is there so that an architecture may put
// its map of all memory where a reference is an address without its lowest bits, sign-extended.
#pragma once
#include "arch.h"

#define NO_REF 0u
#define REFS_PER_PAGE (1u << (PAGE_BITS - REF_BITS))
#define REFS_END (1ull << (31 + REF_BITS))  // memory beyond cannot be named

// The memory behind a reference; the typed helpers beside each structure (slot_at, thread_at, ...) are its only users.
static inline void *ref_direct(ref_t ref) { return arch_direct_ref(ref); }

// The reference of a structure in the direct map, and of a physical address.
static inline ref_t ref_of(const void *p) { return arch_ref(p); }
static inline ref_t ref_to(paddr_t pa) { return (ref_t)(pa.raw >> REF_BITS) | REF_TOP; }

static inline paddr_t ref_physical(ref_t ref) { return (paddr_t){(uint64_t)(ref & ~REF_TOP) << REF_BITS}; }
static inline uint64_t ref_page(ref_t ref) { return ref_physical(ref).raw >> PAGE_BITS; }
// So many pages, in references.
static inline ref_t page_refs(uint64_t n) { return (ref_t)(n * REFS_PER_PAGE); }
