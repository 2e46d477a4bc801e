// SPDX-License-Identifier: MIT
// Tests of messages: calls, replies, capabilities, badges, events, deadlines, faults and lent time.
//
// The cast: the first task sets things up and runs at 50 then; the client and the server run at 100.
#include "test.h"
#include "thread.h"

enum { EP = 200, CLIENT = 210, SERVER = 220, REPLY = 230, NOTE = 231, BADGED = 232, PLACE = 240 };

// An endpoint, a reply object, a client and a server that waits on the endpoint.
static void set_scene(void)
{
    make(CAP_ENDPOINT, 0, EP);
    make(CAP_REPLY, 0, REPLY);
    make(CAP_NOTIFICATION, 0, NOTE);
    make_thread(CLIENT, 100);
    make_thread(SERVER, 100);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, BADGED, 0, EP, RIGHTS_ALL, 77), OK);
    start(CLIENT);
    start(SERVER);
    check_equal(invoke(BOOT_SLOT_THREAD, THREAD_SET_PRIORITY, 50), OK);
    switch_to(BOOT_SLOT_THREAD);
}

static void wait_on(unsigned cap, unsigned reply, uint64_t deadline)
{
    sys(SYS_WAIT, (struct message){.cap = cap, .reply = reply, .deadline = deadline});
}

static void call(unsigned cap, uint32_t label, unsigned n, uint64_t first_word)
{
    struct message m = {.cap = cap, .info = INFO(label, n, 0), .deadline = NS_FOREVER};
    for (unsigned i = 0; i < MSG_REGISTERS; i++) m.words[i] = first_word + i;
    sys(SYS_CALL, m);
}

static void reply_wait(uint64_t count, err_t label, unsigned n, uint64_t first_word)
{
    struct message m = {.cap = EP, .info = INFO(label, n, 0), .reply = REPLY | count << 32, .deadline = NS_FOREVER};
    for (unsigned i = 0; i < MSG_REGISTERS; i++) m.words[i] = first_word + i;
    sys(SYS_REPLY_WAIT, m);
}

TEST(ipc_call_to_waiting_server_switches_and_comes_back)
{
    set_scene();
    struct thread *client = thread_in(CLIENT), *server = thread_in(SERVER);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    check_equal(server->state, THREAD_RECEIVING);
    switch_to(CLIENT);
    call(BADGED, 5, 3, 1000);
    check(current_thread() == server);
    check_equal(error_of(server), OK);
    check_equal(server->context.cap, 77);
    check_equal(server->context.info, INFO(5, 3, 0));
    check_equal(server->context.words[2], 1002);
    check_equal(server->context.words[3], 0);  // not more than was sent
    check_equal(server->context.reply, 1);
    check_equal(server->on, client->own);  // it runs on the client's time
    reply_wait(1, -3, 6, 2000);
    check(current_thread() == client);
    check_equal(error_of(client), OK);
    check_equal(INFO_ERR(client->context.info), -3);
    check_equal(client->context.words[5], 2005);
    check_equal(client->on, client->own);
    check_equal(server->on, server->own);
    check_equal(server->state, THREAD_RECEIVING);
}

TEST(ipc_call_before_server_waits_is_queued)
{
    set_scene();
    switch_to(CLIENT);
    call(EP, 1, 1, 5);
    check_equal(thread_in(CLIENT)->state, THREAD_CALLING);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    check(current_thread() == thread_in(SERVER));
    check_equal(thread_in(SERVER)->context.words[0], 5);
    check_equal(thread_in(CLIENT)->state, THREAD_REPLY);
    check_equal(thread_in(SERVER)->on, thread_in(CLIENT)->own);
}

TEST(ipc_long_message_travels_in_the_utcb)
{
    set_scene();
    switch_to(CLIENT);
    for (unsigned i = 6; i < MSG_WORDS; i++) thread_utcb(thread_in(CLIENT))->words[i] = 100 + i;
    call(EP, 1, 64, 0);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    for (unsigned i = 6; i < MSG_WORDS; i++) check_equal(thread_utcb(thread_in(SERVER))->words[i], 100 + i);
    check_equal(thread_in(SERVER)->context.info, INFO(1, 64, 0));
}

