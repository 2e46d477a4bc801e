// SPDX-License-Identifier: MIT
// Random operations by random threads, with every invariant of the system checked after each.
//
// Repeatable: the seeds are fixed. KERNEL_FUZZ_SEED and KERNEL_FUZZ_STEPS run the test named fuzz_from_environment with
// others. Operations work on a small window of slots, so that they meet; boot's own slots are used, never emptied.
#include <stdlib.h>
#include <string.h>

#include "aspace.h"
#include "test.h"
#include "thread.h"

enum { CAST = 60, FIRST = 100, WINDOW = 48, STEPS = 6000 };
enum { CAST_THREADS = 6 };  // in slots CAST, CAST + 2, ...; their contexts are beside them
#define SPACE_START 0x700000000000ull

static uint64_t state;

static uint64_t random_below(uint64_t n)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (state >> 33) % n;
}

static bool one_in(unsigned n) { return random_below(n) == 0; }

// A slot of the cast or of the window, more often than not one that holds the wanted type.
static unsigned pick(unsigned type)
{
    unsigned cast = CAST + (unsigned)random_below(FIRST - CAST);
    for (unsigned i = cast; i < FIRST && one_in(2); i++) {
        if (first_slot(i)->type == type) return i;
    }
    unsigned start = (unsigned)random_below(WINDOW);
    for (unsigned i = 0; i < WINDOW && !one_in(20); i++) {
        unsigned slot = FIRST + (start + i) % WINDOW;
        if (first_slot(slot)->type == type) return slot;
    }
    return FIRST + start;
}

static unsigned pick_boot_or(unsigned boot_slot, unsigned type) { return one_in(3) ? boot_slot : pick(type); }
static uint64_t pick_cspace(void) { return one_in(3) ? pick(CAP_CSPACE) : 0; }
static uint64_t pick_optional(unsigned type) { return one_in(3) ? 0 : pick(type); }
static uint64_t pick_address(void)
{
    return SPACE_START + random_below(8) * 0x200000 * (one_in(2) ? 512 : 1) + random_below(600) * PAGE_SIZE;
}
static uint64_t pick_deadline(void)
{
    return one_in(2) ? NS_FOREVER : one_in(2) ? NS_POLL : host.now_ns + random_below(5000000);
}

// Make the system call of the current thread again until it is through, mostly.
static enum host_exit enter(unsigned number, struct message m)
{
    struct thread *self = current_thread();
    struct arch_context *c = &self->context;
    c->number = number;
    c->cap = m.cap;
    c->info = m.info;
    memcpy(c->words, m.words, sizeof(m.words));
    c->reply = m.reply;
    c->deadline = m.deadline;
    c->restart = 0;
    return host_syscall();
}

// Operations go into a list instead of being made, while there is one: where its next entry stands, 0: none.
static unsigned list_end;

static enum host_exit add_to_list(unsigned cap, uint32_t label, unsigned n, const uint64_t *words)
{
    if (list_end + 1 + n > MSG_WORDS) return host_nothing();
    uint64_t *to = &thread_utcb(current_thread())->words[list_end];
    *to++ = LIST_ENTRY(cap, label, n);
    for (unsigned i = 0; i < n; i++) *to++ = words[i];
    list_end += n + 1;
    return host_nothing();
}

static enum host_exit operate(unsigned cap, uint32_t label, unsigned n, const uint64_t *words)
{
    if (list_end) return add_to_list(cap, label, n, words);
    struct message m = {.cap = cap, .info = INFO(label, n, 0), .deadline = NS_FOREVER};
    for (unsigned i = 0; i < n; i++) {
        if (i < MSG_REGISTERS)
            m.words[i] = words[i];
        else
            thread_utcb(current_thread())->words[i] = words[i];
    }
    return enter(SYS_CALL, m);
}
#define OPERATE(cap, label, ...) \
    operate(cap, label, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (uint64_t[]){__VA_ARGS__})

