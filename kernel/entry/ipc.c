// SPDX-License-Identifier: MIT
// Messages: call, send, wait, reply_wait and what they share.
//
// Rules:
//  - Everything is checked before anything changes. What can only be found wrong on the other side (a bad receive slot,
//    a capability deleted meanwhile) costs that one argument, never the message, and nobody is punished for a peer.
//  - A receiver gets, in this order: a gone badge, the bits of its bound notification, the oldest sender.
//  - A call lends the caller's context to whoever takes the message; the answer brings it back.
// Copying words and capabilities is entry/transfer.c's work.
#include "aspace.h"
#include "thread.h"

static err_t lookup_reply(const struct thread *self, uint64_t index, struct slot **slot)
{
    return cap_lookup_optional(self, index, CAP_REPLY, RIGHT_WRITE, slot);
}

static void fail(struct thread *t, err_t err) { thread_set_result(t, err, 0, 0, 0); }

static bool has_passed(uint64_t deadline_ns)
{
    return deadline_ns != NS_FOREVER && (deadline_ns == NS_POLL || deadline_ns <= arch_now_ns());
}

void ipc_kernel_message(struct thread *receiver, uint64_t badge, uint64_t info, uint64_t word)
{
    thread_leave(receiver);
    thread_set_result(receiver, OK, badge, info, 0);
    context_set_word(&receiver->context, 0, word);
    sched_ready(receiver);
}

// What a message goes over: the endpoint and, of the sender's capability for it, what the receiver gets to see.
struct route {
    ref_t endpoint;
    bool grant;
    uint64_t badge;
};

static struct route route_by(const struct slot *cap)
{
    return (struct route){cap->object, cap->rights & RIGHT_GRANT, cap->badge};
}

// Let a thread wait until its message is received: its route is kept with it.
static void enqueue(struct thread *t, struct route route, enum thread_state state, uint64_t deadline_ns)
{
    sched_block(t);
    if (deadline_ns != NS_FOREVER) deadline_insert(t, deadline_ns);
    t->badge = route.badge;
    t->grant = route.grant;
    t->state = (uint8_t)state;
    endpoint_enqueue_sender(endpoint_at(route.endpoint), t);
}

// Hand the message of `sender`, which stands in no queue, to `receiver`, which does neither. The caller of this
// function sets the receiver running. A caller is left waiting for the reply, with its context lent.
static void deliver(struct thread *sender, struct thread *receiver, struct route route, ref_t reply, bool is_call)
{
    uint64_t info, count = 0;
    // The words and capabilities.
    if (sender->flags & THREAD_IN_FAULT) {
        info = INFO_KERNEL | INFO(KMSG_FAULT, FAULT_WORDS, 0);
        fault_message(receiver, sender);
    } else {
        info = ipc_transfer(sender, receiver, context_info(&sender->context), route.endpoint, route.grant);
    }
    // The reply object, and the caller's time.
    if (is_call) {
        count = reply_arm(reply, ref_of(sender));
        sender->object = reply;
        sender->state = THREAD_REPLY;
        context_lend(sender, receiver);
    }
    context_set_result(&receiver->context, OK, route.badge, info, count);
}

// The receiver that an arriving message goes to, taken off its queue; NULL: none. *reply: its reply object.
static struct thread *take_receiver(struct endpoint *ep, bool for_call, ref_t *reply)
{
    ref_t first = !for_call && ep->bare.head ? ep->bare.head : ep->receivers.head;
    if (!first) return NULL;
    struct thread *receiver = thread_at(first);
    *reply = receiver->reply;
    thread_leave(receiver);
    return receiver;
}

// Block the current thread, or any that faulted, on a call whose message stands in its registers or fault fields.
static void start_call(struct thread *self, const struct slot *cap, uint64_t deadline_ns)
{
    struct route route = route_by(cap);
    ref_t reply;
    struct thread *receiver = take_receiver(endpoint_at(route.endpoint), true, &reply);
    if (!receiver) {
        enqueue(self, route, THREAD_CALLING, deadline_ns);
        return;
    }
    sched_block(self);
    if (deadline_ns != NS_FOREVER) deadline_insert(self, deadline_ns);
    deliver(self, receiver, route, reply, true);
    sched_ready(receiver);
}