TEST(ipc_malformed_info_is_refused)
{
    set_scene();
    switch_to(CLIENT);
    struct message m = {.cap = EP, .info = INFO(1, 65, 0), .deadline = NS_FOREVER};
    sys(SYS_CALL, m);
    check_equal(error_of(thread_in(CLIENT)), ERR_INVALID);
    m.info = INFO(1, 0, 5);
    sys(SYS_CALL, m);
    check_equal(error_of(thread_in(CLIENT)), ERR_INVALID);
    m.info = INFO_KERNEL;
    sys(SYS_SEND, m);
    check_equal(error_of(thread_in(CLIENT)), ERR_INVALID);
    m.info = 0;
    m.cap = 0;
    sys(SYS_CALL, m);
    check_equal(error_of(thread_in(CLIENT)), ERR_NO_CAP);
    m.cap = UINT64_MAX;
    sys(SYS_CALL, m);
    check_equal(error_of(thread_in(CLIENT)), ERR_NO_CAP);
    m.cap = NOTE;
    sys(SYS_SEND, m);
    check_equal(error_of(thread_in(CLIENT)), ERR_WRONG_TYPE);
    sys(17, m);
    check_equal(error_of(thread_in(CLIENT)), ERR_NO_SYSCALL);
}

TEST(ipc_reply_with_old_count_is_stale)
{
    set_scene();
    switch_to(CLIENT);
    call(EP, 1, 0, 0);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    struct message m = {.cap = REPLY, .reply = 2ull << 32};
    sys(SYS_SEND, m);
    check_equal(error_of(thread_in(SERVER)), ERR_STALE);
    m.reply = 1ull << 32;
    sys(SYS_SEND, m);
    check_equal(error_of(thread_in(SERVER)), OK);
    check_equal(error_of(thread_in(CLIENT)), OK);
    sys(SYS_SEND, m);
    check_equal(error_of(thread_in(SERVER)), ERR_STALE);
    switch_to(CLIENT);
    call(EP, 1, 0, 0);
    switch_to(SERVER);
    reply_wait(1, 0, 0, 0);  // stale: not an error, and the next message arrives
    check_equal(error_of(thread_in(SERVER)), OK);
    check_equal(thread_in(SERVER)->context.reply, 2);
}

TEST(ipc_armed_reply_object_cannot_wait_again)
{
    set_scene();
    switch_to(CLIENT);
    call(EP, 1, 0, 0);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    wait_on(EP, REPLY, NS_FOREVER);
    check_equal(error_of(thread_in(SERVER)), ERR_BUSY);
    reply_wait(0, 0, 0, 0);
    check_equal(error_of(thread_in(SERVER)), ERR_BUSY);
    check_equal(thread_in(CLIENT)->state, THREAD_REPLY);
}

TEST(ipc_wait_without_reply_object_leaves_callers_queued)
{
    set_scene();
    switch_to(CLIENT);
    call(EP, 1, 0, 0);
    switch_to(SERVER);
    wait_on(EP, 0, NS_POLL);
    check_equal(error_of(thread_in(SERVER)), ERR_TIMEOUT);
    wait_on(EP, 0, NS_FOREVER);
    check_equal(thread_in(SERVER)->state, THREAD_RECEIVING);
    switch_to(BOOT_SLOT_THREAD);
    sys(SYS_SEND, (struct message){.cap = BADGED, .info = INFO(9, 1, 0), .words = {4}});
    check_equal(error_of(thread_in(SERVER)), OK);
    check_equal(thread_in(SERVER)->context.info, INFO(9, 1, 0));
    check_equal(thread_in(SERVER)->context.reply, 0);
    check_equal(thread_in(CLIENT)->state, THREAD_CALLING);
}

TEST(ipc_senders_and_callers_are_served_in_order)
{
    set_scene();
    switch_to(BOOT_SLOT_THREAD);
    sys(SYS_SEND, (struct message){.cap = EP, .info = INFO(1, 0, 0), .deadline = NS_FOREVER});
    check_equal(thread_in(BOOT_SLOT_THREAD)->state, THREAD_SENDING);
    switch_to(CLIENT);
    call(EP, 2, 0, 0);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    check_equal(INFO_LABEL(thread_in(SERVER)->context.info), 1);
    check_equal(thread_in(SERVER)->context.reply, 0);
    check_equal(error_of(thread_in(BOOT_SLOT_THREAD)), OK);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    check_equal(INFO_LABEL(thread_in(SERVER)->context.info), 2);
}

