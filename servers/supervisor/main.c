// SPDX-License-Identifier: MIT
// The first task: builds the system that the manifest describes, then keeps it so.
//
// Building is plain code that panics when the image cannot work; from then on nothing that a component does may stop
// the loop. The kernel enters with the boot information page in RDI.
#include "servers/supervisor/supervisor.h"

static struct system system_state;
struct system *the_system = &system_state;

static void read_bundle(const struct component_info *page)
{
    struct system *s = the_system;
    s->boot = (const struct boot_info *)(const void *)page;
    s->bundle = (const struct bundle_header *)BOOT_BUNDLE_ADDRESS;
    const struct bundle_entry *manifest = bundle_find("manifest");
    if (!manifest) panic("the bundle has no manifest");
    s->manifest = bundle_data(manifest);
    if (s->manifest->magic != MANIFEST_MAGIC || s->manifest->n_components > MANIFEST_COMPONENTS)
        panic("the manifest is of another format");
    const struct bundle_entry *command_line = bundle_find("cmdline");
    s->command_line = command_line ? bundle_data(command_line) : "";
}

static void make_own_objects(void)
{
    map_own(BOOT_SLOT_CLOCK, COMPONENT_CLOCK_ADDRESS, 0, 1, RIGHT_READ);
    err_t err = memory_take(CAP_ENDPOINT, 0, 0, SLOT_OWN_ENDPOINT);
    if (err == OK) err = memory_take(CAP_REPLY, 0, 0, SLOT_OWN_REPLY);
    if (err != OK) panic("no memory for our endpoint: %s", err_name(err));
}

static void make_components(void)
{
    struct system *s = the_system;
    s->n_components = s->manifest->n_components;
    for (unsigned i = 0; i < s->n_components; i++) {
        struct component *c = &s->components[i];
        c->index = i;
        c->spec = &s->manifest->components[i];
        c->kill_at = NS_FOREVER;
        durable_plan(c);
    }
    memory_take_blocks();
    for (unsigned i = 0; i < s->n_components; i++) durable_make(&s->components[i]);
    for (unsigned i = 0; i < s->n_components; i++) durable_grant(&s->components[i]);
}

// One round over all components; when to look again.
static uint64_t converge(void)
{
    uint64_t next = NS_FOREVER;
    for (unsigned i = 0; i < the_system->n_components; i++) {
        uint64_t at = component_converge(&the_system->components[i], now_ns());
        if (at < next) next = at;
    }
    return next;
}

// @path driver-start 1/5: the supervisor builds every component from the manifest
int component_main(const struct component_info *page)
{
    rt_log_slot = BOOT_SLOT_LOG;
    read_bundle(page);
    memory_init();
    make_own_objects();
    make_components();
    faults_parse();
    struct message m = {0};
    for (;;) {
        uint64_t deadline = converge();
        if (sys_reply_wait(SLOT_OWN_ENDPOINT, SLOT_OWN_REPLY, &m, deadline) == OK)
            handle_message(&m);
        else
            m.count = 0;
    }
}
