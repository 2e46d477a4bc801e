// SPDX-License-Identifier: MIT
// Injected faults: orders (protocols/faults.h) to kill, mutate, halt or spoil a component at a chosen instruction.
//
// A site's first byte is replaced by `hlt`, which user code may not execute: it faults before anything has happened,
// with the site as its program counter. So a fault strikes exactly there, a site that never ran is known as such, and
// every instruction can be a site, however short. The patched page is a frame of ours, mapped over the image's in this
// instance; the next one maps the bundle's text again, so nothing needs to be taken back.
//
// Rules: an order is kept by its number and never carried out twice; a page of text is always shown as the image's bytes
// changed by the orders that stand, so showing it again is harmless. Orders live in plain memory: they are forgotten
// with our instance.
#include "servers/supervisor/supervisor.h"
#include "protocols/faults.h"

#define ORDERS 64
#define OWN_PATCH_ADDRESS 0x210000000000ull
#define TRAP 0xf4       // hlt
#define TRAP_VECTOR 13  // general protection

struct order {
    uint64_t number, what, address, data[FAULT_DATA_WORDS];
    enum fault_state state;
    err_t err;
    uint64_t at_ns, hits;
};

static struct order orders[ORDERS];
static uint64_t newest;

// The sweep under way (one at a time): instructions from `first` on that have not been reached yet, a bit an address.
static struct {
    struct order *order;
    uint64_t first, end;
    uint8_t left[PATCHED_PAGES * PAGE_SIZE / 8];
} sweep;

static uint8_t kind_of(const struct order *o) { return FAULT_ORDER_KIND(o->what); }

static struct component *target(const struct order *o) { return component_at(FAULT_ORDER_INDEX(o->what)); }

static _Bool runs(const struct component *c) { return c->state == STATE_STARTING || c->state == STATE_READY; }

static _Bool stands_at_site(const struct order *o)
{
    return kind_of(o) == FAULT_KILL || kind_of(o) == FAULT_PATCH || kind_of(o) == FAULT_REGISTER ||
           (kind_of(o) == FAULT_HANG && o->address != 0);
}

// Is it about the instance of c that there is now?
static _Bool concerns(const struct order *o, const struct component *c)
{
    return target(o) == c && FAULT_ORDER_STARTS(o->what) == c->info->starts;
}

static void done(struct order *o)
{
    o->state = FAULT_DONE;
    o->at_ns = now_ns();
    o->hits++;
}

// --- patched text

// The segment of text that holds this address, or null.
static const struct image_segment *text_at(const struct component *c, uint64_t address)
{
    for (uint32_t i = 0; i < c->image->n_segments; i++) {
        const struct image_segment *s = &c->image->segments[i];
        if (s->rights & RIGHT_EXEC && address - s->address < s->file_bytes) return s;
    }
    return NULL;
}

// Where we see the frame.
static uint8_t *bytes_of(const struct patched *p)
{
    return (uint8_t *)(OWN_PATCH_ADDRESS + (uint64_t)(p - the_system->patched) * PAGE_SIZE);
}

static void map_page(const struct patched *p)
{
    map_own(p->frames, (uint64_t)bytes_of(p), 0, 1, RIGHT_READ | RIGHT_WRITE);
}

// Make the frames, when the first order comes.
static err_t make_pages(void)
{
    err_t err = OK;
    for (unsigned i = 0; i < PATCHED_PAGES && err == OK; i++) {
        struct patched *p = &the_system->patched[i];
        if (p->frames) continue;
        uint32_t frames = slot_take(), view = slot_take();
        (void)cspace_delete(BOOT_SLOT_CSPACE, frames, 2);  // left by a turn that did not count
        err = memory_take(CAP_FRAMES, PAGE_BITS, 0, frames);
        if (err == OK) err = cspace_derive(BOOT_SLOT_CSPACE, view, 0, frames, RIGHT_READ | RIGHT_EXEC, 0);
        if (err != OK) break;
        p->frames = frames;
        p->view = view;
        map_page(p);
    }
    return err;
}

static _Bool is_free(const struct patched *p)
{
    const struct component *c = component_at(p->index);
    return p->address == 0 || !runs(c) || p->starts != c->info->starts;
}