TEST(ipc_capability_is_derived_to_the_receiver)
{
    set_scene();
    struct utcb *from = thread_utcb(thread_in(CLIENT)), *to = thread_utcb(thread_in(SERVER));
    from->send_cspace = 0;
    from->send_slot[0] = NOTE;
    from->send_slot[1] = BADGED;
    to->recv_cspace = 0;
    to->recv_slot[0] = PLACE;
    to->recv_slot[1] = NOTE;  // full: but unwrapping needs no slot
    switch_to(CLIENT);
    sys(SYS_CALL, (struct message){.cap = EP, .info = INFO(1, 0, 2), .deadline = NS_FOREVER});
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    check_equal(thread_in(SERVER)->context.info, INFO(1, 0, 2));
    check_equal(to->recv_kind[0], CAP_PLACED);
    check_equal(first_slot(PLACE)->type, CAP_NOTIFICATION);
    check_equal(first_slot(PLACE)->parent, ref_of(first_slot(NOTE)));
    check_equal(to->recv_kind[1], CAP_UNWRAPPED);
    check_equal(to->recv_badge[1], 77);
}

TEST(ipc_bad_capability_arguments_hurt_only_their_owner)
{
    set_scene();
    struct utcb *from = thread_utcb(thread_in(CLIENT)), *to = thread_utcb(thread_in(SERVER));
    from->send_cspace = 0;
    from->send_slot[0] = 3999;  // empty
    switch_to(CLIENT);
    struct message m = {.cap = EP, .info = INFO(1, 0, 1), .deadline = NS_FOREVER};
    sys(SYS_CALL, m);
    check_equal(error_of(thread_in(CLIENT)), ERR_NO_CAP);
    from->send_slot[0] = NOTE;
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, PLACE, 0, EP, RIGHT_WRITE, 0), OK);
    m.cap = PLACE;
    sys(SYS_CALL, m);
    check_equal(error_of(thread_in(CLIENT)), ERR_NO_RIGHT);  // no RIGHT_GRANT
    m.cap = EP;
    sys(SYS_CALL, m);
    to->recv_cspace = 4000;  // empty
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    check_equal(error_of(thread_in(SERVER)), OK);
    check_equal(to->recv_kind[0], CAP_NONE);
}

TEST(ipc_last_copy_of_a_badge_is_told_until_dealt_with)
{
    set_scene();
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, PLACE, 0, BADGED, RIGHT_WRITE, 0), OK);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    switch_to(BOOT_SLOT_THREAD);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, PLACE, 1), OK);
    check_equal(thread_in(SERVER)->state, THREAD_READY);
    check_equal(thread_in(SERVER)->context.info, INFO_KERNEL | INFO(KMSG_GONE, 0, 0));
    check_equal(thread_in(SERVER)->context.cap, 77);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);  // peeked, not taken
    check_equal(thread_in(SERVER)->context.cap, 77);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_MOVE, PLACE, 0, BADGED), OK);
    wait_on(EP, REPLY, NS_POLL);
    check_equal(thread_in(SERVER)->context.cap, 77);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, BADGED, 0, PLACE, RIGHT_WRITE, 0), OK);
    wait_on(EP, REPLY, NS_POLL);
    check_equal(error_of(thread_in(SERVER)), ERR_TIMEOUT);  // derived anew
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_REVOKE, PLACE), OK);
    wait_on(EP, REPLY, NS_POLL);
    check_equal(thread_in(SERVER)->context.cap, 77);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, PLACE, 1), OK);
    wait_on(EP, REPLY, NS_POLL);
    check_equal(error_of(thread_in(SERVER)), ERR_TIMEOUT);
}

