// SPDX-License-Identifier: MIT
// What a component holds when it starts, for those who check: with the word `caps` on the boot command line every
// capability of each first instance is logged, as the kernel identifies it. `./bulkhead caps` prints it.
#include "servers/supervisor/supervisor.h"

#define WORD "caps"

static _Bool wanted(void)
{
    const size_t n = sizeof WORD - 1;
    for (const char *p = the_system->command_line; *p != '\0'; p++) {
        _Bool begins = p == the_system->command_line || p[-1] == ' ';
        if (begins && strncmp(p, WORD, n) == 0 && (p[n] == ' ' || p[n] == '\0' || p[n] == '\n')) return 1;
    }
    return 0;
}

static const char *type_name(uint64_t type)
{
    static const char *const names[CAP_TYPES] = {
        [CAP_UNTYPED] = "untyped memory",
        [CAP_CSPACE] = "cspace",
        [CAP_THREAD] = "thread",
        [CAP_CONTEXT] = "scheduling context",
        [CAP_ENDPOINT] = "endpoint",
        [CAP_REPLY] = "reply object",
        [CAP_ASPACE] = "address space",
        [CAP_NOTIFICATION] = "notification",
        [CAP_FRAMES] = "frames",
        [CAP_IRQ_CONTROL] = "all interrupts",
        [CAP_IRQ] = "interrupt line",
        [CAP_IOPORT] = "I/O ports",
        [CAP_LOG] = "log",
        [CAP_SYSTEM] = "the machine",
    };
    return type < CAP_TYPES ? names[type] : "?";
}

// What the manifest's grant in this slot is for, or what the slot is by convention.
static const char *purpose(const struct component *c, uint32_t slot)
{
    static const char *const own[SLOT_NAMED] = {
        [SLOT_CSPACE] = "its own",       [SLOT_ASPACE] = "its own", [SLOT_LOG] = "write",
        [SLOT_ENDPOINT] = "its own",     [SLOT_REPLY] = "its own",  [SLOT_SUPERVISOR] = "supervisor",
        [SLOT_NOTIFICATION] = "its own", [SLOT_POOL] = "its pool",  [SLOT_UNTYPED] = "its own",
        [SLOT_CLOCK] = "the clock page",
    };
    if (slot < SLOT_NAMED) return own[slot] ? own[slot] : "";
    return slot - SLOT_NAMED < c->spec->n_grants ? c->spec->grants[slot - SLOT_NAMED].name : "";
}

static void log_cap(const struct component *c, uint32_t slot, const struct cap_identity *cap)
{
    const char *name = type_name(cap->type), *rights = cap->rights & RIGHT_WRITE ? "" : ", read only";
    uint64_t first = cap->detail & 0xffff, n = cap->detail >> 16;
    const struct manifest_grant *grant = &c->spec->grants[slot >= SLOT_NAMED ? slot - SLOT_NAMED : 0];
    if (cap->type == CAP_IOPORT)
        log_line("caps %s %u %s 0x%lx to 0x%lx", c->spec->name, slot, name, first, first + n - 1);
    else if (cap->type == CAP_IRQ)
        log_line("caps %s %u %s %lu", c->spec->name, slot, name, grant->detail);
    else if (cap->type == CAP_FRAMES || cap->type == CAP_UNTYPED)
        log_line("caps %s %u %s of %lu KiB: %s%s", c->spec->name, slot, name, (1ul << cap->detail) >> 10,
                 purpose(c, slot), rights);
    else
        log_line("caps %s %u %s: %s", c->spec->name, slot, name, purpose(c, slot));
}

void caps_log(const struct component *c)
{
    if (c->info->starts != 1 || !wanted()) return;
    for (uint32_t slot = 0; slot < c->info->cspace_slots; slot++) {
        struct cap_identity cap;
        err_t err = cspace_identify(part_slot(c, PART_CSPACE), slot, &cap);
        if (err == OK && cap.type != CAP_EMPTY) log_cap(c, slot, &cap);
    }
}