// The frame for this page of the running instance; null when all are in use.
static struct patched *patched_page(const struct component *c, uint64_t address)
{
    struct patched *unused = NULL;
    for (unsigned i = 0; i < PATCHED_PAGES; i++) {
        struct patched *p = &the_system->patched[i];
        if (is_free(p))
            unused = unused ? unused : p;
        else if (p->index == c->index && p->address == address)
            return p;
    }
    if (unused) *unused = (struct patched){unused->frames, unused->view, c->index, c->info->starts, address};
    return unused;
}

// Those that lie in the page; how many do.
static unsigned put_bytes(const struct patched *p, uint64_t address, const uint8_t *bytes, unsigned n)
{
    unsigned put = 0;
    for (unsigned i = 0; i < n; i++) {
        if (address + i - p->address >= PAGE_SIZE) continue;
        bytes_of(p)[address + i - p->address] = bytes[i];
        put++;
    }
    return put;
}

static _Bool is_left(uint64_t address)
{
    uint64_t i = address - sweep.first;
    return address >= sweep.first && address < sweep.end && sweep.left[i / 8] >> i % 8 & 1;
}

static unsigned put_sweep(const struct patched *p, const struct component *c)
{
    unsigned put = 0;
    if (!sweep.order || sweep.order->state != FAULT_ARMED || target(sweep.order) != c) return 0;
    for (uint64_t i = 0; i < PAGE_SIZE; i++) {
        if (!is_left(p->address + i)) continue;
        bytes_of(p)[i] = TRAP;
        put++;
    }
    return put;
}

// Map the page with all that is ordered for it, in place of whatever was there; when nothing is, the image's own.
static err_t show(const struct component *c, uint64_t address)
{
    static const uint8_t trap = TRAP;
    const struct image_segment *s = text_at(c, address);
    struct patched *p = s ? patched_page(c, address) : NULL;
    if (!s) return ERR_INVALID;
    if (!p) return ERR_LIMIT;
    const struct image_place place = update_place(c);
    uint64_t page = place.first + (s->file_offset + (address - s->address)) / PAGE_SIZE;
    err_t err = frames_copy(p->frames, 0, place.source, page, 1);
    unsigned put = put_sweep(p, c);
    for (unsigned i = 0; i < ORDERS; i++) {
        const struct order *o = &orders[i];
        if (!stands_at_site(o) || !concerns(o, c)) continue;
        if (o->state == FAULT_ARMED) put += put_bytes(p, o->address, &trap, 1);
        if (o->state == FAULT_DONE && kind_of(o) == FAULT_PATCH)
            put += put_bytes(p, o->address, (const uint8_t *)o->data, FAULT_ORDER_BYTES(o->what));
    }
    if (put == 0) {
        p->address = 0;
        return frames_map(place.text, part_slot(c, PART_ASPACE), address, page, 1, RIGHT_READ | RIGHT_EXEC);
    }
    if (err == OK) err = frames_map(p->view, part_slot(c, PART_ASPACE), address, 0, 1, RIGHT_READ | RIGHT_EXEC);
    return err;
}

static uint64_t page_of(uint64_t address) { return address & ~(PAGE_SIZE - 1ull); }

// The pages that the order's bytes lie in.
static err_t show_site(const struct order *o)
{
    uint64_t last = o->address + (kind_of(o) == FAULT_PATCH ? FAULT_ORDER_BYTES(o->what) - 1 : 0);
    err_t err = show(target(o), page_of(o->address));
    if (err == OK && page_of(last) != page_of(o->address)) err = show(target(o), page_of(last));
    return err;
}

static err_t show_sweep(const struct component *c)
{
    err_t err = OK;
    for (uint64_t page = page_of(sweep.first); page < sweep.end && err == OK; page += PAGE_SIZE) err = show(c, page);
    return err;
}

// --- data

