// SPDX-License-Identifier: MIT
// Tests of the short way of messages: from one state, the short and the long way leave all memory the same.
#include <string.h>

#include "test.h"
#include "thread.h"

enum {
    EP = 200,
    CLIENT = 210,
    SERVER = 220,
    OTHER_SERVER = 225,
    REPLY = 230,
    OTHER_REPLY = 231,
    BADGED = 232,
    BYSTANDER = 240,
    BELL = 250
};

struct state {
    struct cpu_core core;
    struct cpu cpu;
    struct host host;
    uint8_t memory[HOST_MEMORY_BYTES];
};

static void *machine_memory(void) { return arch_direct((paddr_t){HOST_MEMORY_START}); }

static struct state before, after;

static void state_save(struct state *s)
{
    s->core = *this_core();
    s->cpu = *arch_cpu();
    s->host = host;
    memcpy(s->memory, machine_memory(), HOST_MEMORY_BYTES);
}

static void state_load(const struct state *s)
{
    *this_core() = s->core;
    *arch_cpu() = s->cpu;
    host = s->host;
    memcpy(machine_memory(), s->memory, HOST_MEMORY_BYTES);
}

static void check_same(const struct state *expected)
{
    check(memcmp(&expected->core, this_core(), sizeof(expected->core)) == 0);
    check(expected->cpu.thread == arch_cpu()->thread);
    check(expected->host.root.raw == host.root.raw && expected->host.fpu == host.fpu);
    check(expected->host.timer_ns == host.timer_ns);
    check(memcmp(expected->memory, machine_memory(), HOST_MEMORY_BYTES) == 0);
}

// The system call in the current thread's registers, as it comes and by the long way alone: the same comes of both. True:
// the short way was all. Nothing has happened then.
static bool compare(unsigned number)
{
    current_thread()->context.number = number;
    state_save(&before);
    enum host_exit how = host_syscall();
    bool was_short = host.short_ways > before.host.short_ways;
    state_save(&after);
    state_load(&before);
    host.long_ways_only = true;
    check_equal(host_syscall(), how);
    check_same(&after);
    state_load(&before);
    return was_short;
}

static void set_registers(uint64_t cap, uint64_t info, uint64_t reply)
{
    struct arch_context *c = &current_thread()->context;
    c->cap = cap;
    c->info = info;
    c->reply = reply;
    c->deadline = NS_FOREVER;
    for (unsigned i = 0; i < MSG_REGISTERS; i++) context_set_word(c, i, 1000 + i);
}

static void wait_with(unsigned server, unsigned reply)
{
    start(server);
    switch_to(server);
    sys(SYS_WAIT, (struct message){.cap = EP, .reply = reply, .deadline = NS_FOREVER});
}

// A server waits, another one stands still, a bystander of low priority is ready, the client is the current thread.
static void set_scene(void)
{
    make(CAP_ENDPOINT, 0, EP);
    make(CAP_REPLY, 0, REPLY);
    make(CAP_REPLY, 0, OTHER_REPLY);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, BADGED, 0, EP, RIGHTS_ALL, 77), OK);
    make_thread(CLIENT, 100);
    check_equal(invoke(CLIENT, THREAD_CONFIGURE, BOOT_SLOT_ASPACE, BOOT_SLOT_CSPACE, EP, 0), OK);
    make_thread(SERVER, 150);
    make_thread(OTHER_SERVER, 150);
    make_thread(BYSTANDER, 20);
    check_equal(invoke(BOOT_SLOT_THREAD, THREAD_SET_PRIORITY, 50), OK);
    start(BYSTANDER);
    wait_with(SERVER, REPLY);
    start(CLIENT);
    switch_to(CLIENT);
}

TEST(fast_call_leaves_what_the_long_way_leaves)
{
    set_scene();
    for (unsigned n = 0; n <= MSG_WORDS; n++) {
        set_registers(n % 2 ? EP : BADGED, INFO(7, n, 0), 0);
        check(compare(SYS_CALL));
    }
}

TEST(fast_reply_wait_leaves_what_the_long_way_leaves)
{
    set_scene();
    sys(SYS_CALL, (struct message){.cap = BADGED, .info = INFO(7, 2, 0), .deadline = NS_FOREVER});
    struct thread *server = thread_in(SERVER);
    check(current_thread() == server);
    for (unsigned n = 0; n <= MSG_WORDS; n++) {
        set_registers(EP, INFO(-3, n, 0), REPLY | 1ull << 32);
        check(compare(SYS_REPLY_WAIT));
    }
}

TEST(fast_ways_decline_other_cases)
{
    set_scene();
    struct thread *self = current_thread();
    const uint64_t infos[] = {INFO(1, 65, 0), INFO(1, 1, 1), INFO(1, 1, 0) | INFO_KERNEL};
    for (unsigned i = 0; i < 3; i++) {
        set_registers(EP, infos[i], 0);
        check(!compare(SYS_CALL) && !compare(SYS_REPLY_WAIT));
    }
    set_registers(EP, INFO(1, 1, 0), 0);
    self->context.deadline = 5;
    check(!compare(SYS_CALL));
    for (unsigned i = 0; i < 3; i++) {
        const unsigned caps[] = {CLIENT, 0, BOOT_SLOTS};
        set_registers(caps[i], INFO(1, 1, 0), 0);
        check(!compare(SYS_CALL) && !compare(SYS_REPLY_WAIT));
    }
    set_registers(EP, INFO(1, 1, 0), REPLY | 1ull << 32);
    check(!compare(SYS_REPLY_WAIT));  // nobody to answer
}

