// SPDX-License-Identifier: MIT
// Messages, the short way: a call or a fault to a waiting server, and its answer before it waits again.
//
// Rules:
//  - Each function checks first that this is such a case, and changes nothing if not: then ipc.c's long way is taken.
//  - What it does is what the long way would have done, in one go: the same fields end with the same values. The test
//    beside this file runs both from the same state and compares all memory.
//  - The current thread runs on the context that pays, and nobody who is ready outranks it; so a thread that gets that
//    context and is not outranked either may run without a look at the clock or at the queues.
//  - Calls and answers come before their registers are saved (arch.h): the words in registers stay where they are, from
//    one thread to the other.
#include "aspace.h"
#include "thread.h"

// Slot `index` of the thread's cspace; false: there is none, or its capability is not of this type with this right.
ALWAYS_INLINE bool find(const struct thread *t, uint64_t index, unsigned type, unsigned right, const struct slot **slot)
{
    if (index > t->cspace_last) return false;
    *slot = slot_at(t->cspace + (ref_t)index);  // number 0 is not one, and reads as if it were empty
    return (*slot)->type == type && (*slot)->rights & right;
}

// The words that do not travel in registers.
static OUT_OF_THE_WAY void copy_long(struct thread *to, uint64_t info, const struct thread *from)
{
    for (uint64_t i = MSG_REGISTERS, n = info >> 32; i < n; i++)
        thread_utcb(to)->words[i] = thread_utcb(from)->words[i];
}

// Its blocking call is over, and it is the current thread.
ALWAYS_INLINE void set_current(struct cpu_core *core, struct thread *t, ref_t ref)
{
    t->state = THREAD_READY;
    core->current = ref;
}

// --- calls and faults

// @path ipc-call 3/7: does a server wait that may run at once; if not, ipc.c's long way queues the call, or copies more
// Is there just one that waits for a call, may it run now, and diverts no event it?
ALWAYS_INLINE bool one_waits(const struct cpu_core *core, const struct endpoint *ep, ref_t *first)
{
    *first = ep->receivers.head;
    if (!*first) return false;
    const struct thread *server = thread_at(*first);
    return core->top <= server->priority && !(server->queue_next | server->flags | thread_utcb(server)->events_enabled);
}

// @path ipc-call 4/7: the server runs on the caller's time; the reply object is armed
// It takes the call of the current thread and runs on its time. Returns the reply object's new count.
ALWAYS_INLINE uint32_t take_call(struct cpu_core *core, struct thread *self, struct endpoint *ep, ref_t first)
{
    struct thread *server = thread_at(first);
    const ref_t reply = server->reply, self_ref = core->current, lent = self->on;
    ep->receivers = (struct queue){NO_REF, NO_REF};
    reply_at(reply)->receiver = NO_REF;
    server->reply = NO_REF;
    server->object = NO_REF;
    server->on = lent;
    server->lender = self_ref;
    context_at(lent)->user = first;
    self->on = NO_REF;
    self->state = THREAD_REPLY;
    self->object = reply;
    set_current(core, server, first);
    return reply_arm(reply, self_ref);
}

// @path ipc-call 2/7: the endpoint that the call names
void fast_call(uint64_t index, uint64_t info, struct thread *self, uint64_t count, uint64_t n_words)
{
    struct cpu_core *core = this_core();
    const struct slot *cap;
    ref_t first;
    if (!find(self, index, CAP_ENDPOINT, RIGHT_WRITE, &cap)) goto long_way;
    struct endpoint *ep = endpoint_at(cap->object);
    if (!one_waits(core, ep, &first) || context_deadline(&self->context) != NS_FOREVER) goto long_way;
    struct thread *server = thread_at(first);
    n_words = info >> 32;  // more than there can be, if it is not of words alone
    if (n_words > MSG_REGISTERS) {
        if (n_words > MSG_WORDS) goto long_way;
        copy_long(server, info, self);
        n_words = MSG_REGISTERS;
    }
    const uint64_t badge = cap->badge;
    count = take_call(core, self, ep, first);
    // @path ipc-call 5/7: its address space
    arch_fpu_switch(server);
    root_activate(core, server->root);
    TAIL arch_message_deliver(badge, info, server, count, n_words);

long_way:;
    TAIL arch_message_save(0, info, self, SYS_CALL, 0);
}