// Our capability of the writable page at an address of the instance, and the page's number in it. 0: there is none.
static uint32_t data_page(const struct component *c, uint64_t address, uint64_t *page)
{
    uint64_t stack = COMPONENT_INFO_ADDRESS - (1ull << STACK_BITS), data_at = 0;
    if (address - COMPONENT_VAULT_ADDRESS < c->info->vault_bytes) {
        *page = (address - COMPONENT_VAULT_ADDRESS) / PAGE_SIZE;
        return part_slot(c, PART_VAULT);
    }
    if (address - stack < 1ull << STACK_BITS) {
        *page = (address - stack) / PAGE_SIZE;
        return part_slot(c, PART_STACK);
    }
    for (uint32_t i = 0; i < c->image->n_segments; i++) {
        const struct image_segment *s = &c->image->segments[i];
        if (!(s->rights & RIGHT_WRITE)) continue;
        *page = data_at + (address - s->address) / PAGE_SIZE;
        if (address - s->address < s->memory_bytes) return part_slot(c, PART_DATA);
        data_at += (s->memory_bytes + PAGE_SIZE - 1) / PAGE_SIZE;
    }
    return 0;
}

// Copy the page here, change it, copy it back: one of our patched pages serves as the desk.
static err_t spoil(const struct order *o)
{
    const struct component *c = target(o);
    unsigned n = kind_of(o) == FAULT_FLIP ? sizeof(uint64_t) : FAULT_ORDER_BYTES(o->what);
    uint64_t offset = o->address % PAGE_SIZE, page;
    uint32_t frames = data_page(c, o->address, &page);
    struct patched *desk = NULL;
    for (unsigned i = 0; i < PATCHED_PAGES; i++)
        if (is_free(&the_system->patched[i])) desk = &the_system->patched[i];
    if (!runs(c) || frames == 0 || offset + n > PAGE_SIZE) return ERR_INVALID;
    if (!desk) return ERR_LIMIT;
    err_t err = frames_copy(desk->frames, 0, frames, page, 1);
    const uint8_t *data = (const uint8_t *)o->data;
    for (unsigned i = 0; i < n; i++)
        bytes_of(desk)[offset + i] = kind_of(o) == FAULT_FLIP ? bytes_of(desk)[offset + i] ^ data[i] : data[i];
    if (err == OK) err = frames_copy(frames, page, desk->frames, 0, 1);
    return err;
}

// --- orders

static void hold_still(const struct component *c) { (void)thread_run(part_slot(c, PART_THREAD), 0, 0); }

// All patched pages of the component, as the orders want them now.
static err_t show_all(const struct component *c)
{
    err_t err = OK;
    for (unsigned i = 0; i < PATCHED_PAGES; i++) {
        const struct patched *p = &the_system->patched[i];
        if (!is_free(p) && p->index == c->index && err == OK) err = show(c, p->address);
    }
    return err;
}

// Forget what is ordered for this component, and the failures that came of it: they were none of its own.
static err_t clear(struct component *c)
{
    c->n_restarts = 0;
    c->rung = 0;
    for (unsigned i = 0; i < ORDERS; i++) {
        struct order *o = &orders[i];
        if (target(o) != c) continue;
        if (o->state == FAULT_WAITING || o->state == FAULT_ARMED) o->state = FAULT_MISSED;
        o->what &= UINT32_MAX;  // of no instance any more: nothing stands in the text
    }
    return show_all(c);
}

// Note where instructions begin between the order's two addresses, from the bundle's bitmap over the whole text.
static err_t begin_sweep(struct order *o)
{
    const struct component *c = target(o);
    char name[BUNDLE_NAME];
    snprintf(name, sizeof name, "sites:%s", c->spec->image);
    const struct bundle_entry *entry = bundle_find(name);
    uint64_t first = o->address, end = o->data[0], base = page_of(first);
    if (!entry) return ERR_NOT_FOUND;
    if (first < COMPONENT_IMAGE_ADDRESS || end <= first || end - base > PATCHED_PAGES * PAGE_SIZE) return ERR_INVALID;
    if ((end - COMPONENT_IMAGE_ADDRESS + 7) / 8 > entry->size_bytes) return ERR_INVALID;
    const uint8_t *begins = bundle_data(entry);
    memset(sweep.left, 0, sizeof sweep.left);
    for (uint64_t i = first - COMPONENT_IMAGE_ADDRESS; i < end - COMPONENT_IMAGE_ADDRESS; i++) {
        uint64_t bit = i - (base - COMPONENT_IMAGE_ADDRESS);
        if (begins[i / 8] >> i % 8 & 1) sweep.left[bit / 8] |= (uint8_t)(1u << bit % 8);
    }
    sweep.order = o;
    sweep.first = base;
    sweep.end = end;
    o->state = FAULT_ARMED;
    return runs(c) ? show_sweep(c) : OK;
}

