// SPDX-License-Identifier: MIT
// Endpoints: where callers and servers meet; the queues and the list of gone badges.
//
// Rules:
//  - Callers and receivers with a reply object do not both wait; nor do senders and receivers of any kind.
//  - Over both queues of senders the one that came first is served first.
//  - A slot is in the gone list exactly if it is the first of its badge, had a child and has none now. The head is told
//    to the server again and again, until the server deletes that slot or derives from it anew.
// Moving messages is entry/ipc.c's work.
#include "thread.h"

void endpoint_enqueue_sender(struct endpoint *ep, struct thread *t)
{
    t->object = ref_of(ep);
    t->ticket = ep->tickets++;
    queue_push(t->state == THREAD_CALLING ? &ep->callers : &ep->senders, t);
}

void endpoint_dequeue(struct endpoint *ep, struct thread *t)
{
    switch (t->state) {
    case THREAD_CALLING: queue_remove(&ep->callers, t); break;
    case THREAD_SENDING: queue_remove(&ep->senders, t); break;
    default: queue_remove(t->reply ? &ep->receivers : &ep->bare, t); break;
    }
    t->object = NO_REF;
}

struct thread *endpoint_next_sender(struct endpoint *ep, bool callers_too)
{
    struct thread *sender = ep->senders.head ? thread_at(ep->senders.head) : NULL;
    if (!callers_too || !ep->callers.head) return sender;
    struct thread *caller = thread_at(ep->callers.head);
    if (!sender || (int32_t)(caller->ticket - sender->ticket) < 0) return caller;
    return sender;
}

// A server that is already waiting hears of it at once.
void endpoint_gone_add(struct slot *s)
{
    struct endpoint *ep = endpoint_at(s->object);
    ref_t ref = ref_of(s);
    s->flags |= SLOT_GONE;
    s->list_next = NO_REF;
    s->list_prev = ep->gone_tail;
    if (ep->gone_tail)
        slot_at(ep->gone_tail)->list_next = ref;
    else
        ep->gone_head = ref;
    ep->gone_tail = ref;
    ref_t waiting = ep->receivers.head ? ep->receivers.head : ep->bare.head;
    if (waiting) ipc_kernel_message(thread_at(waiting), s->badge, INFO_KERNEL | INFO(KMSG_GONE, 0, 0), 0);
}

void endpoint_gone_remove(struct slot *s)
{
    struct endpoint *ep = endpoint_at(s->object);
    if (s->list_prev)
        slot_at(s->list_prev)->list_next = s->list_next;
    else
        ep->gone_head = s->list_next;
    if (s->list_next)
        slot_at(s->list_next)->list_prev = s->list_prev;
    else
        ep->gone_tail = s->list_prev;
    s->flags &= (uint8_t)~SLOT_GONE;
    s->list_next = s->list_prev = NO_REF;
}

// The slot has moved; `to` holds the links already.
void endpoint_gone_moved(const struct slot *from, struct slot *to)
{
    struct endpoint *ep = endpoint_at(to->object);
    ref_t ref = ref_of(to);
    if (to->list_prev)
        slot_at(to->list_prev)->list_next = ref;
    else
        ep->gone_head = ref;
    if (to->list_next)
        slot_at(to->list_next)->list_prev = ref;
    else
        ep->gone_tail = ref;
    invariant(ref_of(from) != ref);
}

bool endpoint_quiesce_step(struct endpoint *ep)
{
    const struct queue *queues[] = {&ep->callers, &ep->senders, &ep->receivers, &ep->bare};
    for (unsigned i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
        if (!queues[i]->head) continue;
        thread_abort(thread_at(queues[i]->head), ERR_GONE);
        return false;
    }
    return true;
}

static bool queue_check(const struct queue *q, enum thread_state state, ref_t ep, bool with_reply)
{
    ref_t prev = NO_REF;
    for (ref_t r = q->head; r; r = thread_at(r)->queue_next) {
        const struct thread *t = thread_at(r);
        if (t->state != state || t->object != ep || t->queue_prev != prev) return false;
        if (state == THREAD_RECEIVING && (t->reply != NO_REF) != with_reply) return false;
        prev = r;
    }
    return q->tail == prev;
}

bool endpoint_check(const struct endpoint *ep)
{
    ref_t ref = ref_of(ep), prev = NO_REF;
    if (!queue_check(&ep->callers, THREAD_CALLING, ref, false)) return false;
    if (!queue_check(&ep->senders, THREAD_SENDING, ref, false)) return false;
    if (!queue_check(&ep->receivers, THREAD_RECEIVING, ref, true)) return false;
    if (!queue_check(&ep->bare, THREAD_RECEIVING, ref, false)) return false;
    if (ep->receivers.head && (ep->callers.head || ep->senders.head)) return false;
    if (ep->bare.head && ep->senders.head) return false;
    for (ref_t r = ep->gone_head; r; r = slot_at(r)->list_next) {
        const struct slot *s = slot_at(r);
        if (s->object != ref || s->list_prev != prev || s->child || !(s->flags & SLOT_GONE)) return false;
        prev = r;
    }
    return ep->gone_tail == prev;
}
