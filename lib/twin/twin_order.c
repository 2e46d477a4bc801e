// SPDX-License-Identifier: MIT
// Injected faults of the supervisor and the guardian (protocols/faults.h). The supervisor takes the orders; the other of the
// twins carries them out, in the fault that a trap in its twin's text brings it.
//
// What servers/supervisor/inject.c says of traps holds here. The order stands in the twin's record and outlives both. The
// whole text is copied to frames that the supervisor and the other map writable, and mapped over the image's in those
// instances that the order is about; a byte of `hlt` in the copy is an armed site.
#include "lib/instance/bundle.h"
#include "lib/instance/instance.h"
#include "lib/twin/twin_start.h"

#define TRAP 0xf4       // hlt
#define TRAP_VECTOR 13  // general protection

static const struct image_segment *text_of(enum twin twin, const uint8_t **bytes)
{
    const struct image_header *image = bundle_image(twin_name(twin));
    for (uint32_t i = 0; i < image->n_segments; i++) {
        const struct image_segment *s = &image->segments[i];
        if (!(s->rights & RIGHT_EXEC) || s->file_bytes > 1ull << TWIN_PATCH_BITS) continue;
        *bytes = (const uint8_t *)image + s->file_offset;
        return s;
    }
    panic("%s has no text that can be copied", twin_name(twin));
}

static uint8_t *copy_of(enum twin twin)
{
    return (uint8_t *)(TWIN_PATCH_ADDRESS + ((uint64_t)twin << TWIN_PATCH_BITS));
}

static _Bool is_range(const struct twin_order *o)
{
    return FAULT_ORDER_KIND(o->what) == FAULT_SWEEP || FAULT_ORDER_KIND(o->what) == FAULT_COVER;
}

// Is it about the instance that there is now?
static _Bool concerns(const struct twin_order *o, enum twin twin)
{
    return o->number != 0 && (is_range(o) || FAULT_ORDER_STARTS(o->what) == twin_record(twin)->starts);
}

static err_t map_text(enum twin twin, uint32_t aspace)
{
    const uint8_t *bytes;
    const struct image_segment *s = text_of(twin, &bytes);
    uint64_t n = (s->file_bytes + PAGE_SIZE - 1) / PAGE_SIZE;
    return frames_map(twin_slot(twin, TWIN_TEXT_VIEW), aspace, s->address, 0, n, RIGHT_READ | RIGHT_EXEC);
}

err_t twin_order_start(enum twin twin, uint32_t aspace)
{
    struct twin_order *o = &twin_record(twin)->order;
    if (!concerns(o, twin) || o->state == FAULT_MISSED) return OK;
    if (o->state == FAULT_WAITING) o->state = FAULT_ARMED;
    return map_text(twin, aspace);
}

// --- orders

static void put_original(enum twin twin)
{
    const uint8_t *bytes;
    const struct image_segment *s = text_of(twin, &bytes);
    memcpy(copy_of(twin), bytes, s->file_bytes);
}

// A trap at each instruction of the range, as the bundle tells where they begin.
static err_t plant_range(enum twin twin, const struct twin_order *o, uint64_t text_address)
{
    char name[BUNDLE_NAME];
    snprintf(name, sizeof name, "sites:%s", twin_name(twin));
    const struct bundle_entry *entry = bundle_find(name);
    if (!entry) return ERR_NOT_FOUND;
    const uint8_t *begins = bundle_data(entry);
    for (uint64_t i = o->address - text_address; i < o->data[0] - text_address && i / 8 < entry->size_bytes; i++)
        if (begins[i / 8] >> i % 8 & 1) copy_of(twin)[i] = TRAP;
    return OK;
}

static err_t plant(enum twin twin, const struct twin_order *o)
{
    const uint8_t *bytes;
    const struct image_segment *s = text_of(twin, &bytes);
    uint64_t n = is_range(o) ? 0 : FAULT_ORDER_BYTES(o->what);
    if (o->address < s->address || o->address - s->address + n >= s->file_bytes) return ERR_INVALID;
    put_original(twin);
    if (is_range(o)) return plant_range(twin, o, s->address);
    copy_of(twin)[o->address - s->address] = TRAP;
    return OK;
}

static err_t clear(enum twin twin)
{
    struct twin_order *o = &twin_record(twin)->order;
    if (o->number == 0) return OK;
    put_original(twin);  // before the order is over: it may be our own text, and the next instruction a trap
    if (o->state != FAULT_DONE) o->state = FAULT_MISSED;
    twin_record(twin)->n_failures = 0;
    return OK;
}

static _Bool stands_at_site(const struct twin_order *o)
{
    enum fault_kind kind = FAULT_ORDER_KIND(o->what);
    return kind == FAULT_KILL || kind == FAULT_PATCH || kind == FAULT_REGISTER || kind == FAULT_HANG;
}

// The number is noted before the first trap is set: whoever dies of it is not given the order again.
err_t twin_order_accept(enum twin twin, const struct twin_order *order)
{
    struct twin_record *r = twin_record(twin);
    struct twin_order *o = &r->order;
    if (FAULT_ORDER_KIND(order->what) == FAULT_CLEAR) return clear(twin);
    if (order->number <= o->number) return OK;
    *o = *order;
    o->state = FAULT_REFUSED;
    if (!is_range(o) && !stands_at_site(o)) return ERR_INVALID;
    if (FAULT_ORDER_STARTS(o->what) == 0) o->what |= r->starts << 32;
    err_t err = plant(twin, o);
    if (err != OK) return err;
    o->state = concerns(o, twin) ? FAULT_ARMED : FAULT_WAITING;
    return o->state == FAULT_ARMED ? map_text(twin, twin_aspace(twin)) : OK;
}

// --- striking

static void resume(enum twin twin, uint64_t index, uint64_t mask)
{
    struct thread_registers registers;
    (void)thread_get_registers(twin_thread(twin), &registers);
    ((uint64_t *)&registers)[index] ^= mask;
    (void)thread_set_registers(twin_thread(twin), 0, 1, &registers);
}

enum twin_strike twin_order_strike(enum twin twin, const uint64_t words[MSG_REGISTERS])
{
    struct twin_order *o = &twin_record(twin)->order;
    const uint8_t *bytes;
    const struct image_segment *s = text_of(twin, &bytes);
    uint64_t pc = words[FAULT_WORD_PC], at = pc - s->address;
    if (words[FAULT_WORD_KIND] != FAULT_KIND_EXCEPTION || words[FAULT_WORD_ADDRESS] != TRAP_VECTOR) return STRIKE_NONE;
    if (o->state != FAULT_ARMED || !concerns(o, twin) || at >= s->file_bytes || copy_of(twin)[at] != TRAP)
        return STRIKE_NONE;
    copy_of(twin)[at] = bytes[at];
    o->at_ns = now_ns();
    o->hits++;
    if (!is_range(o)) o->state = FAULT_DONE;
    switch (FAULT_ORDER_KIND(o->what)) {
    case FAULT_KILL:
    case FAULT_SWEEP: return STRIKE_KILL;
    case FAULT_HANG: (void)thread_run(twin_thread(twin), 0, 0); return STRIKE_DONE;
    case FAULT_PATCH: memcpy(copy_of(twin) + at, o->data, FAULT_ORDER_BYTES(o->what)); break;
    case FAULT_REGISTER: resume(twin, o->data[0], o->data[1]); return STRIKE_DONE;
    default: log_line("%s reached %lx", twin_name(twin), pc);
    }
    resume(twin, 0, 0);
    return STRIKE_DONE;
}
