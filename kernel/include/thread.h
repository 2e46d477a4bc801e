// SPDX-License-Identifier: MIT
// Threads and messages: what the parts of the core that block and wake threads offer each other.
#pragma once
#include "sched.h"

// --- object/cspace.c: finding slots
struct cspace_view {
    ref_t base;
    uint64_t last;  // the highest slot index; 0: no cspace
};
// Slot `index` of a cspace, or NULL; slot 0 is never found. It may be empty.
static inline bool view_has(struct cspace_view view, uint64_t index) { return index - 1 < view.last; }
static inline struct slot *view_slot(struct cspace_view view, uint64_t index)
{
    return view_has(view, index) ? slot_at(view.base + (ref_t)index) : NULL;
}
// Slot `index`, which is there, is filled now.
static inline void view_note(struct cspace_view view, uint64_t index)
{
    unsigned group = cspace_group(index, view.last + 1);
    cspace_at(view.base)->used[group / 64] |= 1ull << group % 64;
}
static inline struct cspace_view thread_cspace(const struct thread *t)
{
    return (struct cspace_view){t->cspace, t->cspace_last};
}
// The cspace named by a slot of the thread's own cspace; 0: that cspace itself. ERR_NO_CAP, WRONG_TYPE, NO_RIGHT.
err_t cspace_resolve(const struct thread *, uint64_t index, struct cspace_view *);
// A capability of the thread's own cspace, checked. ERR_NO_CAP, ERR_WRONG_TYPE, ERR_NO_RIGHT.
err_t cap_lookup(const struct thread *, uint64_t index, unsigned type, unsigned rights, struct slot **);
// The same, but 0 stands for none: *slot is NULL then.
err_t cap_lookup_optional(const struct thread *, uint64_t index, unsigned type, unsigned rights, struct slot **);

// --- object/thread.c
// Stop waiting for whatever it is: leaves queues, reply object and deadline. Its state must be set afterwards.
void thread_leave(struct thread *);
// End a blocking call with an error; a thread that waits for a fault's answer stops instead.
void thread_abort(struct thread *, err_t);
// Stop: a blocked call is abandoned and returns ERR_EVENT when the thread is resumed.
void thread_suspend(struct thread *);
// Fill a slot inside the thread from a capability (NULL: leave it empty). ERR_PREEMPTED.
err_t thread_set_slot(struct thread *, unsigned which, struct slot *from);
// The thread's UTCB page was asked for and is not mapped: map it again. ERR_INVALID: that is not the cause.
err_t thread_map_utcb(struct thread *);
void thread_set_result(struct thread *, err_t err, uint64_t badge, uint64_t info, uint64_t count);
void thread_slot_lost(struct thread *, unsigned which);
void thread_init(ref_t);
void thread_destroy(struct thread *);
bool thread_check(const struct thread *);

// --- object/endpoint.c
// Take the oldest sender that this receiver may have (callers only with a reply object), or NULL.
struct thread *endpoint_next_sender(struct endpoint *, bool callers_too);
void endpoint_enqueue_sender(struct endpoint *, struct thread *);  // CALLING or SENDING
static inline void endpoint_enqueue_receiver(struct endpoint *ep, struct thread *t)
{
    t->object = ref_of(ep);
    queue_push(t->reply ? &ep->receivers : &ep->bare, t);
}
void endpoint_dequeue(struct endpoint *, struct thread *);
void endpoint_gone_add(struct slot *);  // a first capability without children
void endpoint_gone_remove(struct slot *);
void endpoint_gone_moved(const struct slot *from, struct slot *to);
bool endpoint_quiesce_step(struct endpoint *);
bool endpoint_check(const struct endpoint *);

// --- object/reply.c
// Let the reply object stand for a caller that blocks now, and names it as what it waits for; a fresh count.
ALWAYS_INLINE uint32_t reply_arm(ref_t ref, ref_t caller)
{
    struct reply *reply = reply_at(ref);
    uint32_t count;
    bool wraps = __builtin_add_overflow(reply->count, 1u, &count);
    count += wraps;  // never 0
    reply->caller = caller;
    reply->count = count;
    return count;
}
void reply_destroy(ref_t);
bool reply_check(ref_t);

// --- object/notification.c
void notification_signal(struct notification *, uint64_t bits);
bool notification_keep(struct notification *, uint64_t bits);  // the same if nobody waits; else false, and nothing done
void notification_wake(struct notification *, uint64_t bits);  // the same if somebody does
bool notification_quiesce_step(struct notification *);
bool notification_check(const struct notification *);

// --- object/context.c, object/irq.c
void context_init(struct context *);
void context_destroy(ref_t);
bool context_check(const struct context *);
void irq_destroy(struct irq *);
void irq_slot_lost(struct irq *);

// --- entry/fast.c
// The common call and answer in one go, by arch_message_deliver. Another case: nothing has changed, arch_message_save.
message_way fast_call, fast_reply_wait;
// The same for a fault; true: the handler is the current thread now.
bool fast_fault(struct cpu_core *, struct thread *, const struct slot *endpoint);

// --- entry/syscall.c
// Return to user mode in another thread than came in.
_Noreturn void kernel_switch(struct thread *);

// --- entry/ipc.c, entry/fault.c
// A message of the kernel itself for a thread that waits on an endpoint.
void ipc_kernel_message(struct thread *receiver, uint64_t badge, uint64_t info, uint64_t word);
// The system calls; self is the current thread.
err_t ipc_call(struct thread *self, struct slot *endpoint, uint64_t info, uint64_t deadline_ns);
void ipc_fault(struct thread *, const struct slot *endpoint);  // a call whose message is the thread's fault
void ipc_send(struct thread *self);
void ipc_reply_wait(struct thread *self);
void ipc_wait(struct thread *self);
// Copy words and capabilities; `to` has been taken off its queue. `endpoint`: received on, NO_REF for replies.
uint64_t ipc_transfer(struct thread *from, struct thread *to, uint64_t info, ref_t endpoint, bool grant);
err_t ipc_check_message(struct thread *from, uint64_t info, bool grant);
// The thread stands still for its fault handler; without one it stops and a log line tells.
void fault_deliver(struct thread *, unsigned kind, uint64_t address, uint64_t code, const struct slot *handler);
// The words of a fault's message.
void fault_message(struct thread *receiver, const struct thread *faulter);
// The handler's answer; true: the thread runs on.
bool fault_answer(struct thread *, uint32_t decision);
// Enter the event upcall if one is pending and the thread lets it.
void event_divert(struct thread *);