TEST(ipc_bound_notification_ends_waiting_on_an_endpoint)
{
    set_scene();
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, PLACE, 0, NOTE, RIGHTS_ALL, 6), OK);
    check_equal(invoke(SERVER, THREAD_BIND_NOTIFICATION, NOTE), OK);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    switch_to(CLIENT);
    sys(SYS_SIGNAL, (struct message){.cap = PLACE});
    check_equal(thread_in(SERVER)->context.info, INFO_KERNEL | INFO(KMSG_NOTIFICATION, 1, 0));
    check_equal(thread_in(SERVER)->context.words[0], 6);
    sys(SYS_SIGNAL, (struct message){.cap = PLACE});  // nobody waits: kept
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    check_equal(thread_in(SERVER)->context.words[0], 6);
    wait_on(NOTE, 0, NS_POLL);
    check_equal(error_of(thread_in(SERVER)), ERR_TIMEOUT);
}

TEST(ipc_notification_wakes_its_waiter_with_all_bits)
{
    set_scene();
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, PLACE, 0, NOTE, RIGHTS_ALL, 6), OK);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DERIVE, PLACE + 1, 0, NOTE, RIGHTS_ALL, 8), OK);
    sys(SYS_SIGNAL, (struct message){.cap = PLACE});
    sys(SYS_SIGNAL, (struct message){.cap = PLACE + 1});
    switch_to(SERVER);
    wait_on(NOTE, 0, NS_FOREVER);
    check_equal(thread_in(SERVER)->context.words[0], 14);
    wait_on(NOTE, 0, NS_FOREVER);
    check_equal(thread_in(SERVER)->state, THREAD_WAITING);
    switch_to(CLIENT);
    sys(SYS_SIGNAL, (struct message){.cap = PLACE + 1});
    check_equal(thread_in(SERVER)->context.words[0], 8);
}

TEST(ipc_deadline_ends_every_blocking_call)
{
    set_scene();
    make_thread(SERVER + 20, 90);
    start(SERVER + 20);
    switch_to(SERVER);
    wait_on(NOTE, 0, 3000);
    switch_to(CLIENT);
    sys(SYS_CALL, (struct message){.cap = EP, .deadline = 2000});
    switch_to(SERVER + 20);
    sys(SYS_SEND, (struct message){.cap = EP, .deadline = 1000});
    switch_to(BOOT_SLOT_THREAD);
    check(host.timer_ns <= 1000);
    host_tick(999);
    check_equal(thread_in(SERVER + 20)->state, THREAD_SENDING);
    host_tick(1000);
    world_check();
    check_equal(thread_in(SERVER + 20)->state, THREAD_READY);
    check_equal(error_of(thread_in(SERVER + 20)), ERR_TIMEOUT);
    host_tick(2500);
    check_equal(error_of(thread_in(CLIENT)), ERR_TIMEOUT);
    check_equal(thread_in(SERVER)->state, THREAD_WAITING);
    host_tick(3000);
    check_equal(error_of(thread_in(SERVER)), ERR_TIMEOUT);
    world_check();
}

TEST(ipc_deadline_of_a_call_covers_the_reply)
{
    set_scene();
    switch_to(CLIENT);
    sys(SYS_CALL, (struct message){.cap = EP, .deadline = 2000});
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    host_tick(2000);
    world_check();
    check_equal(error_of(thread_in(CLIENT)), ERR_TIMEOUT);
    check_equal(thread_in(CLIENT)->on, thread_in(CLIENT)->own);  // it took its time back
    check_equal(thread_in(SERVER)->on, thread_in(SERVER)->own);
    switch_to(SERVER);
    sys(SYS_SEND, (struct message){.cap = REPLY, .reply = 1ull << 32});
    check_equal(error_of(thread_in(SERVER)), ERR_STALE);
}

TEST(ipc_event_ends_wait_but_not_call)
{
    set_scene();
    switch_to(SERVER);
    wait_on(NOTE, 0, NS_FOREVER);
    switch_to(CLIENT);
    call(EP, 1, 0, 0);
    switch_to(BOOT_SLOT_THREAD);
    check_equal(invoke(SERVER, THREAD_EVENT, 4), OK);
    check_equal(error_of(thread_in(SERVER)), ERR_EVENT);
    check_equal(thread_utcb(thread_in(SERVER))->events_pending, 4);
    check_equal(invoke(CLIENT, THREAD_EVENT, 4), OK);
    check_equal(thread_in(CLIENT)->state, THREAD_CALLING);
    switch_to(SERVER);
    wait_on(NOTE, 0, NS_FOREVER);  // still pending
    check_equal(error_of(thread_in(SERVER)), ERR_EVENT);
}