static enum host_exit make_something(void)
{
    static const uint8_t types[] = {CAP_UNTYPED, CAP_CSPACE,       CAP_THREAD, CAP_CONTEXT, CAP_ENDPOINT,
                                    CAP_REPLY,   CAP_NOTIFICATION, CAP_ASPACE, CAP_FRAMES};
    unsigned type = types[random_below(sizeof(types))];
    uint64_t bits = type == CAP_UNTYPED  ? 12 + random_below(7)
                    : type == CAP_CSPACE ? 7 + random_below(6)
                    : type == CAP_ASPACE ? 13 + random_below(4)
                    : type == CAP_FRAMES ? 12 + random_below(6)
                                         : 0;
    unsigned from = one_in(3) ? biggest_untyped() : pick(CAP_UNTYPED);
    uint64_t cspace = one_in(4) ? pick_cspace() : 0;
    return OPERATE(from, UNTYPED_RETYPE, type, bits, 1 + random_below(3), cspace,
                   cspace ? 1 + random_below(20) : FIRST + random_below(WINDOW));
}

static enum host_exit change_tree(void)
{
    unsigned cspace = pick_boot_or(BOOT_SLOT_CSPACE, CAP_CSPACE);
    uint64_t index = cspace == BOOT_SLOT_CSPACE ? FIRST + random_below(WINDOW) : random_below(30);
    unsigned wanted = (unsigned)random_below(CAP_TYPES);
    uint64_t badge = one_in(3) ? 1 + random_below(5) : 0, rights = one_in(4) ? random_below(64) : RIGHTS_ALL;
    uint64_t source = one_in(8) ? BOOT_SLOT_THREAD + random_below(2) : pick(wanted);
    switch (random_below(9)) {
    case 0:
    case 1:
    case 2: return OPERATE(cspace, CSPACE_DERIVE, index, 0, source, rights, badge);
    case 3:
        return OPERATE(cspace, CSPACE_DERIVE_FRAMES, index, 0, pick(CAP_FRAMES), rights, random_below(8),
                       12 + random_below(3));
    case 4: return OPERATE(cspace, CSPACE_MOVE, index, 0, FIRST + random_below(WINDOW));  // the cast stays
    case 5: return OPERATE(cspace, CSPACE_DELETE, index, 1 + random_below(3));
    case 6: return OPERATE(cspace, CSPACE_REVOKE, index);
    case 7: return OPERATE(pick(CAP_CSPACE), CSPACE_COPY_ALL, pick(CAP_CSPACE));
    default: return OPERATE(cspace, CSPACE_IDENTIFY, index);
    }
}

static enum host_exit change_thread(void)
{
    unsigned t = one_in(6) ? BOOT_SLOT_THREAD : pick(CAP_THREAD);
    uint64_t words[22] = {0};
    switch (random_below(12)) {
    case 0:
    case 1:
        if (first_slot(t)->object == first_thread) return host_nothing();  // somebody has to keep the window's cspace
        return OPERATE(t, THREAD_CONFIGURE, pick_boot_or(BOOT_SLOT_ASPACE, CAP_ASPACE),
                       one_in(6) ? pick(CAP_CSPACE) : BOOT_SLOT_CSPACE, pick_optional(CAP_ENDPOINT),
                       one_in(2) ? 0 : pick_address());
    case 2:
        words[0] = random_below(3);
        words[1] = random_below(2);
        return operate(t, THREAD_SET_REGISTERS, 22, words);
    case 3:
    case 4: return OPERATE(t, THREAD_RUN, random_below(3), random_below(4) != 0);
    case 5: return OPERATE(t, THREAD_SET_PRIORITY, 100 + random_below(3));
    case 6:
    case 7: return OPERATE(t, THREAD_SET_CONTEXT, pick_optional(CAP_CONTEXT));
    case 8: return OPERATE(t, THREAD_BIND_NOTIFICATION, pick_optional(CAP_NOTIFICATION));
    case 9:
        thread_utcb(current_thread())->events_enabled = one_in(2);
        return OPERATE(t, THREAD_SET_UPCALLS, 0x1000, 0x2000, 0x3000);
    case 10: thread_utcb(current_thread())->events_pending = 0; return OPERATE(t, THREAD_EVENT, random_below(2));
    default: return OPERATE(t, THREAD_CLONE_STATE, pick(CAP_THREAD));
    }
}

