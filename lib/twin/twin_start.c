// SPDX-License-Identifier: MIT
// A twin's instance: taken down and made anew from its untyped, with the space that the kernel gives the first task.
#include "lib/instance/bundle.h"
#include "lib/instance/instance.h"
#include "lib/twin/twin_start.h"

#define MS 1000000ull
#define STACK_BITS 15
#define TABLES 11        // image, stack, information pages, the upper levels of the bundle
#define VAULT_TABLES 12  // and what else the supervisor maps: pages of components, corpses, patched text, staged images

// The guardian interrupts the supervisor, whatever that does, but only for a while.
static const struct {
    unsigned priority;
    uint64_t budget_ns, period_ns;
} plans[TWINS] = {
    [TWIN_SUPERVISOR] = {254, 10 * MS, 10 * MS},
    [TWIN_GUARDIAN] = {255, TWIN_GUARDIAN_BUDGET_NS, TWIN_GUARDIAN_PERIOD_NS},
};

static struct instance parts_of(enum twin twin, const struct image_header *image)
{
    uint64_t tables = TABLES + tables_for(bundle_header()->size_bytes);
    if (twin == TWIN_SUPERVISOR) tables += VAULT_TABLES;
    return (struct instance){
        .untyped = twin_slot(twin, TWIN_UNTYPED),
        .first = twin_slot(twin, TWIN_ASPACE),
        .aspace_bits = size_bits_of((ASPACE_OWN_PAGES + tables) * PAGE_SIZE),
        .stack_bits = STACK_BITS,
        .data_bits = image_data_bits(image),
    };
}

unsigned twin_untyped_bits(enum twin twin)
{
    struct instance instance = parts_of(twin, bundle_image(twin_name(twin)));
    return instance_untyped_bits(&instance);
}

// The first guardian is the kernel's first task.
static _Bool is_first_task(enum twin twin) { return twin == TWIN_GUARDIAN && twin_record(twin)->starts == 1; }

uint32_t twin_thread(enum twin twin) { return is_first_task(twin) ? BOOT_SLOT_THREAD : twin_slot(twin, TWIN_THREAD); }

uint32_t twin_aspace(enum twin twin) { return is_first_task(twin) ? BOOT_SLOT_ASPACE : twin_slot(twin, TWIN_ASPACE); }

uint64_t twin_cpu_ns(enum twin twin)
{
    uint64_t consumed = 0;
    uint32_t context = is_first_task(twin) ? BOOT_SLOT_CONTEXT : twin_slot(twin, TWIN_CONTEXT);
    (void)context_info(context, &consumed, NULL);  // 0 when there is none
    return twin_record(twin)->cpu_ns + consumed;
}

static err_t take_down(enum twin twin)
{
    const uint32_t own = BOOT_SLOT_CSPACE;
    err_t err = cspace_revoke(own, twin_slot(twin, TWIN_UNTYPED));
    if (err == OK) err = cspace_delete(own, twin_slot(twin, TWIN_FAULT), 1);
    if (twin != TWIN_GUARDIAN) return err;
    if (err == OK) err = cspace_delete(own, BOOT_SLOT_THREAD, 1);
    if (err == OK) err = cspace_delete(own, BOOT_SLOT_ASPACE, 1);
    if (err == OK) err = cspace_delete(own, BOOT_SLOT_CONTEXT, 1);
    return err;
}

