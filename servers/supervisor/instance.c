// SPDX-License-Identifier: MIT
// The instance of a component: address space, thread, context, stack and data, all made from one untyped, so that one
// revoke destroys it. Making the objects and loading the image is lib/instance's work.
//
// Text and read-only data are mapped straight from the bundle or a staged image (update.c); data is copied afresh at every start. Vault, pool and
// tables are mapped where protocols/component.h says.
#include "servers/supervisor/supervisor.h"

#define TABLES_BESIDES 24  // image, stack, information page and the component's own mappings, beyond what is counted

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

static struct instance parts_of(const struct component *c)
{
    return (struct instance){
        .untyped = part_slot(c, PART_INSTANCE),
        .first = part_slot(c, PART_ASPACE),
        .aspace_bits = aspace_bits(c),
        .stack_bits = STACK_BITS,
        .data_bits = image_data_bits(c->image),
    };
}

unsigned instance_size_bits(const struct component *c)
{
    struct instance instance = parts_of(c);
    return instance_untyped_bits(&instance);
}

static err_t map_part(const struct component *c, enum part part, uint64_t address, uint64_t first, uint64_t n_pages,
                      unsigned rights)
{
    return frames_map(part_slot(c, part), part_slot(c, PART_ASPACE), address, first, n_pages, rights);
}

static err_t map_durable(const struct component *c)
{
    const unsigned rw = RIGHT_READ | RIGHT_WRITE;
    err_t err = map_part(c, PART_INFO_VIEW, COMPONENT_INFO_ADDRESS, 0, 1, RIGHT_READ);
    if (err == OK) err = map_part(c, PART_TRACE_VIEW, COMPONENT_TRACE_ADDRESS, 0, 1, rw);
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

static err_t make_thread(const struct component *c)
{
    uint32_t thread = part_slot(c, PART_THREAD), context = part_slot(c, PART_CONTEXT);
    uint32_t cspace = part_slot(c, PART_CSPACE);
    err_t err = cspace_derive(BOOT_SLOT_CSPACE, part_slot(c, PART_FAULT), 0, SLOT_OWN_ENDPOINT,
                              RIGHT_WRITE | RIGHT_GRANT, BADGE_FAULT_OF(c->index, c->info->starts));
    if (err == OK)
        err = thread_configure(thread, part_slot(c, PART_ASPACE), cspace, part_slot(c, PART_FAULT),
                               COMPONENT_UTCB_ADDRESS);
    uint32_t timeout = c->spec->budget_strict ? part_slot(c, PART_FAULT) : 0;
    if (err == OK) err = context_configure(context, c->spec->budget_ns, c->spec->period_ns, timeout);
    if (err == OK) err = thread_set_context(thread, context);
    if (err == OK) err = thread_set_priority(thread, c->spec->priority);
    if (err == OK) err = thread_bind_notification(thread, part_slot(c, PART_NOTIFICATION));
    if (err == OK) err = cspace_derive(cspace, SLOT_ASPACE, 0, part_slot(c, PART_ASPACE), RIGHTS_ALL, 0);
    return err;
}

// @path driver-start 2/5: a component's instance is built and set going
err_t instance_start(struct component *c)
{
    instance_destroy(c);  // what an interrupted start has left
    // It may have emptied slots that are not its own.
    if (death_is_own(c->last_death) || c->last_death == DEATH_DOUBT) (void)durable_give(c);
    c->info->starts++;
    c->info->last_death = c->last_death;
    c->info->steps_before = c->trace->n;
    const struct instance instance = parts_of(c);
    const struct image_place place = update_place(c);
    err_t err = instance_make(&instance);
    if (err == OK) err = instance_load(&instance, &place);
    if (err == OK) err = instance_map_stack(&instance, COMPONENT_INFO_ADDRESS);
    if (err == OK) err = map_durable(c);
    if (err == OK) err = make_thread(c);
    if (err != OK) return err;
    inject_start(c);
    const struct thread_registers registers = {
        .pc = c->image->entry, .sp = COMPONENT_INFO_ADDRESS, .rdi = COMPONENT_INFO_ADDRESS};
    return thread_set_registers(part_slot(c, PART_THREAD), 0, 1, &registers);
}

// Where it ends, for its successor. An instance that has begun nothing leaves the word of the one before, which it may not
// have looked at; and there is no thread any more when the last instance of ours had come as far as the revoke.
static void keep_registers(const struct component *c)
{
    struct thread_registers registers;
    if (c->trace->n == c->info->steps_before) return;
    (void)thread_run(part_slot(c, PART_THREAD), 0, 0);
    if (thread_get_registers(part_slot(c, PART_THREAD), &registers) == OK) c->info->stood_at = registers;
}

// @path crash-restart 3/6: one revoke destroys all that the dead instance consisted of
void instance_destroy(struct component *c)
{
    uint64_t consumed = 0;
    (void)context_info(part_slot(c, PART_CONTEXT), &consumed, NULL);
    c->cpu_ns += consumed;
    keep_registers(c);
    err_t err = cspace_revoke(BOOT_SLOT_CSPACE, part_slot(c, PART_INSTANCE));
    if (err == OK) err = cspace_delete(BOOT_SLOT_CSPACE, part_slot(c, PART_FAULT), 1);
    if (err != OK) panic("%s cannot be taken down: %s", c->spec->name, err_name(err));
}
