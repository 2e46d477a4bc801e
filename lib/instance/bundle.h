// SPDX-License-Identifier: MIT
// The boot bundle (abi/boot.h), mapped read-only as a whole at BOOT_BUNDLE_ADDRESS: its entries and images.
#pragma once
#include "abi/boot.h"

static inline const struct bundle_header *bundle_header(void)
{
    return (const struct bundle_header *)BOOT_BUNDLE_ADDRESS;
}

// Null: there is none of this name.
const struct bundle_entry *bundle_find(const char *name);
const void *bundle_data(const struct bundle_entry *entry);
// Magic, segments inside these bytes, addresses.
_Bool image_is_sound(const struct image_header *image, uint64_t bytes);
// Checked: magic, segments inside the entry, addresses. Panics otherwise: the image is part of the build.
const struct image_header *bundle_image(const char *name);
// The image's first page, counted from the bundle's.
uint64_t bundle_page(const struct image_header *image);
