// SPDX-License-Identifier: MIT
// What outlives a component's instances: vault, cspace, pool, endpoint, notification, information page, and what the
// manifest grants: made once at boot, in three rounds (plan sizes, make objects, grant across components).
//
// The first capability of each badge stays with us, the component gets a derived copy: its server then hears of the
// badge's end only when the component's last copy has gone.
#include "servers/supervisor/supervisor.h"

#define OWN_INFO_ADDRESS 0x200010000000ull  // our view of the information pages, a page each, behind our vault
#define OWN_TRACE_ADDRESS (OWN_INFO_ADDRESS + MANIFEST_COMPONENTS * PAGE_SIZE)  // and of the trace rings
#define TABLES_ADDRESS 0x100010000000ull  // where components find tables, then bundle entries
#define BUNDLE_VIEWS_ADDRESS 0x180000000000ull
#define IRQ_BIT (1ull << 56)

static void must(err_t err, const struct component *c, const char *what)
{
    if (err != OK) panic("%s: %s: %s", c->spec->name, what, err_name(err));
}

static uint64_t resolve(const struct manifest_size *size)
{
    if (size->percent == 0) return size->bytes;
    uint64_t share = memory_free_bytes() / 100 * size->percent;
    unsigned bits = size_bits_of(share);
    return 1ull << (1ull << bits > share ? bits - 1 : bits);
}

static struct block block_of(enum cap_type type, const struct manifest_size *size)
{
    uint64_t bytes = resolve(size);
    return (struct block){type, bytes ? size_bits_of(bytes) : 0, size->percent != 0};
}

static uint32_t cspace_slots(const struct manifest_component *spec, unsigned vault_bits)
{
    if (spec->cspace_slots) return spec->cspace_slots;
    uint64_t slots = (1ull << vault_bits) / MANIFEST_VAULT_BYTES_A_SLOT;
    if (slots > MANIFEST_SLOTS_MAX) return MANIFEST_SLOTS_MAX;
    return slots < MANIFEST_SLOTS_MIN ? MANIFEST_SLOTS_MIN : (uint32_t)slots;
}

