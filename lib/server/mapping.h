// SPDX-License-Identifier: MIT
// Frames that a component keeps mapped in its own space, at COMPONENT_DYNAMIC_ADDRESS and above.
//
// The list is in the vault and server_attach() maps everything again after a restart, at the same addresses, so that
// pointers into mapped frames may be stored in the vault. Only frames that a client cannot withdraw may be mapped:
// one's own, or those of a component of higher rank. Stores into them are not logged.
#pragma once
#include <stdint.h>

#define MAPPINGS 64                  // at a time
#define MAPPING_BYTES (64ull << 20)  // largest; each lies in a window of its own

// Map n_pages from the start of the frames capability (a slot that the caller owns); null when it fails.
void *mapping_add(uint32_t frames, uint64_t n_pages, unsigned rights);

// Unmap after the commit. The capability stays.
void mapping_remove(void *address);