TEST(ipc_event_diverts_a_thread_that_lets_it)
{
    set_scene();
    struct thread *t = thread_in(CLIENT);
    check_equal(invoke(CLIENT, THREAD_SET_UPCALLS, 0x1000, 0x2000, 0x3000), OK);
    thread_utcb(t)->events_enabled = 1;
    t->context.registers.pc = 0x555000;
    check_equal(invoke(CLIENT, THREAD_EVENT, 1), OK);
    check_equal(t->context.registers.pc, 0x555000);
    switch_to(CLIENT);
    check_equal(t->context.registers.pc, 0x2000);
    check_equal(thread_utcb(t)->event.pc, 0x555000);
    check_equal(thread_utcb(t)->events_enabled, 0);
    check_equal(thread_utcb(t)->events_pending, 1);
}

TEST(ipc_fault_goes_to_the_handler_and_resumes)
{
    set_scene();
    check_equal(invoke(CLIENT, THREAD_CONFIGURE, BOOT_SLOT_ASPACE, BOOT_SLOT_CSPACE, BADGED, 0x300000000000), OK);
    check_equal(invoke(CLIENT, THREAD_SET_UPCALLS, 0, 0, 0x3000), OK);
    start(CLIENT);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    switch_to(CLIENT);
    thread_in(CLIENT)->context.registers.pc = 0x401000;
    host_fault(FAULT_KIND_PAGE, 0x1234, FAULT_ACCESS_WRITE);
    world_check();
    struct thread *server = thread_in(SERVER), *client = thread_in(CLIENT);
    check(current_thread() == server);
    check_equal(server->context.info, INFO_KERNEL | INFO(KMSG_FAULT, FAULT_WORDS, 0));
    check_equal(server->context.cap, 77);
    check_equal(server->context.words[FAULT_WORD_ADDRESS], 0x1234);
    check_equal(server->context.words[FAULT_WORD_PC], 0x401000);
    check_equal(server->context.words[FAULT_WORD_CODE], FAULT_ACCESS_WRITE);
    reply_wait(server->context.reply, FAULT_RESUME, 0, 0);
    check(current_thread() == client);
    check_equal(client->context.registers.pc, 0x401000);
    host_fault(FAULT_KIND_EXCEPTION, 6, 0);
    reply_wait(server->context.reply, FAULT_REFLECT, 0, 0);
    check(current_thread() == client);
    check_equal(client->context.registers.pc, 0x3000);
    check_equal(thread_utcb(client)->fault.pc, 0x401000);
    check_equal(thread_utcb(client)->fault_kind, FAULT_KIND_EXCEPTION);
    check_equal(thread_utcb(client)->fault_address, 6);
    host_fault(FAULT_KIND_EXCEPTION, 6, 0);
    reply_wait(server->context.reply, 99, 0, 0);
    check_equal(client->state, THREAD_STOPPED);
    world_check();
}

TEST(ipc_fault_without_handler_stops_and_is_logged)
{
    set_scene();
    switch_to(CLIENT);
    host_fault(FAULT_KIND_PAGE, 0x1234, 0);
    world_check();
    check_equal(thread_in(CLIENT)->state, THREAD_STOPPED);
    check(__builtin_strstr(host.last_log, "no handler") != NULL);
}

TEST(ipc_deleting_an_endpoint_sends_its_waiters_away)
{
    set_scene();
    switch_to(CLIENT);
    call(EP, 1, 0, 0);
    switch_to(BOOT_SLOT_THREAD);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_REVOKE, EP), OK);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, EP, 1), OK);
    check_equal(error_of(thread_in(CLIENT)), ERR_GONE);
    check_equal(thread_in(CLIENT)->state, THREAD_READY);
}

TEST(ipc_deleting_a_reply_object_sends_its_caller_away)
{
    set_scene();
    switch_to(CLIENT);
    call(EP, 1, 0, 0);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    switch_to(BOOT_SLOT_THREAD);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, REPLY, 1), OK);
    check_equal(error_of(thread_in(CLIENT)), ERR_GONE);
}