// Where the grant is mapped in the component's space, if it is: bundle entries and tables.
static void plan_mapping(struct component *c, unsigned i)
{
    const struct manifest_grant *grant = &c->spec->grants[i];
    uint64_t bytes = 0, address = 0;
    if (grant->kind == COMPONENT_CAP_FRAMES) {
        const struct bundle_entry *entry = bundle_find(grant->name);
        bytes = entry ? entry->size_bytes : 0;
        address = BUNDLE_VIEWS_ADDRESS + ((uint64_t)i << 32);
    } else if (grant->kind == COMPONENT_CAP_TABLE) {
        bytes = grant->detail;
        address = TABLES_ADDRESS + ((uint64_t)i << 22);
    }
    c->mapped_at[i] = bytes ? address : 0;
    c->mapped_pages[i] = (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

void durable_plan(struct component *c)
{
    const struct manifest_component *spec = c->spec;
    c->image = bundle_image(spec->image);
    for (unsigned i = 0; i < spec->n_grants; i++) plan_mapping(c, i);
    c->blocks[PART_POOL] = block_of(CAP_FRAMES, &spec->pool);
    c->blocks[PART_UNTYPED] = block_of(CAP_UNTYPED, &spec->untyped);
    c->blocks[PART_VAULT] = block_of(CAP_FRAMES, &spec->vault);
    uint32_t slots = cspace_slots(spec, c->blocks[PART_VAULT].size_bits);
    c->blocks[PART_CSPACE] = (struct block){CAP_CSPACE, size_bits_of((uint64_t)slots * SLOT_BYTES), 0};
    c->blocks[PART_INFO] = (struct block){CAP_FRAMES, PAGE_BITS, 0};
    c->blocks[PART_TRACE] = (struct block){CAP_FRAMES, PAGE_BITS, 0};
    c->blocks[PART_INSTANCE] = (struct block){CAP_UNTYPED, instance_size_bits(c), 0};
}

static void make_object(struct component *c, enum part part, enum cap_type type)
{
    must(memory_take(type, 0, 0, part_slot(c, part)), c, "object");
}

static err_t derive_part(struct component *c, enum part part, uint32_t from, unsigned rights, uint64_t badge)
{
    return cspace_derive(BOOT_SLOT_CSPACE, part_slot(c, part), 0, from, rights, badge);
}

// Into the component's own cspace, where the slot is empty.
static err_t give(const struct component *c, uint32_t slot, uint32_t from, unsigned rights, uint64_t badge)
{
    err_t err = cspace_derive(part_slot(c, PART_CSPACE), slot, 0, from, rights, badge);
    return err == ERR_SLOT_FULL ? OK : err;
}

static err_t give_part(const struct component *c, uint32_t slot, enum part part)
{
    return give(c, slot, part_slot(c, part), RIGHTS_ALL, 0);
}

static int line_length(const char *text)
{
    int n = 0;
    while (text[n] != '\0' && text[n] != '\n') n++;
    return n;
}

// The arguments of the manifest, then the boot command line's words, which so have the last word.
static void fill_args(struct component *c)
{
    int n = snprintf(c->info->args, sizeof c->info->args, "%s %.*s", c->spec->args,
                     line_length(the_system->command_line), the_system->command_line);
    if (n >= (int)sizeof c->info->args) log_line("%s: arguments cut at %lu bytes", c->spec->name, sizeof c->info->args);
}

static void fill_info(struct component *c)
{
    struct component_info *info = c->info;
    const struct block *blocks = c->blocks;
    info->magic = COMPONENT_MAGIC;
    string_copy(info->name, sizeof info->name, c->spec->name);
    info->index = c->index;
    info->cspace_slots = 1u << (blocks[PART_CSPACE].size_bits - 6);
    info->n_caps = c->spec->n_grants;
    info->vault_bytes = blocks[PART_VAULT].size_bits ? 1ull << blocks[PART_VAULT].size_bits : 0;
    info->pool_bytes = blocks[PART_POOL].size_bits ? 1ull << blocks[PART_POOL].size_bits : 0;
    info->pool_mapped = c->spec->pool_mapped;
    info->untyped_bytes = blocks[PART_UNTYPED].size_bits ? 1ull << blocks[PART_UNTYPED].size_bits : 0;
    fill_args(c);
}

void durable_map(const struct component *c)
{
    map_own(part_slot(c, PART_INFO), (uint64_t)c->info, 0, 1, RIGHT_READ | RIGHT_WRITE);
    map_own(part_slot(c, PART_TRACE), (uint64_t)c->trace, 0, 1, RIGHT_READ);
}

void durable_make(struct component *c)
{
    uint32_t info = part_slot(c, PART_INFO);
    uint64_t info_address = OWN_INFO_ADDRESS + (uint64_t)c->index * PAGE_SIZE;
    must(frames_zero(info, 0, 1), c, "information page");
    must(frames_zero(part_slot(c, PART_TRACE), 0, 1), c, "trace ring");
    c->info = (struct component_info *)info_address;
    c->trace = (const struct trace_ring *)(OWN_TRACE_ADDRESS + (uint64_t)c->index * PAGE_SIZE);
    durable_map(c);
    fill_info(c);
    if (c->blocks[PART_VAULT].size_bits)
        must(frames_zero(part_slot(c, PART_VAULT), 0, c->info->vault_bytes / PAGE_SIZE), c, "vault");

    make_object(c, PART_ENDPOINT, CAP_ENDPOINT);
    make_object(c, PART_NOTIFICATION, CAP_NOTIFICATION);
    must(memory_take(CAP_REPLY, 0, part_slot(c, PART_CSPACE), SLOT_REPLY), c, "reply object");
    must(derive_part(c, PART_SELF, SLOT_OWN_ENDPOINT, RIGHT_WRITE | RIGHT_GRANT, BADGE_CHANNEL | c->index), c, "self");
    must(derive_part(c, PART_IRQ_SIGNAL, part_slot(c, PART_NOTIFICATION), RIGHT_WRITE, IRQ_BIT), c, "interrupt");
    must(derive_part(c, PART_BEAT, part_slot(c, PART_NOTIFICATION), RIGHT_WRITE, NOTIFY_HEARTBEAT), c, "heartbeat");
    must(derive_part(c, PART_STOP, part_slot(c, PART_NOTIFICATION), RIGHT_WRITE, NOTIFY_STOP), c, "stop");
    must(derive_part(c, PART_INFO_VIEW, info, RIGHT_READ, 0), c, "information page");
    must(derive_part(c, PART_TRACE_VIEW, part_slot(c, PART_TRACE), RIGHT_READ | RIGHT_WRITE, 0), c, "trace ring");
    must(derive_part(c, PART_BUNDLE_VIEW, BOOT_SLOT_BUNDLE, RIGHT_READ | RIGHT_EXEC, 0), c, "bundle");
    must(derive_part(c, PART_CLOCK_VIEW, BOOT_SLOT_CLOCK, RIGHT_READ, 0), c, "clock");
}

err_t durable_give(const struct component *c)
{
    unsigned log_rights = RIGHT_WRITE | (c->spec->may & MAY_POWER ? RIGHT_READ : 0);
    err_t err = give_part(c, SLOT_CSPACE, PART_CSPACE);
    if (err == OK) err = give_part(c, SLOT_ENDPOINT, PART_ENDPOINT);
    if (err == OK) err = give_part(c, SLOT_SUPERVISOR, PART_SELF);
    if (err == OK) err = give_part(c, SLOT_NOTIFICATION, PART_NOTIFICATION);
    if (err == OK) err = give(c, SLOT_LOG, BOOT_SLOT_LOG, log_rights, c->index + 1);
    if (err == OK) err = give(c, SLOT_CLOCK, BOOT_SLOT_CLOCK, RIGHT_READ, 0);
    for (unsigned i = 0; i < c->spec->n_grants && err == OK; i++)
        err = give(c, SLOT_NAMED + i, c->views[i], RIGHTS_ALL, 0);
    if (err == OK && c->blocks[PART_POOL].size_bits) err = give_part(c, SLOT_POOL, PART_POOL);
    if (err == OK && c->blocks[PART_UNTYPED].size_bits) err = give_part(c, SLOT_UNTYPED, PART_UNTYPED);
    return err;
}

// Signals are hints: who is woken looks again, and finds that what it waited for is gone.
static void wake(const struct component *c, uint32_t slot)
{
    uint32_t waiter = part_slot(c, PART_WAITER);
    (void)cspace_delete(BOOT_SLOT_CSPACE, waiter, 1);
    if (cspace_derive(BOOT_SLOT_CSPACE, waiter, part_slot(c, PART_CSPACE), slot, RIGHT_WRITE, 0) == OK)
        (void)sys_signal(waiter);
    (void)cspace_delete(BOOT_SLOT_CSPACE, waiter, 1);
}

// Whoever the component could signal may sleep until it does; and its descriptions may not stand for others, whose numbers
// begin anew.
void durable_forget(const struct component *c)
{
    uint32_t cspace = part_slot(c, PART_CSPACE), n_slots = c->info->cspace_slots;
    struct cap_identity cap;
    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t slot = SLOT_DYNAMIC; slot < n_slots; slot++) {
            if (cspace_identify(cspace, slot, &cap) != OK) continue;
            if (pass == 0 && cap.type == CAP_ENDPOINT && BADGE_KIND(cap.badge) == BADGE_KIND(BADGE_DESCRIPTION))
                must(cspace_revoke(cspace, slot), c, "descriptions");
            if (pass == 1 && cap.type == CAP_NOTIFICATION) wake(c, slot);
        }
    must(cspace_delete(cspace, SLOT_DYNAMIC, n_slots - SLOT_DYNAMIC), c, "slots");
}

void durable_empty(const struct component *c)
{
    uint32_t cspace = part_slot(c, PART_CSPACE);
    if (c->blocks[PART_POOL].size_bits) must(cspace_revoke(cspace, SLOT_POOL), c, "pool");
    if (c->blocks[PART_UNTYPED].size_bits) must(cspace_revoke(cspace, SLOT_UNTYPED), c, "untyped");
    durable_forget(c);
    if (c->info->vault_bytes)
        must(frames_zero(part_slot(c, PART_VAULT), 0, c->info->vault_bytes / PAGE_SIZE), c, "vault");
}

// --- grants

static err_t grant_bundle_entry(struct component_cap *cap, uint32_t view)
{
    const struct bundle_entry *entry = bundle_find(cap->name);
    if (!entry) return ERR_NOT_FOUND;
    cap->detail = entry->size_bytes;
    return cspace_derive_frames(BOOT_SLOT_CSPACE, view, 0, BOOT_SLOT_BUNDLE, RIGHT_READ | RIGHT_EXEC,
                                entry->offset / PAGE_SIZE, size_bits_of(entry->size_bytes));
}

// The publisher's grant makes the frames; a reader's derives from it. A publisher comes first in start order.
static err_t grant_table(const struct manifest_grant *grant, uint32_t view)
{
    if (grant->writable) {
        unsigned bits = size_bits_of(grant->detail);
        err_t err = memory_take(CAP_FRAMES, bits, 0, view);
        return err != OK ? err : frames_zero(view, 0, (1ull << bits) / PAGE_SIZE);
    }
    const struct component *publisher = component_at(grant->peer);
    for (unsigned i = 0; i < publisher->spec->n_grants; i++) {
        const struct manifest_grant *theirs = &publisher->spec->grants[i];
        if (theirs->kind == COMPONENT_CAP_TABLE && theirs->writable && strcmp(theirs->name, grant->name) == 0)
            return cspace_derive(BOOT_SLOT_CSPACE, view, 0, publisher->views[i], RIGHT_READ, 0);
    }
    return ERR_NOT_FOUND;
}

static err_t grant_irq(struct component *c, unsigned line, uint32_t view)
{
    err_t err = irq_control_get(BOOT_SLOT_IRQ_CONTROL, line, view);
    return err != OK ? err : irq_bind(view, part_slot(c, PART_IRQ_SIGNAL));
}

// Make the capability that we keep, in slot `view`.
static err_t grant_view(struct component *c, const struct manifest_grant *grant, struct component_cap *cap,
                        uint32_t view)
{
    const uint32_t own = BOOT_SLOT_CSPACE;
    const struct component *peer = component_at(grant->peer);
    switch ((enum component_cap_kind)grant->kind) {
    case COMPONENT_CAP_CALL:
        return cspace_derive(own, view, 0, part_slot(peer, PART_ENDPOINT), RIGHT_WRITE | RIGHT_GRANT,
                             BADGE_CHANNEL | c->index);
    case COMPONENT_CAP_MINT:
        return cspace_derive(own, view, 0, part_slot(peer, PART_ENDPOINT), RIGHT_WRITE | RIGHT_GRANT | RIGHT_MINT, 0);
    case COMPONENT_CAP_SIGNAL:
        return cspace_derive(own, view, 0, part_slot(peer, PART_NOTIFICATION), RIGHT_WRITE, 1ull << c->index % 48);
    case COMPONENT_CAP_IOPORT: return cspace_derive(own, view, 0, BOOT_SLOT_IOPORT, RIGHTS_ALL, grant->detail);
    case COMPONENT_CAP_IRQ: return grant_irq(c, (unsigned)grant->detail, view);
    case COMPONENT_CAP_FRAMES: return grant_bundle_entry(cap, view);
    case COMPONENT_CAP_TABLE: return grant_table(grant, view);
    }
    return ERR_INVALID;
}

void durable_grant(struct component *c)
{
    for (unsigned i = 0; i < c->spec->n_grants; i++) {
        const struct manifest_grant *grant = &c->spec->grants[i];
        struct component_cap *cap = &c->info->caps[i];
        memcpy(cap->name, grant->name, sizeof cap->name);
        cap->slot = SLOT_NAMED + i;
        cap->kind = grant->kind;
        cap->detail = grant->kind == COMPONENT_CAP_MINT ? grant->peer : grant->detail;
        cap->address = c->mapped_at[i];
        c->views[i] = slot_take();
        err_t err = grant_view(c, grant, cap, c->views[i]);
        must(err, c, grant->name[0] ? grant->name : "device");
    }
    must(durable_give(c), c, "slots");
}
