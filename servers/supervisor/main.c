// SPDX-License-Identifier: MIT
// Builds the system that the manifest describes, then keeps it so.
//
// Building is plain code, done once, that panics when the image cannot work; a death in it ends the machine, which has
// nothing to lose yet. From then on nothing that a component does may stop the loop, and each instance of ours goes on where
// the last one was: it makes its own address space whole, has the request that was under way sent again, and compares
// what the vault says with what is. The guardian enters with the boot information page in RDI.
#include "servers/supervisor/supervisor.h"

static void read_bundle(void)
{
    struct system *s = the_system;
    const struct bundle_entry *manifest = bundle_find("manifest");
    if (!manifest) panic("the bundle has no manifest");
    s->manifest = bundle_data(manifest);
    if (s->manifest->magic != MANIFEST_MAGIC || s->manifest->n_components > MANIFEST_COMPONENTS)
        panic("the manifest is of another format");
    const struct bundle_entry *command_line = bundle_find("cmdline");
    s->command_line = command_line ? bundle_data(command_line) : "";
}

static void make_components(void)
{
    struct system *s = the_system;
    s->n_components = s->manifest->n_components;
    s->components = vault_alloc(s->n_components * sizeof *s->components);
    s->plans = vault_alloc(s->n_components * (PLAN_BYTES + sizeof s->seal));
    s->next_slot = SLOT_VIEWS;
    for (unsigned i = 0; i < s->n_components; i++) {
        struct component *c = &s->components[i];
        c->index = i;
        c->spec = &s->manifest->components[i];
        c->kills.at = NS_FOREVER;
        durable_plan(c);
    }
    memory_take_blocks();
    for (unsigned i = 0; i < s->n_components; i++) durable_make(&s->components[i]);
    for (unsigned i = 0; i < s->n_components; i++) durable_grant(&s->components[i]);
}

// @path driver-start 1/5: the supervisor builds every component from the manifest
static void build(const struct boot_info *boot)
{
    read_bundle();
    memory_attach(boot);
    the_system->bytes_used = memory_taken_bytes();  // by the guardian
    make_components();
    update_plan();
    evidence_attach();
    kills_parse();
    if (twin_adopt_guardian() != OK) panic("the guardian's faults cannot be received");
    system_built();
}

// Go on where the last instance was.
static void take_over(const struct boot_info *boot)
{
    system_check();
    memory_attach(boot);
    for (unsigned i = 0; i < the_system->n_components; i++) durable_map(&the_system->components[i]);
    update_attach();
    turn_begin();
    for (unsigned i = 0; i < the_system->n_components; i++) component_compare(&the_system->components[i]);
    inject_take_over();
    evidence_take_twin(TWIN_SUPERVISOR);
    turn_end();
}

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

// One round over all components, a turn each; when to look again.
static uint64_t converge(void)
{
    turn_begin();
    uint64_t next = kills_converge(now_ns());
    turn_end();
    for (unsigned i = 0; i < the_system->n_components; i++) {
        struct component *c = &the_system->components[i];
        do {
            turn_begin();
            next = earlier(next, component_converge(c, now_ns()));
            turn_end();
        } while (c->state == STATE_DEAD);  // its death takes more than one
    }
    return next;
}

static uint64_t watch_guardian(void)
{
    uint64_t next = twin_watch(TWIN_GUARDIAN);
    turn_begin();
    evidence_take_twin(TWIN_GUARDIAN);
    turn_end();
    return next;
}

int component_main(const struct component_info *page)
{
    rt_log_slot = BOOT_SLOT_LOG;
    const struct boot_info *boot = (const struct boot_info *)(const void *)page;
    twin_attach(TWIN_SUPERVISOR);
    if (system_attach())
        take_over(boot);
    else
        build(boot);
    struct message m = {0};
    for (;;) {
        twin_beat(TWIN_SUPERVISOR);
        uint64_t deadline = earlier(watch_guardian(), converge());
        twin_waits(TWIN_SUPERVISOR);
        err_t err = sys_reply_wait(SLOT_OWN_ENDPOINT, SLOT_OWN_REPLY, &m, deadline);
        twin_goes_on(TWIN_SUPERVISOR);
        if (err == ERR_TIMEOUT) {
            m.count = 0;
            continue;
        }
        if (err != OK) panic("nothing can be received: %s", err_name(err));  // the last answer has not gone out
        turn_begin();
        handle_message(&m);
        turn_end();
    }
}