// What can be done at once is done; the rest waits for its site or its instance.
static err_t accept(struct order *o)
{
    struct component *c = target(o);
    err_t err = make_pages();
    if (err != OK) return err;
    if (kind_of(o) == FAULT_CLEAR) return clear(c);
    if (kind_of(o) == FAULT_SWEEP || kind_of(o) == FAULT_COVER) return begin_sweep(o);
    if (stands_at_site(o)) {
        if (!text_at(c, o->address)) return ERR_INVALID;
        o->state = runs(c) && concerns(o, c) ? FAULT_ARMED : FAULT_WAITING;
        return o->state == FAULT_ARMED ? show_site(o) : OK;
    }
    if (!runs(c) || !concerns(o, c)) return ERR_STALE;
    if (kind_of(o) == FAULT_HANG) hold_still(c);
    if (kind_of(o) == FAULT_STORE || kind_of(o) == FAULT_FLIP) err = spoil(o);
    if (err == OK) done(o);
    return err;
}

static _Bool is_register(uint64_t place) { return place < sizeof(struct thread_registers) / sizeof(uint64_t); }

static err_t check(uint64_t what, uint64_t data)
{
    enum fault_kind kind = FAULT_ORDER_KIND(what);
    unsigned n = FAULT_ORDER_BYTES(what);
    if (!component_at(FAULT_ORDER_INDEX(what))) return ERR_NOT_FOUND;
    if (kind < FAULT_KILL || kind > FAULT_COVER || n > FAULT_DATA_BYTES) return ERR_INVALID;
    if ((kind == FAULT_PATCH || kind == FAULT_STORE) && n == 0) return ERR_INVALID;
    if (kind == FAULT_REGISTER && !is_register(data)) return ERR_INVALID;
    return OK;
}

// About supervisor or guardian: the twins have their own way.
static _Bool is_of_twin(uint64_t what) { return FAULT_ORDER_INDEX(what) - the_system->n_components < TWINS; }

static err_t order_twin(const uint64_t words[MSG_REGISTERS])
{
    const struct twin_order order = {
        .number = words[0], .what = words[1], .address = words[2], .data = {words[3], words[4], words[5]}};
    if (FAULT_ORDER_BYTES(order.what) > FAULT_DATA_BYTES) return ERR_INVALID;
    if (FAULT_ORDER_KIND(order.what) == FAULT_REGISTER && !is_register(order.data[0])) return ERR_INVALID;
    return twin_order_accept((enum twin)(FAULT_ORDER_INDEX(order.what) - the_system->n_components), &order);
}

// Functions of their own, so that campaigns can leave them out (tools/host/faults_plan.py).
__attribute__((noinline)) err_t inject_order(const struct component *by, const uint64_t words[MSG_REGISTERS])
{
    if (!(by->spec->may & MAY_POWER)) return ERR_NO_RIGHT;
    if (is_of_twin(words[1])) return order_twin(words);
    if (words[0] <= newest) return OK;
    newest = words[0];
    struct order *o = &orders[newest % ORDERS];
    *o =
        (struct order){.number = newest, .what = words[1], .address = words[2], .data = {words[3], words[4], words[5]}};
    if (sweep.order == o) sweep.order = NULL;
    o->err = check(o->what, o->data[0]);
    if (o->err != OK) return o->err;
    if (FAULT_ORDER_STARTS(o->what) == 0) {
        const struct component *c = target(o);
        o->what |= (uint64_t)(c->info->starts + !runs(c)) << 32;
    }
    o->err = accept(o);
    if (o->err != OK) o->state = FAULT_REFUSED;
    return o->err;
}

static _Bool look_twin(uint64_t number, uint64_t words[MSG_REGISTERS])
{
    for (enum twin twin = 0; twin < TWINS; twin++) {
        const struct twin_order *o = &twin_record(twin)->order;
        if (number == 0 || o->number != number) continue;
        const uint64_t found[MSG_REGISTERS] = {o->what, o->address, o->state, o->at_ns, o->hits, 0};
        for (unsigned i = 0; i < MSG_REGISTERS; i++) words[i] = found[i];
        return 1;
    }
    return 0;
}