static err_t map_views(enum twin twin, uint32_t aspace)
{
    const unsigned rw = RIGHT_READ | RIGHT_WRITE;
    uint64_t bundle_pages = bundle_header()->size_bytes / PAGE_SIZE;
    err_t err = frames_map(twin_slot(twin, TWIN_INFO_VIEW), aspace, BOOT_INFO_ADDRESS, 0, 1, RIGHT_READ);
    if (err == OK)
        err = frames_map(twin_slot(twin, TWIN_CLOCK_VIEW), aspace, COMPONENT_CLOCK_ADDRESS, 0, 1, RIGHT_READ);
    if (err == OK) err = frames_map(twin_slot(twin, TWIN_PAGE_VIEW), aspace, TWIN_PAGE_ADDRESS, 0, 1, rw);
    if (err == OK)
        err = frames_map(twin_slot(twin, TWIN_BUNDLE_VIEW), aspace, BOOT_BUNDLE_ADDRESS, 0, bundle_pages, RIGHT_READ);
    if (err == OK && twin == TWIN_SUPERVISOR)
        err = frames_map(twin_slot(twin, TWIN_VAULT), aspace, COMPONENT_VAULT_ADDRESS, 0,
                         (1ull << TWIN_VAULT_BITS) / PAGE_SIZE, rw);
    for (enum twin t = 0; t < TWINS && err == OK; t++)
        if (twin == TWIN_SUPERVISOR || t == TWIN_SUPERVISOR)
            err = frames_map(twin_slot(t, twin == TWIN_SUPERVISOR ? TWIN_PATCH : TWIN_PATCH_VIEW), aspace,
                             TWIN_PATCH_ADDRESS + ((uint64_t)t << TWIN_PATCH_BITS), 0,
                             (1ull << TWIN_PATCH_BITS) / PAGE_SIZE, rw);
    return err;
}

static err_t derive_fault(enum twin twin)
{
    enum twin other = twin == TWIN_SUPERVISOR ? TWIN_GUARDIAN : TWIN_SUPERVISOR;
    return cspace_derive(BOOT_SLOT_CSPACE, twin_slot(twin, TWIN_FAULT), 0, twin_slot(other, TWIN_ENDPOINT),
                         RIGHT_WRITE | RIGHT_GRANT, BADGE_TWIN_FAULT(twin, twin_record(twin)->starts));
}

static err_t make_thread(enum twin twin, const struct instance *instance)
{
    uint32_t thread = instance_slot(instance, INSTANCE_THREAD), context = instance_slot(instance, INSTANCE_CONTEXT);
    err_t err = derive_fault(twin);
    if (err == OK)
        err = thread_configure(thread, instance_slot(instance, INSTANCE_ASPACE), BOOT_SLOT_CSPACE,
                               twin_slot(twin, TWIN_FAULT), COMPONENT_UTCB_ADDRESS);
    if (err == OK) err = context_configure(context, plans[twin].budget_ns, plans[twin].period_ns, 0);
    if (err == OK) err = thread_set_context(thread, context);
    if (err == OK) err = thread_set_priority(thread, plans[twin].priority);
    return err;
}

err_t twin_start(enum twin twin)
{
    const struct image_header *image = bundle_image(twin_name(twin));
    const struct instance instance = parts_of(twin, image);
    const struct image_place place = {
        .image = image,
        .text = twin_slot(twin, TWIN_BUNDLE_VIEW),
        .source = BOOT_SLOT_BUNDLE,
        .first = bundle_page(image),
    };
    err_t err = take_down(twin);
    if (err == OK) err = instance_make(&instance);
    if (err == OK) err = instance_load(&instance, &place);
    if (err == OK) err = twin_order_start(twin, instance_slot(&instance, INSTANCE_ASPACE));
    if (err == OK) err = instance_map_stack(&instance, BOOT_INFO_ADDRESS);
    if (err == OK) err = map_views(twin, instance_slot(&instance, INSTANCE_ASPACE));
    if (err == OK) err = make_thread(twin, &instance);
    if (err != OK) return err;
    const struct thread_registers registers = {.pc = image->entry, .sp = BOOT_INFO_ADDRESS, .rdi = BOOT_INFO_ADDRESS};
    twin_record(twin)->started_ns = now_ns();
    twin_record(twin)->state = STATE_STARTING;
    return thread_set_registers(instance_slot(&instance, INSTANCE_THREAD), 0, 1, &registers);
}

// It waits for messages meanwhile, being of higher priority; its wait ends and it goes on.
err_t twin_adopt_guardian(void)
{
    err_t err = derive_fault(TWIN_GUARDIAN);
    if (err == OK)
        err = thread_configure(BOOT_SLOT_THREAD, BOOT_SLOT_ASPACE, BOOT_SLOT_CSPACE,
                               twin_slot(TWIN_GUARDIAN, TWIN_FAULT), COMPONENT_UTCB_ADDRESS);
    return err == OK ? thread_run(BOOT_SLOT_THREAD, 0, 1) : err;
}
