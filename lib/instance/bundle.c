// SPDX-License-Identifier: MIT
// The boot bundle: finding entries and checking images. The kernel has checked nothing but the first.
#include "lib/instance/bundle.h"
#include "lib/rt/rt.h"

const struct bundle_entry *bundle_find(const char *name)
{
    const struct bundle_header *bundle = bundle_header();
    const struct bundle_entry *entries = (const struct bundle_entry *)(bundle + 1);
    for (uint32_t i = 0; i < bundle->n_entries; i++)
        if (strncmp(entries[i].name, name, BUNDLE_NAME) == 0) return &entries[i];
    return NULL;
}

const void *bundle_data(const struct bundle_entry *entry) { return (const uint8_t *)bundle_header() + entry->offset; }

static _Bool segment_ok(const struct image_segment *s, uint64_t image_bytes)
{
    return s->address % PAGE_SIZE == 0 && s->file_offset % PAGE_SIZE == 0 && s->file_bytes <= s->memory_bytes &&
           s->file_offset <= image_bytes && s->file_bytes <= image_bytes - s->file_offset &&
           s->address >= COMPONENT_IMAGE_ADDRESS &&
           s->address + s->memory_bytes < COMPONENT_IMAGE_ADDRESS + (1ull << 30);
}

_Bool image_is_sound(const struct image_header *image, uint64_t bytes)
{
    if (bytes < sizeof *image || image->magic != IMAGE_MAGIC || image->n_segments > IMAGE_SEGMENTS) return 0;
    for (uint32_t i = 0; i < image->n_segments; i++)
        if (!segment_ok(&image->segments[i], bytes)) return 0;
    return 1;
}

const struct image_header *bundle_image(const char *name)
{
    const struct bundle_entry *entry = bundle_find(name);
    if (!entry) panic("the bundle has no image %s", name);
    const struct image_header *image = bundle_data(entry);
    if (!image_is_sound(image, entry->size_bytes)) panic("%s is no image, or a segment is out of place", name);
    return image;
}

uint64_t bundle_page(const struct image_header *image) { return ((uint64_t)image - BOOT_BUNDLE_ADDRESS) / PAGE_SIZE; }
