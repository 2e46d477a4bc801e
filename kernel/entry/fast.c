// SPDX-License-Identifier: MIT
// Messages, the short way: a call to a waiting server and the answer to a waiting caller, words in registers only.
//
// Rules:
//  - Each function checks first that this is such a case, and changes nothing if not: then ipc.c's long way is taken.
//  - What it does is what the long way would have done, in one go: the same fields end with the same values. The test
//    beside this file runs both from the same state and compares all memory.
#include "thread.h"

// Would a thread of this priority have to wait for one that is ready?
static bool outranked(const struct cpu_core *core, unsigned priority)
{
    unsigned word = priority / 64;
    uint64_t above = core->ready[word] >> (priority % 64) >> 1;
    while (++word < PRIORITIES / 64) above |= core->ready[word];
    return above != 0;
}

static bool only_registers(uint64_t info) { return info >> 32 <= MSG_REGISTERS; }

static void copy_words(const struct thread *from, struct thread *to, uint64_t info)
{
    unsigned n = INFO_WORDS(info);
    for (unsigned i = 0; i < MSG_REGISTERS; i++) {
        context_set_word(&to->context, i, i < n ? context_word(&from->context, i) : 0);
    }
}

static void switch_to(struct thread *t)
{
    t->state = THREAD_READY;
    this_core()->current = ref_of(t);
}

bool fast_call(struct thread *self)
{
    uint64_t info = context_info(&self->context);
    const struct slot *cap = view_slot(thread_cspace(self), context_cap(&self->context));
    if (!cap || cap->type != CAP_ENDPOINT || !(cap->rights & RIGHT_WRITE) || !only_registers(info)) return false;
    struct endpoint *ep = endpoint_at(cap->object);
    if (!ep->receivers.head || context_deadline(&self->context) != NS_FOREVER) return false;
    struct thread *server = thread_at(ep->receivers.head);
    if (server->in_heap || !self->on || outranked(this_core(), server->priority)) return false;

    struct reply *reply = reply_at(server->reply);
    queue_remove(&ep->receivers, server);
    reply->receiver = NO_REF;
    reply_arm(server->reply, self);
    server->reply = NO_REF;
    server->object = NO_REF;
    self->badge = cap->badge;
    self->grant = cap->rights & RIGHT_GRANT;
    self->state = THREAD_REPLY;
    context_lend(self, server);
    copy_words(self, server, info);
    context_set_result(&server->context, OK, cap->badge, info, reply->count);
    switch_to(server);
    return true;
}

// Nothing is there for a receiver on this endpoint, and nothing else would end its wait.
static bool must_wait(const struct thread *self, const struct endpoint *ep)
{
    const struct slot *bound = &self->slots[THREAD_SLOT_BOUND];
    if (ep->callers.head || ep->senders.head || ep->gone_head || thread_utcb(self)->events_pending) return false;
    return bound->type != CAP_NOTIFICATION || !notification_at(bound->object)->bits;
}

bool fast_reply_wait(struct thread *self)
{
    uint64_t info = context_info(&self->context), word = context_reply(&self->context);
    uint32_t count = (uint32_t)(word >> 32);
    const struct slot *cap = view_slot(thread_cspace(self), context_cap(&self->context));
    const struct slot *slot = view_slot(thread_cspace(self), (uint32_t)word);
    if (!cap || cap->type != CAP_ENDPOINT || !(cap->rights & RIGHT_READ) || !only_registers(info)) return false;
    if (!slot || slot->type != CAP_REPLY || !(slot->rights & RIGHT_WRITE)) return false;
    struct endpoint *ep = endpoint_at(cap->object);
    struct reply *reply = reply_at(slot->object);
    if (!count || reply->count != count || !reply->caller || reply->receiver) return false;
    struct thread *caller = thread_at(reply->caller);
    if (caller->in_fault || caller->in_heap || outranked(this_core(), caller->priority)) return false;
    if (!self->on || self->on == self->own || self->lender != reply->caller || caller->on) return false;
    if (context_deadline(&self->context) != NS_FOREVER || !must_wait(self, ep)) return false;

    reply->caller = NO_REF;
    caller->object = NO_REF;
    context_return(self, caller);
    copy_words(self, caller, info);
    context_set_result(&caller->context, OK, 0, info, 0);
    self->state = THREAD_RECEIVING;
    self->reply = slot->object;
    reply->receiver = ref_of(self);
    endpoint_enqueue(ep, self);
    switch_to(caller);
    return true;
}