// A server that may be diverted by an event is not run on by the short way.
TEST(fast_call_declines_where_an_event_may_divert)
{
    set_scene();
    thread_utcb(thread_in(SERVER))->events_enabled = 1;
    set_registers(EP, INFO(1, 1, 0), 0);
    check(!compare(SYS_CALL));
}

static bool short_fault(void)
{
    struct thread *self = current_thread();
    state_save(&before);
    if (!fast_fault(this_core(), self, &self->slots[THREAD_SLOT_FAULT])) return false;
    check(current_thread()->on == this_core()->charged);
    state_save(&after);
    state_load(&before);
    ipc_fault(self, &self->slots[THREAD_SLOT_FAULT]);
    check_same(&after);
    state_load(&before);
    return true;
}

TEST(fast_fault_leaves_what_the_long_way_leaves)
{
    set_scene();
    current_thread()->fault_kind = FAULT_KIND_PAGE;
    current_thread()->fault_address = 0x1000;
    check(short_fault());
}

TEST(fast_reply_wait_answers_a_fault_as_the_long_way_does)
{
    set_scene();
    check_equal(host_fault(FAULT_KIND_EXCEPTION, 3, 0), HOST_USER);
    check(current_thread() == thread_in(SERVER));
    const uint32_t labels[] = {FAULT_RESUME, FAULT_REFLECT, 7};
    for (unsigned i = 0; i < 3; i++) {
        set_registers(EP, INFO(labels[i], 0, 0), REPLY | 1ull << 32);
        compare(SYS_REPLY_WAIT);
    }
}

TEST(quick_signal_and_yield_leave_what_the_long_way_leaves)
{
    set_scene();
    make(CAP_NOTIFICATION, 0, BELL);
    struct thread *self = current_thread();
    check_equal(kernel_quick(BELL, SYS_SIGNAL), OK);
    check_equal(notification_at(first_slot(BELL)->object)->bits, 1);
    check_equal(kernel_quick(EP, SYS_SIGNAL), ERR_WRONG_TYPE);
    check_equal(kernel_quick(0, SYS_YIELD), OK);  // only the bystander is there, and it is worse
    check_equal(kernel_quick(0, SYS_YIELD + 1), ERR_NO_SYSCALL);
    check(current_thread() == self);
    notification_at(first_slot(BELL)->object)->bits = 0;
    sys(SYS_WAIT, (struct message){.cap = BELL, .deadline = NS_FOREVER});
    check(kernel_quick(BELL, SYS_SIGNAL) > 0);  // somebody waits
}

static uint64_t random_below(uint64_t n)
{
    static uint64_t state = 7;
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (state >> 33) % n;
}

// The current thread's next system call: a server answers whom it last heard of, others call, and some do else.
static bool step(void)
{
    struct thread *self = current_thread();
    struct arch_context *c = &self->context;
    bool is_server = self == thread_in(SERVER) || self == thread_in(OTHER_SERVER);
    unsigned reply = self == thread_in(SERVER) ? REPLY : OTHER_REPLY;
    uint64_t count = reply_at(first_slot(reply)->object)->count + (random_below(8) == 0);
    uint64_t label = random_below(4) ? 0 : random_below(3),
             n_words = random_below(3) ? random_below(7) : random_below(66);
    set_registers(random_below(2) ? EP : BADGED, INFO(label, n_words, 0), is_server ? reply | count << 32 : 0);
    if (random_below(8) == 0) c->deadline = host.now_ns + random_below(3000);
    bool was_short = compare(is_server ? SYS_REPLY_WAIT : SYS_CALL);
    if (random_below(8) == 0) c->number = SYS_YIELD;
    host_syscall();
    world_check();
    return was_short;
}

TEST(fast_ways_leave_what_the_long_ways_leave_in_random_states)
{
    static const unsigned threads[] = {CLIENT, BYSTANDER, SERVER, OTHER_SERVER};
    set_scene();
    make(CAP_NOTIFICATION, 0, BELL);
    check_equal(invoke(SERVER, THREAD_BIND_NOTIFICATION, BELL), OK);
    unsigned n_short = 0;
    for (unsigned i = 0; i < 200; i++) {
        if (random_below(8) == 0) host_tick(host.now_ns + random_below(2000000));
        if (random_below(16) == 0) host_fault(FAULT_KIND_EXCEPTION, 3, 0);
        if (random_below(8) == 0) notification_signal(notification_at(first_slot(BELL)->object), 1);
        struct thread *t = thread_in(threads[random_below(4)]);
        if (random_below(8) == 0) sched_set_priority(t, 10 + (unsigned)random_below(100));
        if (t->state == THREAD_STOPPED) sched_ready(t);
        if (host_nothing() == HOST_USER) n_short += step();
    }
    check(n_short > 25);
}
