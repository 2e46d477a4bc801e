// SPDX-License-Identifier: MIT
// Messages, the short way: a call or a fault to a waiting server, and its answer before it waits again.
//
// Rules:
//  - Each function checks first that this is such a case, and changes nothing if not: then ipc.c's long way is taken.
//  - What it does is what the long way would have done, in one go: the same fields end with the same values. The test
//    beside this file runs both from the same state and compares all memory.
//  - The current thread runs on the context that pays, and nobody who is ready outranks it; so a thread that gets that
//    context and is not outranked either may run without a look at the clock or at the queues.
#include "thread.h"

// A message of words alone.
ALWAYS_INLINE bool only_words(uint64_t info) { return info >> 32 <= MSG_WORDS; }

// The words beyond those sent are 0.
ALWAYS_INLINE void copy_words(const struct thread *from, struct thread *to, uint64_t info)
{
    unsigned n = INFO_WORDS(info);
    for (unsigned i = 0; i < MSG_REGISTERS; i++) {
        context_set_word(&to->context, i, i < n ? context_word(&from->context, i) : 0);
    }
    for (unsigned i = MSG_REGISTERS; i < n; i++) thread_utcb(to)->words[i] = thread_utcb(from)->words[i];
}

// Let `next` run on the context that pays.
ALWAYS_INLINE struct thread *switch_to(struct cpu_core *core, struct thread *next)
{
    next->state = THREAD_READY;
    core->current = ref_of(next);
    return next;
}

// The server that takes a call at this endpoint at once, or NULL.
ALWAYS_INLINE struct thread *waiting_server(const struct cpu_core *core, const struct endpoint *ep)
{
    const ref_t first = ep->receivers.head;
    if (!first) return NULL;
    struct thread *server = thread_at(first);
    return server->in_heap || core->top > server->priority ? NULL : server;
}

// The server, first in its queue, takes the call of `self` and runs on its time. Returns the reply object's new count.
ALWAYS_INLINE uint32_t take_call(struct thread *self, struct endpoint *ep, struct thread *server)
{
    const ref_t next = server->queue_next, reply = server->reply;
    ep->receivers.head = next;
    if (next)
        thread_at(next)->queue_prev = NO_REF;
    else
        ep->receivers.tail = NO_REF;
    server->queue_next = NO_REF;
    reply_at(reply)->receiver = NO_REF;
    server->reply = NO_REF;
    server->object = NO_REF;
    self->state = THREAD_REPLY;
    context_lend(self, server);
    return reply_arm(reply, self);
}

struct thread *fast_call(struct cpu_core *core, struct thread *self, const struct slot *cap)
{
    const uint64_t info = context_info(&self->context);
    if (!(cap->rights & RIGHT_WRITE) || !only_words(info)) return NULL;
    struct endpoint *ep = endpoint_at(cap->object);
    struct thread *server = waiting_server(core, ep);
    if (!server || context_deadline(&self->context) != NS_FOREVER) return NULL;

    const uint32_t count = take_call(self, ep, server);
    context_set_result(&server->context, OK, cap->badge, info, count);
    copy_words(self, server, info);
    return switch_to(core, server);
}

struct thread *fast_fault(struct cpu_core *core, struct thread *self, const struct slot *cap)
{
    if (core->current != ref_of(self)) return NULL;
    struct endpoint *ep = endpoint_at(cap->object);
    struct thread *server = waiting_server(core, ep);
    if (!server) return NULL;

    self->in_fault = true;
    const uint32_t count = take_call(self, ep, server);
    context_set_result(&server->context, OK, cap->badge, INFO_KERNEL | INFO(KMSG_FAULT, FAULT_WORDS, 0), count);
    fault_message(server, self);
    return switch_to(core, server);
}

// Nothing is there for a receiver on this endpoint, and nothing else would end its wait.
ALWAYS_INLINE bool must_wait(const struct thread *self, const struct endpoint *ep)
{
    const struct slot *bound = &self->slots[THREAD_SLOT_BOUND];
    if (ep->callers.head || ep->senders.head || ep->gone_head || thread_utcb(self)->events_pending) return false;
    return bound->type != CAP_NOTIFICATION || !notification_at(bound->object)->bits;
}

struct thread *fast_reply_wait(struct cpu_core *core, struct thread *self)
{
    const uint64_t info = context_info(&self->context), index = context_cap(&self->context);
    const uint32_t reply_index = (uint32_t)context_reply(&self->context);
    const uint32_t count = (uint32_t)(context_reply(&self->context) >> 32);
    if (!view_has(thread_cspace(self), index) || !view_has(thread_cspace(self), reply_index)) return NULL;
    const struct slot *cap = view_slot(thread_cspace(self), index);
    if (cap->type != CAP_ENDPOINT || !(cap->rights & RIGHT_READ) || !only_words(info)) return NULL;
    const struct slot *slot = view_slot(thread_cspace(self), reply_index);
    if (slot->type != CAP_REPLY || !(slot->rights & RIGHT_WRITE)) return NULL;
    struct endpoint *ep = endpoint_at(cap->object);
    if (context_deadline(&self->context) != NS_FOREVER || !must_wait(self, ep)) return NULL;
    struct reply *reply = reply_at(slot->object);
    const ref_t caller_ref = reply->caller;
    if (!count || reply->count != count || !caller_ref || reply->receiver) return NULL;
    struct thread *caller = thread_at(caller_ref);
    if (caller->in_heap || core->top > caller->priority) return NULL;
    if (self->on == self->own || self->lender != caller_ref || caller->on) return NULL;
    if (caller->in_fault && INFO_LABEL(info) != FAULT_RESUME) return NULL;

    context_return(self, caller);
    caller->object = NO_REF;
    reply->caller = NO_REF;
    reply->receiver = ref_of(self);
    self->reply = slot->object;
    self->state = THREAD_RECEIVING;
    self->object = cap->object;
    queue_push(&ep->receivers, self);
    if (caller->in_fault) {
        caller->in_fault = false;
    } else {
        context_set_result(&caller->context, OK, 0, info, 0);
        copy_words(self, caller, info);
    }
    return switch_to(core, caller);
}
