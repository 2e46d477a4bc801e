// SPDX-License-Identifier: MIT
// The instance of a component: address space, thread, context, stack and data, all made from one untyped, so that one
// revoke destroys it.
//
// Text and read-only data are mapped straight from the bundle; data is copied afresh at every start. Vault, pool and
// tables are mapped where protocols/component.h says.
#include "servers/supervisor/supervisor.h"

#define STACK_PAGES 16
#define ASPACE_OWN_PAGES 2
#define TABLES_BESIDES 24  // image, stack, information page and the component's own mappings, beyond what is counted
#define TABLE_REACH (2ull << 20)

static uint64_t pages_of(uint64_t bytes) { return (bytes + PAGE_SIZE - 1) / PAGE_SIZE; }

static uint64_t data_pages(const struct component *c)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < c->image->n_segments; i++)
        if (c->image->segments[i].rights & RIGHT_WRITE) pages += pages_of(c->image->segments[i].memory_bytes);
    return pages;
}

static uint64_t tables_for(uint64_t bytes) { return (bytes + TABLE_REACH - 1) / TABLE_REACH + (bytes >> 30); }

static uint64_t block_bytes(const struct component *c, enum part part)
{
    return c->blocks[part].size_bits ? 1ull << c->blocks[part].size_bits : 0;
}

static unsigned aspace_bits(const struct component *c)
{
    uint64_t pages = ASPACE_OWN_PAGES + TABLES_BESIDES + tables_for(block_bytes(c, PART_VAULT));
    if (c->spec->pool_mapped) pages += 2 + tables_for(block_bytes(c, PART_POOL));
    for (unsigned i = 0; i < c->spec->n_grants; i++) pages += tables_for(c->mapped_pages[i] * PAGE_SIZE);
    return size_bits_of(pages * PAGE_SIZE);
}

static unsigned data_bits(const struct component *c) { return size_bits_of(data_pages(c) * PAGE_SIZE); }

unsigned instance_size_bits(const struct component *c)
{
    uint64_t bytes =
        (1ull << aspace_bits(c)) + STACK_PAGES * PAGE_SIZE + (1ull << data_bits(c)) + SIZE_THREAD + SIZE_CONTEXT;
    return size_bits_of(bytes);
}

// Make the objects, largest first: an untyped wastes nothing then.
static err_t make_objects(const struct component *c)
{
    struct {
        enum part part;
        enum cap_type type;
        unsigned size_bits, order;
    } objects[] = {
        {PART_ASPACE, CAP_ASPACE, aspace_bits(c), aspace_bits(c)},
        {PART_STACK, CAP_FRAMES, PAGE_BITS + 4, PAGE_BITS + 4},
        {PART_DATA, CAP_FRAMES, data_bits(c), data_bits(c)},
        {PART_THREAD, CAP_THREAD, 0, PAGE_BITS + 1},
        {PART_CONTEXT, CAP_CONTEXT, 0, 0},
    };
    const unsigned n = sizeof objects / sizeof objects[0];
    err_t err = OK;
    for (unsigned size = 63; size < 64 && err == OK; size--)
        for (unsigned i = 0; i < n && err == OK; i++)
            if (objects[i].order == size)
                err = untyped_retype(part_slot(c, PART_INSTANCE), objects[i].type, objects[i].size_bits, 1, 0,
                                     part_slot(c, objects[i].part));
    return err;
}

static err_t map_part(const struct component *c, enum part part, uint64_t address, uint64_t first, uint64_t n_pages,
                      unsigned rights)
{
    return frames_map(part_slot(c, part), part_slot(c, PART_ASPACE), address, first, n_pages, rights);
}

// Pages of the image inside the bundle are counted from the bundle's start.
static uint64_t bundle_page(const struct component *c, const struct image_segment *segment)
{
    return ((uint64_t)c->image - BOOT_BUNDLE_ADDRESS + segment->file_offset) / PAGE_SIZE;
}

// A writable segment: the file's pages copied, the rest zero. The last copied page's tail is zero in the image already.
static err_t load_data(const struct component *c, const struct image_segment *segment, uint64_t first)
{
    uint64_t copied = pages_of(segment->file_bytes), pages = pages_of(segment->memory_bytes);
    err_t err = OK;
    if (copied > 0)
        err = frames_copy(part_slot(c, PART_DATA), first, BOOT_SLOT_BUNDLE, bundle_page(c, segment), copied);
    if (err == OK && pages > copied) err = frames_zero(part_slot(c, PART_DATA), first + copied, pages - copied);
    if (err == OK) err = map_part(c, PART_DATA, segment->address, first, pages, RIGHT_READ | RIGHT_WRITE);
    return err;
}