err_t ipc_call(struct thread *self, struct slot *cap, uint64_t info, uint64_t deadline_ns)
{
    if (!(cap->rights & RIGHT_WRITE)) return ERR_NO_RIGHT;
    err_t err = ipc_check_message(self, info, cap->rights & RIGHT_GRANT);
    if (err) return err;
    if (has_passed(deadline_ns)) return ERR_TIMEOUT;
    start_call(self, cap, deadline_ns);
    return OK;
}

void ipc_fault(struct thread *t, const struct slot *handler)
{
    t->flags |= THREAD_IN_FAULT;
    start_call(t, handler, NS_FOREVER);
}

// --- answers

// Answer the caller of an armed reply object; the message was checked. Returns it if it may run on, else NULL.
static struct thread *answer(struct thread *self, struct reply *reply)
{
    struct thread *caller = thread_at(reply->caller);
    uint64_t info = context_info(&self->context);
    thread_leave(caller);
    context_return(self, caller);
    if (caller->flags & THREAD_IN_FAULT) return fault_answer(caller, INFO_LABEL(info)) ? caller : NULL;
    info = ipc_transfer(self, caller, info, NO_REF, true);
    context_set_result(&caller->context, OK, 0, info, 0);
    return caller;
}

static bool is_armed(const struct slot *slot, uint32_t count)
{
    return slot && reply_at(slot->object)->caller && reply_at(slot->object)->count == count;
}

// --- receiving

// Finish receiving from a queued sender. A SENDING one runs on, a caller waits for its reply.
static void receive_from(struct thread *receiver, struct thread *sender)
{
    bool is_call = sender->state == THREAD_CALLING;
    struct route route = {sender->object, sender->grant, sender->badge};
    ref_t reply = receiver->reply;
    endpoint_dequeue(endpoint_at(route.endpoint), sender);
    receiver->reply = NO_REF;
    deliver(sender, receiver, route, reply, is_call);
    if (is_call) return;
    deadline_remove(sender);
    thread_set_result(sender, OK, 0, 0, 0);
    sched_ready(sender);
}

// Is something there for a receiver on this endpoint? Then it has it, and the result is set. A gone badge and bits need
// no reply object.
static bool receive_now(struct thread *self, struct endpoint *ep, ref_t reply)
{
    const struct slot *bound = &self->slots[THREAD_SLOT_BOUND];
    if (ep->gone_head) {
        uint64_t badge = slot_at(ep->gone_head)->badge;
        thread_set_result(self, OK, badge, INFO_KERNEL | INFO(KMSG_GONE, 0, 0), 0);
        return true;
    }
    if (bound->type == CAP_NOTIFICATION && notification_at(bound->object)->bits) {
        struct notification *n = notification_at(bound->object);
        thread_set_result(self, OK, 0, INFO_KERNEL | INFO(KMSG_NOTIFICATION, 1, 0), 0);
        context_set_word(&self->context, 0, n->bits);
        n->bits = 0;
        return true;
    }
    struct thread *sender = endpoint_next_sender(ep, reply != NO_REF);
    if (!sender) return false;
    self->reply = reply;
    receive_from(self, sender);
    return true;
}

// The second half of reply_wait, and wait on an endpoint.
static void receive(struct thread *self, const struct slot *cap, const struct slot *reply, uint64_t deadline_ns)
{
    struct endpoint *ep = endpoint_at(cap->object);
    ref_t reply_ref = reply ? reply->object : NO_REF;
    if (thread_utcb(self)->events_pending) {
        fail(self, ERR_EVENT);
        return;
    }
    if (receive_now(self, ep, reply_ref)) return;
    if (has_passed(deadline_ns)) {
        fail(self, ERR_TIMEOUT);
        return;
    }
    context_go_home(self);
    sched_block(self);
    if (deadline_ns != NS_FOREVER) deadline_insert(self, deadline_ns);
    self->state = THREAD_RECEIVING;
    self->reply = reply_ref;
    if (reply_ref) reply_at(reply_ref)->receiver = ref_of(self);
    endpoint_enqueue_receiver(ep, self);
}

// Can this object be armed by a receive that starts now? `answering`: it is answered first.
static err_t check_reply(const struct slot *slot, bool answering)
{
    if (!slot) return OK;
    const struct reply *reply = reply_at(slot->object);
    if (reply->receiver || (reply->caller && !answering)) return ERR_BUSY;
    return OK;
}

