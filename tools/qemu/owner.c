// SPDX-License-Identifier: MIT
// Whose an instruction is: the images of a list, told apart by what is in memory.
//
// Components are linked to the same address, and a plugin does not see which address space is active. But it sees the
// page that an instruction lies in: an image owns a page if the page holds that image's text. Pages of no known image
// belong to the kernel in the upper half and to "program" in the lower.
#include "count.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES = 4096, MAX_IMAGES = 64 };
static const uint64_t UPPER_HALF = 1ull << 63;

struct image {
    uint64_t address, n_bytes;
    bool floats;  // is mapped elsewhere too; whole pages only
    uint8_t *text;
    size_t first, n_functions;  // its functions, in rising order of addresses; the first stands for the whole
};

struct function *functions;
size_t n_functions;
char **owners;
size_t n_owners;

static struct image images[MAX_IMAGES];
static size_t n_images;
static size_t rest_of_kernel, rest_of_program;  // functions

static unsigned owner_number(const char *name)
{
    for (size_t i = 0; i < n_owners; i++)
        if (!strcmp(owners[i], name)) return (unsigned)i;
    owners = realloc(owners, (n_owners + 1) * sizeof(*owners));
    owners[n_owners] = strdup(name);
    return (unsigned)n_owners++;
}

static size_t add_function(uint64_t address, unsigned owner, const char *name)
{
    if (!(n_functions & (n_functions - 1)))
        functions = realloc(functions, (n_functions ? 2 * n_functions : 1) * sizeof(*functions));
    functions[n_functions] = (struct function){.address = address, .owner = owner, .name = strdup(name)};
    return n_functions++;
}

// image OWNER ADDRESS BYTES OFFSET FILE: text of so many bytes that is mapped at an address, and lies in a file; with
// "floating" for "image", it may be mapped anywhere.
static bool add_image(const char *owner, bool floats, uint64_t address, uint64_t n_bytes, long offset, const char *path)
{
    FILE *file = fopen(path, "rb");
    struct image *image = &images[n_images];
    if (!file || n_images == MAX_IMAGES) return false;
    *image = (struct image){address, n_bytes, floats, malloc(n_bytes), 0, 1};
    image->first = add_function(address, owner_number(owner), "?");
    bool ok = !fseek(file, offset, SEEK_SET) && fread(image->text, 1, n_bytes, file) == n_bytes;
    (void)fclose(file);
    n_images++;
    return ok;
}

static bool add_line(const char *line)
{
    char kind[16], name[256], path[1024];
    unsigned long long address, n_bytes, offset;
    if (sscanf(line, "%15s %255s %llx %llx %llx %1023[^\n]", kind, name, &address, &n_bytes, &offset, path) == 6)
        return add_image(name, !strcmp(kind, "floating"), address, n_bytes, (long)offset, path);
    if (n_images && sscanf(line, "symbol %llx %255s", &address, name) == 2) {
        struct image *image = &images[n_images - 1];
        add_function(address, functions[image->first].owner, name);
        image->n_functions++;
        return true;
    }
    return false;
}

bool owners_read(const char *path)
{
    char line[1536];
    rest_of_kernel = add_function(0, owner_number("kernel"), "?");
    rest_of_program = add_function(0, owner_number("program"), "?");
    FILE *file = fopen(path, "r");
    bool ok = file != NULL;
    while (ok && fgets(line, sizeof(line), file)) {
        ok = add_line(line);
        if (!ok) fprintf(stderr, "count: what is this line, or its file? %s", line);
    }
    if (file) (void)fclose(file);
    return ok;
}

// Whether the page at `page` (held at `host`) is this image's, by the bytes of text in it.
static bool image_has_page(const struct image *image, uint64_t page, const uint8_t *host)
{
    uint64_t end = image->address + image->n_bytes;
    if (page + PAGE_BYTES <= image->address || page >= end) return false;
    uint64_t from = page > image->address ? page : image->address;
    uint64_t to = page + PAGE_BYTES < end ? page + PAGE_BYTES : end;
    return !memcmp(host + (from - page), image->text + (from - image->address), to - from);
}

// The address that the image was linked to have at this page, or 0 if the page is not the image's.
static uint64_t page_in_image(const struct image *image, uint64_t page, const uint8_t *host)
{
    if (!image->floats) return image_has_page(image, page, host) ? page : 0;
    for (uint64_t linked = image->address; linked < image->address + image->n_bytes; linked += PAGE_BYTES)
        if (image_has_page(image, linked, host)) return linked;
    return 0;
}

static struct function *search(const struct image *image, uint64_t address)
{
    size_t low = image->first, high = image->first + image->n_functions;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (functions[middle].address <= address)
            low = middle;
        else
            high = middle;
    }
    return &functions[low];
}

struct function *function_of(uint64_t address, const uint8_t *host)
{
    uint64_t in_page = address & (PAGE_BYTES - 1), page;
    for (size_t i = 0; host && i < n_images; i++)
        if ((page = page_in_image(&images[i], address - in_page, host - in_page)))
            return search(&images[i], page + in_page);
    return &functions[address >= UPPER_HALF ? rest_of_kernel : rest_of_program];
}