TEST(ipc_death_of_a_server_gives_the_time_back_and_keeps_the_caller)
{
    set_scene();
    switch_to(CLIENT);
    call(EP, 1, 0, 0);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    check_equal(thread_in(CLIENT)->on, 0);
    struct thread *client = thread_in(CLIENT);
    switch_to(BOOT_SLOT_THREAD);
    check_equal(invoke(BOOT_SLOT_CSPACE, CSPACE_DELETE, SERVER, 1), OK);
    check_equal(client->state, THREAD_REPLY);
    check_equal(client->on, client->own);
    make_thread(SERVER + 20, 100);
    start(SERVER + 20);
    switch_to(SERVER + 20);
    sys(SYS_SEND, (struct message){.cap = REPLY, .info = INFO(ERR_RESTARTED, 0, 0), .reply = 1ull << 32});
    check_equal(error_of(client), OK);
    check_equal(INFO_ERR(client->context.info), ERR_RESTARTED);
}

TEST(ipc_nested_call_lends_the_time_on_and_returns_it)
{
    enum { EP2 = 250, REPLY2 = 251, BACKEND = 252 };
    set_scene();
    make(CAP_ENDPOINT, 0, EP2);
    make(CAP_REPLY, 0, REPLY2);
    make_thread(BACKEND, 100);
    start(BACKEND);
    struct thread *client = thread_in(CLIENT), *server = thread_in(SERVER), *backend = thread_in(BACKEND);
    switch_to(BACKEND);
    wait_on(EP2, REPLY2, NS_FOREVER);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    switch_to(CLIENT);
    call(EP, 1, 0, 0);
    call(EP2, 2, 0, 0);
    check(current_thread() == backend);
    check_equal(backend->on, client->own);
    sys(SYS_SEND, (struct message){.cap = REPLY2, .reply = 1ull << 32});
    check_equal(server->on, client->own);
    switch_to(SERVER);
    reply_wait(1, 0, 0, 0);
    check_equal(client->on, client->own);
    check_equal(server->on, server->own);
    check_equal(backend->on, backend->own);
}

TEST(ipc_exhausted_loan_goes_home_and_the_server_goes_on)
{
    set_scene();
    check_equal(invoke(CLIENT + 1, CONTEXT_CONFIGURE, 1000000, 100000000, 0), OK);
    switch_to(SERVER);
    wait_on(EP, REPLY, NS_FOREVER);
    switch_to(CLIENT);
    call(EP, 1, 0, 0);
    struct thread *client = thread_in(CLIENT), *server = thread_in(SERVER);
    check_equal(server->on, client->own);
    check_equal(invoke(BOOT_SLOT_THREAD, THREAD_RUN, 0, 0), OK);
    check_equal(host.timer_ns, 1000000);
    host_tick(1000000);
    world_check();
    check(current_thread() == server);
    check_equal(server->on, server->own);
    check_equal(client->on, client->own);
    check_equal(context_at(client->own)->left_ns, 0);
}

TEST(ipc_clone_state_makes_a_child_of_a_caller)
{
    set_scene();
    make_thread(SERVER + 20, 100);
    struct thread *child = thread_in(SERVER + 20), *client = thread_in(CLIENT);
    check_equal(invoke(SERVER + 20, THREAD_CLONE_STATE, CLIENT), ERR_BUSY);  // not in a call
    switch_to(CLIENT);
    thread_utcb(client)->user[3] = 99;
    client->context.registers.rbx = 55;
    host.fpu_registers[2] = 1234;
    call(EP, 1, 2, 7);
    switch_to(BOOT_SLOT_THREAD);
    check_equal(invoke(SERVER + 20, THREAD_CLONE_STATE, CLIENT), OK);
    start(SERVER + 20);
    switch_to(SERVER + 20);
    check_equal(error_of(child), OK);
    check_equal(child->context.info, INFO(0, 0, 0));
    check_equal(child->context.words[0], 0);
    check_equal(child->context.registers.rbx, 55);
    check_equal(thread_utcb(child)->user[3], 99);
    check_equal(host.fpu_registers[2], 1234);
}