static err_t load_image(const struct component *c)
{
    uint64_t data_at = 0;
    err_t err = OK;
    for (uint32_t i = 0; i < c->image->n_segments && err == OK; i++) {
        const struct image_segment *segment = &c->image->segments[i];
        uint64_t pages = pages_of(segment->memory_bytes);
        if (segment->memory_bytes == 0) continue;
        if (segment->rights & RIGHT_WRITE) {
            err = load_data(c, segment, data_at);
            data_at += pages;
        } else {
            err = map_part(c, PART_BUNDLE_VIEW, segment->address, bundle_page(c, segment), pages, segment->rights);
        }
    }
    return err;
}

static err_t map_durable(const struct component *c)
{
    const unsigned rw = RIGHT_READ | RIGHT_WRITE;
    err_t err = map_part(c, PART_INFO_VIEW, COMPONENT_INFO_ADDRESS, 0, 1, RIGHT_READ);
    if (err == OK) err = map_part(c, PART_CLOCK_VIEW, COMPONENT_CLOCK_ADDRESS, 0, 1, RIGHT_READ);
    if (err == OK && c->info->vault_bytes)
        err = map_part(c, PART_VAULT, COMPONENT_VAULT_ADDRESS, 0, c->info->vault_bytes / PAGE_SIZE, rw);
    if (err == OK && c->info->pool_mapped && c->info->pool_bytes)
        err = map_part(c, PART_POOL, COMPONENT_POOL_ADDRESS, 0, c->info->pool_bytes / PAGE_SIZE, rw);
    for (unsigned i = 0; i < c->spec->n_grants && err == OK; i++) {
        const struct manifest_grant *grant = &c->spec->grants[i];
        unsigned rights = grant->kind == COMPONENT_CAP_TABLE && grant->writable ? rw : RIGHT_READ;
        if (c->mapped_at[i])
            err = frames_map(c->views[i], part_slot(c, PART_ASPACE), c->mapped_at[i], 0, c->mapped_pages[i], rights);
    }
    return err;
}

static err_t map_stack(const struct component *c)
{
    err_t err = frames_zero(part_slot(c, PART_STACK), 0, STACK_PAGES);
    if (err != OK) return err;
    return map_part(c, PART_STACK, COMPONENT_INFO_ADDRESS - STACK_PAGES * PAGE_SIZE, 0, STACK_PAGES,
                    RIGHT_READ | RIGHT_WRITE);
}

static err_t make_thread(const struct component *c)
{
    uint32_t thread = part_slot(c, PART_THREAD), context = part_slot(c, PART_CONTEXT);
    uint32_t cspace = part_slot(c, PART_CSPACE);
    err_t err = cspace_derive(BOOT_SLOT_CSPACE, part_slot(c, PART_FAULT), 0, SLOT_OWN_ENDPOINT,
                              RIGHT_WRITE | RIGHT_GRANT, BADGE_FAULT_OF(c->index, c->info->starts));
    if (err == OK)
        err = thread_configure(thread, part_slot(c, PART_ASPACE), cspace, part_slot(c, PART_FAULT),
                               COMPONENT_UTCB_ADDRESS);
    if (err == OK) err = context_configure(context, c->spec->budget_ns, c->spec->period_ns, 0);
    if (err == OK) err = thread_set_context(thread, context);
    if (err == OK) err = thread_set_priority(thread, c->spec->priority);
    if (err == OK) err = thread_bind_notification(thread, part_slot(c, PART_NOTIFICATION));
    if (err == OK) err = cspace_derive(cspace, SLOT_ASPACE, 0, part_slot(c, PART_ASPACE), RIGHTS_ALL, 0);
    return err;
}

// @path driver-start 2/5: a component's instance is built and set going
err_t instance_start(struct component *c)
{
    c->info->starts++;
    c->info->last_death = c->last_death;
    err_t err = make_objects(c);
    if (err == OK) err = load_image(c);
    if (err == OK) err = map_stack(c);
    if (err == OK) err = map_durable(c);
    if (err == OK) err = make_thread(c);
    if (err != OK) return err;
    const struct thread_registers registers = {
        .pc = c->image->entry, .sp = COMPONENT_INFO_ADDRESS, .rdi = COMPONENT_INFO_ADDRESS};
    return thread_set_registers(part_slot(c, PART_THREAD), 0, 1, &registers);
}

// @path crash-restart 3/6: one revoke destroys all that the dead instance consisted of
void instance_destroy(struct component *c)
{
    uint64_t consumed = 0;
    (void)context_info(part_slot(c, PART_CONTEXT), &consumed, NULL);
    c->cpu_ns += consumed;
    err_t err = cspace_revoke(BOOT_SLOT_CSPACE, part_slot(c, PART_INSTANCE));
    if (err == OK) err = cspace_delete(BOOT_SLOT_CSPACE, part_slot(c, PART_FAULT), 1);
    if (err != OK) panic("%s cannot be taken down: %s", c->spec->name, err_name(err));
}