static enum host_exit change_mappings(void)
{
    unsigned space = pick_boot_or(BOOT_SLOT_ASPACE, CAP_ASPACE), frames = pick(CAP_FRAMES);
    switch (random_below(9)) {
    case 0:
    case 1:
    case 2:
        return OPERATE(frames, FRAMES_MAP, space, pick_address(), random_below(3), 1 + random_below(20),
                       RIGHT_READ | (one_in(2) ? RIGHT_WRITE : 0));
    case 3: return OPERATE(frames, FRAMES_UNMAP, 0);
    case 4: return OPERATE(frames, FRAMES_REVOKE_RUN, random_below(4), 1 + random_below(8));
    case 5: return OPERATE(space, ASPACE_UNMAP, pick_address(), 1 + random_below(700));
    case 6: return OPERATE(space, ASPACE_PROTECT, pick_address(), 1 + random_below(700), random_below(8));
    case 7: return OPERATE(space, ASPACE_GROW, pick(CAP_UNTYPED));
    default: return OPERATE(frames, FRAMES_COPY, 0, pick(CAP_FRAMES), 0, 1);
    }
}

// Several operations in one call, now and then with a word of the list changed.
static enum host_exit run_list(void)
{
    struct message m = {.cap = BOOT_SLOT_CSPACE, .words = {0, random_below(2)}, .deadline = NS_FOREVER};
    list_end = MSG_REGISTERS;
    for (uint64_t n = 1 + random_below(8); n > 0; n--) {
        switch (random_below(4)) {
        case 0: (void)make_something(); break;
        case 1: (void)change_tree(); break;
        case 2: (void)change_thread(); break;
        default: (void)change_mappings(); break;
        }
    }
    m.info = INFO(CSPACE_LIST, list_end, 0);
    list_end = 0;
    if (one_in(10)) thread_utcb(current_thread())->words[MSG_REGISTERS + random_below(20)] = random_below(1ull << 33);
    return enter(SYS_CALL, m);
}

static enum host_exit use_devices(void)
{
    switch (random_below(4)) {
    case 0: return OPERATE(BOOT_SLOT_IRQ_CONTROL, IRQ_CONTROL_GET, random_below(2), FIRST + random_below(WINDOW));
    case 1: return OPERATE(pick(CAP_IRQ), IRQ_BIND, pick_optional(CAP_NOTIFICATION));
    case 2: return OPERATE(pick(CAP_IRQ), IRQ_ACK, 0);
    default:
        return OPERATE(pick(CAP_CONTEXT), CONTEXT_CONFIGURE, 20000 + random_below(1000000),
                       1020000 + random_below(2) * 1000000, pick_optional(CAP_ENDPOINT));
    }
}

static enum host_exit exchange_messages(void)
{
    struct utcb *utcb = thread_utcb(current_thread());
    unsigned reply = pick(CAP_REPLY);
    uint64_t count = first_slot(reply)->type == CAP_REPLY ? reply_at(first_slot(reply)->object)->count : 0;
    struct message m = {.cap = pick(CAP_ENDPOINT), .deadline = pick_deadline(), .words = {1, 2, 3, 4, 5, 6}};
    utcb->send_cspace = (uint32_t)(one_in(6) ? pick(CAP_CSPACE) : 0);
    utcb->recv_cspace = (uint32_t)(one_in(6) ? pick(CAP_CSPACE) : 0);
    for (unsigned i = 0; i < MSG_CAPS; i++) {
        utcb->send_slot[i] = pick((unsigned)random_below(CAP_TYPES));
        utcb->recv_slot[i] = (uint32_t)(FIRST + random_below(WINDOW));
    }
    m.info = INFO(random_below(3), random_below(MSG_WORDS + 1), one_in(3) ? random_below(MSG_CAPS + 1) : 0);
    switch (random_below(8)) {
    case 0:
    case 1: return enter(SYS_CALL, m);
    case 2:
    case 3: m.reply = (one_in(6) ? 0 : reply) | (one_in(4) ? 0 : count) << 32; return enter(SYS_REPLY_WAIT, m);
    case 4:
        if (one_in(2)) {
            m.cap = reply;
            m.reply = count << 32;
        }
        return enter(SYS_SEND, m);
    case 5:
        if (one_in(3)) m.cap = pick(CAP_NOTIFICATION);
        m.reply = one_in(3) ? 0 : reply;
        return enter(SYS_WAIT, m);
    case 6: m.cap = pick(CAP_NOTIFICATION); return enter(SYS_SIGNAL, m);
    default: return enter(SYS_YIELD, m);
    }
}

