// SPDX-License-Identifier: MIT
// The first start: what the supervisor and the guardian consist of is made from the boot memory, once.
//
// The smallest piece of memory that has room is used, so that large ones stay whole for the supervisor.
#include "lib/instance/bundle.h"
#include "lib/instance/instance.h"
#include "protocols/manifest.h"
#include "servers/guardian/guardian.h"

#define OWN BOOT_SLOT_CSPACE

static void must(err_t err, const char *what)
{
    if (err != OK) panic("%s: %s", what, err_name(err));
}

static void take(const struct boot_info *boot, enum cap_type type, unsigned size_bits, uint32_t slot)
{
    err_t err = ERR_NO_MEMORY;
    for (unsigned bits = PAGE_BITS; bits < 64 && err == ERR_NO_MEMORY; bits++)
        for (unsigned i = 0; i < boot->n_untyped && err == ERR_NO_MEMORY; i++)
            if (boot->untyped[i].size_bits == bits)
                err = untyped_retype(BOOT_SLOT_UNTYPED + i, type, size_bits, 1, 0, slot);
    must(err, "memory for the first tasks");
}

static void derive(uint32_t slot, uint32_t from, unsigned rights, uint64_t badge)
{
    must(cspace_derive(OWN, slot, 0, from, rights, badge), "a first task's capability");
}

// A line of the guardian begins with the number behind the last component's (`./bulkhead log` knows).
static uint64_t log_badge(enum twin twin)
{
    const struct bundle_entry *entry = bundle_find("manifest");
    if (!entry) panic("the bundle has no manifest");
    const struct manifest *manifest = bundle_data(entry);
    return twin == TWIN_SUPERVISOR ? 0 : manifest->n_components + 1;
}

static void make_twin(const struct boot_info *boot, enum twin twin)
{
    take(boot, CAP_UNTYPED, twin_untyped_bits(twin), twin_slot(twin, TWIN_UNTYPED));
    take(boot, CAP_ENDPOINT, 0, twin_slot(twin, TWIN_ENDPOINT));
    take(boot, CAP_REPLY, 0, twin_slot(twin, TWIN_REPLY));
    take(boot, CAP_FRAMES, TWIN_PATCH_BITS, twin_slot(twin, TWIN_PATCH));
    derive(twin_slot(twin, TWIN_PATCH_VIEW), twin_slot(twin, TWIN_PATCH), RIGHT_READ | RIGHT_WRITE, 0);
    derive(twin_slot(twin, TWIN_TEXT_VIEW), twin_slot(twin, TWIN_PATCH), RIGHT_READ | RIGHT_EXEC, 0);
    derive(twin_slot(twin, TWIN_LOG), BOOT_SLOT_LOG, RIGHT_READ | RIGHT_WRITE, log_badge(twin));
    derive(twin_slot(twin, TWIN_PAGE_VIEW), SLOT_TWIN_PAGE, RIGHT_READ | RIGHT_WRITE, 0);
    derive(twin_slot(twin, TWIN_INFO_VIEW), BOOT_SLOT_INFO, RIGHT_READ, 0);
    derive(twin_slot(twin, TWIN_CLOCK_VIEW), BOOT_SLOT_CLOCK, RIGHT_READ, 0);
    derive(twin_slot(twin, TWIN_BUNDLE_VIEW), BOOT_SLOT_BUNDLE, RIGHT_READ | RIGHT_EXEC, 0);
}

// The kernel has mapped the rest of what twin_start() maps for our successors.
static void map_own(void)
{
    must(frames_map(SLOT_TWIN_PAGE, BOOT_SLOT_ASPACE, TWIN_PAGE_ADDRESS, 0, 1, RIGHT_READ | RIGHT_WRITE),
         "shared page");
    must(frames_map(twin_slot(TWIN_GUARDIAN, TWIN_CLOCK_VIEW), BOOT_SLOT_ASPACE, COMPONENT_CLOCK_ADDRESS, 0, 1,
                    RIGHT_READ),
         "clock");
    must(frames_map(twin_slot(TWIN_SUPERVISOR, TWIN_PATCH_VIEW), BOOT_SLOT_ASPACE, TWIN_PATCH_ADDRESS, 0,
                    (1ull << TWIN_PATCH_BITS) / PAGE_SIZE, RIGHT_READ | RIGHT_WRITE),
         "changed text");
}

static void fill_page(void)
{
    struct twins *page = twins();
    const struct bundle_entry *command_line = bundle_find("cmdline");
    for (enum twin twin = 0; twin < TWINS; twin++)
        twin_faults_parse(twin, command_line ? bundle_data(command_line) : "");
    page->records[TWIN_SUPERVISOR].state = STATE_DEAD;
    page->records[TWIN_GUARDIAN].state = STATE_STARTING;
    page->records[TWIN_GUARDIAN].starts = 1;
    page->records[TWIN_GUARDIAN].started_ns = now_ns();
    page->magic = TWINS_MAGIC;
}

void make_twins(const struct boot_info *boot)
{
    take(boot, CAP_FRAMES, TWIN_VAULT_BITS, twin_slot(TWIN_SUPERVISOR, TWIN_VAULT));
    take(boot, CAP_FRAMES, PAGE_BITS, SLOT_TWIN_PAGE);
    for (enum twin twin = 0; twin < TWINS; twin++) make_twin(boot, twin);
    must(frames_zero(SLOT_TWIN_PAGE, 0, 1), "shared page");
    must(frames_zero(twin_slot(TWIN_SUPERVISOR, TWIN_VAULT), 0, (1ull << TWIN_VAULT_BITS) / PAGE_SIZE), "vault");
    map_own();
    must(context_configure(BOOT_SLOT_CONTEXT, TWIN_GUARDIAN_BUDGET_NS, TWIN_GUARDIAN_PERIOD_NS, 0), "context");
    fill_page();
}