__attribute__((noinline)) err_t inject_look(uint64_t number, uint64_t words[MSG_REGISTERS])
{
    if (look_twin(number, words)) return OK;
    if (number == 0) number = newest;
    const struct order *o = &orders[number % ORDERS];
    if (number == 0 || o->number != number) return ERR_NOT_FOUND;
    enum fault_state state = o->state;
    const struct component *c = target(o);
    if (state == FAULT_ARMED && stands_at_site(o) && !(runs(c) && concerns(o, c))) state = FAULT_MISSED;
    const uint64_t found[MSG_REGISTERS] = {o->what, o->address, state, o->at_ns, o->hits, (uint64_t)(int64_t)o->err};
    for (unsigned i = 0; i < MSG_REGISTERS; i++) words[i] = found[i];
    return OK;
}

// --- striking

void inject_take_over(void)
{
    for (unsigned i = 0; i < PATCHED_PAGES; i++)
        if (the_system->patched[i].frames) map_page(&the_system->patched[i]);
    for (unsigned i = 0; i < the_system->n_components; i++) (void)show_all(&the_system->components[i]);
}

void inject_start(const struct component *c)
{
    for (unsigned i = 0; i < ORDERS; i++) {
        struct order *o = &orders[i];
        if (o->state != FAULT_WAITING || !concerns(o, c)) continue;
        o->state = FAULT_ARMED;
        o->err = show_site(o);
        if (o->err != OK) o->state = FAULT_REFUSED;
    }
    if (sweep.order && sweep.order->state == FAULT_ARMED && target(sweep.order) == c) (void)show_sweep(c);
}

static void resume_with(const struct component *c, uint64_t index, uint64_t mask)
{
    struct thread_registers registers;
    (void)thread_get_registers(part_slot(c, PART_THREAD), &registers);
    ((uint64_t *)&registers)[index] ^= mask;
    (void)thread_set_registers(part_slot(c, PART_THREAD), 0, 1, &registers);
}

// One order is carried out at its site. The thread stands in its fault; resuming begins with the original instruction,
// or with what has taken its place.
static void strike(struct component *c, struct order *o)
{
    done(o);
    if (kind_of(o) == FAULT_HANG) {
        hold_still(c);  // what it was given for its fault goes back with that
        return;
    }
    if (kind_of(o) == FAULT_KILL) {
        component_died(c, DEATH_KILLED);
        return;
    }
    if (show_site(o) != OK) panic("a patched page cannot be shown again");
    resume_with(c, kind_of(o) == FAULT_REGISTER ? o->data[0] : 0, kind_of(o) == FAULT_REGISTER ? o->data[1] : 0);
}

// The same for an instruction of the sweep, which is done with it.
static void strike_sweep(struct component *c, uint64_t pc)
{
    struct order *o = sweep.order;
    uint64_t bit = pc - sweep.first;
    sweep.left[bit / 8] &= (uint8_t) ~(1u << bit % 8);
    o->at_ns = now_ns();
    o->hits++;
    if (kind_of(o) == FAULT_SWEEP) {
        component_died(c, DEATH_KILLED);
        return;
    }
    log_line("%s reached %lx", c->spec->name, pc);
    const struct image_segment *s = text_at(c, pc);
    const uint8_t *original = (const uint8_t *)c->image + s->file_offset + (pc - s->address);
    (void)put_bytes(patched_page(c, page_of(pc)), pc, original, 1);  // thousands in a row must not look like a hang
    resume_with(c, 0, 0);
}

__attribute__((noinline)) _Bool inject_hit(struct component *c, const uint64_t words[MSG_REGISTERS])
{
    uint64_t pc = words[FAULT_WORD_PC];
    if (words[FAULT_WORD_KIND] != FAULT_KIND_EXCEPTION || words[FAULT_WORD_ADDRESS] != TRAP_VECTOR) return 0;
    for (unsigned i = 0; i < ORDERS; i++) {
        struct order *o = &orders[i];
        if (o->state != FAULT_ARMED || !stands_at_site(o) || o->address != pc || !concerns(o, c)) continue;
        strike(c, o);
        return 1;
    }
    if (!sweep.order || sweep.order->state != FAULT_ARMED || target(sweep.order) != c || !is_left(pc)) return 0;
    strike_sweep(c, pc);
    return 1;
}