bool fast_fault(struct cpu_core *core, struct thread *self, const struct slot *cap)
{
    ref_t first;
    if (core->current != ref_of(self) || !one_waits(core, endpoint_at(cap->object), &first)) return false;
    struct thread *server = thread_at(first);
    self->flags |= THREAD_IN_FAULT;
    const uint32_t count = take_call(core, self, endpoint_at(cap->object), first);
    context_set_result(&server->context, OK, cap->badge, INFO_KERNEL | INFO(KMSG_FAULT, FAULT_WORDS, 0), count);
    fault_message(server, self);
    return true;
}

// --- answers

// Nothing is there for a receiver on this endpoint, nobody else receives, and nothing else would end its wait.
ALWAYS_INLINE bool must_wait(const struct thread *self, const struct endpoint *ep)
{
    if (ep->callers.head | ep->senders.head | ep->receivers.head | ep->gone_head) return false;
    if (thread_utcb(self)->events_pending) return false;
    const struct slot *bound = &self->slots[THREAD_SLOT_BOUND];
    return bound->type != CAP_NOTIFICATION || !notification_at(bound->object)->bits;
}

// Is there a caller that the current thread answers by this count, giving back its context, and may it run now?
ALWAYS_INLINE bool one_is_answered(const struct cpu_core *core, const struct thread *self, const struct reply *reply,
                                   uint32_t count, ref_t *caller)
{
    *caller = self->lender;
    if (self->on == self->own || reply->caller != *caller || reply->count != count) return false;
    return core->top <= thread_at(*caller)->priority;
}

// The caller gets its context back and runs; the server waits for the next one.
ALWAYS_INLINE void answer_and_wait(struct cpu_core *core, struct thread *self, ref_t reply, ref_t ep, ref_t caller_ref)
{
    struct thread *caller = thread_at(caller_ref);
    const ref_t self_ref = core->current, lent = self->on;
    context_at(lent)->user = caller_ref;
    caller->on = lent;
    caller->object = NO_REF;
    context_resume_own(self);
    reply_at(reply)->caller = NO_REF;
    reply_at(reply)->receiver = self_ref;
    self->reply = reply;
    self->state = THREAD_RECEIVING;
    self->object = ep;
    endpoint_at(ep)->receivers = (struct queue){self_ref, self_ref};
    set_current(core, caller, caller_ref);
}

// @path ipc-call 7/7: the answer takes the same way back, and the server waits
void fast_reply_wait(uint64_t index, uint64_t info, struct thread *self, uint64_t count, uint64_t n_words)
{
    struct cpu_core *core = this_core();
    const struct slot *cap, *reply_cap;
    ref_t ref;
    if (!find(self, index, CAP_ENDPOINT, RIGHT_READ, &cap)) goto long_way;
    if (!find(self, (uint32_t)context_reply(&self->context), CAP_REPLY, RIGHT_WRITE, &reply_cap)) goto long_way;
    const ref_t ep = cap->object, reply = reply_cap->object;
    count = context_reply(&self->context) >> 32;
    if (!one_is_answered(core, self, reply_at(reply), (uint32_t)count, &ref)) goto long_way;
    if (!must_wait(self, endpoint_at(ep)) || context_deadline(&self->context) != NS_FOREVER) goto long_way;
    struct thread *caller = thread_at(ref);
    if (caller->flags) {
        if (caller->flags != THREAD_IN_FAULT || INFO_LABEL(info) != FAULT_RESUME) goto long_way;
        caller->flags &= (uint8_t)~THREAD_IN_FAULT;
        answer_and_wait(core, self, reply, ep, ref);
        kernel_switch(caller);
    }
    n_words = info >> 32;
    if (thread_utcb(caller)->events_enabled) goto long_way;
    if (n_words > MSG_REGISTERS) {
        if (n_words > MSG_WORDS) goto long_way;
        copy_long(caller, info, self);
        n_words = MSG_REGISTERS;
    }
    answer_and_wait(core, self, reply, ep, ref);
    arch_fpu_switch(caller);
    root_activate(core, caller->root);
    TAIL arch_message_deliver(0, info, caller, 0, n_words);

long_way:;
    TAIL arch_message_save(0, info, self, SYS_REPLY_WAIT, 0);
}