__attribute__((noinline)) void ipc_reply_wait(struct thread *self)
{
    struct slot *cap, *reply;
    struct thread *caller = NULL;
    uint64_t word = context_reply(&self->context), info = context_info(&self->context);
    uint64_t deadline_ns = context_deadline(&self->context);
    uint32_t count = (uint32_t)(word >> 32);
    err_t err = cap_lookup(self, context_cap(&self->context), CAP_ENDPOINT, RIGHT_READ, &cap);
    if (!err) err = lookup_reply(self, (uint32_t)word, &reply);
    if (err) {
        fail(self, err);
        return;
    }
    bool answering = count && is_armed(reply, count);
    err = check_reply(reply, answering);
    if (!err && answering) err = ipc_check_message(self, info, true);
    if (err) {
        fail(self, err);
        return;
    }
    if (answering) caller = answer(self, reply_at(reply->object));
    receive(self, cap, reply, deadline_ns);
    if (caller) sched_ready(caller);
}

static void wait_notification(struct thread *self, struct notification *n, uint64_t deadline_ns)
{
    if (thread_utcb(self)->events_pending) {
        fail(self, ERR_EVENT);
    } else if (n->bits) {
        thread_set_result(self, OK, 0, INFO(0, 1, 0), 0);
        context_set_word(&self->context, 0, n->bits);
        n->bits = 0;
    } else if (has_passed(deadline_ns)) {
        fail(self, ERR_TIMEOUT);
    } else {
        context_go_home(self);
        sched_block(self);
        if (deadline_ns != NS_FOREVER) deadline_insert(self, deadline_ns);
        self->state = THREAD_WAITING;
        self->object = ref_of(n);
        queue_push(&n->waiters, self);
    }
}

void ipc_wait(struct thread *self)
{
    struct slot *reply = NULL, *cap = view_slot(thread_cspace(self), context_cap(&self->context));
    uint64_t deadline_ns = context_deadline(&self->context);
    err_t err = cap && cap->type != CAP_EMPTY ? OK : ERR_NO_CAP;
    if (!err && cap->type != CAP_ENDPOINT && cap->type != CAP_NOTIFICATION) err = ERR_WRONG_TYPE;
    if (!err && !(cap->rights & RIGHT_READ)) err = ERR_NO_RIGHT;
    if (!err && cap->type == CAP_ENDPOINT) err = lookup_reply(self, (uint32_t)context_reply(&self->context), &reply);
    if (!err) err = check_reply(reply, false);
    if (err)
        fail(self, err);
    else if (cap->type == CAP_ENDPOINT)
        receive(self, cap, reply, deadline_ns);
    else
        wait_notification(self, notification_at(cap->object), deadline_ns);
}

// --- sending

static void send_to_endpoint(struct thread *self, const struct slot *cap, uint64_t deadline_ns)
{
    struct route route = route_by(cap);
    ref_t reply;
    struct thread *receiver = take_receiver(endpoint_at(route.endpoint), false, &reply);
    if (receiver) {
        deliver(self, receiver, route, NO_REF, false);
        thread_set_result(self, OK, 0, 0, 0);
        sched_ready(receiver);
    } else if (has_passed(deadline_ns)) {
        fail(self, ERR_TIMEOUT);
    } else {
        enqueue(self, route, THREAD_SENDING, deadline_ns);
    }
}

static err_t send_answer(struct thread *self, const struct slot *cap)
{
    uint32_t count = (uint32_t)(context_reply(&self->context) >> 32);
    if (!count || !is_armed(cap, count)) return ERR_STALE;
    struct thread *caller = answer(self, reply_at(cap->object));
    thread_set_result(self, OK, 0, 0, 0);
    if (caller) sched_ready(caller);
    return OK;
}

void ipc_send(struct thread *self)
{
    struct slot *cap = view_slot(thread_cspace(self), context_cap(&self->context));
    err_t err = cap && cap->type != CAP_EMPTY ? OK : ERR_NO_CAP;
    if (!err && cap->type != CAP_ENDPOINT && cap->type != CAP_REPLY) err = ERR_WRONG_TYPE;
    if (!err && !(cap->rights & RIGHT_WRITE)) err = ERR_NO_RIGHT;
    if (!err) {
        bool grant = cap->type == CAP_REPLY || cap->rights & RIGHT_GRANT;
        err = ipc_check_message(self, context_info(&self->context), grant);
    }
    if (!err && cap->type == CAP_REPLY) err = send_answer(self, cap);
    if (err)
        fail(self, err);
    else if (cap->type == CAP_ENDPOINT)
        send_to_endpoint(self, cap, context_deadline(&self->context));
}