// Nobody can run: one of the cast is called back from whatever it waits for.
static void rescue(void)
{
    unsigned slot = CAST + 2 * (unsigned)random_below(CAST_THREADS);
    struct thread *t = one_in(3) || !thread_in(slot)->aspace ? thread_at(first_thread) : thread_in(slot);
    thread_suspend(t);
    sched_ready(t);
}

static enum host_exit step(void)
{
    const struct thread *self = current_thread();
    if (!self) {
        if (host.timer_ns != NS_FOREVER && one_in(2)) return host_tick(host.timer_ns);
        return host_enter(rescue);
    }
    host_access(one_in(2) ? pick_address() : self->utcb_address);
    if (self->context.restart && !one_in(10)) {
        thread_at(this_core()->current)->context.restart = 0;
        return host_syscall();
    }
    switch (random_below(20)) {
    case 0: return host_tick(host.now_ns + random_below(3000000));
    case 1: return host_interrupt((unsigned)random_below(2));
    case 2: return host_fault(1 + (unsigned)random_below(2), one_in(3) ? self->utcb_address : pick_address(), 0);
    case 3: host.preempt_every = (unsigned)random_below(4); return host_nothing();
    case 4:
    case 5: return use_devices();
    case 6:
    case 7:
    case 8: return make_something();
    case 9:
    case 10:
    case 11: return change_tree();
    case 12:
    case 13: return change_thread();
    case 14:
    case 15: return change_mappings();
    case 16: return run_list();
    default: return exchange_messages();
    }
}

// The cast: threads that can run at once and objects that stay, so that the threads find each other.
static void prepare(void)
{
    static const uint8_t types[] = {CAP_ENDPOINT, CAP_ENDPOINT,     CAP_REPLY,        CAP_REPLY,  CAP_REPLY,
                                    CAP_REPLY,    CAP_NOTIFICATION, CAP_NOTIFICATION, CAP_FRAMES, CAP_CSPACE};
    for (unsigned i = 0; i < CAST_THREADS; i++) {
        make_thread(CAST + 2 * i, 100);
        start(CAST + 2 * i);
    }
    for (unsigned i = 0; i < sizeof(types); i++) {
        make(types[i], types[i] == CAP_FRAMES ? 16 : types[i] == CAP_CSPACE ? 12 : 0, CAST + 2 * CAST_THREADS + i);
    }
    check_equal(invoke(BOOT_SLOT_THREAD, THREAD_SET_PRIORITY, 100), OK);
}

static void fuzz(uint64_t seed, unsigned steps)
{
    state = seed;
    prepare();
    for (unsigned i = 0; i < steps; i++) {
        uint64_t before = state;
        enum host_exit how = step();
        if (how != HOST_USER && how != HOST_IDLE) {
            fprintf(stderr, "# step %u, state %llu: %s\n", i, (unsigned long long)before, host.last_log);
            check(how == HOST_USER || how == HOST_IDLE);
        }
        world_check();
    }
}

TEST(fuzz_seed_1) { fuzz(1, STEPS); }
TEST(fuzz_seed_2) { fuzz(2, STEPS); }
TEST(fuzz_seed_3) { fuzz(3, STEPS); }
TEST(fuzz_seed_4) { fuzz(4, STEPS); }

TEST(fuzz_from_environment)
{
    const char *seed = getenv("KERNEL_FUZZ_SEED"), *steps = getenv("KERNEL_FUZZ_STEPS");
    fuzz(seed ? strtoull(seed, NULL, 0) : 99, steps ? (unsigned)strtoul(steps, NULL, 0) : 1000);
}
