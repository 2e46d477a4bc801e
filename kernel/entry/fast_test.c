// SPDX-License-Identifier: MIT
// Tests of the short way of messages: from one state, the short and the long way leave all memory the same.
#include <stdlib.h>
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
    BYSTANDER = 240
};

struct state {
    struct cpu_core core;
    uint8_t memory[HOST_MEMORY_BYTES];
};

static void *machine_memory(void) { return arch_direct((paddr_t){HOST_MEMORY_START}); }

static struct state *state_save(void)
{
    struct state *s = malloc(sizeof(*s));
    check(s);
    s->core = *this_core();
    memcpy(s->memory, machine_memory(), HOST_MEMORY_BYTES);
    return s;
}

static void state_load(const struct state *s)
{
    *this_core() = s->core;
    memcpy(machine_memory(), s->memory, HOST_MEMORY_BYTES);
}

static void long_call(struct thread *self)
{
    const struct arch_context *c = &self->context;
    struct slot *cap = view_slot(thread_cspace(self), context_cap(c));
    check_equal(ipc_call(self, cap, context_info(c), context_deadline(c)), OK);
}

// Run both ways on the current thread, whose registers hold the system call.
static void compare(bool (*short_way)(struct thread *), void (*long_way)(struct thread *))
{
    struct thread *self = current_thread();
    struct state *before = state_save();
    check(short_way(self));
    struct state *after = state_save();
    state_load(before);
    long_way(self);
    check(memcmp(&after->core, this_core(), sizeof(after->core)) == 0);
    check(memcmp(after->memory, machine_memory(), HOST_MEMORY_BYTES) == 0);
    free(before);
    free(after);
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

// Two servers wait, a bystander of low priority is ready, the client is the current thread.
static void set_scene(void)
{
    make(CAP_ENDPOINT, 0, EP);
    make(CAP_REPLY, 0, REPLY);
    make(CAP_REPLY, 0, OTHER_REPLY);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, BADGED, 0, EP, RIGHTS_ALL, 77), OK);
    make_thread(CLIENT, 100);
    make_thread(SERVER, 150);
    make_thread(OTHER_SERVER, 150);
    make_thread(BYSTANDER, 20);
    check_equal(invoke(BOOT_SLOT_THREAD, THREAD_SET_PRIORITY, 50), OK);
    start(BYSTANDER);
    wait_with(SERVER, REPLY);
    wait_with(OTHER_SERVER, OTHER_REPLY);
    start(CLIENT);
    switch_to(CLIENT);
}

TEST(fast_call_leaves_what_the_long_way_leaves)
{
    set_scene();
    for (unsigned n = 0; n <= MSG_REGISTERS; n++) {
        set_registers(n % 2 ? EP : BADGED, INFO(7, n, 0), 0);
        struct state *before = state_save();
        compare(fast_call, long_call);
        state_load(before);
        free(before);
    }
}

TEST(fast_reply_wait_leaves_what_the_long_way_leaves)
{
    set_scene();
    sys(SYS_CALL, (struct message){.cap = BADGED, .info = INFO(7, 2, 0), .deadline = NS_FOREVER});
    struct thread *server = thread_in(SERVER);
    check(current_thread() == server);
    for (unsigned n = 0; n <= MSG_REGISTERS; n++) {
        set_registers(EP, INFO(-3, n, 0), REPLY | 1ull << 32);
        struct state *before = state_save();
        compare(fast_reply_wait, ipc_reply_wait);
        state_load(before);
        free(before);
    }
}

TEST(fast_ways_decline_other_cases_and_change_nothing)
{
    set_scene();
    struct thread *self = current_thread();
    const uint64_t infos[] = {INFO(1, 7, 0), INFO(1, 1, 1), INFO(1, 1, 0) | INFO_KERNEL};
    for (unsigned i = 0; i < 3; i++) {
        set_registers(EP, infos[i], 0);
        struct state *before = state_save();
        check(!fast_call(self) && !fast_reply_wait(self));
        check(memcmp(before->memory, machine_memory(), HOST_MEMORY_BYTES) == 0);
        free(before);
    }
    set_registers(EP, INFO(1, 1, 0), 0);
    self->context.deadline = 5;
    check(!fast_call(self));
    set_registers(CLIENT, INFO(1, 1, 0), 0);
    check(!fast_call(self));
    set_registers(EP, INFO(1, 1, 0), REPLY | 1ull << 32);
    check(!fast_reply_wait(self));  // nobody to answer
}
